//! `crossmargin agreements`: what both houses signed.

use clap::{Args, Subcommand};
use crossmargin::v1;

use super::{
    client::{Node, NodeArgs},
    cycle::Reach,
    failure::{Failure, Told},
    output,
    view::{AgreementView, TotalsView},
};
use crate::{arrangement::cycle_id::CycleId, identity::Role};

/// Arguments of `crossmargin agreements`.
#[derive(Clone, Debug, Args)]
pub struct AgreementsArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: AgreementsAction,
}

/// What to do with agreements.
#[derive(Clone, Debug, Subcommand)]
pub enum AgreementsAction {
    /// List agreements, newest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i32).range(1..=1_000))]
        limit: i32,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
    /// Show the agreement of a cycle with both signatures.
    Show {
        /// The cycle, such as 2026-02-13/ITD/1.
        cycle: CycleId,
        /// The round; 0 for the one in force.
        #[arg(long, default_value_t = 0)]
        round: u32,
        /// The node.
        #[command(flatten)]
        reach: Reach,
    },
}

/// Runs `crossmargin agreements`.
///
/// # Errors
/// What the node said.
pub async fn run(args: AgreementsArgs) -> Result<(), Failure> {
    let connect = |node: &NodeArgs| node.connect(Role::MarginReader);
    match args.action {
        AgreementsAction::List { limit, reach } => {
            let request = v1::ListAgreementsRequest { page_size: limit, page_token: String::new() };
            let answer = connect(&reach.node)?.margins().list_agreements(request).await.told("listing agreements")?;
            let views: Vec<AgreementView> = answer.agreements.iter().map(AgreementView::from).collect();
            output::answer(reach.json, &views, |views| list(views))
        }
        AgreementsAction::Show { cycle, round, reach } => {
            let agreement = get(&connect(&reach.node)?, cycle, round).await?;
            output::answer(reach.json, &AgreementView::from(&agreement), one)
        }
    }
}

/// Reads an agreement; round 0 is the one in force.
///
/// # Errors
/// What the node said.
pub async fn get(node: &Node, cycle: CycleId, round: u32) -> Result<v1::Agreement, Failure> {
    let request = v1::GetAgreementRequest { cycle: Some(node.cycle(cycle)), round };
    let answer = node.margins().get_agreement(request).await;
    Ok(answer.told(&format!("reading the agreement of {cycle}"))?.agreement.unwrap_or_default())
}

fn list(views: &[AgreementView]) -> String {
    if views.is_empty() {
        return "no agreements".to_owned();
    }
    let header = ["cycle", "round", "live", "rehearsal", "breaks", "signatures", "digest", "agreed at"];
    let mut table = output::table(&header, |at| (1..=5).contains(&at));
    for view in views {
        table.add_row([
            view.cycle.clone(),
            view.round.to_string(),
            view.live_count.to_string(),
            view.rehearsal_count.to_string(),
            view.breaks.iter().map(|found| found.count).sum::<u64>().to_string(),
            view.signatures.len().to_string(),
            output::short(&view.digest),
            output::seconds(&view.agreed_at),
        ]);
    }
    table.to_string()
}

fn one(view: &AgreementView) -> String {
    let mut lines = vec![
        format!("{} round {}", view.cycle, view.round),
        format!("  digest     {}", view.digest),
        format!("  agreed at  {}", output::seconds(&view.agreed_at)),
        format!(
            "  links      {} live, {} in rehearsal, {} suspended",
            view.live_count, view.rehearsal_count, view.suspended_count
        ),
    ];
    for found in &view.breaks {
        lines.push(format!("  breaks     {} by {}", found.count, found.cause));
    }
    for (name, totals) in [("live", &view.live_totals), ("rehearsal, as if live", &view.rehearsal_totals)] {
        let TotalsView { treasury_standalone, futures_standalone, treasury_requirement, futures_requirement, .. } =
            totals;
        lines.push(format!("  {name}"));
        lines.push(format!(
            "    Treasury house  alone {:>22}  requires {:>22}",
            output::grouped(treasury_standalone),
            output::grouped(treasury_requirement)
        ));
        lines.push(format!(
            "    futures house   alone {:>22}  requires {:>22}",
            output::grouped(futures_standalone),
            output::grouped(futures_requirement)
        ));
    }
    for signature in &view.signatures {
        lines.push(format!("  signed by {} with key {}", signature.house, signature.key_id));
        lines.push(format!("    {}", signature.signature));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agreement_is_shown_with_its_digest_and_both_signatures() {
        let signed = |house: &str, byte: u8| v1::SignedEnvelope {
            house: house.into(),
            signature: vec![byte; 64].into(),
            ..Default::default()
        };
        let view = AgreementView::from(&v1::Agreement {
            digest: "ab".repeat(32),
            signatures: vec![signed("FICC", 1), signed("CME", 2)],
            ..Default::default()
        });
        let text = one(&view);
        for part in [&"ab".repeat(32), &"01".repeat(64), &"02".repeat(64)] {
            assert!(text.contains(part.as_str()), "{text}");
        }
    }
}
