//! Likelihood ratios, and the test of how often margins fail.

use super::BacktestError;
use crate::measure::Confidence;

/// A likelihood ratio with the probability of one as large or larger if what is tested holds.
///
/// Large samples are assumed: the ratio then follows a chi-square distribution. At 99 % over 250 days 2.5 breaches are
/// expected, so read a p-value as an indication, not to its digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LikelihoodRatio {
    /// `-2 ln(L_0 / L_1)`, zero or above.
    pub statistic: f64,
    /// The p-value, 0 to 1: small speaks against what is tested.
    pub p_value: f64,
}

impl LikelihoodRatio {
    /// One degree of freedom: the square of a standard normal number, `P(X > x) = erfc(sqrt(x / 2))`.
    pub(super) fn one_degree(statistic: f64) -> Self {
        // Rounding can leave a ratio of zero just below it.
        let statistic = if statistic > 0.0 { statistic } else { 0.0 };
        Self { statistic, p_value: libm::erfc((statistic / 2.0).sqrt()) }
    }

    /// The sum of two ratios of one degree each: two degrees of freedom, `P(X > x) = exp(-x / 2)`.
    pub(super) fn two_degrees(first: Self, second: Self) -> Self {
        let statistic = first.statistic + second.statistic;
        Self { statistic, p_value: libm::exp(-statistic / 2.0) }
    }
}

/// The proportion-of-failures test: do breaches come as often as the confidence says, no matter when?
///
/// `LR = -2 ln[ (1-p)^(n-x) p^x / ((1-q)^(n-x) q^x) ]` with `x` breaches in `n` days, `p = 1 - confidence`, `q = x / n`,
/// and `0^0 = 1`; chi-square with one degree of freedom. It speaks against too few breaches as well as too many.
///
/// Published: Kupiec, "Techniques for Verifying the Accuracy of Risk Measurement Models", Journal of Derivatives, 1995.
///
/// # Errors
/// No day, or more breaches than days.
pub fn proportion_of_failures(
    days: usize,
    breaches: usize,
    confidence: Confidence,
) -> Result<LikelihoodRatio, BacktestError> {
    if days == 0 {
        return Err(BacktestError::NoDays);
    }
    if breaches > days {
        return Err(BacktestError::Breaches { breaches, days });
    }
    let assumed = log_likelihood(days - breaches, breaches, tail_probability(confidence));
    let observed = log_likelihood(days - breaches, breaches, share(breaches, days));
    Ok(LikelihoodRatio::one_degree(2.0 * (observed - assumed)))
}

/// The probability of a breach that a confidence level allows.
pub(super) fn tail_probability(confidence: Confidence) -> f64 {
    f64::from(10_000 - confidence.basis_points()) / 10_000.0
}

/// A count of a whole; zero of nothing is zero.
pub(super) fn share(count: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { count as f64 / whole as f64 }
}

/// `ln[(1-p)^passed p^failed]`, with `0^0 = 1`.
pub(super) fn log_likelihood(passed: usize, failed: usize, p: f64) -> f64 {
    times_log(passed, 1.0 - p) + times_log(failed, p)
}

fn times_log(count: usize, probability: f64) -> f64 {
    if count == 0 { 0.0 } else { count as f64 * libm::log(probability) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(days: usize, breaches: usize, confidence: u16) -> LikelihoodRatio {
        proportion_of_failures(days, breaches, Confidence::from_basis_points(confidence).unwrap()).unwrap()
    }

    #[test]
    fn published_ratios_come_out_to_their_last_digit() {
        for (days, breaches, confidence, statistic, digits, source) in [
            (250, 5, 9_900, 1.956_8, 4, "Kupiec's formula, the arrangement's vector"),
            (252, 20, 9_500, 3.91, 2, "Jorion, Value at Risk, 3rd ed., chapter 6: J.P. Morgan in 1998"),
            (252, 6, 9_900, 3.50, 2, "Jorion, chapter 6, question 10 (printed as 3.498, cut)"),
            (1_043, 57, 9_500, 0.461_47, 5, "MathWorks, varbacktest pof, Normal95"),
            (224, 5, 9_900, 2.544, 3, "R package rugarch, a published report of 224 days"),
            (224, 7, 9_900, 6.535, 3, "R package rugarch, a published report of 224 days"),
        ] {
            let found = ratio(days, breaches, confidence).statistic;
            assert_eq!(format!("{found:.digits$}"), format!("{statistic:.digits$}"), "{source}");
        }
        assert_eq!(format!("{:.5}", ratio(1_043, 57, 9_500).p_value), "0.49694");
        assert_eq!(format!("{:.3}", ratio(224, 7, 9_900).p_value), "0.011");
    }

    #[test]
    fn the_regions_of_kupiec_s_table_are_those_of_a_ratio_below_its_critical_value() {
        // Kupiec 1995: the numbers of failures N at which a model is not rejected at 95 % (first and last inside). For
        // p = 0.01 and 255 days the table says N < 7; the ratio rejects N = 0 as well.
        for (confidence, days, first, last) in [
            (9_900, 255, 1, 6),
            (9_900, 510, 2, 10),
            (9_900, 1_000, 5, 16),
            (9_750, 255, 3, 11),
            (9_750, 510, 7, 20),
            (9_750, 1_000, 16, 35),
            (9_500, 255, 7, 20),
            (9_500, 510, 17, 35),
            (9_500, 1_000, 38, 64),
            (9_250, 255, 12, 27),
            (9_250, 510, 28, 50),
            (9_250, 1_000, 60, 91),
            (9_000, 255, 17, 35),
            (9_000, 510, 39, 64),
            (9_000, 1_000, 82, 119),
        ] {
            let kept: Vec<usize> = (0..=days).filter(|n| ratio(days, *n, confidence).p_value > 0.05).collect();
            assert_eq!(kept, (first..=last).collect::<Vec<_>>(), "{confidence} {days}");
        }
    }

    #[test]
    fn no_breach_and_nothing_but_breaches_have_a_ratio() {
        // -2 x 250 ln 0.99 and -2 x 250 ln 0.01, by hand.
        assert!((ratio(250, 0, 9_900).statistic - 5.025_167_926_750_72).abs() < 1e-12);
        assert!((ratio(250, 250, 9_900).statistic - 2_302.585_092_994_045_7).abs() < 1e-9);
        assert_eq!(ratio(250, 250, 9_900).p_value, 0.0);
        assert_eq!(ratio(100, 1, 9_900), LikelihoodRatio { statistic: 0.0, p_value: 1.0 });
    }

    #[test]
    fn counts_that_are_none_are_refused() {
        assert_eq!(proportion_of_failures(0, 0, Confidence::P99), Err(BacktestError::NoDays));
        let too_many = BacktestError::Breaches { breaches: 3, days: 2 };
        assert_eq!(proportion_of_failures(2, 3, Confidence::P99), Err(too_many));
    }

    #[test]
    fn p_values_are_those_of_the_tables_of_the_chi_square_distribution() {
        let half = |statistic| LikelihoodRatio { statistic, p_value: 0.0 };
        for (p, one, two) in [
            (0.9, 0.015_790_774, 0.210_721_031),
            (0.5, 0.454_936_423, 1.386_294_361),
            (0.1, 2.705_543_454, 4.605_170_186),
            (0.05, 3.841_458_821, 5.991_464_547),
            (0.01, 6.634_896_601, 9.210_340_372),
            (0.001, 10.827_566_170, 13.815_510_558),
        ] {
            assert!((LikelihoodRatio::one_degree(one).p_value - p).abs() < 1e-9 * p.max(0.1), "{p}");
            let sum = LikelihoodRatio::two_degrees(half(two - 0.1), half(0.1));
            assert!((sum.p_value - p).abs() < 1e-9, "{p}");
        }
    }
}
