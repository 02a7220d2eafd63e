//! What a computation left out or replaced, for a reader.

use risk::{charge::ChargeRule, model::Model};

use super::case::LinkCase;

/// Every remark on a link's margins.
pub(super) fn of(case: &LinkCase) -> Vec<String> {
    let mut remarks: Vec<String> = case.valued.remarks().collect();
    remarks.extend(case.situation.models.iter().filter_map(spreads));
    remarks.extend(case.situation.models.iter().filter_map(differential));
    remarks
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
