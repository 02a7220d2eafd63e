//! An item of market data as rows and columns of text: what tables and CSV files show.

use comfy_table::Table;
use crossmargin::v1::{self, market_item::Item};
use jiff::{Span, civil::date};
use risk::scenario::Tenor;

use crate::{command::output, market::histories::NOT_PUBLISHED};

/// Columns and rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sheet {
    /// Names of the columns.
    pub(super) columns: Vec<String>,
    /// The rows, as many cells as columns; empty where there is nothing.
    pub(super) rows: Vec<Vec<String>>,
}

/// Columns of an item; those of curves depend on the tenors.
pub(super) const ISSUES: [&str; 7] =
    ["cusip", "kind", "coupon", "dated_date", "issue_date", "first_coupon_date", "maturity_date"];
/// Columns of prices of issues.
pub(super) const ISSUE_PRICES: [&str; 2] = ["cusip", "clean_price"];
/// Columns of overnight rates, in per cent.
pub(super) const OVERNIGHT_RATES: [&str; 3] = ["date", "sofr", "effr"];
/// Columns of specifications; those from the sixth on are of Treasury futures alone.
pub(super) const SPECIFICATIONS: [&str; 12] = [
    "product",
    "family",
    "point_value_usd",
    "tick",
    "effective_from",
    "original_minimum_months",
    "original_maximum_months",
    "remaining_minimum_months",
    "remaining_maximum_months",
    "remaining_maximum_rule",
    "factor_rounding",
    "last_delivery",
];
/// Columns of baskets, a row for each deliverable issue.
pub(super) const BASKETS: [&str; 2] = ["contract", "cusip"];
/// Columns of prices of contracts.
pub(super) const CONTRACT_PRICES: [&str; 2] = ["contract", "settlement_price"];

impl Sheet {
    /// An item as a sheet.
    #[must_use]
    pub(super) fn of(item: &Item) -> Self {
        match item {
            Item::Issues(issues) => Self::new(ISSUES, issues.issues.iter().map(issue)),
            Item::IssuePrices(prices) => Self::new(
                ISSUE_PRICES,
                prices.prices.iter().map(|price| vec![price.cusip.clone(), price.clean_price.clone()]),
            ),
            Item::CurveHistory(history) => curves(history),
            Item::OvernightRates(rates) => Self::new(
                OVERNIGHT_RATES,
                rates
                    .dates
                    .iter()
                    .zip(&rates.sofr_e4)
                    .zip(&rates.effr_e4)
                    .map(|((day, sofr), effr)| vec![day_text(*day), rate_text(*sofr), rate_text(*effr)]),
            ),
            Item::ContractSpecifications(specifications) => {
                Self::new(SPECIFICATIONS, specifications.specifications.iter().map(specification))
            }
            Item::Baskets(baskets) => Self::new(
                BASKETS,
                baskets.baskets.iter().flat_map(|basket| {
                    basket.deliverables.iter().map(|cusip| vec![basket.contract.clone(), cusip.clone()])
                }),
            ),
            Item::ContractPrices(prices) => Self::new(
                CONTRACT_PRICES,
                prices.prices.iter().map(|price| vec![price.contract.clone(), price.settlement_price.clone()]),
            ),
        }
    }

    /// The sheet as a table for people.
    #[must_use]
    pub(super) fn table(&self) -> Table {
        let names: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        output::sheet(&names, &self.rows)
    }

    /// The rows as JSON objects.
    #[must_use]
    pub(super) fn objects(&self) -> Vec<serde_json::Map<String, serde_json::Value>> {
        let object = |row: &Vec<String>| {
            self.columns.iter().cloned().zip(row.iter().cloned().map(serde_json::Value::String)).collect()
        };
        self.rows.iter().map(object).collect()
    }

    /// The sheet as CSV. No cell holds a comma, a quote or a line end.
    #[must_use]
    pub(super) fn csv(&self) -> String {
        let mut text = self.columns.join(",");
        for row in &self.rows {
            text.push('\n');
            text.push_str(&row.join(","));
        }
        text.push('\n');
        text
    }

    fn new<const N: usize>(columns: [&str; N], rows: impl Iterator<Item = Vec<String>>) -> Self {
        Self { columns: columns.iter().map(ToString::to_string).collect(), rows: rows.collect() }
    }
}

fn issue(issue: &v1::Issue) -> Vec<String> {
    vec![
        issue.cusip.clone(),
        output::small(issue.kind().as_str_name(), "ISSUE_KIND_"),
        issue.coupon.clone(),
        issue.dated_date.clone(),
        issue.issue_date.clone(),
        issue.first_coupon_date.clone(),
        issue.maturity_date.clone(),
    ]
}

fn specification(specification: &v1::ContractSpecification) -> Vec<String> {
    let mut row = vec![
        specification.product.clone(),
        output::small(specification.family().as_str_name(), "CONTRACT_FAMILY_"),
        specification.point_value_usd.to_string(),
        specification.tick.clone(),
        specification.effective_from.clone(),
    ];
    match &specification.delivery {
        Some(delivery) => row.extend([
            delivery.original_minimum_months.to_string(),
            delivery.original_maximum_months.to_string(),
            delivery.remaining_minimum_months.to_string(),
            delivery.remaining_maximum_months.to_string(),
            output::small(delivery.remaining_maximum_rule().as_str_name(), "REMAINING_MAXIMUM_RULE_"),
            output::small(delivery.factor_rounding().as_str_name(), "FACTOR_ROUNDING_"),
            output::small(delivery.last_delivery().as_str_name(), "LAST_DELIVERY_"),
        ]),
        None => row.resize(SPECIFICATIONS.len(), String::new()),
    }
    row
}

fn curves(history: &v1::CurveHistory) -> Sheet {
    let mut columns = vec!["date".to_owned()];
    columns.extend(
        history.tenors_months.iter().map(|months| Tenor(u16::try_from(*months).unwrap_or(u16::MAX)).to_string()),
    );
    let width = history.tenors_months.len().max(1);
    let rows = history.dates.iter().zip(history.yields_e4.chunks(width)).map(|(day, yields)| {
        let mut row = vec![day_text(*day)];
        row.extend(yields.iter().map(|rate| rate_text(*rate)));
        row
    });
    Sheet { rows: rows.collect(), columns }
}

fn day_text(days: i32) -> String {
    let day = Span::new().try_days(days).ok().and_then(|span| date(1970, 1, 1).checked_add(span).ok());
    day.map(|day| day.to_string()).unwrap_or_default()
}

/// Ten-thousandths of a per cent in per cent, without trailing zeros past the second decimal; empty where none was
/// published.
fn rate_text(e4: i32) -> String {
    if e4 == NOT_PUBLISHED {
        return String::new();
    }
    let rate = rust_decimal::Decimal::new(e4.into(), 4).normalize();
    if rate.scale() < 2 { format!("{rate:.2}") } else { rate.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shown_in_per_cent() {
        for (e4, text) in
            [(42_500, "4.25"), (43_300, "4.33"), (43_333, "4.3333"), (-100, "-0.01"), (0, "0.00"), (NOT_PUBLISHED, "")]
        {
            assert_eq!(rate_text(e4), text);
        }
    }

    #[test]
    fn every_row_of_the_samples_items_has_a_cell_for_each_column() {
        use crate::{arrangement::leg::Leg, sample};
        for item in Leg::BOTH.into_iter().flat_map(|leg| sample::market().into_items(leg)) {
            let sheet = Sheet::of(&item.item.unwrap());
            assert!(!sheet.rows.is_empty());
            assert!(sheet.rows.iter().all(|row| row.len() == sheet.columns.len()), "{:?}", sheet.columns);
        }
    }
}
