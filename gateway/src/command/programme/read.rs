//! What is shown of the programme: lists, and the changes as they come.

use clap::Subcommand;
use crossmargin::v1;
use jiff::civil::Date;

use super::{
    change::ChangeView,
    table,
    view::{ApprovalView, MemberView, SuspensionView},
};
use crate::{
    arrangement::name::HouseId,
    command::{
        cycle::Reach,
        failure::{Failure, Told},
        listing, output,
    },
    identity::Role,
};

/// What to show, as the join of both houses' records sees it.
#[derive(Clone, Debug, Subcommand)]
pub enum ReadAction {
    /// List members: what each house recorded, and whether they can link.
    Members {
        /// The date; today by the house's clock where it is not given.
        #[arg(long, value_name = "DATE")]
        date: Option<Date>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List approvals, and whether they count.
    Approvals {
        /// The date; today by the house's clock where it is not given.
        #[arg(long, value_name = "DATE")]
        date: Option<Date>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List suspensions with who has lifted them, each house's newest first.
    Suspensions {
        /// Leave out those that are lifted.
        #[arg(long)]
        in_force: bool,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List what was recorded, by house and entry.
    Changes {
        /// Changes of this house's log alone.
        #[arg(long, value_name = "HOUSE")]
        of: Option<HouseId>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Print what was recorded, and then each change as it is recorded at either house, until interrupted. With --json
    /// an object a line.
    Watch {
        /// Start after this entry of the Treasury house's log.
        #[arg(long, value_name = "ENTRY", default_value_t = 0)]
        after_treasury: u64,
        /// Start after this entry of the futures house's log.
        #[arg(long, value_name = "ENTRY", default_value_t = 0)]
        after_futures: u64,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

impl ReadAction {
    /// Shows it.
    ///
    /// # Errors
    /// What the node said.
    pub(super) async fn run(self) -> Result<(), Failure> {
        let on = |date: Option<Date>| date.map(|date| date.to_string()).unwrap_or_default();
        match self {
            Self::Members { date, reach } => {
                let node = reach.node.connect(Role::Administrator)?;
                let members = listing::members(&node, on(date)).await?;
                let views: Vec<MemberView> = members.iter().map(MemberView::from).collect();
                output::answer(reach.json, &views, |views| table::members(views))
            }
            Self::Approvals { date, reach } => {
                let node = reach.node.connect(Role::Administrator)?;
                let approvals = listing::approvals(&node, on(date)).await?;
                let views: Vec<ApprovalView> = approvals.iter().map(ApprovalView::from).collect();
                output::answer(reach.json, &views, |views| table::approvals(views))
            }
            Self::Suspensions { in_force, reach } => {
                let node = reach.node.connect(Role::Administrator)?;
                let suspensions = listing::suspensions(&node, in_force).await?;
                let views: Vec<SuspensionView> = suspensions.iter().map(SuspensionView::from).collect();
                output::answer(reach.json, &views, |views| table::suspensions(views))
            }
            Self::Changes { of, reach } => {
                let node = reach.node.connect(Role::Administrator)?;
                let house = of.map(String::from).unwrap_or_default();
                let changes = listing::changes(&node, &house).await?;
                let views: Vec<ChangeView> = changes.iter().map(ChangeView::from).collect();
                output::answer(reach.json, &views, |views| table::changes(views))
            }
            Self::Watch { after_treasury, after_futures, reach } => watch(after_treasury, after_futures, &reach).await,
        }
    }
}

/// Prints changes as they come, until the node ends the stream or nobody reads.
async fn watch(after_treasury: u64, after_futures: u64, reach: &Reach) -> Result<(), Failure> {
    const DOING: &str = "watching changes of the programme";
    let node = reach.node.connect(Role::Administrator)?;
    let request =
        v1::WatchChangesRequest { after_treasury_sequence: after_treasury, after_futures_sequence: after_futures };
    let mut stream = node.programme().watch_changes(request).await.told(DOING)?;
    while let Some(entry) = stream.message().await.map_err(|status| Failure::status(DOING, &status))? {
        for change in &entry.changes {
            let view = ChangeView::from(change);
            let line = if reach.json {
                serde_json::to_string(&view).map_err(|error| Failure::of("--json", &error))?
            } else {
                view.line()
            };
            if !output::line(&line)? {
                return Ok(());
            }
        }
    }
    Ok(())
}
