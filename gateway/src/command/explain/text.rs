//! An explanation as tables: of each tail the worst scenarios, of each list the largest contributions.

use std::{cmp::Reverse, fmt::Write as _};

use risk::money::Usd;

use super::view::{ContributionView, ExplanationView, FiguresView, HouseView, MovementView, PartView, TermView};
use crate::command::output::{grouped, table};

/// Scenarios of a tail that are shown.
const SCENARIOS_MAX: usize = 3;
/// Contributions that are shown.
const CONTRIBUTIONS_MAX: usize = 8;
/// Tenors whose moves are shown, in months.
const TENORS: [u32; 4] = [24, 60, 120, 360];

/// The whole explanation.
pub(super) fn of(view: &ExplanationView) -> String {
    let mut text = format!(
        "{} round {}, {}: {} and {}, USD; {}\n",
        view.cycle,
        view.round,
        view.link,
        view.treasury_account,
        view.futures_account,
        view.status.replace('_', " ")
    );
    let _ = writeln!(text, "{}\n{}\n", figures(view), view.factor_reason);
    for house in &view.houses {
        let _ = writeln!(text, "{}", of_house(house));
    }
    if let Some(movement) = &view.movement {
        let _ = writeln!(text, "{}", of_movement(movement));
    }
    for remark in &view.remarks {
        let _ = writeln!(text, "{remark}");
    }
    text
}

fn figures(view: &ExplanationView) -> String {
    let FiguresView { models, .. } = &view.figures;
    let mut cores = table(&["core margin", "Treasury leg", "futures leg", "both", "factor"], |at| at > 0);
    for (house, core) in view.houses.iter().zip(models) {
        cores.add_row([
            format!("{}, {}", house.house, house.model),
            grouped(&core.treasury_alone),
            grouped(&core.futures_alone),
            grouped(&core.combined),
            percent(core.factor),
        ]);
    }
    let applied = if view.status == "agreed" { "applied" } else { "would apply" };
    let mut required = table(&["requirement", "core alone", applied, "core", "charges", "in all"], |at| at > 0);
    let of = &view.figures;
    let rows = [
        (0, &of.treasury_standalone, &of.treasury_requirement, &of.treasury_charges, &of.treasury_total),
        (1, &of.futures_standalone, &of.futures_requirement, &of.futures_charges, &of.futures_total),
    ];
    for (house, alone, core, charges, total) in rows {
        let name = view.houses.get(house).map(|house| house.house.clone()).unwrap_or_default();
        let applied = percent(of.applied_factor);
        required.add_row([name, grouped(alone), applied, grouped(core), grouped(charges), grouped(total)]);
    }
    format!("{cores}\n{required}")
}

fn of_house(house: &HouseView) -> String {
    let mut text = format!("{}, {}\n", house.house, house.model);
    let mut parts =
        table(&["portfolio", "component", "term", "measure", "weight", "amount", "by full revaluation"], |at| at > 2);
    for part in &house.parts {
        add_part(&mut parts, part);
    }
    let _ = writeln!(text, "{parts}");
    if !house.charges.is_empty() {
        let charges = house.charges.iter().map(|charge| format!("{} {}", charge.name, grouped(&charge.amount)));
        let _ = writeln!(text, "outside the core: {}", charges.collect::<Vec<_>>().join(", "));
    }
    // What both legs do together is what the factor rests on.
    if let Some((both, term)) = house.parts.last().and_then(|both| Some((both, largest_term(both)?))) {
        let _ = write!(text, "\n{}", of_tail(both, term));
    }
    text
}

fn add_part(table: &mut comfy_table::Table, part: &PartView) {
    let name = part.part.replace('_', " ");
    for component in &part.components {
        for term in &component.terms {
            table.add_row([
                name.clone(),
                component.name.clone(),
                term.name.clone(),
                grouped(&term.measure),
                percent(term.weight),
                grouped(&term.amount),
                grouped(&term.full_revaluation_measure),
            ]);
        }
    }
    let beside = part.core_charges.iter().map(|charge| (charge.name.as_str(), &charge.amount));
    let beside =
        [("maturity floor", &part.maturity_floor), ("margin proxy", &part.margin_proxy)].into_iter().chain(beside);
    for (what, amount) in beside.filter(|(_, amount)| amount.as_str() != "0.00") {
        let empty = String::new;
        table.add_row([name.clone(), what.to_owned(), empty(), empty(), empty(), grouped(amount), empty()]);
    }
    let core = format!("core: {}", part.binding);
    table.add_row([name, core, String::new(), String::new(), String::new(), grouped(&part.core), String::new()]);
}

/// The largest term of what a core margin rests on; of the largest component where that is none.
fn largest_term(part: &PartView) -> Option<&TermView> {
    let amount = |amount: &str| amount.parse::<Usd>().unwrap_or_default();
    let binding = part.components.iter().find(|component| component.name == part.binding);
    let component = binding.or_else(|| part.components.iter().max_by_key(|component| amount(&component.amount)))?;
    component.terms.iter().max_by_key(|term| amount(&term.amount))
}

fn of_tail(part: &PartView, term: &TermView) -> String {
    let mut text = format!(
        "{}, {}: the {} worst of {} scenarios, expected shortfall {}\n",
        part.part.replace('_', " "),
        term.name,
        term.tail_count,
        term.scenario_count,
        grouped(&term.expected_shortfall)
    );
    let header = ["scenario to", "loss", "overnight bp", "2Y bp", "5Y bp", "10Y bp", "30Y bp"];
    let mut tail = table(&header, |at| at > 0);
    for scenario in term.tail.iter().take(SCENARIOS_MAX) {
        let moves = TENORS.map(|tenor| {
            let place = scenario.tenors_months.iter().position(|months| *months == tenor);
            place.and_then(|place| scenario.curve_bp.get(place)).map(|bp| format!("{bp:.1}")).unwrap_or_default()
        });
        let begin = [scenario.date.clone(), grouped(&scenario.loss), format!("{:.1}", scenario.overnight_bp)];
        tail.add_row(begin.into_iter().chain(moves));
    }
    let _ = writeln!(text, "{tail}");
    let _ = writeln!(text, "{}", contributions("position", Some("quantity"), &term.positions));
    let _ = writeln!(text, "{}", contributions("risk factor", None, &term.factors));
    text
}

fn contributions(what: &str, quantity: Option<&str>, parts: &[ContributionView]) -> String {
    let size = |part: &&ContributionView| part.scaled.parse::<Usd>().unwrap_or_default().units().unsigned_abs();
    let mut largest: Vec<&ContributionView> = parts.iter().collect();
    largest.sort_by_key(|part| Reverse(size(part)));
    let header: Vec<&str> = [what].into_iter().chain(quantity).chain(["to the shortfall", "to the measure"]).collect();
    let mut table = table(&header, |at| at > 0);
    let mut add = |name: String, held: String, amounts: [String; 2]| {
        let held = quantity.map(|_| held);
        table.add_row([name].into_iter().chain(held).chain(amounts));
    };
    for part in largest.iter().take(CONTRIBUTIONS_MAX) {
        let held = grouped(&part.quantity.to_string());
        add(part.name.clone(), held, [grouped(&part.amount), grouped(&part.scaled)]);
    }
    let left_out = &largest[largest.len().min(CONTRIBUTIONS_MAX)..];
    if !left_out.is_empty() {
        let sum = |amount: fn(&ContributionView) -> &String| -> String {
            let sum: Usd = left_out.iter().filter_map(|part| amount(part).parse::<Usd>().ok()).sum();
            grouped(&sum.to_string())
        };
        let name = format!("{} others", left_out.len());
        add(name, String::new(), [sum(|part| &part.amount), sum(|part| &part.scaled)]);
    }
    table.to_string()
}

fn of_movement(movement: &MovementView) -> String {
    let header = ["step", "Treasury in all", "change", "futures in all", "change", "applied", "what changed"];
    let mut steps = table(&header, |at| (1..=5).contains(&at));
    let row = |name: &str, figures: &FiguresView, changes: [&str; 2], remark: &str| {
        [
            name.to_owned(),
            grouped(&figures.treasury_total),
            grouped(changes[0]),
            grouped(&figures.futures_total),
            grouped(changes[1]),
            percent(figures.applied_factor),
            remark.to_owned(),
        ]
    };
    steps.add_row(row("before", &movement.before, ["", ""], ""));
    for step in &movement.steps {
        let changes = [step.treasury_total_change.as_str(), step.futures_total_change.as_str()];
        steps.add_row(row(&step.name, &step.after, changes, &step.remark));
    }
    format!("movement since {}\n{steps}\n", movement.since)
}

/// A fraction of whole basis points in per cent.
fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_contributions_are_one_row_that_keeps_the_sum() {
        let part = |index: usize| ContributionView {
            name: format!("P{index}"),
            quantity: 1,
            amount: format!("{index}.00"),
            scaled: format!("-{index}.50"),
        };
        let parts: Vec<ContributionView> = (0..12).map(part).collect();
        let text = contributions("position", Some("quantity"), &parts);
        assert!(text.contains("P11") && text.contains("P4") && !text.contains("P3"), "{text}");
        let others = text.lines().find(|line| line.contains("4 others")).unwrap();
        assert!(others.contains("6.00") && others.contains("-8.00"), "{others}");
    }
}
