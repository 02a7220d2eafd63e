//! The margins of the sample, pinned to the last digit, and the laws that a change of inputs must keep.

mod past;
mod trial;

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
};

use crossmargin::v1;
use jiff::Timestamp;
use proptest::prelude::*;
use prost::{Message, bytes::Bytes};

use super::*;
use crate::{
    arrangement::{
        evidence::{ChunkRef, MarketItemRef, RegistryContent, RegistryEntry},
        leaf,
        terms::Arrangement,
    },
    blobs::MemoryBlobStore,
    book::{Accounts, Holding, columns},
    csv_book::Book,
    market, sample,
};

/// Root of the tree over the sample's leaves: every figure of every pair, under both models. It changes when a formula,
/// a parameter, a rounding, the form of a leaf or the sample changes, and then the engine's or the model's version must change too.
const SAMPLE_ROOT: &str = "6503090e05cc1ca65887e3175ee55ff7bfa7df4ed713ebae50613856b8aa104e";

struct Bench {
    computer: Computer,
    blobs: Arc<dyn BlobStore>,
    registry: Arc<Registry>,
}

impl Bench {
    fn new() -> Self {
        let arrangement = Arc::new(Arrangement::default());
        let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new());
        let mut registry = Registry::new(Arc::clone(&arrangement.programme));
        for leg in Leg::BOTH {
            let adoption = RegistryContent::Adoption(arrangement.digest());
            let links = sample::programme::entry(&sample::book::links());
            let mut previous = Digest::default();
            for (sequence, content) in (1..).zip([adoption, links]) {
                let digest = Digest::of(format!("{leg:?} {sequence}").as_bytes());
                registry.record(leg, &RegistryEntry { sequence, previous, content }, digest).unwrap();
                previous = digest;
            }
        }
        let computer = Computer::new(arrangement, Arc::clone(&blobs));
        Self { computer, blobs, registry: Arc::new(registry) }
    }

    fn manifest(&self, book: &Book) -> PositionManifest {
        self.manifest_of(&holdings(book))
    }

    fn manifest_of(&self, accounts: &Accounts) -> PositionManifest {
        let chunks = columns::chunks_of(accounts);
        let chunks: Vec<ChunkRef> = chunks
            .into_iter()
            .map(|chunk| ChunkRef {
                digest: self.blobs.put(&chunk.bytes.into()).unwrap(),
                size_bytes: chunk.reference.size_bytes,
                account_count: chunk.reference.account_count,
                position_count: chunk.reference.position_count,
            })
            .collect();
        PositionManifest {
            cycle: "2026-02-13/EOD/1".parse().unwrap(),
            revision: 1,
            as_of: Timestamp::UNIX_EPOCH,
            book_version: 1,
            account_count: 28,
            position_count: 0,
            chunks,
        }
    }

    fn market(&self, leg: Leg) -> MarketManifest {
        let items = sample::market().into_items(leg);
        let items = items.iter().map(|item| {
            let bytes: Bytes = item.encode_to_vec().into();
            let size_bytes = bytes.len() as u64;
            let kind = market::kind_of(item.item.as_ref().unwrap());
            MarketItemRef { kind, digest: self.blobs.put(&bytes).unwrap(), size_bytes }
        });
        MarketManifest { business_date: sample::BUSINESS_DATE, version: 1, items: items.collect() }
    }

    fn job(&self, books: &Pair<Book>) -> Job {
        Job {
            business_date: sample::BUSINESS_DATE,
            inputs: fact::Inputs {
                manifests: Pair::default(),
                markets: Pair::default(),
                registry: Pair { treasury: 2, futures: 2 },
            },
            manifests: Pair::from_fn(|leg| self.manifest(&books[leg])),
            markets: Pair::from_fn(|leg| self.market(leg)),
            registry: Arc::clone(&self.registry),
        }
    }

    fn joint(&self, books: &Pair<Book>) -> (Computed, Vec<v1::MarginLeaf>) {
        let computed = self.computer.joint(&self.job(books)).unwrap();
        let leaves = computed.tree.leaves().iter().map(|leaf| v1::MarginLeaf::decode(leaf.bytes.clone()).unwrap());
        let leaves = leaves.collect();
        (computed, leaves)
    }
}

/// The holdings of a book as the node would keep them.
fn holdings(book: &Book) -> Accounts {
    let mut rows: std::collections::BTreeMap<String, std::collections::BTreeMap<_, i64>> = Default::default();
    for (account, instrument, quantity) in book.positions() {
        *rows.entry(account.to_owned()).or_default().entry(instrument).or_default() += quantity;
    }
    for (account, repo) in book.repos() {
        let trade = risk::repo::RepoTrade {
            collateral: repo.collateral,
            face: repo.face,
            start_date: repo.legs.start,
            start_cash_cents: repo.legs.start_cash_cents,
            end_date: repo.legs.end,
            end_cash_cents: repo.legs.end_cash_cents,
        };
        for (instrument, quantity) in risk::repo::unsettled_legs(&[trade], sample::BUSINESS_DATE).unwrap() {
            *rows.entry(account.to_owned()).or_default().entry(instrument).or_default() += quantity;
        }
    }
    let holdings = rows.into_iter().map(|(account, rows)| {
        let rows = rows.into_iter().filter(|(_, quantity)| *quantity != 0);
        let rows: Arc<[Holding]> = rows.map(|(instrument, quantity)| Holding { instrument, quantity }).collect();
        (account.parse().unwrap(), rows)
    });
    holdings.collect()
}

fn sample_books() -> Pair<Book> {
    Pair::from_fn(|leg| sample::book::book(leg).unwrap())
}

#[test]
fn the_margins_of_the_sample_are_what_they_were_to_the_last_digit() {
    let (computed, leaves) = Bench::new().joint(&sample_books());
    assert_eq!(leaves.len(), 28);
    assert_eq!(computed.tree.root().to_string(), SAMPLE_ROOT);
}

#[test]
fn every_leaf_follows_from_its_own_figures_by_the_second_route() {
    let bench = Bench::new();
    let bounds = &bench.computer.arrangement.bounds;
    for leaf in bench.joint(&sample_books()).1 {
        // The leaf's own integer formulas are written apart from those of `risk`.
        leaf::check(&leaf, bounds, leaf::requirement_cents).unwrap();
    }
}

#[test]
fn what_the_houses_let_be_granted_at_most_stands_in_the_leaf_and_is_applied() {
    let bench = Bench::new();
    let (_, without) = bench.joint(&sample_books());
    let job = bench.job(&sample_books());
    let books = positions::load_both(&*bench.blobs, &job.manifests).unwrap();
    let mut links = positions::links(&job.registry, &books, job.business_date);
    let caps = [0, 99, 2_500, 10_000].map(|bp| Factor::from_basis_points(bp).unwrap());
    links.iter_mut().zip(caps.iter().cycle()).for_each(|(link, cap)| link.cap = *cap);
    let markets = job.markets.as_ref().map(Some);
    let prepared = bench.computer.prepare(job.business_date, markets, &positions::dictionary(&links)).unwrap();
    let digests = positions::digests(&prepared, &links);
    let margins = leaves::margins(prepared.valued(), &links, &bench.computer.terms()).unwrap();
    let leaves = leaves::encode(&links, &digests, &margins).unwrap();
    let bounds = &bench.computer.arrangement.bounds;
    let mut lowered = 0;
    for ((_, bytes), cap) in leaves.iter().zip(caps.iter().cycle()) {
        let leaf = v1::MarginLeaf::decode(bytes.clone()).unwrap();
        let without = without.iter().find(|without| without.link_id == leaf.link_id).unwrap();
        leaf::check(&leaf, bounds, leaf::requirement_cents).unwrap();
        assert_eq!(leaf.override_bp, u32::from(cap.basis_points()));
        let most = if leaf.override_bp < bounds.min_bp { 0 } else { leaf.override_bp };
        assert_eq!(leaf.applied_factor_bp, without.applied_factor_bp.min(most));
        assert_eq!(leaf.treasury_house, without.treasury_house, "an override changes no model's figures");
        lowered += usize::from(leaf.applied_factor_bp < without.applied_factor_bp);
    }
    assert!(lowered > 10, "{lowered}");
}

#[test]
fn a_change_of_one_account_changes_the_leaf_of_its_link_alone() {
    let bench = Bench::new();
    let (_, before) = bench.joint(&sample_books());
    let mut books = sample_books();
    let (leg, csv) = sample::book::late_amendment();
    let amendment = crate::csv_book::parse(csv.as_bytes(), "amendment").unwrap();
    let amended = amendment.accounts()[0].clone();
    let kept = books[leg].of_accounts(|account| account != amended);
    books[leg] = crate::csv_book::parse(format!("{kept}{}", without_header(&amendment)).as_bytes(), "book").unwrap();
    let (_, after) = bench.joint(&books);
    let changed: Vec<&str> =
        before.iter().zip(&after).filter(|(one, other)| one != other).map(|(leaf, _)| leaf.link_id.as_str()).collect();
    assert_eq!(changed, ["LNK-0005"]);
}

proptest! {
    // Each case computes a whole round.
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn no_links_leaf_depends_on_another_links_positions(
        changed in 0..28_usize,
        changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), -5_000..5_000_i64), 1..6),
    ) {
        static BEFORE: LazyLock<(Bench, Vec<(LinkId, Bytes)>)> = LazyLock::new(|| {
            let bench = Bench::new();
            let leaves = leaves_of(&bench, &Pair::from_fn(|leg| holdings(&sample_books()[leg])));
            (bench, leaves)
        });
        let (bench, before) = &*BEFORE;
        let mut accounts = Pair::from_fn(|leg| holdings(&sample_books()[leg]));
        let terms = bench.registry.links_on(sample::BUSINESS_DATE).nth(changed).unwrap().0.clone();
        let held = |leg: Leg| accounts[leg].values().flat_map(|held| held.iter()).map(|held| held.instrument);
        let instruments = Pair::from_fn(|leg| held(leg).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>());
        for (is_treasury, instrument, quantity) in changes {
            let leg = if is_treasury { Leg::Treasury } else { Leg::Futures };
            let instrument = *instrument.get(&instruments[leg]);
            let account = accounts[leg].get_mut(&terms.accounts[leg]).unwrap();
            // A face is a multiple of 100.
            let added = Holding { instrument, quantity: quantity * if is_treasury { 100_000 } else { 1 } };
            let others = account.iter().filter(|held| held.instrument != instrument).copied();
            let mut holdings: Vec<Holding> = others.chain((added.quantity != 0).then_some(added)).collect();
            holdings.sort_by_key(|held| held.instrument);
            *account = holdings.into();
        }
        let after = leaves_of(bench, &accounts);
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert!(before == after || before.0 == terms.link, "{} changed with {}", before.0, terms.link);
        }
    }
}

/// The leaves' bytes of a round on these positions.
fn leaves_of(bench: &Bench, accounts: &Pair<Accounts>) -> Vec<(LinkId, Bytes)> {
    let manifests = Pair::from_fn(|leg| bench.manifest_of(&accounts[leg]));
    let job = Job { manifests, ..bench.job(&sample_books()) };
    let computed = bench.computer.joint(&job).unwrap();
    computed.tree.leaves().iter().map(|leaf| (leaf.link.clone(), leaf.bytes.clone())).collect()
}

fn without_header(book: &Book) -> String {
    book.to_string().split_once('\n').map_or_else(String::new, |(_, rows)| rows.to_owned())
}

#[test]
fn an_account_that_a_book_was_frozen_without_is_not_flat_and_its_link_has_no_margin() {
    let mut books = sample_books();
    books.futures = books.futures.of_accounts(|account| account != "XM-1003");
    let (_, leaves) = Bench::new().joint(&books);
    assert_eq!(leaves.len(), 27);
    assert!(leaves.iter().all(|leaf| leaf.link_id != "LNK-0003"), "nothing is agreed on positions that are not there");
}

#[test]
fn the_order_in_which_rounds_are_computed_changes_no_digit() {
    let (alone, _) = Bench::new().joint(&sample_books());
    let bench = Bench::new();
    // A first round of another book leaves its instruments prepared, in another order of rows.
    let some = Pair::from_fn(|leg| sample_books()[leg].of_accounts(|account| account.ends_with('3')));
    bench.joint(&some);
    let (after, _) = bench.joint(&sample_books());
    assert_eq!(alone.tree.root(), after.tree.root());
}
