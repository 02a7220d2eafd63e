//! `crossmargin directions`: directs positions during the day, and shows what became of them.

mod file;
mod text;
mod view;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use crossmargin::v1;
use jiff::civil::Date;
use uuid::Uuid;

use self::view::{DirectedView, DirectionView, ExclusionView, ItemView, PositionsView};
use super::{
    cycle::Reach,
    failure::{Failure, Told},
    listing, output,
};
use crate::{
    arrangement::cycle_id::CycleId,
    book::direction::item::ItemId,
    identity::{MemberId, Role},
};

/// Arguments of `crossmargin directions`.
#[derive(Clone, Debug, Args)]
pub struct DirectionsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: DirectionsAction,
}

/// What to do with directed positions.
#[derive(Clone, Debug, Subcommand)]
pub enum DirectionsAction {
    /// Direct positions between a regular account and the cross-margin account of the same owner, all legs or none. They
    /// count in every cycle that the house opens afterwards.
    Direct {
        /// The legs as CSV: `from_account,to_account,instrument,quantity`; the quantity in contracts, negative for short
        /// ones.
        #[arg(long, value_name = "FILE")]
        csv: PathBuf,
        /// The business date of the house's newest book, YYYY-MM-DD.
        #[arg(long, value_name = "DATE")]
        business_date: Date,
        /// The earliest cycle in which they are wanted to count, such as 2026-02-13/ITD/1: refused where it is open.
        #[arg(long, value_name = "CYCLE")]
        not_before: Option<CycleId>,
        /// Check only; nothing is recorded.
        #[arg(long)]
        validate_only: bool,
        /// Unique for each request; the same id answers the same again. A new UUID where it is not given.
        #[arg(long, value_name = "ID")]
        request_id: Option<String>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List directions, ascending by number.
    List {
        /// Those of a member alone.
        #[arg(long, value_name = "NAME")]
        member: Option<MemberId>,
        /// Those from or to an account alone.
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
        /// Those of a business date alone, YYYY-MM-DD.
        #[arg(long, value_name = "DATE")]
        business_date: Option<Date>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show what an account holds by the newest snapshot, by directions, and together.
    Positions {
        /// The account.
        account: String,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List reconciliation items: where a snapshot and directions contradict each other.
    Items {
        /// Those that are settled too.
        #[arg(long)]
        all: bool,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Settle a reconciliation item.
    Resolve {
        /// The item, such as R-1.
        item: ItemId,
        /// What was found and done.
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Unique for each request; the same id answers the same again. A new UUID where it is not given.
        #[arg(long, value_name = "ID")]
        request_id: Option<String>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List the positions that the house left out of its frozen book of a cycle because they are not eligible any more.
    Exclusions {
        /// The cycle, such as 2026-02-13/ITD/1.
        cycle: CycleId,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs `crossmargin directions`.
///
/// # Errors
/// Every problem of the file, or what the node said.
pub async fn run(args: DirectionsArgs) -> Result<(), Failure> {
    match args.action {
        DirectionsAction::Direct { csv, business_date, not_before, validate_only, request_id, reach } => {
            let node = reach.node.connect(Role::Administrator)?;
            let request = v1::DirectPositionsRequest {
                request_id: request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
                business_date: business_date.to_string(),
                not_before: not_before.map(|cycle| node.cycle(cycle)),
                legs: file::read(&csv)?,
                validate_only,
            };
            let id = request.request_id.clone();
            let answer = node.directions().direct_positions(request).await.told("directing positions")?;
            output::answer(reach.json, &DirectedView::new(&answer, id), text::directed)
        }
        DirectionsAction::List { member, account, business_date, reach } => {
            let node = reach.node.connect(Role::Administrator)?;
            let wanted = v1::ListDirectionsRequest {
                member: member.map(|member| member.to_string()).unwrap_or_default(),
                account: account.unwrap_or_default(),
                business_date: business_date.map(|date| date.to_string()).unwrap_or_default(),
                ..Default::default()
            };
            let directions = listing::directions(&node, wanted).await?;
            let views: Vec<DirectionView> = directions.iter().map(DirectionView::from).collect();
            output::answer(reach.json, &views, |views| text::directions(views))
        }
        DirectionsAction::Positions { account, reach } => {
            let node = reach.node.connect(Role::Administrator)?;
            let request = v1::GetComposedPositionsRequest { account: account.clone() };
            let answer = node.directions().get_composed_positions(request).await;
            let answer = answer.told(&format!("reading the positions of {account}"))?;
            output::answer(reach.json, &PositionsView::new(account, &answer), text::positions)
        }
        DirectionsAction::Items { all, reach } => {
            let items = listing::items(&reach.node.connect(Role::Operator)?, !all).await?;
            let views: Vec<ItemView> = items.iter().map(ItemView::from).collect();
            output::answer(reach.json, &views, |views| text::items(views))
        }
        DirectionsAction::Resolve { item, note, request_id, reach } => {
            let node = reach.node.connect(Role::Operator)?;
            let request_id = request_id.unwrap_or_else(|| Uuid::new_v4().to_string());
            let request = v1::ResolveReconciliationItemRequest { request_id, item_id: item.to_string(), note };
            let answer = node.directions().resolve_reconciliation_item(request).await;
            let answer = answer.told(&format!("settling {item}"))?;
            let view = ItemView::from(&answer.item.unwrap_or_default());
            output::answer(reach.json, &view, |view| text::items(std::slice::from_ref(view)))
        }
        DirectionsAction::Exclusions { cycle, reach } => {
            let node = reach.node.connect(Role::Operator)?;
            let request = v1::ListExclusionsRequest { cycle: Some(node.cycle(cycle)) };
            let answer = node.directions().list_exclusions(request).await;
            let answer = answer.told(&format!("listing what {cycle} leaves out"))?;
            let views: Vec<ExclusionView> = answer.exclusions.iter().map(ExclusionView::from).collect();
            output::answer(reach.json, &views, |views| text::exclusions(cycle, answer.revision, views))
        }
    }
}
