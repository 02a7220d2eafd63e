//! `crossmargin links`: records a house's links between accounts, takes them through their life, and shows them.

mod csv;
mod document;
mod read;
mod show;
mod write;

use clap::{Args, Subcommand};

pub use self::{
    csv::{from_csv, to_csv},
    document::sha256,
    read::ReadAction,
    write::WriteAction,
};
use super::failure::Failure;
pub use super::recording::record;

/// Arguments of `crossmargin links`.
#[derive(Clone, Debug, Args)]
pub struct LinksArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: LinksAction,
}

/// What to do with links.
#[derive(Clone, Debug, Subcommand)]
pub enum LinksAction {
    /// Record something.
    #[command(flatten)]
    Write(WriteAction),
    /// Show something.
    #[command(flatten)]
    Read(ReadAction),
}

/// Runs `crossmargin links`.
///
/// # Errors
/// Every problem of a file, or what the node said.
pub async fn run(args: LinksArgs) -> Result<(), Failure> {
    match args.action {
        LinksAction::Write(action) => {
            let (batch, writing) = action.batch()?;
            writing.record(batch).await
        }
        LinksAction::Read(action) => action.run().await,
    }
}
