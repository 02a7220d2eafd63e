use std::collections::{BTreeSet, VecDeque};

use jiff::civil::date;

use super::{Machine, Rules};
use crate::arrangement::{
    cycle::{Cycle, Phase},
    cycle_id::{CycleId, CycleKind, Round},
    digest::Digest,
    fact::{ClaimFact, Draft, Effect, Event, Fact, FallBackCause, Inputs, Outcome, Refusal, Verdict, Versioned},
    leg::{Leg, Pair},
};

const CYCLE: CycleId = CycleId { business_date: date(2026, 2, 13), kind: CycleKind::Itd, run: 1 };
const RERUN: CycleId = CycleId { run: 2, ..CYCLE };
const RULES: Rules = Rules { max_rounds: 3, max_requested_cycles: 2 };
const ONE: Round = Round(1);
const TWO: Round = Round(2);

#[test]
fn two_houses_agree_in_the_first_round() {
    let mut houses = opened();
    run(&mut houses);
    for (us, house) in houses.iter() {
        assert_eq!(house.cycle(CYCLE).phase(us), Phase::Agreed);
        assert!(matches!(house.outcome(us), Some(Outcome::Agreed { round: ONE, is_late: false, .. })));
    }
    assert_eq!(houses.treasury.cycle(CYCLE).agreement(), houses.futures.cycle(CYCLE).agreement());
}

#[test]
fn an_amendment_leads_to_a_second_round_that_both_agree_on() {
    let mut houses = opened();
    run(&mut houses);
    houses.futures.amend();
    run(&mut houses);
    let agreement = houses.treasury.cycle(CYCLE).agreement();
    assert_eq!(agreement.map(|(round, _)| round), Some(TWO));
    assert_eq!(houses.futures.cycle(CYCLE).agreement(), agreement);
    assert_eq!(
        houses.treasury.cycle(CYCLE).rounds[&TWO].claims.futures.map(|claim| claim.inputs.manifests.futures),
        Some(manifest(Leg::Futures, 2).digest)
    );
    assert!(houses.iter().all(|(us, house)| matches!(house.outcome(us), Some(Outcome::Agreed { round: TWO, .. }))));
}

#[test]
fn margins_that_follow_a_change_of_links_name_the_entry_that_changed_them() {
    for by in Leg::BOTH {
        let mut houses = opened();
        run(&mut houses);
        let changed = Fact::LinksChanged { by, sequence: 7 };
        for us in Leg::BOTH {
            houses[us].fact(changed);
        }
        run(&mut houses);
        for (us, house) in houses.iter() {
            let claims = &house.cycle(CYCLE).rounds[&TWO].claims;
            let named = claims.map(|claim| claim.map(|claim| claim.inputs.registry[by]));
            assert_eq!(named, Pair { treasury: Some(7), futures: Some(7) }, "at {us:?}");
        }
    }
}

#[test]
fn no_round_opens_beyond_the_arrangements_bound() {
    let mut houses = opened();
    for _ in 0..5 {
        run(&mut houses);
        houses.treasury.amend();
    }
    run(&mut houses);
    assert_eq!(houses.treasury.cycle(CYCLE).rounds.len(), 3);
    assert_eq!(houses.treasury.cycle(CYCLE).agreement().map(|(round, _)| round), Some(Round(3)));
}

#[test]
fn a_restart_at_any_step_resumes_to_the_same_agreement() {
    let mut undisturbed = opened();
    run(&mut undisturbed);
    let agreement = undisturbed.treasury.cycle(CYCLE).agreement();
    for restarted in Leg::BOTH {
        for at in 0.. {
            let mut houses = opened();
            let is_over = (0..at).any(|_| !step(&mut houses));
            houses[restarted].restart();
            run(&mut houses);
            for (us, house) in houses.iter() {
                assert_eq!(house.cycle(CYCLE).agreement(), agreement, "{restarted:?} restarted at step {at}");
                assert_eq!(house.cycle(CYCLE).outcomes[us.other()].map(round_of), Some(Some(ONE)));
                house.said_nothing_twice();
            }
            if is_over {
                assert!(at > 20, "the loop went through {at} steps alone");
                break;
            }
        }
    }
}

#[test]
fn replay_of_the_facts_gives_the_record_back() {
    let mut houses = opened();
    run(&mut houses);
    houses.treasury.amend();
    run(&mut houses);
    houses.treasury.event(Event::CutOffReached(CYCLE));
    run(&mut houses);
    for (us, house) in houses.iter() {
        let mut replayed = Machine::new(us, RULES);
        house.ledger.iter().for_each(|fact| replayed.replay(fact));
        assert_eq!(replayed.on_record(), house.machine.on_record());
    }
}

#[test]
fn an_equivocating_peer_gets_no_statement() {
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    house.work_alone();
    house.hear_manifest();
    house.work_alone();
    assert!(house.cycle(CYCLE).rounds[&ONE].claims.treasury.is_some());
    house.hear(claim(Leg::Futures, ONE, 1));
    let other = claim(Leg::Futures, ONE, 2);
    assert_eq!(house.machine.judge(&other), Verdict::Contradiction);
    assert_eq!(house.machine.cycles_touched_by(&other), [CYCLE]);
    house.fact(Fact::Contradiction { cycle: CYCLE });
    house.work_alone();
    assert!(house.cycle(CYCLE).rounds[&ONE].statements.treasury.is_none());
    house.cut_off();
    assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::FallenBack(FallBackCause::PeerEquivocated)));
}

#[test]
fn a_claim_that_does_not_stand_up_is_declined_by_both() {
    let mut houses = opened();
    houses.treasury.rejects_claims = true;
    run(&mut houses);
    let declined = houses.treasury.cycle(CYCLE).rounds[&ONE].declined;
    assert!(declined.treasury);
    let theirs = houses.futures.cycle(CYCLE).rounds[&ONE];
    assert!(theirs.is_closed(Leg::Futures));
    assert_eq!(theirs.agreed(), None);
    // Newer inputs are a new chance.
    houses.treasury.rejects_claims = false;
    houses.treasury.amend();
    run(&mut houses);
    assert_eq!(houses.futures.cycle(CYCLE).agreement().map(|(round, _)| round), Some(TWO));
}

#[test]
fn a_rerun_asked_for_by_one_house_runs_once_the_other_accepts_it() {
    let mut houses = opened();
    run(&mut houses);
    houses.futures.open(RERUN);
    run(&mut houses);
    assert_eq!(houses.treasury.cycle(RERUN).phase(Leg::Treasury), Phase::Requested);
    assert_eq!(houses.treasury.cycle(RERUN).agreement(), None);
    houses.treasury.open(RERUN);
    run(&mut houses);
    let agreement = houses.treasury.cycle(RERUN).agreement();
    assert!(agreement.is_some());
    assert_eq!(houses.futures.cycle(RERUN).agreement(), agreement);
}

#[test]
fn a_statement_that_comes_after_the_cut_off_makes_a_late_agreement() {
    let mut house = stated_alone();
    house.cut_off();
    assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::FallenBack(FallBackCause::NoPeerStatement)));
    let content = house.cycle(CYCLE).rounds[&ONE].statements.treasury.unwrap();
    house.hear(Fact::Statement { by: Leg::Futures, cycle: CYCLE, round: ONE, content });
    house.work_alone();
    assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::Agreed { round: ONE, content, is_late: true }));
    house.hear(Fact::Outcome {
        by: Leg::Futures,
        cycle: CYCLE,
        outcome: Outcome::FallenBack(FallBackCause::NoPeerStatement),
    });
    assert_eq!(house.cycle(CYCLE).phase(Leg::Treasury), Phase::AgreedAtOneHouse);
}

#[test]
fn an_agreement_before_the_cut_off_is_not_late_even_if_its_outcome_is_recorded_after_it() {
    let mut house = stated_alone();
    let content = house.cycle(CYCLE).rounds[&ONE].statements.treasury.unwrap();
    house.machine.replay(&Fact::Statement { by: Leg::Futures, cycle: CYCLE, round: ONE, content });
    house.machine.replay(&Fact::CutOff { cycle: CYCLE });
    house.restart();
    house.work_alone();
    assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::Agreed { round: ONE, content, is_late: false }));
}

#[test]
fn nothing_is_signed_past_the_guard() {
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    house.work_alone();
    house.hear_manifest();
    house.work_alone();
    house.event(Event::GuardReached(CYCLE));
    house.hear(claim(Leg::Futures, ONE, 1));
    house.work_alone();
    assert!(!house.cycle(CYCLE).rounds[&ONE].is_closed(Leg::Treasury));
    house.cut_off();
    assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::FallenBack(FallBackCause::OutOfTime)));
}

#[test]
fn every_fall_back_has_its_cause() {
    use FallBackCause as Cause;
    type Before = fn(&mut House);
    let causes: [(Cause, Before); 11] = [
        (Cause::PeerSilent, |_| {}),
        (Cause::PeerInputsMissing, |house| {
            house.fact(Fact::Opened { by: Leg::Futures, cycle: CYCLE });
        }),
        (Cause::OwnInputsMissing, |house| {
            house.machine = Machine::new(Leg::Treasury, RULES);
            adopt(house, digest(b'A', 0));
            house.fact(Fact::Opened { by: Leg::Treasury, cycle: CYCLE });
            house.hear_manifest();
        }),
        (Cause::ArrangementDiffers, |house| adopt(house, digest(b'A', 1))),
        (Cause::OutOfTime, |house| {
            house.computes = false;
            house.hear_manifest();
        }),
        (Cause::ComputationFailed, |house| {
            house.computes = false;
            house.hear_manifest();
            house.work_alone();
            let inputs = house.machine.ready_inputs(CYCLE).unwrap();
            house.event(Event::NotComputable { cycle: CYCLE, inputs });
        }),
        (Cause::NoPeerClaim, House::hear_manifest),
        (Cause::NoPeerStatement, |house| {
            house.hear_manifest();
            house.work_alone();
            house.hear(claim(Leg::Futures, ONE, 1));
        }),
        (Cause::RoundDeclined, |house| {
            house.rejects_claims = true;
            house.hear_manifest();
            house.work_alone();
            house.hear(claim(Leg::Futures, ONE, 1));
        }),
        (Cause::RoundDeclined, |house| {
            house.hear_manifest();
            house.work_alone();
            house.hear(claim(Leg::Futures, ONE, 1));
            house.hear(Fact::Declined { by: Leg::Futures, cycle: CYCLE, round: ONE });
        }),
        (Cause::StatementsDiffer, |house| {
            house.hear_manifest();
            house.work_alone();
            house.hear(claim(Leg::Futures, ONE, 1));
            house.hear(Fact::Statement { by: Leg::Futures, cycle: CYCLE, round: ONE, content: digest(b'?', 0) });
        }),
    ];
    for (cause, before) in causes {
        let mut house = House::new(Leg::Treasury);
        house.open(CYCLE);
        house.work_alone();
        before(&mut house);
        house.work_alone();
        house.cut_off();
        assert_eq!(house.outcome(Leg::Treasury), Some(Outcome::FallenBack(cause)));
    }
}

#[test]
fn evidence_is_judged_by_what_its_signer_said_before() {
    let by = Leg::Futures;
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    house.work_alone();
    house.hear_manifest();
    house.fact(Fact::Registry { by, sequence: 3 });
    house.fact(claim(by, ONE, 1));
    house.fact(Fact::Statement { by, cycle: CYCLE, round: ONE, content: digest(b'S', 1) });
    house.fact(Fact::Declined { by, cycle: CYCLE, round: TWO });
    let outcome = |outcome| Fact::Outcome { by, cycle: CYCLE, outcome };
    let fallen_back = outcome(Outcome::FallenBack(FallBackCause::OutOfTime));
    let agreed = outcome(Outcome::Agreed { round: ONE, content: digest(b'S', 1), is_late: false });
    let market = |version, digest| Fact::Market {
        by,
        business_date: CYCLE.business_date,
        version: Versioned { version, digest },
    };
    let manifest_of = |revision, given| Fact::Manifest {
        by,
        cycle: CYCLE,
        revision: Versioned { version: revision, digest: given },
        book_version: 1,
    };
    let statement = |round, number| Fact::Statement { by, cycle: CYCLE, round, content: digest(b'S', number) };
    let declined = |round| Fact::Declined { by, cycle: CYCLE, round };
    let held_market = market_of(by);
    house.fact(fallen_back);
    let table = [
        (Fact::Registry { by, sequence: 3 }, Verdict::Duplicate),
        (Fact::Registry { by, sequence: 4 }, Verdict::Record),
        (Fact::Registry { by, sequence: 5 }, Verdict::Refuse(Refusal::LogGap)),
        (market(1, held_market.digest), Verdict::Duplicate),
        (market(1, digest(b'?', 0)), Verdict::Contradiction),
        (market(2, digest(b'?', 0)), Verdict::Record),
        (Fact::Opened { by, cycle: CYCLE }, Verdict::Record),
        (manifest_of(1, manifest(by, 1).digest), Verdict::Duplicate),
        (manifest_of(1, digest(b'?', 0)), Verdict::Contradiction),
        (manifest_of(2, digest(b'?', 0)), Verdict::Record),
        (claim(by, ONE, 1), Verdict::Duplicate),
        (claim(by, ONE, 2), Verdict::Contradiction),
        (claim(by, TWO, 2), Verdict::Record),
        (claim(by, Round(4), 1), Verdict::Refuse(Refusal::TooManyRounds)),
        (statement(ONE, 1), Verdict::Duplicate),
        (statement(ONE, 2), Verdict::Contradiction),
        (statement(TWO, 1), Verdict::Contradiction),
        (statement(Round(3), 1), Verdict::Record),
        (declined(ONE), Verdict::Contradiction),
        (declined(TWO), Verdict::Duplicate),
        (declined(Round(3)), Verdict::Record),
        (fallen_back, Verdict::Duplicate),
        (agreed, Verdict::Record),
        (claim(Leg::Treasury, ONE, 1), Verdict::Refuse(Refusal::NotTheirs)),
        (Fact::Book { business_date: CYCLE.business_date, version: 9 }, Verdict::Refuse(Refusal::NotTheirs)),
        (Fact::CutOff { cycle: CYCLE }, Verdict::Refuse(Refusal::NotTheirs)),
    ];
    for (fact, verdict) in table {
        assert_eq!(house.machine.judge(&fact), verdict, "{fact:?}");
    }
}

#[test]
fn a_peer_asks_for_so_many_cycles_and_no_more() {
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    let request = |run| Fact::Opened { by: Leg::Futures, cycle: CycleId { run, ..CYCLE } };
    for run in [2, 3] {
        house.hear(request(run));
    }
    assert_eq!(house.machine.judge(&request(4)), Verdict::Refuse(Refusal::TooManyCycles));
    assert_eq!(house.machine.judge(&request(2)), Verdict::Duplicate);
    house.open(RERUN);
    assert_eq!(house.machine.judge(&request(4)), Verdict::Record);
}

/// A machine and a node that does its work in order: one step for each thing in hand.
struct House {
    machine: Machine,
    ledger: Vec<Fact>,
    work: VecDeque<Effect>,
    outbox: VecDeque<Fact>,
    said: BTreeSet<Fact>,
    book: u64,
    computes: bool,
    rejects_claims: bool,
}

impl House {
    /// With arrangement, market data and a book on record.
    fn new(us: Leg) -> Self {
        let mut house = Self {
            machine: Machine::new(us, RULES),
            ledger: Vec::new(),
            work: VecDeque::new(),
            outbox: VecDeque::new(),
            said: BTreeSet::new(),
            book: 1,
            computes: true,
            rejects_claims: false,
        };
        adopt(&mut house, digest(b'A', 0));
        for by in Leg::BOTH {
            house.fact(Fact::Market { by, business_date: CYCLE.business_date, version: market_of(by) });
        }
        house.fact(Fact::Book { business_date: CYCLE.business_date, version: 1 });
        house
    }

    fn cycle(&self, id: CycleId) -> &Cycle {
        self.machine.on_record().cycle(id).unwrap()
    }

    fn outcome(&self, us: Leg) -> Option<Outcome> {
        self.cycle(CYCLE).outcomes[us]
    }

    fn open(&mut self, cycle: CycleId) {
        self.fact(Fact::Opened { by: self.machine.us(), cycle });
    }

    fn amend(&mut self) {
        self.book += 1;
        self.fact(Fact::Book { business_date: CYCLE.business_date, version: self.book });
    }

    fn cut_off(&mut self) {
        self.event(Event::GuardReached(CYCLE));
        self.event(Event::CutOffReached(CYCLE));
        self.work_alone();
    }

    fn fact(&mut self, fact: Fact) {
        self.ledger.push(fact);
        let effects = self.machine.on_fact(&fact);
        self.take_on(effects);
    }

    fn event(&mut self, event: Event) {
        let effects = self.machine.on_event(&event);
        self.take_on(effects);
    }

    fn take_on(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(fact) => {
                    self.said.insert(fact);
                    self.outbox.push_back(fact);
                }
                other => self.work.push_back(other),
            }
        }
    }

    /// The other house delivers.
    fn hear(&mut self, fact: Fact) {
        match self.machine.judge(&fact) {
            Verdict::Record => self.fact(fact),
            Verdict::Duplicate => {}
            verdict => panic!("{fact:?}: {verdict:?}"),
        }
    }

    fn hear_manifest(&mut self) {
        let by = self.machine.us().other();
        self.hear(Fact::Manifest { by, cycle: CYCLE, revision: manifest(by, 1), book_version: 1 });
    }

    /// Kill and start: the ledger stays, what is in hand or undelivered goes.
    fn restart(&mut self) {
        self.work.clear();
        self.outbox.clear();
        self.machine = Machine::restarted(self.machine.us(), RULES, self.machine.on_record().clone());
        let effects = self.machine.resume();
        self.take_on(effects);
    }

    fn work_alone(&mut self) {
        while self.work_once() {}
    }

    /// Does the next piece of work; `false` where there is none.
    fn work_once(&mut self) -> bool {
        let Some(effect) = self.work.pop_front() else { return false };
        let by = self.machine.us();
        match effect {
            Effect::Append(Draft::Manifest { cycle, revision }) => {
                self.fact(Fact::Manifest { by, cycle, revision: manifest(by, revision), book_version: self.book });
            }
            Effect::Append(Draft::Claim { cycle, round, inputs, root }) => {
                let claim = ClaimFact { digest: of(&(by, cycle, round, root)), inputs, root };
                self.fact(Fact::Claim { by, cycle, round, claim });
            }
            Effect::Append(Draft::Statement { cycle, round, content }) => {
                self.fact(Fact::Statement { by, cycle, round, content });
            }
            Effect::Append(Draft::Decline { cycle, round }) => self.fact(Fact::Declined { by, cycle, round }),
            Effect::Append(Draft::CutOff { cycle }) => self.fact(Fact::CutOff { cycle }),
            Effect::Append(Draft::Outcome { cycle, outcome }) => self.fact(Fact::Outcome { by, cycle, outcome }),
            Effect::Fetch(digest) => self.event(Event::Held(digest)),
            Effect::Compute { cycle, round, inputs } if self.computes => {
                self.event(Event::Computed { cycle, round, inputs, root: of(&inputs) });
            }
            Effect::Match { cycle, round, .. } if self.rejects_claims => {
                self.event(Event::NotMatchable { cycle, round });
            }
            Effect::Match { cycle, round, claims } => {
                self.event(Event::Matched { cycle, round, content: of(&(cycle, round, claims)) });
            }
            Effect::Compute { .. } | Effect::Send(_) | Effect::SetDeadline(_) => {}
        }
        true
    }

    /// Over its whole life the house signed one claim and one statement in a round.
    fn said_nothing_twice(&self) {
        let words = self.said.iter().filter_map(|fact| match fact {
            Fact::Claim { cycle, round, .. } => Some(("claim", *cycle, *round)),
            Fact::Statement { cycle, round, .. } | Fact::Declined { cycle, round, .. } => {
                Some(("statement", *cycle, *round))
            }
            _ => None,
        });
        let words: Vec<_> = words.collect();
        assert_eq!(words.iter().collect::<BTreeSet<_>>().len(), words.len(), "{words:?}");
    }
}

/// Both houses with the cycle open.
fn opened() -> Pair<House> {
    Pair::from_fn(|us| {
        let mut house = House::new(us);
        house.open(CYCLE);
        house
    })
}

/// The Treasury house with its statement signed, the other's outstanding.
fn stated_alone() -> House {
    let mut house = House::new(Leg::Treasury);
    house.open(CYCLE);
    house.work_alone();
    house.hear_manifest();
    house.work_alone();
    house.hear(claim(Leg::Futures, ONE, 1));
    house.work_alone();
    assert_eq!(house.cycle(CYCLE).phase(Leg::Treasury), Phase::Stated);
    house
}

/// Does the next thing there is to do; `false` where there is none.
fn step(houses: &mut Pair<House>) -> bool {
    Leg::BOTH.into_iter().any(|us| {
        let did_work = houses[us].work_once();
        let delivered = if did_work { None } else { houses[us].outbox.pop_front() };
        if let Some(fact) = delivered {
            houses[us.other()].hear(fact);
        }
        did_work || delivered.is_some()
    })
}

fn run(houses: &mut Pair<House>) {
    while step(houses) {}
}

fn adopt(house: &mut House, theirs: Digest) {
    let us = house.machine.us();
    house.fact(Fact::Adopted { by: us, arrangement: digest(b'A', 0) });
    house.fact(Fact::Adopted { by: us.other(), arrangement: theirs });
}

fn market_of(by: Leg) -> Versioned {
    Versioned { version: 1, digest: of(&("market", by)) }
}

fn manifest(by: Leg, revision: u64) -> Versioned {
    Versioned { version: revision, digest: of(&("manifest", by, revision)) }
}

fn claim(by: Leg, round: Round, number: u8) -> Fact {
    let inputs = Inputs {
        manifests: Pair::from_fn(|leg| manifest(leg, 1).digest),
        markets: Pair::from_fn(|leg| market_of(leg).digest),
        registry: Pair::default(),
    };
    Fact::Claim {
        by,
        cycle: CYCLE,
        round,
        claim: ClaimFact { digest: digest(b'C', number), inputs, root: of(&inputs) },
    }
}

fn round_of(outcome: Outcome) -> Option<Round> {
    match outcome {
        Outcome::Agreed { round, .. } => Some(round),
        Outcome::FallenBack(_) => None,
    }
}

fn digest(kind: u8, number: u8) -> Digest {
    Digest::of(&[kind, number])
}

fn of(value: &impl std::fmt::Debug) -> Digest {
    Digest::of(format!("{value:?}").as_bytes())
}
