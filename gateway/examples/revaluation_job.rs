//! Prints how long a cycle's revaluation takes: 600 instruments of every kind over the scenario sets of both models. With
//! a file it writes the Treasuries' cash flows, the yields of some scenarios and the prices there, for another program to
//! price: `benches/quantlib_revaluation.py`.
//!
//! `cargo run --release -p gateway --example revaluation_job -- [FILE] [ROUNDS]`. Times are the least of all rounds, in
//! one thread.

#![allow(clippy::unwrap_used, reason = "a measurement stops at the first failure")]
#![allow(clippy::cast_precision_loss, reason = "counts of a measurement fit a double's mantissa")]
#![expect(clippy::print_stdout, reason = "it prints its figures")]

use std::{
    collections::BTreeSet,
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

use gateway::{
    arrangement::leg::Leg,
    market::{Assembled, Items},
    sample::{self, large},
};
use risk::{
    date::months_between,
    instrument::Instrument,
    market::{Market, PricedTreasury},
    model::{Model, Valuation},
    revaluation::Revaluer,
    scenario::{ScenarioSet, Tenor},
    sensitivity::{Differences, SensitivityRevaluer},
};
use serde_json::{Value, json};

/// Pairs whose books together hold every instrument of the large sample.
const PAIRS: u32 = 200;
/// Scenarios that the file holds: every so many-th of the first set.
const SCENARIOS_WRITTEN: usize = 50;

/// A model's term: how it values, over which scenarios.
struct Term {
    name: String,
    valuation: Valuation,
    set: ScenarioSet,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next();
    let rounds = arguments.next().map_or(5, |rounds| rounds.parse().unwrap());
    let sample = large::generate(PAIRS, 1);
    let mut items = Items::default();
    for leg in Leg::BOTH {
        sample
            .market
            .clone()
            .into_items(leg)
            .into_iter()
            .filter_map(|item| item.item)
            .for_each(|item| items.insert(item));
    }
    let assembled = items.assemble(sample::BUSINESS_DATE).unwrap();
    let market = &*assembled.market;
    let held = Leg::BOTH.into_iter().flat_map(|leg| sample.books[leg].positions().map(|(_, instrument, _)| instrument));
    let instruments: Vec<Instrument> = held.collect::<BTreeSet<_>>().into_iter().collect();
    let treasuries: Vec<Instrument> =
        instruments.iter().copied().filter(|instrument| matches!(instrument, Instrument::Treasury(_))).collect();

    let begin = Instant::now();
    let terms = terms(&assembled);
    println!("scenarios of both models taken from history in {:.1} ms", begin.elapsed().as_secs_f64() * 1e3);
    let scenarios: usize = terms.iter().map(|term| term.set.len()).sum();
    for term in &terms {
        println!("  {:5} scenarios: {}", term.set.len(), term.name);
    }
    for (name, instruments) in [("Treasuries", &treasuries), ("instruments of every kind", &instruments)] {
        let time = least(rounds, || in_full(market, instruments, &terms));
        report(&format!("{} {name}, full revaluation", instruments.len()), time, instruments.len() * scenarios);
    }
    let time = least(rounds, || as_the_models_do(market, &instruments, &terms));
    report(
        &format!("{} instruments of every kind, valued as each term does", instruments.len()),
        time,
        instruments.len() * scenarios,
    );
    if let Some(file) = file {
        let set = &terms[0].set;
        let per_price_ns =
            nanoseconds(least(rounds, || in_full(market, &treasuries, &terms)), treasuries.len() * scenarios);
        let all_ns =
            nanoseconds(least(rounds, || in_full(market, &instruments, &terms)), instruments.len() * scenarios);
        let bonds: Vec<Value> = treasuries.iter().map(|instrument| bond(market, set, *instrument)).collect();
        let job = json!({ "treasury_ns": per_price_ns, "instrument_ns": all_ns, "bonds": bonds });
        fs::write(&file, job.to_string()).unwrap();
        println!("{} Treasuries in {SCENARIOS_WRITTEN} scenarios written to {file}", treasuries.len());
    }
}

fn terms(assembled: &Assembled) -> Vec<Term> {
    let models = [Model::treasury_house_default(), Model::futures_house_default()];
    let of_model = |model: &Model| {
        let sets =
            model.scenario_sets(&assembled.curve_history, Some(&assembled.overnight_history), sample::BUSINESS_DATE);
        let named = |((component, term), set): ((&risk::model::Component, &risk::model::Term), ScenarioSet)| Term {
            name: format!("{}, {}, {}", model.version, component.name, term.name),
            valuation: term.valuation,
            set,
        };
        model.terms().zip(sets.unwrap()).map(named).collect::<Vec<_>>()
    };
    models.iter().flat_map(of_model).collect()
}

/// Every instrument priced again in every scenario of every term.
fn in_full(market: &Market, instruments: &[Instrument], terms: &[Term]) {
    for term in terms {
        let revaluer = Revaluer::new(market, &term.set).unwrap();
        for instrument in instruments {
            black_box(revaluer.row(*instrument).unwrap());
        }
    }
}

/// Every instrument valued in every scenario of every term in the term's own way, as a cycle prepares it.
fn as_the_models_do(market: &Market, instruments: &[Instrument], terms: &[Term]) {
    let differences = Differences::new(market);
    let sensitivities: Vec<_> = instruments.iter().map(|instrument| differences.of(*instrument).unwrap()).collect();
    for term in terms {
        match term.valuation {
            Valuation::FullRevaluation => {
                let revaluer = Revaluer::new(market, &term.set).unwrap();
                instruments.iter().for_each(|instrument| drop(black_box(revaluer.row(*instrument).unwrap())));
            }
            Valuation::Sensitivity => {
                let revaluer = SensitivityRevaluer::new(market, &term.set).unwrap();
                sensitivities.iter().for_each(|of_one| drop(black_box(revaluer.row_of(of_one).unwrap())));
            }
        }
    }
}

fn least(rounds: usize, run: impl Fn()) -> Duration {
    let time = |_| {
        let begin = Instant::now();
        run();
        begin.elapsed()
    };
    (0..rounds.max(1)).map(time).min().unwrap()
}

fn nanoseconds(time: Duration, values: usize) -> f64 {
    time.as_secs_f64() * 1e9 / values as f64
}

fn report(name: &str, time: Duration, values: usize) {
    println!("{name}: {:.1} ms, {:.2} ns a value", time.as_secs_f64() * 1e3, nanoseconds(time, values));
}

/// A Treasury's terms and cash flows, and in some scenarios its yield and its price with accrued interest.
fn bond(market: &Market, set: &ScenarioSet, instrument: Instrument) -> Value {
    let Instrument::Treasury(cusip) = instrument else { panic!("{instrument} is no Treasury") };
    let treasury = market.treasury(cusip).unwrap();
    let (schedule, maturity) = (treasury.terms.schedule(), treasury.terms.issue().maturity);
    let flows = schedule.cash_flows(treasury.settle, maturity);
    let revaluer = Revaluer::new(market, set).unwrap();
    let (base, row) = (revaluer.unit_value(instrument).unwrap(), revaluer.row(instrument).unwrap());
    let places = (0..set.len()).step_by(set.len() / SCENARIOS_WRITTEN).take(SCENARIOS_WRITTEN);
    let (yields, prices): (Vec<f64>, Vec<f64>) = places
        .map(|place| (treasury.yield_percent + shift(treasury, set, place), base + row[place] as f64 * 1e-8))
        .unzip();
    json!({
        "cusip": cusip.to_string(),
        "settle": treasury.settle.to_string(),
        "dated": schedule.dated().to_string(),
        "maturity": maturity.to_string(),
        "coupon": treasury.terms.issue().coupon.to_f64(),
        "flows": flows.iter().map(|flow| json!([flow.date.to_string(), flow.amount])).collect::<Vec<_>>(),
        "yields": yields,
        "prices": prices,
    })
}

/// The change of an issue's yield in a scenario: curve and spread, linear between tenors.
fn shift(treasury: &PricedTreasury, set: &ScenarioSet, place: usize) -> f64 {
    let months = months_between(treasury.settle, treasury.terms.issue().maturity);
    let tenors: Vec<f64> = set.tenors.iter().map(|Tenor(months)| f64::from(*months)).collect();
    let at = |row: &[f64]| match tenors.iter().position(|tenor| *tenor > months) {
        _ if row.is_empty() => 0.0,
        Some(0) => row[0],
        None => row[row.len() - 1],
        Some(next) => {
            let weight = (months - tenors[next - 1]) / (tenors[next] - tenors[next - 1]);
            row[next - 1] + weight * (row[next] - row[next - 1])
        }
    };
    at(set.curve_shift(place)) + at(set.spread_shift(place))
}
