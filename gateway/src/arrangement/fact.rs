//! What the state machine of the agreement takes in and gives out.
//!
//! A [`Fact`] is on record: the node feeds it in once it is durable, and replay feeds in the same facts again. An
//! [`Event`] is anything else that happens. An [`Effect`] is work for the node; its outcome comes back as an event, or
//! as a fact. Facts hold digests, versions and phases, never positions, figures or times.

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    cycle_id::{CycleId, Round},
    digest::Digest,
    leg::{Leg, Pair},
};

/// The version of something that a house signed, with its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Versioned {
    /// The version, revision or sequence, counted from 1.
    pub version: u64,
    /// BLAKE3 of the signed payload.
    pub digest: Digest,
}

/// The versions of both houses' inputs that a claim is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inputs {
    /// Payload digests of the position manifests.
    pub manifests: Pair<Digest>,
    /// Payload digests of the market manifests.
    pub markets: Pair<Digest>,
    /// Last entries of the registry logs.
    pub registry: Pair<u64>,
}

/// A claim, reduced to what the rules need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimFact {
    /// BLAKE3 of the signed payload.
    pub digest: Digest,
    /// What it was computed from.
    pub inputs: Inputs,
    /// Root of the tree of its leaves.
    pub root: Digest,
}

/// Why a cycle fell back to stand-alone margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FallBackCause {
    /// The other house sent nothing for the cycle.
    PeerSilent,
    /// Positions or market data of the other house were incomplete.
    PeerInputsMissing,
    /// This house's own positions or market data were incomplete.
    OwnInputsMissing,
    /// The other house's claim did not arrive.
    NoPeerClaim,
    /// The other house's statement did not arrive.
    NoPeerStatement,
    /// One of the houses declined: what the other showed of its claim was not what it had signed.
    RoundDeclined,
    /// The two statements were over different content.
    StatementsDiffer,
    /// The other house signed two different things for one round.
    PeerEquivocated,
    /// This house could not compute the margins.
    ComputationFailed,
    /// The houses have not adopted the same arrangement.
    ArrangementDiffers,
    /// This house had not finished computing or matching.
    OutOfTime,
}

impl From<FallBackCause> for v1::FallBackCause {
    fn from(cause: FallBackCause) -> Self {
        match cause {
            FallBackCause::PeerSilent => Self::PeerSilent,
            FallBackCause::PeerInputsMissing => Self::PeerInputsMissing,
            FallBackCause::OwnInputsMissing => Self::OwnInputsMissing,
            FallBackCause::NoPeerClaim => Self::NoPeerClaim,
            FallBackCause::NoPeerStatement => Self::NoPeerStatement,
            FallBackCause::RoundDeclined => Self::RoundDeclined,
            FallBackCause::StatementsDiffer => Self::StatementsDiffer,
            FallBackCause::PeerEquivocated => Self::PeerEquivocated,
            FallBackCause::ComputationFailed => Self::ComputationFailed,
            FallBackCause::ArrangementDiffers => Self::ArrangementDiffers,
            FallBackCause::OutOfTime => Self::OutOfTime,
        }
    }
}

/// A cause that the wire leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cause of the fall-back is missing")]
pub struct MissingCause;

impl TryFrom<v1::FallBackCause> for FallBackCause {
    type Error = MissingCause;

    fn try_from(cause: v1::FallBackCause) -> Result<Self, MissingCause> {
        match cause {
            v1::FallBackCause::Unspecified => Err(MissingCause),
            v1::FallBackCause::PeerSilent => Ok(Self::PeerSilent),
            v1::FallBackCause::PeerInputsMissing => Ok(Self::PeerInputsMissing),
            v1::FallBackCause::OwnInputsMissing => Ok(Self::OwnInputsMissing),
            v1::FallBackCause::NoPeerClaim => Ok(Self::NoPeerClaim),
            v1::FallBackCause::NoPeerStatement => Ok(Self::NoPeerStatement),
            v1::FallBackCause::RoundDeclined => Ok(Self::RoundDeclined),
            v1::FallBackCause::StatementsDiffer => Ok(Self::StatementsDiffer),
            v1::FallBackCause::PeerEquivocated => Ok(Self::PeerEquivocated),
            v1::FallBackCause::ComputationFailed => Ok(Self::ComputationFailed),
            v1::FallBackCause::ArrangementDiffers => Ok(Self::ArrangementDiffers),
            v1::FallBackCause::OutOfTime => Ok(Self::OutOfTime),
        }
    }
}

/// How a cycle ended at a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It holds both statements of the round, over equal content.
    Agreed {
        /// The round.
        round: Round,
        /// BLAKE3 of the statement's bytes.
        content: Digest,
        /// True where the house had fallen back before the second statement arrived: the agreement changes a charge
        /// only prospectively and before settlement; later it informs.
        is_late: bool,
    },
    /// It charges stand-alone margin.
    FallenBack(FallBackCause),
}

/// A fact on record at this house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// A house adopted the arrangement.
    Adopted {
        /// The house.
        by: Leg,
        /// The arrangement's digest.
        arrangement: Digest,
    },
    /// A house's registry log reached this entry.
    Registry {
        /// The house.
        by: Leg,
        /// The entry.
        sequence: u64,
    },
    /// An entry of a house's registry log changes the stage, terms or limits of a link that takes part in an open cycle.
    LinksChanged {
        /// The house.
        by: Leg,
        /// The entry.
        sequence: u64,
    },
    /// A house signed a version of its market data.
    Market {
        /// The house.
        by: Leg,
        /// The business date.
        business_date: Date,
        /// The version and the manifest.
        version: Versioned,
    },
    /// This house accepted a version of its own book.
    Book {
        /// The business date.
        business_date: Date,
        /// The version.
        version: u64,
    },
    /// A house opened a cycle, or asked for a re-run.
    Opened {
        /// The house.
        by: Leg,
        /// The cycle.
        cycle: CycleId,
    },
    /// A house froze its book for a cycle.
    Manifest {
        /// The house.
        by: Leg,
        /// The cycle.
        cycle: CycleId,
        /// The revision and the manifest.
        revision: Versioned,
        /// The version of the book.
        book_version: u64,
    },
    /// A house claimed.
    Claim {
        /// The house.
        by: Leg,
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// The claim.
        claim: ClaimFact,
    },
    /// A house signed its statement.
    Statement {
        /// The house.
        by: Leg,
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// BLAKE3 of the statement's bytes.
        content: Digest,
    },
    /// A house declined to sign a statement.
    Declined {
        /// The house.
        by: Leg,
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
    },
    /// This house's cut-off came.
    CutOff {
        /// The cycle.
        cycle: CycleId,
    },
    /// How a cycle ended at a house. A later one replaces an earlier one.
    Outcome {
        /// The house.
        by: Leg,
        /// The cycle.
        cycle: CycleId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The other house contradicted its own signature in this cycle.
    Contradiction {
        /// The cycle.
        cycle: CycleId,
    },
}

/// Something for this house to put on record. The node signs it where it is evidence, appends it, and feeds in the
/// fact once that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Draft {
    /// Freeze the newest book for the cycle and sign its manifest.
    Manifest {
        /// The cycle.
        cycle: CycleId,
        /// The revision to give it.
        revision: u64,
    },
    /// Sign the claim that was computed.
    Claim {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// What it was computed from.
        inputs: Inputs,
        /// Root of the tree of its leaves.
        root: Digest,
    },
    /// Sign the statement that was matched.
    Statement {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// BLAKE3 of the statement's bytes.
        content: Digest,
    },
    /// Sign that there will be no statement.
    Decline {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
    },
    /// Record the cut-off with this house's clock.
    CutOff {
        /// The cycle.
        cycle: CycleId,
    },
    /// Sign how the cycle ended.
    Outcome {
        /// The cycle.
        cycle: CycleId,
        /// How it ended.
        outcome: Outcome,
    },
}

/// Something that happened and is not on record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// Everything behind a manifest of the other house is here and verified.
    Held(Digest),
    /// The margins of a round were computed.
    Computed {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// What they were computed from.
        inputs: Inputs,
        /// Root of the tree of the leaves.
        root: Digest,
    },
    /// The margins of a round cannot be computed from these inputs.
    NotComputable {
        /// The cycle.
        cycle: CycleId,
        /// The inputs.
        inputs: Inputs,
    },
    /// The claims of a round were matched.
    Matched {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// BLAKE3 of the statement's bytes.
        content: Digest,
    },
    /// The other house's claim of a round does not stand up: what it shows does not hash to what it signed.
    NotMatchable {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
    },
    /// The cut-off less the guard has come: no statement is signed any more.
    GuardReached(CycleId),
    /// The cut-off has come.
    CutOffReached(CycleId),
}

/// Work for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Sign if it is evidence, append, and feed in the fact once durable. Appends become durable in the order in which
    /// they were asked for: a statement that was asked for before the cut-off stands before it in the ledger.
    Append(Draft),
    /// Fetch what the other house's position or market manifest names; answer [`Event::Held`].
    Fetch(Digest),
    /// Compute the margins of a round; answer [`Event::Computed`] or [`Event::NotComputable`].
    Compute {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// What to compute from.
        inputs: Inputs,
    },
    /// Read the nodes of the other house's tree that differ, and match; answer [`Event::Matched`] or
    /// [`Event::NotMatchable`].
    Match {
        /// The cycle.
        cycle: CycleId,
        /// The round.
        round: Round,
        /// Payload digests of the claims.
        claims: Pair<Digest>,
    },
    /// Deliver this house's evidence to the other house until it has a receipt.
    Send(Fact),
    /// Answer [`Event::GuardReached`] and then [`Event::CutOffReached`] when their time comes; where it has come
    /// already, as it may have after a restart, at once, before any effect that stands after this one is carried out.
    SetDeadline(CycleId),
}

/// What to do with evidence that the other house delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Append it; give the receipt once it is durable.
    Record,
    /// It is on record, or a later version is: give the receipt.
    Duplicate,
    /// It contradicts what its signer signed before: append both as evidence.
    Contradiction,
    /// It breaks a rule, named here, and never will be accepted.
    Refuse(Refusal),
}

/// Which rule evidence breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The round is beyond the arrangement's bound.
    #[error("the round is above the arrangement's max_rounds")]
    TooManyRounds,
    /// A log entry does not follow on the last one.
    #[error("the entry does not follow on the last one of its log; send the ones between first")]
    LogGap,
    /// Too many cycles that this house has not opened.
    #[error("the other house has asked for too many cycles that are not open here")]
    TooManyCycles,
    /// Only the house itself may say that.
    #[error("a house records this about itself alone")]
    NotTheirs,
}
