//! Every figure of the published data that `CROSSMARGIN_DATA` names: auctions, conversion factors, days of SOFR,
//! settlements, the scenarios of the par curve. Without the variable there is nothing to read; with it, a missing file
//! fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, path::PathBuf};

use jiff::civil::{Date, date};
use risk::{
    calendar::Calendar,
    date::{add_days, add_months},
    fixed::Fixed8,
    fixings::{Fixings, OvernightRate},
    futures::{FactorRounding, conversion_factor, settle_fed_funds, settle_sofr_one_month, settle_sofr_three_month},
    instrument::Instrument,
    market::{Market, MarketInput},
    revaluation::Revaluer,
    scenario::{ScenarioSet, Tenor},
    treasury::{
        Convention, CouponSchedule, TreasuryIssue, TreasuryKind, TreasuryTerms, accrued_per_1000, auction_price,
    },
};

type Record = BTreeMap<String, String>;

fn records(file: &str) -> Option<Vec<Record>> {
    let folder = PathBuf::from(std::env::var_os("CROSSMARGIN_DATA")?);
    let mut reader = csv::Reader::from_path(folder.join(file)).unwrap();
    Some(reader.deserialize().map(|record| record.unwrap()).collect())
}

fn fixed(text: &str) -> Fixed8 {
    text.parse().unwrap()
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn every_coupon_auction_comes_out_to_the_last_digit() {
    let Some(records) = records("treasury_auctions.csv") else { return };
    let mut auctions = 0;
    for record in records.iter().filter(|record| record["SecurityType"] != "Bill") {
        let date = |column: &str| day(&record[column]);
        let schedule = CouponSchedule::new(
            fixed(&record["InterestRate"]),
            date("DatedDate"),
            date("FirstInterestPaymentDate"),
            date("MaturityDate"),
        )
        .unwrap();
        let price = auction_price(&schedule, date("IssueDate"), fixed(&record["HighYield"]).to_f64()).unwrap();
        let accrued = accrued_per_1000(&schedule, date("IssueDate")).unwrap();
        let published = record["AccruedInterestPer1000"].as_str();
        assert_eq!(price.price, fixed(&record["PricePer100"]), "{record:?}");
        assert_eq!(accrued, fixed(if published.is_empty() { "0" } else { published }), "{record:?}");
        auctions += 1;
    }
    assert!(auctions >= 30, "{auctions}");
}

#[test]
fn every_conversion_factor_comes_out_to_the_last_digit() {
    let Some(records) = records("conversion_factors.csv") else { return };
    assert!(records.len() >= 40);
    for record in records {
        let rounding = match record["contract"].as_str() {
            "TU" | "3YR" | "FV" => FactorRounding::Month,
            _ => FactorRounding::Quarter,
        };
        let coupon = Fixed8::from_units(fixed(&record["coupon"]).units() * 100);
        let month = day(&record["delivery_month_first_day"]).into();
        let factor = conversion_factor(coupon, day(&record["maturity"]), month, rounding);
        assert_eq!(factor, Some(fixed(&record["published_cf"])), "{record:?}");
    }
}

fn overnight(records: &[Record], rate: OvernightRate) -> Fixings {
    let column = if rate == OvernightRate::Sofr { "sofr" } else { "effr" };
    let published = records.iter().filter(|record| !record[column].is_empty());
    Fixings::new(rate, published.map(|record| (day(&record["date"]), fixed(&record[column]))))
}

#[test]
fn sofr_was_published_on_exactly_the_business_days() {
    let Some(records) = records("usd_overnight_rates.csv") else { return };
    let sofr = overnight(&records, OvernightRate::Sofr);
    let published: Vec<Date> = sofr.iter().map(|(day, _)| day).collect();
    let (first, last) = (published[0], *published.last().unwrap());
    let business: Vec<Date> = (0..)
        .map(|days| add_days(first, days))
        .take_while(|&day| day <= last)
        .filter(|&day| Calendar::UsGovernmentBond.is_business_day(day))
        .collect();
    assert!(published.len() > 2_000);
    assert_eq!(published, business);
}

#[test]
fn rate_futures_settle_where_the_official_fixings_put_them() {
    let Some(records) = records("usd_overnight_rates.csv") else { return };
    let sofr = overnight(&records, OvernightRate::Sofr);
    let fed_funds = overnight(&records, OvernightRate::FedFunds);
    for (month, settlement) in [("2023-03", "95.0571"), ("2020-03", "99.9607"), ("2025-06", "95.624")] {
        assert_eq!(settle_sofr_three_month(month.parse().unwrap(), &sofr), Ok(fixed(settlement)), "SR3 {month}");
    }
    let march = "2023-03".parse().unwrap();
    assert_eq!(settle_sofr_one_month(march, &sofr), Ok(fixed("95.37")));
    assert_eq!(settle_fed_funds(march, &fed_funds), Ok(fixed("95.351")));
    let missing = settle_sofr_three_month("2026-06".parse().unwrap(), &sofr).unwrap_err();
    assert_eq!(missing.to_string(), "the SOFR fixing of 2026-06-24 is missing");
}

const TENORS: [(&str, u16); 11] = [
    ("1M", 1),
    ("3M", 3),
    ("6M", 6),
    ("1Y", 12),
    ("2Y", 24),
    ("3Y", 36),
    ("5Y", 60),
    ("7Y", 84),
    ("10Y", 120),
    ("20Y", 240),
    ("30Y", 360),
];

/// USD 100 million of a ten-year par bond on a coupon date, as of 2025-12-31, over 2,500 overlapping three-day changes:
/// computed by others from the same curves.
#[test]
fn a_par_bond_has_the_published_scenario_losses() {
    let Some(records) = records("ust_par_yield_daily.csv") else { return };
    let as_of = date(2025, 12, 31);
    let curves: Vec<&Record> = records.iter().filter(|record| day(&record["date"]) <= as_of).collect();
    let curve = |record: &Record| TENORS.map(|(name, _)| fixed(&record[name]).to_f64());
    let moves: Vec<(Date, [f64; 11])> = curves[curves.len() - 2_503..]
        .windows(4)
        .map(|pair| {
            let (from, to) = (curve(pair[0]), curve(pair[3]));
            (day(&pair[3]["date"]), std::array::from_fn(|tenor| to[tenor] - from[tenor]))
        })
        .collect();
    assert_eq!((moves.len(), moves[0].0), (2_500, date(2015, 12, 31)));
    let set = ScenarioSet {
        dates: moves.iter().map(|(day, _)| *day).collect(),
        tenors: TENORS.map(|(_, months)| Tenor(months)).to_vec(),
        curve_shifts: moves.iter().flat_map(|(_, shifts)| *shifts).collect(),
        overnight_shifts: moves.iter().map(|(_, shifts)| shifts[0]).collect(),
        spread_shifts: vec![],
    };

    let today = curves[curves.len() - 1];
    let settle = Calendar::UsGovernmentBond.next(as_of);
    let cusip = "91282CPJ4".parse().unwrap();
    let terms = TreasuryTerms::new(TreasuryIssue {
        cusip,
        kind: TreasuryKind::Note,
        coupon: fixed(&today["10Y"]),
        dated: settle,
        issue: settle,
        first_coupon: add_months(settle, 6),
        maturity: add_months(settle, 120),
    })
    .unwrap();
    let market = Market::new(&MarketInput {
        business_date: as_of,
        treasuries: vec![(terms, fixed("100"))],
        par_curve: TENORS.iter().map(|(name, months)| (Tenor(*months), Some(fixed(&today[*name])))).collect(),
        sofr: vec![(date(2025, 12, 30), fixed("3.71"))],
        fed_funds: vec![],
        specifications: vec![],
        settlements: vec![],
        baskets: vec![],
    })
    .unwrap();
    let mut row = Revaluer::new(&market, &set).unwrap().row(Instrument::Treasury(cusip)).unwrap();
    row.sort_unstable();

    // A million units of 100; rows are 1e-8 USD.
    let usd = |units: i64| units as f64 / 100.0;
    let near = |found: f64, published: f64| (found - published).abs() < 0.01;
    let expected_shortfall = row[..25].iter().sum::<i64>() as f64 / 100.0 / 25.0;
    assert!(near(usd(row[24]), -1_843_739.15), "{}", usd(row[24]));
    assert!(near(expected_shortfall, -2_319_847.63), "{expected_shortfall}");
    assert!(near(usd(row[0]), -3_569_643.94), "{}", usd(row[0]));
    assert!(near(usd(row[2_500 - 25]), 1_967_864.53), "{}", usd(row[2_475]));
    let treasury = market.treasury(cusip).unwrap();
    let dv01 = treasury.resolved.dv01(Convention::Street, treasury.yield_percent) * 1e6;
    assert!(near(dv01, 81_051.52), "{dv01}");
}
