//! What is wrong with something a caller gave: which field or row, and why. All problems are told at once.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a path in the request, such as `positions[0].quantities[17]`.
    pub field: String,
    /// What is wrong and what is needed.
    pub description: String,
}

/// Everything that is wrong with a request; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// Collects problems, so that a check can go on after the first.
#[derive(Debug, Default)]
pub struct Collector(Vec<Problem>);

/// Problems that one answer names; more are counted.
const NAMED_MAX: usize = 200;

impl Problem {
    /// A problem of a field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into() }
    }
}

impl Problems {
    /// A single problem.
    pub fn one(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self(vec![Problem::new(field, description)])
    }

    /// The same, where the caller has another name for a field.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        for problem in self.0.iter_mut().filter(|problem| problem.field == from) {
            to.clone_into(&mut problem.field);
        }
        self
    }

    /// The problems.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{}: {}", problem.field, problem.description)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Collector {
    /// Adds a problem of a field.
    pub fn add(&mut self, field: impl Into<String>, description: impl fmt::Display) {
        self.0.push(Problem::new(field, description.to_string()));
    }

    /// Takes the value of a check, or adds its error as a problem of `field`.
    pub fn check<T, E: fmt::Display>(&mut self, field: impl FnOnce() -> String, checked: Result<T, E>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field(), error);
                None
            }
        }
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value`, or all problems.
    ///
    /// # Errors
    /// All problems that were added; past 200 they are counted, not named.
    pub fn finish<T>(mut self, value: T) -> Result<T, Problems> {
        if self.0.is_empty() {
            return Ok(value);
        }
        if self.0.len() > NAMED_MAX {
            let more = self.0.len() - NAMED_MAX;
            self.0.truncate(NAMED_MAX);
            self.0.push(Problem::new("...", format!("and {more} more problems")));
        }
        Err(Problems(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_at_once() {
        let mut problems = Collector::default();
        assert_eq!(problems.check(|| "a".into(), "7".parse::<u8>()), Some(7));
        assert_eq!(problems.check(|| "b".into(), "x".parse::<u8>()), None);
        problems.add("c", "is missing");
        let problems = problems.finish(()).unwrap_err();
        assert_eq!(problems.to_string(), "b: invalid digit found in string\nc: is missing");
    }

    #[test]
    fn a_flood_of_problems_is_counted() {
        let mut problems = Collector::default();
        (0..300).for_each(|row| problems.add(format!("rows[{row}]"), "is wrong"));
        let problems = problems.finish(()).unwrap_err();
        assert_eq!(problems.list().len(), NAMED_MAX + 1);
        assert_eq!(problems.list()[NAMED_MAX].description, "and 100 more problems");
    }
}
