//! One day of a backtest.

use jiff::civil::Date;

use crate::money::Usd;

/// The margin of a day, and what the portfolio made of the days after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyRecord {
    /// The day on which the margin was computed.
    pub date: Date,
    /// The margin, positive.
    pub margin: Usd,
    /// Realised P&L of the portfolio of that day over the horizon after it; a loss is negative.
    pub realised: Usd,
}

impl DailyRecord {
    /// The realised loss; a gain is negative.
    #[must_use]
    pub fn loss(&self) -> Usd {
        Usd::ZERO.saturating_sub(self.realised)
    }

    /// Whether the loss was above the margin. A loss of just the margin is covered.
    #[must_use]
    pub fn is_breach(&self) -> bool {
        self.loss() > self.margin
    }

    /// The loss less the margin: what a breach leaves uncovered, and negative on a day that was covered.
    #[must_use]
    pub fn excess(&self) -> Usd {
        self.loss().saturating_sub(self.margin)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_breach_is_a_loss_above_the_margin() {
        for (margin, realised, is_breach, excess) in
            [(100, -101, true, 1), (100, -100, false, 0), (100, 500, false, -600), (0, -1, true, 1), (0, 0, false, 0)]
        {
            let record = DailyRecord {
                date: date(2025, 6, 2),
                margin: Usd::from_cents(margin),
                realised: Usd::from_cents(realised),
            };
            assert_eq!((record.is_breach(), record.excess()), (is_breach, Usd::from_cents(excess)), "{record:?}");
        }
    }
}
