//! Specifications, baskets and prices of futures.

use std::collections::BTreeSet;

use crossmargin::v1;
use risk::{
    fixed::Fixed8,
    futures::{
        ContractSpecification, DeliverableGrade, FactorRounding, Family, LastDelivery, RemainingMaximum,
        TreasuryDelivery,
    },
    instrument::{Contract, Cusip, Instrument},
};

use super::is_price;
use crate::{problem::Collector, wire};

/// Reads contract specifications.
pub fn read_specifications(
    wire: &v1::ContractSpecifications,
    field: &str,
    problems: &mut Collector,
) -> Vec<ContractSpecification> {
    let rows = wire.specifications.iter().enumerate();
    rows.filter_map(|(row, specification)| {
        let path = |name: &str| format!("{field}.specifications[{row}].{name}");
        let product = problems.check(|| path("product"), specification.product.parse());
        let family = problems.check(|| path("family"), read_family(specification));
        let tick = problems.check(|| path("tick"), specification.tick.parse::<Fixed8>());
        let effective_from = wire::date("effective_from", &specification.effective_from).map_err(|e| e.reason);
        let effective_from = problems.check(|| path("effective_from"), effective_from);
        if specification.point_value_usd == 0 {
            problems.add(path("point_value_usd"), "a value above zero is needed");
        }
        Some(ContractSpecification {
            product: product?,
            family: family?,
            points_value: specification.point_value_usd,
            tick: tick?,
            effective_from: effective_from?,
        })
    })
    .collect()
}

fn read_family(specification: &v1::ContractSpecification) -> Result<Family, String> {
    match (specification.family(), &specification.delivery) {
        (v1::ContractFamily::Unspecified, _) => Err("is missing".to_owned()),
        (v1::ContractFamily::Treasury, None) => Err("a Treasury future needs its terms of delivery".to_owned()),
        (v1::ContractFamily::Treasury, Some(delivery)) => read_delivery(delivery).map(Family::Treasury),
        (_, Some(_)) => Err("only a Treasury future has terms of delivery".to_owned()),
        (v1::ContractFamily::SofrThreeMonth, None) => Ok(Family::SofrThreeMonth),
        (v1::ContractFamily::SofrOneMonth, None) => Ok(Family::SofrOneMonth),
        (v1::ContractFamily::FedFunds, None) => Ok(Family::FedFunds),
    }
}

fn read_delivery(delivery: &v1::TreasuryDelivery) -> Result<TreasuryDelivery, String> {
    let months = |months: u32| i32::try_from(months).map_err(|_| format!("{months} months is too long"));
    let optional = |count: u32| if count == 0 { Ok(None) } else { months(count).map(Some) };
    let longest = optional(delivery.remaining_maximum_months)?;
    let remaining_maximum = match (longest, delivery.remaining_maximum_rule()) {
        (None, v1::RemainingMaximumRule::Unspecified) => None,
        (Some(months), v1::RemainingMaximumRule::NotMoreFromFirstDay) => {
            Some(RemainingMaximum::NotMoreFromFirstDay(months))
        }
        (Some(months), v1::RemainingMaximumRule::LessFromFirstDay) => Some(RemainingMaximum::LessFromFirstDay(months)),
        (Some(months), v1::RemainingMaximumRule::NotMoreFromLastDay) => {
            Some(RemainingMaximum::NotMoreFromLastDay(months))
        }
        _ => return Err("remaining_maximum_months and remaining_maximum_rule are given together or not at all".into()),
    };
    Ok(TreasuryDelivery {
        grade: DeliverableGrade {
            original_minimum: optional(delivery.original_minimum_months)?,
            original_maximum: optional(delivery.original_maximum_months)?,
            remaining_minimum: months(delivery.remaining_minimum_months)?,
            remaining_maximum,
        },
        rounding: match delivery.factor_rounding() {
            v1::FactorRounding::Unspecified => return Err("delivery.factor_rounding is missing".into()),
            v1::FactorRounding::Quarter => FactorRounding::Quarter,
            v1::FactorRounding::Month => FactorRounding::Month,
        },
        last_delivery: match delivery.last_delivery() {
            v1::LastDelivery::Unspecified => return Err("delivery.last_delivery is missing".into()),
            v1::LastDelivery::LastBusinessDay => LastDelivery::LastBusinessDay,
            v1::LastDelivery::ThirdBusinessDayAfter => LastDelivery::ThirdBusinessDayAfter,
        },
    })
}

/// A specification as the wire carries it.
#[must_use]
pub fn specification_to_wire(specification: &ContractSpecification) -> v1::ContractSpecification {
    let (family, delivery) = match specification.family {
        Family::Treasury(delivery) => (v1::ContractFamily::Treasury, Some(delivery_to_wire(&delivery))),
        Family::SofrThreeMonth => (v1::ContractFamily::SofrThreeMonth, None),
        Family::SofrOneMonth => (v1::ContractFamily::SofrOneMonth, None),
        Family::FedFunds => (v1::ContractFamily::FedFunds, None),
    };
    v1::ContractSpecification {
        product: specification.product.to_string(),
        family: family.into(),
        point_value_usd: specification.points_value,
        tick: specification.tick.to_string(),
        effective_from: specification.effective_from.to_string(),
        delivery,
    }
}

fn delivery_to_wire(delivery: &TreasuryDelivery) -> v1::TreasuryDelivery {
    let months = |months: Option<i32>| months.and_then(|m| u32::try_from(m).ok()).unwrap_or_default();
    let (maximum, rule) = match delivery.grade.remaining_maximum {
        None => (None, v1::RemainingMaximumRule::Unspecified),
        Some(RemainingMaximum::NotMoreFromFirstDay(m)) => (Some(m), v1::RemainingMaximumRule::NotMoreFromFirstDay),
        Some(RemainingMaximum::LessFromFirstDay(m)) => (Some(m), v1::RemainingMaximumRule::LessFromFirstDay),
        Some(RemainingMaximum::NotMoreFromLastDay(m)) => (Some(m), v1::RemainingMaximumRule::NotMoreFromLastDay),
    };
    let rounding = match delivery.rounding {
        FactorRounding::Quarter => v1::FactorRounding::Quarter,
        FactorRounding::Month => v1::FactorRounding::Month,
    };
    let last_delivery = match delivery.last_delivery {
        LastDelivery::LastBusinessDay => v1::LastDelivery::LastBusinessDay,
        LastDelivery::ThirdBusinessDayAfter => v1::LastDelivery::ThirdBusinessDayAfter,
    };
    v1::TreasuryDelivery {
        original_minimum_months: months(delivery.grade.original_minimum),
        original_maximum_months: months(delivery.grade.original_maximum),
        remaining_minimum_months: months(Some(delivery.grade.remaining_minimum)),
        remaining_maximum_months: months(maximum),
        remaining_maximum_rule: rule.into(),
        factor_rounding: rounding.into(),
        last_delivery: last_delivery.into(),
    }
}

/// Reads deliverable baskets.
pub fn read_baskets(wire: &v1::Baskets, field: &str, problems: &mut Collector) -> Vec<(Contract, Vec<Cusip>)> {
    let rows = wire.baskets.iter().enumerate();
    rows.filter_map(|(row, basket)| {
        let contract = problems.check(|| format!("{field}.baskets[{row}].contract"), read_contract(&basket.contract));
        let deliverables: Vec<Cusip> = (basket.deliverables.iter().enumerate())
            .filter_map(|(place, cusip)| {
                problems.check(|| format!("{field}.baskets[{row}].deliverables[{place}]"), cusip.parse())
            })
            .collect();
        if basket.deliverables.is_empty() {
            problems.add(
                format!("{field}.baskets[{row}].deliverables"),
                format!("{}: at least one is needed", basket.contract),
            );
        }
        Some((contract?, deliverables))
    })
    .collect()
}

/// Reads settlement prices.
pub fn read_prices(wire: &v1::ContractPrices, field: &str, problems: &mut Collector) -> Vec<(Contract, Fixed8)> {
    let mut seen = BTreeSet::new();
    let rows = wire.prices.iter().enumerate();
    rows.filter_map(|(row, price)| {
        let path = |name: &str| format!("{field}.prices[{row}].{name}");
        let contract = problems.check(|| path("contract"), read_contract(&price.contract));
        let settlement = problems.check(|| path("settlement_price"), price.settlement_price.parse::<Fixed8>());
        let (contract, settlement) = (contract?, settlement?);
        if !is_price(settlement) {
            problems.add(path("settlement_price"), format!("{contract}: a price above 0 and up to 1000 is needed"));
        }
        if !seen.insert(contract) {
            problems.add(path("contract"), format!("{contract} is there twice"));
        }
        Some((contract, settlement))
    })
    .collect()
}

/// The baskets with what is known and has not matured; the market leaves out what it does not price.
#[must_use]
pub fn deliverable_now(baskets: Vec<(Contract, Vec<Cusip>)>, known: &BTreeSet<Cusip>) -> Vec<(Contract, Vec<Cusip>)> {
    let keep = |deliverables: Vec<Cusip>| deliverables.into_iter().filter(|cusip| known.contains(cusip)).collect();
    baskets.into_iter().map(|(contract, deliverables)| (contract, keep(deliverables))).collect()
}

fn read_contract(text: &str) -> Result<Contract, String> {
    match text.parse::<Instrument>() {
        Ok(Instrument::Future(contract)) => Ok(contract),
        Ok(other) => Err(format!("{other} is not a future: FUT:<product>:<month> is needed")),
        Err(error) => Err(error.to_string()),
    }
}
