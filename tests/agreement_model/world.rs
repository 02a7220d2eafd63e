//! What the world of an exploration is like, and how far it goes.

use gateway::arrangement::{
    leg::Leg,
    machine::{Rules, Safeguard, Safeguards},
};

use crate::liar::Lies;

/// A world to explore.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    /// What the other house is like; the Treasury house is always honest.
    pub(crate) peer: Peer,
    /// How each house comes to open the cycle: Treasury, futures.
    pub(crate) opens: [Opens; 2],
    /// Whether both houses adopted the same arrangement.
    pub(crate) has_one_arrangement: bool,
    /// Amendments of each house's book, at most: Treasury, futures.
    pub(crate) amendments: [u8; 2],
    /// Entries that each house adds to its registry log, at most: Treasury, futures.
    pub(crate) entries: [u8; 2],
    /// Restarts of each house, at most: Treasury, futures.
    pub(crate) restarts: [u8; 2],
    /// Whether the cut-off comes, at any moment; without it the cycle stays open.
    pub(crate) has_cut_off: bool,
    /// Whose clock goes on, where there is a cut-off: Treasury, futures. The other one's cut-off is far.
    pub(crate) clocks: [bool; 2],
    /// Whether a house's clock comes to the guard some time before the cut-off, or to both at once.
    pub(crate) has_guard: bool,
    /// Whether the operator of each house may cut the cycle off, once, before its time.
    pub(crate) operator_cuts_off: bool,
    /// Whether a house may find that the other's claim does not stand up.
    pub(crate) may_decline: bool,
    /// Whether margins may turn out not to be computable.
    pub(crate) may_fail: bool,
    /// Whether the content behind a manifest arrives some time after it, or with it.
    pub(crate) content_lags: bool,
    /// What a restart does to the evidence that was given to the network and not delivered.
    pub(crate) network: Network,
    /// In which order evidence arrives.
    pub(crate) delivery: Delivery,
    /// Whether a house loses the end of its ledger, once, and what it does then.
    pub(crate) loss: Loss,
    /// Whether what is appended survives.
    pub(crate) disk: Disk,
    /// The order in which appends become durable.
    pub(crate) appends: Appends,
    /// When evidence of the other house becomes durable.
    pub(crate) receipts: Receipts,
    /// What is left out of the machine.
    pub(crate) without: Without,
}

/// What the other house is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It runs the same machine.
    Honest,
    /// It signs and sends whatever it likes out of these words, at any moment, any number of times.
    Liar(Lies),
}

/// How a house comes to open the cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    /// By the schedule: the cycle is open as the exploration begins.
    OnSchedule,
    /// It asks for the run as the exploration begins, and the other house hears of it.
    Asks,
    /// It may accept the run that the other house asks for, at any moment before its cut-off.
    MayAccept,
    /// It never does.
    Never,
}

/// What the network keeps while its sender restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// Everything ever sent may still arrive.
    Remembers,
    /// What was not delivered is gone, unless it is sent again.
    ForgetsAtRestart,
}

/// In which order evidence arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In any order, any number of times: what the rules of the agreement are made for.
    InAnyOrder,
    /// In the order in which it was sent, as a node delivers it: what a recovery concludes from the order of the other
    /// house's ledger rests on that.
    AsSent,
}

/// Whether a house starts on an old copy of its ledger, once, at any moment: any prefix of what was durable. Books that
/// were recorded since are gone; of the evidence there is left what the other house has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Never.
    Never,
    /// The house of this leg does, and its guard shows it: it recovers before it starts.
    Recovers(Leg),
    /// Its guard is as old. It starts, and claims, states, declines and sends nothing until the other house has said how far
    /// it holds its word; where that is further than the ledger goes, the copy is put back and recovered.
    HearsFirst(Leg),
    /// Its guard is as old, and it goes on without hearing the other house: no node does that.
    HearsNobody(Leg),
}

impl Loss {
    /// Whether the house of this leg may lose the end of its ledger.
    pub(crate) fn strikes(self, leg: Leg) -> bool {
        matches!(self, Self::Recovers(struck) | Self::HearsFirst(struck) | Self::HearsNobody(struck) if struck == leg)
    }
}

/// Whether the ledger keeps its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// What is durable survives a restart. Of what was asked for and not yet acknowledged none, some or all may be on
    /// the disk too, in the order asked; each is whole, for a torn write is none.
    Durable,
    /// A restart loses the last append, acknowledged as it was.
    LosesTheLast,
}

/// In which order appends become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appends {
    /// As `Effect::Append` demands.
    AsAsked,
    /// In any order.
    InAnyOrder,
}

/// When evidence of the other house becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipts {
    /// As it is received.
    AtOnce,
    /// Later, in its turn: so many pieces at most are on their way to the disk at a time. Each was judged by the record
    /// without the others.
    InTurn(usize),
}

/// The safeguards of the model: all but those that are left out, at most two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Without(pub(crate) [Option<Safeguard>; 2]);

impl Without {
    /// All of them stand, as in a node.
    pub(crate) const NOTHING: Self = Self([None; 2]);
}

impl Safeguards for Without {
    fn stand(self, safeguard: Safeguard) -> bool {
        !self.0.contains(&Some(safeguard))
    }
}
