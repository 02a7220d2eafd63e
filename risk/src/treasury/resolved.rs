//! A Treasury bought for settlement on one date: its price, its yield, and how one moves with the other.

use jiff::civil::Date;

use super::{CouponSchedule, FirstCoupon, PriceError};
use crate::date::days_between;

/// How the broken half-year after settlement is discounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Convention {
    /// By compounding: the market's convention.
    Street,
    /// By simple interest: the Treasury's convention at auctions.
    Treasury,
}

/// A bond as it stands for settlement on one date: the terms of the formula in the [module](super).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResolvedTreasury {
    /// `c`: half the coupon rate, per 100.
    pub(crate) half_coupon: f64,
    /// `n`: full half-years after the running one.
    pub(crate) periods: u32,
    /// `w`: the share of the running half-year that is left.
    pub(crate) fraction: f64,
    /// `e0` and `e1`: corrections of the first two flows for an odd first coupon, per 100.
    pub(crate) corrections: [f64; 2],
    accrued: f64,
}

/// Yields between which prices are asked for and yields are looked for, in per cent. At -200 no price exists.
pub const YIELD_RANGE_PERCENT: (f64, f64) = (-180.0, 2_000.0);

/// The same as half-yields.
const HALF_YIELD_RANGE: (f64, f64) = (-0.9, 10.0);

/// Newton's steps with a bisection as safeguard need about seven; twice the bits of a double is out of reach.
const MAX_STEPS: u32 = 128;

impl ResolvedTreasury {
    pub(super) fn new(schedule: &CouponSchedule, settle: Date) -> Result<Self, PriceError> {
        if settle < schedule.dated() {
            return Err(PriceError::BeforeDated { settle, dated: schedule.dated() });
        }
        if settle >= schedule.maturity() {
            return Err(PriceError::Matured { settle, maturity: schedule.maturity() });
        }
        let periods = schedule.index_after(settle);
        let (start, end) = (schedule.half_year(periods + 1), schedule.half_year(periods));
        let length = days_between(start, end) as f64;
        let half_coupon = schedule.half_coupon();
        let accrued_share = days_between(start.max(schedule.dated()), settle) as f64 / length;
        let odd_share = match schedule.first() {
            FirstCoupon::Regular => 0.0,
            FirstCoupon::Short { accrued_days, period_days } | FirstCoupon::Long { accrued_days, period_days } => {
                accrued_days as f64 / period_days as f64
            }
        };
        let outstanding = periods >= schedule.first_index();
        let (corrections, before) = match schedule.first() {
            FirstCoupon::Short { .. } if outstanding => ([half_coupon * (odd_share - 1.0), 0.0], 0.0),
            // In the broken part nothing is paid at the end of the running half-year; the next one pays for both.
            FirstCoupon::Long { .. } if periods > schedule.first_index() => {
                ([-half_coupon, half_coupon * odd_share], 0.0)
            }
            FirstCoupon::Long { .. } if outstanding => ([half_coupon * odd_share, 0.0], odd_share),
            _ => ([0.0, 0.0], 0.0),
        };
        Ok(Self {
            half_coupon,
            periods,
            fraction: days_between(settle, end) as f64 / length,
            corrections,
            accrued: half_coupon * (before + accrued_share),
        })
    }

    /// Accrued interest at settlement, per 100, not rounded.
    #[must_use]
    pub fn accrued(&self) -> f64 {
        self.accrued
    }

    /// The price with accrued interest at a yield in per cent, per 100, not rounded.
    #[must_use]
    pub fn dirty(&self, convention: Convention, yield_percent: f64) -> f64 {
        self.dirty_and_slope(convention, yield_percent / 200.0).0
    }

    /// The price without accrued interest at a yield in per cent, per 100, not rounded.
    #[must_use]
    pub fn clean(&self, convention: Convention, yield_percent: f64) -> f64 {
        self.dirty(convention, yield_percent) - self.accrued
    }

    /// The fall of the price for a rise of the yield by a basis point, per 100: the derivative, positive.
    #[must_use]
    pub fn dv01(&self, convention: Convention, yield_percent: f64) -> f64 {
        // A basis point of yield is half a basis point of the half-yield.
        -self.dirty_and_slope(convention, yield_percent / 200.0).1 * 0.5e-4
    }

    /// The yield in per cent at which the price without accrued interest is `clean`.
    ///
    /// # Errors
    ///
    /// [`PriceError::NoYield`] when no yield between -180 and +2,000 per cent gives the price.
    pub fn yield_from_clean(&self, convention: Convention, clean: f64) -> Result<f64, PriceError> {
        self.yield_from_dirty(convention, clean + self.accrued)
    }

    /// The yield in per cent at which the price with accrued interest is `dirty`.
    ///
    /// # Errors
    ///
    /// [`PriceError::NoYield`] when no yield between -180 and +2,000 per cent gives the price.
    pub fn yield_from_dirty(&self, convention: Convention, dirty: f64) -> Result<f64, PriceError> {
        let (mut low, mut high) = HALF_YIELD_RANGE;
        let within =
            dirty <= self.dirty_and_slope(convention, low).0 && dirty >= self.dirty_and_slope(convention, high).0;
        if !within {
            return Err(PriceError::NoYield { dirty });
        }
        let mut half_yield = self.half_coupon / 100.0;
        for _ in 0..MAX_STEPS {
            let (value, slope) = self.dirty_and_slope(convention, half_yield);
            let error = value - dirty;
            if error >= 0.0 {
                low = half_yield;
            }
            if error <= 0.0 {
                high = half_yield;
            }
            let mut next = half_yield - error / slope;
            if !(next > low && next < high) {
                next = f64::midpoint(low, high);
            }
            let step = next - half_yield;
            half_yield = next;
            if step.abs() <= 2e-16 {
                break;
            }
        }
        Ok(half_yield * 200.0)
    }

    /// The price with accrued interest and its derivative by the half-yield, flow by flow from the last (Horner).
    fn dirty_and_slope(&self, convention: Convention, half_yield: f64) -> (f64, f64) {
        let v = 1.0 / (1.0 + half_yield);
        let (mut value, mut slope) = (0.0, 0.0);
        for period in (0..=self.periods).rev() {
            let redemption = if period == self.periods { 100.0 } else { 0.0 };
            let correction = match period {
                0 => self.corrections[0],
                1 => self.corrections[1],
                _ => 0.0,
            };
            slope = slope * v + value;
            value = value * v + (self.half_coupon + redemption + correction);
        }
        let w = self.fraction;
        match convention {
            Convention::Street => {
                let broken = libm::pow(v, w);
                (broken * value, -broken * v * (w * value + v * slope))
            }
            Convention::Treasury => {
                let broken = 1.0 / (1.0 + w * half_yield);
                (broken * value, -broken * (v * v * slope + broken * w * value))
            }
        }
    }
}
