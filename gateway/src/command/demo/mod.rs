//! `crossmargin demo`: two nodes on this machine agree, break and fall back, and carry a customer through its first day.
//!
//! The demo is a client like any other: it starts the shipped binary twice, and does everything else through the public
//! services, over mutual TLS, with the certificate of the role that each call needs. What goes wrong in it is done to
//! the processes from outside, with `kill -9`. `docs/demo.md` describes it.

mod agreed;
mod broken;
mod by_hand;
mod day;
mod fall_back;
mod folder;
mod house;
mod progress;
mod report;
mod roll;
mod setup;
mod stage;
mod table;
mod wait;
mod words;

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;

use super::{failure::Failure, node, output};
use crate::{
    arrangement::cycle_id::{CycleId, CycleKind},
    sample,
};
use report::Report;
use stage::Stage;

/// Arguments of `crossmargin demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Folder for certificates, configurations and ledgers. A folder of an earlier demo is made anew; one that holds
    /// anything else is refused.
    #[arg(long, value_name = "FOLDER", default_value = "demo")]
    pub dir: PathBuf,

    /// Par yields as the Treasury publishes them, one CSV file a year, or as date,1M,3M,...: instead of the sample's
    /// made-up past. Repeat for more.
    #[arg(long, value_name = "FILE")]
    pub history: Vec<PathBuf>,

    /// Leave both nodes running at the end.
    #[arg(long)]
    pub keep_running: bool,

    /// Print one JSON object instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// Runs `crossmargin demo`.
///
/// # Errors
/// Whatever did not go as the demo tells it; both nodes are stopped then.
pub async fn run(args: DemoArgs) -> Result<(), Failure> {
    let interrupted = node::stop_signal()?;
    tokio::select! {
        result = show(&args) => result,
        () = interrupted => Err(Failure::new("the demo was interrupted; its nodes are stopped")),
    }
}

async fn show(args: &DemoArgs) -> Result<(), Failure> {
    let tell = |text: &str| if args.json { Ok(()) } else { output::print(text) };
    let mut stage = Stage::set(args).await?;
    tell(&stage.opening_words())?;

    let mut report = Report::new(&stage.folder, &args.history);
    for kind in [CycleKind::Itd, CycleKind::Eod] {
        let cycle = agreed::show(&mut stage, first(sample::BUSINESS_DATE, kind)).await?;
        tell(&table::cycle(&cycle))?;
        report.cycles.push(cycle);
    }

    let next = stage.next_business_date()?;
    tell(broken::STORY)?;
    for cycle in broken::show(&mut stage, first(next, CycleKind::Itd)).await? {
        tell(&table::shown(&cycle, broken::is_touched))?;
        report.cycles.push(cycle);
    }

    tell(fall_back::STORY)?;
    let cycle = fall_back::show(&mut stage, first(next, CycleKind::Eod)).await?;
    tell(&table::shown(&cycle, |account| account.kind == "house"))?;
    report.cycles.push(cycle);

    tell(day::STORY)?;
    let (day, cycles) = day::show(&mut stage, next).await?;
    tell(&day::table(&day))?;
    report.cycles.extend(cycles);
    report.day = Some(day);

    let left = stage.close(args.keep_running).await?;
    if args.json {
        output::answer(true, &report, |_| String::new())
    } else {
        output::print(&stage.closing_words(&left))
    }
}

fn first(business_date: Date, kind: CycleKind) -> CycleId {
    CycleId { business_date, kind, run: 1 }
}
