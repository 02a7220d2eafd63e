//! `crossmargin totals`: what both houses require of all accounts of a member.

use clap::Args;
use crossmargin::v1;
use serde::Serialize;

use super::{
    client::NodeArgs,
    failure::{Failure, Told},
    output,
};
use crate::{
    arrangement::{cycle_id::CycleId, name::MemberId},
    identity::Role,
};

/// Arguments of `crossmargin totals`.
#[derive(Clone, Debug, Args)]
pub struct TotalsArgs {
    /// The cycle, such as 2026-02-13/EOD/1; the newest that charges where it is not given.
    pub cycle: Option<CycleId>,

    /// The clearing member.
    #[arg(long, value_name = "MEMBER")]
    pub member: MemberId,

    /// The round; 0 for the one in force.
    #[arg(long, default_value_t = 0, requires = "cycle")]
    pub round: u32,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,

    /// The node.
    #[command(flatten)]
    pub node: NodeArgs,
}

/// The totals of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct MemberTotalsView {
    /// The cycle; empty before the first.
    cycle: String,
    /// The round it rests on.
    round: u32,
    /// The clearing member.
    member: String,
    /// The member's own accounts.
    house: TotalView,
    /// The accounts of all its affiliates.
    affiliates: TotalView,
    /// The accounts of each affiliate.
    each_affiliate: Vec<OwnerTotalView>,
    /// The accounts of all its customers, gross.
    customers: TotalView,
    /// What the amounts are.
    note: String,
}

/// The total of one owner's links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct OwnerTotalView {
    /// The owner.
    owner: String,
    /// Its total.
    #[serde(flatten)]
    total: TotalView,
}

/// A sum of requirements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct TotalView {
    /// Number of links.
    link_count: u64,
    /// At the Treasury house.
    treasury: HouseTotalView,
    /// At the futures house.
    futures: HouseTotalView,
    /// How many requirements rest on what.
    statuses: Vec<StatusCountView>,
}

/// A sum of what one house requires, USD; empty where an amount of a link is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct HouseTotalView {
    /// Stand-alone core margins.
    standalone: String,
    /// What it requires for the core.
    requirement: String,
    /// What it charges outside the core.
    charges: String,
    /// What it requires in all.
    total: String,
    /// What reductions save.
    saved: String,
    /// Links of which its amounts are not known.
    unknown_count: u64,
}

/// How many requirements rest on the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct StatusCountView {
    /// `agreed`, `rehearsal`, `break`, `fallen_back`, `pending`, `advance_grant`.
    status: String,
    /// The number.
    count: u64,
}

/// Runs `crossmargin totals`.
///
/// # Errors
/// What the node said.
pub async fn run(args: TotalsArgs) -> Result<(), Failure> {
    let node = args.node.connect(Role::MarginReader)?;
    let member = args.member.to_string();
    let cycle = args.cycle.map(|cycle| node.cycle(cycle));
    let request = v1::GetMemberTotalsRequest { member: member.clone(), cycle, round: args.round };
    let answer = node.margins().get_member_totals(request).await.told(&format!("reading the totals of {member}"))?;
    let view = MemberTotalsView::from(&answer.totals.unwrap_or_default());
    output::answer(args.json, &view, text)
}

fn text(view: &MemberTotalsView) -> String {
    let header = [
        "accounts",
        "links",
        "Treasury alone",
        "Treasury core",
        "Treasury charges",
        "Treasury in all",
        "Treasury saved",
        "futures alone",
        "futures core",
        "futures charges",
        "futures in all",
        "futures saved",
        "rest on",
    ];
    let mut table = output::table(&header, |at| (1..=11).contains(&at));
    let affiliates = view.each_affiliate.iter().map(|each| (format!("affiliate {}", each.owner), &each.total));
    let rows = std::iter::once(("house".to_owned(), &view.house))
        .chain(affiliates)
        .chain([("affiliates".to_owned(), &view.affiliates), ("customers".to_owned(), &view.customers)]);
    for (name, total) in rows {
        let amounts = [&total.treasury, &total.futures].into_iter().flat_map(|house| {
            [&house.standalone, &house.requirement, &house.charges, &house.total, &house.saved]
                .map(|it| output::grouped(it))
        });
        let statuses: Vec<String> = total
            .statuses
            .iter()
            .map(|counted| format!("{} {}", counted.count, counted.status.replace('_', " ")))
            .collect();
        table.add_row(
            [name, total.link_count.to_string()]
                .into_iter()
                .chain(amounts)
                .chain([statuses.join(", ")])
                .collect::<Vec<_>>(),
        );
    }
    let cycle =
        if view.cycle.is_empty() { "no cycle yet".to_owned() } else { format!("{} round {}", view.cycle, view.round) };
    let mut text = format!("{}, {cycle}, USD\n{table}\n{}", view.member, view.note);
    let parts = [("house", &view.house), ("affiliates", &view.affiliates), ("customers", &view.customers)];
    for (name, total) in parts {
        for (house, unknown) in [("Treasury", total.treasury.unknown_count), ("futures", total.futures.unknown_count)] {
            if unknown > 0 {
                text.push_str(&format!(
                    "\n{name}: the {house} house's amounts of {unknown} links are not known at this house"
                ));
            }
        }
    }
    text
}

impl From<&v1::MemberTotals> for MemberTotalsView {
    fn from(from: &v1::MemberTotals) -> Self {
        let total = |total: Option<&v1::RequirementTotal>| TotalView::from(&total.cloned().unwrap_or_default());
        let each = from.each_affiliate.iter();
        Self {
            cycle: from.cycle.as_ref().map(|cycle| output::cycle(Some(cycle))).unwrap_or_default(),
            round: from.round,
            member: from.member.clone(),
            house: total(from.house.as_ref()),
            affiliates: total(from.affiliates.as_ref()),
            each_affiliate: each
                .map(|each| OwnerTotalView { owner: each.owner.clone(), total: total(each.total.as_ref()) })
                .collect(),
            customers: total(from.customers.as_ref()),
            note: from.note.clone(),
        }
    }
}

impl From<&v1::RequirementTotal> for TotalView {
    fn from(from: &v1::RequirementTotal) -> Self {
        let house = |house: Option<&v1::HouseTotal>| HouseTotalView::from(&house.cloned().unwrap_or_default());
        let statuses = from.statuses.iter().map(|counted| StatusCountView {
            status: output::small(counted.status().as_str_name(), "REQUIREMENT_STATUS_"),
            count: counted.count,
        });
        Self {
            link_count: from.link_count,
            treasury: house(from.treasury.as_ref()),
            futures: house(from.futures.as_ref()),
            statuses: statuses.collect(),
        }
    }
}

impl From<&v1::HouseTotal> for HouseTotalView {
    fn from(from: &v1::HouseTotal) -> Self {
        Self {
            standalone: from.standalone.clone(),
            requirement: from.requirement.clone(),
            charges: from.charges.clone(),
            total: from.total.clone(),
            saved: from.saved.clone(),
            unknown_count: from.unknown_count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(link_count: u64, treasury: &str, unknown_count: u64) -> Option<v1::RequirementTotal> {
        let known = v1::HouseTotal { total: treasury.into(), ..Default::default() };
        let statuses = vec![v1::StatusCount { status: v1::RequirementStatus::FallenBack.into(), count: link_count }];
        let unknown = v1::HouseTotal { unknown_count, ..Default::default() };
        Some(v1::RequirementTotal { link_count, treasury: Some(known), futures: Some(unknown), statuses })
    }

    #[test]
    fn the_parts_of_a_member_are_listed_with_what_they_rest_on_and_what_is_not_known() {
        let wire = v1::MemberTotals {
            member: "alder-point".into(),
            house: total(1, "1234567.00", 0),
            affiliates: total(2, "20.00", 0),
            each_affiliate: vec![v1::OwnerTotal { owner: "AF1".into(), total: total(2, "20.00", 0) }],
            customers: total(3, "30.00", 2),
            note: "gross".into(),
            ..Default::default()
        };
        let text = text(&MemberTotalsView::from(&wire));
        for part in ["alder-point, no cycle yet", "1,234,567.00", "affiliate AF1", "3 fallen back", "gross"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let unknown = "customers: the futures house's amounts of 2 links are not known at this house";
        assert!(text.ends_with(unknown), "{text}");
    }
}
