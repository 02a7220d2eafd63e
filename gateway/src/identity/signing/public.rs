//! The public half of a statement key.

use std::{fmt, path::Path, sync::Arc};

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use rustls_pki_types::{SubjectPublicKeyInfoDer, pem::PemObject};
use x509_parser::{prelude::FromDer, x509::SubjectPublicKeyInfo};

use super::{KeyError, KeyId, NotEd25519};
use crate::identity::pem::FileError;

/// Length of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// The public half of a statement key.
#[derive(Clone)]
pub struct PublicKey {
    bytes: [u8; PUBLIC_KEY_BYTES],
    parsed: Arc<ParsedPublicKey>,
}

impl PublicKey {
    /// A key from its 32 bytes (RFC 8032).
    ///
    /// # Errors
    /// [`NotEd25519`] when the bytes are no key.
    pub fn new(bytes: &[u8]) -> Result<Self, NotEd25519> {
        let parsed = ParsedPublicKey::new(&ED25519, bytes).map_err(|_| NotEd25519::Public)?;
        let bytes = bytes.try_into().map_err(|_| NotEd25519::Public)?;
        Ok(Self { bytes, parsed: Arc::new(parsed) })
    }

    /// Loads a public key, PEM `PUBLIC KEY` (RFC 8410), from a file.
    ///
    /// # Errors
    /// [`KeyError`] when the file cannot be read or holds no Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let bytes =
            std::fs::read(path).map_err(|error| FileError::new(path, format_args!("cannot be read: {error}")))?;
        Self::from_pem(&bytes).map_err(|problem| KeyError::File(FileError::new(path, problem)))
    }

    /// Reads a public key, PEM `PUBLIC KEY` (RFC 8410).
    ///
    /// # Errors
    /// [`NotEd25519`] when it is none.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NotEd25519> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| NotEd25519::Public)?;
        let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| NotEd25519::Public)?;
        // id-Ed25519, RFC 8410 section 3.
        if info.algorithm.algorithm.to_id_string() != "1.3.101.112" {
            return Err(NotEd25519::Public);
        }
        Self::new(&info.subject_public_key.data)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub fn bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.bytes
    }

    /// The id of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.bytes)
    }

    /// Whether `signature` is this key's over exactly these bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex::encode(self.bytes))
    }
}
