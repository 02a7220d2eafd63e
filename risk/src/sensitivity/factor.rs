//! The risk factors: what scenarios move.

use std::fmt;

use crate::scenario::Tenor;

/// One thing that a scenario moves. The order of the variants, then of the tenors, is the canonical order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RiskFactor {
    /// The overnight rates, in per cent ACT/360.
    Overnight,
    /// The par yield of a tenor, in per cent.
    Curve(Tenor),
    /// Issues' spread over the par curve at a tenor, in percentage points.
    Spread(Tenor),
}

/// Points of the curve.
pub(super) const TENORS: usize = Tenor::STANDARD.len();

/// Factors that are rates: the overnight one and the curve.
pub(super) const RATES: usize = 1 + TENORS;

impl RiskFactor {
    /// How many there are: the overnight rates, and curve and spread at the eleven standard tenors.
    pub const COUNT: usize = RATES + TENORS;

    /// Every factor, in order.
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self::Overnight; Self::COUNT];
        let mut place = 0;
        while place < TENORS {
            all[1 + place] = Self::Curve(Tenor::STANDARD[place]);
            all[RATES + place] = Self::Spread(Tenor::STANDARD[place]);
            place += 1;
        }
        all
    };

    /// The place in [`Self::ALL`]; `None` for a tenor that is not a standard one.
    #[must_use]
    pub fn place(self) -> Option<usize> {
        Self::ALL.binary_search(&self).ok()
    }
}

impl fmt::Display for RiskFactor {
    /// `overnight`, `curve 10Y`, `spread 10Y`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overnight => f.pad("overnight"),
            Self::Curve(tenor) => f.pad(&format!("curve {tenor}")),
            Self::Spread(tenor) => f.pad(&format!("spread {tenor}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_in_order_and_named() {
        assert!(RiskFactor::ALL.is_sorted());
        assert!(RiskFactor::ALL.iter().enumerate().all(|(place, factor)| factor.place() == Some(place)));
        assert_eq!(RiskFactor::Curve(Tenor(13)).place(), None);
        let names = [0, 1, 9, 11, 12, 22].map(|place| RiskFactor::ALL[place].to_string());
        assert_eq!(names, ["overnight", "curve 1M", "curve 10Y", "curve 30Y", "spread 1M", "spread 30Y"]);
    }
}
