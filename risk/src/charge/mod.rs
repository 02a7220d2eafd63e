//! Charges beside the tail of the scenarios: what it costs to close a portfolio out, and what haircuts stand for.
//!
//! Every charge follows from [`Holding`]s: units and the integer facts of each instrument. All arithmetic is in
//! integers and every division rounds up, so a charge is reproducible to the last digit and never in the member's
//! favour.

mod amount;
mod differential;
mod rates;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use amount::Holding;
pub use differential::portfolio_differential;
pub use rates::{MaturityRate, MaturityRates, MaturityRatesError};

use crate::{instrument::ProductCode, money::Usd};

/// A charge of a model: its rule, and whether the margin reduction factor applies to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Its name, such as `margin liquidity adjustment`.
    pub name: String,
    /// Inside the core, which is margined jointly and reduced; otherwise added to the requirement as it is.
    #[serde(default)]
    pub is_core: bool,
    /// How it is computed.
    pub rule: ChargeRule,
}

/// How a charge is computed. Market values are those of the market as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ChargeRule {
    /// Margin liquidity adjustment: for each maturity group, with `V` the magnitude of its net market value,
    /// `impact x V x sqrt(V / daily volume)`. Published form of FICC GSD; the coefficients are not published.
    MarketImpact {
        /// The groups, ascending from 0 months.
        groups: Vec<ImpactGroup>,
    },
    /// Bid-ask: a rate by maturity on the market value of every position, without netting. FICC GSD.
    BidAsk {
        /// The rates by remaining maturity.
        rates: MaturityRates,
    },
    /// Repo interest volatility: `rate x cash x days / 360` on the magnitude of every date's net repo cash. FICC GSD;
    /// that it exists is published, its size is not.
    RepoInterest {
        /// The move of the repo rate, in millionths a year.
        rate_e6: u32,
    },
    /// Liquidity of futures: an amount for each contract held, month by month. CME, SPAN 2 family.
    ContractLiquidity {
        /// The products charged.
        products: Vec<ProductLiquidity>,
    },
    /// Concentration of futures: with `N` the magnitude of a product's net contracts and `T` the threshold share of its
    /// daily volume, `amount x (N - T)^2 / T` where `N > T`: the further beyond a day's volume, the longer a close-out
    /// takes, the more each contract costs. CME, SPAN 2 family; that a threshold by volume exists is published.
    Concentration {
        /// The products charged.
        products: Vec<ProductConcentration>,
    },
    /// Portfolio differential: the exponentially weighted average of the increases of an account's core margin from
    /// cycle to cycle. FICC GSD. It follows from the past of an account, see [`portfolio_differential`].
    PortfolioDifferential {
        /// The weight of the past, in basis points below 10,000.
        decay_basis_points: u16,
        /// How many cycles back increases count, at most.
        cycles: u16,
        /// What the average is multiplied with, in basis points.
        multiplier_basis_points: u32,
    },
}

/// A maturity group of the margin liquidity adjustment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactGroup {
    /// The group begins at so many whole months to maturity and ends where the next begins.
    pub from_months: u32,
    /// The impact of closing out a day's whole volume, in millionths of market value.
    pub impact_e6: u32,
    /// The average daily volume, in whole USD.
    pub daily_volume_usd: u64,
}

/// The liquidity charge of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductLiquidity {
    /// The product.
    pub product: ProductCode,
    /// The charge for each contract, in US cents.
    pub cents_per_contract: u32,
}

/// The concentration charge of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductConcentration {
    /// The product.
    pub product: ProductCode,
    /// The average daily volume, in contracts.
    pub daily_volume_contracts: u64,
    /// The share of it that can be closed out without a charge, in basis points.
    pub threshold_basis_points: u32,
    /// The charge for each contract beyond, before the factor of time, in US cents.
    pub cents_per_contract: u32,
}

impl Charge {
    /// The charge on a portfolio; nothing for a portfolio differential, which follows from the past.
    ///
    /// # Errors
    /// [`ChargeError`] for positions beyond any real book.
    pub fn amount(&self, holdings: &[Holding<'_>]) -> Result<Usd, ChargeError> {
        self.rule.amount(holdings)
    }
}

/// Positions beyond any real book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a charge would leave the range of amounts: check the account's quantities")]
pub struct ChargeError;
