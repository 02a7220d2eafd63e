//! Both houses and the network between them, as stateright explores them.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Deref,
    sync::{Arc, Mutex},
};

use gateway::arrangement::{
    cycle_id::Round,
    digest::Digest,
    fact::Fact,
    leg::{Leg, Pair},
};
use stateright::{Model, Property};

use crate::{
    house::{House, Step},
    narrative, properties,
    world::{Delivery, Peer, World},
};

/// Two houses and what the network may deliver between them: everything that was sent, at any time, any number of
/// times, in any order, or never.
pub(crate) struct TwoHouses {
    pub(crate) world: World,
    properties: Vec<Property<Self>>,
    known: Mutex<Known>,
    /// Every house that was reached, by its hash.
    houses: Mutex<HashMap<u64, Shared>>,
}

/// A state of both houses.
pub(crate) type Houses = Pair<Shared>;

/// What tells a state apart.
pub(crate) trait Hashes {
    /// The hash of each house.
    fn hashes(&self) -> [u64; 2];
}

impl Hashes for Houses {
    fn hashes(&self) -> [u64; 2] {
        [self.treasury.hash, self.futures.hash]
    }
}

/// A house that is shared by the many states in which it is the same; what depends on it alone is worked out once.
#[derive(Clone)]
pub(crate) struct Shared {
    house: Arc<House>,
    hash: u64,
    wire_hash: u64,
    /// Of what it has to tell a house that lost the end of its ledger.
    told_hash: u64,
    /// The agreement that it holds.
    pub(crate) agreement: Option<(Round, Digest)>,
    /// Properties of one house that do not hold.
    pub(crate) broken: Arc<[&'static str]>,
}

/// Something that happens at one house, and the house after it.
#[derive(Clone)]
pub(crate) struct Action {
    pub(crate) leg: Leg,
    pub(crate) step: Step,
    after: Shared,
}

/// Steps of a house, each with the house after it.
type Steps = Arc<[(Step, Shared)]>;

/// Steps that were worked out before. A step depends on its house alone, and a house returns in thousands of states.
#[derive(Default)]
struct Known {
    own: HashMap<u64, Steps>,
    /// By the house and by what the network holds for it.
    received: HashMap<(u64, u64), Steps>,
    /// By the house and by what the other one has to tell.
    told: HashMap<(u64, u64), Shared>,
    /// The house that has nothing to tell any more.
    silent: HashMap<u64, Shared>,
}

impl TwoHouses {
    /// The model of `world` with what to check in it.
    pub(crate) fn new(world: World, properties: Vec<Property<Self>>) -> Self {
        Self { world, properties, known: Mutex::default(), houses: Mutex::default() }
    }

    /// Whether nothing is left that could happen.
    pub(crate) fn is_at_rest(&self, houses: &Houses) -> bool {
        houses.iter().all(|(leg, house)| {
            let peer = &houses[leg.other()];
            self.own_steps(house).is_empty()
                && self.receptions(house, peer).is_empty()
                && house.step_of_both().is_none()
        })
    }

    /// Whether a house returns in many states. Against a liar each state is a house of its own: to keep them all would
    /// only cost memory.
    fn keeps(&self) -> bool {
        self.world.peer == Peer::Honest
    }

    fn own_steps(&self, house: &Shared) -> Steps {
        if !self.keeps() {
            return self.after_each(house, house.steps(&self.world));
        }
        let mut known = self.known.lock().expect("no holder panics");
        known.own.entry(house.hash).or_insert_with(|| self.after_each(house, house.steps(&self.world))).clone()
    }

    /// What a house may receive: whatever was sent to it, or whatever a liar may say.
    fn receptions(&self, house: &Shared, peer: &Shared) -> Steps {
        let words = || -> Vec<Fact> {
            match self.world.peer {
                Peer::Honest => match self.world.delivery {
                    Delivery::InAnyOrder => peer.wire.iter().copied().collect(),
                    Delivery::AsSent => {
                        peer.sent.iter().copied().find(|fact| house.has_use_for(fact)).into_iter().collect()
                    }
                },
                Peer::Liar(lies) => lies.words(house.us().other(), house),
            }
        };
        if !self.keeps() {
            return self.after_each(house, words().into_iter().map(Step::Receive));
        }
        let mut known = self.known.lock().expect("no holder panics");
        let receptions = known.received.entry((house.hash, peer.wire_hash));
        receptions.or_insert_with(|| self.after_each(house, words().into_iter().map(Step::Receive))).clone()
    }

    /// The house after each of the steps that change it.
    fn after_each(&self, house: &House, steps: impl IntoIterator<Item = Step>) -> Steps {
        let after = |step: Step| {
            if house.knows_already(&step) {
                return None;
            }
            let mut house = house.clone();
            house.take(&self.world, step).then(|| (step, self.shared(house)))
        };
        steps.into_iter().filter_map(after).collect()
    }

    /// The house after a step that takes what the other one holds.
    fn after_both(&self, house: &Shared, peer: &Shared, step: Step) -> Shared {
        let mut known = self.known.lock().expect("no holder panics");
        let after = known.told.entry((house.hash, peer.told_hash)).or_insert_with(|| {
            let mut after = House::clone(house);
            after.take_with(&self.world, step, peer);
            self.shared(after)
        });
        after.clone()
    }

    /// The house when nobody asks any more for what it has to tell.
    fn silent(&self, house: &Shared) -> Shared {
        let mut known = self.known.lock().expect("no holder panics");
        let silent = known.silent.entry(house.hash).or_insert_with(|| {
            let mut silent = House::clone(house);
            silent.tell_no_more();
            self.shared(silent)
        });
        silent.clone()
    }

    /// The house, or the one like it that was reached before.
    fn shared(&self, house: House) -> Shared {
        let hash = hash_of(&house);
        if !self.keeps() {
            return Shared::new(house, hash);
        }
        let mut houses = self.houses.lock().expect("no holder panics");
        houses.entry(hash).or_insert_with(|| Shared::new(house, hash)).clone()
    }
}

impl Model for TwoHouses {
    type State = Houses;
    type Action = Action;

    fn init_states(&self) -> Vec<Houses> {
        vec![Pair::from_fn(|us| self.shared(House::new(us, &self.world)))]
    }

    fn actions(&self, houses: &Houses, actions: &mut Vec<Action>) {
        for (leg, house) in houses.iter() {
            if leg != Leg::Treasury && self.world.peer != Peer::Honest {
                // A liar does no work: it says what it likes.
                continue;
            }
            let [own, received] = [self.own_steps(house), self.receptions(house, &houses[leg.other()])];
            let steps = own.iter().chain(received.iter()).cloned();
            actions.extend(steps.map(|(step, after)| Action { leg, step, after }));
            let step = house.step_of_both();
            actions.extend(step.map(|step| Action {
                leg,
                step,
                after: self.after_both(house, &houses[leg.other()], step),
            }));
        }
    }

    fn next_state(&self, houses: &Houses, action: Action) -> Option<Houses> {
        let mut next = houses.clone();
        next[action.leg] = action.after;
        if matches!(action.step, Step::Lose | Step::Greet) && next[action.leg].is_over_its_loss() {
            let peer = &mut next[action.leg.other()];
            *peer = self.silent(peer);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.properties.clone()
    }
}

impl Shared {
    fn new(house: House, hash: u64) -> Self {
        Self {
            hash,
            wire_hash: hash_of(&(&house.wire, &house.sent)),
            told_hash: hash_of(&(&house.story, &house.heard, &house.cycle().rounds)),
            agreement: house.cycle().agreement(),
            broken: properties::broken(&house),
            house: Arc::new(house),
        }
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Deref for Shared {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64(self.hash);
    }
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        (self.leg, self.step) == (other.leg, other.step)
    }
}

impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&narrative::of_step(self.leg, &self.step))
    }
}
