//! Prices as the Treasury publishes them at auctions.

use jiff::civil::Date;

use super::{Convention, CouponSchedule, FirstCoupon, PriceError};
use crate::{date::days_between, fixed::Fixed8, numeric::round_to_i64};

/// The price of an auction, rounded as the regulation rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuctionPrice {
    /// Price without accrued interest, per 100, six places.
    pub price: Fixed8,
    /// Accrued interest, per 100, six places.
    pub accrued: Fixed8,
    /// Price with accrued interest, per 100, six places.
    pub dirty: Fixed8,
}

/// Units of [`Fixed8`] in the sixth decimal place.
const SIXTH_PLACE: i64 = 100;

/// The price at a yield in per cent under the Treasury convention, for issue on `issue`.
///
/// Accrued interest is rounded per 1,000 to five places, the price with accrued interest per 100 to six, and only then
/// are they subtracted: this order reproduces published auctions to the last digit.
///
/// # Errors
///
/// [`PriceError`].
pub fn auction_price(schedule: &CouponSchedule, issue: Date, yield_percent: f64) -> Result<AuctionPrice, PriceError> {
    let dirty = to_six_places(schedule.resolve(issue)?.dirty(Convention::Treasury, yield_percent))?;
    let accrued = accrued_per_100(schedule, issue)?;
    Ok(AuctionPrice { price: Fixed8::from_units(dirty.units() - accrued.units()), accrued, dirty })
}

/// The yield in per cent under the Treasury convention at which an issue on `issue` costs `price` without accrued
/// interest, per 100, and that price as the regulation states it.
///
/// Accrued interest is added as rounded per 1,000 to five places, as a buyer at an auction pays it, so that
/// [`auction_price`] at this yield is the price again, to the last of its six places.
///
/// # Errors
///
/// [`PriceError`].
pub fn auction_yield(schedule: &CouponSchedule, issue: Date, price: f64) -> Result<(f64, AuctionPrice), PriceError> {
    let resolved = schedule.resolve(issue)?;
    let accrued = accrued_per_100(schedule, issue)?;
    let yield_percent = resolved.yield_from_dirty(Convention::Treasury, price + accrued.to_f64())?;
    let price = to_six_places(price)?;
    let dirty = Fixed8::from_units(price.units() + accrued.units());
    Ok((yield_percent, AuctionPrice { price, accrued, dirty }))
}

/// A price per 100 to six places, ties to even.
fn to_six_places(price: f64) -> Result<Fixed8, PriceError> {
    let millionths = round_to_i64(price * 1e6).ok_or(PriceError::TooLarge { price })?;
    Ok(Fixed8::from_units(millionths * SIXTH_PLACE))
}

/// Accrued interest per 100 on a date: rounded per 1,000 to five places.
fn accrued_per_100(schedule: &CouponSchedule, settle: Date) -> Result<Fixed8, PriceError> {
    Ok(Fixed8::from_units(accrued_per_1000(schedule, settle)?.units() / 10))
}

/// Accrued interest per 1,000 of face on a date, rounded to five places, half away from zero.
///
/// Whole numbers throughout: a share such as 23/184 meets the half exactly, where a double would choose a side.
///
/// # Errors
///
/// [`PriceError::BeforeDated`] and [`PriceError::Matured`].
pub fn accrued_per_1000(schedule: &CouponSchedule, settle: Date) -> Result<Fixed8, PriceError> {
    schedule.resolve(settle)?;
    let index = schedule.index_after(settle);
    let (start, end) = (schedule.half_year(index + 1), schedule.half_year(index));
    let period = i128::from(days_between(start, end));
    let days = i128::from(days_between(start.max(schedule.dated()), settle));
    let (days, period) = match schedule.first() {
        FirstCoupon::Long { accrued_days, period_days } if index == schedule.first_index() => {
            let (broken, whole) = (i128::from(accrued_days), i128::from(period_days));
            (days * whole + broken * period, period * whole)
        }
        _ => (days, period),
    };
    // Half of ten times the coupon rate is a half-year's interest per 1,000; the fifth place is 1,000 units.
    let numerator = i128::from(schedule.coupon().units()) * 5 * days;
    let denominator = period * 1_000;
    let fifth_places = (2 * numerator + denominator) / (2 * denominator);
    // At most 20 per cent over two half-years: far inside the range.
    Ok(Fixed8::from_units(i64::try_from(fifth_places).unwrap_or(i64::MAX / 1_000) * 1_000))
}
