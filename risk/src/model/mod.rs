//! A house's margin model as data: which scenarios, which confidence, which floors and charges, and what each parameter
//! rests on.
//!
//! The **core margin** of a portfolio, to which the margin reduction factor applies, is
//!
//! ```text
//! core = max(0, component 1, component 2, ..., maturity floor) + margin proxy + charges marked as core
//! component = sum of weight x measure over the terms, each term a tail measure over one scenario set
//! ```
//!
//! Everything else that a house charges stays outside the core and is added to the requirement as it is.

mod defaults;
mod problem;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use problem::ModelProblem;

use crate::{
    charge::{Charge, MaturityRates},
    history::{CurveHistory, OvernightHistory},
    measure::Confidence,
    scenario::{ScenarioError, ScenarioRule, ScenarioSet},
};

/// Names the code that computes: equal inputs give equal digits only under equal engine versions. It names this crate
/// and the `libm` that its pricing is pinned to.
pub const ENGINE_VERSION: &str = concat!("risk ", env!("CARGO_PKG_VERSION"), ", libm 0.2.16");

/// A model's name and version, such as `treasury-house/2`. An arrangement says by business date which is in force.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelVersion(pub String);

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A margin model. The [module](self) states how its parts make the core margin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name and version.
    pub version: ModelVersion,
    /// The first business date on which it can be in force.
    pub effective_from: Date,
    /// Confidence of every value at risk.
    pub confidence: Confidence,
    /// What the core margin is the largest of; at least one.
    pub components: Vec<Component>,
    /// The least core margin by maturity group: a share of the net market value held in each. Nothing where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maturity_floor: Option<MaturityRates>,
    /// The margin of a Treasury that has no price to derive sensitivities or scenario values from: a share of its face,
    /// by maturity, that nothing offsets. Where it is not given, such a position cannot be margined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin_proxy: Option<MaturityRates>,
    /// Further charges, each inside or outside the core.
    #[serde(default)]
    pub charges: Vec<Charge>,
    /// What each parameter rests on. Not a part of the digest.
    #[serde(default)]
    pub sources: Vec<ParameterSource>,
}

/// One candidate for the core margin: a sum of weighted tail measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name, such as `value at risk` or `floor`.
    pub name: String,
    /// What it is the sum of; at least one.
    pub terms: Vec<Term>,
}

/// A weight times a tail measure over one scenario set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// Its name, such as `filtered` or `stress`.
    pub name: String,
    /// How its scenarios are taken from history.
    pub scenarios: ScenarioRule,
    /// How instruments are valued in them.
    pub valuation: Valuation,
    /// What is read off the losses.
    pub measure: TailMeasure,
    /// The weight in basis points: 10,000 takes the measure as it is.
    pub weight_basis_points: u32,
}

/// How an instrument is valued in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Valuation {
    /// Priced again at the moved curve.
    FullRevaluation,
    /// By key rates, convexity and spread: the second-order expansion about the market as it is.
    Sensitivity,
}

/// What is read off the losses of a scenario set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TailMeasure {
    /// The order statistic at the model's confidence.
    ValueAtRisk,
    /// The largest loss.
    Worst,
}

/// What a parameter's value rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSource {
    /// The parameter, by its path in the model: names of components, terms and charges stand for their places.
    pub parameter: String,
    /// How well it is founded.
    pub mark: Mark,
    /// Where it comes from, or why it was chosen.
    pub note: String,
}

/// How well a parameter is founded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Published by the house or its regulator.
    Published,
    /// Assumed, because the public text leaves it open: for the arrangement to set.
    Assumed,
}

/// Why a model's scenarios cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model {model}, {component}, {term}: {error}")]
pub struct ModelError {
    /// The model.
    pub model: ModelVersion,
    /// The component.
    pub component: String,
    /// The term.
    pub term: String,
    /// What is missing.
    pub error: ScenarioError,
}

impl Model {
    /// Every term with its component, in order: the order of scenario sets, matrices and tails everywhere.
    pub fn terms(&self) -> impl Iterator<Item = (&Component, &Term)> {
        self.components.iter().flat_map(|component| component.terms.iter().map(move |term| (component, term)))
    }

    /// The scenario sets of the terms, in their order.
    ///
    /// # Errors
    /// Histories that do not give a term's scenarios.
    pub fn scenario_sets(
        &self,
        curve: &CurveHistory,
        overnight: Option<&OvernightHistory>,
        as_of: Date,
    ) -> Result<Vec<ScenarioSet>, ModelError> {
        self.terms()
            .map(|(component, term)| {
                term.scenarios.scenarios(curve, overnight, as_of).map_err(|error| ModelError {
                    model: self.version.clone(),
                    component: component.name.clone(),
                    term: term.name.clone(),
                    error,
                })
            })
            .collect()
    }

    /// BLAKE3 over every value that can change a margin: the model as JSON, its fields in their declared order, without
    /// the sources. A better footnote is not another model. There is no floating-point number and no unordered map in
    /// it, so equal models have equal bytes.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let model = Self { sources: Vec::new(), ..self.clone() };
        #[expect(clippy::expect_used, reason = "numbers, texts, lists and options always serialise")]
        let canonical = serde_json::to_vec(&model).expect("a model serialises");
        blake3::derive_key("crossmargin risk 2026 margin model parameters", &canonical)
    }
}

impl TailMeasure {
    /// Which of the losses, ranked from the largest, the measure is: of `scenarios` at a confidence.
    #[must_use]
    pub fn tail_count(self, confidence: Confidence, scenarios: usize) -> usize {
        match self {
            Self::ValueAtRisk => confidence.tail_count(scenarios),
            Self::Worst => 1,
        }
    }
}
