//! Directed positions as tables for people.

use super::view::{DirectedView, DirectionView, ExclusionView, ItemView, PositionsView};
use crate::{arrangement::cycle_id::CycleId, command::output};

pub(super) fn directed(view: &DirectedView) -> String {
    let before = if view.is_replay { " (it had been accepted before)" } else { "" };
    match view.number {
        0 => format!("nothing is wrong with it, and nothing is recorded; now recorded it {}", view.explanation),
        number => format!("recorded as direction {number}{before}: it {}", view.explanation),
    }
}

pub(super) fn directions(views: &[DirectionView]) -> String {
    if views.is_empty() {
        return "no directions".to_owned();
    }
    let header = ["number", "recorded", "from", "to", "instrument", "quantity", "counted from", "by"];
    let mut table = output::table(&header, |at| matches!(at, 0 | 5));
    for view in views {
        let counted = match (view.set_aside_by.as_str(), view.first_cycle.as_str(), view.expected_cycle.as_str()) {
            ("", "", "") => "the next cycle".to_owned(),
            ("", "", expected) => format!("{expected}, expected"),
            ("", first, _) => first.to_owned(),
            (item, "", _) => format!("set aside: {item}"),
            (item, first, _) => format!("{first}, then set aside: {item}"),
        };
        for leg in &view.legs {
            table.add_row([
                view.number.to_string(),
                output::seconds(&view.recorded_at),
                leg.from_account.clone(),
                leg.to_account.clone(),
                leg.instrument.clone(),
                leg.quantity.to_string(),
                counted.clone(),
                view.by.clone(),
            ]);
        }
    }
    table.to_string()
}

pub(super) fn positions(view: &PositionsView) -> String {
    let PositionsView { account, book_version, business_date, directions_through, positions } = view;
    let heading = format!(
        "{account} over version {book_version} of {business_date}, which includes directions up to {directions_through}"
    );
    if positions.is_empty() {
        return format!("{heading}: flat");
    }
    let mut table = output::table(&["instrument", "snapshot", "directed", "together"], |at| at > 0);
    for position in positions {
        table.add_row([
            position.instrument.clone(),
            position.snapshot_quantity.to_string(),
            position.directed_quantity.to_string(),
            position.quantity.to_string(),
        ]);
    }
    format!("{heading}\n{table}")
}

pub(super) fn items(views: &[ItemView]) -> String {
    if views.is_empty() {
        return "no reconciliation items".to_owned();
    }
    let header = ["item", "kind", "book", "account", "instrument", "expected", "found", "directions", "settled"];
    let mut table = output::table(&header, |at| matches!(at, 5 | 6));
    for view in views {
        let settled = if view.resolved_by.is_empty() {
            "open".to_owned()
        } else {
            format!("{} by {}: {}", output::seconds(&view.resolved_at), view.resolved_by, view.note)
        };
        table.add_row([
            view.item.clone(),
            view.kind.clone(),
            format!("{} of {}", view.book_version, view.business_date),
            view.account.clone(),
            view.instrument.clone(),
            view.expected.to_string(),
            view.found.to_string(),
            numbers(view),
            settled,
        ]);
    }
    table.to_string()
}

/// The first numbers, and how many more there are.
fn numbers(view: &ItemView) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = view.directions.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = view.direction_count.saturating_sub(shown.len() as u64);
    let listed = shown.join(", ");
    if more == 0 { listed } else { format!("{listed} and {more} more") }
}

pub(super) fn exclusions(cycle: CycleId, revision: u32, views: &[ExclusionView]) -> String {
    if views.is_empty() {
        return format!("{cycle}, revision {revision} of the frozen book: every position counts");
    }
    let mut table = output::table(&["account", "instrument", "quantity", "reason"], |at| at == 2);
    for view in views {
        table.add_row([&view.account, &view.instrument, &view.quantity.to_string(), &view.reason]);
    }
    table.to_string()
}
