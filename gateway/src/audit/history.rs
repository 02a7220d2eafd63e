//! A ledger's evidence, put in order for judging it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use crossmargin::v1;
use jiff::civil::Date;

use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::{Claim, Evidence, MarketManifest, PositionManifest, Recovery, RegistryEntry, Statement},
        leg::{Leg, Pair},
        programme::Rules,
        registry::{Registry, RegistryError},
    },
    node::entry::Held,
};

/// What a house signed, and the record that holds it.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) sequence: u64,
    pub(crate) held: Arc<Held>,
}

/// What both houses said in a round, each house's first word.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoundWords {
    pub(crate) claims: Pair<Option<Word>>,
    pub(crate) statements: Pair<Option<Word>>,
    pub(crate) declined: Pair<Option<u64>>,
}

/// Something of which a house signs one version only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Registry(u64),
    Market(Date, u64),
    Opening(CycleId),
    Manifest(CycleId, u32),
    Claim(CycleId, Round),
    /// A statement, or the word that there will be none.
    Closing(CycleId, Round),
}

/// The evidence of a ledger.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) by_digest: HashMap<(Leg, Digest), Word>,
    pub(crate) places: BTreeMap<(Leg, Place), Word>,
    pub(crate) logs: Pair<Vec<Word>>,
    /// Both logs so far.
    registry: Registry,
    /// Number of the last direction so far.
    pub(crate) directions: u64,
    /// Reconciliation items so far.
    pub(crate) items: HashSet<String>,
    /// Content that was found whole.
    pub(crate) whole: HashSet<Digest>,
    pub(crate) rounds: BTreeMap<(CycleId, Round), RoundWords>,
    /// This house's outcomes, in the order of the ledger.
    pub(crate) outcomes: Vec<Word>,
    /// The record of each cut-off.
    pub(crate) cut_offs: BTreeMap<CycleId, u64>,
    /// Heads of the other house's ledger, as that house signed them, each with the record that holds it.
    pub(crate) peer_heads: Vec<(u64, v1::LedgerHead)>,
    /// Recoveries of each house's ledger, in the order of this one.
    pub(crate) recoveries: Pair<Vec<Word>>,
}

impl Word {
    pub(crate) fn claim(&self) -> Option<&Claim> {
        match &self.held.evidence {
            Evidence::Claim(claim) => Some(claim),
            _ => None,
        }
    }

    pub(crate) fn statement(&self) -> Option<&Statement> {
        match &self.held.evidence {
            Evidence::Statement(statement) => Some(statement),
            _ => None,
        }
    }

    pub(crate) fn recovery(&self) -> Option<&Recovery> {
        self.held.recovery()
    }

    fn registry_entry(&self) -> Option<&RegistryEntry> {
        match &self.held.evidence {
            Evidence::RegistryEntry(entry) => Some(entry),
            _ => None,
        }
    }
}

impl RoundWords {
    /// Both statements, where they are over equal content.
    pub(crate) fn agreed(&self) -> Option<(&Word, &Word)> {
        let (treasury, futures) = (self.statements.treasury.as_ref()?, self.statements.futures.as_ref()?);
        (treasury.held.digest == futures.held.digest).then_some((treasury, futures))
    }
}

impl Place {
    /// Where evidence stands; none for an outcome, which a later one may replace.
    pub(crate) fn of(evidence: &Evidence) -> Option<Self> {
        Some(match evidence {
            Evidence::RegistryEntry(entry) => Self::Registry(entry.sequence),
            Evidence::MarketManifest(manifest) => Self::Market(manifest.business_date, manifest.version),
            Evidence::CycleOpening(opening) => Self::Opening(opening.cycle),
            Evidence::PositionManifest(manifest) => Self::Manifest(manifest.cycle, manifest.revision),
            Evidence::Claim(claim) => Self::Claim(claim.cycle, claim.round),
            Evidence::Statement(statement) => Self::Closing(statement.cycle, statement.round),
            Evidence::Decline(decline) => Self::Closing(decline.cycle, decline.round),
            Evidence::Outcome(_) | Evidence::Recovery(_) => return None,
        })
    }
}

impl History {
    pub(crate) fn new(rules: &Rules) -> Self {
        Self {
            by_digest: HashMap::new(),
            places: BTreeMap::new(),
            logs: Pair::default(),
            registry: Registry::new(Arc::clone(rules)),
            directions: 0,
            items: HashSet::new(),
            whole: HashSet::new(),
            rounds: BTreeMap::new(),
            outcomes: Vec::new(),
            cut_offs: BTreeMap::new(),
            peer_heads: Vec::new(),
            recoveries: Pair::default(),
        }
    }

    /// Takes an entry of a registry log.
    ///
    /// # Errors
    /// It does not follow on the entry before, or its changes have problems.
    pub(crate) fn record(&mut self, by: Leg, entry: &RegistryEntry, digest: Digest) -> Result<(), RegistryError> {
        self.registry.record(by, entry, digest).map(drop)
    }

    /// Takes in what was signed. The first word in a place stands; a second, different one is given back.
    pub(crate) fn add(&mut self, us: Leg, word: &Word) -> Option<Word> {
        let held = &word.held;
        let by = held.by;
        self.by_digest.entry((by, held.digest)).or_insert_with(|| word.clone());
        if let Some(head) = &held.keeping.peer_head {
            self.peer_heads.push((word.sequence, head.clone()));
        }
        if let Some(place) = Place::of(&held.evidence) {
            if let Some(first) = self.places.get(&(by, place)) {
                return (first.held.digest != held.digest).then(|| first.clone());
            }
            self.places.insert((by, place), word.clone());
        }
        match &held.evidence {
            Evidence::RegistryEntry(_) => self.logs[by].push(word.clone()),
            Evidence::Claim(claim) => self.round(claim.cycle, claim.round).claims[by] = Some(word.clone()),
            Evidence::Statement(statement) => {
                self.round(statement.cycle, statement.round).statements[by] = Some(word.clone());
            }
            Evidence::Decline(decline) => {
                self.round(decline.cycle, decline.round).declined[by] = Some(word.sequence);
            }
            Evidence::Outcome(_) if by == us => self.outcomes.push(word.clone()),
            Evidence::Outcome(_)
            | Evidence::MarketManifest(_)
            | Evidence::CycleOpening(_)
            | Evidence::PositionManifest(_) => {}
            Evidence::Recovery(_) => self.recoveries[by].push(word.clone()),
        }
        None
    }

    /// The registry as it was when both logs had these lengths. It reads both logs again.
    ///
    /// # Errors
    /// A log is shorter, or an entry does not follow on the one before.
    pub(crate) fn registry(&self, rules: &Rules, sequences: Pair<u64>) -> Result<Registry, String> {
        let mut registry = Registry::new(Arc::clone(rules));
        for leg in Leg::BOTH {
            for word in &self.logs[leg] {
                let Some(entry) = word.registry_entry().filter(|entry| entry.sequence <= sequences[leg]) else {
                    continue;
                };
                let recorded = registry.record(leg, entry, word.held.digest);
                recorded.map_err(|error: RegistryError| format!("record {}: {error}", word.sequence))?;
            }
            let (held, needed) = (registry.sequence(leg), sequences[leg]);
            if held != needed {
                return Err(format!("the claim names registry entry {needed}, but the ledger holds {held}"));
            }
        }
        Ok(registry)
    }

    /// Both logs as they are now.
    pub(crate) fn registry_now(&self) -> &Registry {
        &self.registry
    }

    /// A house's market data that counts on a business date: the newest version of the date, else of the last one before it.
    pub(crate) fn market(&self, by: Leg, date: Date) -> Option<&MarketManifest> {
        let earliest = (by, Place::Market(Date::MIN, 0));
        let found = self.places.range(earliest..=(by, Place::Market(date, u64::MAX))).next_back()?;
        match &found.1.held.evidence {
            Evidence::MarketManifest(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// A house's newest position manifest of a cycle.
    pub(crate) fn manifest(&self, by: Leg, cycle: CycleId) -> Option<&PositionManifest> {
        let all = (by, Place::Manifest(cycle, 0))..=(by, Place::Manifest(cycle, u32::MAX));
        match &self.places.range(all).next_back()?.1.held.evidence {
            Evidence::PositionManifest(manifest) => Some(manifest),
            _ => None,
        }
    }

    fn round(&mut self, cycle: CycleId, round: Round) -> &mut RoundWords {
        self.rounds.entry((cycle, round)).or_default()
    }
}
