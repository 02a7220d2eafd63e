//! The amounts of the charges, in integers.

use std::collections::BTreeMap;

use super::{
    ChargeError, ChargeRule, ImpactGroup, ProductConcentration, ProductLiquidity,
    rates::{WHOLE_E6, group},
};
use crate::{
    exposure::{ExposureKind, InstrumentFacts},
    instrument::{Instrument, ProductCode},
    money::Usd,
};

/// A position as charges see it.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// What is held.
    pub instrument: Instrument,
    /// Its facts for one kernel unit.
    pub facts: &'a InstrumentFacts,
    /// Kernel units held; negative is short.
    pub units: i64,
}

/// 1e-8 USD in a cent.
const UNITS_PER_CENT: u128 = 1_000_000;
/// Money-market days of a year.
const YEAR_DAYS: u128 = 360;
/// The whole in basis points.
const WHOLE_BASIS_POINTS: u128 = 10_000;
/// Fixed-point digits of the square root of a share of the daily volume.
const ROOT: u128 = 1_000_000_000;

impl Holding<'_> {
    /// The market value in 1e-8 USD, negative for a short.
    ///
    /// # Errors
    /// [`ChargeError`].
    pub fn value(&self) -> Result<i128, ChargeError> {
        i128::from(self.units).checked_mul(i128::from(self.facts.value_units)).ok_or(ChargeError)
    }

    pub(super) fn is_cash(&self) -> bool {
        self.facts.kind == ExposureKind::Cash
    }

    /// Whether it offsets others of its maturity group.
    pub(super) fn is_netted(&self) -> bool {
        !self.is_cash() && !self.facts.is_proxied
    }

    /// Contracts held, whole by construction; `None` for what is not a future.
    fn contracts(&self) -> Option<(ProductCode, i128)> {
        let Instrument::Future(contract) = self.instrument else { return None };
        Some((contract.product, i128::from(self.units) / i128::from(self.facts.units_per_contract.max(1))))
    }
}

impl ChargeRule {
    /// The charge on a portfolio; nothing for a portfolio differential.
    pub(super) fn amount(&self, holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
        match self {
            Self::MarketImpact { groups } => market_impact(groups, holdings),
            Self::BidAsk { rates } => rates.on_gross_value(holdings, |holding| !holding.is_cash()),
            Self::RepoInterest { rate_e6 } => repo_interest(*rate_e6, holdings),
            Self::ContractLiquidity { products } => liquidity(products, holdings),
            Self::Concentration { products } => concentration(products, holdings),
            Self::PortfolioDifferential { .. } => Ok(Usd::ZERO),
        }
    }

    /// What is wrong with the parameters.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::MarketImpact { groups } => {
                let ascend = groups.windows(2).all(|pair| pair[0].from_months < pair[1].from_months);
                if !(ascend && groups.first().is_some_and(|group| group.from_months == 0)) {
                    return Err("groups must begin at 0 months and ascend");
                }
                if groups.iter().any(|group| group.daily_volume_usd == 0 || group.impact_e6 > WHOLE_E6) {
                    return Err("a group needs a daily volume above 0 and an impact of at most 1000000 millionths");
                }
            }
            Self::BidAsk { .. } => {}
            Self::RepoInterest { rate_e6 } if *rate_e6 > WHOLE_E6 => return Err("rate_e6 is above 1000000"),
            Self::RepoInterest { .. } => {}
            Self::ContractLiquidity { products } => {
                if has_double(products.iter().map(|product| product.product)) {
                    return Err("a product stands twice");
                }
            }
            Self::Concentration { products } => {
                if has_double(products.iter().map(|product| product.product)) {
                    return Err("a product stands twice");
                }
                if products.iter().any(|product| product.threshold() == 0) {
                    return Err("a product needs a threshold of at least one contract");
                }
            }
            Self::PortfolioDifferential { decay_basis_points, cycles, .. } => {
                if !(1..10_000).contains(decay_basis_points) {
                    return Err("decay_basis_points lies outside 1 to 9999");
                }
                if !(1..=250).contains(cycles) {
                    return Err("cycles lies outside 1 to 250");
                }
            }
        }
        Ok(())
    }
}

impl ProductConcentration {
    /// Contracts that can be held without a charge.
    fn threshold(&self) -> u128 {
        u128::from(self.daily_volume_contracts) * u128::from(self.threshold_basis_points) / WHOLE_BASIS_POINTS
    }
}

/// `sum over groups of impact x V x sqrt(V / volume)`.
fn market_impact(groups: &[ImpactGroup], holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
    let mut net = vec![0i128; groups.len()];
    for holding in holdings.iter().filter(|holding| holding.is_netted()) {
        let net = &mut net[group(groups, |group| group.from_months, holding.facts.remaining_months)];
        *net = net.checked_add(holding.value()?).ok_or(ChargeError)?;
    }
    let mut sum = 0u128;
    for (net, group) in net.iter().zip(groups) {
        let value = net.unsigned_abs();
        let volume = u128::from(group.daily_volume_usd) * Usd::UNITS_PER_DOLLAR.unsigned_abs();
        // sqrt(V / volume) in 1e-9, rounded up: V / volume in 1e-18 first. A book below 1e12 times the volume fits.
        let share = value.checked_mul(ROOT).ok_or(ChargeError)?.div_ceil(volume.max(1));
        let square = share.checked_mul(ROOT).ok_or(ChargeError)?;
        let root = square.isqrt();
        let root = root + u128::from(root * root < square);
        let impact = value.checked_mul(root).ok_or(ChargeError)?.div_ceil(ROOT);
        let charged = impact.checked_mul(u128::from(group.impact_e6)).ok_or(ChargeError)?.div_ceil(WHOLE_E6.into());
        sum = sum.checked_add(charged).ok_or(ChargeError)?;
    }
    usd(sum)
}

/// `sum over dates of rate x |cash| x days / 360`. One instrument is one date, so cash of a date is netted already.
fn repo_interest(rate_e6: u32, holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
    let mut sum = 0u128;
    for holding in holdings.iter().filter(|holding| holding.is_cash()) {
        let interest = (holding.value()?.unsigned_abs())
            .checked_mul(u128::from(rate_e6))
            .and_then(|amount| amount.checked_mul(u128::from(holding.facts.days)))
            .ok_or(ChargeError)?;
        sum = sum.checked_add(interest.div_ceil(YEAR_DAYS * u128::from(WHOLE_E6))).ok_or(ChargeError)?;
    }
    usd(sum)
}

fn liquidity(products: &[ProductLiquidity], holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
    let mut cents = 0u128;
    for (product, contracts) in holdings.iter().filter_map(Holding::contracts) {
        let rate = products.iter().find(|row| row.product == product).map_or(0, |row| row.cents_per_contract);
        let charged = contracts.unsigned_abs().checked_mul(u128::from(rate)).ok_or(ChargeError)?;
        cents = cents.checked_add(charged).ok_or(ChargeError)?;
    }
    usd(cents.checked_mul(UNITS_PER_CENT).ok_or(ChargeError)?)
}

fn concentration(products: &[ProductConcentration], holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
    let mut net: BTreeMap<ProductCode, i128> = BTreeMap::new();
    for (product, contracts) in holdings.iter().filter_map(Holding::contracts) {
        *net.entry(product).or_default() += contracts;
    }
    let mut sum = 0u128;
    for row in products {
        let threshold = row.threshold().max(1);
        let held = net.get(&row.product).map_or(0, |contracts| contracts.unsigned_abs());
        let beyond = held.saturating_sub(threshold);
        let charged = beyond
            .checked_mul(beyond)
            .and_then(|square| square.checked_mul(u128::from(row.cents_per_contract)))
            .and_then(|cents| cents.checked_mul(UNITS_PER_CENT))
            .ok_or(ChargeError)?;
        sum = sum.checked_add(charged.div_ceil(threshold)).ok_or(ChargeError)?;
    }
    usd(sum)
}

fn usd(units: u128) -> Result<Usd, ChargeError> {
    i128::try_from(units).map(Usd::from_units).map_err(|_| ChargeError)
}

fn has_double(products: impl Iterator<Item = ProductCode>) -> bool {
    let mut products: Vec<ProductCode> = products.collect();
    products.sort_unstable();
    products.windows(2).any(|pair| pair[0] == pair[1])
}
