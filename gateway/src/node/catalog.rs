//! What a node knows, for reading: the fold over its records with the content that the rules leave out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};

use super::entry::{Entry, Held};
use crate::{
    arrangement::{
        cycle::{Cycle, Phase},
        cycle_id::{CycleId, Round},
        digest::Digest,
        envelope::Evidence,
        fact::Fact,
        leg::Leg,
        registry::Registry,
    },
    book::Book,
    ledger::{RecordHash, Sequence},
};

/// Business dates of which the newest book is kept in memory.
const BOOK_DATES: usize = 4;

/// What an accepted request led to, so that the same request gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A version of the book.
    Book {
        /// The version.
        version: u64,
        /// Accounts in it.
        account_count: u64,
        /// Positions in it.
        position_count: u64,
    },
    /// A version of market data.
    Market(Digest),
    /// An entry of the registry log.
    Links {
        /// The entry.
        sequence: u64,
    },
}

/// A cycle for reading.
#[derive(Clone, Debug, Default)]
pub struct CycleView {
    /// What is on record.
    pub record: Cycle,
    /// Where it stands; `None` before the first fact.
    pub phase: Option<Phase>,
    /// When this house opened it.
    pub opened_at: Option<Timestamp>,
    /// The instant at which its book is frozen.
    pub as_of: Option<Timestamp>,
    /// Its cut-off.
    pub cut_off: Option<Timestamp>,
    /// When the agreement in force was complete here.
    pub agreed_at: BTreeMap<Round, Timestamp>,
    /// Whether margins are being computed.
    pub is_computing: bool,
    /// Why something is missing, for an operator.
    pub notes: BTreeMap<&'static str, String>,
    /// How long each step took: step, round, duration in microseconds, end in microseconds since the epoch.
    pub timings: Vec<(&'static str, Round, u64, i64)>,
}

/// Everything that a node knows.
#[derive(Debug, Default)]
pub struct Catalog {
    evidence: HashMap<Fact, Arc<Held>>,
    by_digest: HashMap<(Leg, Digest), Arc<Held>>,
    requests: HashMap<String, Answer>,
    books: BTreeMap<Date, Arc<Book>>,
    newest_book: Option<Arc<Book>>,
    /// The join of both registry logs.
    pub registry: Arc<Registry>,
    /// The cycles.
    pub cycles: BTreeMap<CycleId, CycleView>,
    /// Contradictions of the other house.
    pub contradictions: Vec<Arc<v1::RecordedContradiction>>,
    /// The newest record.
    pub head: Option<(Sequence, RecordHash)>,
    /// Why the node refuses to sign; `None` while it may.
    pub refusal_to_sign: Option<String>,
}

impl Catalog {
    /// Takes in a durable record with the facts that follow from it, and the book where it is one.
    pub fn apply(&mut self, entry: &Entry, facts: &[Fact], book: Option<Arc<Book>>, recorded_at: Timestamp) {
        match entry {
            Entry::Evidence(held) => {
                for fact in facts {
                    self.evidence.entry(*fact).or_insert_with(|| Arc::clone(held));
                }
                self.by_digest.entry((held.by, held.digest)).or_insert_with(|| Arc::clone(held));
                self.apply_evidence(held, facts, recorded_at);
            }
            Entry::Book(record) => {
                if let Some(book) = book {
                    let answer = Answer::Book {
                        version: book.version,
                        account_count: book.accounts.len() as u64,
                        position_count: book.position_count(),
                    };
                    self.requests.insert(record.request_id.clone(), answer);
                    self.books.insert(book.business_date, Arc::clone(&book));
                    while self.books.len() > BOOK_DATES {
                        self.books.pop_first();
                    }
                    self.newest_book = Some(book);
                }
            }
            Entry::CutOff { .. } => {}
            Entry::Contradiction(record) => self.contradictions.push(Arc::clone(record)),
        }
    }

    fn apply_evidence(&mut self, held: &Arc<Held>, facts: &[Fact], recorded_at: Timestamp) {
        match (&held.evidence, facts.first()) {
            (Evidence::RegistryEntry(entry), _) => {
                // Invariant: entries are judged against the log before they are recorded, so they follow on it.
                if let Err(problems) = Arc::make_mut(&mut self.registry).apply(held.by, entry, held.digest) {
                    tracing::error!(%problems, "a recorded registry entry does not apply");
                }
                if !held.request_id.is_empty() {
                    self.requests.insert(held.request_id.clone(), Answer::Links { sequence: entry.sequence });
                }
            }
            (Evidence::MarketManifest(_), _) if !held.request_id.is_empty() => {
                self.requests.insert(held.request_id.clone(), Answer::Market(held.digest));
            }
            (Evidence::CycleOpening(opening), Some(Fact::Opened { cycle, .. })) => {
                let is_own = !held.is_of_peer(self);
                let view = self.cycles.entry(*cycle).or_default();
                if is_own || view.cut_off.is_none() {
                    let instant = |wire: Option<prost_types::Timestamp>| {
                        wire.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
                    };
                    view.as_of = instant(opening.as_of);
                    view.cut_off = instant(opening.cut_off);
                    view.opened_at = Some(recorded_at);
                }
            }
            _ => {}
        }
    }

    /// The evidence behind a fact.
    #[must_use]
    pub fn evidence(&self, fact: &Fact) -> Option<&Arc<Held>> {
        self.evidence.get(fact)
    }

    /// The evidence of a house by its payload's digest.
    #[must_use]
    pub fn by_digest(&self, by: Leg, digest: Digest) -> Option<&Arc<Held>> {
        self.by_digest.get(&(by, digest))
    }

    /// What an earlier request led to.
    #[must_use]
    pub fn answer(&self, request_id: &str) -> Option<&Answer> {
        self.requests.get(request_id)
    }

    /// The newest book.
    #[must_use]
    pub fn book(&self) -> Option<&Arc<Book>> {
        self.newest_book.as_ref()
    }

    /// The newest book of a business date.
    #[must_use]
    pub fn book_of(&self, business_date: Date) -> Option<&Arc<Book>> {
        self.books.get(&business_date)
    }
}
