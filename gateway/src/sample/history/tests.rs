use std::sync::LazyLock;

use prost::Message;

use super::*;

const TEN_YEARS: usize = 8;

/// Daily changes of a tenor in basis points between two days.
fn changes(tenor: usize, from: Date, to: Date) -> Vec<f64> {
    static HISTORY: LazyLock<v1::CurveHistory> = LazyLock::new(curve_history);
    let days = epoch_days(from)..=epoch_days(to);
    let rows: Vec<&[i32]> = HISTORY.yields_e4.chunks(TENORS).collect();
    (1..rows.len())
        .filter(|row| days.contains(&HISTORY.dates[*row]))
        .map(|row| f64::from(rows[row][tenor] - rows[row - 1][tenor]) / 100.0)
        .collect()
}

fn moment(values: &[f64], order: usize) -> f64 {
    values.iter().map(|value| [*value; 4][..order].iter().product::<f64>()).sum::<f64>() / values.len() as f64
}

fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let product: f64 = one.iter().zip(other).map(|(a, b)| a * b).sum();
    product / one.len() as f64 / (moment(one, 2) * moment(other, 2)).sqrt()
}

#[test]
fn every_machine_draws_the_same_past() {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&curve_history().encode_to_vec());
    hasher.update(&overnight_rates().encode_to_vec());
    assert_eq!(hasher.finalize().to_hex().as_str(), "6d2fc0acc7d62398af282a9f5ad9b0800679ae6b9a01de45a29573c3b7ea7091");
}

#[test]
fn the_history_ends_on_the_curve_of_the_business_date() {
    let history = curve_history();
    assert_eq!((history.dates.len(), history.yields_e4.len()), (DAYS, DAYS * TENORS));
    assert_eq!(history.dates.last(), Some(&epoch_days(BUSINESS_DATE)));
    assert!(history.dates.is_sorted_by(|one, next| one < next));
    let ending = ENDING_CURVE.map(|percent| basis_points(percent) * 100);
    assert_eq!(history.yields_e4[(DAYS - 1) * TENORS..], ending);
    assert!(history.yields_e4.iter().all(|e4| (100..=120_000).contains(e4) && e4 % 100 == 0));
}

#[test]
fn the_history_holds_the_credit_crisis_and_a_year_before_it() {
    let dates = dates();
    assert!(dates[0] <= d(2007, 1, 3), "{}", dates[0]);
    let crisis = dates.partition_point(|day| *day < d(2008, 9, 15));
    assert!(crisis > 250 && dates[crisis] == d(2008, 9, 15));
}

#[test]
fn each_regime_has_its_volatility() {
    for (regime, (from, volatilities)) in REGIMES.iter().enumerate() {
        let to = REGIMES.get(regime + 1).map_or(BUSINESS_DATE, |(next, _)| next.yesterday().unwrap());
        for tenor in [4, TEN_YEARS, 10] {
            let changes = changes(tenor, *from, to);
            let found = moment(&changes, 2).sqrt();
            let ratio = found / volatilities[tenor];
            // Volatility clusters: the shorter the regime, the further it can lie off. The crisis of 2020 has 39 days.
            let tolerance = match changes.len() {
                ..100 => 0.5,
                100..300 => 0.35,
                _ => 0.25,
            };
            assert!((ratio - 1.0).abs() < tolerance, "regime {regime}, tenor {tenor}: {found} bp");
        }
    }
}

#[test]
fn tenors_move_together_as_published() {
    // Published daily changes, 2010 to 2026, rounded.
    for (one, other, published) in
        [(4, 6, 0.86), (4, 8, 0.71), (6, 8, 0.93), (8, 10, 0.93), (1, 8, 0.21), (4, 10, 0.54)]
    {
        let since = |tenor| changes(tenor, d(2010, 1, 1), BUSINESS_DATE);
        let found = correlation(&since(one), &since(other));
        assert!((found - published).abs() < 0.10, "{one} {other}: {found}");
    }
}

#[test]
fn large_days_are_more_frequent_than_normal_and_volatility_clusters() {
    let ten = changes(TEN_YEARS, Date::MIN, BUSINESS_DATE);
    let kurtosis = moment(&ten, 4) / (moment(&ten, 2) * moment(&ten, 2));
    assert!((4.0..8.0).contains(&kurtosis), "{kurtosis}");
    let squares: Vec<f64> = ten.iter().map(|change| change * change - moment(&ten, 2)).collect();
    let clustering = correlation(&squares[1..], &squares[..squares.len() - 1]);
    assert!((0.08..0.4).contains(&clustering), "{clustering}");
}

#[test]
fn overnight_rates_follow_the_target_range() {
    let rates = overnight_rates();
    assert_eq!((rates.dates.len(), rates.sofr_e4.len(), rates.effr_e4.len()), (DAYS, DAYS, DAYS));
    assert_eq!(rates.effr_e4.last(), Some(&36_400));
    for (sofr, effr) in rates.sofr_e4.iter().zip(&rates.effr_e4) {
        assert!((sofr - effr).abs() <= 2_000 && *sofr > 0, "{sofr} {effr}");
    }
}
