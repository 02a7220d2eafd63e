//! Whether a breach makes the next one more likely.

use super::{
    LikelihoodRatio,
    likelihood::{log_likelihood, share},
};

/// What followed what, from one day of a backtest to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transitions {
    /// A covered day after a covered day, `n00`.
    pub covered_covered: usize,
    /// A breach after a covered day, `n01`.
    pub covered_breach: usize,
    /// A covered day after a breach, `n10`.
    pub breach_covered: usize,
    /// A breach after a breach, `n11`.
    pub breach_breach: usize,
}

impl Transitions {
    /// Counts the transitions of a sequence of days, `true` where one is a breach: one fewer than days.
    #[must_use]
    pub fn of(breaches: &[bool]) -> Self {
        let mut counts = Self::default();
        for pair in breaches.windows(2) {
            *match (pair[0], pair[1]) {
                (false, false) => &mut counts.covered_covered,
                (false, true) => &mut counts.covered_breach,
                (true, false) => &mut counts.breach_covered,
                (true, true) => &mut counts.breach_breach,
            } += 1;
        }
        counts
    }

    /// How many transitions there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.covered_covered + self.covered_breach + self.breach_covered + self.breach_breach
    }

    /// The independence test: is a breach as likely after a breach as after a covered day?
    ///
    /// `LR = -2 ln[ (1-q)^(n00+n10) q^(n01+n11) / ((1-q0)^n00 q0^n01 (1-q1)^n10 q1^n11) ]` with `q0 = n01/(n00+n01)`,
    /// `q1 = n11/(n10+n11)`, `q = (n01+n11)/n`, and `0^0 = 1`; chi-square with one degree of freedom. Without a breach,
    /// or with fewer than two days, there is nothing to see: the ratio is 0.
    ///
    /// It supposes days that do not overlap. Results over several days that share days breach together, whatever the
    /// model is worth.
    ///
    /// Published: Christoffersen, "Evaluating Interval Forecasts", International Economic Review, 1998.
    #[must_use]
    pub fn independence(&self) -> LikelihoodRatio {
        let Self { covered_covered: n00, covered_breach: n01, breach_covered: n10, breach_breach: n11 } = *self;
        let one_chance = log_likelihood(n00 + n10, n01 + n11, share(n01 + n11, self.total()));
        let after_covered = log_likelihood(n00, n01, share(n01, n00 + n01));
        let after_breach = log_likelihood(n10, n11, share(n11, n10 + n11));
        LikelihoodRatio::one_degree(2.0 * (after_covered + after_breach - one_chance))
    }

    /// Conditional coverage: the right frequency and independence together, the sum of both ratios; chi-square with two
    /// degrees of freedom. `frequency` is that of all days ([`super::proportion_of_failures`]), as is usual, not of the
    /// days after the first alone.
    #[must_use]
    pub fn conditional_coverage(&self, frequency: LikelihoodRatio) -> LikelihoodRatio {
        LikelihoodRatio::two_degrees(frequency, self.independence())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{backtest::proportion_of_failures, measure::Confidence};

    fn transitions(counts: [usize; 4]) -> Transitions {
        let [covered_covered, covered_breach, breach_covered, breach_breach] = counts;
        Transitions { covered_covered, covered_breach, breach_covered, breach_breach }
    }

    #[test]
    fn published_ratios_come_out_to_their_last_digit() {
        for (counts, statistic, digits, source) in [
            ([932, 53, 53, 4], 0.258_66, 5, "MathWorks, varbacktest cci, Normal95"),
            ([218, 14, 14, 6], 9.53, 2, "Jorion, Value at Risk, 3rd ed., chapter 6: J.P. Morgan in 1998"),
            ([244, 2, 2, 4], 25.837, 3, "Jorion, chapter 6, question 10"),
        ] {
            let found = transitions(counts).independence().statistic;
            assert_eq!(format!("{found:.digits$}"), format!("{statistic:.digits$}"), "{source}");
        }
        assert_eq!(format!("{:.5}", transitions([932, 53, 53, 4]).independence().p_value), "0.61104");
        let confidence = Confidence::from_basis_points(9_500).unwrap();
        let frequency = proportion_of_failures(1_043, 57, confidence).unwrap();
        let both = transitions([932, 53, 53, 4]).conditional_coverage(frequency);
        assert_eq!(
            format!("{:.5} {:.5}", both.statistic, both.p_value),
            "0.72013 0.69763",
            "MathWorks, varbacktest cc"
        );
    }

    #[test]
    fn bunched_breaches_of_the_right_number_are_found() {
        // Ten breaches in 250 days at 96 %, in three bunches: the counts, and the ratio, in 60-digit arithmetic.
        let bunched = [40, 41, 42, 100, 101, 200, 201, 202, 203, 204];
        let breaches: Vec<bool> = (1..=250).map(|day| bunched.contains(&day)).collect();
        let found = Transitions::of(&breaches);
        assert_eq!(found, transitions([236, 3, 3, 7]));
        assert!((found.independence().statistic - 39.443_684_596_018_024).abs() < 1e-11);
    }

    #[test]
    fn without_a_breach_or_a_pair_of_days_there_is_nothing_to_see() {
        for breaches in [&[][..], &[true], &[false; 9], &[true; 9]] {
            let found = Transitions::of(breaches).independence();
            assert_eq!(found, LikelihoodRatio { statistic: 0.0, p_value: 1.0 }, "{breaches:?}");
        }
    }

    proptest! {
        #[test]
        fn every_pair_of_days_is_counted_once(breaches in prop::collection::vec(any::<bool>(), 1..300)) {
            let found = Transitions::of(&breaches);
            prop_assert_eq!(found.total(), breaches.len() - 1);
            let first = usize::from(breaches[0]);
            let all = breaches.iter().filter(|is_breach| **is_breach).count();
            prop_assert_eq!(found.covered_breach + found.breach_breach + first, all);
            let LikelihoodRatio { statistic, p_value } = found.independence();
            prop_assert!(statistic >= 0.0 && (0.0..=1.0).contains(&p_value));
        }
    }
}
