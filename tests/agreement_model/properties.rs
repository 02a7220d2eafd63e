//! What is asked of every state: the invariants of the agreement, in the words of `docs/model-check.md`.

use std::{collections::BTreeSet, sync::Arc};

use gateway::arrangement::{
    cycle::{Cycle, Phase},
    cycle_id::{CycleId, Round},
    digest::Digest,
    fact::{Fact, Outcome, Verdict},
    leg::{Leg, Pair},
};
use stateright::Property;

use crate::{
    house::{Clock, House},
    liar::Lies,
    matter::{self, CYCLE, LINKS, Leaves},
    model::{Houses, TwoHouses},
    spoken::{self, Place},
    world::Peer,
};

type Condition = fn(&TwoHouses, &Houses) -> bool;
type OfOneHouse = fn(&House) -> bool;

// Of one house, whatever the other does: of its states, and of what it does.
pub(crate) const ONE_WORD: &str =
    "a house signs at most one claim and one statement in a round, one manifest of a revision";
pub(crate) const DURABLE: &str = "what is sent is durable at its sender";
pub(crate) const BACKED: &str = "no reduction without both houses' statements over identical content";
pub(crate) const IN_FORCE: &str = "the agreement in force is that of the latest round that both signed";
pub(crate) const REPEATED: &str = "replays, duplicates and reorderings change nothing";
pub(crate) const ACKNOWLEDGED: &str = "what was acknowledged stays on record";
pub(crate) const STANDS: &str = "the first word and the newest version on record stand";
pub(crate) const MARKED: &str = "two different words of the other house mark the cycle, and nothing else does";
pub(crate) const CONTRADICTED: &str = "in a cycle in which the other house contradicted itself nothing is signed";
pub(crate) const IN_TIME: &str = "no claim or statement is signed past the guard or the recorded cut-off";
pub(crate) const ENDS: &str = "a house past its cut-off with nothing in hand has an outcome";
pub(crate) const GRANTS_NOTHING: &str = "a house has fallen back only while it holds no agreement";
pub(crate) const LATE: &str = "an agreement is late exactly where it came after the recorded cut-off";
pub(crate) const EARLY: &str = "a house falls back at its cut-off and not before";
pub(crate) const FORWARD: &str = "an outcome gives way to a later agreement alone";
pub(crate) const BOUNDED: &str = "rounds and requested cycles stay within their bounds";
pub(crate) const OPENED: &str = "a house does nothing in a cycle that it did not open";
pub(crate) const ONE_ARRANGEMENT: &str = "nothing is claimed unless both adopted one arrangement";
pub(crate) const SEEN: &str = "margins are computed from content that is here";
pub(crate) const NEWER: &str = "a round is opened and a book frozen anew for something newer alone";
pub(crate) const CLOSED: &str = "a house claims a round once its part in the one before is closed";
pub(crate) const FOLLOWS: &str = "a statement is what follows from the two claims on record";
pub(crate) const AUTHENTIC: &str = "a house's words come from itself alone";
pub(crate) const WITHOUT_GAPS: &str = "entries of the other house's log are recorded without gaps";
pub(crate) const HEARD: &str = "what an honest house sends is taken in the end";

// Of both houses.
pub(crate) const BOTH_SIGNED: &str = "an agreement has both houses' signatures under the same content";
pub(crate) const NEVER_DIFFER: &str = "the two houses' agreements of one round never differ";
pub(crate) const BREAKS: &str = "a link whose leaves differ in the two claims is in no agreement";
/// The wish that no protocol can grant over a network that loses messages.
pub(crate) const BOTH_OR_NEITHER: &str = "both houses or neither have agreed when both are past the cut-off";

/// What a round after a change comes to.
const SECOND_ROUND: &str = "agreed in round 2, superseding round 1";

/// Properties that hold of each house by itself.
macro_rules! of_each_house {
    ($($name:ident),+ $(,)?) => { vec![$(Property::always($name, |_, houses: &Houses| is_kept(houses, $name))),+] };
}

/// The properties of one house that do not hold in it.
pub(crate) fn broken(house: &House) -> Arc<[&'static str]> {
    let states: [(&str, OfOneHouse); 12] = [
        (ONE_WORD, has_one_word_a_place),
        (DURABLE, |house| house.said.iter().all(|fact| is_on_record(house, house.us(), fact))),
        (BACKED, is_backed),
        (IN_FORCE, is_latest_in_force),
        (REPEATED, is_deaf_to_repetition),
        (ACKNOWLEDGED, |house| house.heard.iter().all(|fact| is_on_record(house, house.us().other(), fact))),
        (STANDS, has_first_words),
        (MARKED, is_marked_where_contradicted),
        (ENDS, |house| {
            let is_over = house.cycle().is_cut_off || (house.has_opened() && house.clock == Clock::PastCutOff);
            !is_over || !house.appends.is_empty() || (house.cycle().is_cut_off && house.outcome().is_some())
        }),
        (GRANTS_NOTHING, |house| {
            let has_fallen_back = matches!(house.outcome(), Some(Outcome::FallenBack(_)));
            !has_fallen_back || !house.appends.is_empty() || house.cycle().agreement().is_none()
        }),
        (LATE, is_late_after_the_cut_off),
        (BOUNDED, is_bounded),
    ];
    let states = states.iter().filter(|(_, holds)| !holds(house)).map(|(name, _)| *name);
    states.chain(house.broke.iter().copied()).collect()
}

/// What must never fail at an honest house, whatever the other does.
pub(crate) fn of_one_house() -> Vec<Property<TwoHouses>> {
    of_each_house![
        ONE_WORD,
        DURABLE,
        BACKED,
        IN_FORCE,
        REPEATED,
        ACKNOWLEDGED,
        STANDS,
        MARKED,
        CONTRADICTED,
        IN_TIME,
        ENDS,
        GRANTS_NOTHING,
        LATE,
        EARLY,
        FORWARD,
        BOUNDED,
        OPENED,
        ONE_ARRANGEMENT,
        SEEN,
        NEWER,
        CLOSED,
        FOLLOWS,
        AUTHENTIC,
        WITHOUT_GAPS,
        HEARD,
    ]
}

/// What must never fail between two honest houses.
pub(crate) fn safety() -> Vec<Property<TwoHouses>> {
    let of_both: [(&'static str, Condition); 3] = [
        (BOTH_SIGNED, |_, houses| {
            each_agreement(houses, |round, content| {
                let statement = |by| Fact::Statement { by, cycle: CYCLE, round, content };
                Leg::BOTH.iter().all(|by| houses[*by].said.contains(&statement(*by)))
            })
        }),
        (NEVER_DIFFER, |_, houses| {
            each_agreement(houses, |round, content| {
                let agreed = |by: Leg| houses[by].cycle().rounds.get(&round).and_then(|record| record.agreed());
                Leg::BOTH.iter().all(|by| agreed(*by).is_none_or(|agreed| agreed == content))
            })
        }),
        (BREAKS, |_, houses| {
            each_agreement(houses, |round, content| {
                // Each house's claim as it stands at that house itself.
                let claims = Leg::BOTH.map(|by| houses[by].cycle().rounds[&round].claims[by]);
                let [Some(ours), Some(theirs)] = claims else { return false };
                let are_equal = |link: usize| ours.digest.leaf(link) == theirs.digest.leaf(link);
                (0..LINKS).all(|link| !matter::covers(content, link) || are_equal(link))
            })
        }),
    ];
    let mut properties = of_one_house();
    properties.extend(of_both.map(|(name, condition)| Property::always(name, condition)));
    properties
}

/// One of the properties alone.
pub(crate) fn only(name: &str) -> Vec<Property<TwoHouses>> {
    both_or_neither().into_iter().filter(|property| property.name == name).collect()
}

/// What must be possible in two rounds, lest the invariants hold for want of anything happening; and what cannot be
/// had.
pub(crate) fn safety_and_reach() -> Vec<Property<TwoHouses>> {
    let reach: [(&'static str, Condition); 3] = [
        (SECOND_ROUND, is_agreed_anew),
        ("agreed with a break", |_, houses| {
            let agreement = houses.treasury.agreement;
            agreement.is_some_and(|(_, content)| (0..LINKS).any(|link| !matter::covers(content, link)))
        }),
        ("known as agreed at one house", |_, houses| {
            houses.iter().all(|(us, house)| house.cycle().phase(us) == Phase::AgreedAtOneHouse)
        }),
    ];
    let mut properties = both_or_neither();
    properties.extend(reach.map(|(name, condition)| Property::sometimes(name, condition)));
    properties
}

/// What must never fail, and a second round.
pub(crate) fn safety_and_second_round() -> Vec<Property<TwoHouses>> {
    let mut properties = safety();
    properties.push(Property::sometimes(SECOND_ROUND, is_agreed_anew));
    properties
}

/// What must never fail, and the wish for both or neither.
pub(crate) fn both_or_neither() -> Vec<Property<TwoHouses>> {
    let mut properties = safety_and_ends();
    properties.push(Property::always(BOTH_OR_NEITHER, |_: &TwoHouses, houses: &Houses| {
        let has_ended = |leg: Leg| houses[leg].clock == Clock::PastCutOff && houses[leg].outcome().is_some();
        let [ours, theirs] = Leg::BOTH.map(|leg| houses[leg].agreement.is_some());
        ours == theirs || !Leg::BOTH.iter().all(|leg| has_ended(*leg))
    }));
    properties
}

/// What must never fail, and the ends that a cycle may come to.
pub(crate) fn safety_and_ends() -> Vec<Property<TwoHouses>> {
    let reach: [(&'static str, Condition); 3] = [
        ("agreed in round 1", |_, houses| is_agreed_at_both(houses, Round(1))),
        ("agreed after the cut-off", |_, houses| {
            matches!(houses.treasury.outcome(), Some(Outcome::Agreed { is_late: true, .. }))
        }),
        ("fallen back at both houses", |_, houses| {
            houses.iter().all(|(us, house)| house.cycle().phase(us) == Phase::FallenBack)
        }),
    ];
    let mut properties = safety();
    properties.extend(reach.map(|(name, condition)| Property::sometimes(name, condition)));
    properties
}

/// What must never fail at a house that is lied to; that it ends, notices contradictions, and can agree all the same
/// where it is told the truth.
pub(crate) fn lied_to(peer: Peer) -> Vec<Property<TwoHouses>> {
    let mut properties = of_one_house();
    properties.push(Property::sometimes("fallen back", |_, houses: &Houses| {
        matches!(houses.treasury.outcome(), Some(Outcome::FallenBack(_)))
    }));
    if peer != Peer::Liar(Lies::Cycles) {
        properties.push(Property::sometimes("a contradiction on record", |_, houses: &Houses| {
            houses.treasury.cycle().is_contradicted
        }));
    }
    if let Peer::Liar(Lies::Rounds | Lies::Declines) = peer {
        properties.push(Property::sometimes("agreed with a house that may lie", |_, houses: &Houses| {
            houses.treasury.agreement.is_some()
        }));
    }
    properties
}

/// What must never fail, and that a run that one house asks for is agreed on once the other accepts it.
pub(crate) fn accepted() -> Vec<Property<TwoHouses>> {
    let mut properties = unaccepted();
    properties.push(Property::sometimes("agreed in round 1", |_, houses| is_agreed_at_both(houses, Round(1))));
    properties
}

/// What must never fail, and that a run that one house asks for is known at the other.
pub(crate) fn unaccepted() -> Vec<Property<TwoHouses>> {
    let mut properties = safety();
    properties.push(Property::sometimes("asked for by the other house", |_, houses: &Houses| {
        houses.futures.cycle().phase(Leg::Futures) == Phase::Requested && houses.futures.cycle().opened[Leg::Treasury]
    }));
    properties.push(Property::sometimes("fallen back at the house that asked", |_, houses: &Houses| {
        matches!(houses.treasury.outcome(), Some(Outcome::FallenBack(_)))
    }));
    properties
}

/// Where every message arrives in the end and no cut-off comes: the newest books are agreed on.
pub(crate) fn liveness() -> Vec<Property<TwoHouses>> {
    let mut properties = safety();
    properties.extend([
        Property::always(
            "at rest, both houses have agreed on the newest books and links",
            |model: &TwoHouses, houses| {
                !model.is_at_rest(houses) || has_agreed_on_newest(&houses.treasury, &houses.futures)
            },
        ),
        Property::sometimes("a state of rest", |model: &TwoHouses, houses| model.is_at_rest(houses)),
    ]);
    properties
}

/// Where every message arrives in the end: each house knows how the other ended.
pub(crate) fn telling() -> Vec<Property<TwoHouses>> {
    let condition: Condition = |model, houses| {
        let knows = |us: Leg, of: Leg| houses[us].cycle().outcomes[of] == houses[of].outcome();
        !model.is_at_rest(houses) || Leg::BOTH.iter().all(|us| knows(*us, us.other()))
    };
    vec![
        Property::always("at rest, each house knows how the other ended", condition),
        Property::sometimes("a state of rest", |model: &TwoHouses, houses| model.is_at_rest(houses)),
    ]
}

/// Both houses hold the same agreement, over every link, computed from both newest books and every change of links.
pub(crate) fn has_agreed_on_newest(ours: &House, theirs: &House) -> bool {
    let Some((round, content)) = ours.cycle().agreement() else { return false };
    let is_newest = |house: &House| {
        let inputs = house.cycle().rounds[&round].claims[house.us()].expect("an agreement is over two claims").inputs;
        let books = inputs.manifests.map(|manifest| u64::from(matter::book_of(manifest)));
        [ours, theirs].iter().all(|house| {
            let last = house.machine.on_record().registry()[house.us()];
            let changes = matter::link_changes(inputs.registry[house.us()]);
            books[house.us()] == house.book() && changes == matter::link_changes(last)
        })
    };
    theirs.cycle().agreement() == Some((round, content))
        && is_newest(ours)
        && is_newest(theirs)
        && (0..LINKS).all(|link| matter::covers(content, link))
}

fn is_kept(houses: &Houses, name: &str) -> bool {
    houses.iter().all(|(_, house)| !house.broken.contains(&name))
}

fn each_agreement(houses: &Houses, holds: impl Fn(Round, Digest) -> bool) -> bool {
    houses.iter().filter_map(|(_, house)| house.agreement).all(|(round, content)| holds(round, content))
}

fn is_agreed_at_both(houses: &Houses, round: Round) -> bool {
    houses.iter().all(|(_, house)| house.agreement.is_some_and(|(agreed, _)| agreed == round))
}

fn is_agreed_anew(_: &TwoHouses, houses: &Houses) -> bool {
    let has_round_1 = |house: &House| house.cycle().rounds[&Round(1)].agreed().is_some();
    is_agreed_at_both(houses, Round(2)) && houses.iter().all(|(_, house)| has_round_1(house))
}

fn has_one_word_a_place(house: &House) -> bool {
    let places = house.said.iter().filter_map(spoken::place_of);
    let mut spoken = BTreeSet::new();
    places.into_iter().all(|place| spoken.insert(place))
}

/// An agreement, in force or said at the end, is over one content that the house itself sent a statement over and heard
/// one.
fn is_backed(house: &House) -> bool {
    let is_signed_by_both = |round, content| {
        let statement = |by| Fact::Statement { by, cycle: CYCLE, round, content };
        house.said.contains(&statement(house.us())) && house.heard.contains(&statement(house.us().other()))
    };
    let said = match house.outcome() {
        Some(Outcome::Agreed { round, content, .. }) => Some((round, content)),
        _ => None,
    };
    said.into_iter().chain(house.cycle().agreement()).all(|(round, content)| is_signed_by_both(round, content))
}

/// The latest round in which the house said and first heard the same; once it has nothing in hand, it says so.
fn is_latest_in_force(house: &House) -> bool {
    let heard = |round: &Round| match house.first_heard.get(&Place::Statement(CYCLE, *round)) {
        Some(Fact::Statement { content, .. }) => Some(*content),
        _ => None,
    };
    let agreed = house.said.iter().filter_map(|fact| match fact {
        Fact::Statement { round, content, .. } => (heard(round) == Some(*content)).then_some((*round, *content)),
        _ => None,
    });
    let latest = agreed.max_by_key(|(round, _)| *round);
    let is_said = match (latest, house.outcome()) {
        (Some(latest), Some(Outcome::Agreed { round, content, .. })) => latest == (round, content),
        (Some(_), _) => !house.appends.is_empty(),
        (None, outcome) => !matches!(outcome, Some(Outcome::Agreed { .. })),
    };
    house.cycle().agreement() == latest && (is_said || !house.appends.is_empty())
}

/// The agreement in force counts as late, and is said to be, where it was not there yet when the house was first cut
/// off.
fn is_late_after_the_cut_off(house: &House) -> bool {
    let cycle = house.cycle();
    let is_after = |round| cycle.is_cut_off && house.agreed_at_cut_off.is_none_or(|agreed| agreed < round);
    let is_said_so = match house.outcome() {
        Some(Outcome::Agreed { round, is_late, .. }) => is_late == is_after(round),
        _ => true,
    };
    is_said_so && cycle.agreement().is_none_or(|(round, _)| cycle.is_late(round) == is_after(round))
}

/// Whatever was heard is known as heard when it comes again, and leaves the record as it is, even if recorded again.
fn is_deaf_to_repetition(house: &House) -> bool {
    let is_known = |fact: &Fact| match house.machine.judge(fact) {
        Verdict::Duplicate => true,
        Verdict::Contradiction => house.cycle().is_contradicted,
        Verdict::Record | Verdict::Refuse(_) => false,
    };
    let mut again = house.machine.clone();
    let mut leaves_all_as_it_is = |fact: &Fact| {
        again.replay(fact);
        again.on_record() == house.machine.on_record()
    };
    house.heard.iter().all(|fact| is_known(fact) && leaves_all_as_it_is(fact))
}

/// The first word in a place is the one on record, and the newest version that was heard.
fn has_first_words(house: &House) -> bool {
    let (peer, record, cycle) = (house.us().other(), house.machine.on_record(), house.cycle());
    let newest = |version: fn(&Place) -> Option<u64>| house.first_heard.keys().filter_map(version).max();
    let newest_manifest = newest(|place| if let Place::Manifest(_, revision) = place { Some(*revision) } else { None });
    let newest_market = newest(|place| if let Place::Market(_, version) = place { Some(*version) } else { None });
    house.first_heard.values().all(|fact| match fact {
        Fact::Claim { cycle: CYCLE, round, claim, .. } => cycle.rounds[round].claims[peer] == Some(*claim),
        Fact::Statement { cycle: CYCLE, round, content, .. } => cycle.rounds[round].statements[peer] == Some(*content),
        Fact::Declined { cycle: CYCLE, round, .. } => cycle.rounds[round].declined[peer],
        Fact::Manifest { revision, .. } if Some(revision.version) == newest_manifest => {
            cycle.manifests[peer].map(|held| held.revision) == Some(*revision)
        }
        Fact::Market { business_date, version, .. } if Some(version.version) == newest_market => {
            record.markets(*business_date)[peer] == Some(*version)
        }
        _ => true,
    })
}

/// The cycle is marked where two different words of one place are on record, as evidence or as a contradiction, and
/// only there. Market data is of a business date: a contradiction in it touches a cycle that is not cut off yet.
fn is_marked_where_contradicted(house: &House) -> bool {
    let is_second = |fact: &&Fact| spoken::place_of(fact).is_some_and(|place| house.first_heard[&place] != **fact);
    let is_of_cycle = |fact: &&Fact| !matches!(fact, Fact::Market { .. });
    let second_words = || house.heard.iter().filter(is_second);
    let may_be = !house.denounced.is_empty() || second_words().next().is_some();
    let is_touched = |fact: &Fact| is_of_cycle(&fact) || !house.cycle().is_cut_off;
    let must_be = house.denounced.iter().any(is_touched) || second_words().any(|fact| is_of_cycle(&fact));
    if house.cycle().is_contradicted { may_be } else { !must_be }
}

/// No round is beyond the bound, and no more cycles that are not open here than may be asked for.
fn is_bounded(house: &House) -> bool {
    let rules = house.rules;
    let is_unopened = |cycle: &&Cycle| !cycle.opened[house.us()];
    let is_in_bounds = |outcome: Outcome| match outcome {
        Outcome::Agreed { round, .. } => round.0 <= rules.max_rounds,
        Outcome::FallenBack(_) => true,
    };
    let yes = Pair { treasury: true, futures: true };
    let cycles = || house.machine.on_record().cycles().map(|(_, cycle)| cycle);
    cycles().all(|cycle| cycle.rounds.keys().all(|round| round.0 <= rules.max_rounds))
        && cycles().filter(is_unopened).count() <= rules.max_requested_cycles
        && cycles().all(|cycle| cycle.outcomes.map(|outcome| outcome.is_none_or(is_in_bounds)) == yes)
}

/// Whether a fact that `by` signed is on record at the house, or something newer that replaced it.
pub(crate) fn is_on_record(house: &House, by: Leg, fact: &Fact) -> bool {
    let record = house.machine.on_record();
    let is_first = spoken::place_of(fact).is_none_or(|place| house.first_heard.get(&place).is_none_or(|f| f == fact));
    let of = |id: &CycleId| record.cycle(*id);
    let of_round =
        |id: &CycleId, round: &Round| of(id).and_then(|cycle| cycle.rounds.get(round).copied()).unwrap_or_default();
    match fact {
        // The second of two words that were on their way to the disk together is in the ledger; the first is on record.
        _ if by != house.us() && !is_first => true,
        Fact::Registry { sequence, .. } => record.registry()[by] >= *sequence,
        Fact::Market { business_date, version, .. } => {
            record.markets(*business_date)[by].is_some_and(|newest| newest.version >= version.version)
        }
        Fact::Opened { cycle, .. } => of(cycle).is_some_and(|cycle| cycle.opened[by]),
        Fact::Manifest { cycle, revision, .. } => {
            let newest = of(cycle).and_then(|cycle| cycle.manifests[by]);
            newest.is_some_and(|newest| newest.revision.version >= revision.version)
        }
        Fact::Claim { cycle, round, claim, .. } => of_round(cycle, round).claims[by] == Some(*claim),
        Fact::Statement { cycle, round, content, .. } => of_round(cycle, round).statements[by] == Some(*content),
        Fact::Declined { cycle, round, .. } => of_round(cycle, round).declined[by],
        Fact::CutOff { cycle } => of(cycle).is_some_and(|cycle| cycle.is_cut_off),
        Fact::Outcome { cycle, outcome, .. } => {
            let held = of(cycle).and_then(|cycle| cycle.outcomes[by]);
            held.is_some_and(|held| match (held, *outcome) {
                (Outcome::Agreed { round: held, .. }, Outcome::Agreed { round, .. }) => held >= round,
                (Outcome::Agreed { .. }, Outcome::FallenBack(_)) => true,
                (Outcome::FallenBack(_), outcome) => held == outcome,
            })
        }
        Fact::Recovered { recovery, .. } => record.has_recovery(by, recovery),
        Fact::Adopted { .. }
        | Fact::LinksChanged { .. }
        | Fact::Book { .. }
        | Fact::Contradiction { .. }
        | Fact::Halted { .. } => false,
    }
}
