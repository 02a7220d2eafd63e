//! What is on record at one house: the fold over its facts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Safeguard, Safeguards};
use crate::arrangement::{
    cycle::{Cycle, Manifest},
    cycle_id::CycleId,
    digest::Digest,
    fact::{Fact, Inputs, Outcome, Versioned},
    leg::{Leg, Pair},
};

/// The fold over all facts of a house.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Record {
    adopted: Pair<Option<Digest>>,
    registry: Pair<u64>,
    /// The last entry of each log that may change links in cycles.
    links_changed: Pair<u64>,
    markets: BTreeMap<Date, Pair<Option<Versioned>>>,
    books: BTreeMap<Date, u64>,
    cycles: BTreeMap<CycleId, Cycle>,
    /// Recoveries of each house's ledger.
    recoveries: Pair<BTreeSet<Digest>>,
}

impl Record {
    /// The cycles, in order.
    pub fn cycles(&self) -> impl DoubleEndedIterator<Item = (CycleId, &Cycle)> {
        self.cycles.iter().map(|(id, cycle)| (*id, cycle))
    }

    /// What is on record of a cycle.
    #[must_use]
    pub fn cycle(&self, id: CycleId) -> Option<&Cycle> {
        self.cycles.get(&id)
    }

    /// The newest market manifest of each house for a business date.
    #[must_use]
    pub fn markets(&self, business_date: Date) -> Pair<Option<Versioned>> {
        self.markets.get(&business_date).copied().unwrap_or_default()
    }

    /// The last entry of each house's registry log.
    #[must_use]
    pub fn registry(&self) -> Pair<u64> {
        self.registry
    }

    /// Whether margins from `now` may differ from margins from `before`: other books or market data, or registry entries
    /// in between that may change links in cycles.
    #[must_use]
    pub fn differs(&self, before: &Inputs, now: &Inputs) -> bool {
        let is_changed = |leg: Leg| self.links_changed[leg] > before.registry[leg];
        before.manifests != now.manifests || before.markets != now.markets || Leg::BOTH.into_iter().any(is_changed)
    }

    /// The newest version of this house's book for a business date.
    #[must_use]
    pub fn book_version(&self, business_date: Date) -> Option<u64> {
        self.books.get(&business_date).copied()
    }

    /// Whether both houses have adopted the same arrangement.
    #[must_use]
    pub fn has_one_arrangement(&self) -> bool {
        self.adopted.both().is_some_and(|both| both.treasury == both.futures)
    }

    /// Whether a house has adopted an arrangement.
    #[must_use]
    pub fn has_adopted(&self, house: Leg) -> bool {
        self.adopted[house].is_some()
    }

    /// Whether this recovery of a house's ledger is on record.
    #[must_use]
    pub fn has_recovery(&self, house: Leg, recovery: &Digest) -> bool {
        self.recoveries[house].contains(recovery)
    }

    /// Cycles that house `us` has opened and not cut off.
    #[must_use]
    pub fn open_cycles(&self, us: Leg) -> Vec<CycleId> {
        self.cycles.iter().filter(|(_, cycle)| cycle.opened[us] && !cycle.is_cut_off).map(|(id, _)| *id).collect()
    }

    /// Takes in a fact. Where the other house contradicts itself the first word stands, and the cycle is marked.
    pub(super) fn apply(&mut self, us: Leg, fact: &Fact, safeguards: impl Safeguards) {
        let is_newer = |held: Option<Versioned>, given: Versioned| {
            safeguards.pass(Safeguard::NewestVersionStands, held.is_none_or(|held| held.version < given.version))
        };
        let marks = |is_other: bool| safeguards.stop(Safeguard::SecondWordMarks, is_other);
        match *fact {
            Fact::Adopted { by, arrangement } => self.adopted[by] = Some(arrangement),
            Fact::Registry { by, sequence } => self.registry[by] = self.registry[by].max(sequence),
            Fact::LinksChanged { by, sequence } => {
                self.links_changed[by] = self.links_changed[by].max(sequence);
                // The entry is there with it: margins that follow from the change must name the entry, not the one before.
                self.registry[by] = self.registry[by].max(sequence);
            }
            Fact::Market { by, business_date, version } => {
                let newest = &mut self.markets.entry(business_date).or_default()[by];
                if is_newer(*newest, version) {
                    *newest = Some(version);
                }
            }
            Fact::Book { business_date, version } => {
                let newest = self.books.entry(business_date).or_default();
                *newest = version.max(*newest);
            }
            Fact::Opened { by, cycle } => self.cycle_mut(cycle).opened[by] = true,
            Fact::Manifest { by, cycle, revision, book_version } => {
                let cycle = self.cycle_mut(cycle);
                let held = cycle.manifests[by].map(|held| held.revision);
                if is_newer(held, revision) {
                    cycle.manifests[by] = Some(Manifest { revision, book_version });
                } else if held.is_some_and(|held| held.version == revision.version && held != revision) {
                    cycle.is_contradicted |= marks(by != us);
                }
            }
            Fact::Claim { by, cycle, round, claim } => {
                let cycle = self.cycle_mut(cycle);
                let held = first_word(&mut cycle.rounds.entry(round).or_default().claims[by], claim, safeguards);
                cycle.is_contradicted |= marks(by != us && held.digest != claim.digest);
            }
            Fact::Statement { by, cycle, round, content } => {
                let cycle = self.cycle_mut(cycle);
                let record = cycle.rounds.entry(round).or_default();
                let held = first_word(&mut record.statements[by], content, safeguards);
                cycle.is_contradicted |= marks(by != us && (held != content || record.declined[by]));
            }
            Fact::Declined { by, cycle, round } => {
                let cycle = self.cycle_mut(cycle);
                let record = cycle.rounds.entry(round).or_default();
                record.declined[by] = true;
                cycle.is_contradicted |= marks(by != us && record.statements[by].is_some());
            }
            Fact::CutOff { cycle } => {
                let cycle = self.cycle_mut(cycle);
                if safeguards.pass(Safeguard::FirstCutOffStands, !cycle.is_cut_off) {
                    cycle.agreed_at_cut_off = cycle.agreement().map(|(round, _)| round);
                    cycle.is_cut_off = true;
                }
            }
            Fact::Outcome { by, cycle, outcome } => {
                let newest = &mut self.cycle_mut(cycle).outcomes[by];
                let is_news = newest.is_none_or(|held| supersedes(&outcome, &held));
                if safeguards.pass(Safeguard::OutcomeStands, is_news) {
                    *newest = Some(outcome);
                }
            }
            Fact::Contradiction { cycle } => self.cycle_mut(cycle).is_contradicted = true,
            Fact::Halted { cycle } => self.cycle_mut(cycle).is_halted = true,
            Fact::Recovered { by, recovery } => drop(self.recoveries[by].insert(recovery)),
        }
    }

    fn cycle_mut(&mut self, id: CycleId) -> &mut Cycle {
        self.cycles.entry(id).or_default()
    }
}

/// The word on record: the first one that was given.
fn first_word<W: Copy>(held: &mut Option<W>, given: W, safeguards: impl Safeguards) -> W {
    match *held {
        Some(first) if safeguards.stand(Safeguard::FirstWordStands) => first,
        _ => *held.insert(given),
    }
}

/// Whether a house that said `earlier` may end at `later`: an agreement follows a fall-back, and a later round an
/// earlier one, never the other way round.
pub(super) fn supersedes(later: &Outcome, earlier: &Outcome) -> bool {
    match (later, earlier) {
        (Outcome::Agreed { .. }, Outcome::FallenBack(_)) => true,
        (Outcome::Agreed { round: later, .. }, Outcome::Agreed { round: earlier, .. }) => later > earlier,
        (Outcome::FallenBack(_), _) => false,
    }
}
