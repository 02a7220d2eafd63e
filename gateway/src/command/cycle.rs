//! `crossmargin cycle`: opens cycles, cuts them off, shows how they stand.

use clap::{Args, Subcommand};
use crossmargin::v1;
use jiff::{SignedDuration, Timestamp};

use super::{
    client::{Node, NodeArgs},
    failure::{Failure, Told},
    listing, output,
    view::{BreakView, CycleView},
};
use crate::{arrangement::cycle_id::CycleId, identity::Role, wire};

/// Arguments of `crossmargin cycle`.
#[derive(Clone, Debug, Args)]
pub struct CycleArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: CycleAction,
}

/// What to do with cycles. A cycle is written DATE/KIND/RUN, such as 2026-02-13/ITD/1.
#[derive(Clone, Debug, Subcommand)]
pub enum CycleAction {
    /// Open a cycle at one house; the other opens it too. A run above 1 that the other house asked for is accepted so.
    Open {
        /// The cycle, such as 2026-02-13/ITD/1.
        cycle: CycleId,
        /// The house's cut-off: an instant (2026-02-13T17:15:00Z) or a time from now (90s, 15m). The arrangement's
        /// schedule decides where it is not given.
        #[arg(long, value_name = "INSTANT", value_parser = parse_cut_off)]
        cut_off: Option<Timestamp>,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Cut a cycle off now: what is not agreed falls back to stand-alone margin.
    CutOff {
        /// The cycle.
        cycle: CycleId,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show how a cycle stands at one house.
    Status {
        /// The cycle.
        cycle: CycleId,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List cycles, newest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
        limit: i32,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// List the links on which the two houses' claims of a round differ, with the cause.
    Breaks {
        /// The cycle.
        cycle: CycleId,
        /// The round; 0 for the newest that was matched.
        #[arg(long, default_value_t = 0)]
        round: u32,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

/// The node to call and the form of the answer.
#[derive(Clone, Debug, Args)]
pub struct Reach {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Runs `crossmargin cycle`.
///
/// # Errors
/// What is wrong, or what the node said.
pub async fn run(args: CycleArgs) -> Result<(), Failure> {
    let show = |json: bool, cycle: &v1::Cycle| output::answer(json, &CycleView::from(cycle), one);
    match args.action {
        CycleAction::Open { cycle, cut_off, reach } => {
            show(reach.json, &open(&reach.node.connect(Role::Operator)?, cycle, cut_off).await?)
        }
        CycleAction::CutOff { cycle, reach } => {
            let node = reach.node.connect(Role::Operator)?;
            let request = v1::CutOffCycleRequest { cycle: Some(node.cycle(cycle)) };
            let answer = node.operations().cut_off_cycle(request).await.told(&format!("cutting {cycle} off"))?;
            show(reach.json, &answer.cycle.unwrap_or_default())
        }
        CycleAction::Status { cycle, reach } => {
            show(reach.json, &status(&reach.node.connect(Role::Operator)?, cycle).await?)
        }
        CycleAction::List { limit, reach } => {
            let node = reach.node.connect(Role::Operator)?;
            let request = v1::ListCyclesRequest { page_size: limit, page_token: String::new() };
            let answer = node.operations().list_cycles(request).await.told("listing cycles")?;
            let views: Vec<CycleView> = answer.cycles.iter().map(CycleView::from).collect();
            output::answer(reach.json, &views, |views| list(views))
        }
        CycleAction::Breaks { cycle, round, reach } => {
            let node = reach.node.connect(Role::Operator)?;
            let (round, found) = listing::breaks(&node, cycle, round).await?;
            let views: Vec<BreakView> = found.iter().map(BreakView::from).collect();
            output::answer(reach.json, &views, |views| breaks(cycle, round, views))
        }
    }
}

/// Opens a cycle at a house.
///
/// # Errors
/// What the node said.
pub async fn open(node: &Node, cycle: CycleId, cut_off: Option<Timestamp>) -> Result<v1::Cycle, Failure> {
    let request = v1::OpenCycleRequest { cycle: Some(node.cycle(cycle)), cut_off: cut_off.map(wire::to_timestamp) };
    let answer = node.operations().open_cycle(request).await.told(&format!("opening {cycle}"))?;
    Ok(answer.cycle.unwrap_or_default())
}

/// Reads how a cycle stands at a house.
///
/// # Errors
/// What the node said.
pub async fn status(node: &Node, cycle: CycleId) -> Result<v1::Cycle, Failure> {
    let request = v1::GetCycleRequest { cycle: Some(node.cycle(cycle)) };
    let answer = node.operations().get_cycle(request).await.told(&format!("reading {cycle}"))?;
    Ok(answer.cycle.unwrap_or_default())
}

/// Reads a cut-off: an instant, or a time from now.
fn parse_cut_off(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let wrong =
        || format!("{text:?} is neither an instant such as 2026-02-13T17:15:00Z nor a time from now such as 90s");
    let from_now: SignedDuration = text.trim_start_matches('+').parse().map_err(|_| wrong())?;
    if from_now.is_negative() {
        return Err(wrong());
    }
    Timestamp::now().checked_add(from_now).map_err(|_| wrong())
}

/// One cycle, a line for each thing.
fn one(view: &CycleView) -> String {
    let mut lines = vec![
        format!("{}  {}", view.cycle, view.phase),
        format!("  round            {} here, {} at the other house", view.round, view.peer_round),
        format!(
            "  positions        revision {} here, {} of the other house",
            view.own_manifest_revision, view.peer_manifest_revision
        ),
        format!("  opened           {}", output::seconds(&view.opened_at)),
        format!("  as of            {}", output::seconds(&view.as_of)),
        format!(
            "  cut-off          {}{}",
            output::seconds(&view.cut_off),
            if view.is_cut_off { "  (on record)" } else { "" }
        ),
    ];
    if view.agreed_round > 0 {
        lines.push(format!("  agreed           round {}, {}", view.agreed_round, view.agreement_digest));
    }
    if !view.fall_back_cause.is_empty() {
        lines.push(format!("  fell back        {}", view.fall_back_cause));
    }
    if !view.explanation.is_empty() {
        lines.push(format!("  {}", view.explanation));
    }
    for timing in &view.timings {
        let micros = timing.duration_us;
        lines.push(format!(
            "  {:<10} round {:<2} {:>10}.{:03} ms",
            timing.step,
            timing.round,
            micros / 1_000,
            micros % 1_000
        ));
    }
    lines.join("\n")
}

fn list(views: &[CycleView]) -> String {
    if views.is_empty() {
        return "no cycles".to_owned();
    }
    let mut table =
        output::table(&["cycle", "phase", "round", "agreed round", "agreement", "cut-off"], |at| matches!(at, 2 | 3));
    for view in views {
        table.add_row([
            view.cycle.clone(),
            view.phase.clone(),
            view.round.to_string(),
            view.agreed_round.to_string(),
            output::short(&view.agreement_digest),
            output::seconds(&view.cut_off),
        ]);
    }
    table.to_string()
}

fn breaks(cycle: CycleId, round: u32, views: &[BreakView]) -> String {
    if views.is_empty() {
        return format!("{cycle} round {round}: no breaks");
    }
    let mut table = output::table(&["link", "cause", "Treasury house's leaf", "futures house's leaf"], |_| false);
    for view in views {
        table.add_row([
            view.link.clone(),
            view.cause.clone(),
            output::short(&view.treasury_leaf),
            output::short(&view.futures_leaf),
        ]);
    }
    let count = if views.len() == 1 { "1 break".to_owned() } else { format!("{} breaks", views.len()) };
    format!("{cycle} round {round}: {count}\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_off_is_an_instant_or_a_time_from_now() {
        assert_eq!(parse_cut_off("2026-02-13T17:15:00Z").unwrap().to_string(), "2026-02-13T17:15:00Z");
        let before = Timestamp::now();
        let parsed = parse_cut_off("15m").unwrap();
        assert!(
            parsed >= before + SignedDuration::from_mins(15)
                && parsed <= Timestamp::now() + SignedDuration::from_mins(15)
        );
        for wrong in ["noon", "", "-5s"] {
            assert!(parse_cut_off(wrong).unwrap_err().contains("90s"), "{wrong}");
        }
    }

    #[test]
    fn a_cycle_that_fell_back_says_why() {
        let view = CycleView::from(&v1::Cycle {
            phase: v1::CyclePhase::FallenBack.into(),
            fall_back_cause: v1::FallBackCause::PeerSilent.into(),
            explanation: "FICC was not reachable".into(),
            is_cut_off: true,
            ..Default::default()
        });
        let text = one(&view);
        assert!(text.contains("fell back        peer_silent") && text.contains("FICC was not reachable"), "{text}");
        assert!(!text.contains("agreed "), "{text}");
    }
}
