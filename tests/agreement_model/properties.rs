//! What is asked of every state: the invariants of the agreement, in the words of `docs/model-check.md`.

#[path = "properties/of_a_house.rs"]
mod of_a_house;
#[path = "properties/of_worlds.rs"]
mod of_worlds;

use std::sync::Arc;

use gateway::arrangement::{
    cycle_id::Round,
    digest::Digest,
    fact::{Fact, Outcome},
    leg::Leg,
};
pub(crate) use of_a_house::is_on_record;
use of_a_house::{
    has_first_words, has_one_word_a_place, is_backed, is_bounded, is_deaf_to_repetition, is_late_after_the_cut_off,
    is_latest_in_force, is_marked_where_contradicted,
};
pub(crate) use of_worlds::{
    accepted, both_or_neither, has_agreed_on_newest, lied_to, liveness, recovered, safety_and_ends, safety_and_reach,
    safety_and_second_round, telling, unaccepted,
};
use stateright::Property;

use crate::{
    house::{Clock, House},
    matter::{self, CYCLE, LINKS, Leaves},
    model::{Houses, TwoHouses},
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

pub(crate) const HALTED: &str = "a house that recovered signs nothing more in what was open when it lost its end";
pub(crate) const SHARED: &str = "what the other house holds as agreed is agreed again after a recovery";

// Of both houses.
pub(crate) const BOTH_SIGNED: &str = "an agreement has both houses' signatures under the same content";
pub(crate) const NEVER_DIFFER: &str = "the two houses' agreements of one round never differ";
pub(crate) const BREAKS: &str = "a link whose leaves differ in the two claims is in no agreement";
/// The wish that no protocol can grant over a network that loses messages.
pub(crate) const BOTH_OR_NEITHER: &str = "both houses or neither have agreed when both are past the cut-off";

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
        HALTED,
        SHARED,
    ]
}

/// What must never fail between two honest houses.
pub(crate) fn safety() -> Vec<Property<TwoHouses>> {
    let of_both: [(&'static str, Condition); 3] = [
        (BOTH_SIGNED, |_, houses| {
            each_agreement(houses, |round, content| {
                let statement = |by| Fact::Statement { by, cycle: CYCLE, round, content };
                let has_signed = |house: &House, fact: &Fact| house.said.contains(fact) || house.lost.contains(fact);
                Leg::BOTH.iter().all(|by| has_signed(&houses[*by], &statement(*by)))
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
                // Each house's claim as it stands at that house itself, or as it signed it before it lost it.
                let claims = Leg::BOTH.map(|by| claim_of(&houses[by], round));
                let [Some(ours), Some(theirs)] = claims else { return false };
                let are_equal = |link: usize| ours.leaf(link) == theirs.leaf(link);
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

fn is_kept(houses: &Houses, name: &str) -> bool {
    houses.iter().all(|(_, house)| !house.broken.contains(&name))
}

fn each_agreement(houses: &Houses, holds: impl Fn(Round, Digest) -> bool) -> bool {
    houses.iter().filter_map(|(_, house)| house.agreement).all(|(round, content)| holds(round, content))
}

/// A house's claim of a round, on record or lost.
fn claim_of(house: &House, round: Round) -> Option<Digest> {
    let lost = || {
        house.lost.iter().find_map(|fact| match fact {
            Fact::Claim { cycle: CYCLE, round: of, claim, .. } if *of == round => Some(claim.digest),
            _ => None,
        })
    };
    let held = house.cycle().rounds.get(&round).and_then(|record| record.claims[house.us()]);
    held.map(|claim| claim.digest).or_else(lost)
}
