//! Directed positions as JSON shows them.

use crossmargin::v1;
use serde::Serialize;

use crate::command::output;

/// What the node recorded or checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DirectedView {
    /// Its number; 0 where it was only checked.
    pub(super) number: u64,
    /// When it was recorded; empty where it was only checked.
    pub(super) recorded_at: String,
    /// The cycle in which it is expected to count first; empty without a schedule.
    pub(super) expected_cycle: String,
    /// The same in words.
    pub(super) explanation: String,
    /// Whether the request had been accepted before.
    pub(super) is_replay: bool,
    /// The request.
    pub(super) request_id: String,
}

/// A direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DirectionView {
    /// Its number.
    pub(super) number: u64,
    /// The business date of the book.
    pub(super) business_date: String,
    /// Who directed.
    pub(super) by: String,
    /// When.
    pub(super) recorded_at: String,
    /// The cycle that was named as the first in which it would count.
    pub(super) expected_cycle: String,
    /// The first cycle in which it did count; empty before.
    pub(super) first_cycle: String,
    /// The reconciliation item that says why it is not applied; empty for one that counts.
    pub(super) set_aside_by: String,
    /// Whether the newest book includes it.
    pub(super) is_in_book: bool,
    /// What is moved.
    pub(super) legs: Vec<LegView>,
}

/// A leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LegView {
    /// The account that gives.
    pub(super) from_account: String,
    /// The account that takes.
    pub(super) to_account: String,
    /// The instrument.
    pub(super) instrument: String,
    /// Contracts, with the sign of the position.
    pub(super) quantity: i64,
}

/// What an account holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PositionsView {
    /// The account.
    pub(super) account: String,
    /// The version of the book.
    pub(super) book_version: u64,
    /// Its business date.
    pub(super) business_date: String,
    /// The last direction that its positions include.
    pub(super) directions_through: u64,
    /// The positions.
    pub(super) positions: Vec<PositionView>,
}

/// One position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct PositionView {
    /// The instrument.
    pub(super) instrument: String,
    /// By the newest snapshot.
    pub(super) snapshot_quantity: i64,
    /// By the directions that it does not include.
    pub(super) directed_quantity: i64,
    /// Together.
    pub(super) quantity: i64,
}

/// A reconciliation item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ItemView {
    /// Its name.
    pub(super) item: String,
    /// `differs` or `set_aside`.
    pub(super) kind: String,
    /// The business date of the snapshot.
    pub(super) business_date: String,
    /// The version of the book.
    pub(super) book_version: u64,
    /// The account.
    pub(super) account: String,
    /// The member that carries it.
    pub(super) member: String,
    /// The instrument.
    pub(super) instrument: String,
    /// What the account should hold, or what the leg moves.
    pub(super) expected: i64,
    /// What it holds by the snapshot.
    pub(super) found: i64,
    /// The directions that it is about.
    pub(super) directions: Vec<u64>,
    /// How many they are.
    pub(super) direction_count: u64,
    /// Who settled it; empty while it is open.
    pub(super) resolved_by: String,
    /// When; empty while it is open.
    pub(super) resolved_at: String,
    /// What was found and done; empty while it is open.
    pub(super) note: String,
}

/// A position that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ExclusionView {
    /// The account.
    pub(super) account: String,
    /// The instrument.
    pub(super) instrument: String,
    /// The quantity, positive long.
    pub(super) quantity: i64,
    /// Why it does not count.
    pub(super) reason: String,
}

impl DirectedView {
    pub(super) fn new(answer: &v1::DirectPositionsResponse, request_id: String) -> Self {
        Self {
            number: answer.number,
            recorded_at: output::instant(answer.recorded_at.as_ref()),
            expected_cycle: output::cycle(answer.expected_cycle.as_ref()),
            explanation: answer.explanation.clone(),
            is_replay: answer.is_replay,
            request_id,
        }
    }
}

impl From<&v1::Direction> for DirectionView {
    fn from(direction: &v1::Direction) -> Self {
        let legs = direction.legs.iter().map(|leg| LegView {
            from_account: leg.from_account.clone(),
            to_account: leg.to_account.clone(),
            instrument: leg.instrument.clone(),
            quantity: leg.quantity,
        });
        Self {
            number: direction.number,
            business_date: direction.business_date.clone(),
            by: direction.by.clone(),
            recorded_at: output::instant(direction.recorded_at.as_ref()),
            expected_cycle: output::cycle(direction.expected_cycle.as_ref()),
            first_cycle: output::cycle(direction.first_cycle.as_ref()),
            set_aside_by: direction.set_aside_by.clone(),
            is_in_book: direction.is_in_book,
            legs: legs.collect(),
        }
    }
}

impl PositionsView {
    pub(super) fn new(account: String, answer: &v1::GetComposedPositionsResponse) -> Self {
        let positions = answer.positions.iter().map(|position| PositionView {
            instrument: position.instrument.clone(),
            snapshot_quantity: position.snapshot_quantity,
            directed_quantity: position.directed_quantity,
            quantity: position.quantity,
        });
        Self {
            account,
            book_version: answer.book_version,
            business_date: answer.business_date.clone(),
            directions_through: answer.directions_through,
            positions: positions.collect(),
        }
    }
}

impl From<&v1::ReconciliationState> for ItemView {
    fn from(state: &v1::ReconciliationState) -> Self {
        let item = state.item.clone().unwrap_or_default();
        let resolution = state.resolution.clone().unwrap_or_default();
        Self {
            kind: output::small(item.kind().as_str_name(), "RECONCILIATION_KIND_"),
            item: item.item_id,
            business_date: item.business_date,
            book_version: item.book_version,
            account: item.account,
            member: item.member,
            instrument: item.instrument,
            expected: item.expected_quantity,
            found: item.found_quantity,
            directions: item.direction_numbers,
            direction_count: item.direction_count,
            resolved_by: resolution.by,
            resolved_at: output::instant(resolution.at.as_ref()),
            note: resolution.note,
        }
    }
}

impl From<&v1::Exclusion> for ExclusionView {
    fn from(exclusion: &v1::Exclusion) -> Self {
        Self {
            account: exclusion.account.clone(),
            instrument: exclusion.instrument.clone(),
            quantity: exclusion.quantity,
            reason: exclusion.reason.clone(),
        }
    }
}
