use super::*;
use crate::{
    arrangement::{
        cycle_id::Round,
        evidence::{CycleOpening, Decline, End, Evidence, Outcome},
    },
    ledger::{Epoch, Head, Ledger, MemoryLedger, NewRecord, Record, Sequence},
    recovery::fixture::{ARRANGEMENT, US, at, cycle, told},
};

fn opening() -> Told {
    told(US, 1, Evidence::CycleOpening(CycleOpening { cycle: cycle(), as_of: at(0), cut_off: at(100) }))
}

fn decline(by: Leg) -> Told {
    told(by, 50, Evidence::Decline(Decline { cycle: cycle(), round: Round(1), reason: "a reason".to_owned() }))
}

fn fell_back(by: Leg) -> Told {
    let end = End::FellBack(v1::FallBackCause::NoPeerStatement);
    told(by, 101, Evidence::Outcome(Outcome { cycle: cycle(), end }))
}

/// What is left of a ledger: the opening of a cycle, and perhaps its cut-off.
struct Left {
    ledger: MemoryLedger,
    newest: SignedHead,
}

impl Left {
    fn new(is_cut_off: bool) -> Self {
        let ledger = MemoryLedger::unsigned(ARRANGEMENT.parties.party(US));
        let mut entries = vec![Entry::Evidence(Arc::new(opening().held))];
        if is_cut_off {
            entries.push(Entry::CutOff { cycle: cycle(), at: at(100), is_restored: false });
        }
        let records = entries.iter().map(|entry| entry.to_record(&ARRANGEMENT.parties, at(100))).collect();
        drop(ledger.append(Sequence(1), Epoch::default(), records));
        Self { newest: ledger.head(), ledger }
    }
}

impl Lost for Left {
    fn head(&self) -> &SignedHead {
        &self.newest
    }

    fn conflict(&self) -> Option<&GuardConflict> {
        None
    }

    fn place_of(&self, head: Head) -> Result<HeadPlace, LedgerError> {
        futures_util::FutureExt::now_or_never(self.ledger.place_of(head)).unwrap()
    }

    fn read(&self, take: &mut dyn FnMut(Record)) -> Result<(), LedgerError> {
        let records = futures_util::FutureExt::now_or_never(self.ledger.read_from(Sequence(1), 100)).unwrap()?;
        records.into_iter().for_each(take);
        Ok(())
    }

    fn complete(self, _: &[NewRecord]) -> Result<SignedHead, LedgerError> {
        Ok(self.newest)
    }
}

/// The plan for a ledger of which the other house holds a later head, and this evidence.
fn planned(is_cut_off: bool, told: Vec<Told>) -> Result<Plan, RecoverError> {
    let left = Left::new(is_cut_off);
    let mut lost = left.newest.clone();
    lost.head.seq = Sequence(9);
    let kept = kept(&left, US, &ARRANGEMENT).unwrap();
    plan(&left, kept, Source { heads: vec![lost], told, ..Source::default() })
}

#[test]
fn nothing_that_this_house_signed_before_its_cut_off_is_taken_up_behind_a_cut_off_that_an_old_copy_recorded() {
    let Err(RecoverError::Contradicted(problems)) = planned(true, vec![opening(), decline(US)]) else {
        panic!("it is refused")
    };
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    for part in ["record 2 here is the cut-off of 2026-02-13/ITD/1", "EVIDENCE_KIND_DECLINE", "put the copy in place"] {
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn what_comes_behind_a_cut_off_by_right_is_taken_up() {
    let cases = [
        ("before the cut-off", false, vec![opening(), decline(US)], 1),
        ("the other house's word", true, vec![opening(), decline(US.other())], 0),
        ("a fall-back behind it", true, vec![opening(), fell_back(US)], 1),
    ];
    for (what, is_cut_off, told, own) in cases {
        let plan = planned(is_cut_off, told).unwrap_or_else(|error| panic!("{what}: {error}"));
        let taken = plan.steps.iter().filter(|(step, _)| matches!(step, Step::Evidence(told) if told.held.by == US));
        assert_eq!((taken.count(), plan.lost.len()), (own, 1), "{what}");
    }
}
