use jiff::{ToSpan, civil::date};

use super::*;
use crate::history::{CurveDay, OvernightDay, Rate};
use crate::scenario::CorrelationScaling;

/// Consecutive days, the ten-year yield given, the one-month twice it.
fn curve(ten_year: &[i32]) -> CurveHistory {
    let first = date(2020, 1, 1);
    let days = ten_year
        .iter()
        .enumerate()
        .map(|(index, units)| {
            let mut yields = [None; Tenor::STANDARD.len()];
            yields[0] = Some(Rate::from_units(2 * units));
            yields[8] = Some(Rate::from_units(*units));
            CurveDay { date: first + i64::try_from(index).unwrap().days(), yields }
        })
        .collect();
    CurveHistory::new(days).unwrap()
}

fn shifts(set: &ScenarioSet) -> Vec<f64> {
    (0..set.len()).map(|scenario| set.curve_shift(scenario)[8]).collect()
}

#[test]
fn changes_overlap_and_end_on_the_as_of_day() {
    let history = curve(&[10_000, 20_000, 40_000, 70_000, 110_000]);
    let set = ScenarioRule::overlapping(2, 2).scenarios(&history, None, date(2020, 1, 4)).unwrap();
    assert_eq!(set.dates, [date(2020, 1, 3), date(2020, 1, 4)]);
    assert_eq!(shifts(&set), [3.0, 5.0]);
    // Without an overnight history the one-month yield stands in.
    assert_eq!(set.overnight_shifts, [6.0, 10.0]);
}

#[test]
fn a_short_history_says_how_many_days_it_lacks() {
    let history = curve(&[1, 2, 3, 4]);
    let error = ScenarioRule::overlapping(3, 2).scenarios(&history, None, date(2020, 1, 4)).unwrap_err();
    assert!(matches!(error, ScenarioError::TooShort { held: 4, needed: 5, .. }), "{error}");
    assert!(ScenarioRule::overlapping(3, 1).scenarios(&history, None, date(2020, 1, 4)).is_ok());
    let error = ScenarioRule::overlapping(1, 1).scenarios(&history, None, date(2020, 1, 12)).unwrap_err();
    assert!(matches!(error, ScenarioError::Stale { .. }), "{error}");
    let error = ScenarioRule::overlapping(1, 1).scenarios(&history, None, date(2019, 1, 1)).unwrap_err();
    assert!(matches!(error, ScenarioError::NothingBefore { .. }), "{error}");
}

#[test]
fn the_overnight_rate_is_its_own_and_is_carried_a_few_days() {
    let history = curve(&[10_000; 12]);
    let rates = [(1, 10_000), (3, 12_500)];
    let overnight = OvernightHistory::new(
        rates.map(|(day, units)| OvernightDay { date: date(2020, 1, day), rate: Rate::from_units(units) }).to_vec(),
    )
    .unwrap();
    let mut rule = ScenarioRule::overlapping(1, 11);
    let set = rule.scenarios(&history, Some(&overnight), date(2020, 1, 12)).unwrap();
    assert_eq!(set.overnight_shifts[..3], [0.0, 0.25, 0.0]);
    rule.overnight = OvernightRule::Required;
    let error = rule.scenarios(&history, Some(&overnight), date(2020, 1, 12)).unwrap_err();
    assert_eq!(error, ScenarioError::OvernightMissing { date: date(2020, 1, 11), age_days_max: 7 });
}

#[test]
fn a_filtered_change_is_scaled_by_tomorrow_s_forecast_over_its_own() {
    let history = curve(&[10_000, 20_000, 10_000, 40_000]);
    let filter = VolatilityFilter {
        decay_basis_points: 5_000,
        seed_from: date(2020, 1, 1),
        seed_days: 2,
        volatility_min_units: 1,
        correlation: None,
    };
    let set = ScenarioRule::filtered(1, 3, filter).scenarios(&history, None, date(2020, 1, 4)).unwrap();
    // Changes 1, -1, 3: forecasts 1, 1, 1, and (1 + 9) / 2 for the day after.
    let scale = 5.0_f64.sqrt();
    assert_eq!(shifts(&set), [scale, -scale, 3.0 * scale]);
}

#[test]
fn a_filtered_span_is_scaled_by_the_forecast_in_force_when_it_began() {
    let history = curve(&[10_000, 20_000, 10_000, 40_000, 30_000]);
    let filter = VolatilityFilter {
        decay_basis_points: 5_000,
        seed_from: date(2020, 1, 1),
        seed_days: 2,
        volatility_min_units: 1,
        correlation: None,
    };
    let set = ScenarioRule::filtered(2, 2, filter).scenarios(&history, None, date(2020, 1, 5)).unwrap();
    // Forecasts for days 2 to 6: 1, 1, 1, 5, 3. Spans: days 3 to 4 and days 4 to 5.
    let scale = 3.0_f64.sqrt();
    assert_eq!(shifts(&set), [2.0 * scale, 2.0 * scale]);
}

#[test]
fn a_rate_that_stood_still_is_scaled_from_the_floor() {
    let history = curve(&[10_000, 10_000, 10_000, 10_100]);
    let filter = VolatilityFilter {
        decay_basis_points: 5_000,
        seed_from: date(2020, 1, 1),
        seed_days: 1,
        volatility_min_units: 100,
        correlation: None,
    };
    let set = ScenarioRule::filtered(1, 1, filter).scenarios(&history, None, date(2020, 1, 4)).unwrap();
    // The forecast after a change of 1 basis point is 0.7 basis points: both ends of the ratio are the floor.
    assert_eq!(shifts(&set), [0.01]);
}

#[test]
fn every_parameter_out_of_range_is_refused() {
    let history = curve(&[1, 2, 3, 4]);
    let filter = VolatilityFilter::default_filter();
    for rule in [
        ScenarioRule::overlapping(0, 1),
        ScenarioRule::overlapping(1, 0),
        ScenarioRule::filtered(1, 1, VolatilityFilter { decay_basis_points: 10_000, ..filter }),
        ScenarioRule::filtered(1, 1, VolatilityFilter { decay_basis_points: 0, ..filter }),
        ScenarioRule::filtered(1, 1, VolatilityFilter { seed_days: 0, ..filter }),
        ScenarioRule::filtered(1, 1, VolatilityFilter { volatility_min_units: 0, ..filter }),
        correlated(0, 1_000),
        correlated(10_000, 1_000),
        correlated(9_900, 0),
        correlated(9_900, 10_001),
        with_spread(0),
        with_spread(10_001),
        ScenarioRule::stressed(1, vec![]),
    ] {
        let error = rule.scenarios(&history, None, date(2020, 1, 4)).unwrap_err();
        assert!(matches!(error, ScenarioError::Parameter(_)), "{error}");
    }
}

fn correlated(decay_basis_points: u16, shrinkage_basis_points: u16) -> ScenarioRule {
    let correlation = Some(CorrelationScaling { decay_basis_points, shrinkage_basis_points });
    ScenarioRule::filtered(1, 1, VolatilityFilter { correlation, ..VolatilityFilter::default_filter() })
}

fn with_spread(share_basis_points: u16) -> ScenarioRule {
    ScenarioRule { spread: Some(SpreadRule { share_basis_points }), ..ScenarioRule::overlapping(1, 1) }
}

#[test]
fn a_seed_that_the_history_does_not_hold_says_how_many_days_it_lacks() {
    let filter = VolatilityFilter { seed_days: 4, ..VolatilityFilter::default_filter() };
    let error = ScenarioRule::filtered(1, 1, filter).scenarios(&curve(&[1; 4]), None, date(2020, 1, 4)).unwrap_err();
    assert!(matches!(error, ScenarioError::SeedTooShort { held: 4, needed: 5, .. }), "{error}");
}

#[test]
fn spreads_follow_the_filtered_moves_by_their_share() {
    let history = curve(&[10_000, 20_000, 10_000, 40_000]);
    let filter = VolatilityFilter { seed_days: 2, ..VolatilityFilter::default_filter() };
    let rule =
        ScenarioRule { spread: Some(SpreadRule { share_basis_points: 2_500 }), ..ScenarioRule::filtered(1, 2, filter) };
    let set = rule.scenarios(&history, None, date(2020, 1, 4)).unwrap();
    let held = ScenarioRule::filtered(1, 2, filter).scenarios(&history, None, date(2020, 1, 4)).unwrap();
    assert_eq!((&set.curve_shifts, &set.dates), (&held.curve_shifts, &held.dates));
    assert_eq!((set.spread_shifts.len(), held.spread_shifts.len()), (22, 0));
    for scenario in 0..set.len() {
        let curve = set.curve_shift(scenario);
        // The ten-year yield, less the line through seven and twenty years.
        let residual = curve[8] - (curve[7] + (curve[9] - curve[7]) * (36.0 / 156.0));
        assert!((set.spread_shift(scenario)[8] - 0.25 * residual).abs() < 1e-15);
    }
    assert_ne!(set.digest(), held.digest());
    assert!(held.spread_shift(0).is_empty() && set.spread_shift(2).is_empty());
}

#[test]
fn a_realised_move_is_what_came_true_whatever_the_filter() {
    let history = curve(&[10_000, 20_000, 10_000, 40_000]);
    let mut rule = ScenarioRule::filtered(1, 2, VolatilityFilter::default_filter());
    let set = realised(&history, None, &rule, 1, 3).unwrap();
    assert_eq!(set, ScenarioRule::overlapping(2, 1).scenarios(&history, None, date(2020, 1, 4)).unwrap());
    rule.spread = Some(SpreadRule { share_basis_points: 10_000 });
    assert_eq!(realised(&history, None, &rule, 1, 3).unwrap().spread_shifts.len(), 11);
    for (from, to) in [(3, 3), (2, 1), (3, 4)] {
        let error = realised(&history, None, &rule, from, to).unwrap_err();
        assert_eq!(error, ScenarioError::NoSuchMove { from, to, held: 4 });
    }
}

#[test]
fn every_parameter_of_a_rule_changes_the_text_that_a_models_digest_is_over() {
    let digest = |rule: &ScenarioRule| serde_json::to_string(rule).unwrap();
    let correlation = Some(CorrelationScaling::default_scaling());
    let mut rule = ScenarioRule::filtered(1, 9, VolatilityFilter { correlation, ..VolatilityFilter::default_filter() });
    rule.spread = Some(SpreadRule { share_basis_points: 5_000 });
    fn filter(rule: &mut ScenarioRule) -> &mut VolatilityFilter {
        rule.filter.as_mut().unwrap()
    }
    fn period() -> StressedPeriod {
        StressedPeriod::defaults().remove(0)
    }
    fn lookback(stressed: Vec<StressedPeriod>) -> ScenarioWindow {
        ScenarioWindow::Lookback { scenarios: 9, stressed }
    }
    let changes: [fn(&mut ScenarioRule); 20] = [
        |r| r.horizon_days = 2,
        |r| r.window = ScenarioWindow::lookback(8),
        |r| r.window = lookback(vec![period()]),
        |r| r.window = lookback(vec![StressedPeriod { name: "other".to_owned(), ..period() }]),
        |r| r.window = lookback(vec![StressedPeriod { from: date(2008, 9, 16), ..period() }]),
        |r| r.window = lookback(vec![StressedPeriod { to: date(2008, 9, 16), ..period() }]),
        |r| r.window = lookback(vec![period(), period()]),
        |r| r.window = ScenarioWindow::Periods { periods: vec![period()] },
        |r| r.filter = None,
        |r| filter(r).decay_basis_points = 1,
        |r| filter(r).seed_from = date(2008, 1, 1),
        |r| filter(r).seed_days = 1,
        |r| filter(r).volatility_min_units = 1,
        |r| filter(r).correlation = None,
        |r| filter(r).correlation.as_mut().unwrap().decay_basis_points = 1,
        |r| filter(r).correlation.as_mut().unwrap().shrinkage_basis_points = 1,
        |r| r.spread = None,
        |r| r.spread.as_mut().unwrap().share_basis_points = 1,
        |r| r.overnight = OvernightRule::Required,
        |r| r.age_days_max = 1,
    ];
    let mut digests = vec![digest(&rule)];
    for (place, change) in changes.iter().enumerate() {
        let mut changed = rule.clone();
        change(&mut changed);
        assert!(!digests.contains(&digest(&changed)), "change {place}");
        digests.push(digest(&changed));
    }
}

#[test]
fn a_rule_reads_back_from_its_text_form_and_a_misspelling_is_refused() {
    let mut rule = ScenarioRule::stressed(3, StressedPeriod::defaults());
    rule.spread = Some(SpreadRule { share_basis_points: 5_000 });
    let text = serde_json::to_string(&rule).unwrap();
    assert_eq!(serde_json::from_str::<ScenarioRule>(&text).unwrap(), rule);
    for word in ["periods", "name", "share_basis_points"] {
        let misspelt = text.replace(&format!("\"{word}\":"), &format!("\"{word}x\":"));
        assert!(serde_json::from_str::<ScenarioRule>(&misspelt).is_err(), "{misspelt}");
    }
    // What came later may be left out of a text.
    let text = r#"{"horizon_days": 1, "window": {"lookback": {"scenarios": 9}}, "filter": {"decay_basis_points": 9700,
        "seed_from": "2007-01-03", "seed_days": 250, "volatility_min_units": 50}, "overnight": "shortest_tenor",
        "age_days_max": 7}"#;
    let rule = ScenarioRule::filtered(1, 9, VolatilityFilter::default_filter());
    assert_eq!(serde_json::from_str::<ScenarioRule>(text).unwrap(), rule);
}
