//! Statement keys: Ed25519 keys with which a house signs what it commits to.
//!
//! They are apart from every TLS key: a certificate may be renewed each month, while a statement must verify for as long
//! as its ledger is kept. This module signs bytes; which bytes, and the tag that keeps kinds apart, is the envelope's.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use jiff::Timestamp;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};
use x509_parser::{prelude::FromDer, x509::SubjectPublicKeyInfo};

use super::{
    name::HouseId,
    pem::{FileError, read_secret},
};

/// Length of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Length of a public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

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
        let mut id = [0; KeyId::BYTES];
        id.copy_from_slice(&blake3::hash(&self.bytes).as_bytes()[..KeyId::BYTES]);
        KeyId(id)
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

/// The id of a statement key: the first 16 bytes of the BLAKE3 digest of its public half, written in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KeyId::BYTES]);

impl KeyId {
    /// Length of an id.
    pub const BYTES: usize = 16;

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

/// When a key's signatures count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    /// From this instant on; from ever without one.
    pub from: Option<Timestamp>,
    /// Up to this instant, itself not included; for ever without one.
    pub until: Option<Timestamp>,
}

impl Validity {
    /// Valid at every instant.
    pub const ALWAYS: Self = Self { from: None, until: None };
}

/// The keys whose signatures this node believes, each for one house and a time.
#[derive(Debug, Clone, Default)]
pub struct VerifyingKeys {
    keys: BTreeMap<KeyId, VerifyingKey>,
}

#[derive(Debug, Clone)]
struct VerifyingKey {
    house: HouseId,
    public: PublicKey,
    validity: Validity,
}

impl VerifyingKeys {
    /// No keys: nothing verifies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key of a house.
    ///
    /// # Errors
    /// [`DuplicateKey`] when the key is already there: a key stands for one house and one time.
    pub fn insert(&mut self, house: HouseId, public: PublicKey, validity: Validity) -> Result<KeyId, DuplicateKey> {
        let id = public.id();
        if self.keys.contains_key(&id) {
            return Err(DuplicateKey { id });
        }
        self.keys.insert(id, VerifyingKey { house, public, validity });
        Ok(id)
    }

    /// The public half of a key, and its house.
    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<(&HouseId, &PublicKey)> {
        self.keys.get(&id).map(|key| (&key.house, &key.public))
    }

    /// The ids of the keys, in order.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> {
        self.keys.keys().copied()
    }

    /// Checks that `signature` is that of `house`, by the key `id`, over exactly these bytes, and that the key counts at
    /// the instant `at`.
    ///
    /// # Errors
    /// [`VerifyError`]: the key is unknown, another house's, or out of its time; or the signature is wrong.
    pub fn verify(
        &self,
        house: &HouseId,
        id: KeyId,
        at: Timestamp,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let key = self.keys.get(&id).ok_or_else(|| VerifyError::UnknownKey { house: house.clone(), id })?;
        if key.house != *house {
            return Err(VerifyError::OtherHouse { id, owner: key.house.clone(), claimed: house.clone() });
        }
        if let Some(from) = key.validity.from.filter(|&from| at < from) {
            return Err(VerifyError::NotYetValid { id, from, at });
        }
        if let Some(until) = key.validity.until.filter(|&until| at >= until) {
            return Err(VerifyError::Expired { id, until, at });
        }
        if key.public.verifies(message, signature) { Ok(()) } else { Err(VerifyError::WrongSignature { id }) }
    }
}

/// A signature that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// No such key is configured.
    #[error("key {id} is not among the configured keys of {house}")]
    UnknownKey {
        /// The house that is said to have signed.
        house: HouseId,
        /// The key that is said to have signed.
        id: KeyId,
    },
    /// The key is another house's.
    #[error("key {id} is a key of {owner}, not of {claimed}")]
    OtherHouse {
        /// The key.
        id: KeyId,
        /// The house whose key it is.
        owner: HouseId,
        /// The house that is said to have signed.
        claimed: HouseId,
    },
    /// The key does not count yet.
    #[error("key {id} counts from {from}; the signature is of {at}")]
    NotYetValid {
        /// The key.
        id: KeyId,
        /// The start of its time.
        from: Timestamp,
        /// The instant of the signature.
        at: Timestamp,
    },
    /// The key does not count any more.
    #[error("key {id} counted until {until}; the signature is of {at}")]
    Expired {
        /// The key.
        id: KeyId,
        /// The end of its time.
        until: Timestamp,
        /// The instant of the signature.
        at: Timestamp,
    },
    /// The signature is not the key's over these bytes.
    #[error("the signature is not that of key {id} over these bytes")]
    WrongSignature {
        /// The key.
        id: KeyId,
    },
}

/// A key that was given twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key {id} is given twice; a key stands for one house and one time")]
pub struct DuplicateKey {
    /// The key.
    pub id: KeyId,
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
mod tests {
    use super::*;

    fn house(name: &str) -> HouseId {
        HouseId::new(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        // Section 7.1, TEST 2.
        let seed: [u8; 32] = hex::decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
            .unwrap()
            .try_into()
            .unwrap();
        let key = SigningKey::from_seed(&seed).unwrap();
        assert_eq!(
            hex::encode(key.public().bytes()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            hex::encode(key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn keys_made_by_openssl_are_read() {
        // RFC 8410, section 10.3 (private key) and 10.1 (its public key).
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let key = SigningKey::from_pkcs8(private.as_bytes()).unwrap();
        assert_eq!(key.public(), &PublicKey::from_pem(public.as_bytes()).unwrap());
    }

    #[test]
    fn a_signature_counts_for_its_key_its_house_its_time_and_its_bytes_alone() {
        let ficc = SigningKey::generate().unwrap();
        let cme = SigningKey::generate().unwrap();
        let mut keys = VerifyingKeys::new();
        let from = at("2026-01-01T00:00:00Z");
        let until = at("2027-01-01T00:00:00Z");
        keys.insert(house("FICC"), ficc.public().clone(), Validity { from: Some(from), until: Some(until) }).unwrap();
        keys.insert(house("CME"), cme.public().clone(), Validity::ALWAYS).unwrap();
        let now = at("2026-06-01T00:00:00Z");
        let signature = ficc.sign(b"statement");
        let verify = |name: &str, id, at, message: &[u8]| keys.verify(&house(name), id, at, message, &signature);

        assert_eq!(verify("FICC", ficc.id(), now, b"statement"), Ok(()));
        assert_eq!(verify("FICC", ficc.id(), from, b"statement"), Ok(()));
        assert!(matches!(verify("FICC", ficc.id(), now, b"statemenT"), Err(VerifyError::WrongSignature { .. })));
        assert!(matches!(verify("CME", ficc.id(), now, b"statement"), Err(VerifyError::OtherHouse { .. })));
        assert!(matches!(verify("CME", cme.id(), now, b"statement"), Err(VerifyError::WrongSignature { .. })));
        assert!(matches!(verify("FICC", ficc.id(), until, b"statement"), Err(VerifyError::Expired { .. })));
        let before = at("2025-12-31T23:59:59Z");
        assert!(matches!(verify("FICC", ficc.id(), before, b"statement"), Err(VerifyError::NotYetValid { .. })));
        let unknown = SigningKey::generate().unwrap().id();
        assert!(matches!(verify("FICC", unknown, now, b"statement"), Err(VerifyError::UnknownKey { .. })));
        assert!(keys.insert(house("CME"), ficc.public().clone(), Validity::ALWAYS).is_err());
        for short in [&signature[..63], &[][..]] {
            assert!(keys.verify(&house("FICC"), ficc.id(), now, b"statement", short).is_err());
        }
    }

    #[test]
    fn a_key_id_is_read_back_in_its_one_spelling() {
        let id = SigningKey::generate().unwrap().id();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("AB".repeat(16).parse::<KeyId>().is_err());
        assert!("ab".repeat(15).parse::<KeyId>().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = SigningKey::load(&path).unwrap_err().to_string();
        assert!(error.contains("0640") && error.contains("chmod 600") && error.contains("key.pem"), "{error}");
    }
}
