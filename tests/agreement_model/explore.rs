//! Exploring a world to its end, and saying what was found.

use std::{collections::HashSet, time::Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};

use crate::{
    model::{Action, Hashes as _, Houses, TwoHouses},
    properties::{self, BOTH_OR_NEITHER},
    world::World,
};

/// Explores every state, and prints how many there were; ends where something fails that must not.
pub(crate) fn explore(name: &str, world: World, properties: Vec<Property<TwoHouses>>) -> impl Checker<TwoHouses> {
    let start = Instant::now();
    // A failure decides; the wish that no protocol can grant is not one.
    let failures = properties.iter().filter(|property| property.expectation.discovery_is_failure());
    let failures = failures.map(|property| property.name).filter(|name| *name != BOTH_OR_NEITHER).collect();
    let checker = TwoHouses::new(world, properties).checker().finish_when(HasDiscoveries::AnyOf(failures));
    let checker = checker.spawn_bfs().join();
    println!(
        "| {name:<62} | {:>8} states | {:>9} steps | depth {:>2} | {:>5.1} s |",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64()
    );
    if std::env::var_os("CROSSMARGIN_MODEL_PATHS").is_some() {
        checker.discoveries().keys().for_each(|property| tell(&checker, property));
    }
    checker
}

/// The steps to where a property fails, by the shortest way; `None` where it holds. The checker's own ways may be
/// longer.
pub(crate) fn shortest_way(world: World, property: &'static str) -> Option<Vec<String>> {
    let model = TwoHouses::new(world, properties::only(property));
    let holds = properties::only(property).first()?.condition;
    let mut seen: HashSet<[u64; 2]> = HashSet::new();
    let mut reached: Vec<(Houses, Option<(usize, Action)>)> =
        model.init_states().into_iter().map(|houses| (houses, None)).collect();
    let mut next = 0;
    while let Some((houses, _)) = reached.get(next).cloned() {
        if !holds(&model, &houses) {
            return Some(way_to(&reached, next));
        }
        let mut actions = Vec::new();
        model.actions(&houses, &mut actions);
        for action in actions {
            let after = model.next_state(&houses, action.clone()).filter(|after| seen.insert(after.hashes()));
            reached.extend(after.map(|after| (after, Some((next, action)))));
        }
        next += 1;
    }
    None
}

fn way_to(reached: &[(Houses, Option<(usize, Action)>)], mut at: usize) -> Vec<String> {
    let mut way = Vec::new();
    while let Some((before, action)) = &reached[at].1 {
        way.push(format!("{action:?}"));
        at = *before;
    }
    way.reverse();
    way
}

/// Prints the steps to a discovery.
fn tell(checker: &impl Checker<TwoHouses>, property: &'static str) {
    if let Some(path) = checker.discovery(property) {
        print_way(property, path.into_actions().iter().map(|action| format!("{action:?}")));
    }
}

/// Prints the steps to where a property fails.
pub(crate) fn print_way(property: &str, steps: impl IntoIterator<Item = String>) {
    println!("  {property}:");
    for (number, step) in (1..).zip(steps) {
        println!("  {number:>4}. {step}");
    }
}

/// Explores `world` and demands everything of it that can be had.
pub(crate) fn holds(name: &str, world: World, properties: Vec<Property<TwoHouses>>) {
    let checker = explore(name, world, properties.clone());
    for property in properties {
        let is_found = checker.discovery(property.name).is_some();
        let must_be_found = property.name == BOTH_OR_NEITHER || property.expectation == Expectation::Sometimes;
        if is_found && !must_be_found {
            tell(&checker, property.name);
        }
        assert_eq!(is_found, must_be_found, "{name}: {}", property.name);
    }
}

/// Explores `world` and demands that a property fails in it.
pub(crate) fn fails(name: &str, world: World, property: &'static str) {
    let checker = explore(name, world, properties::only(property));
    assert!(checker.discovery(property).is_some(), "{name}: {property:?} holds all the same");
}

/// Whether the long form is asked for.
pub(crate) fn is_large() -> bool {
    std::env::var("CROSSMARGIN_MODEL_BOUNDS").is_ok_and(|bounds| bounds == "large")
}
