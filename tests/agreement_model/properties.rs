//! What is asked of every state: the invariants of the agreement.

use std::{collections::BTreeSet, sync::Arc};

use gateway::arrangement::{
    cycle::Phase,
    cycle_id::Round,
    digest::Digest,
    fact::{Fact, Outcome},
    leg::Leg,
};
use stateright::Property;

use crate::{
    house::{Clock, House},
    matter::{self, CYCLE, LINKS, Leaves},
    model::{Houses, TwoHouses},
};

type Condition = fn(&TwoHouses, &Houses) -> bool;
type OfOneHouse = fn(&House) -> bool;

pub(crate) const ONE_WORD: &str = "a house signs at most one claim and one statement in a round";
pub(crate) const DURABLE: &str = "what is sent is durable at its sender";
pub(crate) const IN_TIME: &str = "no statement is signed past the guard or the recorded cut-off";
pub(crate) const BACKED: &str = "an outcome that says agreed has both statements on record";
pub(crate) const GRANTS_NOTHING: &str = "a house has fallen back only while it holds no agreement";
pub(crate) const ENDS: &str = "a house that is cut off and has nothing in hand has an outcome";
pub(crate) const LATE: &str = "an agreement is late exactly where it came after the recorded cut-off";

/// The wish that no protocol can grant over a network that loses messages.
pub(crate) const BOTH_OR_NEITHER: &str = "both houses or neither have agreed when both are past the cut-off";

/// What must never fail at either house, whatever the other does.
const OF_ONE_HOUSE: [(&str, OfOneHouse); 7] = [
    (ONE_WORD, has_one_word_a_round),
    (DURABLE, |house| house.said.iter().all(|fact| is_on_record(house, fact))),
    (IN_TIME, |house| !house.has_signed_past_cut_off && !house.has_signed_past_guard),
    (BACKED, |house| match house.outcome() {
        Some(Outcome::Agreed { round, content, .. }) => house.cycle().rounds[&round].agreed() == Some(content),
        _ => true,
    }),
    (GRANTS_NOTHING, |house| {
        let has_fallen_back = matches!(house.outcome(), Some(Outcome::FallenBack(_)));
        !has_fallen_back || !house.appends.is_empty() || house.cycle().agreement().is_none()
    }),
    (ENDS, |house| !house.cycle().is_cut_off || !house.appends.is_empty() || house.outcome().is_some()),
    (LATE, |house| match house.outcome() {
        Some(Outcome::Agreed { round, is_late, .. }) => {
            let is_after = house.cycle().is_cut_off && house.agreed_at_cut_off.is_none_or(|agreed| agreed < round);
            is_late == is_after
        }
        _ => true,
    }),
];

/// The properties of one house that do not hold in it.
pub(crate) fn broken(house: &House) -> Arc<[&'static str]> {
    OF_ONE_HOUSE.iter().filter(|(_, holds)| !holds(house)).map(|(name, _)| *name).collect()
}

/// What must never fail.
pub(crate) fn safety() -> Vec<Property<TwoHouses>> {
    let mut properties = vec![
        Property::always(ONE_WORD, |_, houses| is_kept(houses, ONE_WORD)),
        Property::always(DURABLE, |_, houses| is_kept(houses, DURABLE)),
        Property::always(IN_TIME, |_, houses| is_kept(houses, IN_TIME)),
        Property::always(BACKED, |_, houses| is_kept(houses, BACKED)),
        Property::always(GRANTS_NOTHING, |_, houses| is_kept(houses, GRANTS_NOTHING)),
        Property::always(ENDS, |_, houses| is_kept(houses, ENDS)),
        Property::always(LATE, |_, houses| is_kept(houses, LATE)),
    ];
    let of_both: [(&'static str, Condition); 3] = [
        ("an agreement has both houses' signatures under the same content", |_, houses| {
            each_agreement(houses, |round, content| {
                let statement = |by| Fact::Statement { by, cycle: CYCLE, round, content };
                Leg::BOTH.iter().all(|by| houses[*by].said.contains(&statement(*by)))
            })
        }),
        ("the agreements of a round are the same at both houses", |_, houses| {
            each_agreement(houses, |round, content| {
                let agreed = |by: Leg| houses[by].cycle().rounds.get(&round).and_then(|record| record.agreed());
                Leg::BOTH.iter().all(|by| agreed(*by).is_none_or(|agreed| agreed == content))
            })
        }),
        ("a link whose leaves differ in the two claims is in no agreement", |_, houses| {
            each_agreement(houses, |round, content| {
                // Each house's claim as it stands at that house itself.
                let claims = Leg::BOTH.map(|by| houses[by].cycle().rounds[&round].claims[by]);
                let [Some(ours), Some(theirs)] = claims else { return false };
                let are_equal = |link: usize| ours.digest.leaf(link) == theirs.digest.leaf(link);
                (0..LINKS).all(|link| !matter::covers(content, link) || are_equal(link))
            })
        }),
    ];
    properties.extend(of_both.map(|(name, condition)| Property::always(name, condition)));
    properties
}

/// What must be possible, lest the invariants hold for want of anything happening; and what cannot be had.
pub(crate) fn safety_and_reach() -> Vec<Property<TwoHouses>> {
    let reach: [(&'static str, Condition); 6] = [
        ("agreed in round 1", |_, houses| is_agreed_at_both(houses, Round(1))),
        ("agreed in round 2, superseding round 1", |_, houses| {
            let has_round_1 = |house: &House| house.cycle().rounds[&Round(1)].agreed().is_some();
            is_agreed_at_both(houses, Round(2)) && houses.iter().all(|(_, house)| has_round_1(house))
        }),
        ("agreed with a break", |_, houses| {
            let agreement = houses.treasury.agreement;
            agreement.is_some_and(|(_, content)| (0..LINKS).any(|link| !matter::covers(content, link)))
        }),
        ("agreed after the cut-off", |_, houses| {
            matches!(houses.treasury.outcome(), Some(Outcome::Agreed { is_late: true, .. }))
        }),
        ("fallen back at both houses", |_, houses| {
            houses.iter().all(|(us, house)| house.cycle().phase(us) == Phase::FallenBack)
        }),
        ("known as agreed at one house", |_, houses| {
            houses.iter().all(|(us, house)| house.cycle().phase(us) == Phase::AgreedAtOneHouse)
        }),
    ];
    let mut properties = safety();
    properties.extend(reach.map(|(name, condition)| Property::sometimes(name, condition)));
    properties.push(Property::always(BOTH_OR_NEITHER, |_: &TwoHouses, houses: &Houses| {
        let has_ended = |leg: Leg| houses[leg].clock == Clock::PastCutOff && houses[leg].outcome().is_some();
        let [ours, theirs] = Leg::BOTH.map(|leg| houses[leg].agreement.is_some());
        ours == theirs || !Leg::BOTH.iter().all(|leg| has_ended(*leg))
    }));
    properties
}

/// The durability of what is sent alone.
pub(crate) fn durability() -> Vec<Property<TwoHouses>> {
    vec![Property::always(DURABLE, |_, houses| is_kept(houses, DURABLE))]
}

/// One word in a round alone.
pub(crate) fn one_word() -> Vec<Property<TwoHouses>> {
    vec![Property::always(ONE_WORD, |_, houses| is_kept(houses, ONE_WORD))]
}

/// Where every message arrives in the end and no cut-off comes: the newest books are agreed on.
pub(crate) fn liveness() -> Vec<Property<TwoHouses>> {
    vec![
        Property::always("at rest, both houses have agreed on the newest books", |model, houses| {
            !model.is_at_rest(houses) || has_agreed_on_newest(&houses.treasury, &houses.futures)
        }),
        Property::sometimes("a state of rest", |model: &TwoHouses, houses| model.is_at_rest(houses)),
    ]
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

/// Both houses hold the same agreement, over every link, computed from both newest books.
pub(crate) fn has_agreed_on_newest(ours: &House, theirs: &House) -> bool {
    let Some((round, content)) = ours.cycle().agreement() else { return false };
    let is_newest = |house: &House| {
        let claim = house.cycle().rounds[&round].claims[house.us()].expect("an agreement is over two claims");
        let books = claim.inputs.manifests.map(|manifest| u64::from(matter::book_of(manifest)));
        [ours, theirs].iter().all(|house| books[house.us()] == house.book())
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

fn has_one_word_a_round(house: &House) -> bool {
    let mut spoken = BTreeSet::new();
    house.said.iter().all(|fact| match fact {
        Fact::Claim { round, .. } => spoken.insert(("claim", *round)),
        // A decline is the other word that a house may have on a statement.
        Fact::Statement { round, .. } | Fact::Declined { round, .. } => spoken.insert(("statement", *round)),
        _ => true,
    })
}

fn is_on_record(house: &House, fact: &Fact) -> bool {
    let (us, cycle) = (house.us(), house.cycle());
    let round = |round: &Round| cycle.rounds.get(round).copied().unwrap_or_default();
    match fact {
        Fact::Opened { .. } => cycle.opened[us],
        Fact::Market { business_date, version, .. } => {
            house.machine.on_record().markets(*business_date)[us] == Some(*version)
        }
        Fact::Manifest { revision, .. } => {
            cycle.manifests[us].is_some_and(|newest| newest.revision.version >= revision.version)
        }
        Fact::Claim { round: r, claim, .. } => round(r).claims[us] == Some(*claim),
        Fact::Statement { round: r, content, .. } => round(r).statements[us] == Some(*content),
        Fact::Declined { round: r, .. } => round(r).declined[us],
        Fact::Outcome { .. } => cycle.outcomes[us].is_some(),
        _ => false,
    }
}
