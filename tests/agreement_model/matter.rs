//! What the houses of the model sign: digests that can be read back, in place of hashes.
//!
//! A digest here spells out what it stands for, so that a property can ask what a claim was computed from and which
//! links an agreement covers. Equal content gives equal digests, different content different ones: all that the machine
//! may know of a digest.

use gateway::arrangement::{
    cycle_id::{CycleId, CycleKind, Round},
    digest::Digest,
    fact::{Inputs, Versioned},
    leg::{Leg, Pair},
};
use jiff::civil::date;

/// The cycle of the model.
pub(crate) const CYCLE: CycleId = CycleId { business_date: date(2026, 2, 13), kind: CycleKind::Eod, run: 1 };

/// The linked accounts: an amendment changes the positions of the last one alone.
pub(crate) const LINKS: usize = 2;

/// What one link's margins are computed from: the version of its positions at each house, and the number of entries of
/// each house's registry log that changed it.
type Leaf = [u8; 4];

/// Bytes of a claim that stand before its leaves: kind, house, round, revisions, registry entries.
const BEFORE_LEAVES: usize = 7;

/// Bytes of the leaves of a claim.
const OF_LEAVES: usize = LINKS * size_of::<Leaf>();

/// The arrangement that a house adopted, by number.
pub(crate) fn arrangement(number: u8) -> Digest {
    spell(b'A', &[number])
}

/// The market data of a house.
pub(crate) fn market(by: Leg) -> Versioned {
    Versioned { version: 1, digest: spell(b'M', &[by as u8]) }
}

/// Other market data of a house, by number.
pub(crate) fn other_market(by: Leg, content: u8) -> Digest {
    spell(b'M', &[by as u8, content])
}

/// The recovery of a house's ledger.
pub(crate) fn recovery(by: Leg) -> Digest {
    spell(b'R', &[by as u8])
}

/// How many entries of a registry log up to this one change a link of the cycle: every second one does.
pub(crate) fn link_changes(sequence: u64) -> u64 {
    sequence / 2
}

/// The manifest of a house's book.
pub(crate) fn manifest(by: Leg, revision: u64, book: u64) -> Versioned {
    Versioned { version: revision, digest: spell(b'P', &[by as u8, byte(revision), byte(book)]) }
}

/// The version of the book that a manifest froze.
pub(crate) fn book_of(manifest: Digest) -> u8 {
    manifest.0[3]
}

/// The root of the leaves that follow from `inputs`; the same at both houses.
pub(crate) fn root(inputs: &Inputs) -> Digest {
    let books = inputs.manifests.map(book_of);
    let changes = inputs.registry.map(|sequence| byte(link_changes(sequence)));
    let changed: Leaf = [books.treasury, books.futures, changes.treasury, changes.futures];
    let leaves: Vec<u8> = (0..LINKS).flat_map(|link| if link + 1 == LINKS { changed } else { [1, 1, 0, 0] }).collect();
    spell(b'L', &leaves)
}

/// The root of leaves that follow from no inputs of the model.
pub(crate) fn other_root(content: u8) -> Digest {
    spell(b'L', &[0xF0 | content; OF_LEAVES])
}

/// The claim of a house.
pub(crate) fn claim(by: Leg, round: Round, inputs: &Inputs, root: Digest) -> Digest {
    let revisions = inputs.manifests.map(|manifest| manifest.0[2]);
    let registry = inputs.registry.map(byte);
    let mut parts = vec![by as u8, byte(u64::from(round.0)), revisions.treasury, revisions.futures];
    parts.extend([registry.treasury, registry.futures]);
    parts.extend(&root.0[1..=OF_LEAVES]);
    spell(b'C', &parts)
}

/// The statement that follows from two claims: the links whose leaves are the same in both; the rest are breaks.
pub(crate) fn statement(claims: Pair<Digest>) -> Digest {
    let agreed = (0..LINKS).filter(|link| claims.treasury.leaf(*link) == claims.futures.leaf(*link));
    let mask = agreed.fold(0, |mask, link| mask | 1 << link);
    let mut parts = vec![mask];
    for claim in [claims.treasury, claims.futures] {
        parts.extend(&claim.0[1..BEFORE_LEAVES + OF_LEAVES]);
    }
    spell(b'S', &parts)
}

/// A statement that follows from no claims.
pub(crate) fn stray_statement(content: u8) -> Digest {
    spell(b'S', &[0, 0xF0 | content])
}

/// Whether a statement covers a link; the others are breaks.
pub(crate) fn covers(statement: Digest, link: usize) -> bool {
    statement.0[1] & (1 << link) != 0
}

/// Reads a claim's leaves back.
pub(crate) trait Leaves {
    /// The leaf of a link.
    fn leaf(&self, link: usize) -> Leaf;
}

impl Leaves for Digest {
    fn leaf(&self, link: usize) -> Leaf {
        assert_eq!(self.0[0], b'C', "only a claim has leaves");
        std::array::from_fn(|part| self.0[BEFORE_LEAVES + link * size_of::<Leaf>() + part])
    }
}

fn spell(kind: u8, parts: &[u8]) -> Digest {
    let mut bytes = [0; 32];
    bytes[0] = kind;
    bytes[1..=parts.len()].copy_from_slice(parts);
    Digest(bytes)
}

fn byte(number: u64) -> u8 {
    u8::try_from(number).expect("the model counts to a few only")
}
