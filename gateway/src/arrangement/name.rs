//! Names that both houses write the same: plain ASCII, bounded, compared byte by byte.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a {what}: 1 to {limit} letters, digits, '-', '_' or '.' are needed, the first a letter or a digit"
)]
pub struct NameError {
    /// What was to be named.
    pub what: &'static str,
    /// The text, cut where it is very long.
    pub found: String,
    /// The most characters that the name may have.
    pub limit: usize,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters that it may have.
            pub const CHARACTERS_MAX: usize = $limit;

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse(text, $what, $limit).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name! {
    /// Names an arrangement between two houses: `FICC-CME`.
    ArrangementId, "arrangement", 32
}
name! {
    /// Names a clearing house within an arrangement: `FICC`.
    HouseName, "house", 32
}
name! {
    /// A clearing member that both houses know.
    MemberId, "member", 32
}
name! {
    /// The owner of an account: a member, an affiliate, or a customer by an opaque id.
    OwnerId, "owner", 64
}
name! {
    /// An account at one house, by that house's own name.
    AccountId, "account", 64
}
name! {
    /// A link between one account at each house.
    LinkId, "link", 64
}

fn parse(text: &str, what: &'static str, limit: usize) -> Result<Arc<str>, NameError> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let well_formed = (1..=limit).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.as_bytes().iter().all(allowed);
    if well_formed {
        return Ok(text.into());
    }
    // A hostile text must not fill a log.
    Err(NameError { what, found: text.chars().take(2 * limit).collect(), limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_written() {
        for text in ["A", "0", "FICC-CME", "BD_17.cust-0042"] {
            assert_eq!(text.parse::<LinkId>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_name_is_plain_ascii_of_bounded_length() {
        for text in ["", "-a", ".a", "a b", "a/b", "a:b", "Ü", "a\n", "a\0"] {
            assert!(text.parse::<AccountId>().is_err(), "{text:?}");
        }
        assert!("x".repeat(64).parse::<AccountId>().is_ok());
        assert!("x".repeat(65).parse::<AccountId>().is_err());
        assert!("x".repeat(33).parse::<HouseName>().is_err());
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_a_long_text() {
        let error = "y".repeat(1_000_000).parse::<LinkId>().unwrap_err();
        assert_eq!(error.found.len(), 128);
    }
}
