//! The final settlement prices of the short-term rate futures, from the fixings of their periods.

use super::specification::{calendar_month, reference_quarter};
use crate::{
    date::days_between,
    fixed::Fixed8,
    fixings::{Fixings, MissingFixing},
    instrument::ContractMonth,
    numeric::round_to_i64,
};

/// The final settlement of a three-month SOFR future by its start month, in index points to four places.
///
/// `100 - R` with `R = (360/D) (prod(1 + r_i d_i / 360) - 1) x 100` over the `D` days of the reference quarter.
/// Source: CME Rulebook chapter 460 (published).
///
/// # Errors
///
/// [`MissingFixing`] for the first business day of the quarter without one.
pub fn settle_sofr_three_month(month: ContractMonth, sofr: &Fixings) -> Result<Fixed8, MissingFixing> {
    let (start, end) = reference_quarter(month);
    let growth = sofr.growth(start, end)?;
    let rate = (growth - 1.0) * 36_000.0 / days_between(start, end) as f64;
    // A compounded rate of fixings in range lies far inside what rounds.
    let units = round_to_i64(rate * 1e4).unwrap_or_default() * 10_000;
    Ok(Fixed8::from_units(100 * Fixed8::ONE - units))
}

/// The final settlement of a one-month SOFR future: 100 less the average of SOFR over the calendar days of the month,
/// the average rounded to a tenth of a basis point.
///
/// # Errors
///
/// [`MissingFixing`] for the first business day of the month without one.
pub fn settle_sofr_one_month(month: ContractMonth, sofr: &Fixings) -> Result<Fixed8, MissingFixing> {
    settle_average(month, sofr)
}

/// The final settlement of a 30-day Fed funds future: 100 less the average of the effective Fed funds rate over the
/// calendar days of the month, the average rounded to a tenth of a basis point.
///
/// # Errors
///
/// [`MissingFixing`] for the first business day of the month without one.
pub fn settle_fed_funds(month: ContractMonth, fed_funds: &Fixings) -> Result<Fixed8, MissingFixing> {
    settle_average(month, fed_funds)
}

fn settle_average(month: ContractMonth, fixings: &Fixings) -> Result<Fixed8, MissingFixing> {
    let (start, end) = calendar_month(month);
    let sum: i64 = fixings.over(start, end)?.iter().map(|run| run.rate.units() * run.days).sum();
    // Whole numbers, so that an average on the half is seen; ties go away from zero.
    let place = 100_000 * days_between(start, end);
    let rounded = (2 * sum.abs() + place) / (2 * place) * sum.signum();
    Ok(Fixed8::from_units(100 * Fixed8::ONE - rounded * 100_000))
}
