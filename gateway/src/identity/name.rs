//! Names of the parties: houses, members, customers.
//!
//! A name is 1 to 32 of `A-Z a-z 0-9 - _ .`, starts and ends with a letter or a digit, and has no two dots in a row.
//! So it can stand in a certificate's URI, a file name and a metric label without quoting, and it is compared byte for byte.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The most characters that a name may have.
pub const NAME_CHARS_MAX: usize = 32;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a name.
            ///
            /// # Errors
            /// [`NameError`] says which rule the text breaks.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check(text).map_err(|problem| NameError { what: $what, text: text.to_owned(), problem })?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
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
                write!(f, concat!(stringify!($name), "({})"), &self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A clearing house, for example `FICC`.
    HouseId,
    "house"
);
name!(
    /// A member firm of both houses (a BD-FCM).
    MemberId,
    "member"
);
name!(
    /// A customer of a member firm.
    CustomerId,
    "customer"
);

/// A text that is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a name of a {what}: {problem}; \
     a name is 1 to 32 of A-Z a-z 0-9 - _ . and starts and ends with a letter or a digit"
)]
pub struct NameError {
    what: &'static str,
    text: String,
    problem: &'static str,
}

fn check(text: &str) -> Result<(), &'static str> {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return Err("it is empty");
    };
    if bytes.len() > NAME_CHARS_MAX {
        return Err("it is too long");
    }
    if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b)) {
        return Err("it holds another character");
    }
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Err("it starts or ends with a sign");
    }
    // Go's certificate parser refuses a URI whose host has an empty label, and a path segment `..` climbs.
    if text.contains("..") {
        return Err("it has two dots in a row");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
