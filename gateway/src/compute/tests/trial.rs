//! What is lent of a round's instruments, and to whom.

use risk::{factor::Factor, instrument::Instrument, margin::LinkPositions};

use super::*;
use crate::compute::trial::known;

/// A market that a round has prepared, and two of the instruments in it.
fn prepared(bench: &Bench) -> (TrialMarket, Instrument, Instrument) {
    bench.joint(&sample_books());
    let markets = Pair::from_fn(|leg| bench.market(leg));
    let market = bench.computer.trial_market(sample::BUSINESS_DATE, markets.as_ref()).unwrap();
    let ready = bench.computer.ready(&market, &Lent::Every);
    let [valued] = ready.as_slice() else { panic!("the round's values alone") };
    let instruments = valued.instruments();
    let (own, foreign) = (instruments[0], instruments[1]);
    (market, own, foreign)
}

#[test]
fn what_others_hold_is_valued_anew_for_a_caller_that_may_not_know_of_it() {
    let bench = Bench::new();
    let (market, own, foreign) = prepared(&bench);
    let lent = Lent::Of([own].into());
    assert!(market.lends(&own, &lent) && !market.lends(&foreign, &lent));
    assert!(market.lends(&foreign, &Lent::Every));

    let ready = bench.computer.ready(&market, &lent);
    let taken = known(&ready, &[own, foreign], &lent);
    assert_eq!(taken.keys().collect::<Vec<_>>(), [&own], "the foreign one is not taken");

    let valued = bench.computer.trial_values(&market, &[own, foreign], &lent).unwrap();
    assert_eq!(valued.instruments(), [own, foreign], "a dictionary of the call's own");
    let again = bench.computer.trial_values(&market, &[own, foreign], &lent).unwrap();
    assert!(!Arc::ptr_eq(&valued, &again), "and nothing of it is kept");
    let alone = bench.computer.trial_values(&market, &[own], &lent).unwrap();
    assert!(Arc::ptr_eq(&alone, &ready[0]), "one's own positions are ready");
}

#[test]
fn what_a_caller_that_sees_everything_had_valued_is_not_lent_to_one_that_does_not() {
    let bench = Bench::new();
    let (market, own, _) = prepared(&bench);
    let unheld = "USD:2026-02-17".parse().unwrap();
    let first = bench.computer.trial_values(&market, &[own, unheld], &Lent::Every).unwrap();
    let second = bench.computer.trial_values(&market, &[own, unheld], &Lent::Every).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "kept for the next call");
    let lent = Lent::Of([own].into());
    let for_member = bench.computer.trial_values(&market, &[own, unheld], &lent).unwrap();
    assert!(!Arc::ptr_eq(&first, &for_member));
    assert_eq!(bench.computer.ready(&market, &lent).len(), 1, "the round's alone");
}

#[test]
fn figures_do_not_depend_on_what_was_lent() {
    let bench = Bench::new();
    let (market, own, foreign) = prepared(&bench);
    let holding = |instrument| Holding { instrument, quantity: 1_000 };
    let margins = [Lent::Every, Lent::Of([own].into()), Lent::Of([].into())].map(|lent| {
        let valued = bench.computer.trial_values(&market, &[own, foreign], &lent).unwrap();
        let first = valued.positions(&[holding(own), holding(foreign)]).unwrap();
        let links = [LinkPositions::new(first, Vec::new())];
        bench.computer.joint_of(&valued, &links, Factor::ONE).unwrap()[0].by_house.map(|margins| margins.combined)
    });
    assert_eq!(margins[0], margins[1]);
    assert_eq!(margins[0], margins[2]);
}
