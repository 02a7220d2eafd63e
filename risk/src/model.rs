//! A house's margin model as data: which scenarios, which confidence, and what each figure rests on.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    canonical::Canonical,
    history::{CurveHistory, OvernightHistory},
    measure::Confidence,
    scenario::{ScenarioError, ScenarioRule, ScenarioSet, VolatilityFilter},
};

/// Names the code that computes: equal inputs give equal digits only under equal engine versions. It names this crate
/// and the `libm` that its pricing is pinned to.
pub const ENGINE_VERSION: &str = concat!("risk ", env!("CARGO_PKG_VERSION"), ", libm 0.2.16");

/// A model's name and version, such as `treasury-house/1`. An arrangement says by business date which is in force.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelVersion(pub String);

impl fmt::Display for ModelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A margin model. The core margin of a portfolio is the largest of its components, and never below zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name and version.
    pub version: ModelVersion,
    /// Confidence of the value at risk.
    pub confidence: Confidence,
    /// What the margin is the largest of; at least one.
    pub components: Vec<Component>,
    /// What each parameter rests on. Not a part of the digest.
    #[serde(default)]
    pub sources: Vec<ParameterSource>,
}

/// One component of a model: a weight times the value at risk over one scenario set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name, such as `filtered` or `floor`.
    pub name: String,
    /// How its scenarios are taken from history.
    pub scenarios: ScenarioRule,
    /// The weight in basis points: 10,000 takes the value at risk as it is.
    pub weight_basis_points: u32,
}

/// What a parameter's value rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSource {
    /// The parameter.
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

/// Why a model cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A model without components has no margin.
    #[error("model {0} has no component: at least one scenario set is needed")]
    NoComponents(ModelVersion),
    /// The histories do not give a component's scenarios.
    #[error("model {model}, component {component}: {error}")]
    Scenarios {
        /// The model.
        model: ModelVersion,
        /// The component.
        component: String,
        /// What is missing.
        error: ScenarioError,
    },
}

impl Model {
    /// The default model of a house that clears Treasuries and repo: value at risk at 99 %, three days, plain
    /// historical simulation over ten years.
    #[must_use]
    pub fn treasury_house_default() -> Self {
        Self {
            version: ModelVersion("treasury-house/1".to_owned()),
            confidence: Confidence::P99,
            components: vec![Component {
                name: "historical".to_owned(),
                scenarios: ScenarioRule::overlapping(3, 2_500),
                weight_basis_points: 10_000,
            }],
            sources: sources(&[
                ("confidence", Mark::Published, "99 %, FICC GSD's VaR charge"),
                ("historical.horizon_days", Mark::Published, "three days, FICC GSD's margin period of risk"),
                ("historical.window", Mark::Published, "ten years of history, in public descriptions; 2,500 days"),
                ("historical.overnight", Mark::Assumed, "before SOFR the one-month yield stands in"),
            ]),
        }
    }

    /// The default model of a house that clears interest-rate futures: value at risk at 99 %, one day, filtered
    /// historical simulation, and a floor at the plain one-day value at risk.
    ///
    /// Filtering alone is procyclical: in a calm market it falls far below the long-run level, and rises at the worst
    /// time. The floor at the volatility of ten years is one of the three remedies of Article 28 of EMIR RTS 153/2013.
    #[must_use]
    pub fn futures_house_default() -> Self {
        Self {
            version: ModelVersion("futures-house/1".to_owned()),
            confidence: Confidence::P99,
            components: vec![
                Component {
                    name: "filtered".to_owned(),
                    scenarios: ScenarioRule::filtered(1, 2_500, VolatilityFilter::default_filter()),
                    weight_basis_points: 10_000,
                },
                Component {
                    name: "floor".to_owned(),
                    scenarios: ScenarioRule::overlapping(1, 2_500),
                    weight_basis_points: 10_000,
                },
            ],
            sources: sources(&[
                ("confidence", Mark::Published, "99 % over at least one day for futures"),
                ("filtered.horizon_days", Mark::Published, "one day, the least for futures"),
                ("filtered.window", Mark::Published, "ten years of history or more; 2,500 days"),
                (
                    "filtered.filter.decay_basis_points",
                    Mark::Assumed,
                    "0.97; the family of models is published, the decay is not",
                ),
                (
                    "filtered.filter.seed_from",
                    Mark::Assumed,
                    "first day of 2007's data: the seed has decayed long before the first scenario",
                ),
                (
                    "filtered.filter.volatility_min_units",
                    Mark::Assumed,
                    "half a basis point a day: half the grid of the published yields",
                ),
                ("filtered.overnight", Mark::Assumed, "before SOFR the one-month yield stands in"),
                (
                    "floor.weight_basis_points",
                    Mark::Assumed,
                    "100 % of the unfiltered figure, after EMIR RTS 153/2013 Art. 28 (1)(c)",
                ),
            ]),
        }
    }

    /// The scenario sets of the components, in their order.
    ///
    /// # Errors
    /// No component, or histories that do not give a component's scenarios.
    pub fn scenario_sets(
        &self,
        curve: &CurveHistory,
        overnight: Option<&OvernightHistory>,
        as_of: Date,
    ) -> Result<Vec<ScenarioSet>, ModelError> {
        if self.components.is_empty() {
            return Err(ModelError::NoComponents(self.version.clone()));
        }
        self.components
            .iter()
            .map(|component| {
                component.scenarios.scenarios(curve, overnight, as_of).map_err(|error| ModelError::Scenarios {
                    model: self.version.clone(),
                    component: component.name.clone(),
                    error,
                })
            })
            .collect()
    }

    /// BLAKE3 over every value that can change a margin, in canonical form. Sources are left out: a better footnote is
    /// not another model.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut canonical = Canonical::new("crossmargin risk 2026 margin model parameters");
        canonical.text(&self.version.0);
        canonical.number(self.confidence.basis_points());
        canonical.count(self.components.len());
        for component in &self.components {
            canonical.text(&component.name);
            canonical.number(component.weight_basis_points);
            component.scenarios.hash_canonical(&mut canonical);
        }
        canonical.finish()
    }
}

fn sources(lines: &[(&str, Mark, &str)]) -> Vec<ParameterSource> {
    lines
        .iter()
        .map(|(parameter, mark, note)| ParameterSource {
            parameter: (*parameter).to_owned(),
            mark: *mark,
            note: (*note).to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{OvernightRule, ScenarioWindow};

    #[test]
    fn the_engine_version_names_the_libm_that_is_pinned() {
        let manifest = include_str!("../../Cargo.toml");
        let pinned = manifest.lines().find_map(|line| line.strip_prefix("libm = \"=")).unwrap().trim_end_matches('"');
        assert!(ENGINE_VERSION.ends_with(&format!("libm {pinned}")), "{ENGINE_VERSION} {pinned}");
    }

    #[test]
    fn every_parameter_changes_the_digest_and_a_source_does_not() {
        let model = Model::futures_house_default();
        let changes: [fn(&mut Model); 11] = [
            |m| m.version.0.push('x'),
            |m| m.confidence = Confidence::from_basis_points(9_950).unwrap(),
            |m| m.components.truncate(1),
            |m| m.components[0].name.push('x'),
            |m| m.components[1].weight_basis_points -= 1,
            |m| m.components[0].scenarios.horizon_days += 1,
            |m| m.components[0].scenarios.window = ScenarioWindow::lookback(2_501),
            |m| m.components[0].scenarios.filter = None,
            |m| m.components[0].scenarios.filter.as_mut().unwrap().decay_basis_points += 1,
            |m| m.components[0].scenarios.overnight = OvernightRule::Required,
            |m| m.components[0].scenarios.age_days_max += 1,
        ];
        let mut digests = vec![model.digest()];
        for change in changes {
            let mut changed = model.clone();
            change(&mut changed);
            assert!(!digests.contains(&changed.digest()));
            digests.push(changed.digest());
        }
        let mut cited = model.clone();
        cited.sources.clear();
        assert_eq!(cited.digest(), model.digest());
    }

    #[test]
    fn a_model_reads_back_from_its_text_form() {
        for model in [Model::treasury_house_default(), Model::futures_house_default()] {
            let text = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<Model>(&text).unwrap(), model);
            assert!(serde_json::from_str::<Model>(&text.replacen("weight_basis", "weigth_basis", 1)).is_err());
        }
    }

    #[test]
    fn every_source_names_a_parameter_of_its_model() {
        for model in [Model::treasury_house_default(), Model::futures_house_default()] {
            let value = serde_json::to_value(&model).unwrap();
            for source in &model.sources {
                let mut parts = source.parameter.split('.');
                let first = parts.next().unwrap();
                let component = value["components"].as_array().unwrap().iter().find(|c| c["name"] == first);
                let mut at = component.cloned().unwrap_or_else(|| value[first].clone());
                for part in parts {
                    at = if at.get(part).is_some() { at[part].clone() } else { at["scenarios"][part].clone() };
                }
                assert!(!at.is_null(), "{}", source.parameter);
            }
        }
    }
}
