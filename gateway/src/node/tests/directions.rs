//! What a node freezes of directed positions.

use super::*;
use crate::{book::columns, csv_book};

pub(super) const XM: &str = "XM-1001";
pub(super) const ZN: &str = "FUT:ZN:2026-03";
const FUTURES: Leg = Leg::Futures;

/// A regular account of the first link's owner.
pub(super) const REGULAR: &str = "REG-1001";

impl Houses {
    pub(super) async fn record_regular_account(&self) {
        let account = v1::AccountRecord {
            account: REGULAR.into(),
            member: "alder-point".into(),
            owner: "alder-point".into(),
            r#use: v1::AccountUse::Regular.into(),
        };
        let change = v1::programme_change::Change::Account(account);
        let changes = vec![v1::ProgrammeChange { reason: String::new(), change: Some(change) }];
        let request = v1::RecordChangesRequest { request_id: "regular".into(), changes, validate_only: false };
        self.house(FUTURES).running.handle.record_changes(request, "administrator".into()).await.unwrap();
    }

    fn is_frozen(&self, cycle: CycleId, account: &str) -> bool {
        let context = &self.house(FUTURES).running.handle.context;
        let manifest = context.catalog.read().newest_manifest(FUTURES, cycle).cloned().unwrap();
        let chunks = manifest.chunks.iter().map(|chunk| context.blobs.get(&chunk.digest).unwrap().unwrap());
        let mut accounts = chunks.flat_map(|bytes| columns::read(&bytes).unwrap());
        accounts.any(|(name, _)| name.as_str() == account)
    }

    async fn direct(&self, id: &str, instrument: &str, quantity: i64) -> u64 {
        let leg = v1::PositionLeg {
            from_account: REGULAR.into(),
            to_account: XM.into(),
            instrument: instrument.into(),
            quantity,
        };
        let request = v1::DirectPositionsRequest {
            request_id: id.into(),
            business_date: sample::BUSINESS_DATE.to_string(),
            legs: vec![leg],
            ..Default::default()
        };
        let answer = self.house(FUTURES).running.handle.direct(&request, None, "administrator".into()).await.unwrap().0;
        let crate::node::catalog::Answer::Direction { number, .. } = answer else { panic!("{answer:?}") };
        number
    }

    /// What an account holds of an instrument in the newest frozen book of a cycle, with the book's version and revision.
    async fn frozen(&self, cycle: CycleId, revision: u32, account: &str, instrument: &str) -> (i64, u64) {
        let wanted = move |view: &CycleView| {
            view.record.manifests[FUTURES].is_some_and(|manifest| manifest.revision.version == u64::from(revision))
        };
        for _ in 0..600 {
            if wanted(&self.view(FUTURES, cycle)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let context = &self.house(FUTURES).running.handle.context;
        let manifest = context.catalog.read().newest_manifest(FUTURES, cycle).cloned().unwrap();
        assert_eq!(manifest.revision, revision);
        let chunks = manifest.chunks.iter().map(|chunk| context.blobs.get(&chunk.digest).unwrap().unwrap());
        let mut accounts = chunks.flat_map(|bytes| columns::read(&bytes).unwrap());
        let (_, holdings) = accounts.find(|(name, _)| name.as_str() == account).unwrap();
        let instrument = instrument.parse().unwrap();
        let held = holdings.iter().find(|holding| holding.instrument == instrument);
        (held.map_or(0, |holding| holding.quantity), manifest.book_version)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_frozen_book_holds_what_was_directed_before_its_cycle_was_opened_and_nothing_later() {
    const ZT: &str = "FUT:ZT:2026-03";
    let houses = Houses::new().await;
    houses.record_sample_links().await;
    houses.submit_sample_market(FUTURES).await;
    houses.record_regular_account().await;
    let text = format!("{}{REGULAR},{ZT},-1000,,,,\n", sample::book::csv(FUTURES));
    let book = csv_book::parse(text.as_bytes(), "book").unwrap();
    houses.submit_book(FUTURES, book, 1, v1::SnapshotScope::Full).await;
    let handle = &houses.house(FUTURES).running.handle;
    assert_eq!(houses.direct("a", ZT, -900).await, 1);
    let (first, second): (CycleId, CycleId) =
        ("2026-02-13/EOD/2".parse().unwrap(), "2026-02-13/EOD/3".parse().unwrap());
    let cut_off = Some(Timestamp::now() + Duration::from_secs(120));
    handle.open_cycle(first, cut_off).await.unwrap();
    assert_eq!(houses.direct("b", ZT, -60).await, 2);
    handle.open_cycle(second, cut_off).await.unwrap();
    assert_eq!(houses.frozen(first, 1, XM, ZT).await, (-900, 1), "the version is the snapshot's");
    assert_eq!(houses.frozen(second, 1, XM, ZT).await, (-960, 1));

    // An amendment that includes the first and names neither account: both cycles are frozen anew with what was theirs.
    let text = format!("{}\nXM-1005,{ZN},1,,,,\n", csv_book::HEADER);
    let amendment = csv_book::parse(text.as_bytes(), "amendment").unwrap();
    houses.submit_book_through(FUTURES, amendment, 2, v1::SnapshotScope::Amendment, 1).await;
    assert_eq!(houses.frozen(first, 2, XM, ZT).await, (-900, 2));
    assert_eq!(houses.frozen(second, 2, XM, ZT).await, (-960, 2));
    assert!(!houses.is_frozen(second, REGULAR), "a regular account takes no part");
    assert_eq!(houses.frozen(first, 2, "XM-1005", ZN).await, (1, 2));
}
