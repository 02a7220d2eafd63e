//! What a computation left out or replaced, for a reader.

use risk::{charge::ChargeRule, instrument::Instrument, model::Model};

use super::case::LinkCase;

/// Every remark on a link's margins.
pub(super) fn of(case: &LinkCase) -> Vec<String> {
    let mut remarks = Vec::new();
    remarks.extend(proxies(case));
    remarks.extend(deliverables(case));
    remarks.extend(case.situation.models.iter().filter_map(spreads));
    remarks.extend(case.situation.models.iter().filter_map(differential));
    remarks
}

fn proxies(case: &LinkCase) -> impl Iterator<Item = String> {
    let proxied = case.valued.models[0].dictionary().iter().filter(|row| row.facts.is_proxied);
    proxied.map(|row| {
        format!(
            "{} has no price on {}: it is margined by proxy, a share of its face that nothing offsets",
            row.instrument, case.business_date
        )
    })
}

fn deliverables(case: &LinkCase) -> impl Iterator<Item = String> {
    let market = case.valued.market();
    let futures = case.valued.instruments().iter().filter_map(|instrument| match instrument {
        Instrument::Future(contract) => Some((instrument, market.future(*contract)?)),
        _ => None,
    });
    let incomplete = futures.filter(|(_, future)| !future.unpriced_deliverables.is_empty());
    incomplete.map(|(instrument, future)| {
        let left_out: Vec<String> = future.unpriced_deliverables.iter().map(ToString::to_string).collect();
        format!("{instrument} is valued without deliverable issues that have no price: {}", left_out.join(", "))
    })
}

fn spreads(model: &Model) -> Option<String> {
    let moved = model.terms().filter(|(_, term)| term.scenarios.spread.is_some());
    let moved: Vec<String> = moved.map(|(component, term)| format!("{}, {}", component.name, term.name)).collect();
    (!moved.is_empty()).then(|| {
        format!(
            "{}: issues move against the curve and against futures in {}; a hedge of issues with futures keeps that risk",
            model.version,
            moved.join("; ")
        )
    })
}

fn differential(model: &Model) -> Option<String> {
    let mut charges = model.charges.iter();
    let charge = charges.find(|charge| matches!(charge.rule, ChargeRule::PortfolioDifferential { .. }))?;
    Some(format!(
        "{}: {} follows from the account's past cycles; it is charged beside these figures and is no part of them",
        model.version, charge.name
    ))
}
