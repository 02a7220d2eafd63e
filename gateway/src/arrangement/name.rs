//! Names that both houses write the same: plain ASCII, bounded, compared byte by byte.
//!
//! A name holds letters, digits, `-`, `_` and `.`, starts and ends with a letter or a digit, and has no two dots in a row.
//! So it can stand in a certificate's URI, a file name and a metric label without quoting.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a name of a {what}: {problem}; a name is 1 to {limit} of A-Z a-z 0-9 - _ . and starts and ends with \
     a letter or a digit"
)]
pub struct NameError {
    /// What was to be named.
    pub what: &'static str,
    /// The text, cut where it is very long.
    pub found: String,
    /// Which rule it breaks.
    pub problem: &'static str,
    /// The most characters that the name may have.
    pub limit: usize,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $limit:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters that it may have.
            pub const CHARACTERS_MAX: usize = $limit;

            /// Reads a name.
            ///
            /// # Errors
            /// [`NameError`] says which rule the text breaks.
            pub fn new(text: &str) -> Result<Self, NameError> {
                parse(text, $what, $limit).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
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
    /// A clearing house: `FICC`.
    HouseId, "house", 32
}
name! {
    /// A clearing member that both houses know.
    MemberId, "member", 32
}
name! {
    /// A customer of a member, by an opaque id.
    CustomerId, "customer", 32
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
name! {
    /// An approval of a regulator or a house.
    ApprovalId, "approval", 64
}

fn parse(text: &str, what: &'static str, limit: usize) -> Result<Arc<str>, NameError> {
    match broken_rule(text, limit) {
        None => Ok(text.into()),
        // A hostile text must not fill a log.
        Some(problem) => Err(NameError { what, found: text.chars().take(2 * limit).collect(), problem, limit }),
    }
}

fn broken_rule(text: &str, limit: usize) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Some("it is empty") };
    if bytes.len() > limit {
        return Some("it is too long");
    }
    if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte)) {
        return Some("it holds another character");
    }
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Some("it starts or ends with a sign");
    }
    // Go's certificate parser refuses a URI whose host has an empty label, and a path segment `..` climbs.
    text.contains("..").then_some("it has two dots in a row")
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
        assert!("x".repeat(33).parse::<HouseId>().is_err());
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_a_long_text() {
        let error = "y".repeat(1_000_000).parse::<LinkId>().unwrap_err();
        assert_eq!(error.found.len(), 128);
    }

    #[test]
    fn a_name_is_kept_byte_for_byte() {
        for text in ["FICC", "a", "9", "fund-7_b.x", &"x".repeat(32)] {
            assert_eq!(HouseId::new(text).unwrap().as_str(), text);
        }
        assert_ne!(HouseId::new("FICC").unwrap(), HouseId::new("ficc").unwrap());
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_the_rule() {
        for (text, part) in [
            ("", "empty"),
            (&"x".repeat(33)[..], "too long"),
            ("a b", "another character"),
            ("a/b", "another character"),
            ("é", "another character"),
            ("-a", "starts or ends"),
            ("a.", "starts or ends"),
            ("a..b", "two dots"),
        ] {
            let error = MemberId::new(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
            assert!(error.contains("member"), "{error}");
        }
    }

    #[test]
    fn a_name_in_json_is_checked_when_read() {
        assert_eq!(serde_json::from_str::<CustomerId>("\"fund-1\"").unwrap(), CustomerId::new("fund-1").unwrap());
        assert!(serde_json::from_str::<CustomerId>("\"fund 1\"").unwrap_err().to_string().contains("customer"));
    }
}
