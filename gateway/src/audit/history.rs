//! A ledger's evidence, put in order for judging it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::civil::Date;

use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        evidence::{Claim, Evidence, RegistryEntry, Statement},
        leg::{Leg, Pair},
        programme::Rules,
        registry::{Registry, RegistryError},
    },
    node::entry::Held,
};

/// What a house signed, and the record that holds it.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) sequence: u64,
    pub(super) held: Arc<Held>,
}

/// What both houses said in a round, each house's first word.
#[derive(Clone, Debug, Default)]
pub(super) struct RoundWords {
    pub(super) claims: Pair<Option<Word>>,
    pub(super) statements: Pair<Option<Word>>,
    pub(super) declined: Pair<Option<u64>>,
}

/// Something of which a house signs one version only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
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
pub(super) struct History {
    pub(super) by_digest: HashMap<(Leg, Digest), Word>,
    pub(super) places: BTreeMap<(Leg, Place), Word>,
    pub(super) logs: Pair<Vec<Word>>,
    /// Both logs so far.
    registry: Registry,
    /// Number of the last direction so far.
    pub(super) directions: u64,
    /// Reconciliation items so far.
    pub(super) items: HashSet<String>,
    /// Content that was found whole.
    pub(super) whole: HashSet<Digest>,
    pub(super) rounds: BTreeMap<(CycleId, Round), RoundWords>,
    /// This house's outcomes, in the order of the ledger.
    pub(super) outcomes: Vec<Word>,
    /// The record of each cut-off.
    pub(super) cut_offs: BTreeMap<CycleId, u64>,
}

impl Word {
    pub(super) fn claim(&self) -> Option<&Claim> {
        match &self.held.evidence {
            Evidence::Claim(claim) => Some(claim),
            _ => None,
        }
    }

    pub(super) fn statement(&self) -> Option<&Statement> {
        match &self.held.evidence {
            Evidence::Statement(statement) => Some(statement),
            _ => None,
        }
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
    pub(super) fn agreed(&self) -> Option<(&Word, &Word)> {
        let (treasury, futures) = (self.statements.treasury.as_ref()?, self.statements.futures.as_ref()?);
        (treasury.held.digest == futures.held.digest).then_some((treasury, futures))
    }
}

impl Place {
    /// Where evidence stands; none for an outcome, which a later one may replace.
    pub(super) fn of(evidence: &Evidence) -> Option<Self> {
        Some(match evidence {
            Evidence::RegistryEntry(entry) => Self::Registry(entry.sequence),
            Evidence::MarketManifest(manifest) => Self::Market(manifest.business_date, manifest.version),
            Evidence::CycleOpening(opening) => Self::Opening(opening.cycle),
            Evidence::PositionManifest(manifest) => Self::Manifest(manifest.cycle, manifest.revision),
            Evidence::Claim(claim) => Self::Claim(claim.cycle, claim.round),
            Evidence::Statement(statement) => Self::Closing(statement.cycle, statement.round),
            Evidence::Decline(decline) => Self::Closing(decline.cycle, decline.round),
            Evidence::Outcome(_) => return None,
        })
    }
}

impl History {
    pub(super) fn new(rules: &Rules) -> Self {
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
        }
    }

    /// Takes an entry of a registry log.
    ///
    /// # Errors
    /// It does not follow on the entry before, or its changes have problems.
    pub(super) fn record(&mut self, by: Leg, entry: &RegistryEntry, digest: Digest) -> Result<(), RegistryError> {
        self.registry.record(by, entry, digest).map(drop)
    }

    /// Takes in what was signed. The first word in a place stands; a second, different one is given back.
    pub(super) fn add(&mut self, us: Leg, word: &Word) -> Option<Word> {
        let held = &word.held;
        let by = held.by;
        self.by_digest.entry((by, held.digest)).or_insert_with(|| word.clone());
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
        }
        None
    }

    /// The registry as it was when both logs had these lengths. It reads both logs again.
    ///
    /// # Errors
    /// A log is shorter, or an entry does not follow on the one before.
    pub(super) fn registry(&self, rules: &Rules, sequences: Pair<u64>) -> Result<Registry, String> {
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

    fn round(&mut self, cycle: CycleId, round: Round) -> &mut RoundWords {
        self.rounds.entry((cycle, round)).or_default()
    }
}
