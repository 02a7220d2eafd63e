//! Past days: the business date itself, a history that ends, and a revaluation of published moves.

use jiff::civil::Date;
use risk::{
    date::days_between,
    history::CurveHistory,
    revaluation::{Revaluer, kernel_units},
    scenario::{ScenarioSet, Tenor},
};

use super::*;
use crate::{arrangement::link::LinkTerms, market::Assembled};

/// The moves of the par yields and of SOFR between two days, as the sample's wire data has them, in percentage points.
fn published_move(from: Date, to: Date) -> ([f64; 11], f64) {
    let market = sample::market();
    let (curves, rates) = (market.curve_history, market.overnight_rates);
    let number = |date: Date| i32::try_from(days_between(date_of_epoch(), date)).unwrap();
    let level = |e4: i32| {
        assert_ne!(e4, i32::MIN, "published on both days");
        f64::from(e4) / 1e4
    };
    let curve = |date: Date| {
        let row = curves.dates.binary_search(&number(date)).unwrap() * 11;
        std::array::from_fn::<_, 11, _>(|tenor| level(curves.yields_e4[row + tenor]))
    };
    let sofr = |date: Date| level(rates.sofr_e4[rates.dates.partition_point(|day| *day <= number(date)) - 1]);
    let (before, after) = (curve(from), curve(to));
    (std::array::from_fn(|tenor| after[tenor] - before[tenor]), sofr(to) - sofr(from))
}

fn date_of_epoch() -> Date {
    jiff::civil::date(1970, 1, 1)
}

#[test]
fn margins_as_of_the_business_date_are_those_of_the_claim() {
    let bench = Bench::new();
    let (_, leaves) = bench.joint(&sample_books());
    let past = bench.computer.past(&bench.job(&sample_books()), |_| true).unwrap();
    let margins = past.margins(sample::BUSINESS_DATE, past.links()).unwrap();
    assert_eq!((past.links().len(), margins.len()), (28, 28));
    for (link, margins) in past.links().iter().zip(margins) {
        let leaf = leaves.iter().find(|leaf| leaf.link_id == link.terms.link.as_str()).unwrap();
        let claimed = [&leaf.treasury_house, &leaf.futures_house].map(|figures| figures.as_ref().unwrap().combined_e8);
        assert_eq!(margins.map(|margin| i64::try_from(margin.units()).unwrap()), claimed, "{}", leaf.link_id);
    }
}

#[test]
fn a_past_day_is_margined_as_if_nothing_after_it_were_known() {
    let bench = Bench::new();
    let is_wanted = |terms: &LinkTerms| ["LNK-0002", "LNK-0005"].contains(&terms.link.as_str());
    let past = bench.computer.past(&bench.job(&sample_books()), is_wanted).unwrap();
    let day = past.days(5).unwrap()[0];
    let found = past.margins(day.date, past.links()).unwrap();
    // The other route: the histories end on that day, and the models are told that it is today.
    let assembled = bench.computer.assembled(&bench.job(&sample_books())).unwrap();
    let known = assembled.curve_history.days().iter().filter(|known| known.date <= day.date).cloned().collect();
    let cut = Assembled { curve_history: CurveHistory::new(known).unwrap(), ..(*assembled).clone() };
    let situation = bench.computer.situation(Arc::new(cut), day.date).unwrap();
    for (link, found) in past.links().iter().zip(found) {
        let inputs = bench.computer.link_inputs(&bench.job(&sample_books()), &link.terms).unwrap();
        let valued = situation.value(&inputs.instruments()).unwrap();
        let joint = bench.computer.joint_of(&valued, &[inputs.positions(&valued).unwrap()], Factor::ONE).unwrap();
        assert_eq!(found, joint[0].by_house.map(|margins| margins.combined), "{}", link.terms.link);
    }
}

#[test]
fn the_result_of_a_day_is_a_full_revaluation_of_the_published_move_after_it() {
    let bench = Bench::new();
    let job = bench.job(&sample_books());
    let past = bench.computer.past(&job, |_| true).unwrap();
    let days = past.days(4).unwrap();
    let assembled = bench.computer.assembled(&job).unwrap();
    let dates: Vec<Date> = assembled.curve_history.days().iter().map(|day| day.date).collect();
    // The Treasury house's spreads follow a quarter of their tenor's own move; the futures house holds them.
    for (house, horizon, spread_share) in [(0, 3, 0.25), (1, 1, 0.0)] {
        assert_eq!(usize::from(past.horizon(house)), horizon);
        let realised = past.realised(house, &days).unwrap();
        for (place, day) in days.iter().enumerate() {
            let (curve, overnight) = published_move(day.date, dates[day.index + horizon]);
            let months = Tenor::STANDARD.map(|tenor| f64::from(tenor.0));
            let spread = |tenor: usize| {
                let (left, here, right) = (tenor - 1, tenor, tenor + 1);
                let weight = (months[here] - months[left]) / (months[right] - months[left]);
                spread_share * (curve[here] - curve[left] - weight * (curve[right] - curve[left]))
            };
            let set = ScenarioSet {
                dates: vec![day.end],
                curve_shifts: curve.to_vec(),
                overnight_shifts: vec![overnight],
                spread_shifts: (0..11usize).map(|tenor| spread(tenor.clamp(1, 9))).collect(),
                ..ScenarioSet::none()
            };
            let revaluer = Revaluer::new(&assembled.market, &set).unwrap();
            for link in past.links() {
                let holdings = bench.computer.link_inputs(&job, &link.terms).unwrap().holdings;
                let held = holdings.treasury.iter().chain(holdings.futures.iter());
                let (mut expected, mut units_held) = (0, 0);
                for holding in held {
                    let units = kernel_units(&assembled.market, holding.instrument, holding.quantity).unwrap();
                    expected += i128::from(units) * i128::from(revaluer.row(holding.instrument).unwrap()[0]);
                    units_held += i128::from(units.abs());
                }
                let found = realised.profits(link).unwrap()[place].units();
                // Yields that were read as text differ in the last bit: a unit of a row here and there.
                assert!((found - expected).abs() <= units_held, "{} {}: {found} {expected}", link.terms.link, day.date);
            }
        }
    }
}

#[test]
fn days_that_the_history_does_not_reach_are_refused_with_the_number_that_it_does() {
    let bench = Bench::new();
    let past = bench.computer.past(&bench.job(&sample_books()), |terms| terms.link.as_str() == "LNK-0001").unwrap();
    let refused = past.days(4_000).unwrap_err().to_string();
    let most: usize = refused.split_once(" days can be tested, not 4000: as of ").unwrap().0.parse().unwrap();
    assert!((1_000..2_500).contains(&most), "{refused}");
    assert_eq!(past.days(most).unwrap().len(), most);
    let refused = past.days(most + 1).unwrap_err().to_string();
    assert!(refused.contains(&format!("{most} days can be tested, not {}", most + 1)), "{refused}");
    assert!(past.days(100_000).unwrap_err().to_string().contains(&format!("{most} days can be tested")));
}
