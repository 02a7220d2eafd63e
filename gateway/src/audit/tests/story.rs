//! Two houses agree on the sample book, written down without a node.

use std::sync::{Arc, OnceLock};

use crossmargin::v1;
use jiff::Timestamp;
use prost::{Message, bytes::Bytes};
use risk::instrument::Instrument;

use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        envelope,
        evidence::{
            ChunkRef, Claim, CycleOpening, End, Evidence, MarketItemRef, MarketManifest, Outcome, PositionManifest,
            RegistryContent, RegistryEntry, Statement,
        },
        fact, leaf,
        leg::{Leg, Pair},
        matching::{self, NamedClaim},
        name::AccountId,
        registry::Registry,
        terms::Arrangement,
        tree::MarginTree,
    },
    blobs::{BlobStore, MemoryBlobStore},
    book::{
        Holding, columns,
        direction::overlay::Overlay,
        intake::{self, Eligibility, Snapshot},
    },
    compute::{Computed, Computer, Job},
    identity::{SigningKey, VerifyingKeys, signing::Validity},
    market,
    node::entry::{Entry, Held, Keeping},
    sample,
};

/// The house whose ledger it is.
pub(super) const US: Leg = Leg::Treasury;
/// When everything was recorded.
pub(super) const AT: Timestamp = Timestamp::UNIX_EPOCH;

/// A ledger, its content, and what is needed to judge it.
pub(super) struct Story {
    pub(super) arrangement: Arc<Arrangement>,
    pub(super) keys: VerifyingKeys,
    pub(super) signers: Pair<SigningKey>,
    pub(super) blobs: Arc<MemoryBlobStore>,
    pub(super) entries: Vec<Entry>,
    contents: Vec<Digest>,
    own_claim: usize,
    own_statement: usize,
}

/// The part that every story shares, and that takes time.
struct Beginning {
    blobs: Vec<Bytes>,
    manifests: Pair<PositionManifest>,
    markets: Pair<MarketManifest>,
    log: Vec<(Leg, RegistryEntry)>,
    computed: Computed,
}

struct Anything;

impl Eligibility for Anything {
    fn check_account(&self, _: &AccountId) -> Result<(), String> {
        Ok(())
    }

    fn check(&self, _: &Instrument, _: i64, _: jiff::civil::Date) -> Result<(), String> {
        Ok(())
    }
}

impl Story {
    /// The story with the leaves of both claims changed, and everything signed over the change.
    pub(super) fn told(change: impl FnOnce(&mut [v1::MarginLeaf])) -> Self {
        Self::write(change, None)
    }

    /// The story with claims that another engine computed.
    pub(super) fn told_by_engine(engine: &str) -> Self {
        Self::write(|_| {}, Some(engine))
    }

    fn write(change: impl FnOnce(&mut [v1::MarginLeaf]), engine: Option<&str>) -> Self {
        static BEGINNING: OnceLock<Beginning> = OnceLock::new();
        let beginning = BEGINNING.get_or_init(begin);
        let signers = Pair {
            treasury: SigningKey::from_seed(&[1; 32]).unwrap(),
            futures: SigningKey::from_seed(&[2; 32]).unwrap(),
        };
        let arrangement = Arc::new(Arrangement::default());
        let mut keys = VerifyingKeys::new();
        for leg in Leg::BOTH {
            let house = arrangement.parties.houses[leg].as_str().parse().unwrap();
            keys.insert(house, signers[leg].public().clone(), Validity::ALWAYS).unwrap();
        }
        let blobs = Arc::new(MemoryBlobStore::new());
        let contents = blobs.put_many(&beginning.blobs).unwrap();
        let mut story =
            Self { arrangement, keys, signers, blobs, entries: Vec::new(), contents, own_claim: 0, own_statement: 0 };
        story.write_inputs(beginning);
        story.write_round(beginning, change, engine);
        story
    }

    fn write_inputs(&mut self, beginning: &Beginning) {
        for (leg, entry) in &beginning.log {
            self.sign(*leg, Evidence::RegistryEntry(entry.clone()), None);
        }
        for leg in Leg::BOTH {
            self.sign(leg, Evidence::MarketManifest(beginning.markets[leg].clone()), None);
            let cut_off = "2026-02-13T20:00:00Z".parse().unwrap();
            self.sign(leg, Evidence::CycleOpening(CycleOpening { cycle: cycle(), as_of: AT, cut_off }), None);
            self.sign(leg, Evidence::PositionManifest(beginning.manifests[leg].clone()), None);
        }
    }

    fn write_round(&mut self, beginning: &Beginning, change: impl FnOnce(&mut [v1::MarginLeaf]), engine: Option<&str>) {
        let computed = &beginning.computed;
        let leaves = computed.tree.leaves().iter().map(|leaf| v1::MarginLeaf::decode(leaf.bytes.clone()).unwrap());
        let mut leaves: Vec<v1::MarginLeaf> = leaves.collect();
        change(&mut leaves);
        let leaves: Vec<Bytes> = leaves.iter().map(leaf::encode).collect();
        let attachment = self.keep(v1::MarginLeaves { leaves: leaves.clone() }.encode_to_vec());
        let tree: MarginTree = Computer::tree_of(leaves).unwrap();

        let mut inputs = computed.named_inputs.clone();
        if let Some(engine) = engine {
            inputs.engine = engine.to_owned();
        }
        let claim = Claim { cycle: cycle(), round: Round(1), inputs, root: tree.root(), link_count: tree.len() as u64 };
        let claims = Pair::from_fn(|leg| {
            let index = self.entries.len();
            let digest = self.sign(leg, Evidence::Claim(claim.clone()), (leg == US).then_some(attachment));
            if leg == US {
                self.own_claim = index;
            }
            digest
        });
        let named = claims.map(|digest| NamedClaim { digest, claim: &claim });
        let grants = self.arrangement.advance_grants();
        let matched = matching::match_claims(&self.arrangement.parties, &grants, &named, US, &tree, &[]).unwrap();
        let breaks = self.keep(matched.breaks_payload.to_vec());
        for leg in Leg::BOTH {
            if leg == US {
                self.own_statement = self.entries.len();
            }
            let attachment = (leg == US).then_some(breaks);
            let content = self.sign(leg, Evidence::Statement(matched.statement.clone()), attachment);
            assert_eq!(content, matched.digest);
        }
        let end = End::Agreed { round: Round(1), agreement: matched.digest, is_late: false };
        self.sign(US, Evidence::Outcome(Outcome { cycle: cycle(), end }), None);
    }

    /// Every blob of the story.
    pub(super) fn contents(&self) -> Vec<Bytes> {
        self.contents.iter().map(|digest| self.blobs.get(digest).unwrap().unwrap()).collect()
    }

    /// Where something signed stands, and who signed it.
    pub(super) fn signed(&self) -> Vec<(usize, Leg)> {
        let held = |(index, entry): (usize, &Entry)| match entry {
            Entry::Evidence(held) => Some((index, held.by)),
            _ => None,
        };
        self.entries.iter().enumerate().filter_map(held).collect()
    }

    pub(super) fn own_claim(&self) -> &Arc<Held> {
        match &self.entries[self.own_claim] {
            Entry::Evidence(held) => held,
            other => panic!("{other:?} is not a claim"),
        }
    }

    pub(super) fn change_own_claim(&mut self, change: impl FnOnce(&mut Held)) {
        self.change(self.own_claim, change);
    }

    pub(super) fn change_own_statement(&mut self, change: impl FnOnce(&mut Held)) {
        self.change(self.own_statement, change);
    }

    /// Changes a record, without signing it anew.
    pub(super) fn change(&mut self, index: usize, change: impl FnOnce(&mut Held)) {
        match &mut self.entries[index] {
            Entry::Evidence(held) => change(Arc::make_mut(held)),
            other => panic!("{other:?} is not evidence"),
        }
    }

    /// This house signs one thing more.
    pub(super) fn sign_more(&mut self, evidence: Evidence) {
        self.sign(US, evidence, None);
    }

    /// Puts the cut-off before this house's statement.
    pub(super) fn cut_off_before_own_statement(&mut self) {
        self.entries.insert(self.own_statement, Entry::CutOff { cycle: cycle(), at: AT, is_restored: false });
        self.own_statement += 1;
    }

    /// Takes the other house's statement out.
    pub(super) fn forget_their_statement(&mut self) {
        self.entries.retain(|entry| {
            !matches!(entry, Entry::Evidence(held)
                if held.by != US && matches!(held.evidence, Evidence::Statement(_)))
        });
    }

    /// Both houses sign another statement, and the outcome names it.
    pub(super) fn restate(&mut self, change: impl FnOnce(&mut Statement)) {
        self.entries.truncate(self.own_statement + 2);
        let statements: Vec<Entry> = self.entries.drain(self.own_statement..).collect();
        let Some(Entry::Evidence(own)) = statements.first() else { panic!("statements come last") };
        let Evidence::Statement(mut statement) = own.evidence.clone() else { panic!("a statement") };
        change(&mut statement);
        let breaks = statement.breaks;
        let [content, _] =
            Leg::BOTH.map(|leg| self.sign(leg, Evidence::Statement(statement.clone()), (leg == US).then_some(breaks)));
        let end = End::Agreed { round: Round(1), agreement: content, is_late: false };
        self.sign(US, Evidence::Outcome(Outcome { cycle: cycle(), end }), None);
    }

    fn keep(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = self.blobs.put(&bytes.into()).unwrap();
        self.contents.push(digest);
        digest
    }

    fn sign(&mut self, by: Leg, evidence: Evidence, attachment: Option<Digest>) -> Digest {
        let key = &self.signers[by];
        let key_id = key.id().to_string();
        let envelope = envelope::seal(&evidence, &self.arrangement.parties, by, &key_id, |bytes| key.sign(bytes));
        let digest = Digest::of(&envelope.payload);
        let keeping = Keeping { attachment, ..Keeping::default() };
        self.entries.push(Entry::Evidence(Arc::new(Held { by, digest, envelope, evidence, keeping })));
        digest
    }
}

fn cycle() -> CycleId {
    "2026-02-13/ITD/1".parse().unwrap()
}

fn begin() -> Beginning {
    let arrangement = Arc::new(Arrangement::default());
    let store = Arc::new(MemoryBlobStore::new());
    let mut blobs = Vec::new();
    let mut registry = Registry::new(Arc::clone(&arrangement.programme));
    let mut log = Vec::new();
    for leg in Leg::BOTH {
        let links = sample::programme::entry(&sample::book::links());
        for content in [RegistryContent::Adoption(arrangement.digest()), links] {
            let (sequence, previous) = registry.next(leg);
            let entry = RegistryEntry { sequence, previous, content };
            let payload = Evidence::RegistryEntry(entry.clone()).encode(&arrangement.parties, leg);
            registry.record(leg, &entry, Digest::of(&payload)).unwrap();
            log.push((leg, entry));
        }
    }
    let markets = Pair::from_fn(|leg| market_manifest(leg, &mut blobs));
    let manifests = Pair::from_fn(|leg| position_manifest(leg, &registry, &mut blobs));
    store.put_many(&blobs).unwrap();
    let digest = |leg: Leg, evidence: Evidence| Digest::of(&evidence.encode(&arrangement.parties, leg));
    let inputs = fact::Inputs {
        manifests: Pair::from_fn(|leg| digest(leg, Evidence::PositionManifest(manifests[leg].clone()))),
        markets: Pair::from_fn(|leg| digest(leg, Evidence::MarketManifest(markets[leg].clone()))),
        registry: Pair::from_fn(|leg| registry.sequence(leg)),
    };
    let job = Job {
        business_date: sample::BUSINESS_DATE,
        inputs,
        manifests: manifests.clone(),
        markets: markets.clone(),
        registry: Arc::new(registry),
    };
    let computed = Computer::new(arrangement, store).joint(&job).unwrap();
    Beginning { blobs, manifests, markets, log, computed }
}

fn market_manifest(leg: Leg, blobs: &mut Vec<Bytes>) -> MarketManifest {
    let mut items: Vec<MarketItemRef> = Vec::new();
    for item in sample::market().into_items(leg) {
        let bytes: Bytes = item.encode_to_vec().into();
        let kind = market::kind_of(item.item.as_ref().unwrap());
        items.push(MarketItemRef { kind, digest: Digest::of(&bytes), size_bytes: bytes.len() as u64 });
        blobs.push(bytes);
    }
    items.sort_by_key(|item| i32::from(item.kind));
    MarketManifest { business_date: sample::BUSINESS_DATE, version: 1, items }
}

fn position_manifest(leg: Leg, registry: &Registry, blobs: &mut Vec<Bytes>) -> PositionManifest {
    let mut snapshot = Snapshot {
        header: v1::SnapshotHeader {
            request_id: "book".into(),
            business_date: sample::BUSINESS_DATE.to_string(),
            as_of: Some(crate::wire::to_timestamp(AT)),
            book_version: 1,
            scope: v1::SnapshotScope::Full.into(),
            flat_accounts: Vec::new(),
            directions_through: 0,
        },
        ..Snapshot::default()
    };
    for part in sample::book::book(leg).unwrap().into_wire(1_000) {
        match part {
            v1::submit_snapshot_request::Part::Positions(columns) => snapshot.positions.push(columns),
            v1::submit_snapshot_request::Part::Repos(columns) => snapshot.repos.push(columns),
            v1::submit_snapshot_request::Part::Header(_) => unreachable!("a book has no header"),
        }
    }
    let book = intake::check(&snapshot, 0, &Anything).unwrap().apply_to(None, &Overlay::default());
    let flat: Arc<[Holding]> = Arc::from([]);
    let mut accounts: Vec<_> = registry
        .links_on(cycle().business_date)
        .map(|(terms, _)| &terms.accounts[leg])
        .map(|account| (account, book.accounts.get(account).unwrap_or(&flat)))
        .collect();
    accounts.sort_unstable_by(|one, next| one.0.cmp(next.0));
    let chunks = columns::chunks(&accounts);
    let references: Vec<ChunkRef> = chunks
        .into_iter()
        .map(|chunk| {
            let bytes: Bytes = chunk.bytes.into();
            let digest = Digest::of(&bytes);
            blobs.push(bytes);
            ChunkRef {
                digest,
                size_bytes: chunk.reference.size_bytes,
                account_count: chunk.reference.account_count,
                position_count: chunk.reference.position_count,
            }
        })
        .collect();
    PositionManifest {
        cycle: cycle(),
        revision: 1,
        as_of: AT,
        book_version: 1,
        account_count: references.iter().map(|chunk| u64::from(chunk.account_count)).sum(),
        position_count: references.iter().map(|chunk| chunk.position_count).sum(),
        chunks: references,
    }
}
