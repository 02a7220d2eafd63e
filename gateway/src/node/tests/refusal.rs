//! What a node makes of the other house's word about its own ledger.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use super::*;
use crate::{
    ledger::{
        Epoch, GuardConflict, Head, HeadSignature, LedgerError, NewRecord, Record, RecordHash, Sequence, SignedHead,
        Standing, StateSnapshot, Ticket,
    },
    node::{
        RequestError,
        heads::{LostWord, OwnWord, UncheckedHead},
        input::Input,
    },
};

const US: Leg = Leg::Treasury;

/// A ledger whose guard cannot be written while it is told so.
struct Guarded {
    ledger: MemoryLedger,
    is_guard_failing: AtomicBool,
}

impl Ledger for Guarded {
    fn append(&self, expected: Sequence, epoch: Epoch, records: Vec<NewRecord>) -> Ticket {
        self.ledger.append(expected, epoch, records)
    }

    fn read_from(&self, from: Sequence, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, LedgerError>> {
        self.ledger.read_from(from, limit)
    }

    fn head(&self) -> SignedHead {
        self.ledger.head()
    }

    fn put_snapshot(&self, at: Sequence, state: Vec<u8>) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.ledger.put_snapshot(at, state)
    }

    fn latest_snapshot(&self) -> BoxFuture<'_, Result<Option<StateSnapshot>, LedgerError>> {
        self.ledger.latest_snapshot()
    }

    fn standing(&self) -> Standing {
        self.ledger.standing()
    }

    fn hold_to(&self, word: SignedHead) -> BoxFuture<'_, Result<Option<GuardConflict>, LedgerError>> {
        if self.is_guard_failing.load(Ordering::SeqCst) {
            let error = LedgerError::StorageFull { doing: "write the guard", path: "ledger.guard".into() };
            return Box::pin(async move { Err(error) });
        }
        self.ledger.hold_to(word)
    }
}

impl Houses {
    /// Tells the house what the other makes of its ledger, and waits until it has taken it.
    async fn greet(&self, own_word: OwnWord) {
        let (taken, is_taken) = oneshot::channel();
        let greeted = Input::Greeted { own_word, peer_head: None, known_registry_sequence: 0, taken: Some(taken) };
        self.house(US).running.handle.requests.send(greeted).await.unwrap();
        is_taken.await.unwrap();
    }

    fn refusal(&self) -> Option<String> {
        self.house(US).running.handle.context.catalog.read().refusal_to_sign.clone()
    }

    async fn wait_for_refusal(&self, words: &str) {
        for _ in 0..600 {
            if self.refusal().is_some_and(|refusal| refusal.contains(words)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no {words:?} in {:?}", self.refusal());
    }

    fn unchecked_head(&self) -> Option<UncheckedHead> {
        self.house(US).running.handle.context.catalog.read().unchecked_head.clone()
    }

    async fn ask(&self, request_id: &str) -> Result<(), RequestError> {
        let request = v1::RecordChangesRequest {
            request_id: request_id.to_owned(),
            changes: sample::programme::onboarding(&sample::book::links()),
            validate_only: false,
        };
        let asked = self.house(US).running.handle.record_changes(request, "administrator".to_owned()).await;
        asked.map(|_| ())
    }
}

fn lost() -> OwnWord {
    let head = Head { seq: Sequence(1_000), hash: RecordHash([9; 32]) };
    let signature = HeadSignature { key_id: "unsigned".to_owned(), bytes: vec![1] };
    let word = SignedHead { party: party(US), head, epoch: Epoch(0), signature };
    OwnWord::Lost(Box::new(LostWord { word, reason: "record 1000 is not here".to_owned() }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_that_cannot_be_written_leaves_a_refusal_that_says_so_and_is_given_the_word_again() {
    let guarded = Arc::new(Guarded { ledger: MemoryLedger::unsigned(party(US)), is_guard_failing: true.into() });
    let ledgers = Pair {
        treasury: Arc::clone(&guarded) as Arc<dyn Ledger>,
        futures: Arc::new(MemoryLedger::unsigned(party(US.other()))) as Arc<dyn Ledger>,
    };
    let houses = Houses::with_ledgers(ledgers).await;
    houses.greet(lost()).await;
    houses.wait_for_refusal("The guard could not be given that record").await;
    let refusal = houses.refusal().unwrap();
    assert!(refusal.contains("record 1000 is not here") && refusal.contains("ledger.guard"), "{refusal}");
    assert!(guarded.standing().is_writable(), "it is the node that refuses");
    let asked = houses.ask("while the guard fails").await.unwrap_err();
    assert!(matches!(&asked, RequestError::Precondition(reason) if *reason == refusal), "{asked}");

    guarded.is_guard_failing.store(false, Ordering::SeqCst);
    houses.greet(lost()).await;
    houses.wait_for_refusal("The guard holds that record now").await;
    assert!(matches!(guarded.standing(), Standing::HeldByGuard(_)));
    let refusal = houses.refusal().unwrap();
    // Told again, and told that all is well: neither changes a refusal.
    houses.greet(lost()).await;
    houses.greet(OwnWord::Held).await;
    assert_eq!(houses.refusal(), Some(refusal));
    assert!(matches!(houses.ask("later").await, Err(RequestError::Precondition(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_cannot_be_checked_is_shown_until_a_greeting_is_checked_and_refuses_nothing() {
    let houses = Houses::new().await;
    // The other house's own greetings are over for some seconds.
    for leg in Leg::BOTH {
        while !houses.house(leg).running.handle.context.peer.is_connected() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let unchecked = UncheckedHead { sequence: 1_000, reason: "key \"00\": not known".to_owned() };
    houses.greet(OwnWord::Unknown(unchecked.clone())).await;
    assert_eq!(houses.unchecked_head(), Some(unchecked.clone()));
    assert_eq!(houses.refusal(), None);
    houses.ask("the links").await.unwrap();
    houses.greet(OwnWord::Held).await;
    assert_eq!(houses.unchecked_head(), None);
    // A head that is checked and not here is a refusal, and nothing is unchecked any more.
    houses.greet(OwnWord::Unknown(unchecked)).await;
    houses.greet(lost()).await;
    assert_eq!((houses.unchecked_head(), houses.refusal().is_some()), (None, true));
}
