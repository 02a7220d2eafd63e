//! `crossmargin risk`: figures of a portfolio, without a node.

pub mod backtest;
mod portfolio;
mod scenario;
mod source;
mod valuation;
pub mod var;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Arguments of `crossmargin risk`.
#[derive(Clone, Debug, Args)]
pub struct RiskArgs {
    /// What to compute.
    #[command(subcommand)]
    pub action: RiskAction,
}

/// What to compute.
#[derive(Clone, Debug, Subcommand)]
pub enum RiskAction {
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
/// Every problem of the files, or what cannot be computed from them.
pub fn run(args: &RiskArgs) -> Result<(), Failure> {
    match &args.action {
        RiskAction::Var(args) => var::run(args),
        RiskAction::Backtest(args) => backtest::run(args),
    }
}
