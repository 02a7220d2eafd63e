//! The product's own agreement machine, unchanged, explored exhaustively at small bounds.

#[path = "agreement_model/house.rs"]
mod house;
#[path = "agreement_model/matter.rs"]
mod matter;
#[path = "agreement_model/model.rs"]
mod model;
#[path = "agreement_model/properties.rs"]
mod properties;

use std::time::Instant;

use gateway::arrangement::machine::Rules;
use house::{Appends, Disk, Network, World};
use model::TwoHouses;
use stateright::{Checker, Model, Property};

const CALM: World = World {
    rules: Rules { max_rounds: 2, max_requested_cycles: 4 },
    amendments: [0, 0],
    restarts: [0, 0],
    has_cut_off: true,
    may_decline: false,
    content_lags: false,
    network: Network::Remembers,
    disk: Disk::Durable,
    appends: Appends::AsAsked,
};

fn explore(name: &str, world: World, properties: fn() -> Vec<Property<TwoHouses>>) -> impl Checker<TwoHouses> {
    let start = Instant::now();
    let checker = TwoHouses::new(world, properties).checker().spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, depth {}, {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed().as_secs_f64()
    );
    for (property, path) in checker.discoveries() {
        let actions = path.into_actions();
        println!("  {property}: {} steps", actions.len());
        if std::env::var_os("PATHS").is_some() {
            actions.iter().for_each(|action| println!("    {action:?}"));
        }
    }
    checker
}

#[test]
fn sizes() {
    explore("calm", CALM, properties::safety_and_reach);
    explore("amend", World { amendments: [1, 0], ..CALM }, properties::safety_and_reach);
    explore("restart1", World { restarts: [1, 0], ..CALM }, properties::safety_and_reach);
    explore("restart2", World { restarts: [1, 1], ..CALM }, properties::safety_and_reach);
    explore("amend restart1", World { amendments: [1, 0], restarts: [1, 0], ..CALM }, properties::safety_and_reach);
    explore("amend restart2", World { amendments: [1, 0], restarts: [1, 1], ..CALM }, properties::safety_and_reach);
}
