//! Statement keys: Ed25519 keys with which a house signs what it commits to.
//!
//! They are apart from every TLS key: a certificate may be renewed each month, while a statement must verify for as long
//! as its ledger is kept. This module signs bytes; which bytes, and the tag that keeps kinds apart, is the envelope's.

mod key_id;
mod public;
mod verifying;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};

pub use key_id::{KeyId, KeyIdError};
pub use public::{PUBLIC_KEY_BYTES, PublicKey};
pub use verifying::{DuplicateKey, Validity, VerifyError, VerifyingKeys};

use super::pem::{FileError, read_secret};

/// Length of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// The secret half of a statement key.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl SigningKey {
    /// Loads a PKCS#8 key, PEM or DER, from a file that nobody but its owner may read.
    ///
    /// # Errors
    /// [`KeyError`] when the file is open to others, cannot be read, or holds no Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes = read_secret(path)?;
        Self::from_pkcs8(&bytes).map_err(|problem| KeyError::File(FileError::new(path, problem)))
    }

    /// Reads a PKCS#8 key, PEM or DER.
    ///
    /// # Errors
    /// [`NotEd25519`] when it is none.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, NotEd25519> {
        let pair = match PrivatePkcs8KeyDer::from_pem_slice(bytes) {
            Ok(der) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()),
            Err(_) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes),
        };
        Self::new(pair.map_err(|_| NotEd25519::Private)?)
    }

    /// A key from its 32-byte seed (RFC 8032, section 5.1.5): for simulations, whose keys follow from their own seed.
    ///
    /// # Errors
    /// [`NotEd25519`], which a seed of this length does not cause.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, NotEd25519> {
        Self::new(Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NotEd25519::Private)?)
    }

    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    /// [`NotEd25519`] when the system gives no randomness.
    pub fn generate() -> Result<Self, NotEd25519> {
        Self::new(Ed25519KeyPair::generate().map_err(|_| NotEd25519::Private)?)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public.id()
    }

    /// Signs exactly these bytes. Equal bytes give equal signatures.
    #[must_use]
    #[expect(clippy::expect_used, reason = "an Ed25519 signature is always 64 bytes (RFC 8032, section 5.1.6)")]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.pair.sign(message).as_ref().try_into().expect("64 bytes")
    }

    fn new(pair: Ed25519KeyPair) -> Result<Self, NotEd25519> {
        let public = PublicKey::new(pair.public_key().as_ref())?;
        Ok(Self { pair: Arc::new(pair), public })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

/// Bytes that are no Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEd25519 {
    /// Not a private key.
    #[error("it is not an Ed25519 private key in PKCS#8")]
    Private,
    /// Not a public key.
    #[error("it is not an Ed25519 public key (PEM PUBLIC KEY)")]
    Public,
}

/// A statement key that cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key is not the one that is named.
    #[error("{}: its key id is {found}, not {needed}", path.display())]
    OtherKey {
        /// The key's file.
        path: PathBuf,
        /// The id of the key in the file.
        found: KeyId,
        /// The id that was named.
        needed: KeyId,
    },
}

#[cfg(test)]
mod tests;
