//! Steps a simulation and brings the faults of its plan.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway::arrangement::leg::{Leg, Pair};
use turmoil::Sim;

#[path = "driver/losing.rs"]
mod losing;

use super::{
    loss::Left,
    network::Lives,
    node::Site,
    plan::{FAULTS_SECONDS, Fault, HEALING_SECONDS_MAX, Plan},
    setting::{DESKS, NAMES, NODES},
    told::Told,
    trace::Trace,
    world::World,
};

/// Seconds until a node that has ended by itself is started again.
const RESTART_SECONDS: u64 = 4;

/// Steps the simulation and brings its faults.
pub struct Driver<'a> {
    pub sim: Sim<'a>,
    plan: Arc<Plan>,
    sites: Pair<Arc<Site>>,
    told: Told,
    trace: Trace,
    is_healing: Arc<AtomicBool>,
    lives: Lives,
    /// The network between the nodes.
    between: Link,
    /// Whether messages between the nodes take a time of their own, all the same.
    is_delayed: bool,
    /// Whether a house's own systems cannot reach its node.
    is_desk_cut_off: Pair<bool>,
    /// The true time in milliseconds until which the network stays as it is: the end of a last second.
    cut_until: u64,
    /// Seconds from a cut-off to the end of the last second before it.
    last_second_seconds: u64,
    /// What is to be done at a true time in milliseconds.
    later: BTreeMap<u64, Vec<Later>>,
    /// For each second whether the clocks were within what is permitted.
    pub within_skew: Vec<bool>,
    /// Whether the clocks are wrong in secret.
    is_lenient: bool,
    stays_cut: bool,
    permitted_micros: i64,
}

/// The network between the nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Healthy,
    Partition,
    OneWay(Leg),
    Hold,
}

/// The end of a fault.
#[derive(Clone, Copy, Debug)]
enum Later {
    Repair,
    RepairDesk(Leg),
    Latency,
    Start(Leg),
    RightClock(Leg),
    FastDisk(Leg),
    FreeDisk(Leg),
    SoundBlobs(Leg),
    Recover(Leg),
}

impl<'a> Driver<'a> {
    pub fn new(
        sim: Sim<'a>,
        world: World,
        plan: &Arc<Plan>,
        sites: &Pair<Arc<Site>>,
        told: &Told,
        lives: &Lives,
        is_healing: &Arc<AtomicBool>,
    ) -> Self {
        Self {
            sim,
            plan: Arc::clone(plan),
            sites: Pair::from_fn(|leg| Arc::clone(&sites[leg])),
            told: told.clone(),
            trace: told.trace().clone(),
            is_healing: Arc::clone(is_healing),
            lives: lives.clone(),
            between: Link::Healthy,
            is_delayed: false,
            is_desk_cut_off: Pair::default(),
            cut_until: 0,
            last_second_seconds: 0,
            later: BTreeMap::new(),
            within_skew: Vec::new(),
            is_lenient: world.secret_skew_millis != 0,
            stays_cut: world.stays_cut,
            permitted_micros: i64::from(world.timing.permitted_skew_seconds) * 1_000_000,
        }
    }

    /// Runs the simulation to its end.
    pub fn drive(&mut self) {
        let plan = Arc::clone(&self.plan);
        let mut faults = plan.faults.iter().peekable();
        loop {
            let now = self.trace.time.micros() / 1_000;
            while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= now) {
                self.bring(*fault);
            }
            while let Some(entry) = self.later.first_entry().filter(|entry| *entry.key() <= now) {
                for end in entry.remove() {
                    self.end(end);
                }
            }
            self.start_again();
            if now >= FAULTS_SECONDS * 1_000 && !self.is_healing.load(Ordering::Relaxed) {
                self.heal();
            }
            let is_done = match self.sim.step() {
                Ok(is_done) => is_done,
                Err(error) => return self.trace.violation(format!("the simulation ends with an error: {error}")),
            };
            let elapsed = u64::try_from(self.sim.elapsed().as_micros()).unwrap();
            self.trace.time.set(elapsed);
            self.note_last_seconds();
            self.note_skew(elapsed / 1_000_000);
            if is_done {
                return;
            }
            if elapsed / 1_000_000 >= FAULTS_SECONDS + HEALING_SECONDS_MAX {
                let text = format!("all is well since {HEALING_SECONDS_MAX} s, and the systems still wait");
                return self.trace.violation(text);
            }
        }
    }

    fn offset(&self, leg: Leg) -> i64 {
        self.sites[leg].clock.offset_micros()
    }

    fn note_skew(&mut self, second: u64) {
        let apart = (self.offset(Leg::Treasury) - self.offset(Leg::Futures)).abs();
        let is_within = self.is_lenient || apart <= self.permitted_micros;
        let second = usize::try_from(second).unwrap();
        match self.within_skew.get_mut(second) {
            Some(within) => *within &= is_within,
            None => self.within_skew.push(is_within),
        }
    }

    fn in_seconds(&mut self, seconds: u64, end: Later) {
        let at = self.trace.time.micros() / 1_000 + seconds * 1_000;
        self.later.entry(at).or_default().push(end);
    }

    fn bring(&mut self, fault: Fault) {
        let is_over = match fault {
            Fault::OldCopy { leg, .. } | Fault::LostDisk { leg, .. } => !self.may_lose(leg),
            // The other house is left alone, and has its disk in order, until a recovery is done.
            Fault::FailingBlobs { .. } => Leg::BOTH.into_iter().any(|leg| self.told.is_lost(leg)),
            _ => false,
        };
        if is_over {
            return self.trace.add("FAULT", format!("{fault:?}: not now"));
        }
        match fault {
            Fault::Partition { seconds } => self.cut(Link::Partition, seconds),
            Fault::OneWay { from, seconds } => self.cut(Link::OneWay(from), seconds),
            Fault::DeskCutOff { leg, seconds } => {
                self.is_desk_cut_off[leg] = true;
                self.sim.partition(DESKS[leg], NODES[leg]);
                self.in_seconds(seconds, Later::RepairDesk(leg));
            }
            Fault::Delay { millis, seconds } => {
                self.is_delayed = true;
                self.sim.set_link_latency(NODES.treasury, NODES.futures, Duration::from_millis(millis));
                self.in_seconds(seconds, Later::Latency);
            }
            Fault::Hold { seconds } => self.cut(Link::Hold, seconds),
            Fault::Crash { leg, down } => {
                self.crash(leg, down);
                self.lives.end(NODES[leg]);
            }
            Fault::PowerLoss { leg, down } => {
                self.crash(leg, down);
                self.lives.end_unheard(NODES[leg]);
            }
            Fault::CrashBoth { down } => {
                for leg in Leg::BOTH {
                    self.crash(leg, down[leg]);
                    self.lives.end(NODES[leg]);
                }
            }
            Fault::Stop { leg, down } => {
                self.steady(leg, true);
                self.sites[leg].stop.notify_waiters();
                self.in_seconds(down + RESTART_SECONDS, Later::Start(leg));
            }
            Fault::SkewWithin { leg, millis } => self.sites[leg].clock.set(millis * 1_000, 0),
            Fault::SkewBeyond { leg, millis, seconds } => {
                self.sites[leg].clock.set(millis * 1_000, 0);
                self.in_seconds(seconds, Later::RightClock(leg));
            }
            Fault::Drift { leg, ppm } => self.sites[leg].clock.set(self.offset(leg), ppm),
            Fault::SlowDisk { leg, seconds } => {
                self.sites[leg].disk.is_slow.store(true, Ordering::Relaxed);
                self.in_seconds(seconds, Later::FastDisk(leg));
            }
            Fault::FailingDisk { leg } => self.sites[leg].disk.fails_next.store(true, Ordering::Relaxed),
            Fault::FullDisk { leg, seconds } => {
                self.sites[leg].disk.is_full.store(true, Ordering::Relaxed);
                self.in_seconds(seconds, Later::FreeDisk(leg));
            }
            Fault::FailingBlobs { leg, percent, seconds } => {
                self.sites[leg].disk.blobs.failing_percent.store(percent, Ordering::Relaxed);
                self.in_seconds(seconds, Later::SoundBlobs(leg));
            }
            Fault::OldCopy { leg, age, guard, content, down, recovers_after } => {
                let at = self.trace.time.micros().saturating_sub(age * 1_000_000);
                self.lose(leg, Left { ledger: Some(at), guard, content }, down, recovers_after);
            }
            Fault::LostDisk { leg, guard, down, recovers_after } => {
                self.lose(leg, Left { ledger: None, guard, content: true }, down, recovers_after);
            }
            Fault::LastSecond { leg, way, seconds } => {
                self.last_second_seconds = seconds;
                self.sites[leg].disk.tripwire.arm(way);
            }
        }
        self.trace.count(&format!("fault: {}", fault.name()));
        self.trace.add("FAULT", format!("{fault:?}"));
    }

    /// Kills a node, and starts it again some seconds later.
    fn crash(&mut self, leg: Leg, down: u64) {
        self.trace.add(NAMES[leg], "node: is killed");
        self.silence(leg);
        self.sim.crash(NODES[leg]);
        self.restore(leg);
        self.sites[leg].disk.crash();
        // It is the end of the fault that starts it, not whoever watches over nodes that end by themselves.
        self.sites[leg].has_ended.store(false, Ordering::Relaxed);
        self.in_seconds(down, Later::Start(leg));
    }

    fn end(&mut self, end: Later) {
        self.trace.add("FAULT", format!("ends: {end:?}"));
        match end {
            // A last second lasts until the cut-off has passed, whatever else ends meanwhile.
            Later::Repair if self.is_cut() => {}
            Later::Repair => {
                self.between = Link::Healthy;
                self.apply_link();
            }
            Later::RepairDesk(leg) => {
                self.is_desk_cut_off[leg] = false;
                self.sim.repair(DESKS[leg], NODES[leg]);
            }
            Later::Latency => self.sim.set_link_latency(NODES.treasury, NODES.futures, self.plan.latency.1),
            Later::Start(leg) => self.start(leg),
            Later::RightClock(leg) => self.sites[leg].clock.set(0, 0),
            Later::FastDisk(leg) => self.sites[leg].disk.is_slow.store(false, Ordering::Relaxed),
            Later::FreeDisk(leg) => self.sites[leg].disk.is_full.store(false, Ordering::Relaxed),
            Later::SoundBlobs(leg) => self.sites[leg].disk.blobs.failing_percent.store(0, Ordering::Relaxed),
            Later::Recover(leg) => self.recover(leg),
        }
    }

    /// Changes the network between the nodes for a while.
    fn cut(&mut self, link: Link, seconds: u64) {
        if self.is_cut() {
            return;
        }
        self.between = link;
        self.apply_link();
        self.in_seconds(seconds, Later::Repair);
    }

    fn apply_link(&mut self) {
        let (one, other) = (NODES.treasury, NODES.futures);
        self.sim.repair_oneway(one, other);
        self.sim.repair_oneway(other, one);
        self.sim.repair(one, other);
        self.sim.release(one, other);
        match self.between {
            Link::Healthy => {}
            Link::Partition => self.sim.partition(one, other),
            Link::OneWay(from) => self.sim.partition_oneway(NODES[from], NODES[from.other()]),
            Link::Hold => self.sim.hold(one, other),
        }
    }

    /// Cuts a node's network while its runtime is dropped: see [`Lives`].
    fn silence(&mut self, leg: Leg) {
        self.sim.partition(NODES[leg], NODES[leg.other()]);
        self.sim.partition(NODES[leg], DESKS[leg]);
    }

    /// The network is again as the faults have it.
    fn restore(&mut self, leg: Leg) {
        self.apply_link();
        if !self.is_desk_cut_off[leg] {
            self.sim.repair(NODES[leg], DESKS[leg]);
        }
    }

    /// While a node stops in order, its messages all take the same time: a server tells its connections of its end in an
    /// order that does not repeat.
    fn steady(&mut self, leg: Leg, is_steady: bool) {
        let (least, most) = self.plan.latency;
        let others = [Some(DESKS[leg]), (!self.is_delayed).then_some(NODES[leg.other()])];
        for other in others.into_iter().flatten() {
            self.sim.set_link_latency(NODES[leg], other, least);
            if !is_steady {
                self.sim.set_link_max_message_latency(NODES[leg], other, most);
            }
        }
    }

    fn start(&mut self, leg: Leg) {
        if self.sim.is_host_running(NODES[leg]) {
            return;
        }
        self.sites[leg].has_ended.store(false, Ordering::Relaxed);
        self.trace.count("starts of nodes");
        self.steady(leg, false);
        // What a node that ended in order has left is dropped now.
        self.silence(leg);
        self.lives.end(NODES[leg]);
        self.sim.bounce(NODES[leg]);
        self.restore(leg);
    }

    /// Starts nodes that have ended by themselves: what watches over a process does so.
    fn start_again(&mut self) {
        for leg in Leg::BOTH {
            if self.sites[leg].has_ended.swap(false, Ordering::Relaxed) {
                self.trace.count("ends of nodes by themselves or in order");
                self.in_seconds(RESTART_SECONDS, Later::Start(leg));
            }
        }
    }

    /// The faults are over: everything works, and every node runs.
    fn heal(&mut self) {
        self.trace.add("FAULT", "all are over");
        self.cut_until = 0;
        let ends: Vec<Later> = std::mem::take(&mut self.later).into_values().flatten().collect();
        ends.into_iter().for_each(|end| self.end(end));
        for leg in Leg::BOTH {
            self.sites[leg].clock.set(if self.is_lenient { self.offset(leg) } else { 0 }, 0);
            self.sites[leg].disk.fails_next.store(false, Ordering::Relaxed);
            self.sites[leg].disk.tripwire.disarm();
            self.start(leg);
        }
        if self.stays_cut {
            self.between = Link::Partition;
            self.apply_link();
        }
        self.is_healing.store(true, Ordering::Relaxed);
    }
}
