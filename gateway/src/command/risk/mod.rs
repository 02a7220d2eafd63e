//! `crossmargin risk`: the parts of the risk model, so that anyone can check them. No node is needed.

pub mod model;

use clap::{Args, Subcommand};

use super::failure::Failure;

/// Arguments of `crossmargin risk`.
#[derive(Clone, Debug, Args)]
pub struct RiskArgs {
    /// What to show or calculate.
    #[command(subcommand)]
    pub action: RiskAction,
}

/// What to show or calculate.
#[derive(Clone, Debug, Subcommand)]
pub enum RiskAction {
    /// Print a built-in margin model: every parameter, and what it rests on.
    Model(model::ModelArgs),
}

/// Runs `crossmargin risk`.
///
/// # Errors
/// Every problem of the input.
pub fn run(args: RiskArgs) -> Result<(), Failure> {
    match args.action {
        RiskAction::Model(args) => model::run(&args),
    }
}
