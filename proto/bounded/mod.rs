//! Decoding that is bounded before it allocates.
//!
//! A limit of bytes on the wire does not limit memory: four mebibytes of packed one-byte integers become 32, and four
//! mebibytes of empty messages, two bytes each, become hundreds. So a message is walked first, over the wire bytes alone,
//! and what its decoding may take is counted against the contract's descriptors; what would take more than the limit is
//! refused before anything of it is allocated. The walk costs a few per cent of the decoding.

mod codec;
mod scan;
mod shape;

#[cfg(test)]
mod tests;

use std::{
    error, fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use prost::{Message, Name, bytes::Buf};
use tonic::{Code, Status};

pub use codec::BoundedCodec;

/// What one message may take decoded, in bytes, where nothing else is set: eight times what a message may have on the wire.
pub const MESSAGE_DECODED_BYTES_MAX: usize = 32 << 20;

/// Messages within messages, at most. The contract's deepest has fewer than ten.
pub const DEPTH_MAX: usize = 32;

/// The limit in force. Generated clients and servers make their codec themselves, so that it is the process's.
static LIMIT: AtomicUsize = AtomicUsize::new(MESSAGE_DECODED_BYTES_MAX);

/// Sets what one message that this process receives may take decoded, in bytes.
pub fn set_message_decoded_bytes_max(bytes: usize) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// What one message that this process receives may take decoded, in bytes.
#[must_use]
pub fn message_decoded_bytes_max() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Decodes a message of the contract that may take `bytes_max` bytes: its own fields, what they point to, and the spare
/// room of vectors that grew. For content that does not come as a call's message.
///
/// # Errors
/// [`DecodeError`]; nothing was allocated for the message, unless the bytes are no message of this type.
pub fn decode<M: Message + Name + Default>(mut bytes: impl Buf, bytes_max: usize) -> Result<M, DecodeError> {
    if bytes.chunk().len() < bytes.remaining() {
        let length = bytes.remaining();
        return decode(bytes.copy_to_bytes(length), bytes_max);
    }
    cost::<M>(bytes.chunk(), bytes_max)?;
    M::decode(bytes).map_err(|error| DecodeError::malformed::<M>(&error))
}

/// What decoding a message may take, in bytes: never less than it does.
///
/// # Errors
/// [`DecodeError`] when it is more than `bytes_max`, or the bytes are no message. What is wrong inside a field is left to
/// the decoding.
pub fn cost<M: Name>(bytes: &[u8], bytes_max: usize) -> Result<usize, DecodeError> {
    let shapes = shape::Shapes::of_contract();
    let refused = |refusal| match refusal {
        scan::Refusal::Malformed => DecodeError::malformed::<M>(&"a field does not end where it says"),
        scan::Refusal::TooDeep => DecodeError::TooDeep { message: M::full_name() },
        scan::Refusal::TooLarge => DecodeError::TooLarge { message: M::full_name(), bytes_max },
    };
    let Some(root) = shapes.find(&M::full_name()) else {
        // Not of this contract: nothing is known of it, so nothing of it is decoded.
        return Err(DecodeError::malformed::<M>(&"it is no message of the contract"));
    };
    scan::cost(shapes, root, bytes, bytes_max).map_err(refused)
}

/// Why a message is not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes are no such message.
    Malformed {
        /// The type that was expected, with its package.
        message: String,
        /// What is wrong.
        reason: String,
    },
    /// Messages are nested deeper than [`DEPTH_MAX`].
    TooDeep {
        /// The type of the outermost.
        message: String,
    },
    /// It would take more memory than one may.
    TooLarge {
        /// Its type.
        message: String,
        /// What one may take, in bytes.
        bytes_max: usize,
    },
}

impl DecodeError {
    fn malformed<M: Name>(reason: &impl ToString) -> Self {
        Self::Malformed { message: M::full_name(), reason: reason.to_string() }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { message, reason } => write!(f, "the bytes are no {message}: {reason}"),
            Self::TooDeep { message } => write!(f, "{message} nests messages deeper than {DEPTH_MAX}"),
            Self::TooLarge { message, bytes_max } => write!(
                f,
                "{message} would take more than {bytes_max} bytes decoded (limits.message_decoded_bytes_max): send it in \
                 several smaller ones"
            ),
        }
    }
}

impl error::Error for DecodeError {}

impl From<DecodeError> for Status {
    fn from(error: DecodeError) -> Self {
        let code = match error {
            // As gRPC has it for bytes that are no message.
            DecodeError::Malformed { .. } => Code::Internal,
            DecodeError::TooDeep { .. } | DecodeError::TooLarge { .. } => Code::ResourceExhausted,
        };
        Self::new(code, error.to_string())
    }
}
