//! The named points of the protocol at which a node is killed.

use std::fmt;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Opening,
    Positions,
    Market,
    Registry,
    Claim,
    Statement,
    Decline,
    Outcome,
    CutOff,
    Book,
    Direction,
    Contradiction,
}

/// Whose word a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Own,
    Other,
}

/// A moment on the way of a record to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before the record is given to the ledger.
    BeforeAppend,
    /// Within its commit, where the new head is signed: SQLite has committed nothing of it.
    Signing,
    /// SQLite has committed, and the guard holds the head before.
    GuardUnwritten,
    /// SQLite has committed, and the write of the guard's slot was torn.
    GuardTorn,
    /// Durable, and the node was not told.
    Durable,
}

/// A call to the other house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Greet,
    Deliver(Kind),
    Fetch,
    ReadNodes,
}

/// Before or after something that cannot be stopped half-way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

/// A point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    Record(Kind, By, Moment),
    /// A put of bulk content, counted from the start of the node.
    Blob(u32, Side),
    /// About to be sent; or sent and answered, and the answer not looked at.
    Sent(Call, Side),
}

/// How a node deals with the other house, so that a point is reached that honest and prompt houses never reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Plain,
    /// It keeps back its amended books, so that the claims of a round differ.
    Withholding,
    /// So it does, and it reads the other house's trees falsely, so that it declines the round.
    Misreading,
}

/// What stands for a kind of evidence, of either house.
const EVIDENCE: [Kind; 8] = [
    Kind::Opening,
    Kind::Positions,
    Kind::Market,
    Kind::Registry,
    Kind::Claim,
    Kind::Statement,
    Kind::Decline,
    Kind::Outcome,
];
/// What a house records for itself.
const LOCAL: [Kind; 4] = [Kind::CutOff, Kind::Book, Kind::Direction, Kind::Contradiction];
/// Records whose commits are torn: a signature that binds, what it rests on, and what a client was waiting for.
const TORN: [Kind; 4] = [Kind::Claim, Kind::Statement, Kind::Registry, Kind::Book];

/// Every point.
pub(crate) fn points() -> Vec<Point> {
    let mut points = Vec::new();
    for moment in [Moment::BeforeAppend, Moment::Durable] {
        for by in [By::Own, By::Other] {
            points.extend(EVIDENCE.map(|kind| Point::Record(kind, by, moment)));
        }
        points.extend(LOCAL.map(|kind| Point::Record(kind, By::Own, moment)));
    }
    for moment in [Moment::Signing, Moment::GuardUnwritten, Moment::GuardTorn] {
        points.extend(TORN.map(|kind| Point::Record(kind, By::Own, moment)));
    }
    for side in [Side::Before, Side::After] {
        points.extend([1, 3].map(|number| Point::Blob(number, side)));
        points.extend(EVIDENCE.map(|kind| Point::Sent(Call::Deliver(kind), side)));
        points.extend([Call::Greet, Call::Fetch, Call::ReadNodes].map(|call| Point::Sent(call, side)));
    }
    points
}

impl Point {
    /// How the node must deal with the other house for the point to be reached.
    pub(crate) fn manner(self) -> Manner {
        match self {
            Self::Sent(Call::ReadNodes, _) => Manner::Withholding,
            Self::Record(Kind::Decline, By::Own, _) | Self::Sent(Call::Deliver(Kind::Decline), _) => Manner::Misreading,
            _ => Manner::Plain,
        }
    }

    /// How the other house must deal with this one for the point to be reached.
    pub(crate) fn manner_of_other(self) -> Manner {
        match self {
            Self::Record(Kind::Decline, By::Other, _) => Manner::Misreading,
            _ => Manner::Plain,
        }
    }

    /// Whether only the house that takes directions comes there.
    pub(crate) fn is_of_directions(self) -> bool {
        matches!(self, Self::Record(Kind::Direction, ..))
    }

    /// Whether both houses must be honest and prompt, so that two points can be reached in one run.
    pub(crate) fn is_plain(self) -> bool {
        self.manner() == Manner::Plain && self.manner_of_other() == Manner::Plain
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
