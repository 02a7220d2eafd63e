//! The id of a statement key.

use std::{fmt, str::FromStr};

use super::PUBLIC_KEY_BYTES;

/// The id of a statement key: the first 16 bytes of the BLAKE3 digest of its public half, written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    /// Length of an id.
    pub const BYTES: usize = 16;

    /// The id of a public key.
    #[must_use]
    pub fn of(public: &[u8; PUBLIC_KEY_BYTES]) -> Self {
        let mut id = [0; Self::BYTES];
        id.copy_from_slice(&blake3::hash(public).as_bytes()[..Self::BYTES]);
        Self(id)
    }

    /// An id from its bytes.
    #[must_use]
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        let mut bytes = [0; Self::BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyIdError(text.to_owned()))?;
        // One spelling alone, so that ids can be compared as text.
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(KeyIdError(text.to_owned()));
        }
        Ok(Self(bytes))
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for KeyId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that is no key id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key id: 32 hexadecimal digits in lower case")]
pub struct KeyIdError(String);
