//! Two houses that record at the same time over a channel that loses, reorders and repeats, and that restart: every seed
//! plays alike.

use std::{collections::BTreeSet, fmt};

use crossmargin::v1;
use proptest::{
    prelude::Rng,
    test_runner::{RngAlgorithm, TestRng},
};

use super::{histories::*, naive::Records, *};

const SEEDS: u8 = 32;
const STEPS: usize = 350;

struct House {
    leg: Leg,
    registry: Registry,
    /// What it keeps of both logs, in the order in which it took the entries.
    kept: Vec<Sent>,
    /// The next change of its onboarding.
    next: usize,
}

#[derive(Debug, Default)]
struct Counts {
    recorded: usize,
    refused: usize,
    delivered: usize,
    repeated: usize,
    early: usize,
    lost: usize,
    restarts: usize,
    live: usize,
    conflicts: usize,
}

struct World {
    seed: u8,
    step: usize,
    random: TestRng,
    houses: Pair<House>,
    /// Entries under way, with the house that they go to.
    channel: Vec<(Leg, Sent)>,
    counts: Counts,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, step {}: {:?}", self.seed, self.step, self.counts)
    }
}

impl World {
    fn new(seed: u8) -> Self {
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let house = |leg| House { leg, registry: Registry::new(rules()), kept: Vec::new(), next: 0 };
        let houses = Pair::from_fn(house);
        let mut world = Self { seed, step: 0, random, houses, channel: Vec::new(), counts: Counts::default() };
        for leg in Leg::BOTH {
            assert!(world.record(leg, RegistryContent::Adoption(ARRANGEMENT)));
        }
        world
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.random.next_u32()).unwrap() % bound
    }

    fn play(&mut self) {
        let leg = if self.below(2) == 0 { Leg::Treasury } else { Leg::Futures };
        match self.below(20) {
            0..=4 => self.record_onboarding(leg),
            5 => self.record_something(leg),
            6..=13 => self.deliver(),
            14 => self.lose(),
            15 => self.restart(leg),
            _ => self.send_again(leg),
        }
        self.step += 1;
    }

    fn record(&mut self, leg: Leg, content: RegistryContent) -> bool {
        let house = &mut self.houses[leg];
        let (entry, digest) = next_entry(&house.registry, leg, content);
        let is_taken = house.registry.record(leg, &entry, digest).is_ok();
        if is_taken {
            let sent = Sent { leg, entry, digest };
            house.kept.push(sent.clone());
            self.channel.push((leg.other(), sent));
            self.counts.recorded += 1;
        } else {
            self.counts.refused += 1;
        }
        is_taken
    }

    fn record_onboarding(&mut self, leg: Leg) {
        let next = self.houses[leg].next;
        if let Some(change) = ONBOARDING.get(next) {
            self.houses[leg].next += 1;
            self.record(leg, batch(std::slice::from_ref(change)));
        } else {
            self.record_something(leg);
        }
    }

    fn record_something(&mut self, leg: Leg) {
        let word = self.below(VOCABULARY.len());
        self.record(leg, batch(&VOCABULARY[word..=word]));
    }

    /// Some entry arrives, not the oldest, and sometimes stays under way as well.
    fn deliver(&mut self) {
        if self.channel.is_empty() {
            return;
        }
        let at = self.below(self.channel.len());
        let stays = self.below(4) == 0;
        let (to, sent) = if stays { self.channel[at].clone() } else { self.channel.swap_remove(at) };
        self.take(to, sent);
    }

    fn take(&mut self, to: Leg, sent: Sent) {
        let taken = self.houses[to].registry.record(sent.leg, &sent.entry, sent.digest);
        match taken {
            Ok(Recorded::Now) => {
                self.counts.delivered += 1;
                self.houses[to].kept.push(sent);
            }
            Ok(Recorded::Before) => self.counts.repeated += 1,
            Err(RegistryError::Gap { .. }) => self.counts.early += 1,
            Err(error) => panic!("{to:?} refuses what {:?} recorded: {error}; {self}", sent.leg),
        }
    }

    fn lose(&mut self) {
        if !self.channel.is_empty() {
            let at = self.below(self.channel.len());
            self.channel.swap_remove(at);
            self.counts.lost += 1;
        }
    }

    /// A house comes back with what it kept alone.
    fn restart(&mut self, leg: Leg) {
        let replayed = registry_of(&self.houses[leg].kept);
        assert!(replayed == self.houses[leg].registry, "{leg:?} comes back with another registry; {self}");
        self.houses[leg].registry = replayed;
        self.counts.restarts += 1;
    }

    /// A house sends its own log again from some entry on.
    fn send_again(&mut self, leg: Leg) {
        let own: Vec<Sent> = self.houses[leg].kept.iter().filter(|sent| sent.leg == leg).cloned().collect();
        let from = self.below(own.len());
        self.channel.extend(own.into_iter().skip(from).take(5).map(|sent| (leg.other(), sent)));
    }

    /// What a house takes for live meets every condition by what that house keeps.
    fn check_reductions(&mut self) {
        for leg in Leg::BOTH {
            let House { registry, kept, .. } = &self.houses[leg];
            let records = Records::of(kept);
            let live: Vec<_> = everywhere()
                .filter(|(link, date)| registry.link_on(link, *date).is_some_and(|(_, mode)| mode == LinkMode::Live))
                .collect();
            for (link, date) in &live {
                assert!(records.is_live(link.as_str(), &date.to_string()), "{leg:?} {link} {date}; {self}");
            }
            self.counts.live += live.len();
        }
    }

    /// The channel works: each house sends all of its own log in order.
    fn settle(&mut self) {
        for leg in Leg::BOTH {
            let own: Vec<Sent> = self.houses[leg].kept.iter().filter(|sent| sent.leg == leg).cloned().collect();
            own.into_iter().for_each(|sent| self.take(leg.other(), sent));
        }
    }

    fn check_agreement(&mut self) {
        let Pair { treasury, futures } = &self.houses;
        assert!(treasury.registry == futures.registry, "the houses disagree; {self}");
        assert_eq!(treasury.registry.digest(), futures.registry.digest(), "{self}");
        let held = |house: &House| house.kept.iter().map(|sent| (sent.leg, sent.digest)).collect::<BTreeSet<_>>();
        assert_eq!(held(treasury), held(futures), "a house lacks entries; {self}");
        assert_eq!(self.houses.as_ref().map(|house| house.leg), Pair::from_fn(|leg| leg));
    }

    /// What the houses recorded differently is named and in force nowhere.
    fn check_conflicts(&mut self) {
        let House { registry, kept, .. } = &self.houses.treasury;
        let records = Records::of(kept);
        let mut conflicts = 0;
        for (link, date) in everywhere() {
            let recorded = Leg::BOTH.map(|leg| records.terms(leg, link.as_str()));
            let [Some(ours), Some(theirs)] = recorded else { continue };
            if ours == theirs {
                continue;
            }
            conflicts += 1;
            let Standing { stage, obstacles, .. } = registry.standing(&link, date).unwrap();
            let is_over =
                Leg::BOTH.into_iter().any(|leg| records.word(leg, link.as_str()) == Some(v1::LinkStage::Closed));
            let is_named = matches!(&obstacles[..], [Obstacle::TermsDiffer(fields)] if !fields.is_empty());
            assert!(is_over && stage == Stage::Closed || is_named && stage == Stage::Proposed, "{link}; {self}");
            assert!(registry.terms_on(&link, date).is_none(), "{link}; {self}");
        }
        for joined in registry.approvals().filter(|joined| !joined.is_signed_by_both) {
            conflicts += usize::from(joined.by.treasury && joined.by.futures);
            assert!(DATES.into_iter().all(|date| !joined.is_effective(day(date))), "{joined:?}; {self}");
        }
        self.counts.conflicts += conflicts;
    }
}

#[test]
fn two_houses_agree_in_the_end_whatever_the_channel_does() {
    let mut total = Counts::default();
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        while world.step < STEPS {
            world.play();
            if world.step.is_multiple_of(5) {
                world.check_reductions();
            }
        }
        world.settle();
        world.check_agreement();
        world.check_reductions();
        world.check_conflicts();
        let Counts { early, repeated, lost, restarts, refused, live, conflicts, .. } = world.counts;
        for (sum, more) in [
            (&mut total.early, early),
            (&mut total.repeated, repeated),
            (&mut total.lost, lost),
            (&mut total.restarts, restarts),
            (&mut total.refused, refused),
            (&mut total.live, live),
            (&mut total.conflicts, conflicts),
        ] {
            *sum += more;
        }
    }
    // The play holds everything that it is about.
    for count in [total.early, total.repeated, total.lost, total.restarts, total.refused, total.live, total.conflicts] {
        assert!(count > usize::from(SEEDS), "{total:?}");
    }
}
