//! Reading single values of the wire strictly, with the field in every error.

use std::fmt;

use crossmargin::bounded::{self, DecodeError};
use jiff::{Timestamp, civil::Date};
use prost::{
    Message, Name,
    bytes::{Buf, Bytes},
};

use crate::arrangement::{cycle_id::iso_date, digest::Digest};

/// A field of a message that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WireError {
    /// The field.
    pub field: String,
    /// Why.
    pub reason: String,
}

impl WireError {
    /// An error of a field.
    pub fn new(field: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }
}

/// Reads a digest.
///
/// # Errors
/// When there are not 32 bytes.
pub fn digest(field: &str, bytes: &[u8]) -> Result<Digest, WireError> {
    Digest::try_from(bytes).map_err(|error| WireError::new(field, error))
}

/// Reads `YYYY-MM-DD`.
///
/// # Errors
/// When the text is no such date.
pub fn date(field: &str, text: &str) -> Result<Date, WireError> {
    iso_date(text).ok_or_else(|| WireError::new(field, format!("{text:?} is not a date: YYYY-MM-DD is needed")))
}

/// Reads an instant.
///
/// # Errors
/// When it is missing or out of range.
pub fn timestamp(field: &str, wire: Option<&prost_types::Timestamp>) -> Result<Timestamp, WireError> {
    let wire = wire.ok_or_else(|| WireError::new(field, "is missing"))?;
    Timestamp::new(wire.seconds, wire.nanos).map_err(|error| WireError::new(field, error))
}

/// An instant as the wire writes it.
#[must_use]
pub fn to_timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// A digest as a field of the wire.
#[must_use]
pub fn bytes_of(digest: Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

/// What stored content may take decoded, in bytes. Content is not a message of a call: a market's item may have
/// 64 MiB, so that it may take more; and what the other house sent must not take what it likes.
pub const CONTENT_DECODED_BYTES_MAX: usize = 512 << 20;

/// Decodes content, which may have come from the other house, within [`CONTENT_DECODED_BYTES_MAX`].
///
/// # Errors
/// The bytes are no such message, or it would take more.
pub fn decode<M: Message + Name + Default>(bytes: impl Buf) -> Result<M, DecodeError> {
    bounded::decode(bytes, CONTENT_DECODED_BYTES_MAX)
}
