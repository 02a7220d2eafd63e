//! What a node knows, for reading: the fold over its records with the content that the rules leave out.

mod answers;
mod cycle_view;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};

use self::answers::Answers;
pub use self::{answers::Answer, cycle_view::CycleView};
use super::{
    entry::{Entry, Held},
    heads::UncheckedHead,
    snapshot::BOOK_DATES,
};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        evidence::{End, Evidence, LostHead, MarketManifest, PositionManifest, Recovery},
        fact::{Fact, FallBackCause},
        leg::{Leg, Pair},
        machine::Record,
        programme::Rules,
        registry::Registry,
    },
    book::{
        Book,
        direction::{item::Item, state::Directions},
    },
    ledger::{Head, RecordHash, Sequence},
    request::{CallerRequest, OtherRequest},
};

/// A version of the book as its record makes it.
#[derive(Clone, Debug)]
pub struct BookVersion {
    /// The book; `None` where it was replaced and only its items and the answer to its request are left.
    pub book: Option<Arc<Book>>,
    /// The reconciliation items that it brings.
    pub items: Vec<Item>,
}

/// Everything that a node knows.
#[derive(Debug)]
pub struct Catalog {
    us: Leg,
    evidence: HashMap<Fact, Arc<Held>>,
    by_digest: HashMap<(Leg, Digest), Arc<Held>>,
    answers: Answers,
    books: BTreeMap<Date, Arc<Book>>,
    newest_book: Option<Arc<Book>>,
    /// The join of both registry logs.
    pub registry: Arc<Registry>,
    /// What was directed, and what stands with it.
    pub directions: Directions,
    /// The cycles.
    pub cycles: BTreeMap<CycleId, CycleView>,
    /// Contradictions of the other house.
    pub contradictions: Vec<Arc<v1::RecordedContradiction>>,
    /// The newest record.
    pub head: Option<(Sequence, RecordHash)>,
    /// Why the node refuses to sign; `None` while it may.
    pub refusal_to_sign: Option<String>,
    /// Whether the other house has said, since the start, how far it holds this house's word, and the ledger had that.
    pub is_word_known: bool,
    /// The head of this house's ledger that the other house named last, where its signature does not count here; `None`
    /// once a greeting names one that does, or none.
    pub unchecked_head: Option<UncheckedHead>,
    /// The newest head of the other house's ledger that this house was told; the other house signed it.
    pub peer_head: Option<v1::LedgerHead>,
    /// The recoveries of each house's ledger, in the order of this ledger.
    pub recoveries: Pair<Vec<Arc<Held>>>,
    /// Content that a manifest of either house names, and breaks that both houses signed: what the other house may read. Its
    /// own content it gave to this house, and may need again after a loss.
    shared: HashSet<Digest>,
    /// The newest market manifest of each house, by business date.
    markets: Pair<BTreeMap<Date, Arc<Held>>>,
}

impl Catalog {
    /// What a node knows before its first record.
    #[must_use]
    pub fn new(us: Leg, rules: &Rules) -> Self {
        Self {
            us,
            evidence: HashMap::new(),
            by_digest: HashMap::new(),
            answers: Answers::default(),
            books: BTreeMap::new(),
            newest_book: None,
            registry: Arc::new(Registry::new(Arc::clone(rules))),
            directions: Directions::default(),
            cycles: BTreeMap::new(),
            contradictions: Vec::new(),
            head: None,
            refusal_to_sign: None,
            is_word_known: false,
            unchecked_head: None,
            peer_head: None,
            recoveries: Pair::default(),
            shared: HashSet::new(),
            markets: Pair::default(),
        }
    }

    /// Takes in a durable record with the facts that follow from it, and the version of the book where it is one.
    pub fn apply(&mut self, entry: &Entry, facts: &[Fact], version: Option<BookVersion>, recorded_at: Timestamp) {
        match entry {
            Entry::Evidence(held) => {
                for fact in facts {
                    self.evidence.entry(*fact).or_insert_with(|| Arc::clone(held));
                }
                self.by_digest.entry((held.by, held.digest)).or_insert_with(|| Arc::clone(held));
                self.apply_evidence(held, recorded_at);
            }
            Entry::Book(record) => {
                if let Some(version) = version {
                    self.apply_book(record, version);
                }
            }
            Entry::Direction(direction) => {
                self.answers.note(&direction.request.request(), Answer::of(direction));
                self.directions.record(Arc::clone(direction));
            }
            Entry::Resolution(settled) => {
                self.answers.note(&settled.request, Answer::Resolution(settled.item));
                self.directions.resolve(settled.item, settled.resolution.clone());
            }
            Entry::CutOff { cycle, .. } => {
                let closing = Some(Arc::clone(&self.registry));
                self.cycles.entry(*cycle).or_default().closing_registry = closing;
            }
            Entry::Contradiction { record, .. } => self.contradictions.push(Arc::clone(record)),
        }
    }

    fn apply_book(&mut self, record: &v1::RecordedBook, version: BookVersion) {
        let BookVersion { book, items } = version;
        let (account_count, position_count) = match &book {
            Some(book) => (book.accounts.len() as u64, book.position_count()),
            None => (record.account_count, record.position_count),
        };
        let items_brought = items.iter().map(|item| item.id).collect();
        let answer = Answer::Book { version: record.book_version, account_count, position_count, items: items_brought };
        // Invariant: the record was read, which checks that it names its request.
        if let Ok(Some(request)) = CallerRequest::read("book", record.request_id.clone(), &record.request_content) {
            self.answers.note(&request, answer);
        }
        let Some(book) = book else { return self.directions.note(&items) };
        self.directions.accept(&book, &items);
        self.books.insert(book.business_date, Arc::clone(&book));
        while self.books.len() > BOOK_DATES {
            self.books.pop_first();
        }
        self.newest_book = Some(book);
        self.directions.forget(self.included_by_all());
    }

    /// Number of the last direction that every book includes that can still be frozen.
    #[must_use]
    pub(crate) fn included_by_all(&self) -> u64 {
        self.books.values().map(|book| book.directions_through).min().unwrap_or(0)
    }

    /// Notes a head of the other house's ledger; that house signed it. The newest stands.
    ///
    /// # Errors
    /// The head that stands, where it is another one of the same place: the other house has signed two histories.
    pub(crate) fn note_peer_head(&mut self, head: &v1::LedgerHead) -> Result<(), v1::LedgerHead> {
        match &self.peer_head {
            Some(held) if held.sequence > head.sequence => Ok(()),
            Some(held) if held.sequence == head.sequence && held.hash != head.hash => Err(held.clone()),
            _ => {
                self.peer_head = Some(head.clone());
                Ok(())
            }
        }
    }

    /// Notes that the other house's ledger was recovered: the heads that it lost count no more, even where they are beyond the
    /// one that comes now. Whether the recovery accounts for the head that stood; where it does not, that one stands: it
    /// shows a loss that is not recovered from.
    pub(crate) fn note_recovery(&mut self, recovery: &Recovery, told: Option<&v1::LedgerHead>) -> bool {
        let is_accounted = self.peer_head.as_ref().is_none_or(|held| {
            let is_lost = |lost: &LostHead| lost.sequence == held.sequence && lost.hash.0[..] == held.hash[..];
            held.sequence <= recovery.kept.sequence || recovery.lost.iter().any(is_lost) || told == Some(held)
        });
        if is_accounted {
            self.peer_head = told.cloned();
        }
        is_accounted
    }

    /// Whether this house lost the head and has recovered from the loss. Only a head that a recovery names counts: one of a
    /// sequence in between may be of the records that came after it, and have been lost since.
    #[must_use]
    pub fn has_lost(&self, head: Head) -> bool {
        let recoveries = self.recoveries[self.us].iter().filter_map(|held| held.recovery());
        let mut lost = recoveries.flat_map(|recovery| &recovery.lost);
        lost.any(|lost| lost.sequence == head.seq.0 && lost.hash.0 == head.hash.0)
    }

    fn apply_evidence(&mut self, held: &Arc<Held>, recorded_at: Timestamp) {
        if let Some(head) = &held.keeping.peer_head {
            // Heads are put on record as they were noted: each is newer than those before it.
            drop(self.note_peer_head(head));
        }
        match &held.evidence {
            Evidence::RegistryEntry(entry) => {
                // Invariant: entries are applied to the log ahead before they are recorded, so they follow on it.
                if let Err(error) = Arc::make_mut(&mut self.registry).record(held.by, entry, held.digest) {
                    tracing::error!(%error, "a recorded registry entry does not apply");
                }
                if let Some(request) = &held.keeping.request {
                    self.answers.note(request, Answer::Changes { sequence: entry.sequence });
                }
            }
            Evidence::MarketManifest(manifest) => {
                let newest = self.markets[held.by].get(&manifest.business_date);
                let is_newer =
                    newest.and_then(|held| held.market_manifest()).is_none_or(|m| m.version < manifest.version);
                if is_newer {
                    self.markets[held.by].insert(manifest.business_date, Arc::clone(held));
                }
                self.shared.extend(manifest.items.iter().map(|item| item.digest));
                if let Some(request) = &held.keeping.request {
                    self.answers.note(request, Answer::Market(held.digest));
                }
            }
            Evidence::PositionManifest(manifest) => {
                self.shared.extend(manifest.chunks.iter().map(|chunk| chunk.digest));
            }
            // Over equal bytes both houses know the breaks.
            Evidence::Statement(statement) if self.by_digest(held.by.other(), held.digest).is_some() => {
                self.shared.insert(statement.breaks);
            }
            Evidence::CycleOpening(opening) => {
                let view = self.cycles.entry(opening.cycle).or_default();
                // What the other house asks for shows until this house opens the cycle with its own instants.
                if held.by == self.us || view.cut_off.is_none() {
                    view.as_of = Some(opening.as_of);
                    view.cut_off = Some(opening.cut_off);
                    view.opened_at = (held.by == self.us).then_some(recorded_at);
                }
                if held.by == self.us {
                    view.directions_through = held.keeping.directions_through;
                    self.directions.open(opening.cycle, held.keeping.directions_through);
                }
            }
            Evidence::Outcome(outcome) if held.by == self.us => {
                let view = self.cycles.entry(outcome.cycle).or_default();
                // A late agreement is charged from then on, by the registry of then.
                if view.closing_registry.is_some() {
                    view.closing_registry = Some(Arc::clone(&self.registry));
                }
                if let End::FellBack(cause) = outcome.end
                    && let Ok(cause) = FallBackCause::try_from(cause)
                {
                    view.fell_back.get_or_insert((recorded_at, cause));
                }
            }
            Evidence::Recovery(recovery) => {
                self.recoveries[held.by].push(Arc::clone(held));
                if held.by != self.us {
                    self.note_recovery(recovery, held.keeping.peer_head.as_ref());
                }
            }
            _ => {}
        }
    }

    /// Notes when a round's agreement was complete here. `record` is what the rules have on record with `fact`.
    pub(crate) fn note_agreement(&mut self, fact: &Fact, record: &Record, recorded_at: Timestamp) {
        let Fact::Statement { cycle, round, .. } = fact else { return };
        let rounds = record.cycle(*cycle).map(|cycle| &cycle.rounds);
        if rounds.and_then(|rounds| rounds.get(round)).is_some_and(|round| round.agreed().is_some()) {
            self.cycles.entry(*cycle).or_default().agreed_at.entry(*round).or_insert(recorded_at);
        }
    }

    /// Whether a contradiction with this payload is on record.
    #[must_use]
    pub fn has_contradiction(&self, payload: &[u8]) -> bool {
        let is_it = |record: &Arc<v1::RecordedContradiction>| {
            record.second.as_ref().is_some_and(|second| second.payload[..] == *payload)
        };
        self.contradictions.iter().any(is_it)
    }

    /// Whether the content is for the other house too.
    #[must_use]
    pub fn is_shared(&self, digest: &Digest) -> bool {
        self.shared.contains(digest)
    }

    /// A house's market manifest that counts on a business date: of the date, else of the last one before it.
    #[must_use]
    pub fn market_manifest(&self, by: Leg, business_date: Date) -> Option<&MarketManifest> {
        self.markets[by].range(..=business_date).next_back().and_then(|(_, held)| held.market_manifest())
    }

    /// A house's newest market manifest.
    #[must_use]
    pub fn newest_market(&self, by: Leg) -> Option<&MarketManifest> {
        self.markets[by].last_key_value().and_then(|(_, held)| held.market_manifest())
    }

    /// The business dates of either house's market data up to the newest that both have reached, ascending; empty while
    /// one house has given none.
    #[must_use]
    pub fn market_dates(&self) -> Vec<Date> {
        let newest = Pair::from_fn(|leg| self.markets[leg].last_key_value().map(|(date, _)| *date));
        let Some(newest) = newest.both() else { return Vec::new() };
        let reached = newest.treasury.min(newest.futures);
        let dates = self.markets.iter().flat_map(|(_, markets)| markets.range(..=reached).map(|(date, _)| *date));
        dates.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// A house's newest position manifest of a cycle.
    #[must_use]
    pub fn newest_manifest(&self, by: Leg, cycle: CycleId) -> Option<&PositionManifest> {
        let manifest = self.cycles.get(&cycle)?.record.manifests[by]?;
        match &self.by_digest(by, manifest.revision.digest)?.evidence {
            Evidence::PositionManifest(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// The position manifests of a house, one for each cycle in its newest revision, of the newest business date first.
    pub fn newest_manifests(&self, by: Leg) -> impl Iterator<Item = &Arc<Held>> {
        let manifests = self.cycles.values().rev().filter_map(move |view| view.record.manifests[by]);
        manifests.filter_map(move |manifest| self.by_digest(by, manifest.revision.digest))
    }

    /// What the other house signed before that `fact` contradicts.
    #[must_use]
    pub fn what_contradicts(&self, fact: &Fact) -> Option<&Arc<Held>> {
        let peer = self.us.other();
        let same = |known: &Fact| match (fact, known) {
            (Fact::Claim { cycle, round, .. }, Fact::Claim { by, cycle: c, round: r, .. })
            | (
                Fact::Statement { cycle, round, .. } | Fact::Declined { cycle, round, .. },
                Fact::Statement { by, cycle: c, round: r, .. } | Fact::Declined { by, cycle: c, round: r },
            ) => *by == peer && cycle == c && round == r,
            (Fact::Manifest { cycle, revision, .. }, Fact::Manifest { by, cycle: c, revision: r, .. }) => {
                *by == peer && cycle == c && revision.version == r.version
            }
            (Fact::Registry { sequence, .. }, Fact::Registry { by, sequence: s }) => *by == peer && sequence == s,
            (Fact::Market { business_date, version, .. }, Fact::Market { by, business_date: d, version: v }) => {
                *by == peer && business_date == d && version.version == v.version
            }
            _ => false,
        };
        // Of several the same one whenever it is asked: a statement and a word that there is none may both be here.
        self.evidence.iter().filter(|(known, _)| same(known)).min_by_key(|(known, _)| **known).map(|(_, held)| held)
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

    /// What this request led to when it was asked before; `None` where its id is new.
    ///
    /// # Errors
    /// The id was given to another request.
    pub fn answer(&self, request: &CallerRequest) -> Result<Option<&Answer>, OtherRequest> {
        self.answers.to(request)
    }

    /// The newest business date of which this house has opened a cycle. What the other house asks for does not count.
    #[must_use]
    pub fn newest_opened_date(&self) -> Option<Date> {
        let opened = self.cycles.iter().rev().find(|(_, view)| view.record.opened[self.us]);
        opened.map(|(cycle, _)| cycle.business_date)
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
