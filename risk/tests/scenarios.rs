//! Scenario sets of a made-up history, and of the published one in the folder that `CROSSMARGIN_DATA` names.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::PathBuf};

use jiff::{
    ToSpan,
    civil::{Date, date},
};
use risk::{
    history::{CsvFile, CurveDay, CurveHistory, OvernightDay, OvernightHistory, Rate},
    scenario::{CorrelationScaling, ScenarioRule, ScenarioWindow, SpreadRule, StressedPeriod, Tenor, VolatilityFilter},
};

/// Every day of some years from 2007-01-03 on, each tenor walking by itself over whole basis points.
fn histories(days: usize) -> (CurveHistory, OvernightHistory) {
    let mut state = 20_260_213_u64;
    let mut step = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from(state >> 33).unwrap() % 21 - 10
    };
    let mut levels = [40_000_i32; Tenor::STANDARD.len()];
    let (mut curve, mut overnight) = (Vec::new(), Vec::new());
    for index in 0..days {
        let day = date(2007, 1, 3) + i64::try_from(index).unwrap().days();
        let common = step();
        levels = levels.map(|level| (level + 100 * (common + step())).clamp(100, 120_000));
        curve.push(CurveDay { date: day, yields: levels.map(|level| Some(Rate::from_units(level))) });
        overnight.push(OvernightDay { date: day, rate: Rate::from_units(levels[0] + 10 * step()) });
    }
    (CurveHistory::new(curve).unwrap(), OvernightHistory::new(overnight).unwrap())
}

fn digest(rule: &ScenarioRule, as_of: Date) -> String {
    let (curve, overnight) = histories(900);
    let set = rule.scenarios(&curve, Some(&overnight), as_of).unwrap();
    blake3::Hash::from(set.digest()).to_hex().to_string()
}

#[test]
fn a_rule_without_stress_correlation_and_spread_gives_the_sets_it_always_gave() {
    let filter = VolatilityFilter::default_filter();
    let as_of = date(2009, 6, 1);
    for (rule, expected) in [
        (ScenarioRule::overlapping(3, 500), "1350dbacc3523e59cfff813dcfa2ad94c019ac20f9534e38fc051b402e758da6"),
        (ScenarioRule::filtered(1, 500, filter), "339f6d0236cbe6f7c3a173e6159ccae26a182d32d453ba07d5dd5dfbd8a8cb0e"),
        (ScenarioRule::filtered(5, 500, filter), "21d4696db40653f8f35089e80c90aad806480cedacefb358a5b0c80256a19d3b"),
    ] {
        assert_eq!(digest(&rule, as_of), expected);
    }
}

/// The default filter with correlations scaled.
fn correlated(correlation: CorrelationScaling) -> VolatilityFilter {
    VolatilityFilter { correlation: Some(correlation), ..VolatilityFilter::default_filter() }
}

fn near(one: &[f64], other: &[f64], tolerance: f64) {
    assert_eq!(one.len(), other.len());
    for (place, (one, other)) in one.iter().zip(other).enumerate() {
        assert!((one - other).abs() <= tolerance, "{place}: {one} {other}");
    }
}

#[test]
fn correlation_scaling_of_the_published_years_gives_what_an_independent_program_gave() {
    // Computed with full matrices, explicit inverses and another form of the factorisation, in percentage points:
    // tenors in their order, then the overnight rate, for which one month stands in.
    let one_day = [
        (
            date(2020, 3, 9),
            [
                -0.098334195,
                -0.027457930,
                -0.034822086,
                -0.023480194,
                -0.044136690,
                -0.062682427,
                -0.061022373,
                -0.066249511,
                -0.098942679,
                -0.101610164,
                -0.102728377,
                -0.099416115,
            ],
        ),
        (
            date(2022, 6, 13),
            [
                0.017140858,
                0.233287648,
                0.095552829,
                0.118834050,
                0.135596792,
                0.131932887,
                0.131175836,
                0.112884643,
                0.108219401,
                0.075245492,
                0.066431810,
                0.020638186,
            ],
        ),
    ];
    let three_day = [(
        date(2020, 3, 18),
        [
            -0.111766568,
            -0.079724480,
            -0.074430128,
            -0.058661788,
            0.057280354,
            0.056874685,
            0.062919013,
            0.115441497,
            0.124924810,
            0.135461557,
            0.090033276,
            -0.111664371,
        ],
    )];
    let Some(history) = published_history() else { return };
    let filter = correlated(CorrelationScaling::default_scaling());
    for (horizon, vectors) in [(1, &one_day[..]), (3, &three_day)] {
        let set = ScenarioRule::filtered(horizon, 2_500, filter).scenarios(&history, None, date(2025, 12, 31)).unwrap();
        for (day, expected) in vectors {
            let scenario = set.dates.binary_search(day).unwrap();
            near(set.curve_shift(scenario), &expected[..11], 1e-8);
            near(&set.overnight_shifts[scenario..=scenario], &expected[11..], 1e-8);
        }
    }
}

#[test]
fn whole_shrinkage_leaves_the_volatilities_alone_to_be_scaled() {
    let (curve, overnight) = histories(900);
    let of =
        |filter| ScenarioRule::filtered(3, 400, filter).scenarios(&curve, Some(&overnight), date(2009, 6, 1)).unwrap();
    let scaled = of(correlated(CorrelationScaling { decay_basis_points: 9_900, shrinkage_basis_points: 10_000 }));
    let plain = of(VolatilityFilter::default_filter());
    near(&scaled.curve_shifts, &plain.curve_shifts, 1e-12);
    near(&scaled.overnight_shifts, &plain.overnight_shifts, 1e-12);
    assert_eq!(scaled.dates, plain.dates);
}

#[test]
fn correlations_that_never_change_leave_scenarios_as_they_were() {
    // All series move in one proportion every day: every correlation is 1 throughout, whatever the volatility.
    let (curve, _) = histories(900);
    let days = curve.days().iter().map(|day| {
        let ten_year = day.yields[8].unwrap().units();
        let yields =
            std::array::from_fn(|place| Some(Rate::from_units(ten_year * (1 + i32::try_from(place % 3).unwrap()))));
        CurveDay { date: day.date, yields }
    });
    let curve = CurveHistory::new(days.collect()).unwrap();
    let of = |filter| ScenarioRule::filtered(2, 400, filter).scenarios(&curve, None, date(2009, 6, 1)).unwrap();
    for shrinkage_basis_points in [1, 1_000] {
        let scaling = CorrelationScaling { decay_basis_points: 9_700, shrinkage_basis_points };
        near(&of(correlated(scaling)).curve_shifts, &of(VolatilityFilter::default_filter()).curve_shifts, 1e-9);
    }
}

#[test]
fn series_that_came_to_move_as_one_do_so_in_the_scenarios() {
    let (curve, _) = histories(900);
    let mut days = curve.days().to_vec();
    // In the newest 200 days the thirty-year yield makes the two-year yield's moves.
    for index in 700..900 {
        let units = |day: &CurveDay, tenor: usize| day.yields[tenor].unwrap().units();
        let moved = units(&days[index], 4) - units(&days[index - 1], 4);
        days[index].yields[10] = Some(Rate::from_units(units(&days[index - 1], 10) + moved));
    }
    let (as_of, curve) = (days[899].date, CurveHistory::new(days).unwrap());
    let correlation = |filter| {
        let set = ScenarioRule::filtered(1, 600, filter).scenarios(&curve, None, as_of).unwrap();
        // The 400 scenarios from before.
        let sum = |one: usize, other: usize| -> f64 {
            (0..400).map(|scenario| set.curve_shift(scenario)[one] * set.curve_shift(scenario)[other]).sum()
        };
        sum(4, 10) / (sum(4, 4) * sum(10, 10)).sqrt()
    };
    let plain = correlation(VolatilityFilter::default_filter());
    let scaled = correlation(correlated(CorrelationScaling::default_scaling()));
    let less =
        correlated(CorrelationScaling { shrinkage_basis_points: 5_000, ..CorrelationScaling::default_scaling() });
    assert!(plain < 0.65 && scaled > 0.8, "{plain} {scaled}");
    assert!((plain..scaled).contains(&correlation(less)));
}

#[test]
fn days_after_the_as_of_day_change_no_digit() {
    let as_of = date(2009, 3, 1);
    let periods = || vec![StressedPeriod::new("spring", date(2008, 3, 1), date(2008, 4, 1))];
    let mut filtered = ScenarioRule::filtered(2, 300, correlated(CorrelationScaling::default_scaling()));
    filtered.spread = Some(SpreadRule { share_basis_points: 5_000 });
    filtered.window = ScenarioWindow::Lookback { scenarios: 300, stressed: periods() };
    for rule in [filtered, ScenarioRule::stressed(5, periods())] {
        let digests = [789, 790, 900].map(|days| {
            let (curve, overnight) = histories(days);
            rule.scenarios(&curve, Some(&overnight), as_of).unwrap().digest()
        });
        assert_eq!(digests[1], digests[0]);
        assert_eq!(digests[2], digests[0]);
    }
}

#[test]
fn the_published_years_give_ten_years_of_scenarios_and_the_credit_crisis() {
    let Some(history) = published_history() else { return };
    let crisis = StressedPeriod::new("2008 credit crisis", date(2008, 9, 15), date(2008, 12, 31));
    let mut rule = ScenarioRule::overlapping(3, 2_500);
    let plain = rule.scenarios(&history, None, date(2025, 12, 31)).unwrap();
    rule.window = ScenarioWindow::Lookback { scenarios: 2_500, stressed: vec![crisis.clone()] };
    let set = rule.scenarios(&history, None, date(2025, 12, 31)).unwrap();
    // 78 weekdays, less Columbus Day, Veterans Day, Thanksgiving and Christmas.
    assert_eq!((set.len(), set.dates[0], set.dates[74]), (2_574, date(2008, 9, 15), date(2015, 12, 31)));
    assert!(set.dates.is_sorted_by(|one, next| one < next));
    assert_eq!(set.curve_shifts[74 * 11..], plain.curve_shifts);
    let alone = ScenarioRule::stressed(3, vec![crisis]).scenarios(&history, None, date(2025, 12, 31)).unwrap();
    assert_eq!(alone.curve_shifts, set.curve_shifts[..74 * 11]);
    // The ten years hold 2020 and 2023: with all default periods nothing is added.
    rule.window = ScenarioWindow::Lookback { scenarios: 2_500, stressed: StressedPeriod::defaults() };
    assert_eq!(rule.scenarios(&history, None, date(2025, 12, 31)).unwrap(), plain);
}

/// `None` where no data folder is named; a named folder must hold the file.
fn published_history() -> Option<CurveHistory> {
    let path = PathBuf::from(std::env::var_os("CROSSMARGIN_DATA")?).join("ust_par_yield_daily.csv");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(CurveHistory::from_csv(&[CsvFile { label: "ust_par_yield_daily.csv", text: &text }]).unwrap())
}
