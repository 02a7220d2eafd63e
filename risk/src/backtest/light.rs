//! The traffic light of the Basel Committee.

use std::fmt;

use super::likelihood::tail_probability;
use crate::measure::Confidence;

/// Days that the light looks back on: a year of business days, as published.
pub const LIGHT_DAYS: usize = 250;

/// Yellow begins where so few breaches or fewer have this probability, in a model that is right.
const YELLOW_PROBABILITY: f64 = 0.95;
/// Red likewise.
const RED_PROBABILITY: f64 = 0.999_9;

/// A colour of the traffic light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// The number of breaches does not speak against the model.
    Green,
    /// It may come from a model that is right or from one that is not.
    Yellow,
    /// A model that is right has hardly ever so many.
    Red,
}

/// The numbers of breaches at which the light changes.
///
/// Published: Basel Committee, "Supervisory framework for the use of 'backtesting' in conjunction with the internal models
/// approach to market risk capital requirements", January 1996. With `x` breaches in `n` days, each with probability
/// `p = 1 - confidence` and independent, yellow begins at the least number for which `P(X <= x)` is 95 % or more, and red
/// where it is 99.99 % or more: at 5 and 10 for 250 days at 99 %. For other numbers of days and other levels the same
/// rule is taken; no breach at all is green.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zones {
    /// Breaches from which the light is yellow.
    pub yellow_from: usize,
    /// Breaches from which it is red.
    pub red_from: usize,
}

impl Zones {
    /// The zones for so many days at a level.
    #[must_use]
    pub fn new(days: usize, confidence: Confidence) -> Self {
        let probability = tail_probability(confidence);
        let mut zones = Self { yellow_from: days.max(1), red_from: days.max(1) };
        for (breaches, below) in cumulative(days, probability).enumerate().skip(1) {
            if below >= YELLOW_PROBABILITY {
                zones.yellow_from = zones.yellow_from.min(breaches);
            }
            if below >= RED_PROBABILITY {
                zones.red_from = breaches;
                break;
            }
        }
        zones
    }

    /// The colour of so many breaches.
    #[must_use]
    pub fn light(&self, breaches: usize) -> Light {
        if breaches >= self.red_from {
            Light::Red
        } else if breaches >= self.yellow_from {
            Light::Yellow
        } else {
            Light::Green
        }
    }
}

/// `P(X <= x)` of the binomial distribution for x = 0, 1, ..., `days`. In logarithms, since the chance of no breach can
/// be smaller than any double.
fn cumulative(days: usize, probability: f64) -> impl Iterator<Item = f64> {
    let odds = libm::log(probability / (1.0 - probability));
    let none = days as f64 * libm::log1p(-probability);
    (0..=days).scan((none, 0.0), move |(logarithm, sum), breaches| {
        if breaches > 0 {
            *logarithm += libm::log((days - breaches + 1) as f64 / breaches as f64) + odds;
        }
        *sum += libm::exp(*logarithm);
        Some(*sum)
    })
}

impl fmt::Display for Light {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(basis_points: u16) -> Confidence {
        Confidence::from_basis_points(basis_points).unwrap()
    }

    #[test]
    fn a_year_at_99_per_cent_is_green_to_4_and_red_from_10() {
        let zones = Zones::new(250, Confidence::P99);
        assert_eq!(zones, Zones { yellow_from: 5, red_from: 10 });
        for (breaches, light) in [
            (0, Light::Green),
            (4, Light::Green),
            (5, Light::Yellow),
            (9, Light::Yellow),
            (10, Light::Red),
            (250, Light::Red),
        ] {
            assert_eq!(zones.light(breaches), light, "{breaches}");
        }
    }

    #[test]
    fn the_probabilities_are_those_of_the_committee_s_table() {
        // Table 2 of the framework, in per cent.
        let published =
            ["8.11", "28.58", "54.32", "75.81", "89.22", "95.88", "98.63", "99.60", "99.89", "99.97", "99.99"];
        let found: Vec<String> = cumulative(250, 0.01).take(11).map(|p| format!("{:.2}", 100.0 * p)).collect();
        // 9 breaches have 99.975 %, which the table cuts and which rounds up.
        let tolerated: Vec<&str> = found.iter().map(|p| if p == "99.98" { "99.97" } else { p.as_str() }).collect();
        assert_eq!(tolerated, published);
    }

    #[test]
    fn other_windows_and_levels_follow_the_same_probabilities() {
        // 750 days at 99.5 % are published (yellow from 7, red from 13); the others from sums of exact binomial terms in
        // 60-digit arithmetic.
        for (days, confidence, yellow_from, red_from) in [
            (750, 9_950, 7, 13),
            (750, 9_900, 12, 20),
            (750, 9_500, 48, 61),
            (500, 9_900, 9, 15),
            (1_000, 9_900, 15, 24),
            (250, 9_950, 3, 7),
            (250, 9_500, 18, 27),
        ] {
            let zones = Zones::new(days, level(confidence));
            assert_eq!(zones, Zones { yellow_from, red_from }, "{days} {confidence}");
        }
    }

    #[test]
    fn a_window_without_sense_has_zones_all_the_same() {
        for (days, confidence) in [(0, 9_900), (1, 9_900), (3, 9_900), (250, 1), (100_000, 9_900), (250, 9_999)] {
            let zones = Zones::new(days, level(confidence));
            assert!(1 <= zones.yellow_from && zones.yellow_from <= zones.red_from, "{zones:?}");
            assert!(zones.red_from <= days.max(1), "{zones:?}");
            assert_eq!(zones.light(0), Light::Green);
        }
    }
}
