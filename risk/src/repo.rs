//! Repos, and what of them is still to settle.
//!
//! A repo carries rate risk through its legs that have not settled: collateral that comes or goes on a date, and the
//! cash against it. Every repo is unique, but its legs are not: they add up by issue and date, and by date. So a book
//! of repos becomes [`Instrument::ForwardTreasury`] and [`Instrument::Cash`] positions, and the dictionary of
//! instruments does not grow with trades.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::{
    calendar::Calendar,
    instrument::{Cusip, Instrument},
};

/// A repo or reverse repo on one Treasury.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RepoTrade {
    /// The issue that serves as collateral.
    pub collateral: Cusip,
    /// Face in USD: positive when the account receives the collateral at the start, which is to lend cash; negative
    /// when it delivers it, which is to borrow.
    pub face: i64,
    /// The date on which the collateral first moves.
    pub start_date: Date,
    /// The cash paid against it, in cents, positive.
    pub start_cash_cents: i64,
    /// The date on which the collateral comes back.
    pub end_date: Date,
    /// The cash paid back, in cents, positive: the start cash and the interest.
    pub end_cash_cents: i64,
}

/// Why a repo cannot be taken, or a book of repos not added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepoError {
    /// A face of zero, or not a multiple of 100 USD.
    #[error("repo face {0} is not a multiple of 100 USD other than zero")]
    Face(i64),
    /// An amount of cash that is not positive.
    #[error("repo cash of {0} cents is not positive: the sign of the face gives the direction")]
    Cash(i64),
    /// The end is not after the start.
    #[error("repo end {end} is not after its start {start}")]
    Order {
        /// The start date.
        start: Date,
        /// The end date.
        end: Date,
    },
    /// A leg settles on a weekend or holiday.
    #[error("repo date {0} is not a US government bond business day")]
    BusinessDay(Date),
    /// The net quantity of an instrument does not fit 64 bits.
    #[error("the net quantity of {0} is too large")]
    TooLarge(Instrument),
}

/// The unsettled legs of a book of repos at the end of a business date, netted by instrument and in canonical order.
///
/// A leg settles on its date, so legs dated up to the business date drop out. Start leg: the collateral comes in
/// (`+face`) and the start cash goes out; end leg: the other way round, with the end cash. Quantities are USD of face
/// and whole USD of cash: the cash of a date is summed in cents and then rounded, half away from zero. Quantities that
/// net to zero are left out.
///
/// # Errors
///
/// The place in `trades` of the first repo that is wrong, and [`RepoError`]; [`RepoError::TooLarge`] of a net quantity
/// comes with the place of the trade that takes it there, or with the number of trades if only the rounded cash is.
pub fn unsettled_legs(trades: &[RepoTrade], business_date: Date) -> Result<Vec<(Instrument, i64)>, (usize, RepoError)> {
    let mut faces: BTreeMap<Instrument, i64> = BTreeMap::new();
    let mut cents: BTreeMap<Date, i128> = BTreeMap::new();
    for (place, trade) in trades.iter().enumerate() {
        trade.check().map_err(|error| (place, error))?;
        let direction = i128::from(trade.face.signum());
        for (date, face, cash) in [
            (trade.start_date, trade.face, -direction * i128::from(trade.start_cash_cents)),
            (trade.end_date, -trade.face, direction * i128::from(trade.end_cash_cents)),
        ] {
            if date > business_date {
                let instrument = Instrument::ForwardTreasury { cusip: trade.collateral, settle: date };
                let net = faces.entry(instrument).or_default();
                *net = net.checked_add(face).ok_or((place, RepoError::TooLarge(instrument)))?;
                *cents.entry(date).or_default() += cash;
            }
        }
    }
    let mut legs: Vec<(Instrument, i64)> = faces.into_iter().collect();
    for (date, cents) in cents {
        let instrument = Instrument::Cash { date };
        let usd = (cents.abs() + 50) / 100 * cents.signum();
        let usd = i64::try_from(usd).map_err(|_| (trades.len(), RepoError::TooLarge(instrument)))?;
        legs.push((instrument, usd));
    }
    legs.retain(|&(_, quantity)| quantity != 0);
    Ok(legs)
}

impl RepoTrade {
    /// Checks the face, the cash and the dates.
    ///
    /// # Errors
    ///
    /// [`RepoError`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), RepoError> {
        // The negative of the smallest 64-bit number does not exist; it is no multiple of 100 either.
        if self.face == 0 || self.face % 100 != 0 {
            return Err(RepoError::Face(self.face));
        }
        for cash in [self.start_cash_cents, self.end_cash_cents] {
            if cash <= 0 {
                return Err(RepoError::Cash(cash));
            }
        }
        if self.end_date <= self.start_date {
            return Err(RepoError::Order { start: self.start_date, end: self.end_date });
        }
        for date in [self.start_date, self.end_date] {
            if !Calendar::UsGovernmentBond.is_business_day(date) {
                return Err(RepoError::BusinessDay(date));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn reverse() -> RepoTrade {
        RepoTrade {
            collateral: "91282CMK4".parse().unwrap(),
            face: 1_000_000,
            start_date: date(2026, 2, 11),
            start_cash_cents: 100_000_050,
            end_date: date(2026, 2, 18),
            end_cash_cents: 100_070_149,
        }
    }

    fn legs(trades: &[RepoTrade], business_date: Date) -> Vec<String> {
        let legs = unsettled_legs(trades, business_date).unwrap();
        legs.iter().map(|(instrument, quantity)| format!("{instrument} {quantity}")).collect()
    }

    #[test]
    fn a_reverse_repo_takes_collateral_in_and_gives_it_back_for_more_cash() {
        assert_eq!(
            legs(&[reverse()], date(2026, 2, 10)),
            [
                "FWD:91282CMK4:2026-02-11 1000000",
                "FWD:91282CMK4:2026-02-18 -1000000",
                "USD:2026-02-11 -1000001",
                "USD:2026-02-18 1000701",
            ]
        );
    }

    #[test]
    fn a_leg_drops_out_on_its_date() {
        assert_eq!(
            legs(&[reverse()], date(2026, 2, 11)),
            ["FWD:91282CMK4:2026-02-18 -1000000", "USD:2026-02-18 1000701"]
        );
        assert!(legs(&[reverse()], date(2026, 2, 18)).is_empty());
    }

    #[test]
    fn a_repo_and_its_reverse_net_to_nothing() {
        let repo = RepoTrade { face: -1_000_000, ..reverse() };
        assert!(legs(&[reverse(), repo], date(2026, 2, 10)).is_empty());
    }

    #[test]
    fn a_wrong_repo_is_refused_by_its_place_and_reason() {
        let good = reverse();
        for (wrong, reason) in [
            (RepoTrade { face: 0, ..good }, RepoError::Face(0)),
            (RepoTrade { face: i64::MIN, ..good }, RepoError::Face(i64::MIN)),
            (RepoTrade { end_cash_cents: -1, ..good }, RepoError::Cash(-1)),
            (
                RepoTrade { end_date: good.start_date, ..good },
                RepoError::Order { start: good.start_date, end: good.start_date },
            ),
            (RepoTrade { end_date: date(2026, 2, 16), ..good }, RepoError::BusinessDay(date(2026, 2, 16))),
        ] {
            assert_eq!(unsettled_legs(&[good, wrong], date(2026, 2, 10)), Err((1, reason)));
        }
        let huge = RepoTrade { face: i64::MAX / 100 * 100, ..good };
        assert!(matches!(
            unsettled_legs(&[huge, huge], date(2026, 2, 10)),
            Err((1, RepoError::TooLarge(Instrument::ForwardTreasury { .. })))
        ));
    }
}
