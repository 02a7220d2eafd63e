//! `crossmargin node`: runs a house's node, or several nodes, until SIGTERM or SIGINT.

use std::path::PathBuf;

use clap::Args;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use crate::node;

/// Arguments of `crossmargin node`.
#[derive(Clone, Debug, Args)]
pub struct RunNodeArgs {
    /// The node's configuration, TOML. Given again, the process runs one more node, for another arrangement.
    #[arg(long = "config", value_name = "FILE", required = true)]
    pub configs: Vec<PathBuf>,
}

/// Runs `crossmargin node`: returns after an orderly stop.
///
/// # Errors
/// Why the node could not start or had to stop.
pub async fn run(args: RunNodeArgs) -> Result<(), Failure> {
    let stop = stop_signal()?;
    node::run(&args.configs, stop).await.map_err(|error| Failure::of("the node has stopped", &error))
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
