//! The cycle in which a direction is expected to count first.

use jiff::{Timestamp, civil::Date};

use crate::arrangement::{cycle_id::CycleId, leg::Leg, schedule::ScheduledCycle, terms::Arrangement};

/// The first scheduled cycle of the book's business date that opens after the last one that this house has opened and,
/// where the date is not past at the house, after `now`; else the first of the next business day. `None` without a
/// schedule, and beyond the calendar.
///
/// It tells a caller what to expect and decides nothing: a direction counts in every cycle that is opened after it.
#[must_use]
pub fn expected_cycle(
    arrangement: &Arrangement,
    us: Leg,
    business_date: Date,
    opened: impl Iterator<Item = CycleId>,
    now: Timestamp,
) -> Option<CycleId> {
    let of_date = arrangement.cycles_on(business_date).unwrap_or_default();
    let last_opened = opened.filter_map(|cycle| of_date.iter().find(|scheduled| scheduled.cycle == cycle)).max();
    let today = now.to_zoned(arrangement.houses[us].zone.rules.clone()).date();
    let is_to_come = |scheduled: &&ScheduledCycle| {
        last_opened.is_none_or(|last| *scheduled > last) && (business_date < today || scheduled.open > now)
    };
    let next = of_date.iter().find(is_to_come).copied();
    let next = next.or_else(|| {
        let next_day = arrangement.business_day_after(business_date)?;
        arrangement.cycles_on(next_day).ok()?.first().copied()
    });
    next.map(|scheduled| scheduled.cycle)
}
