//! Numbers and errors as people read them.

use std::{error::Error, fmt::Write as _};

/// An error with its causes, each told once.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let told = cause.to_string();
        if !text.contains(&told) {
            let _ = write!(text, ": {told}");
        }
        next = cause.source();
    }
    text
}

/// A decimal amount with separators: `1234567.50` is `1,234,567.50`. What is no amount stays as it is.
#[must_use]
pub fn grouped(amount: &str) -> String {
    let (sign, unsigned) = amount.strip_prefix('-').map_or(("", amount), |rest| ("-", rest));
    let (whole, rest) = unsigned.find('.').map_or((unsigned, ""), |point| unsigned.split_at(point));
    if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return amount.to_owned();
    }
    let mut grouped = String::with_capacity(amount.len() + whole.len() / 3);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{rest}")
}

/// Cents as a decimal amount of US dollars: -123450 is `-1234.50`.
#[must_use]
pub fn dollars(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// Basis points in per cent: 6543 is `65.43 %`.
#[must_use]
pub fn percent(basis_points: u32) -> String {
    format!("{}.{:02} %", basis_points / 100, basis_points % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_by_thousands() {
        for (amount, expected) in [
            ("0.00", "0.00"),
            ("999.10", "999.10"),
            ("1000", "1,000"),
            ("-1234567.89", "-1,234,567.89"),
            ("123456789012.00", "123,456,789,012.00"),
            ("", ""),
            ("n/a", "n/a"),
        ] {
            assert_eq!(grouped(amount), expected);
        }
    }

    #[test]
    fn cents_are_shown_in_dollars() {
        for (cents, expected) in
            [(0, "0.00"), (7, "0.07"), (-7, "-0.07"), (-123_450, "-1234.50"), (i64::MIN, "-92233720368547758.08")]
        {
            assert_eq!(dollars(cents), expected);
        }
    }

    #[test]
    fn basis_points_are_shown_in_per_cent() {
        assert_eq!([6_543, 8_000, 5].map(percent), ["65.43 %", "80.00 %", "0.05 %"].map(str::to_owned));
    }
}
