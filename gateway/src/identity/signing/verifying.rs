//! Whose signatures count, and when.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{KeyId, PublicKey};
use crate::identity::name::HouseId;

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
        let key = self.key_of(house, id)?;
        if let Some(from) = key.validity.from.filter(|&from| at < from) {
            return Err(VerifyError::NotYetValid { id, from, at });
        }
        if let Some(until) = key.validity.until.filter(|&until| at >= until) {
            return Err(VerifyError::Expired { id, until, at });
        }
        if key.public.verifies(message, signature) { Ok(()) } else { Err(VerifyError::WrongSignature { id }) }
    }

    /// Checks that `signature` is that of `house`, by the key `id`, over exactly these bytes, whenever the key counts: for
    /// files that carry no instant which could be held against its time.
    ///
    /// # Errors
    /// [`VerifyError`]: the key is unknown or another house's; or the signature is wrong.
    pub fn verify_undated(
        &self,
        house: &HouseId,
        id: KeyId,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let key = self.key_of(house, id)?;
        if key.public.verifies(message, signature) { Ok(()) } else { Err(VerifyError::WrongSignature { id }) }
    }

    fn key_of(&self, house: &HouseId, id: KeyId) -> Result<&VerifyingKey, VerifyError> {
        let key = self.keys.get(&id).ok_or_else(|| VerifyError::UnknownKey { house: house.clone(), id })?;
        if key.house != *house {
            return Err(VerifyError::OtherHouse { id, owner: key.house.clone(), claimed: house.clone() });
        }
        Ok(key)
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
