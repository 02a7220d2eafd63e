//! `crossmargin requirements`: what each house requires of linked accounts.

use clap::Args;
use crossmargin::v1;

use super::{
    client::NodeArgs,
    failure::{Failure, Told},
    listing, output,
    view::RequirementView,
};
use crate::{arrangement::cycle_id::CycleId, identity::Role};

/// Arguments of `crossmargin requirements`.
#[derive(Clone, Debug, Args)]
pub struct RequirementsArgs {
    /// The cycle, such as 2026-02-13/ITD/1; with --account the newest that charges where it is not given.
    #[arg(required_unless_present = "account")]
    pub cycle: Option<CycleId>,

    /// One account alone, of either house.
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "round")]
    pub account: Option<String>,

    /// The round; 0 for the one in force.
    #[arg(long, default_value_t = 0)]
    pub round: u32,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// Runs `crossmargin requirements`.
///
/// # Errors
/// What the node said.
pub async fn run(args: RequirementsArgs) -> Result<(), Failure> {
    let node = args.node.connect(Role::MarginReader)?;
    let found = match (args.account, args.cycle) {
        (Some(account), cycle) => {
            let cycle = cycle.map(|cycle| node.cycle(cycle));
            let request = v1::GetRequirementRequest { account: account.clone(), cycle };
            let answer = node.margins().get_requirement(request).await;
            let answer = answer.told(&format!("reading the requirement of {account}"))?;
            answer.requirement.into_iter().collect()
        }
        (None, Some(cycle)) => listing::requirements(&node, cycle, args.round).await?,
        (None, None) => return Err(Failure::new("a cycle or --account is needed")),
    };
    let views: Vec<RequirementView> = found.iter().map(RequirementView::from).collect();
    output::answer(args.json, &views, |views| text(views, &found))
}

fn text(views: &[RequirementView], found: &[v1::Requirement]) -> String {
    if views.is_empty() {
        return "no requirements".to_owned();
    }
    let mut header = vec![
        "link",
        "kind",
        "Treasury",
        "futures",
        "Treasury alone",
        "futures alone",
        "factors",
        "",
        "applied",
        "Treasury core",
        "futures core",
        "Treasury in all",
        "futures in all",
        "status",
    ];
    let adjusts = views.iter().map(|view| view.adjusts.as_str()).find(|adjusts| !adjusts.is_empty());
    if adjusts.is_some() {
        header.extend(["Treasury adjusted by", "futures adjusted by"]);
    }
    let mut table = output::table(&header, |at| (4..=12).contains(&at) || at > 13);
    for (view, wire) in views.iter().zip(found) {
        let mut row = vec![
            view.link.clone(),
            view.kind.clone(),
            view.treasury_account.clone(),
            view.futures_account.clone(),
            output::grouped(&view.treasury_standalone),
            output::grouped(&view.futures_standalone),
            output::percent(wire.treasury_factor_bp),
            output::percent(wire.futures_factor_bp),
            output::percent(wire.applied_factor_bp),
            output::grouped(&view.treasury_requirement),
            output::grouped(&view.futures_requirement),
            output::grouped(&view.treasury_total),
            output::grouped(&view.futures_total),
            view.status.clone(),
        ];
        if adjusts.is_some() {
            row.extend([&view.treasury_adjustment, &view.futures_adjustment].map(|amount| output::grouped(amount)));
        }
        table.add_row(row);
    }
    let against = adjusts.map(|adjusts| format!("; adjusts {adjusts}")).unwrap_or_default();
    let mut text = format!("{} round {}, USD{against}\n{table}", views[0].cycle, views[0].round);
    let differentials: Vec<String> = views
        .iter()
        .filter(|view| view.portfolio_differential.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0'))
        .map(|view| format!("{} {}", view.link, output::grouped(&view.portfolio_differential)))
        .collect();
    if !differentials.is_empty() {
        text.push_str("\nPortfolio differential of this house, beside the totals: ");
        text.push_str(&differentials.join(", "));
    }
    for view in views.iter().filter(|view| !view.reason.is_empty() && view.status != "rehearsal") {
        text.push_str(&format!("\n{}: {}", view.link, view.reason));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjustment_has_its_columns_and_its_sign_only_where_the_cycle_adjusts_another() {
        let wire = |adjusts: Option<v1::CycleId>| v1::Requirement {
            link: Some(v1::LinkTerms { link_id: "LNK-1".into(), ..Default::default() }),
            adjusts,
            treasury_adjustment: "-1234.50".into(),
            ..Default::default()
        };
        let kind = v1::CycleKind::Eod.into();
        let eod = v1::CycleId { business_date: "2026-02-13".into(), kind, run: 2, ..Default::default() };
        let text_of = |wire: v1::Requirement| text(&[RequirementView::from(&wire)], &[wire]);
        let adjusted = text_of(wire(Some(eod)));
        assert!(adjusted.contains("adjusts 2026-02-13/EOD/2") && adjusted.contains("-1,234.50"), "{adjusted}");
        assert!(!text_of(wire(None)).contains("adjust"));
    }

    #[test]
    fn a_requirement_that_is_not_agreed_is_listed_with_its_reason() {
        let wire = v1::Requirement {
            link: Some(v1::LinkTerms { link_id: "LNK-1".into(), ..Default::default() }),
            status: v1::RequirementStatus::Break.into(),
            reason: "the positions differ".into(),
            treasury_requirement: "1234567.00".into(),
            applied_factor_bp: 0,
            ..Default::default()
        };
        let text = text(&[RequirementView::from(&wire)], &[wire]);
        assert!(text.contains("1,234,567.00") && text.contains("LNK-1: the positions differ"), "{text}");
    }
}
