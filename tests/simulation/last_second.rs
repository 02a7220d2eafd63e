//! The last second: the network between the nodes is cut at the very moment at which a house records its statement, until
//! the cut-off has passed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gateway::{
    arrangement::{
        cycle_id::{CycleId, Round},
        evidence::{Evidence, Statement},
        leg::Leg,
        parties::Parties,
    },
    ledger::{NewRecord, Record},
    node::entry::Entry,
};
use jiff::Timestamp;

use super::{
    driver::Link,
    setting::{NAMES, NODES},
    trace::Trace,
};

/// Which messages are cut off when a house records its statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Both,
    /// The statement does not leave.
    Own,
    /// The other house's does not arrive.
    Other,
}

impl Way {
    /// The cut, when the house that carries `leg` has stated.
    fn cut(self, leg: Leg) -> Link {
        match self {
            Self::Both => Link::Partition,
            Self::Own => Link::OneWay(leg),
            Self::Other => Link::OneWay(leg.other()),
        }
    }
}

/// What cuts the network when a house's ledger is asked for a statement of its own.
#[derive(Default)]
pub struct Tripwire {
    armed: Mutex<Option<Way>>,
    sprung: Mutex<Option<Sprung>>,
}

/// A cut that has been made.
#[derive(Clone, Copy, Debug)]
pub struct Sprung {
    pub link: Link,
    /// When the cycle is cut off, by the house's own opening.
    pub cut_off: Timestamp,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tripwire {
    /// The next statement of a cycle without an agreement is the moment.
    pub fn arm(&self, way: Way) {
        *lock(&self.armed) = Some(way);
    }

    pub fn disarm(&self) {
        *lock(&self.armed) = None;
    }

    /// The cut that has been made since it was asked last.
    pub fn sprung(&self) -> Option<Sprung> {
        lock(&self.sprung).take()
    }

    /// A ledger is asked to append: if it is the moment, cuts the network between the nodes, before anything else happens.
    pub fn see(
        &self,
        leg: Leg,
        parties: &Parties,
        asked: &[NewRecord],
        on_record: impl FnOnce() -> Vec<Record>,
        trace: &Trace,
    ) {
        let mut armed = lock(&self.armed);
        let Some(way) = *armed else { return };
        let mut decoded = asked.iter().filter_map(|record| Entry::decode(&record.body, parties).ok());
        let Some(statement) = decoded.find_map(|entry| own_statement(leg, &entry)) else { return };
        let history = History::of(leg, statement.cycle, parties, &on_record());
        let (Some(cut_off), false) = (history.cut_off, history.is_agreed()) else { return };
        *armed = None;
        let link = way.cut(leg);
        match link {
            Link::OneWay(from) => turmoil::partition_oneway(NODES[from], NODES[from.other()]),
            _ => turmoil::partition(NODES.treasury, NODES.futures),
        }
        *lock(&self.sprung) = Some(Sprung { link, cut_off });
        let which = if history.theirs.contains(&statement.round) { "second" } else { "first" };
        trace.count(&format!("last seconds: cut at the {which} statement"));
        let (house, cycle, round) = (NAMES[leg], statement.cycle, statement.round.0);
        trace.add("FAULT", format!("LastSecond: {house} states {cycle} round {round}, the {which}: {link:?}"));
    }
}

fn own_statement(leg: Leg, entry: &Entry) -> Option<Statement> {
    match entry {
        Entry::Evidence(held) if held.by == leg => match &held.evidence {
            Evidence::Statement(statement) => Some(statement.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What a ledger holds of a cycle.
#[derive(Default)]
struct History {
    cut_off: Option<Timestamp>,
    own: Vec<Round>,
    theirs: Vec<Round>,
}

impl History {
    fn of(leg: Leg, cycle: CycleId, parties: &Parties, records: &[Record]) -> Self {
        let mut history = Self::default();
        for record in records {
            let Ok(Entry::Evidence(held)) = Entry::decode(&record.body, parties) else { continue };
            match &held.evidence {
                Evidence::CycleOpening(opening) if held.by == leg && opening.cycle == cycle => {
                    history.cut_off = Some(opening.cut_off);
                }
                Evidence::Statement(statement) if statement.cycle == cycle => {
                    let rounds = if held.by == leg { &mut history.own } else { &mut history.theirs };
                    rounds.push(statement.round);
                }
                _ => {}
            }
        }
        history
    }

    fn is_agreed(&self) -> bool {
        self.own.iter().any(|round| self.theirs.contains(round))
    }
}
