//! What `crossmargin default` asks of a node: packages, close-outs, results and allocations, and how defaults stand.

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use crossmargin::v1::{self, programme_change::Change};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use super::{
    CloseOutArg,
    standing::{DefaultView, details, overview},
};
use crate::{
    arrangement::{default_loss::CloseOut, digest::Digest, name::OwnerId},
    command::{
        cycle::Reach,
        failure::{Failure, Told},
        output,
        recording::{Batch, Writing},
    },
    identity::Role,
};

/// What to do about a member in default at a house's node. A default is named by its suspension, such as FICC/12/0.
#[derive(Clone, Debug, Subcommand)]
pub enum OnlineAction {
    /// Make this house's package of what both houses last agreed before the suspension, and record its digest.
    Package {
        /// The suspension.
        #[arg(value_name = "SUSPENSION")]
        suspension: String,
        /// How it is asked for.
        #[command(flatten)]
        asking: Asking,
    },
    /// Write the package that this house made to a file, and print its digest.
    Fetch {
        /// The suspension.
        #[arg(value_name = "SUSPENSION")]
        suspension: String,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show how a default stands at both houses: packages, close-out, results, and what follows for each pool.
    Show {
        /// The suspension.
        #[arg(value_name = "SUSPENSION")]
        suspension: String,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List members in default, each house's newest first.
    List {
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Record how this house wants the positions closed out. It is settled where both houses chose the same.
    Choose {
        /// The suspension.
        #[arg(value_name = "SUSPENSION")]
        suspension: String,
        /// How.
        #[arg(long, value_enum)]
        close_out: CloseOutArg,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record what the close-out of this house's leg left of one pool, after its own resources of the member.
    Result {
        /// The suspension.
        #[arg(value_name = "SUSPENSION")]
        suspension: String,
        /// US dollars with at most two digits: above 0 a surplus, below a loss.
        #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
        usd: Decimal,
        /// The customer whose accounts it is about; without it the member's own accounts and its affiliates' together.
        #[arg(long, value_name = "ID")]
        customer: Option<OwnerId>,
        /// Why, for a reader.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// How it is recorded.
        #[command(flatten)]
        writing: Writing,
    },
    /// Record what one house pays the other for one pool, as it follows from the package, both results, and the close-out
    /// that both chose, by the arrangement's rule: an assumption until the houses have agreed on one.
    Settle {
        /// The suspension.
        #[arg(value_name = "SUSPENSION")]
        suspension: String,
        /// The customer whose accounts it is about; without it the member's own accounts and its affiliates' together.
        #[arg(long, value_name = "ID")]
        customer: Option<OwnerId>,
        /// How it is asked for.
        #[command(flatten)]
        asking: Asking,
    },
}

/// How something that follows from the records is asked for.
#[derive(Clone, Debug, Args)]
pub struct Asking {
    /// Unique for each request; the same id answers the same again. A new UUID where it is not given.
    #[arg(long, value_name = "ID")]
    pub request_id: Option<String>,
    /// The node.
    #[command(flatten)]
    pub reach: Reach,
}

/// A package that was made.
#[derive(Debug, Serialize)]
struct MadeView {
    house: String,
    package: String,
    size_bytes: u64,
    sequence: u64,
    is_replay: bool,
    is_signed_by_both: bool,
    request_id: String,
}

/// A package that was written to a file.
#[derive(Debug, Serialize)]
struct FetchedView {
    file: String,
    package: String,
    size_bytes: usize,
}

/// An allocation that was recorded. The amount is USD as a decimal.
#[derive(Debug, Serialize)]
struct SettledView {
    house: String,
    payer: String,
    amount: String,
    rule: String,
    customer: String,
    sequence: u64,
    is_replay: bool,
    is_signed_by_both: bool,
    request_id: String,
}

impl OnlineAction {
    /// Does it.
    ///
    /// # Errors
    /// What the node said, or the file that cannot be written.
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Package { suspension, asking } => package(suspension, asking).await,
            Self::Fetch { suspension, out, reach } => fetch(suspension, out, &reach).await,
            Self::Show { suspension, reach } => {
                let node = reach.node.connect(Role::Administrator)?;
                let request = v1::GetDefaultRequest { suspension_id: suspension };
                let answer = node.defaults().get_default(request).await.told("reading a default")?;
                let view = DefaultView::from(&answer.default.unwrap_or_default());
                output::answer(reach.json, &view, details)
            }
            Self::List { reach } => {
                let node = reach.node.connect(Role::Administrator)?;
                let request = v1::ListDefaultsRequest {};
                let answer = node.defaults().list_defaults(request).await.told("listing defaults")?;
                let views: Vec<DefaultView> = answer.defaults.iter().map(DefaultView::from).collect();
                output::answer(reach.json, &views, |views| overview(views))
            }
            Self::Choose { suspension, close_out, reason, writing } => {
                let close_out = v1::CloseOut::from(CloseOut::from(close_out)).into();
                let choice = v1::CloseOutChoice { suspension_id: suspension, close_out };
                writing.record(Batch::explained(Change::CloseOut(choice), reason)).await
            }
            Self::Result { suspension, usd, customer, reason, writing } => {
                let result = v1::LiquidationResult {
                    suspension_id: suspension,
                    result: usd.to_string(),
                    customer: customer.map(String::from).unwrap_or_default(),
                };
                writing.record(Batch::explained(Change::Liquidation(result), reason)).await
            }
            Self::Settle { suspension, customer, asking } => settle(suspension, customer, asking).await,
        }
    }
}

async fn package(suspension_id: String, asking: Asking) -> Result<(), Failure> {
    let Asking { request_id, reach } = asking;
    let node = reach.node.connect(Role::Administrator)?;
    let request_id = request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
    let request = v1::MakePackageRequest { request_id: request_id.clone(), suspension_id };
    let answer = node.defaults().make_package(request).await.told("making a default package")?;
    let record = answer.record.unwrap_or_default();
    let view = MadeView {
        house: reach.node.caller.house.to_string(),
        package: hex::encode(&record.package),
        size_bytes: record.size_bytes,
        sequence: answer.sequence,
        is_replay: answer.is_replay,
        is_signed_by_both: answer.is_signed_by_both,
        request_id,
    };
    output::answer(reach.json, &view, |view| {
        let MadeView { house, package, size_bytes, sequence, .. } = view;
        let both = signed(view.is_signed_by_both, "package");
        format!(
            "package {package}, {size_bytes} bytes, is entry {sequence} of the registry log of {house}{}\n{both}",
            before(view.is_replay)
        )
    })
}

async fn fetch(suspension_id: String, out: PathBuf, reach: &Reach) -> Result<(), Failure> {
    const DOING: &str = "reading a default package";
    let node = reach.node.connect(Role::Administrator)?;
    let request = v1::GetPackageRequest { suspension_id };
    let mut stream = node.defaults().get_package(request).await.told(DOING)?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.message().await.map_err(|status| Failure::status(DOING, &status))? {
        bytes.extend_from_slice(&piece.data);
    }
    fs::write(&out, &bytes).map_err(|error| Failure::of(&out.display().to_string(), &error))?;
    let (file, package) = (out.display().to_string(), Digest::of(&bytes).to_string());
    let view = FetchedView { file, package, size_bytes: bytes.len() };
    output::answer(reach.json, &view, |view| {
        let FetchedView { file, package, size_bytes } = view;
        format!("{file} is package {package}, {size_bytes} bytes: `crossmargin default verify` verifies it")
    })
}

async fn settle(suspension_id: String, customer: Option<OwnerId>, asking: Asking) -> Result<(), Failure> {
    let Asking { request_id, reach } = asking;
    let node = reach.node.connect(Role::Administrator)?;
    let request_id = request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
    let customer = customer.map(String::from).unwrap_or_default();
    let request = v1::RecordLossAllocationRequest { request_id: request_id.clone(), suspension_id, customer };
    let answer = node.defaults().record_loss_allocation(request).await.told("recording an allocation of losses")?;
    let v1::LossAllocationRecord { payer, amount, rule, customer, .. } = answer.record.unwrap_or_default();
    let view = SettledView {
        house: reach.node.caller.house.to_string(),
        payer,
        amount,
        rule,
        customer,
        sequence: answer.sequence,
        is_replay: answer.is_replay,
        is_signed_by_both: answer.is_signed_by_both,
        request_id,
    };
    output::answer(reach.json, &view, |view| {
        let SettledView { house, rule, sequence, .. } = view;
        let pays = match view.payer.as_str() {
            "" => "nobody pays".to_owned(),
            payer => format!("{payer} pays USD {}", output::grouped(&view.amount)),
        };
        format!(
            "{pays}, by rule {rule} (assumed): entry {sequence} of the registry log of {house}{}\n{}",
            before(view.is_replay),
            signed(view.is_signed_by_both, "allocation")
        )
    })
}

fn before(is_replay: bool) -> &'static str {
    if is_replay { " (the request had been accepted before)" } else { "" }
}

fn signed(is_signed_by_both: bool, what: &str) -> String {
    if is_signed_by_both {
        format!("both houses have recorded this {what}")
    } else {
        format!("the other house has not recorded this {what}, as far as this one knows")
    }
}
