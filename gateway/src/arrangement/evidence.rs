//! What the houses sign, parsed: every field checked once, at the edge, and never again.

mod read;
mod write;

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};
use prost::bytes::Bytes;

use super::{
    cycle_id::{CycleId, Round},
    digest::Digest,
    grant::AdvanceGrants,
    leg::Pair,
};

/// Most bytes of a payload: 4 MiB, what a message may have.
pub const PAYLOAD_BYTES_MAX: usize = 4 << 20;
/// Most changes of one registry entry.
pub const BATCH_CHANGES_MAX: usize = 20_000;
/// Most characters of who recorded a registry entry.
pub const BY_CHARACTERS_MAX: usize = 512;
/// Most chunks of one position manifest.
pub const MANIFEST_CHUNKS_MAX: usize = 16_384;
/// Most bytes of one chunk of positions: 4 MiB.
pub const CHUNK_BYTES_MAX: u64 = 4 << 20;
/// Most bytes of one market item: 64 MiB.
pub const MARKET_ITEM_BYTES_MAX: u64 = 64 << 20;
/// Most leaves of one claim. It bounds what a walk can be made to read.
pub const CLAIM_LEAVES_MAX: u64 = 1 << 20;
/// Most characters of the name of an engine.
pub const ENGINE_CHARACTERS_MAX: usize = 256;
/// Most heads that one recovery names as lost.
pub const LOST_HEADS_MAX: usize = 64;
/// Most cycles that one recovery closes.
pub const HALTED_CYCLES_MAX: usize = 4_096;
/// Most characters of the reason of a decline.
pub const REASON_CHARACTERS_MAX: usize = 1_024;

/// The content of a signed envelope. Who signed it is in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// An entry of the signer's registry log.
    RegistryEntry(RegistryEntry),
    /// What the signer holds of market data.
    MarketManifest(MarketManifest),
    /// The signer opens a cycle, or asks for a re-run.
    CycleOpening(CycleOpening),
    /// The signer's frozen book.
    PositionManifest(PositionManifest),
    /// The signer's figures for a round.
    Claim(Claim),
    /// What the signer agrees to.
    Statement(Statement),
    /// The signer will not sign a statement for a round.
    Decline(Decline),
    /// How a cycle ended at the signer.
    Outcome(Outcome),
    /// The signer lost the end of its ledger.
    Recovery(Recovery),
}

/// One entry of a house's registry log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegistryEntry {
    /// Counted from 1.
    pub sequence: u64,
    /// Payload digest of the entry before; zeros for the first.
    pub previous: Digest,
    /// What is recorded.
    pub content: RegistryContent,
}

/// What a registry entry records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RegistryContent {
    /// The house adopts the arrangement with this digest.
    Adoption(Digest),
    /// The house records changes of the programme.
    Changes(ChangeBatch),
}

/// Changes of the programme with who recorded them, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeBatch {
    /// The changes, still as they came: the registry reports all their problems at once.
    pub changes: Vec<v1::ProgrammeChange>,
    /// Role and certificate of the caller; never empty.
    pub by: String,
    /// When, by the clock of the house.
    pub at: Timestamp,
}

/// What a house holds of market and reference data for a business date.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MarketManifest {
    /// The business date.
    pub business_date: Date,
    /// Counted from 1 for each business date.
    pub version: u64,
    /// The items, strictly ascending by kind.
    pub items: Vec<MarketItemRef>,
}

/// Names the content of one market item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MarketItemRef {
    /// The kind; never unspecified.
    pub kind: v1::MarketItemKind,
    /// BLAKE3 of the encoded item.
    pub digest: Digest,
    /// Its length in bytes, 1 to [`MARKET_ITEM_BYTES_MAX`].
    pub size_bytes: u64,
}

/// A house opens a cycle, or asks for a re-run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CycleOpening {
    /// The cycle.
    pub cycle: CycleId,
    /// When its book is frozen.
    pub as_of: Timestamp,
    /// Its cut-off, later than `as_of`.
    pub cut_off: Timestamp,
}

/// A house's frozen book.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PositionManifest {
    /// The cycle.
    pub cycle: CycleId,
    /// Counted from 1.
    pub revision: u32,
    /// When the book was frozen.
    pub as_of: Timestamp,
    /// The version of the book, from 1.
    pub book_version: u64,
    /// Accounts of all chunks.
    pub account_count: u64,
    /// Positions of all chunks.
    pub position_count: u64,
    /// The chunks, in order of accounts.
    pub chunks: Vec<ChunkRef>,
}

/// Names the content of one chunk of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkRef {
    /// BLAKE3 of the encoded chunk.
    pub digest: Digest,
    /// Its length in bytes, 1 to [`CHUNK_BYTES_MAX`].
    pub size_bytes: u64,
    /// Its accounts.
    pub account_count: u32,
    /// Its positions.
    pub position_count: u64,
}

/// What a claim was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inputs {
    /// Payload digest of each house's position manifest.
    pub manifests: Pair<Digest>,
    /// Payload digest of each house's market manifest.
    pub market: Pair<Digest>,
    /// Last entry of each house's registry log.
    pub registry_sequences: Pair<u64>,
    /// Digest of all positions of both legs.
    pub positions: Digest,
    /// Digest of terms, prices, curves and fixings.
    pub prices: Digest,
    /// Digest of the scenarios of both models.
    pub scenarios: Digest,
    /// Digest of the arrangement's and both models' parameters.
    pub parameters: Digest,
    /// Digest of the registry.
    pub registry: Digest,
    /// The engine that fixes every digit.
    pub engine: String,
}

/// A house's figures for a round. It grants nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The cycle.
    pub cycle: CycleId,
    /// The round.
    pub round: Round,
    /// What it was computed from.
    pub inputs: Inputs,
    /// Root of the prefix tree over its leaves.
    pub root: Digest,
    /// Number of leaves.
    pub link_count: u64,
}

/// The content that both houses sign.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// The cycle.
    pub cycle: CycleId,
    /// The round.
    pub round: Round,
    /// Payload digest of each house's claim.
    pub claims: Pair<Digest>,
    /// Root of the prefix tree over the leaves that are the same in both claims.
    pub agreed_root: Digest,
    /// Agreed links that are live.
    pub live_count: u64,
    /// Agreed links in rehearsal.
    pub rehearsal_count: u64,
    /// BLAKE3 of the encoded `Breaks`.
    pub breaks: Digest,
    /// Breaks by cause, strictly ascending by cause, every count above zero.
    pub break_counts: Vec<(v1::BreakCause, u64)>,
    /// Sums over the agreed live links.
    pub live_totals: Totals,
    /// Sums over the agreed links in rehearsal, as if they were live.
    pub rehearsal_totals: Totals,
    /// Agreed links that are suspended or closing.
    pub suspended_count: u64,
    /// What is granted in advance for later cycles.
    pub advance_grants: AdvanceGrants,
}

/// Sums over links, US cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Totals {
    /// What each house would require for the core without reductions.
    pub standalone_cents: Pair<i64>,
    /// What each house requires for the core.
    pub requirement_cents: Pair<i64>,
    /// How far requirements lie below the larger combined margin, summed over links.
    pub shortfall_cents: i64,
    /// What each house charges outside the core.
    pub charges_cents: Pair<i64>,
}

/// A house will not sign a statement for a round.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decline {
    /// The cycle.
    pub cycle: CycleId,
    /// The round.
    pub round: Round,
    /// Why, for a reader; never empty.
    pub reason: String,
}

/// How a cycle ended at a house.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outcome {
    /// The cycle.
    pub cycle: CycleId,
    /// The end.
    pub end: End,
}

/// The two ends of a cycle at one house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// It holds both statements.
    Agreed {
        /// The agreed round.
        round: Round,
        /// Payload digest of the agreed statement.
        agreement: Digest,
        /// Whether the house's cut-off had come before the second statement arrived.
        is_late: bool,
    },
    /// Stand-alone margin is charged.
    FellBack(v1::FallBackCause),
}

/// A house lost the end of its ledger and took up what the other house held of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recovery {
    /// When, by the clock of the house.
    pub at: Timestamp,
    /// The newest record that was left.
    pub kept: KeptHead,
    /// The signed heads that the ledger has no more, ascending by sequence; at least one.
    pub lost: Vec<LostHead>,
    /// Pieces of evidence that were taken up from the other house.
    pub restored_count: u64,
    /// The cycles in which the house signs no claim, statement or decline any more, strictly ascending.
    pub cycles: Vec<CycleId>,
}

/// The newest record that a loss left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeptHead {
    /// Its sequence; 0 where nothing was left.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
}

/// A head that a house signed and whose ledger has it no more. The signature is checked by who holds the keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LostHead {
    /// Its sequence, counted from 1.
    pub sequence: u64,
    /// Its hash.
    pub hash: Digest,
    /// Fencing epoch of the writer that appended it.
    pub epoch: u64,
    /// The signing key; never empty.
    pub key_id: String,
    /// The signature; never empty.
    pub signature: Bytes,
}

/// What is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct EvidenceError {
    /// The field, such as `chunks[3].digest`; `payload` where nothing can be read.
    pub field: String,
    /// What is wrong and what is needed.
    pub reason: String,
}

impl Evidence {
    /// The kind as the envelope names it.
    #[must_use]
    pub fn kind(&self) -> v1::EvidenceKind {
        match self {
            Self::RegistryEntry(_) => v1::EvidenceKind::RegistryEntry,
            Self::MarketManifest(_) => v1::EvidenceKind::MarketManifest,
            Self::CycleOpening(_) => v1::EvidenceKind::CycleOpening,
            Self::PositionManifest(_) => v1::EvidenceKind::PositionManifest,
            Self::Claim(_) => v1::EvidenceKind::Claim,
            Self::Statement(_) => v1::EvidenceKind::Statement,
            Self::Decline(_) => v1::EvidenceKind::Decline,
            Self::Outcome(_) => v1::EvidenceKind::Outcome,
            Self::Recovery(_) => v1::EvidenceKind::Recovery,
        }
    }

    /// The cycle that it belongs to; none for registry entries, market data and recoveries.
    #[must_use]
    pub fn cycle(&self) -> Option<CycleId> {
        match self {
            Self::RegistryEntry(_) | Self::MarketManifest(_) | Self::Recovery(_) => None,
            Self::CycleOpening(opening) => Some(opening.cycle),
            Self::PositionManifest(manifest) => Some(manifest.cycle),
            Self::Claim(claim) => Some(claim.cycle),
            Self::Statement(statement) => Some(statement.cycle),
            Self::Decline(decline) => Some(decline.cycle),
            Self::Outcome(outcome) => Some(outcome.cycle),
        }
    }

    /// The round that it belongs to; none for what is not part of a round.
    #[must_use]
    pub fn round(&self) -> Option<Round> {
        match self {
            Self::Claim(claim) => Some(claim.round),
            Self::Statement(statement) => Some(statement.round),
            Self::Decline(decline) => Some(decline.round),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
