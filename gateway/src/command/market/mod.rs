//! `crossmargin market`: submits and shows market and reference data.

mod folder;
mod sheet;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use crossmargin::v1;
use jiff::civil::Date;
use risk::history::{CsvFile, CurveHistory};
use serde::Serialize;
use uuid::Uuid;

pub use folder::{read, write};

use super::{
    client::Node,
    cycle::Reach,
    failure::{Failure, Told},
    output,
};
use crate::{
    arrangement::leg::Leg,
    identity::Role,
    market::{histories, kind_name},
    sample,
};
use sheet::Sheet;

/// Arguments of `crossmargin market`.
#[derive(Clone, Debug, Args)]
pub struct MarketArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: MarketAction,
}

/// What to do with market data.
#[derive(Clone, Debug, Subcommand)]
pub enum MarketAction {
    /// Submit items to the house that is their authority: a new version for the business date.
    Submit {
        /// Folder with one CSV file for each item: issues.csv, issue_prices.csv, curve_history.csv, overnight_rates.csv,
        /// contract_specifications.csv, baskets.csv, contract_prices.csv; those that are there are submitted.
        #[arg(long, value_name = "FOLDER", required_unless_present_any = ["sample", "history"])]
        from: Option<PathBuf>,
        /// Submit the embedded sample's items of one leg.
        #[arg(long, value_name = "LEG", conflicts_with = "from")]
        sample: Option<LegName>,
        /// Par yields as the Treasury publishes them, one CSV file a year, or as date,1M,3M,...: instead of the
        /// folder's or the sample's curve history. Repeat for more.
        #[arg(long, value_name = "FILE")]
        history: Vec<PathBuf>,
        /// The business date, YYYY-MM-DD; that of the sample where it is not given.
        #[arg(long, value_name = "DATE", required_unless_present = "sample")]
        business_date: Option<Date>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show an item as a node holds it, this house's own or the other house's.
    Show {
        /// The item.
        kind: KindName,
        /// The business date, YYYY-MM-DD; the newest where it is not given.
        #[arg(long, value_name = "DATE")]
        business_date: Option<Date>,
        /// Show the last rows only.
        #[arg(long, value_name = "COUNT")]
        last: Option<usize>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Write the embedded sample's items as the CSV files that `submit --from` reads.
    Sample {
        /// Whose items.
        leg: LegName,
        /// Folder to write to; it is made when it is not there.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
    },
}

/// A house by the leg that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LegName {
    /// Treasury cash and repo.
    Treasury,
    /// Interest-rate futures.
    Futures,
}

/// An item of market data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KindName {
    /// Terms of Treasuries.
    Issues,
    /// Prices of Treasuries.
    IssuePrices,
    /// Par yields by day; the newest is the curve.
    #[value(alias = "curves")]
    CurveHistory,
    /// SOFR and effective Fed funds by day.
    #[value(alias = "fixings")]
    OvernightRates,
    /// Contract specifications.
    #[value(alias = "specifications")]
    ContractSpecifications,
    /// Deliverable baskets.
    Baskets,
    /// Settlement prices of futures.
    #[value(alias = "prices")]
    ContractPrices,
}

/// What the node accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AcceptedMarket {
    /// The version for the business date.
    pub version: u64,
    /// BLAKE3 of the signed manifest's payload.
    pub manifest_digest: String,
    /// Kinds that are still missing before margins can be computed.
    pub missing: Vec<String>,
    /// Whether the request had been accepted before.
    pub is_replay: bool,
}

impl From<LegName> for Leg {
    fn from(name: LegName) -> Self {
        match name {
            LegName::Treasury => Self::Treasury,
            LegName::Futures => Self::Futures,
        }
    }
}

impl From<KindName> for v1::MarketItemKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Issues => Self::Issues,
            KindName::IssuePrices => Self::IssuePrices,
            KindName::CurveHistory => Self::CurveHistory,
            KindName::OvernightRates => Self::OvernightRates,
            KindName::ContractSpecifications => Self::ContractSpecifications,
            KindName::Baskets => Self::Baskets,
            KindName::ContractPrices => Self::ContractPrices,
        }
    }
}

/// Runs `crossmargin market`.
///
/// # Errors
/// Every problem of the files, or what the node said.
pub async fn run(args: MarketArgs) -> Result<(), Failure> {
    match args.action {
        MarketAction::Submit { from, sample: leg, history, business_date, reach } => {
            let mut items = match (&from, leg) {
                (Some(folder), _) => folder::read(folder)?,
                (None, Some(leg)) => sample::market().into_items(leg.into()),
                (None, None) => vec![],
            };
            if !history.is_empty() {
                replace_curves(&mut items, read_history(&history)?);
            }
            let date = business_date.unwrap_or(sample::BUSINESS_DATE);
            let accepted = send(&reach.node.connect(Role::MarketSource)?, date, items).await?;
            output::answer(reach.json, &accepted, accepted_text)
        }
        MarketAction::Show { kind, business_date, last, reach } => {
            let node = reach.node.connect(Role::MarketSource)?;
            let request = v1::GetMarketDataRequest {
                kind: v1::MarketItemKind::from(kind).into(),
                business_date: business_date.map(|date| date.to_string()).unwrap_or_default(),
            };
            let answer = node.market().get_market_data(request).await.told("reading market data")?;
            show(&answer, last, reach.json)
        }
        MarketAction::Sample { leg, out } => {
            let written = write(&out, &sample::market().into_items(leg.into()))?;
            let files: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
            output::print(&format!("wrote {}", files.join("\n      ")))
        }
    }
}

/// Submits items.
///
/// # Errors
/// What the node said, every problem by item and field.
pub async fn send(node: &Node, business_date: Date, items: Vec<v1::MarketItem>) -> Result<AcceptedMarket, Failure> {
    let request = v1::SubmitMarketDataRequest {
        request_id: Uuid::new_v4().to_string(),
        business_date: business_date.to_string(),
        items,
    };
    let answer = node.market().submit_market_data(request).await.told("submitting market data")?;
    let missing = answer.missing().map(|kind| kind_name(kind).to_ascii_lowercase()).collect();
    Ok(AcceptedMarket {
        version: answer.version,
        manifest_digest: answer.manifest_digest,
        missing,
        is_replay: answer.is_replay,
    })
}

/// Reads par yields from files, in the Treasury's form or as `date,1M,3M,...`.
///
/// # Errors
/// Every problem of all files, by line and column.
pub fn read_history(paths: &[PathBuf]) -> Result<CurveHistory, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let label = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| Failure::of(&format!("--history {label}"), &error))?;
        files.push((label, text));
    }
    let files: Vec<CsvFile<'_>> = files.iter().map(|(label, text)| CsvFile { label, text }).collect();
    CurveHistory::from_csv(&files).map_err(|problems| Failure::new(format!("--history: {problems}")))
}

/// Puts a curve history in the place of the one among the items, or adds it.
pub fn replace_curves(items: &mut Vec<v1::MarketItem>, history: CurveHistory) {
    let curves = v1::market_item::Item::CurveHistory(histories::curves_to_wire(&history));
    items.retain(|item| !matches!(item.item, Some(v1::market_item::Item::CurveHistory(_))));
    items.push(v1::MarketItem { item: Some(curves) });
}

fn accepted_text(accepted: &AcceptedMarket) -> String {
    let missing = match &accepted.missing[..] {
        [] => "nothing is missing".to_owned(),
        missing => format!("still missing: {}", missing.join(", ")),
    };
    format!("accepted as version {}; {missing}\n  manifest {}", accepted.version, accepted.manifest_digest)
}

fn show(answer: &v1::GetMarketDataResponse, last: Option<usize>, json: bool) -> Result<(), Failure> {
    let item = answer.item.as_ref().and_then(|item| item.item.as_ref());
    let Some(item) = item else { return Err(Failure::new("the node answered without an item")) };
    let mut sheet = Sheet::of(item);
    if let Some(last) = last {
        sheet.rows.drain(..sheet.rows.len().saturating_sub(last));
    }
    if json {
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = sheet.objects();
        let value = serde_json::json!({
            "kind": kind_name(crate::market::kind_of(item)).to_ascii_lowercase(),
            "house": answer.house,
            "business_date": answer.business_date,
            "version": answer.version,
            "rows": rows,
        });
        return output::answer(true, &value, |_| String::new());
    }
    let kind = kind_name(crate::market::kind_of(item)).to_ascii_lowercase();
    let header = format!("{kind} of {} for {}, version {}", answer.house, answer.business_date, answer.version);
    output::print(&format!("{header}\n{}", sheet.table()))
}
