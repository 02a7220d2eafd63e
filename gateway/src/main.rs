//! The binary `crossmargin`: parses the command line and runs a command.
//!
//! Exit status: 0 when the command did what it was asked to, 1 when it failed (the reason is on standard error), 2 when
//! the command line was wrong.

use std::process::ExitCode;

use clap::Parser;
use gateway::command::{self, Cli};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("starting the runtime: {error}"), ExitCode::FAILURE),
    };
    match runtime.block_on(command::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_usage() => failed(&failure.to_string(), ExitCode::from(2)),
        Err(failure) => failed(&failure.to_string(), ExitCode::FAILURE),
    }
}

fn failed(text: &str, status: ExitCode) -> ExitCode {
    eprintln!("error: {text}");
    status
}
