//! Portfolio differential: what an account's margin tends to grow by from one cycle to the next.

use crate::money::Usd;

/// The portfolio differential of an account whose core margins of consecutive charging cycles, the newest first, were
/// `cores`: `multiplier x sum of weight_i x max(0, core_i - core_{i+1}) / sum of weight_i` over the last `cycles` pairs,
/// with `weight_i = decay^i`. Nothing where fewer than two are known.
///
/// FICC GSD charges an exponentially weighted average of the increases of the VaR charge, twice a day (published); decay,
/// length and multiplier are assumed. Weights are integers of 1e-9, each the one before times the decay, truncated; the
/// result rounds up to 1e-8 USD.
#[must_use]
pub fn portfolio_differential(
    cores: &[Usd],
    decay_basis_points: u16,
    cycles: u16,
    multiplier_basis_points: u32,
) -> Usd {
    const ONE: i128 = 1_000_000_000;
    const WHOLE: i128 = 10_000;
    let (mut weight, mut weights, mut weighted) = (ONE, 0i128, 0i128);
    for pair in cores.windows(2).take(usize::from(cycles)) {
        let increase = pair[0].saturating_sub(pair[1]).max(Usd::ZERO).units();
        weights += weight;
        weighted = weighted.saturating_add(increase.saturating_mul(weight));
        weight = weight * i128::from(decay_basis_points) / WHOLE;
    }
    if weights == 0 {
        return Usd::ZERO;
    }
    let divisor = weights * WHOLE;
    let scaled = weighted.saturating_mul(i128::from(multiplier_basis_points));
    let (quotient, rest) = (scaled.div_euclid(divisor), scaled.rem_euclid(divisor));
    Usd::from_units(quotient + i128::from(rest != 0))
}
