//! `crossmargin backtest`: each house's core margins of past days against what the days after them made of an account.

pub(super) mod plot;
pub(super) mod report;

use std::path::PathBuf;

use clap::Args;
use crossmargin::v1;
use jiff::civil::Date;
use risk::{
    backtest::{DailyRecord, Summary},
    measure::Confidence,
    money::Usd,
};
use serde::Serialize;

use self::{
    plot::Plot,
    report::{BacktestView, Report, Tested},
};
use super::{
    client::NodeArgs,
    failure::{Failure, Told},
    output,
};
use crate::identity::Role;

/// Arguments of `crossmargin backtest`.
#[derive(Clone, Debug, Args)]
pub struct BacktestArgs {
    /// One account alone, of either house; every account where it is not given.
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,

    /// Days to test: the last ones whose results are known at both houses.
    #[arg(long, value_name = "DAYS", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=2_500))]
    pub days: u32,

    /// Print each day as well.
    #[arg(long)]
    pub rows: bool,

    /// Draw margins and results of the account at both houses as an SVG picture.
    #[arg(long, value_name = "FILE", requires = "account")]
    pub plot: Option<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// One account's backtest.
struct Account {
    link: v1::LinkTerms,
    houses: [House; 2],
}

/// One house's model, tested on an account.
struct House {
    model: String,
    tested: Tested,
    records: Vec<DailyRecord>,
    summary: Summary,
}

/// An account's backtest in JSON.
#[derive(Debug, Serialize)]
struct AccountView {
    link: String,
    treasury_account: String,
    futures_account: String,
    treasury_house: HouseView,
    futures_house: HouseView,
}

#[derive(Debug, Serialize)]
struct HouseView {
    model: String,
    horizon_days: u32,
    confidence: f64,
    #[serde(flatten)]
    backtest: BacktestView,
}

/// Runs `crossmargin backtest`.
///
/// # Errors
/// What the node said. That a margin failed is none.
pub async fn run(args: BacktestArgs) -> Result<(), Failure> {
    const DOING: &str = "backtesting";
    let node = args.node.connect(Role::MarginReader)?;
    // The report reads the days itself: its figures are those of `risk backtest`.
    let account = args.account.clone().unwrap_or_default();
    let request = v1::BacktestAccountsRequest { account, days: args.days, with_days: true };
    let mut answers = node.analysis().backtest_accounts(request).await.told(DOING)?;
    let (mut views, mut table) = (Vec::new(), table());
    let mut texts = String::new();
    while let Some(answer) = answers.message().await.map_err(|status| Failure::status(DOING, &status))? {
        let account = Account::read(answer)?;
        if let Some(path) = &args.plot {
            plot::write(path, &account.plots())?;
        }
        if args.json {
            views.push(account.view(args.rows));
        } else if args.account.is_some() || args.rows {
            texts.push_str(&account.text(args.rows));
        } else {
            account.add_to(&mut table);
        }
    }
    output::answer(args.json, &views, |_| if texts.is_empty() { table.to_string() } else { texts })
}

impl Account {
    fn read(answer: v1::BacktestAccountsResponse) -> Result<Self, Failure> {
        let house = |summary: Option<v1::BacktestSummary>| House::read(summary.unwrap_or_default());
        Ok(Self {
            link: answer.link.unwrap_or_default(),
            houses: [house(answer.treasury_house)?, house(answer.futures_house)?],
        })
    }

    /// `GSD-1002 and XM-1002`.
    fn name(&self) -> String {
        format!("{} and {}", self.link.treasury_account, self.link.futures_account)
    }

    fn plots(&self) -> [Plot<'_>; 2] {
        self.houses.each_ref().map(|house| {
            let report = house.report();
            Plot { title: report.title(), subtitle: report.subtitle(&self.name()), records: &house.records }
        })
    }

    fn view(&self, with_rows: bool) -> AccountView {
        let house = |house: &House| HouseView {
            model: house.model.clone(),
            horizon_days: house.tested.horizon_days,
            confidence: output::fraction(house.tested.confidence.basis_points().into()),
            backtest: house.report().view(with_rows.then_some(house.records.as_slice())),
        };
        let [treasury, futures] = &self.houses;
        AccountView {
            link: self.link.link_id.clone(),
            treasury_account: self.link.treasury_account.clone(),
            futures_account: self.link.futures_account.clone(),
            treasury_house: house(treasury),
            futures_house: house(futures),
        }
    }

    fn text(&self, with_rows: bool) -> String {
        let house = |house: &House| {
            let rows: &[DailyRecord] = if with_rows { &house.records } else { &[] };
            format!("{}\n\n", house.report().text(rows))
        };
        let texts: String = self.houses.iter().map(house).collect();
        format!("{}: {}\n\n{texts}", self.link.link_id, self.name())
    }

    fn add_to(&self, table: &mut comfy_table::Table) {
        for House { model, tested, summary, .. } in &self.houses {
            let worst = summary.worst.first();
            let told = |text: Option<String>| text.unwrap_or_default();
            table.add_row([
                self.link.link_id.clone(),
                self.link.treasury_account.clone(),
                self.link.futures_account.clone(),
                model.clone(),
                tested.horizon_days.to_string(),
                summary.days.to_string(),
                summary.breaches.to_string(),
                summary.light.to_string(),
                format!("{:.4}", summary.frequency.p_value),
                format!("{:.4}", summary.independence.p_value),
                told(worst.map(|record| record.date.to_string())),
                told(worst.map(|record| output::grouped(&record.excess().to_string()))),
            ]);
        }
    }
}

impl House {
    fn read(wire: v1::BacktestSummary) -> Result<Self, Failure> {
        let unreadable = |what: &str, error: &dyn std::fmt::Display| {
            Failure::new(format!("the node's answer cannot be read: {what}: {error}"))
        };
        let usd = |text: &str| text.parse::<Usd>().map_err(|error| unreadable("an amount", &error));
        let record = |day: &v1::BacktestDay| {
            Ok(DailyRecord {
                date: day.date.parse::<Date>().map_err(|error| unreadable("a date", &error))?,
                margin: usd(&day.margin)?,
                realised: usd(&day.profit_and_loss)?,
            })
        };
        let records = wire.days.iter().map(record).collect::<Result<Vec<_>, Failure>>()?;
        let level = u16::try_from(wire.confidence_bp).unwrap_or(u16::MAX);
        let confidence = Confidence::from_basis_points(level).map_err(|error| unreadable("confidence_bp", &error))?;
        let summary = Summary::of(&records, confidence).map_err(|error| unreadable("days", &error))?;
        let days = if wire.horizon_days == 1 { "1 day".to_owned() } else { format!("{} days", wire.horizon_days) };
        let tested = Tested {
            margin: format!("{}, core of both legs at {} over {days}", wire.model, output::percent(wire.confidence_bp)),
            confidence,
            horizon_days: wire.horizon_days,
            note: "each day takes the scenarios of its own past, and today's positions in today's market: neither the book nor prices of the day.".to_owned(),
        };
        Ok(Self { model: wire.model, tested, records, summary })
    }

    fn report(&self) -> Report<'_> {
        Report::new(&self.tested, &self.summary)
    }
}

fn table() -> comfy_table::Table {
    let header = [
        "link",
        "Treasury",
        "futures",
        "model",
        "horizon",
        "days",
        "breaches",
        "light",
        "p (Kupiec)",
        "p (Christoffersen)",
        "worst breach",
        "excess, USD",
    ];
    output::table(&header, |at| matches!(at, 4..=6 | 8 | 9 | 11))
}
