//! The stored figures behind requirements: leaves and breaks, read from the store and kept while they are fresh.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crossmargin::v1::{self, BreakCause};
use prost::Message;

use super::{ReadError, differential::KeptCores, stand_alone::StandAlone};
use crate::{
    arrangement::{default_package::Verified, digest::Digest, name::LinkId},
    node::context::Context,
};

/// Sets of leaves, and of breaks, that are kept.
const SETS_KEPT: usize = 4;

/// The leaves of a claim, ascending by link.
pub(crate) type Leaves = BTreeMap<LinkId, v1::MarginLeaf>;
/// The breaks of a round, ascending by link.
pub(super) type Breaks = BTreeMap<LinkId, v1::Break>;

/// Reads requirements for the services. Everything that it does may read the store: not for an async thread.
pub(crate) struct Reader {
    pub(super) context: Arc<Context>,
    pub(super) stand_alone: StandAlone,
    pub(super) kept_cores: KeptCores,
    leaves: Kept<Leaves>,
    breaks: Kept<Breaks>,
    pub(super) packages: Kept<Verified>,
}

impl Reader {
    /// A reader of a node.
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            stand_alone: StandAlone::default(),
            kept_cores: KeptCores::default(),
            leaves: Kept::default(),
            breaks: Kept::default(),
            packages: Kept::default(),
        }
    }

    /// Stored leaves.
    ///
    /// # Errors
    /// They are not in the store, or damaged.
    pub(crate) fn leaves(&self, digest: Digest) -> Result<Arc<Leaves>, ReadError> {
        self.leaves.get(digest, || {
            let stored = self.context.computer.read_leaves(digest);
            let stored = stored.map_err(|error| ReadError::Damaged(error.to_string()))?;
            let leaves = stored.into_iter().map(|bytes| {
                let leaf = v1::MarginLeaf::decode(bytes).map_err(|error| damaged(digest, &error))?;
                Ok((leaf.link_id.parse().map_err(|error| damaged(digest, &error))?, leaf))
            });
            leaves.collect()
        })
    }

    /// Stored breaks.
    pub(super) fn breaks(&self, digest: Digest) -> Result<Arc<Breaks>, ReadError> {
        self.breaks.get(digest, || {
            let bytes = self.context.blobs.get(&digest).map_err(|error| ReadError::Damaged(error.to_string()))?;
            let bytes = bytes.ok_or_else(|| ReadError::Damaged(format!("content {digest} is not in the store")))?;
            let stored = v1::Breaks::decode(bytes).map_err(|error| damaged(digest, &error))?;
            let breaks = stored
                .breaks
                .into_iter()
                .map(|found| Ok((found.link_id.parse().map_err(|error| damaged(digest, &error))?, found)));
            breaks.collect()
        })
    }
}

/// The cause of a link's break.
pub(super) fn cause_of(breaks: &Breaks, link: &LinkId) -> Option<BreakCause> {
    breaks.get(link).map(v1::Break::cause)
}

fn damaged(digest: Digest, error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Damaged(format!("content {digest}: {error}"))
}

/// The values that were read last, by digest.
pub(super) struct Kept<T>(Mutex<Vec<(Digest, Arc<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> Kept<T> {
    /// The value of a digest, read where it is not kept.
    pub(super) fn get(&self, digest: Digest, read: impl FnOnce() -> Result<T, ReadError>) -> Result<Arc<T>, ReadError> {
        // Invariant: a panic leaves whole entries behind, each is pushed or removed at once.
        let find = || {
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.iter().find(|(known, _)| *known == digest).map(|(_, value)| Arc::clone(value))
        };
        if let Some(value) = find() {
            return Ok(value);
        }
        let value = Arc::new(read()?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= SETS_KEPT {
            kept.remove(0);
        }
        kept.push((digest, Arc::clone(&value)));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_kept_until_newer_sets_need_its_place() {
        let kept = Kept::<u8>::default();
        let get = |number: u8| kept.get(Digest([number; 32]), || Ok(number));
        assert_eq!(*get(1).unwrap(), 1);
        assert_eq!(*kept.get(Digest([1; 32]), || Err(ReadError::Damaged(String::new()))).unwrap(), 1);
        (2..=5).for_each(|number| drop(get(number)));
        assert!(kept.get(Digest([1; 32]), || Err(ReadError::Damaged(String::new()))).is_err());
    }
}
