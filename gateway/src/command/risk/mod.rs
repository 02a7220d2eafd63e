//! `crossmargin risk`: the parts of the risk model as calculators, so that anyone can check them. No node is needed.

mod answer;
mod basket;
mod contract;
mod factor;
mod input;
mod quote;
mod settle;
mod treasury;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Arguments of `crossmargin risk`.
#[derive(Clone, Debug, Args)]
pub struct RiskArgs {
    /// What to calculate.
    #[command(subcommand)]
    pub action: RiskAction,
}

/// What to calculate.
#[derive(Clone, Debug, Subcommand)]
pub enum RiskAction {
    /// Price, yield, accrued interest and DV01 of Treasury notes and bonds.
    Treasury(treasury::TreasuryArgs),
    /// Conversion factors of Treasury futures.
    Factor(factor::FactorArgs),
    /// Implied repo, basis and the cheapest to deliver of a Treasury future's basket.
    Basket(basket::BasketArgs),
    /// Final settlement prices of SOFR and Fed funds futures.
    Settle(settle::SettleArgs),
}

/// Runs `crossmargin risk`.
///
/// # Errors
/// Every problem of the input, by line and column.
pub fn run(args: RiskArgs) -> Result<(), Failure> {
    match args.action {
        RiskAction::Treasury(args) => treasury::run(&args),
        RiskAction::Factor(args) => factor::run(&args),
        RiskAction::Basket(args) => basket::run(&args),
        RiskAction::Settle(args) => settle::run(&args),
    }
}
