//! What can be wrong with a model's parameters, each by its path.

use super::{Model, Term};
use crate::charge::ChargeRule;

/// A parameter that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {reason}")]
pub struct ModelProblem {
    /// The parameter, by its path in the model.
    pub parameter: String,
    /// What is wrong and what is needed.
    pub reason: String,
}

/// The least confidence of a margin, in basis points: a model below it is a mistake in a unit.
const CONFIDENCE_LEAST: u16 = 5_000;
/// The most that a weight can be, in basis points: ten times the measure.
const WEIGHT_MOST: u32 = 100_000;
/// The most days that a scenario can span.
const HORIZON_MOST: u16 = 30;

impl Model {
    /// Everything that is wrong with the parameters, in their order.
    #[must_use]
    pub fn problems(&self) -> Vec<ModelProblem> {
        let mut found = Found::default();
        found.that(!self.version.0.is_empty(), "version", "is empty: a name and a version are needed");
        found.that(
            self.confidence.basis_points() >= CONFIDENCE_LEAST,
            "confidence",
            "is below 5000 basis points: 9900 is 99 %",
        );
        found.that(!self.components.is_empty(), "components", "is empty: a core margin is the largest of at least one");
        for (place, component) in self.components.iter().enumerate() {
            let path = format!("components.{}", component.name);
            let is_first = self.components.iter().position(|other| other.name == component.name) == Some(place);
            found.that(is_first && !component.name.is_empty(), &path, "needs a name of its own");
            let weight: u64 = component.terms.iter().map(|term| u64::from(term.weight_basis_points)).sum();
            found.that(weight > 0, &path, "has no term with a weight: at least one is needed");
            for (place, term) in component.terms.iter().enumerate() {
                let is_first = component.terms.iter().position(|other| other.name == term.name) == Some(place);
                found.term(&format!("{path}.{}", term.name), is_first, term);
            }
        }
        for (place, charge) in self.charges.iter().enumerate() {
            let path = format!("charges.{}", charge.name);
            let is_first = self.charges.iter().position(|other| other.name == charge.name) == Some(place);
            found.that(is_first && !charge.name.is_empty(), &path, "needs a name of its own");
            if let Err(reason) = charge.rule.check() {
                found.that(false, &path, reason);
            }
            let is_past = matches!(charge.rule, ChargeRule::PortfolioDifferential { .. });
            found.that(
                !(is_past && charge.is_core),
                &path,
                "cannot be core: it follows from the core margins of earlier cycles",
            );
        }
        found.0
    }
}

#[derive(Default)]
struct Found(Vec<ModelProblem>);

impl Found {
    fn that(&mut self, holds: bool, parameter: &str, reason: &str) {
        if !holds {
            self.0.push(ModelProblem { parameter: parameter.to_owned(), reason: reason.to_owned() });
        }
    }

    fn term(&mut self, path: &str, has_own_name: bool, term: &Term) {
        self.that(has_own_name && !term.name.is_empty(), path, "needs a name of its own");
        self.that(
            term.weight_basis_points <= WEIGHT_MOST,
            &format!("{path}.weight_basis_points"),
            "is above 100000: 10000 takes the measure as it is",
        );
        self.that(
            (1..=HORIZON_MOST).contains(&term.scenarios.horizon_days),
            &format!("{path}.scenarios.horizon_days"),
            "lies outside 1 to 30 days",
        );
        if let Err(error) = term.scenarios.check() {
            self.that(false, &format!("{path}.scenarios"), &error.to_string());
        }
    }
}
