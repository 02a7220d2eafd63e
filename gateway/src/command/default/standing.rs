//! How defaults stand, as the commands show them.

use std::fmt::Write as _;

use crossmargin::v1;
use serde::Serialize;

use crate::command::{
    output::{cycle, grouped, short, small, table},
    programme::change::scope,
};

/// A member in default. Amounts are USD as decimals, empty where none is recorded; pairs are the Treasury house's and the
/// futures house's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DefaultView {
    suspension: String,
    member: String,
    about: String,
    reason: String,
    is_in_force: bool,
    packages: [String; 2],
    is_package_signed_by_both: bool,
    cycle: String,
    round: u32,
    close_outs: [String; 2],
    is_close_out_settled: bool,
    pools: Vec<PoolView>,
    problems: Vec<String>,
}

/// A pool of results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct PoolView {
    /// The customer; empty for the member's own accounts and its affiliates'.
    customer: String,
    results: [String; 2],
    allocation: Option<AllocationView>,
    missing: Vec<String>,
    recorded: [Option<RecordView>; 2],
    is_signed_by_both: bool,
    problems: Vec<String>,
}

/// An allocation as it follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct AllocationView {
    payer: String,
    amount: String,
    rule: String,
    is_assumed: bool,
    steps: Vec<String>,
}

/// An allocation as a house recorded it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct RecordView {
    payer: String,
    amount: String,
    rule: String,
}

impl From<&v1::MemberDefault> for DefaultView {
    fn from(found: &v1::MemberDefault) -> Self {
        let suspension = found.suspension.clone().unwrap_or_default();
        let package = |record: Option<&v1::DefaultPackageRecord>| {
            record.map(|record| hex::encode(&record.package)).unwrap_or_default()
        };
        let close_outs = [found.treasury_close_out(), found.futures_close_out()];
        Self {
            about: scope(suspension.scope.as_ref()),
            suspension: suspension.suspension_id,
            member: found.member.clone(),
            reason: suspension.reason,
            is_in_force: suspension.is_in_force,
            packages: [found.treasury_package.as_ref(), found.futures_package.as_ref()].map(package),
            is_package_signed_by_both: found.is_package_signed_by_both,
            cycle: cycle(found.cycle.as_ref()),
            round: found.round,
            close_outs: close_outs.map(|choice| small(choice.as_str_name(), "CLOSE_OUT_")),
            is_close_out_settled: found.is_close_out_settled,
            pools: found.pools.iter().map(PoolView::from).collect(),
            problems: found.problems.clone(),
        }
    }
}

impl From<&v1::LossPool> for PoolView {
    fn from(pool: &v1::LossPool) -> Self {
        let record = |record: Option<&v1::LossAllocationRecord>| {
            record.map(|v1::LossAllocationRecord { payer, amount, rule, .. }| RecordView {
                payer: payer.clone(),
                amount: amount.clone(),
                rule: rule.clone(),
            })
        };
        let allocation = pool.allocation.clone();
        Self {
            customer: pool.customer.clone(),
            results: [pool.treasury_result.clone(), pool.futures_result.clone()],
            allocation: allocation.map(|v1::AllocatedLoss { payer, amount, rule, is_assumed, steps }| AllocationView {
                payer,
                amount,
                rule,
                is_assumed,
                steps,
            }),
            missing: pool.missing.clone(),
            recorded: [pool.treasury_record.as_ref(), pool.futures_record.as_ref()].map(record),
            is_signed_by_both: pool.is_signed_by_both,
            problems: pool.problems.clone(),
        }
    }
}

impl PoolView {
    fn name(&self) -> String {
        match self.customer.as_str() {
            "" => "member and affiliates".to_owned(),
            customer => format!("customer {customer}"),
        }
    }

    fn is_broken(&self) -> bool {
        !self.problems.is_empty()
    }
}

/// Defaults, a row each.
pub(super) fn overview(views: &[DefaultView]) -> String {
    if views.is_empty() {
        return "no member is in default".to_owned();
    }
    let header = ["suspension", "member", "in force", "package", "agreed in", "close-out", "settled pools", "problems"];
    let mut rows = table(&header, |_| false);
    for view in views {
        let settled = view.pools.iter().filter(|pool| pool.is_signed_by_both && !pool.is_broken()).count();
        let problems = view.problems.len() + view.pools.iter().map(|pool| pool.problems.len()).sum::<usize>();
        rows.add_row([
            view.suspension.clone(),
            view.member.clone(),
            if view.is_in_force { "yes" } else { "no" }.to_owned(),
            package_words(view),
            view.cycle.clone(),
            close_out_words(view),
            format!("{settled} of {}", view.pools.len()),
            problems.to_string(),
        ]);
    }
    rows.to_string()
}

/// One default with every step of its allocations.
pub(super) fn details(view: &DefaultView) -> String {
    let DefaultView { suspension, about, reason, .. } = view;
    let force = if view.is_in_force { "" } else { " (lifted)" };
    let mut text = format!("default     {about}, suspension {suspension}{force}: {reason}\n");
    // Writing to a text cannot fail.
    let _ = writeln!(text, "package     {}", package_words(view));
    if !view.cycle.is_empty() {
        let _ = writeln!(text, "agreed in   {} round {}", view.cycle, view.round);
    }
    let _ = writeln!(text, "close-out   {}", close_out_words(view));
    for problem in &view.problems {
        let _ = writeln!(text, "PROBLEM     {problem}");
    }
    for pool in &view.pools {
        pool_text(pool, &mut text);
    }
    text.trim_end().to_owned()
}

fn pool_text(pool: &PoolView, text: &mut String) {
    let _ = writeln!(text, "\n{}", pool.name());
    if let Some(allocation) = &pool.allocation {
        for step in &allocation.steps {
            let _ = writeln!(text, "  {step}");
        }
    }
    for missing in &pool.missing {
        let _ = writeln!(text, "  missing: {missing}");
    }
    for (house, recorded) in ["Treasury house", "futures house"].into_iter().zip(&pool.recorded) {
        if let Some(RecordView { payer, amount, rule }) = recorded {
            let pays = if payer.is_empty() {
                "nobody pays".to_owned()
            } else {
                format!("{payer} pays USD {}", grouped(amount))
            };
            let _ = writeln!(text, "  recorded by the {house}: {pays}, by rule {rule}");
        }
    }
    if pool.is_signed_by_both {
        let _ = writeln!(text, "  signed by both houses");
    }
    for problem in &pool.problems {
        let _ = writeln!(text, "  BREAK: {problem}");
    }
}

fn package_words(view: &DefaultView) -> String {
    match &view.packages {
        [treasury, _] if view.is_package_signed_by_both => format!("{}, signed by both", short(treasury)),
        [treasury, futures] if treasury.is_empty() && futures.is_empty() => "none".to_owned(),
        packages => pair_words(packages.each_ref().map(|package| short(package))),
    }
}

fn close_out_words(view: &DefaultView) -> String {
    match &view.close_outs {
        [treasury, _] if view.is_close_out_settled => format!("{treasury}, settled"),
        [treasury, futures] if treasury.is_empty() && futures.is_empty() => "not chosen".to_owned(),
        choices => pair_words(choices.clone()),
    }
}

/// What each house has, in the order of the legs.
fn pair_words(both: [String; 2]) -> String {
    let [treasury, futures] = both.map(|text| if text.is_empty() { "none".to_owned() } else { text });
    format!("Treasury house {treasury}, futures house {futures}")
}

#[cfg(test)]
mod tests;
