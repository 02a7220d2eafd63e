//! An explanation as JSON shows it.

use crossmargin::v1;
use serde::Serialize;

use crate::command::output::{cycle, fraction, small};

/// An explanation. Amounts are USD, exact.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ExplanationView {
    pub(super) cycle: String,
    pub(super) round: u32,
    /// `agreed`, `rehearsal`, `break`, `fallen_back`, `pending`, `advance_grant`.
    pub(super) status: String,
    pub(super) link: String,
    pub(super) treasury_account: String,
    pub(super) futures_account: String,
    pub(super) figures: FiguresView,
    pub(super) factor_reason: String,
    /// The Treasury house, the futures house.
    pub(super) houses: Vec<HouseView>,
    pub(super) movement: Option<MovementView>,
    pub(super) remarks: Vec<String>,
}

/// All figures of a link.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::command) struct FiguresView {
    /// Under the Treasury house's model, under the futures house's.
    pub(in crate::command) models: [CoreView; 2],
    pub(in crate::command) applied_factor: f64,
    pub(in crate::command) treasury_standalone: String,
    pub(in crate::command) futures_standalone: String,
    pub(in crate::command) treasury_requirement: String,
    pub(in crate::command) futures_requirement: String,
    pub(in crate::command) treasury_charges: String,
    pub(in crate::command) futures_charges: String,
    pub(in crate::command) treasury_total: String,
    pub(in crate::command) futures_total: String,
    pub(in crate::command) shortfall: String,
}

/// Core margins under one model.
#[derive(Clone, Debug, Default, Serialize)]
pub(in crate::command) struct CoreView {
    pub(in crate::command) treasury_alone: String,
    pub(in crate::command) futures_alone: String,
    pub(in crate::command) combined: String,
    pub(in crate::command) factor: f64,
}

/// The core margins in one house's model.
#[derive(Clone, Debug, Serialize)]
pub(super) struct HouseView {
    pub(super) house: String,
    pub(super) model: String,
    pub(super) parts: Vec<PartView>,
    pub(super) charges: Vec<NamedView>,
}

/// One core margin.
#[derive(Clone, Debug, Serialize)]
pub(super) struct PartView {
    /// `treasury_leg`, `futures_leg`, `both_legs`.
    pub(super) part: String,
    pub(super) core: String,
    pub(super) binding: String,
    pub(super) components: Vec<ComponentView>,
    pub(super) maturity_floor: String,
    pub(super) margin_proxy: String,
    pub(super) core_charges: Vec<NamedView>,
}

/// A component of a core margin.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ComponentView {
    pub(super) name: String,
    pub(super) amount: String,
    pub(super) terms: Vec<TermView>,
}

/// A term of a component.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TermView {
    pub(super) name: String,
    pub(super) amount: String,
    pub(super) weight: f64,
    pub(super) measure: String,
    /// Empty where the term values by full revaluation itself.
    pub(super) full_revaluation_measure: String,
    pub(super) scenario_count: u32,
    pub(super) tail_count: u32,
    pub(super) expected_shortfall: String,
    pub(super) scaling: String,
    pub(super) tail: Vec<ScenarioView>,
    pub(super) positions: Vec<ContributionView>,
    pub(super) factors: Vec<ContributionView>,
}

/// A scenario of a tail.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ScenarioView {
    pub(super) date: String,
    pub(super) loss: String,
    pub(super) overnight_bp: f64,
    pub(super) curve_bp: Vec<f64>,
    pub(super) tenors_months: Vec<u32>,
}

/// A contribution to an expected shortfall, and to the measure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ContributionView {
    pub(super) name: String,
    /// 0 for a risk factor.
    pub(super) quantity: i64,
    pub(super) amount: String,
    pub(super) scaled: String,
}

/// A named amount.
#[derive(Clone, Debug, Serialize)]
pub(super) struct NamedView {
    pub(super) name: String,
    pub(super) amount: String,
}

/// A movement since an earlier cycle.
#[derive(Clone, Debug, Serialize)]
pub(super) struct MovementView {
    pub(super) since: String,
    pub(super) before: FiguresView,
    pub(super) steps: Vec<StepView>,
}

/// A step of a movement.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StepView {
    pub(super) name: String,
    pub(super) after: FiguresView,
    pub(super) treasury_total_change: String,
    pub(super) futures_total_change: String,
    pub(super) remark: String,
}

impl From<&v1::ExplainMarginResponse> for ExplanationView {
    fn from(from: &v1::ExplainMarginResponse) -> Self {
        let link = from.link.clone().unwrap_or_default();
        let houses = [&from.treasury_house, &from.futures_house].into_iter().flatten();
        Self {
            cycle: cycle(from.cycle.as_ref()),
            round: from.round,
            status: small(from.status().as_str_name(), "REQUIREMENT_STATUS_"),
            link: link.link_id,
            treasury_account: link.treasury_account,
            futures_account: link.futures_account,
            figures: FiguresView::of(from.figures.as_ref()),
            factor_reason: from.factor_reason.clone(),
            houses: houses.map(HouseView::from).collect(),
            movement: from.movement.as_ref().map(MovementView::from),
            remarks: from.remarks.clone(),
        }
    }
}

impl FiguresView {
    pub(in crate::command) fn of(from: Option<&v1::JointFigures>) -> Self {
        let Some(from) = from.cloned() else { return Self::default() };
        Self {
            models: [from.treasury_house, from.futures_house].map(|house| CoreView::from(house.unwrap_or_default())),
            applied_factor: fraction(from.applied_factor_bp),
            treasury_standalone: from.treasury_standalone,
            futures_standalone: from.futures_standalone,
            treasury_requirement: from.treasury_requirement,
            futures_requirement: from.futures_requirement,
            treasury_charges: from.treasury_charges,
            futures_charges: from.futures_charges,
            treasury_total: from.treasury_total,
            futures_total: from.futures_total,
            shortfall: from.shortfall,
        }
    }
}

impl From<v1::HouseFigures> for CoreView {
    fn from(from: v1::HouseFigures) -> Self {
        Self {
            treasury_alone: from.treasury_alone,
            futures_alone: from.futures_alone,
            combined: from.combined,
            factor: fraction(from.factor_bp),
        }
    }
}

impl From<&v1::ModelExplanation> for HouseView {
    fn from(from: &v1::ModelExplanation) -> Self {
        Self {
            house: from.house.clone(),
            model: from.model.clone(),
            parts: from.parts.iter().map(PartView::from).collect(),
            charges: from.charges.iter().map(NamedView::from).collect(),
        }
    }
}

impl From<&v1::PartExplanation> for PartView {
    fn from(from: &v1::PartExplanation) -> Self {
        Self {
            part: small(from.part().as_str_name(), "PORTFOLIO_PART_"),
            core: from.core.clone(),
            binding: from.binding.clone(),
            components: from.components.iter().map(ComponentView::from).collect(),
            maturity_floor: from.maturity_floor.clone(),
            margin_proxy: from.margin_proxy.clone(),
            core_charges: from.core_charges.iter().map(NamedView::from).collect(),
        }
    }
}

impl From<&v1::ComponentExplanation> for ComponentView {
    fn from(from: &v1::ComponentExplanation) -> Self {
        let terms = from.terms.iter().map(TermView::from).collect();
        Self { name: from.name.clone(), amount: from.amount.clone(), terms }
    }
}

impl From<&v1::TermExplanation> for TermView {
    fn from(from: &v1::TermExplanation) -> Self {
        Self {
            name: from.name.clone(),
            amount: from.amount.clone(),
            weight: fraction(from.weight_bp),
            measure: from.measure.clone(),
            full_revaluation_measure: from.full_revaluation_measure.clone(),
            scenario_count: from.scenario_count,
            tail_count: from.tail_count,
            expected_shortfall: from.expected_shortfall.clone(),
            scaling: from.scaling.clone(),
            tail: from.tail.iter().map(ScenarioView::from).collect(),
            positions: from.positions.iter().map(ContributionView::from).collect(),
            factors: from.factors.iter().map(ContributionView::from).collect(),
        }
    }
}

impl From<&v1::TailScenario> for ScenarioView {
    fn from(from: &v1::TailScenario) -> Self {
        Self {
            date: from.date.clone(),
            loss: from.loss.clone(),
            overnight_bp: from.overnight_bp,
            curve_bp: from.curve_bp.clone(),
            tenors_months: from.tenors_months.clone(),
        }
    }
}

impl From<&v1::Contribution> for ContributionView {
    fn from(from: &v1::Contribution) -> Self {
        Self {
            name: from.name.clone(),
            quantity: from.quantity,
            amount: from.amount.clone(),
            scaled: from.scaled.clone(),
        }
    }
}

impl From<&v1::NamedAmount> for NamedView {
    fn from(from: &v1::NamedAmount) -> Self {
        Self { name: from.name.clone(), amount: from.amount.clone() }
    }
}

impl From<&v1::Movement> for MovementView {
    fn from(from: &v1::Movement) -> Self {
        let steps = from.steps.iter().map(|step| StepView {
            name: step.name.clone(),
            after: FiguresView::of(step.after.as_ref()),
            treasury_total_change: step.treasury_total_change.clone(),
            futures_total_change: step.futures_total_change.clone(),
            remark: step.remark.clone(),
        });
        Self { since: from.since.clone(), before: FiguresView::of(from.before.as_ref()), steps: steps.collect() }
    }
}
