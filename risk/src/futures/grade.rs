//! The deliverable grade: which issues a contract takes, and why it does not take another.

use std::fmt;

use jiff::civil::Date;

use crate::{date::add_months, instrument::ContractMonth, treasury::TreasuryTerms};

/// Which issues can be delivered, in months of original term and of remaining maturity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverableGrade {
    /// The shortest original term, if one is set.
    pub original_minimum: Option<i32>,
    /// The longest original term, if one is set.
    pub original_maximum: Option<i32>,
    /// The shortest remaining maturity, from the first day of the delivery month.
    pub remaining_minimum: i32,
    /// The longest remaining maturity, if one is set.
    pub remaining_maximum: Option<RemainingMaximum>,
}

/// The longest remaining maturity that can be delivered, in months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemainingMaximum {
    /// At most so many, from the first day of the delivery month.
    NotMoreFromFirstDay(i32),
    /// Fewer than so many, from the first day of the delivery month.
    LessFromFirstDay(i32),
    /// At most so many, from the last day of the delivery month.
    NotMoreFromLastDay(i32),
}

/// Why an issue is outside the deliverable grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GradeProblem {
    /// Issued for a shorter term than the contract takes.
    #[error("its original term from {dated} to {maturity} is shorter than {minimum}")]
    OriginalTooShort {
        /// The dated date.
        dated: Date,
        /// The maturity.
        maturity: Date,
        /// The shortest original term.
        minimum: Term,
    },
    /// Issued for a longer term than the contract takes.
    #[error("its original term from {dated} to {maturity} is longer than {maximum}")]
    OriginalTooLong {
        /// The dated date.
        dated: Date,
        /// The maturity.
        maturity: Date,
        /// The longest original term.
        maximum: Term,
    },
    /// Too little is left.
    #[error(
        "it matures on {maturity}, but at least {minimum} must be left on {first}, the first day of the delivery month"
    )]
    RemainingTooShort {
        /// The maturity.
        maturity: Date,
        /// The shortest remaining maturity.
        minimum: Term,
        /// The first day of the delivery month.
        first: Date,
    },
    /// Too much is left.
    #[error("it matures on {maturity}, but {rule}")]
    RemainingTooLong {
        /// The maturity.
        maturity: Date,
        /// What the contract takes.
        rule: RemainingRule,
    },
}

/// A term in months, written in years and months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term(pub i32);

/// The longest remaining maturity with the day from which it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemainingRule {
    maximum: RemainingMaximum,
    month: ContractMonth,
}

impl DeliverableGrade {
    /// Whether an issue can be delivered in a month.
    #[must_use]
    pub fn admits(&self, terms: &TreasuryTerms, month: ContractMonth) -> bool {
        self.check(Some(terms.issue().dated), terms.issue().maturity, month).is_ok()
    }

    /// Checks that an issue can be delivered in a month. The original term counts from the dated date; where that is not
    /// known, only the remaining maturity is checked.
    ///
    /// # Errors
    ///
    /// [`GradeProblem`] says which rule the issue fails.
    pub fn check(&self, dated: Option<Date>, maturity: Date, month: ContractMonth) -> Result<(), GradeProblem> {
        if let Some(dated) = dated {
            if let Some(minimum) = self.original_minimum.filter(|months| maturity < add_months(dated, *months)) {
                return Err(GradeProblem::OriginalTooShort { dated, maturity, minimum: Term(minimum) });
            }
            if let Some(maximum) = self.original_maximum.filter(|months| maturity > add_months(dated, *months)) {
                return Err(GradeProblem::OriginalTooLong { dated, maturity, maximum: Term(maximum) });
            }
        }
        let first = month.first_day();
        if maturity < add_months(first, self.remaining_minimum) {
            return Err(GradeProblem::RemainingTooShort { maturity, minimum: Term(self.remaining_minimum), first });
        }
        match self.remaining_maximum {
            Some(maximum) if !maximum.admits(maturity, month) => {
                Err(GradeProblem::RemainingTooLong { maturity, rule: RemainingRule { maximum, month } })
            }
            _ => Ok(()),
        }
    }
}

impl RemainingMaximum {
    fn admits(self, maturity: Date, month: ContractMonth) -> bool {
        match self {
            Self::NotMoreFromFirstDay(months) => maturity <= add_months(month.first_day(), months),
            Self::LessFromFirstDay(months) => maturity < add_months(month.first_day(), months),
            Self::NotMoreFromLastDay(months) => maturity <= add_months(month.last_day(), months),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 12, self.0 % 12) {
            (years, 0) => write!(f, "{years} years"),
            (years, months) => write!(f, "{years} years {months} months"),
        }
    }
}

impl fmt::Display for RemainingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.month.first_day(), self.month.last_day());
        match self.maximum {
            RemainingMaximum::NotMoreFromFirstDay(months) => {
                write!(f, "at most {} may be left on {first}, the first day of the delivery month", Term(months))
            }
            RemainingMaximum::LessFromFirstDay(months) => {
                write!(f, "less than {} must be left on {first}, the first day of the delivery month", Term(months))
            }
            RemainingMaximum::NotMoreFromLastDay(months) => {
                write!(f, "at most {} may be left on {last}, the last day of the delivery month", Term(months))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::futures::{Family, default_specifications, product_by_code};

    fn grade(code: &str) -> DeliverableGrade {
        let product = product_by_code(code).unwrap();
        let specification = default_specifications().into_iter().find(|s| s.product == product).unwrap();
        let Family::Treasury(delivery) = specification.family else { panic!("{code}") };
        delivery.grade
    }

    #[test]
    fn each_rule_of_the_grade_ends_on_its_day() {
        let month = "2026-03".parse().unwrap();
        // Contract, dated date, last maturity that is taken, first that is not, and why.
        for (code, dated, taken, refused, words) in [
            (
                "ZN",
                date(2024, 8, 15),
                date(2032, 9, 1),
                date(2032, 8, 31),
                "at least 6 years 6 months must be left on 2026-03-01",
            ),
            (
                "ZN",
                date(2024, 8, 15),
                date(2034, 2, 28),
                date(2034, 3, 1),
                "less than 8 years must be left on 2026-03-01",
            ),
            (
                "ZT",
                date(2025, 12, 31),
                date(2028, 3, 31),
                date(2028, 4, 1),
                "at most 2 years may be left on 2026-03-31",
            ),
            ("TN", date(2025, 8, 15), date(2035, 8, 15), date(2035, 8, 14), "is shorter than 10 years"),
            ("TN", date(2025, 8, 15), date(2035, 8, 15), date(2035, 8, 16), "is longer than 10 years"),
            ("ZF", date(2026, 2, 28), date(2031, 5, 28), date(2031, 5, 29), "is longer than 5 years 3 months"),
            ("TN", date(2026, 3, 1), date(2036, 3, 1), date(2036, 3, 2), "is longer than 10 years"),
        ] {
            assert_eq!(grade(code).check(Some(dated), taken, month), Ok(()), "{code} {taken}");
            let problem = grade(code).check(Some(dated), refused, month).unwrap_err().to_string();
            assert!(problem.contains(words), "{code} {refused}: {problem}");
        }
    }

    #[test]
    fn without_a_dated_date_the_remaining_maturity_alone_decides() {
        let month = "2026-03".parse().unwrap();
        let (dated, maturity) = (date(2005, 8, 15), date(2035, 8, 15));
        assert!(grade("TN").check(Some(dated), maturity, month).is_err());
        assert_eq!(grade("TN").check(None, maturity, month), Ok(()));
    }
}
