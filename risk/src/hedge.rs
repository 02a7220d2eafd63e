//! How many contracts lower a margin most: a search over whole numbers, by cost alone.
//!
//! Margins are not convex in a quantity: the tail changes its scenarios, floors bind, the factor is truncated. The search
//! therefore looks at a coarse grid first, so that it does not end in a dent near where it began, and then refines around
//! the best point until its neighbours on both sides are known. It promises that no point that it looked at and neither
//! neighbour of the answer costs less; where the cost is convex that is the least cost there is. Costs are exact and
//! ties are decided, so equal inputs give equal answers.

use std::collections::BTreeMap;

use crate::money::Usd;

/// Eighths of the scale that the coarse grid holds on each side.
const GRID_EIGHTHS: [i64; 13] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16];
/// Points of the grid of a position that can be directed.
const PARTS: i64 = 16;
/// New points on each side of the best in a round of refinement.
const POINTS: i64 = 4;
/// Rounds of refinement, at most: each leaves a fifth of the gap, and a gap of 64 bits is gone after 28.
const ROUNDS_MAX: usize = 32;

/// A quantity and its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The quantity.
    pub quantity: i64,
    /// The cost, in 1e-8 USD.
    pub cost: Usd,
}

/// The number of contracts whose sensitivity equals that of a portfolio, at least 1 and at most `largest`: what a grid
/// of quantities is scaled by.
///
/// `net_dv01` is that of the portfolio, `gross_dv01` the sum of its positions' magnitudes, `contract_dv01` that of one
/// contract, all in USD a basis point. A portfolio that nets to little still has its curve to be hedged: an eighth of the
/// gross counts at least.
#[must_use]
pub fn scale(net_dv01: f64, gross_dv01: f64, contract_dv01: f64, largest: i64) -> i64 {
    let largest = largest.max(1);
    let contracts = net_dv01.abs().max(gross_dv01.abs() / 8.0) / contract_dv01.abs();
    if contracts.is_nan() {
        return 1;
    }
    // Invariant: below 2^53 the rounded double converts exactly, and above it the bound holds.
    match crate::numeric::round_to_i64(contracts) {
        Some(contracts) => contracts.clamp(1, largest),
        None => largest,
    }
}

/// The coarse grid of quantities to add: eighths of the scale up to twice the scale, long and short, and none; no
/// magnitude above `largest`.
#[must_use]
pub fn grid(scale: i64, largest: i64) -> Vec<i64> {
    let magnitudes = GRID_EIGHTHS.map(|eighths| (scale.saturating_mul(eighths) / 8).clamp(1, largest.max(1)));
    let mut grid: Vec<i64> = magnitudes.iter().flat_map(|magnitude| [-magnitude, *magnitude]).chain([0]).collect();
    grid.sort_unstable();
    grid.dedup();
    grid
}

/// The coarse grid of the parts of a position: sixteenths from none to the whole, of its sign.
#[must_use]
pub fn parts(held: i64) -> Vec<i64> {
    let part = |sixteenths: i64| i64::try_from(i128::from(held) * i128::from(sixteenths) / i128::from(PARTS));
    let mut parts: Vec<i64> = (0..=PARTS).filter_map(|sixteenths| part(sixteenths).ok()).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// The quantity of least cost: the best of the grid, refined between its neighbours. Of equal costs the smallest
/// magnitude counts, then the long one. `None` for an empty grid.
///
/// `costs` gives the cost of each quantity of a batch, in their order; a quantity is asked for once.
///
/// # Errors
/// The first of `costs`.
pub fn least<E>(grid: &[i64], mut costs: impl FnMut(&[i64]) -> Result<Vec<Usd>, E>) -> Result<Option<Choice>, E> {
    let mut known: BTreeMap<i64, Usd> = BTreeMap::new();
    let mut wanted = grid.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    for _ in 0..ROUNDS_MAX {
        if wanted.is_empty() {
            break;
        }
        let found = costs(&wanted)?;
        known.extend(wanted.iter().copied().zip(found));
        let Some(best) = best(&known) else { break };
        wanted = between(&known, best.quantity);
    }
    Ok(best(&known))
}

fn best(known: &BTreeMap<i64, Usd>) -> Option<Choice> {
    let rank = |(quantity, cost): &(&i64, &Usd)| (**cost, quantity.unsigned_abs(), **quantity < 0);
    known.iter().min_by_key(rank).map(|(&quantity, &cost)| Choice { quantity, cost })
}

/// New points between the best one and its known neighbours.
fn between(known: &BTreeMap<i64, Usd>, best: i64) -> Vec<i64> {
    let left = known.range(..best).next_back().map(|(&quantity, _)| (quantity, best));
    let right = known.range(best..).nth(1).map(|(&quantity, _)| (best, quantity));
    let mut points = Vec::new();
    for (low, high) in [left, right].into_iter().flatten() {
        let gap = i128::from(high) - i128::from(low);
        for step in 1..=i128::from(POINTS) {
            let point = i128::from(low) + gap * step / (i128::from(POINTS) + 1);
            points.extend(i64::try_from(point).ok().filter(|point| !known.contains_key(point)));
        }
    }
    // With few whole numbers in a gap the division leaves some out: take them next to the best.
    for neighbour in [best.saturating_sub(1), best.saturating_add(1)] {
        let is_inside = left.is_some_and(|(low, _)| (low..best).contains(&neighbour))
            || right.is_some_and(|(_, high)| (best..high).contains(&neighbour));
        if is_inside && !known.contains_key(&neighbour) {
            points.push(neighbour);
        }
    }
    points.sort_unstable();
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn search(grid: &[i64], cost: impl Fn(i64) -> i128) -> (Choice, usize) {
        let mut asked = 0;
        let found = least(grid, |batch| {
            asked += batch.len();
            Ok::<_, Infallible>(batch.iter().map(|quantity| Usd::from_units(cost(*quantity))).collect())
        });
        (found.unwrap().unwrap(), asked)
    }

    #[test]
    fn a_grid_reaches_twice_the_scale_on_both_sides_and_keeps_its_bound() {
        assert_eq!(grid(1, 10), [-2, -1, 0, 1, 2]);
        assert_eq!(grid(80, 100).first(), Some(&-100));
        assert!(grid(80, 1_000).contains(&-160) && grid(80, 1_000).contains(&10));
        assert_eq!(parts(-3), [-3, -2, -1, 0]);
        assert_eq!((parts(1_600).len(), parts(1_600)[1]), (17, 100));
        assert_eq!(parts(i64::MIN)[0], i64::MIN);
    }

    #[test]
    fn a_scale_is_the_hedge_of_the_net_or_an_eighth_of_the_gross() {
        assert_eq!(scale(-8_000.0, 8_000.0, 80.0, 1_000), 100);
        assert_eq!(scale(10.0, 8_000.0, 80.0, 1_000), 12);
        assert_eq!(scale(1e12, 1e12, 80.0, 1_000), 1_000);
        assert_eq!((scale(0.0, 0.0, 80.0, 1_000), scale(0.0, 0.0, 0.0, 1_000)), (1, 1));
        assert_eq!(scale(1.0, 1.0, 0.0, 1_000), 1_000);
    }

    #[test]
    fn ties_go_to_the_smallest_and_then_to_the_long_position() {
        assert_eq!(search(&grid(100, 1_000), |_| 5).0.quantity, 0);
        assert_eq!(search(&[-4, 4], |quantity| -i128::from(quantity.abs())).0.quantity, 4);
        assert_eq!(least(&[], |_| Ok::<_, Infallible>(Vec::new())), Ok(None));
    }

    proptest! {
        #[test]
        fn the_least_of_a_convex_cost_is_found_with_few_questions(
            scale in 1_i64..1_000_000, least in -1.9..1.9_f64, left in 1_i128..50, right in 1_i128..50,
        ) {
            #[expect(clippy::cast_possible_truncation, reason = "a test value within the grid")]
            let least = (scale as f64 * least) as i64;
            let cost = |quantity: i64| {
                let gap = i128::from(quantity - least);
                if gap < 0 { -gap * left } else { gap * right }
            };
            let (found, asked) = search(&grid(scale, i64::MAX), cost);
            prop_assert_eq!(found.quantity, least);
            prop_assert!(asked <= 150, "{} questions", asked);
        }

        #[test]
        fn no_neighbour_of_an_answer_costs_less(scale in 1_i64..10_000, seed in any::<u64>()) {
            // As rough as can be: a hash.
            let cost = |quantity: i64| {
                let digest = blake3::hash(&[quantity.to_le_bytes(), seed.to_le_bytes()].concat());
                i128::from(digest.as_bytes()[0])
            };
            let grid = grid(scale, i64::MAX);
            let (found, _) = search(&grid, cost);
            for other in grid.iter().copied().chain([found.quantity - 1, found.quantity + 1]) {
                let is_inside = (grid[0]..=grid[grid.len() - 1]).contains(&other);
                prop_assert!(!is_inside || found.cost.units() <= cost(other), "{} and {}", found.quantity, other);
            }
        }
    }
}
