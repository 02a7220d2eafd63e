//! The worlds that are explored, each about one thing that may go otherwise.

use gateway::arrangement::{leg::Leg, machine::Rules};

use crate::{
    liar::Lies,
    world::{Appends, Delivery, Disk, Loss, Network, Opens, Peer, Receipts, Without, World},
};

/// Nothing but the network, the schedule and the cut-off at work.
pub(crate) const CALM: World = World {
    rules: Rules { max_rounds: 2, max_requested_cycles: 2 },
    peer: Peer::Honest,
    opens: [Opens::OnSchedule; 2],
    has_one_arrangement: true,
    amendments: [0, 0],
    entries: [0, 0],
    restarts: [0, 0],
    has_cut_off: true,
    clocks: [true; 2],
    has_guard: true,
    operator_cuts_off: false,
    may_decline: false,
    may_fail: false,
    content_lags: false,
    network: Network::Remembers,
    delivery: Delivery::InAnyOrder,
    loss: Loss::Never,
    disk: Disk::Durable,
    appends: Appends::AsAsked,
    receipts: Receipts::AtOnce,
    without: Without::NOTHING,
};

/// Each house may be killed once, at any moment.
pub(crate) const RESTARTS: World = World { restarts: [1, 1], ..CALM };

/// The book of one house is amended.
pub(crate) const AMENDMENT: World = World { amendments: [1, 0], ..CALM };

/// An amendment, and the arrangement allows a single round.
pub(crate) const SINGLE_ROUND: World = World { rules: Rules { max_rounds: 1, ..CALM.rules }, ..AMENDMENT };

/// An entry of one house's registry log changes a link in the middle of the cycle.
pub(crate) const LINK_CHANGE: World = World { entries: [1, 0], ..CALM };

/// Two entries, of which the first changes a link, and no cut-off.
pub(crate) const ENTRIES: World = World { entries: [2, 0], has_cut_off: false, ..CALM };

/// Claims may turn out not to stand up.
pub(crate) const DECLINES: World = World { may_decline: true, ..CALM };

/// Margins may turn out not to be computable.
pub(crate) const FAILURES: World = World { may_fail: true, ..CALM };

/// Content arrives after its manifest.
pub(crate) const LAG: World = World { content_lags: true, ..CALM };

/// Operators may cut the cycle off before its time.
pub(crate) const OPERATORS: World = World { operator_cuts_off: true, ..CALM };

/// Evidence of the other house becomes durable some time after it was judged.
pub(crate) const IN_TURN: World = World { receipts: Receipts::InTurn(2), ..CALM };

/// An amendment, and evidence becomes durable some time after it was judged; no cut-off.
pub(crate) const AMENDMENT_IN_TURN: World =
    World { amendments: [1, 0], receipts: Receipts::InTurn(2), has_cut_off: false, ..CALM };

/// The houses adopted different arrangements.
pub(crate) const TWO_ARRANGEMENTS: World = World { has_one_arrangement: false, ..CALM };

/// One house asks for a run, the other may accept it.
pub(crate) const ASKED: World = World { opens: [Opens::Asks, Opens::MayAccept], ..CALM };

/// One house asks for a run, the other never accepts it.
pub(crate) const UNACCEPTED: World = World { opens: [Opens::Asks, Opens::Never], ..CALM };

/// The other house lies about rounds, and evidence becomes durable some time after it was judged.
pub(crate) const LIES_ABOUT_ROUNDS: World =
    World { peer: Peer::Liar(Lies::Rounds), receipts: Receipts::InTurn(2), ..CALM };

/// The other house declines and signs, in any order.
pub(crate) const LIES_ABOUT_DECLINES: World =
    World { peer: Peer::Liar(Lies::Declines), receipts: Receipts::InTurn(2), may_decline: true, ..CALM };

/// The other house lies about its inputs.
pub(crate) const LIES_ABOUT_INPUTS: World = World { peer: Peer::Liar(Lies::Inputs), ..CALM };

/// The other house makes cycles and ends up, and speaks for this one.
pub(crate) const LIES_ABOUT_CYCLES: World = World { peer: Peer::Liar(Lies::Cycles), restarts: [1, 0], ..CALM };

/// One house starts on an old copy of its ledger, and recovers. What it had sent before may still arrive.
pub(crate) const RECOVERY: World = World {
    loss: Loss::Recovers(Leg::Treasury),
    delivery: Delivery::AsSent,
    clocks: [true, false],
    has_guard: false,
    ..CALM
};

/// The same, and operators may cut the cycle off before its time.
pub(crate) const RECOVERY_AND_OPERATORS: World = World { operator_cuts_off: true, ..RECOVERY };

/// The same, and the hour comes at the other house.
pub(crate) const RECOVERY_BEFORE_THE_HOUR: World = World { clocks: [false, true], ..RECOVERY };

/// The house that loses the end of its ledger has asked for the run.
pub(crate) const RECOVERY_OF_THE_ASKING: World = World { opens: [Opens::Asks, Opens::MayAccept], ..RECOVERY };

/// The house that loses the end of its ledger has accepted the run.
pub(crate) const RECOVERY_OF_THE_ACCEPTING: World = World { opens: [Opens::MayAccept, Opens::Asks], ..RECOVERY };

/// One house starts on an old copy of its ledger beside an old guard, and hears the other house first. What was on its way
/// when it died is gone.
pub(crate) const OLD_GUARD: World =
    World { loss: Loss::HearsFirst(Leg::Treasury), network: Network::ForgetsAtRestart, ..RECOVERY };

/// The book of the house that loses nothing is amended: what the other one signs anew, it signs on something else.
pub(crate) const fn on_something_else(world: World) -> World {
    World { amendments: [0, 1], has_cut_off: false, ..world }
}
