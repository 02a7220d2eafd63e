//! Strict reading of decimal text into scaled integers.

/// Reads `-12.34` as an integer of `10^-places`: an optional minus, digits, and at most `places` decimals. `None` for
/// any other text, and past 128 bits. Nothing is rounded.
pub(crate) fn parse_scaled(text: &str, places: usize) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return None,
        None => (digits, ""),
    };
    if whole.is_empty() || fraction.len() > places {
        return None;
    }
    let mut value = 0i128;
    for byte in whole.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', places - fraction.len())) {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(byte - b'0'))?;
    }
    Some(if negative { -value } else { value })
}
