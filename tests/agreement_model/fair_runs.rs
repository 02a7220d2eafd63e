//! Long runs in random order, beyond the bounds of the exhaustive search: every message arrives and no cut-off comes.

use std::collections::BTreeSet;

use gateway::arrangement::{
    fact::{Fact, Refusal, Verdict},
    leg::{Leg, Pair},
    machine::Rules,
};
use proptest::prelude::*;

use crate::{
    house::{House, Step},
    properties,
    world::World,
    worlds::CALM,
};

/// Runs until nothing is left to do, taking the next step as `choices` say, then the first one.
fn run(world: &World, choices: &[u16]) -> Pair<House> {
    let mut houses = Pair::from_fn(|us| House::new(us, world));
    let mut delivered: BTreeSet<(Leg, Fact)> = BTreeSet::new();
    let mut choices = choices.iter().copied();
    loop {
        let mut steps: Vec<(Leg, Step)> = Vec::new();
        for us in Leg::BOTH {
            steps.extend(houses[us].steps(world).into_iter().map(|step| (us, step)));
            let is_gap = |fact: &Fact| houses[us].machine.judge(fact) == Verdict::Refuse(Refusal::LogGap);
            let news =
                houses[us.other()].wire.iter().filter(|fact| !delivered.contains(&(us, **fact)) && !is_gap(fact));
            steps.extend(news.map(|fact| (us, Step::Receive(*fact))));
        }
        let choice = usize::from(choices.next().unwrap_or(0));
        let Some((us, step)) = steps.get(choice % steps.len().max(1)).copied() else { return houses };
        if let Step::Receive(fact) = step {
            delivered.insert((us, fact));
        }
        houses[us].take(world, step);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn houses_that_hear_each_other_agree_on_the_newest_books_and_links(
        amendments in [0_u8..=3, 0..=3],
        entries in [0_u8..=3, 0..=3],
        restarts in [0_u8..=2, 0..=2],
        content_lags: bool,
        choices in prop::collection::vec(any::<u16>(), 0..300),
    ) {
        // An amendment or a change of links costs a round, and one more where the other house claims from the old
        // inputs once more.
        let max_rounds = 1 + 2 * amendments.iter().chain(&entries).map(|count| u32::from(*count)).sum::<u32>();
        let rules = Rules { max_rounds, ..CALM.rules };
        let world = World { rules, amendments, entries, restarts, content_lags, has_cut_off: false, ..CALM };
        let houses = run(&world, &choices);
        prop_assert!(properties::has_agreed_on_newest(&houses.treasury, &houses.futures));
        for (_, house) in houses.iter() {
            prop_assert!(house.is_idle());
            prop_assert_eq!(properties::broken(house).to_vec(), Vec::<&str>::new());
        }
    }
}
