//! Paths of stressed days: what a series of moves of the curve does to a market, to the histories that scenarios are
//! taken from, and to positions.
//!
//! A path begins at the close of a market's business date. Each of its days moves the overnight rate and the par yield
//! of each tenor, in 1e-4 per cent, the unit in which yields are published: moves are sums of integers, exact over any
//! number of days.
//!
//! - **Histories** get one business day (of the US government securities calendar) for each day of the path: the newest
//!   published yields plus the sum of the moves so far; a tenor that was not published stays blank. The overnight rate of
//!   the day is the newest fixing plus the sum of its moves. Scenarios taken as of a day of the path therefore begin with
//!   the path's own moves, and their filter has seen them.
//! - **The market** moves by the revaluation of the sum of the moves: [`crate::revaluation`], spreads and observed bases
//!   held. A price of a day is the price at the start plus the row's entry, which is in the same unit: prices and P&L
//!   agree to the last digit.
//! - **Positions do not age**: the business date, the settlement date, coupons and the fixings of elapsed days stay. A
//!   path asks what a margin would be if the market moved like this, not how a book runs off.

use jiff::civil::Date;

use crate::{
    calendar::Calendar,
    fixed::Fixed8,
    history::{CurveDay, CurveHistory, HistoryProblems, OvernightDay, OvernightHistory, Rate},
    instrument::Instrument,
    market::{Market, MarketMove, MarketProblems},
    revaluation::{RevaluationError, Revaluer},
    scenario::{ScenarioSet, Tenor},
};

/// Units of [`Fixed8`] in 1e-4 per cent.
const FIXED_PER_RATE_UNIT: i64 = 10_000;

/// The move of one day of a path, in 1e-4 percentage points: a basis point is 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DayMove {
    /// Of SOFR and the effective Fed funds rate.
    pub overnight: i32,
    /// Of the par yields at the standard tenors.
    pub curve: [i32; Tenor::STANDARD.len()],
}

/// A path of stressed days from a market.
#[derive(Clone, Debug)]
pub struct Path<'a> {
    start: &'a Market,
    curve: CurveHistory,
    overnight: OvernightHistory,
    /// The sum of the moves up to each day, in 1e-4 percentage points.
    sums: Vec<DayMove>,
    /// The same as scenarios: one a day.
    moves: ScenarioSet,
    /// Every priced Treasury and future with its gains by day.
    priced: Vec<(Instrument, Vec<i64>)>,
}

/// Why a path cannot be followed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PathError {
    /// The histories hold no day on or before the market's business date.
    #[error("the histories hold no day on or before {0}")]
    NoHistory(Date),
    /// The moves take a rate beyond 100 per cent, or the histories are not in order.
    #[error("{0}")]
    History(#[from] HistoryProblems),
    /// An instrument that the moves take beyond what can be valued.
    #[error("{0}")]
    Value(#[from] RevaluationError),
    /// A price or a rate that the moves take out of its range.
    #[error("on {date}: {problems}")]
    Market {
        /// The day.
        date: Date,
        /// Everything out of range.
        problems: MarketProblems,
    },
}

impl<'a> Path<'a> {
    /// A path from the close of a market. Of the histories only the days up to its business date count.
    ///
    /// # Errors
    ///
    /// Histories without a day to begin from, and moves beyond what a rate or a price can be.
    pub fn new(
        start: &'a Market,
        curve: &CurveHistory,
        overnight: &OvernightHistory,
        days: &[DayMove],
    ) -> Result<Self, PathError> {
        let today = start.business_date();
        let sums = sums(days);
        let mut dates = Vec::with_capacity(days.len());
        let mut date = today;
        for _ in days {
            date = Calendar::UsGovernmentBond.next(date);
            dates.push(date);
        }
        let moves = scenarios(&dates, &sums);
        let (curve, overnight) = (extended(curve, today, &dates, &sums)?, fixed(overnight, today, &dates, &sums)?);
        let revaluer = Revaluer::new(start, &moves)?;
        let treasuries = start.treasuries().map(|(cusip, _)| Instrument::Treasury(cusip));
        let futures = start.futures().map(|(contract, _)| Instrument::Future(contract));
        let priced = treasuries.chain(futures).map(|instrument| Ok((instrument, revaluer.row(instrument)?)));
        let priced = priced.collect::<Result<_, RevaluationError>>()?;
        Ok(Self { start, curve, overnight, sums, moves, priced })
    }

    /// The days of the path.
    #[must_use]
    pub fn dates(&self) -> &[Date] {
        &self.moves.dates
    }

    /// The par curves up to the last day of the path: take scenarios as of one of its days.
    #[must_use]
    pub fn curve_history(&self) -> &CurveHistory {
        &self.curve
    }

    /// The overnight rates up to the last day of the path.
    #[must_use]
    pub fn overnight_history(&self) -> &OvernightHistory {
        &self.overnight
    }

    /// What one kernel unit of an instrument has gained since the start by each day of the path, in 1e-8 USD.
    ///
    /// # Errors
    ///
    /// An instrument that cannot be valued, as in [`Revaluer::row`].
    pub fn profits(&self, instruments: &[Instrument]) -> Result<Vec<Vec<i64>>, PathError> {
        let revaluer = Revaluer::new(self.start, &self.moves)?;
        instruments.iter().map(|instrument| Ok(revaluer.row(*instrument)?)).collect()
    }

    /// The market at the close of a day, counted from 0; `None` past the last.
    ///
    /// # Errors
    ///
    /// A price or a rate out of its range.
    pub fn market(&self, day: usize) -> Option<Result<Market, PathError>> {
        let (date, sum) = (*self.moves.dates.get(day)?, self.sums.get(day)?);
        let mut by = MarketMove { overnight: percentage_points(sum.overnight), ..MarketMove::default() };
        by.par_curve.extend(Tenor::STANDARD.into_iter().zip(sum.curve.map(percentage_points)));
        for (instrument, gains) in &self.priced {
            // A row's entry and a price share the unit: 1e-8 USD on 100 of face, 1e-8 points.
            let change = Fixed8::from_units(*gains.get(day)?);
            match instrument {
                Instrument::Treasury(cusip) => drop(by.treasuries.insert(*cusip, change)),
                Instrument::Future(contract) => drop(by.futures.insert(*contract, change)),
                Instrument::ForwardTreasury { .. } | Instrument::Cash { .. } => {}
            }
        }
        Some(self.start.moved(&by).map_err(|problems| PathError::Market { date, problems }))
    }
}

/// The sums of the moves up to each day. One beyond the range stays at its end, where no rate passes.
fn sums(days: &[DayMove]) -> Vec<DayMove> {
    let mut sum = DayMove::default();
    let mut sums = Vec::with_capacity(days.len());
    for day in days {
        sum.overnight = sum.overnight.saturating_add(day.overnight);
        for (sum, change) in sum.curve.iter_mut().zip(day.curve) {
            *sum = sum.saturating_add(change);
        }
        sums.push(sum);
    }
    sums
}

fn scenarios(dates: &[Date], sums: &[DayMove]) -> ScenarioSet {
    let points = |units: i32| Rate::from_units(units).per_cent();
    ScenarioSet {
        dates: dates.to_vec(),
        tenors: Tenor::STANDARD.to_vec(),
        curve_shifts: sums.iter().flat_map(|sum| sum.curve.map(points)).collect(),
        overnight_shifts: sums.iter().map(|sum| points(sum.overnight)).collect(),
        spread_shifts: Vec::new(),
    }
}

fn extended(history: &CurveHistory, today: Date, dates: &[Date], sums: &[DayMove]) -> Result<CurveHistory, PathError> {
    let last = history.index_at(today).ok_or(PathError::NoHistory(today))?;
    let mut days = history.days()[..=last].to_vec();
    let newest = days[last].yields;
    for (&date, sum) in dates.iter().zip(sums) {
        let mut yields = newest;
        for (rate, change) in yields.iter_mut().zip(sum.curve) {
            *rate = rate.map(|rate| shifted(rate, change));
        }
        days.push(CurveDay { date, yields });
    }
    Ok(CurveHistory::new(days)?)
}

fn fixed(
    history: &OvernightHistory,
    today: Date,
    dates: &[Date],
    sums: &[DayMove],
) -> Result<OvernightHistory, PathError> {
    let newest = history.at(today).ok_or(PathError::NoHistory(today))?;
    let mut days: Vec<OvernightDay> = history.days().iter().take_while(|day| day.date <= today).copied().collect();
    for (&date, sum) in dates.iter().zip(sums) {
        days.push(OvernightDay { date, rate: shifted(newest.rate, sum.overnight) });
    }
    Ok(OvernightHistory::new(days)?)
}

fn shifted(rate: Rate, change: i32) -> Rate {
    Rate::from_units(rate.units().saturating_add(change))
}

fn percentage_points(units: i32) -> Fixed8 {
    Fixed8::from_units(i64::from(units) * FIXED_PER_RATE_UNIT)
}
