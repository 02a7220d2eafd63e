//! What each house asks for its leg of a link, in US cents: what requirements, adjustments and totals are made of.

use crossmargin::v1;

use crate::arrangement::{
    leaf,
    leg::{Leg, Pair},
};

/// What a house asks for its own leg of one link, in US cents; none is below 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LegAmounts {
    /// Its stand-alone core margin.
    pub(super) standalone: i64,
    /// What it requires for the core.
    pub(super) requirement: i64,
    /// What it charges outside the core.
    pub(super) charges: i64,
}

/// What each house asks for its leg; `None` where it is not known here.
pub(crate) type Amounts = Pair<Option<LegAmounts>>;

/// The figures of one leg in a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct LegFigures {
    /// The core margin of the leg alone in its own house's model, in 1e-8 USD.
    pub(super) alone_e8: i64,
    /// The same to the cent.
    pub(super) standalone: i64,
    /// With the applied factor.
    pub(super) agreed: i64,
    /// Outside the core.
    pub(super) charges: i64,
}

impl LegAmounts {
    /// What it requires in all.
    pub(super) fn total(self) -> i64 {
        self.requirement.saturating_add(self.charges)
    }
}

impl LegFigures {
    /// Those of a leg.
    pub(super) fn of(leaf: &v1::MarginLeaf, leg: Leg) -> Self {
        match leg {
            Leg::Treasury => Self {
                alone_e8: leaf.treasury_house.map_or(0, |figures| figures.treasury_alone_e8),
                standalone: leaf.treasury_standalone_cents,
                agreed: leaf.treasury_requirement_cents,
                charges: leaf.treasury_charges_cents,
            },
            Leg::Futures => Self {
                alone_e8: leaf.futures_house.map_or(0, |figures| figures.futures_alone_e8),
                standalone: leaf.futures_standalone_cents,
                agreed: leaf.futures_requirement_cents,
                charges: leaf.futures_charges_cents,
            },
        }
    }

    /// The stand-alone margin, charged whole.
    pub(super) fn stand_alone(self) -> LegAmounts {
        LegAmounts { standalone: self.standalone, requirement: self.standalone, charges: self.charges }
    }

    /// The agreed requirement.
    pub(super) fn agreed(self) -> LegAmounts {
        LegAmounts { requirement: self.agreed, ..self.stand_alone() }
    }

    /// The stand-alone margin less a factor, rounded up to the cent; never above the stand-alone margin.
    pub(super) fn reduced(self, factor_bp: u32) -> LegAmounts {
        let reduced = leaf::requirement_cents(self.alone_e8, factor_bp);
        let requirement = reduced.map_or(self.standalone, |reduced| reduced.min(self.standalone));
        LegAmounts { requirement, ..self.stand_alone() }
    }
}

/// US cents as a decimal of US dollars with two digits.
pub(super) fn usd(cents: impl Into<i128>) -> String {
    let cents: i128 = cents.into();
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_have_two_digits_and_a_sign() {
        for (cents, text) in [(0_i64, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56"), (-100, "-1.00")] {
            assert_eq!(usd(cents), text);
        }
        assert_eq!(usd(i64::MIN), "-92233720368547758.08");
    }

    #[test]
    fn a_reduced_margin_is_rounded_up_to_the_cent_and_never_above_the_margin() {
        let figures = LegFigures { alone_e8: 100_000_001, standalone: 101, agreed: 0, charges: 7 };
        let reduced = |factor_bp| figures.reduced(factor_bp).requirement;
        assert_eq!([0, 5_000, 10_000].map(reduced), [101, 51, 0]);
        // Above the whole there is no factor.
        assert_eq!(reduced(10_001), 101);
        assert_eq!(figures.reduced(5_000).total(), 58);
    }
}
