//! Answers to trials for programs: amounts are decimal texts in USD, factors fractions.

use crossmargin::v1;
use serde::Serialize;

use crate::command::output::fraction;

/// What a portfolio requires at both houses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct FiguresView {
    /// Stand-alone core margin of the Treasury leg in the Treasury house's model.
    pub(super) treasury_standalone: String,
    /// Stand-alone core margin of the futures leg in the futures house's model.
    pub(super) futures_standalone: String,
    /// The Treasury house's factor.
    pub(super) treasury_factor: f64,
    /// The futures house's factor.
    pub(super) futures_factor: f64,
    /// The factor that both apply.
    pub(super) applied_factor: f64,
    /// What the Treasury house requires for the core.
    pub(super) treasury_requirement: String,
    /// What the futures house requires for the core.
    pub(super) futures_requirement: String,
    /// What the Treasury house charges outside the core.
    pub(super) treasury_charges: String,
    /// What the futures house charges outside the core.
    pub(super) futures_charges: String,
    /// What the Treasury house requires in all.
    pub(super) treasury_total: String,
    /// What the futures house requires in all.
    pub(super) futures_total: String,
}

/// Positions that were tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct TrialView {
    /// The business date of the market.
    pub(super) business_date: String,
    /// Before the changes; nothing without an account.
    pub(super) before: Option<FiguresView>,
    /// After the changes.
    pub(super) after: Option<FiguresView>,
    /// What the changes add to what both houses require.
    pub(super) incremental_requirement: String,
    /// To what the Treasury house requires.
    pub(super) incremental_treasury_requirement: String,
    /// To what the futures house requires.
    pub(super) incremental_futures_requirement: String,
}

/// A path that was tried.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PathView {
    /// The business date of the market that it begins in.
    pub(super) business_date: String,
    /// The start, then each day.
    pub(super) points: Vec<PointView>,
}

/// A day of a path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct PointView {
    /// Days from the start.
    pub(super) day: u32,
    /// What the positions have gained since the start.
    pub(super) profit_and_loss: String,
    /// The figures.
    pub(super) figures: Option<FiguresView>,
}

/// Futures that were suggested.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SuggestionsView {
    /// The business date of the market.
    pub(super) business_date: String,
    /// Before anything is added.
    pub(super) before: Option<FiguresView>,
    /// New positions.
    pub(super) additions: Vec<SuggestionView>,
    /// Parts of positions held elsewhere.
    pub(super) directions: Vec<SuggestionView>,
}

/// A future that was suggested.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct SuggestionView {
    /// The future.
    pub(super) instrument: String,
    /// Contracts; negative is short.
    pub(super) contracts: i64,
    /// What it frees.
    pub(super) freed: String,
    /// The figures with it.
    pub(super) after: Option<FiguresView>,
}

impl From<&v1::JointFigures> for FiguresView {
    fn from(wire: &v1::JointFigures) -> Self {
        let factor = |house: &Option<v1::HouseFigures>| fraction(house.as_ref().map_or(0, |house| house.factor_bp));
        Self {
            treasury_standalone: wire.treasury_standalone.clone(),
            futures_standalone: wire.futures_standalone.clone(),
            treasury_factor: factor(&wire.treasury_house),
            futures_factor: factor(&wire.futures_house),
            applied_factor: fraction(wire.applied_factor_bp),
            treasury_requirement: wire.treasury_requirement.clone(),
            futures_requirement: wire.futures_requirement.clone(),
            treasury_charges: wire.treasury_charges.clone(),
            futures_charges: wire.futures_charges.clone(),
            treasury_total: wire.treasury_total.clone(),
            futures_total: wire.futures_total.clone(),
        }
    }
}

impl From<&v1::TryPositionsResponse> for TrialView {
    fn from(wire: &v1::TryPositionsResponse) -> Self {
        Self {
            business_date: wire.business_date.clone(),
            before: wire.before.as_ref().map(FiguresView::from),
            after: wire.after.as_ref().map(FiguresView::from),
            incremental_requirement: wire.incremental_requirement.clone(),
            incremental_treasury_requirement: wire.incremental_treasury_requirement.clone(),
            incremental_futures_requirement: wire.incremental_futures_requirement.clone(),
        }
    }
}

impl From<&v1::TryPathResponse> for PathView {
    fn from(wire: &v1::TryPathResponse) -> Self {
        let point = |point: &v1::PathPoint| PointView {
            day: point.day,
            profit_and_loss: point.profit_and_loss.clone(),
            figures: point.figures.as_ref().map(FiguresView::from),
        };
        Self { business_date: wire.business_date.clone(), points: wire.points.iter().map(point).collect() }
    }
}

impl From<&v1::SuggestFuturesResponse> for SuggestionsView {
    fn from(wire: &v1::SuggestFuturesResponse) -> Self {
        let suggestions = |found: &[v1::FuturesSuggestion]| {
            let suggestion = |found: &v1::FuturesSuggestion| SuggestionView {
                instrument: found.instrument.clone(),
                contracts: found.contracts,
                freed: found.freed.clone(),
                after: found.after.as_ref().map(FiguresView::from),
            };
            found.iter().map(suggestion).collect()
        };
        Self {
            business_date: wire.business_date.clone(),
            before: wire.before.as_ref().map(FiguresView::from),
            additions: suggestions(&wire.additions),
            directions: suggestions(&wire.directions),
        }
    }
}
