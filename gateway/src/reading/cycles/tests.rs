use super::*;
use crate::arrangement::{
    cycle::{Cycle, Manifest, RoundRecord},
    digest::Digest,
    fact::{ClaimFact, FallBackCause, Inputs, Versioned},
    leg::Pair,
    terms::Arrangement,
};

const US: Leg = Leg::Treasury;
const PEER: Leg = Leg::Futures;

fn shown(record: Cycle, change: impl FnOnce(&mut CycleView)) -> v1::Cycle {
    let mut view = CycleView { phase: Some(record.phase(US)), record, ..CycleView::default() };
    change(&mut view);
    to_wire("2026-02-13/ITD/1".parse().unwrap(), &view, US, &Arrangement::default())
}

fn opened() -> Cycle {
    Cycle { opened: Pair { treasury: true, futures: true }, ..Cycle::default() }
}

fn claim(number: u8) -> ClaimFact {
    let digest = Digest([number; 32]);
    let both = Pair { treasury: digest, futures: digest };
    let inputs = Inputs { manifests: both, markets: both, registry: Pair::default() };
    ClaimFact { digest, inputs, root: digest }
}

fn manifest(version: u64) -> Manifest {
    Manifest { revision: Versioned { version, digest: Digest::default() }, book_version: version }
}

/// The first round with these parties to claims and statements.
fn with_round(claims: &[Leg], statements: &[Leg]) -> Cycle {
    let mut record = opened();
    let mut round = RoundRecord::default();
    claims.iter().for_each(|leg| round.claims[*leg] = Some(claim(1)));
    statements.iter().for_each(|leg| round.statements[*leg] = Some(Digest([7; 32])));
    record.rounds.insert(Round(1), round);
    record
}

#[test]
fn every_phase_says_what_happened_or_what_to_do() {
    let fallen_back = |cause| {
        let mut record = opened();
        record.is_cut_off = true;
        record.outcomes[US] = Some(Outcome::FallenBack(cause));
        record
    };
    let mut one_sided = with_round(&Leg::BOTH, &Leg::BOTH);
    one_sided.outcomes[US] = Some(Outcome::Agreed { round: Round(1), content: Digest([7; 32]), is_late: false });
    one_sided.outcomes[PEER] = Some(Outcome::FallenBack(FallBackCause::NoPeerStatement));
    let mut requested = opened();
    requested.opened[US] = false;
    let table = [
        (requested, CyclePhase::Requested, "crossmargin cycle open 2026-02-13/ITD/1"),
        (opened(), CyclePhase::Gathering, "crossmargin submit"),
        (with_round(&[US], &[]), CyclePhase::Claimed, "waits for CME's claim"),
        (with_round(&Leg::BOTH, &[]), CyclePhase::Matching, "being matched"),
        (with_round(&Leg::BOTH, &[US]), CyclePhase::Stated, "waits for CME's"),
        (with_round(&Leg::BOTH, &Leg::BOTH), CyclePhase::Agreed, "Agreed in round 1"),
        (fallen_back(FallBackCause::OwnInputsMissing), CyclePhase::FallenBack, "crossmargin submit"),
        (one_sided, CyclePhase::AgreedAtOneHouse, "2026-02-13/ITD/2"),
    ];
    for (record, phase, text) in table {
        let found = shown(record, |_| {});
        assert_eq!(found.phase(), phase);
        assert!(found.explanation.contains(text), "{phase:?}: {}", found.explanation);
    }
}

#[test]
fn every_cause_of_a_fall_back_is_named_with_a_remedy() {
    use FallBackCause as C;
    for cause in [
        C::PeerSilent,
        C::PeerInputsMissing,
        C::OwnInputsMissing,
        C::NoPeerClaim,
        C::NoPeerStatement,
        C::RoundDeclined,
        C::StatementsDiffer,
        C::PeerEquivocated,
        C::ComputationFailed,
        C::ArrangementDiffers,
        C::OutOfTime,
    ] {
        let mut record = opened();
        record.outcomes[US] = Some(Outcome::FallenBack(cause));
        let found = shown(record, |_| {});
        assert_eq!(found.fall_back_cause(), v1::FallBackCause::from(cause));
        assert!(found.explanation.contains(explanation::remedy(cause)), "{cause:?}");
    }
}

#[test]
fn a_cycle_that_computes_says_so_until_it_is_agreed() {
    assert_eq!(shown(opened(), |view| view.is_computing = true).phase(), CyclePhase::Computing);
    let agreed = shown(with_round(&Leg::BOTH, &Leg::BOTH), |view| view.is_computing = true);
    assert_eq!(agreed.phase(), CyclePhase::Agreed);
}

#[test]
fn what_is_on_record_is_what_is_shown() {
    let mut record = with_round(&Leg::BOTH, &Leg::BOTH);
    record.rounds.insert(
        Round(2),
        RoundRecord { claims: Pair { treasury: Some(claim(2)), futures: None }, ..RoundRecord::default() },
    );
    record.manifests = Pair { treasury: Some(manifest(3)), futures: Some(manifest(2)) };
    let found = shown(record, |view| {
        view.timings.push(("freeze", Round(0), 17, 1_000_000));
        view.notes.insert("fetch", "the other house did not answer".to_owned());
    });
    assert_eq!((found.round, found.agreed_round, found.peer_round), (2, 1, 1));
    assert_eq!(found.agreement_digest, Digest([7; 32]).to_string());
    assert_eq!((found.own_manifest_revision, found.peer_manifest_revision), (3, 2));
    assert_eq!(
        found.timings,
        [v1::StepTiming { step: "freeze".into(), round: 0, duration_us: 17, ended_at_us: 1_000_000 }]
    );
    assert!(found.explanation.contains("The agreement of round 1 is in force meanwhile"), "{}", found.explanation);
    assert!(found.explanation.contains("fetch: the other house did not answer"), "{}", found.explanation);
}

#[test]
fn the_newest_cycle_is_the_one_that_was_opened_last() {
    let at = |second| CycleView { opened_at: Timestamp::from_second(second).ok(), ..CycleView::default() };
    let rerun: CycleId = "2026-02-13/ITD/4".parse().unwrap();
    let end_of_day: CycleId = "2026-02-13/EOD/1".parse().unwrap();
    assert!(began(rerun, &at(200)) > began(end_of_day, &at(100)));
}
