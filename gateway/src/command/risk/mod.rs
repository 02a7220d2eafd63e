//! `crossmargin risk`: the parts of the risk model as calculators, so that anyone can check them. No node is needed.

mod answer;
pub mod backtest;
mod basket;
mod contract;
mod factor;
mod input;
mod model;
mod portfolio;
mod quote;
mod scenario;
mod settle;
mod source;
mod treasury;
mod valuation;
pub mod var;

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
    /// The built-in margin models, every parameter with what it rests on.
    Model(model::ModelArgs),
    /// Value at risk and expected shortfall of a portfolio over historical scenarios, by full revaluation: with each
    /// position's contribution and the tail scenarios by date.
    Var(var::VarArgs),
    /// Test the value at risk of past days against what the days after them brought: how many breaches, when, and what
    /// the tests of Basel, Kupiec and Christoffersen make of them. Exits with 0 whatever it finds.
    Backtest(backtest::BacktestArgs),
}

/// Runs `crossmargin risk`.
///
/// # Errors
/// Every problem of the input, by line and column, or what cannot be computed from it.
pub fn run(args: RiskArgs) -> Result<(), Failure> {
    match args.action {
        RiskAction::Treasury(args) => treasury::run(&args),
        RiskAction::Factor(args) => factor::run(&args),
        RiskAction::Basket(args) => basket::run(&args),
        RiskAction::Settle(args) => settle::run(&args),
        RiskAction::Model(args) => model::run(&args),
        RiskAction::Var(args) => var::run(&args),
        RiskAction::Backtest(args) => backtest::run(&args),
    }
}
