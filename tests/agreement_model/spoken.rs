//! What a house may say once: the places of its words.

use gateway::arrangement::{
    cycle_id::{CycleId, Round},
    fact::Fact,
    leg::Leg,
};
use jiff::civil::Date;

/// A place that takes one word of a house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// The claim of a round.
    Claim(CycleId, Round),
    /// The word that closes a part in a round: a statement, or a decline.
    Closing(CycleId, Round),
    /// The statement of a round, whether or not a decline came first.
    Statement(CycleId, Round),
    /// A revision of a position manifest.
    Manifest(CycleId, u64),
    /// A version of the market data.
    Market(Date, u64),
}

/// The place that a fact fills; `None` where more than one may be said.
pub(crate) fn place_of(fact: &Fact) -> Option<Place> {
    match *fact {
        Fact::Claim { cycle, round, .. } => Some(Place::Claim(cycle, round)),
        Fact::Statement { cycle, round, .. } | Fact::Declined { cycle, round, .. } => {
            Some(Place::Closing(cycle, round))
        }
        Fact::Manifest { cycle, revision, .. } => Some(Place::Manifest(cycle, revision.version)),
        Fact::Market { business_date, version, .. } => Some(Place::Market(business_date, version.version)),
        _ => None,
    }
}

/// The house that signed a fact; `None` where nobody signs such a thing for the other house.
pub(crate) fn signer_of(fact: &Fact) -> Option<Leg> {
    match *fact {
        Fact::Registry { by, .. }
        | Fact::Market { by, .. }
        | Fact::Opened { by, .. }
        | Fact::Manifest { by, .. }
        | Fact::Claim { by, .. }
        | Fact::Statement { by, .. }
        | Fact::Declined { by, .. }
        | Fact::Outcome { by, .. }
        | Fact::Recovered { by, .. } => Some(by),
        Fact::Adopted { .. }
        | Fact::LinksChanged { .. }
        | Fact::Book { .. }
        | Fact::CutOff { .. }
        | Fact::Contradiction { .. }
        | Fact::Halted { .. } => None,
    }
}
