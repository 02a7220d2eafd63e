//! Joint margins as the wire gives them.

use crossmargin::v1;
use risk::{
    margin::{HouseMargins, JointMargin},
    money::Usd,
};

/// All figures of a link.
pub(super) fn joint(margin: &JointMargin) -> v1::JointFigures {
    let [treasury, futures] = margin.by_house;
    let totals = margin.totals();
    v1::JointFigures {
        treasury_house: Some(house(&treasury)),
        futures_house: Some(house(&futures)),
        applied_factor_bp: margin.applied.basis_points().into(),
        treasury_standalone: usd(margin.stand_alone[0]),
        futures_standalone: usd(margin.stand_alone[1]),
        treasury_requirement: usd(margin.requirements[0]),
        futures_requirement: usd(margin.requirements[1]),
        treasury_charges: usd(margin.charges[0]),
        futures_charges: usd(margin.charges[1]),
        treasury_total: usd(totals[0]),
        futures_total: usd(totals[1]),
        shortfall: usd(margin.shortfall),
    }
}

fn house(margins: &HouseMargins) -> v1::HouseFigures {
    v1::HouseFigures {
        treasury_alone: usd(margins.first_leg_alone),
        futures_alone: usd(margins.second_leg_alone),
        combined: usd(margins.combined),
        factor_bp: margins.factor().basis_points().into(),
    }
}

/// An amount as text: exact, at least cents.
pub(super) fn usd(amount: Usd) -> String {
    amount.to_string()
}

/// What both houses require in all.
pub(super) fn total(margin: &JointMargin) -> Usd {
    let [treasury, futures] = margin.totals();
    treasury.saturating_add(futures)
}
