//! `crossmargin node`: runs a house's node until SIGTERM or SIGINT.

use std::path::PathBuf;

use clap::Args;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use crate::node;

/// Arguments of `crossmargin node`.
#[derive(Clone, Debug, Args)]
pub struct RunNodeArgs {
    /// The node's configuration, TOML.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// Runs `crossmargin node`: returns after an orderly stop.
///
/// # Errors
/// Why the node could not start or had to stop.
pub async fn run(args: RunNodeArgs) -> Result<(), Failure> {
    let stop = stop_signal()?;
    node::run(&args.config, stop).await.map_err(|error| Failure::of("the node has stopped", &error))
}

/// Completes at SIGTERM or SIGINT.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()> + Send, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::of("listening to signals", &error));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
