//! A house's models by business date.

use jiff::civil::Date;
use risk::model::Model;
use serde::{Deserialize, Serialize};

use super::{Calendar, Problem};

/// The models of one house, each in force from its date until the next one's. The first is in force from the beginning
/// of the arrangement's calendar on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSchedule(Vec<Dated>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Dated {
    from: Date,
    model: Model,
}

/// One entry of the document: exactly one of `built_in` and `parameters`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelSection {
    in_force_from: Date,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    built_in: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parameters: Option<Box<Model>>,
}

impl ModelSchedule {
    /// The model in force on a business date.
    #[must_use]
    pub fn in_force(&self, business_date: Date) -> &Model {
        &self.0[self.place(business_date)].model
    }

    /// The model that comes after the one in force, and the date from which on it is in force.
    #[must_use]
    pub fn next(&self, business_date: Date) -> Option<(Date, &Model)> {
        self.0.get(self.place(business_date) + 1).map(|dated| (dated.from, &dated.model))
    }

    /// Every model, in order of its date.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.0.iter().map(|dated| &dated.model)
    }

    fn place(&self, business_date: Date) -> usize {
        self.0.partition_point(|dated| dated.from <= business_date).saturating_sub(1)
    }

    /// Reads the entries of a document; every problem goes to `problems`.
    pub(super) fn read(
        key: &str,
        sections: &[ModelSection],
        calendar: Calendar,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let before = problems.len();
        let mut wrong = |key: String, reason: String| problems.push(Problem { key, reason });
        match sections.first() {
            None => wrong(key.to_owned(), "is empty: at least one model is needed".to_owned()),
            Some(first) if first.in_force_from > calendar.first => wrong(
                format!("{key}[0].in_force_from"),
                format!("is after calendar.first {}: no model would be in force", calendar.first),
            ),
            Some(_) => {}
        }
        let mut dated = Vec::with_capacity(sections.len());
        for (at, section) in sections.iter().enumerate() {
            let key = format!("{key}[{at}]");
            if at > 0 && sections[at - 1].in_force_from >= section.in_force_from {
                wrong(format!("{key}.in_force_from"), "must be after the entry before".to_owned());
            }
            match section.model() {
                Err(reason) => wrong(key, reason),
                Ok(model) => {
                    if model.effective_from > section.in_force_from {
                        let reason =
                            format!("is before {}, from which on {} holds", model.effective_from, model.version);
                        wrong(format!("{key}.in_force_from"), reason);
                    }
                    for problem in model.problems() {
                        wrong(format!("{key}.parameters.{}", problem.parameter), problem.reason);
                    }
                    dated.push(Dated { from: section.in_force_from, model });
                }
            }
        }
        (problems.len() == before).then_some(Self(dated))
    }
}

impl ModelSection {
    fn model(&self) -> Result<Model, String> {
        match (&self.built_in, &self.parameters) {
            (Some(name), None) => {
                let known = Model::built_in();
                let names = known.iter().map(|model| model.version.to_string()).collect::<Vec<_>>().join(", ");
                let found = known.into_iter().find(|model| model.version.0 == *name);
                found.ok_or_else(|| format!("built_in names {name:?}, which is not known here: {names} are"))
            }
            (None, Some(parameters)) => Ok((**parameters).clone()),
            _ => Err("needs one of built_in and parameters".to_owned()),
        }
    }

    /// The entry as the arrangement's digest sees it: the model by its own digest, so that a built-in one and the same
    /// written out are one model, and a footnote does not make another. An entry without a sound model stays as it is;
    /// such a document is refused.
    pub(super) fn canonical(&self) -> Self {
        match self.model() {
            Ok(model) => Self {
                in_force_from: self.in_force_from,
                built_in: Some(hex::encode(model.digest())),
                parameters: None,
            },
            Err(_) => self.clone(),
        }
    }
}
