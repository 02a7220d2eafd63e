//! `crossmargin node`: runs a house's node until it is told to stop.

use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;

/// Arguments of `crossmargin node`.
#[derive(Clone, Debug, Args)]
pub struct RunNodeArgs {
    /// The node's configuration, TOML.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Runs `crossmargin node`: returns after an orderly stop (SIGTERM or SIGINT).
///
/// # Errors
/// Why the node could not start or had to stop.
pub async fn run(args: RunNodeArgs) -> Result<(), Failure> {
    // The one place where the command line meets the running node.
    let _ = args.config;
    Err(Failure::new("node::run is not here yet"))
}
