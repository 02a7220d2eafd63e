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

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::*;
    use crate::{calendar::Calendar, fixings::OvernightRate};

    /// Fixings of consecutive business days, in hundredths of a per cent.
    fn fixings(rate: OvernightRate, first: Date, hundredths: &[i64]) -> Fixings {
        let mut day = first;
        Fixings::new(
            rate,
            hundredths.iter().map(|hundredths| {
                let fixing = (day, Fixed8::from_units(hundredths * Fixed8::ONE / 100));
                day = Calendar::UsGovernmentBond.next(day);
                fixing
            }),
        )
    }

    /// The Federal Reserve Bank of New York's SOFR of the quarter from 18 March 2020.
    const SOFR_2020: [i64; 63] = [
        10, 6, 4, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 6, 3, 3, 3, 2, 1, 1, 1, 3, 3, 1, 1, 4, 3, 5, 5, 5, 5, 6,
        6, 6, 4, 2, 5, 4, 4, 1, 2, 4, 6, 6, 6, 6, 6, 7, 6, 7, 7, 7, 8, 7, 8, 8, 9, 9,
    ];
    /// SOFR and the effective Fed funds rate of March 2023.
    const SOFR_2023: [i64; 23] = [
        455, 455, 455, 455, 455, 455, 455, 455, 455, 455, 458, 457, 455, 455, 455, 455, 480, 480, 481, 484, 483, 482,
        487,
    ];
    const FED_FUNDS_2023: [i64; 23] = [
        458, 457, 457, 457, 457, 457, 457, 457, 458, 458, 458, 458, 458, 458, 458, 458, 483, 483, 483, 483, 483, 483,
        483,
    ];

    #[test]
    fn futures_settle_where_the_official_fixings_put_them() {
        let quarter = fixings(OvernightRate::Sofr, date(2020, 3, 18), &SOFR_2020);
        let settled = settle_sofr_three_month("2020-03".parse().unwrap(), &quarter).unwrap();
        assert_eq!(settled.to_string(), "99.9607");
        let march = "2023-03".parse().unwrap();
        let sofr = fixings(OvernightRate::Sofr, date(2023, 3, 1), &SOFR_2023);
        assert_eq!(settle_sofr_one_month(march, &sofr).unwrap().to_string(), "95.37");
        let fed_funds = fixings(OvernightRate::FedFunds, date(2023, 3, 1), &FED_FUNDS_2023);
        assert_eq!(settle_fed_funds(march, &fed_funds).unwrap().to_string(), "95.351");
    }

    #[test]
    fn a_missing_fixing_is_named() {
        let quarter = fixings(OvernightRate::Sofr, date(2020, 3, 18), &SOFR_2020[..62]);
        let missing = settle_sofr_three_month("2020-03".parse().unwrap(), &quarter).unwrap_err();
        assert_eq!(missing.to_string(), "the SOFR fixing of 2020-06-16 is missing");
    }
}
