//! The commands of the binary `crossmargin`, one module each.

pub mod agreements;
pub mod backtest;
pub mod caller;
pub mod certs;
pub mod claimed_port;
pub mod client;
pub mod cycle;
pub mod default;
pub mod demo;
pub mod directions;
pub mod explain;
pub mod failure;
pub mod ledger;
pub mod links;
pub mod listing;
pub mod market;
pub mod models;
pub mod node;
pub mod output;
pub mod programme;
pub mod recording;
pub mod requirements;
pub mod risk;
mod rows;
pub mod status;
pub mod submit;
pub mod totals;
pub mod trial;
pub mod view;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Two clearing houses agree on the margin of cross-margined accounts.
///
/// Start with `crossmargin demo`: it runs two nodes on this machine and shows them agree. `crossmargin risk`
/// calculates without a node. Most other commands call one house's node with the certificate of a role; `crossmargin
/// certs` makes certificates to try with.
#[derive(Debug, Parser)]
#[command(name = "crossmargin", version, arg_required_else_help = true)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a house's node, or one node for each of several arrangements.
    Node(node::RunNodeArgs),
    /// Show two nodes agree, break and fall back, on this machine.
    Demo(demo::DemoArgs),
    /// Make a development PKI: authorities, certificates and statement keys for each house.
    Certs(certs::CertsArgs),
    /// Submit a house's book from a CSV file.
    Submit(submit::SubmitArgs),
    /// Submit and show market and reference data: issues, prices, curves, fixings, specifications, baskets.
    Market(market::MarketArgs),
    /// Record links between accounts, take them through their life, and show where they stand.
    Links(links::LinksArgs),
    /// Record who takes part, on which approvals, and what is suspended or limited; list and watch what was recorded.
    Programme(programme::ProgrammeArgs),
    /// Direct positions into cross-margin accounts and back, and show what became of them.
    Directions(directions::DirectionsArgs),
    /// Open margin cycles, cut them off, show how they stand.
    Cycle(cycle::CycleArgs),
    /// Show what both houses signed.
    Agreements(agreements::AgreementsArgs),
    /// Show what each house requires.
    Requirements(requirements::RequirementsArgs),
    /// Show what each house requires of a member: its own accounts, its affiliates', its customers'.
    Totals(totals::TotalsArgs),
    /// Calculate prices, conversion factors, baskets, settlements, values at risk and backtests, without a node.
    Risk(risk::RiskArgs),
    /// Hold each house's core margins of past days against what the days after them made of today's positions.
    Backtest(backtest::BacktestArgs),
    /// Explain how the margins of an account come about, and what moved them since an earlier cycle.
    Explain(explain::ExplainArgs),
    /// Compare the next margin models with those in force.
    Models(models::ModelsArgs),
    /// Try positions: what they would require, along stressed days too, and which futures would lower it.
    Try(trial::TryArgs),
    /// Show how a node is.
    Status(status::StatusArgs),
    /// Verify a house's ledger offline.
    Ledger(ledger::LedgerArgs),
    /// Make and verify the package of a member in default, choose how it is closed out, and allocate losses.
    Default(default::DefaultArgs),
}

/// Runs a command.
///
/// # Errors
/// Why it failed.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Node(args) => node::run(args).await,
        Command::Demo(args) => demo::run(args).await,
        Command::Certs(args) => {
            let text = certs::run(&args).map_err(|error| Failure::of("making the PKI", &error))?;
            output::print(text.trim_end())
        }
        Command::Submit(args) => submit::run(args).await,
        Command::Market(args) => market::run(args).await,
        Command::Links(args) => links::run(args).await,
        Command::Programme(args) => programme::run(args).await,
        Command::Directions(args) => directions::run(args).await,
        Command::Cycle(args) => cycle::run(args).await,
        Command::Agreements(args) => agreements::run(args).await,
        Command::Requirements(args) => requirements::run(args).await,
        Command::Totals(args) => totals::run(args).await,
        Command::Backtest(args) => backtest::run(args).await,
        Command::Explain(args) => explain::run(args).await,
        Command::Models(args) => models::run(args).await,
        Command::Try(args) => trial::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Ledger(args) => ledger::run(args).await,
        Command::Default(args) => default::run(args).await,
        Command::Risk(args) => risk::run(args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_has_a_help_text() {
        fn check(command: &clap::Command) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                assert!(sub.get_about().is_some(), "{} {}", command.get_name(), sub.get_name());
                for argument in sub.get_arguments() {
                    assert!(argument.get_help().is_some(), "{} {}", sub.get_name(), argument.get_id());
                }
                check(sub);
            }
        }
        check(&Cli::command());
    }
}
