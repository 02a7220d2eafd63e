//! `crossmargin programme`: records who takes part, on which approvals, and what is suspended or limited; lists and
//! watches what both houses recorded.

pub mod change;
mod file;
pub mod kinds;
pub mod period;
mod read;
pub mod table;
mod view;
mod write;

use clap::{Args, Subcommand};

pub use self::{file::parse as parse_file, read::ReadAction, write::WriteAction};
use super::failure::Failure;

/// Arguments of `crossmargin programme`.
#[derive(Clone, Debug, Args)]
pub struct ProgrammeArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ProgrammeAction,
}

/// What to do with the programme. Links have a command of their own, `crossmargin links`.
#[derive(Clone, Debug, Subcommand)]
pub enum ProgrammeAction {
    /// Record something.
    #[command(flatten)]
    Write(WriteAction),
    /// Show something.
    #[command(flatten)]
    Read(ReadAction),
}

/// Runs `crossmargin programme`.
///
/// # Errors
/// Every problem of a file, or what the node said.
pub async fn run(args: ProgrammeArgs) -> Result<(), Failure> {
    match args.action {
        ProgrammeAction::Write(action) => {
            let (batch, writing) = action.batch()?;
            writing.record(batch).await
        }
        ProgrammeAction::Read(action) => action.run().await,
    }
}
