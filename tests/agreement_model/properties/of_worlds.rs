//! What is asked of a world beside the invariants: what must be possible in it, and what it must come to.

use gateway::arrangement::{
    cycle::Phase,
    cycle_id::Round,
    fact::{FallBackCause, Outcome},
    leg::Leg,
};
use stateright::Property;

use super::{BOTH_OR_NEITHER, Condition, of_one_house, safety};
use crate::{
    house::{Clock, House},
    liar::Lies,
    matter::{self, LINKS},
    model::{Houses, TwoHouses},
    world::Peer,
};

/// What a round after a change comes to.
const SECOND_ROUND: &str = "agreed in round 2, superseding round 1";

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

/// What must never fail where a house loses the end of its ledger, and how it may end there.
pub(crate) fn recovered() -> Vec<Property<TwoHouses>> {
    let reach: [(&'static str, Condition); 4] = [
        ("agreed and recovered", |_, houses| {
            houses.iter().any(|(_, house)| house.has_recovered && house.agreement.is_some())
        }),
        ("agreed at both, of which one has recovered", |_, houses| {
            is_agreed_at_both(houses, Round(1)) && houses.iter().any(|(_, house)| house.has_recovered)
        }),
        ("a recovery that the other house knows of", |_, houses| {
            let knows = |us: Leg, of: Leg| houses[us].machine.on_record().has_recovery(of, &matter::recovery(of));
            Leg::BOTH.into_iter().any(|us| knows(us, us.other()))
        }),
        ("fallen back for the loss", |_, houses| {
            let cause = Outcome::FallenBack(FallBackCause::LedgerRecovered);
            houses.iter().any(|(_, house)| house.outcome() == Some(cause))
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

fn is_agreed_at_both(houses: &Houses, round: Round) -> bool {
    houses.iter().all(|(_, house)| house.agreement.is_some_and(|(agreed, _)| agreed == round))
}

fn is_agreed_anew(_: &TwoHouses, houses: &Houses) -> bool {
    let round_1 = |house: &House| house.cycle().rounds.get(&Round(1)).and_then(|record| record.agreed());
    let has_round_1 = |house: &House| round_1(house).is_some();
    is_agreed_at_both(houses, Round(2)) && houses.iter().all(|(_, house)| has_round_1(house))
}
