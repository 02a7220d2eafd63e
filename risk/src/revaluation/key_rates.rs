//! Where on the par curve a Treasury's DV01 sits.

use jiff::civil::Date;

use super::shifts::bracket;
use crate::{date::months_between, scenario::Tenor};

/// The DV01 of a Treasury split over the points of the par curve: at each [standard tenor](Tenor::STANDARD) that moves
/// its price, the fall per 100 of face for a rise of that point alone by a basis point. In ascending order of tenor.
///
/// A scenario moves the yield by the par curve's move at the remaining maturity, counted in months from settlement,
/// linear between tenors and flat outside them. So the two tenors around the maturity share the DV01 by the same
/// weights, and a maturity on a tenor, or outside all, has one. The parts add up to `dv01`.
#[must_use]
pub fn key_rate_dv01(dv01: f64, settle: Date, maturity: Date) -> Vec<(Tenor, f64)> {
    let tenors = Tenor::STANDARD;
    let months = tenors.map(|tenor| f64::from(tenor.0));
    match bracket(&months, months_between(settle, maturity)) {
        (place, None) => vec![(tenors[place], dv01)],
        (place, Some(weight)) => {
            let right = dv01 * weight;
            vec![(tenors[place], dv01 - right), (tenors[place + 1], right)]
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::date::add_days;

    fn split(maturity: Date) -> Vec<(String, f64)> {
        let parts = key_rate_dv01(0.08, date(2026, 2, 13), maturity);
        parts.into_iter().map(|(tenor, part)| (tenor.to_string(), part)).collect()
    }

    #[test]
    fn a_maturity_on_a_tenor_or_outside_all_has_that_tenor_alone() {
        assert_eq!(split(date(2036, 2, 13)), [("10Y".to_owned(), 0.08)]);
        assert_eq!(split(date(2026, 2, 27)), [("1M".to_owned(), 0.08)]);
        assert_eq!(split(date(2060, 1, 1)), [("30Y".to_owned(), 0.08)]);
    }

    #[test]
    fn a_maturity_between_two_tenors_splits_by_its_distance_from_them() {
        // 8.5 years: half-way between 7 and 10.
        assert_eq!(split(date(2034, 8, 13)), [("7Y".to_owned(), 0.04), ("10Y".to_owned(), 0.04)]);
        // 22.5 years: a quarter of the way from 20 to 30.
        assert_eq!(split(date(2048, 8, 13)), [("20Y".to_owned(), 0.06), ("30Y".to_owned(), 0.02)]);
    }

    proptest! {
        #[test]
        fn the_parts_add_up(days in 1_i64..13_000, dv01 in 0.0_f64..0.5) {
            let settle = date(2026, 2, 13);
            let parts = key_rate_dv01(dv01, settle, add_days(settle, days));
            let sum: f64 = parts.iter().map(|(_, part)| part).sum();
            prop_assert!((sum - dv01).abs() <= 1e-16);
            prop_assert!(parts.iter().all(|(_, part)| *part >= 0.0));
        }
    }
}
