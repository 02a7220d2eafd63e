//! What a simulation is to bring, by its seed: cycles that operators open, faults, and how long it all takes.

use std::time::Duration;

use crossmargin::v1;
use gateway::{
    arrangement::leg::{Leg, Pair},
    sample,
};

use super::{dice::Dice, last_second::Way};

/// Seconds of faults, and after them the most until everything must be well again.
pub const FAULTS_SECONDS: u64 = 240;
pub const HEALING_SECONDS_MAX: u64 = 240;
/// Before this nothing goes wrong, in most simulations: the houses have something to lose first.
const QUIET_SECONDS: u64 = 12;

/// A cycle that operators open by hand.
#[derive(Clone, Debug)]
pub struct HandOpened {
    pub cycle: v1::CycleId,
    /// True time of the opening, in seconds.
    pub open_at: u64,
    /// True time of the cut-off, in seconds.
    pub cut_off: u64,
    /// The houses that open it.
    pub by: Pair<bool>,
    /// The house whose operator cuts it off early, and when.
    pub cut_early: Option<(Leg, u64)>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The nodes cannot reach each other.
    Partition { seconds: u64 },
    /// What one node sends does not arrive at the other.
    OneWay { from: Leg, seconds: u64 },
    /// A house's own systems cannot reach its node.
    DeskCutOff { leg: Leg, seconds: u64 },
    /// What the nodes send takes long.
    Delay { millis: u64, seconds: u64 },
    /// What the nodes send is held back, then arrives all at once.
    Hold { seconds: u64 },
    /// A node is killed.
    Crash { leg: Leg, down: u64 },
    /// A node loses its power: nobody is told that its connections have ended.
    PowerLoss { leg: Leg, down: u64 },
    /// Both nodes are killed at once.
    CrashBoth { down: Pair<u64> },
    /// A node is stopped in order.
    Stop { leg: Leg, down: u64 },
    /// A clock is set wrong, within what is permitted between the houses.
    SkewWithin { leg: Leg, millis: i64 },
    /// A clock is set wrong, beyond what is permitted.
    SkewBeyond { leg: Leg, millis: i64, seconds: u64 },
    /// A clock runs fast or slow.
    Drift { leg: Leg, ppm: i64 },
    /// Commits take seconds.
    SlowDisk { leg: Leg, seconds: u64 },
    /// A commit fails.
    FailingDisk { leg: Leg },
    /// No commit finds space.
    FullDisk { leg: Leg, seconds: u64 },
    /// Reads and writes of bulk content fail.
    FailingBlobs { leg: Leg, percent: u64, seconds: u64 },
    /// A node is killed, and starts again on a copy of its ledger that is so many seconds old; the house recovers some
    /// seconds later. Whether the guard still has the newest head, and whether the store is as old as the ledger.
    OldCopy { leg: Leg, age: u64, guard: bool, content: bool, down: u64, recovers_after: u64 },
    /// A node is killed, and its ledger and its content are gone, the guard perhaps not; the house recovers some seconds
    /// after the node was started on nothing.
    LostDisk { leg: Leg, guard: bool, down: u64, recovers_after: u64 },
    /// When the house next records a statement of a cycle without an agreement, the network between the nodes is cut in that moment,
    /// until so many seconds after the cut-off.
    LastSecond { leg: Leg, way: Way, seconds: u64 },
}

impl Fault {
    /// The name under which it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition { .. } => "partition",
            Self::OneWay { .. } => "partition one way",
            Self::DeskCutOff { .. } => "partition of clients",
            Self::Delay { .. } => "delay",
            Self::Hold { .. } => "hold and release",
            Self::Crash { .. } => "crash",
            Self::PowerLoss { .. } => "power loss",
            Self::CrashBoth { .. } => "crash of both",
            Self::Stop { .. } => "stop in order",
            Self::SkewWithin { .. } => "skew within the permitted",
            Self::SkewBeyond { .. } => "skew beyond the permitted",
            Self::Drift { .. } => "drift",
            Self::SlowDisk { .. } => "slow disk",
            Self::FailingDisk { .. } => "failing commit",
            Self::FullDisk { .. } => "full disk",
            Self::FailingBlobs { .. } => "failing blob store",
            Self::OldCopy { .. } => "old copy",
            Self::LostDisk { .. } => "lost disk",
            Self::LastSecond { .. } => "last second",
        }
    }
}

/// What a simulation is to bring.
#[derive(Clone, Debug)]
pub struct Plan {
    pub cycles: Vec<HandOpened>,
    /// True times in milliseconds, ascending.
    pub faults: Vec<(u64, Fault)>,
    pub latency: (Duration, Duration),
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let dice = Dice::of(seed, "plan");
        let mut plan = Self { cycles: cycles(&dice), faults: faults(&dice), latency: latency(&dice) };
        plan.faults.extend(loss(&Dice::of(seed, "losses")));
        plan.faults.extend(last_seconds(&Dice::of(seed, "last seconds")));
        plan.faults.sort_by_key(|(at, _)| *at);
        plan
    }

    /// The plan without what a disk that does not keep its word could not be told from.
    pub fn without_losses(mut self) -> Self {
        self.faults.retain(|(_, fault)| !matches!(fault, Fault::OldCopy { .. } | Fault::LostDisk { .. }));
        self
    }
}

impl Plan {
    /// The cut-off of the fresh cycle, as a true time in seconds.
    pub fn fresh_cut_off(&self) -> u64 {
        FAULTS_SECONDS + HEALING_SECONDS_MAX
    }
}

/// The cycle that must be agreed once everything is well.
pub fn fresh_cycle() -> v1::CycleId {
    cycle(v1::CycleKind::Eod, 100)
}

fn cycle(kind: v1::CycleKind, run: u32) -> v1::CycleId {
    v1::CycleId {
        arrangement: "FICC-CME".to_owned(),
        business_date: sample::BUSINESS_DATE.to_string(),
        kind: kind.into(),
        run,
    }
}

fn cycles(dice: &Dice) -> Vec<HandOpened> {
    let count = dice.between(2, 5);
    let mut runs = (0, 0);
    (0..count)
        .map(|_| {
            let kind = if dice.chance(70) { v1::CycleKind::Eod } else { v1::CycleKind::Cur };
            let run = if kind == v1::CycleKind::Eod { &mut runs.0 } else { &mut runs.1 };
            *run += 1;
            let open_at = dice.between(8, 200);
            let cut_off = open_at + dice.between(15, 70);
            let leg = *dice.pick(&Leg::BOTH);
            let by = Pair::from_fn(|of| of == leg || !dice.chance(8));
            let cut_early = dice.chance(15).then(|| (*dice.pick(&Leg::BOTH), dice.between(open_at + 3, cut_off)));
            HandOpened { cycle: cycle(kind, *run), open_at, cut_off, by, cut_early }
        })
        .collect()
}

fn latency(dice: &Dice) -> (Duration, Duration) {
    let least = dice.between(1, 20);
    (Duration::from_millis(least), Duration::from_millis(least + dice.between(10, 150)))
}

fn faults(dice: &Dice) -> Vec<(u64, Fault)> {
    let begin = if dice.chance(25) { 0 } else { QUIET_SECONDS * 1_000 };
    let count = dice.between(4, 16);
    let mut faults: Vec<_> =
        (0..count).map(|_| (dice.between(begin, FAULTS_SECONDS * 1_000 - 10_000), fault(dice))).collect();
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn fault(dice: &Dice) -> Fault {
    let leg = *dice.pick(&Leg::BOTH);
    let seconds = dice.between(1, 60);
    let down = dice.between(0, 20);
    let sign = if dice.chance(50) { 1 } else { -1 };
    match dice.below(22) {
        0 | 1 => Fault::Partition { seconds },
        2 | 3 => Fault::OneWay { from: leg, seconds },
        4 => Fault::DeskCutOff { leg, seconds },
        5 => Fault::Delay { millis: dice.between(300, 4_000), seconds },
        6 | 7 => Fault::Hold { seconds },
        8..=10 => Fault::Crash { leg, down },
        11 => Fault::PowerLoss { leg, down },
        12 => Fault::CrashBoth { down: Pair { treasury: down, futures: dice.between(0, 20) } },
        13 => Fault::Stop { leg, down },
        14 => Fault::SkewWithin { leg, millis: sign * i64::try_from(dice.between(0, 2_400)).unwrap() },
        15 => Fault::SkewBeyond { leg, millis: sign * i64::try_from(dice.between(6_000, 60_000)).unwrap(), seconds },
        16 => Fault::Drift { leg, ppm: sign * i64::try_from(dice.between(0, 5_000)).unwrap() },
        17 => Fault::SlowDisk { leg, seconds },
        18 | 19 => Fault::FailingDisk { leg },
        20 => Fault::FullDisk { leg, seconds },
        _ => Fault::FailingBlobs { leg, percent: dice.between(5, 100), seconds },
    }
}

/// One house at a time loses its disk, and at most once: who restores needs the other.
fn loss(dice: &Dice) -> Option<(u64, Fault)> {
    let (leg, at, is_all) = (*dice.pick(&Leg::BOTH), dice.between(25_000, 200_000), dice.chance(30));
    let (guard, content) = (dice.chance(40), dice.chance(40));
    let (age, down, recovers_after) = (dice.between(1, 60), dice.between(0, 10), dice.between(1, 40));
    let fault = if is_all {
        Fault::LostDisk { leg, guard, down, recovers_after }
    } else {
        Fault::OldCopy { leg, age, guard, content, down, recovers_after }
    };
    dice.chance(40).then_some((at, fault))
}

fn last_seconds(dice: &Dice) -> Option<(u64, Fault)> {
    let (leg, at) = (*dice.pick(&Leg::BOTH), dice.between(5_000, 190_000));
    let (way, seconds) = (*dice.pick(&[Way::Both, Way::Own, Way::Other]), dice.between(1, 15));
    dice.chance(40).then_some((at, Fault::LastSecond { leg, way, seconds }))
}
