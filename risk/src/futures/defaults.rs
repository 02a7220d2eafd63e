//! The eleven products of the arrangement as the exchange's public specifications describe them.

use jiff::civil::date;

use super::{
    ContractSpecification, DeliverableGrade, FactorRounding, Family, LastDelivery, RemainingMaximum, TreasuryDelivery,
};
use crate::fixed::Fixed8;

/// The default specifications of the eleven products, in force until an operator's reference data replaces them.
///
/// Source: the exchange's public contract specification pages (published). `effective_from` is the earliest date for
/// which a stored text of the specification was seen, or the product's first trading day, where known; it only orders
/// versions. Two texts differ in public sources and are to be confirmed before live use: the 3-year note's face (USD
/// 200,000 here, 300,000 in newer texts) and the 10-year note's longest remaining maturity (under 8 years here, 10
/// years in older texts).
#[must_use]
pub fn default_specifications() -> Vec<ContractSpecification> {
    use FactorRounding::{Month, Quarter};
    use LastDelivery::{LastBusinessDay, ThirdBusinessDayAfter};
    use RemainingMaximum::{LessFromFirstDay, NotMoreFromFirstDay, NotMoreFromLastDay};

    let treasury = |original: (Option<i32>, Option<i32>), minimum, maximum, rounding, last_delivery| {
        Family::Treasury(TreasuryDelivery {
            grade: DeliverableGrade {
                original_minimum: original.0,
                original_maximum: original.1,
                remaining_minimum: minimum,
                remaining_maximum: maximum,
            },
            rounding,
            last_delivery,
        })
    };
    let any = (None, None);
    let zt = treasury((None, Some(63)), 21, Some(NotMoreFromLastDay(24)), Month, ThirdBusinessDayAfter);
    let z3n = treasury((None, Some(84)), 33, Some(NotMoreFromLastDay(36)), Month, ThirdBusinessDayAfter);
    let zf = treasury((None, Some(63)), 50, None, Month, ThirdBusinessDayAfter);
    let zn = treasury((None, Some(120)), 78, Some(LessFromFirstDay(96)), Quarter, LastBusinessDay);
    let tn = treasury((Some(120), Some(120)), 113, Some(NotMoreFromFirstDay(120)), Quarter, LastBusinessDay);
    let twe = treasury(any, 230, Some(LessFromFirstDay(239)), Quarter, LastBusinessDay);
    let zb = treasury(any, 180, Some(LessFromFirstDay(300)), Quarter, LastBusinessDay);
    let ub = treasury(any, 300, None, Quarter, LastBusinessDay);

    // Ticks in units of 1e-8 of a point: a 32nd, its half, its quarter, its eighth; a half and a quarter basis point.
    const A_32ND: i64 = 3_125_000;
    const HALF_BASIS_POINT: i64 = 500_000;
    [
        ("ZT", zt, 2_000, A_32ND / 8, date(2019, 1, 14)),
        ("Z3N", z3n, 2_000, A_32ND / 8, date(2020, 7, 13)),
        ("ZF", zf, 1_000, A_32ND / 4, date(2000, 1, 3)),
        ("ZN", zn, 1_000, A_32ND / 2, date(2000, 1, 3)),
        ("TN", tn, 1_000, A_32ND / 2, date(2016, 2, 12)),
        ("TWE", twe, 1_000, A_32ND, date(2022, 3, 7)),
        ("ZB", zb, 1_000, A_32ND, date(2010, 1, 11)),
        ("UB", ub, 1_000, A_32ND, date(2010, 1, 11)),
        ("SR3", Family::SofrThreeMonth, 2_500, HALF_BASIS_POINT, date(2018, 5, 7)),
        ("SR1", Family::SofrOneMonth, 4_167, HALF_BASIS_POINT, date(2018, 5, 7)),
        ("ZQ", Family::FedFunds, 4_167, HALF_BASIS_POINT, date(2000, 1, 3)),
    ]
    .into_iter()
    .filter_map(|(product, family, points_value, tick, effective_from)| {
        // Every code above is well formed; a test counts the table.
        let product = product.parse().ok()?;
        Some(ContractSpecification { product, family, points_value, tick: Fixed8::from_units(tick), effective_from })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_eleven_products() {
        let products: Vec<String> = default_specifications().iter().map(|s| s.product.to_string()).collect();
        assert_eq!(products.join(" "), "ZT Z3N ZF ZN TN TWE ZB UB SR3 SR1 ZQ");
    }
}
