//! One cycle at one house: what is on record, and what follows from it.

use std::collections::BTreeMap;

use super::{
    cycle_id::Round,
    digest::Digest,
    fact::{ClaimFact, FallBackCause, Outcome, Versioned},
    leg::{Leg, Pair},
};

/// What is on record of a cycle.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycle {
    /// Who opened it.
    pub opened: Pair<bool>,
    /// The newest position manifest of each house.
    pub manifests: Pair<Option<Manifest>>,
    /// The rounds.
    pub rounds: BTreeMap<Round, RoundRecord>,
    /// Whether this house's cut-off is on record.
    pub is_cut_off: bool,
    /// The round whose agreement was on record when the cut-off came.
    pub agreed_at_cut_off: Option<Round>,
    /// Whether the other house contradicted itself.
    pub is_contradicted: bool,
    /// The newest outcome of each house.
    pub outcomes: Pair<Option<Outcome>>,
}

/// A house's frozen book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Manifest {
    /// The revision and the manifest.
    pub revision: Versioned,
    /// The version of the book.
    pub book_version: u64,
}

/// What is on record of a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoundRecord {
    /// Each house's claim.
    pub claims: Pair<Option<ClaimFact>>,
    /// The content of each house's statement.
    pub statements: Pair<Option<Digest>>,
    /// Whether a house declined.
    pub declined: Pair<bool>,
}

/// Where a cycle stands at this house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Asked for by the other house and not yet opened here.
    Requested,
    /// Open: gathering positions and market data.
    Gathering,
    /// This house has claimed and waits for the other's claim.
    Claimed,
    /// Both claims are here and are being matched.
    Matching,
    /// This house has signed its statement and waits for the other's.
    Stated,
    /// Both statements of the newest agreed round are here.
    Agreed,
    /// The cut-off came first.
    FallenBack,
    /// One house holds both statements, the other fell back.
    AgreedAtOneHouse,
}

impl RoundRecord {
    /// The content that both houses signed, where it is the same.
    #[must_use]
    pub fn agreed(&self) -> Option<Digest> {
        let both = self.statements.both()?;
        (both.treasury == both.futures).then_some(both.treasury)
    }

    /// Whether a house's part in the round is closed on record.
    #[must_use]
    pub fn is_closed(&self, house: Leg) -> bool {
        self.statements[house].is_some() || self.declined[house]
    }
}

impl Cycle {
    /// The newest round that a house has claimed.
    #[must_use]
    pub fn claimed_round(&self, house: Leg) -> Option<Round> {
        self.rounds.iter().rev().find(|(_, record)| record.claims[house].is_some()).map(|(round, _)| *round)
    }

    /// The agreement in force: of the latest round that both houses signed over equal content.
    #[must_use]
    pub fn agreement(&self) -> Option<(Round, Digest)> {
        self.rounds.iter().rev().find_map(|(round, record)| Some((*round, record.agreed()?)))
    }

    /// Whether the agreement of `round` came after this house's cut-off.
    #[must_use]
    pub fn is_late(&self, round: Round) -> bool {
        self.is_cut_off && self.agreed_at_cut_off.is_none_or(|agreed| agreed < round)
    }

    /// Where the cycle stands at house `us`.
    #[must_use]
    pub fn phase(&self, us: Leg) -> Phase {
        if !self.opened[us] {
            return Phase::Requested;
        }
        let fell_back = |house: Leg| matches!(self.outcomes[house], Some(Outcome::FallenBack(_)));
        let agreed = |house: Leg| matches!(self.outcomes[house], Some(Outcome::Agreed { .. }));
        if (agreed(us) && fell_back(us.other())) || (fell_back(us) && agreed(us.other())) {
            return Phase::AgreedAtOneHouse;
        }
        if fell_back(us) {
            return Phase::FallenBack;
        }
        let newest = self.claimed_round(us).and_then(|round| self.rounds.get(&round));
        let newest_is_agreed = newest.is_some_and(|record| record.agreed().is_some());
        match newest {
            _ if newest_is_agreed || (self.is_cut_off && self.agreement().is_some()) => Phase::Agreed,
            None => Phase::Gathering,
            Some(record) if record.statements[us].is_some() => Phase::Stated,
            Some(record) if record.claims[us.other()].is_some() => Phase::Matching,
            Some(_) => Phase::Claimed,
        }
    }

    /// Why the cycle falls back if it is cut off as it stands. `own_inputs` and `peer_inputs` say whether positions and
    /// market data of each house are complete, `is_failed` whether the margins cannot be computed from them.
    #[must_use]
    pub fn fall_back_cause(&self, us: Leg, own_inputs: bool, peer_inputs: bool, is_failed: bool) -> FallBackCause {
        let peer = us.other();
        if self.is_contradicted {
            return FallBackCause::PeerEquivocated;
        }
        let newest = self.claimed_round(us).and_then(|round| self.rounds.get(&round));
        match newest {
            Some(record) if record.statements.both().is_some() => FallBackCause::StatementsDiffer,
            Some(record) if record.claims[peer].is_none() => FallBackCause::NoPeerClaim,
            Some(record) if record.declined[us] || record.declined[peer] => FallBackCause::RoundDeclined,
            Some(record) if record.is_closed(us) => FallBackCause::NoPeerStatement,
            Some(_) => FallBackCause::OutOfTime,
            None if !own_inputs => FallBackCause::OwnInputsMissing,
            None if is_failed => FallBackCause::ComputationFailed,
            None if peer_inputs => FallBackCause::OutOfTime,
            None if self.manifests[peer].is_none() && !self.opened[peer] => FallBackCause::PeerSilent,
            None => FallBackCause::PeerInputsMissing,
        }
    }
}
