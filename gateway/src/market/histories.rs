//! Histories of par yields and overnight rates.

use crossmargin::v1;
use jiff::{Span, civil::Date};
use risk::{
    fixed::Fixed8,
    history::{CurveDay, CurveHistory, OvernightDay, OvernightHistory, Rate},
    scenario::Tenor,
};

use crate::problem::Collector;

/// What the wire writes where nothing was published.
pub const NOT_PUBLISHED: i32 = i32::MIN;
/// Units of `Fixed8` in a ten-thousandth of a per cent.
const FIXED_PER_RATE_UNIT: i64 = 10_000;

/// Overnight rates, as the market and the scenarios take them.
#[derive(Clone, Debug)]
pub struct Overnight {
    /// SOFR in per cent, by the day for which it holds.
    pub sofr: Vec<(Date, Fixed8)>,
    /// The effective Fed funds rate likewise.
    pub fed_funds: Vec<(Date, Fixed8)>,
    /// SOFR as the history behind the scenarios.
    pub history: OvernightHistory,
}

/// Reads par curves.
pub fn read_curves(wire: &v1::CurveHistory, field: &str, problems: &mut Collector) -> Option<CurveHistory> {
    let standard: Vec<u32> = Tenor::STANDARD.iter().map(|tenor| u32::from(tenor.0)).collect();
    if wire.tenors_months != standard {
        problems.add(
            format!("{field}.tenors_months"),
            format!("are {:?}, but {standard:?} are needed", wire.tenors_months),
        );
        return None;
    }
    if wire.yields_e4.len() != wire.dates.len() * standard.len() {
        problems.add(
            format!("{field}.yields_e4"),
            format!("has {} values, but {} dates need {} each", wire.yields_e4.len(), wire.dates.len(), standard.len()),
        );
        return None;
    }
    let mut days = Vec::with_capacity(wire.dates.len());
    for (row, (date, yields)) in wire.dates.iter().zip(wire.yields_e4.chunks(standard.len())).enumerate() {
        let date = problems.check(|| format!("{field}.dates[{row}]"), read_date(*date))?;
        let mut day = CurveDay { date, yields: [None; Tenor::STANDARD.len()] };
        for (slot, value) in day.yields.iter_mut().zip(yields) {
            *slot = (*value != NOT_PUBLISHED).then(|| Rate::from_units(*value));
        }
        days.push(day);
    }
    problems.check(|| field.to_owned(), CurveHistory::new(days))
}

/// Reads overnight rates.
pub fn read_overnight(wire: &v1::OvernightRates, field: &str, problems: &mut Collector) -> Option<Overnight> {
    let rows = wire.dates.len();
    if wire.sofr_e4.len() != rows || wire.effr_e4.len() != rows {
        problems.add(field, "dates, sofr_e4 and effr_e4 must have the same length");
        return None;
    }
    let (mut sofr, mut fed_funds, mut days) = (Vec::new(), Vec::new(), Vec::new());
    for (row, date) in wire.dates.iter().enumerate() {
        let date = problems.check(|| format!("{field}.dates[{row}]"), read_date(*date))?;
        let fixed = |units: i32| Fixed8::from_units(i64::from(units) * FIXED_PER_RATE_UNIT);
        if wire.sofr_e4[row] != NOT_PUBLISHED {
            sofr.push((date, fixed(wire.sofr_e4[row])));
            days.push(OvernightDay { date, rate: Rate::from_units(wire.sofr_e4[row]) });
        }
        if wire.effr_e4[row] != NOT_PUBLISHED {
            fed_funds.push((date, fixed(wire.effr_e4[row])));
        }
    }
    let history = problems.check(|| field.to_owned(), OvernightHistory::new(days))?;
    Some(Overnight { sofr, fed_funds, history })
}

/// The curve of a business date: the newest one published by then, at the tenors that it has.
#[must_use]
pub fn par_curve(history: &CurveHistory, business_date: Date) -> Vec<(Tenor, Option<Fixed8>)> {
    let Some(day) = history.index_at(business_date).map(|index| &history.days()[index]) else { return Vec::new() };
    let published = Tenor::STANDARD.iter().zip(day.yields).filter_map(|(tenor, rate)| Some((*tenor, rate?)));
    let fixed = |rate: Rate| Fixed8::from_units(i64::from(rate.units()) * FIXED_PER_RATE_UNIT);
    published.map(|(tenor, rate)| (tenor, Some(fixed(rate)))).collect()
}

/// Curves as the wire carries them.
#[must_use]
pub fn curves_to_wire(history: &CurveHistory) -> v1::CurveHistory {
    let yields = history.days().iter().flat_map(|day| day.yields);
    v1::CurveHistory {
        tenors_months: Tenor::STANDARD.iter().map(|tenor| u32::from(tenor.0)).collect(),
        dates: history.days().iter().map(|day| days_since_epoch(day.date)).collect(),
        yields_e4: yields.map(|rate| rate.map_or(NOT_PUBLISHED, Rate::units)).collect(),
    }
}

/// Days since 1970-01-01.
#[must_use]
pub fn days_since_epoch(date: Date) -> i32 {
    risk::date::days_between(jiff::civil::date(1970, 1, 1), date).try_into().unwrap_or(i32::MAX)
}

fn read_date(days: i32) -> Result<Date, String> {
    let wrong = || format!("{days} days since 1970-01-01 is not a date between 1900 and 2200");
    let span = Span::new().try_days(days).map_err(|_| wrong())?;
    let date = jiff::civil::date(1970, 1, 1).checked_add(span).map_err(|_| wrong())?;
    if (1900..=2200).contains(&date.year()) { Ok(date) } else { Err(wrong()) }
}
