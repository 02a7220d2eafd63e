use proptest::prelude::*;

use super::*;

const RULE: LossSharing = LossSharing::Assumed1;

fn inputs(results: [i64; 2], standalone: [i64; 2], reduction: [i64; 2], close_out: CloseOut) -> LossInputs {
    let figures = |side: usize| HouseFigures {
        result_cents: results[side],
        standalone_cents: standalone[side],
        reduction_cents: reduction[side],
    };
    LossInputs::new(Pair { treasury: figures(0), futures: figures(1) }, close_out).unwrap()
}

/// Who pays what, with a reduction that never caps.
fn payment(results: [i64; 2], standalone: [i64; 2]) -> Option<(Leg, i64)> {
    let allocation = RULE.allocate(inputs(results, standalone, standalone, CloseOut::Joint)).unwrap();
    allocation.payment.map(|payment| (payment.payer, payment.cents))
}

#[test]
fn every_case_and_its_edges_pay_what_the_rule_says() {
    const T: Leg = Leg::Treasury;
    const F: Leg = Leg::Futures;
    for (results, standalone, expected, why) in [
        ([0, 0], [100, 100], None, "no loss, no gain"),
        ([500, 0], [100, 100], None, "a gain alone is nobody's"),
        ([i64::MAX, i64::MAX], [0, 0], None, "two gains, however large"),
        ([-300, 500], [100, 100], Some((F, 300)), "the loss is the lesser"),
        ([-500, 300], [100, 100], Some((F, 300)), "the gain is the lesser"),
        ([300, -300], [100, 100], Some((T, 300)), "both are equal"),
        ([-1, 1], [0, 0], Some((F, 1)), "requirements do not matter with one loss"),
        ([-300, 0], [100, 100], None, "no gain to pay from"),
        ([0, -300], [100, 100], None, "the same on the other side"),
        ([i64::MIN, 7], [1, 1], Some((F, 7)), "the largest loss"),
        ([i64::MAX, i64::MIN], [1, 1], Some((T, i64::MAX)), "the largest gain"),
        ([-300, -100], [100, 100], Some((F, 100)), "two losses to equal parts"),
        ([-100, -300], [300, 100], Some((T, 200)), "three parts of four"),
        ([-200, -200], [100, 100], None, "each has its share already"),
        ([-400, -1], [0, 100], Some((F, 400)), "no requirement, no share"),
        ([-400, -1], [100, 0], Some((T, 1)), "all of it"),
        ([-400, -1], [0, 0], None, "nothing to share by"),
        ([-2, -1], [1, 1], None, "half a cent is rounded down, in favour of who pays"),
        ([-1, -2], [1, 1], None, "the same on the other side"),
        ([-3, -1], [2, 1], None, "the share of 1 1/3 is 1, which is lost already"),
        ([-10, -1], [2, 1], Some((F, 2)), "the share of 3 2/3 is 3"),
    ] {
        assert_eq!(payment(results, standalone), expected, "{results:?} {standalone:?}: {why}");
    }
}

#[test]
fn in_a_separate_close_out_the_reduction_of_the_receiving_house_caps_the_payment() {
    for (results, reduction, expected) in [
        ([-300, 500], [1_000, 0], Some(300)),
        ([-300, 500], [300, 0], Some(300)),
        ([-300, 500], [299, 1_000], Some(299)),
        ([-300, 500], [0, 1_000], None),
        ([500, -300], [0, 200], Some(200)),
        ([-300, -100], [60, 0], Some(60)),
        ([-300, -100], [0, 60], None),
    ] {
        let separate = RULE.allocate(inputs(results, [1_000, 1_000], reduction, CloseOut::Separate)).unwrap();
        assert_eq!(separate.payment.map(|payment| payment.cents), expected, "{results:?} {reduction:?}");
        for close_out in [CloseOut::Joint, CloseOut::Transfer] {
            let free = RULE.allocate(inputs(results, [1_000, 1_000], reduction, close_out)).unwrap();
            assert_eq!(free.payment, separate.uncapped, "{close_out}: no cap");
        }
    }
}

/// `docs/default.md`: 60 and 40 million USD stand-alone, reductions of 20 and 10 million.
#[test]
fn the_worked_examples_of_the_documentation_come_out() {
    const T: Leg = Leg::Treasury;
    const F: Leg = Leg::Futures;
    for (results, close_out, expected) in [
        ([300_000_000, 50_000_000], CloseOut::Joint, None),
        ([-800_000_000, 500_000_000], CloseOut::Joint, Some((F, 500_000_000))),
        ([-800_000_000, 900_000_000], CloseOut::Transfer, Some((F, 800_000_000))),
        ([-900_000_000, -100_000_000], CloseOut::Joint, Some((F, 300_000_000))),
        ([-100_000_001, -200_000_000], CloseOut::Joint, Some((T, 79_999_999))),
        ([-2_500_000_000, 3_000_000_000], CloseOut::Separate, Some((F, 2_000_000_000))),
        ([-50_000_000, 0], CloseOut::Joint, None),
    ] {
        let inputs = inputs(results, [6_000_000_000, 4_000_000_000], [2_000_000_000, 1_000_000_000], close_out);
        let payment = RULE.allocate(inputs).unwrap().payment.map(|payment| (payment.payer, payment.cents));
        assert_eq!(payment, expected, "{results:?} {close_out}");
    }
}

#[test]
fn figures_that_cannot_be_are_all_named() {
    let figures =
        |standalone_cents, reduction_cents| HouseFigures { result_cents: 0, standalone_cents, reduction_cents };
    let refused = |treasury, futures| {
        let error = LossInputs::new(Pair { treasury, futures }, CloseOut::Joint).unwrap_err();
        error.list().iter().map(|problem| problem.field.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        refused(figures(-1, 0), figures(10, 11)),
        ["treasury.standalone_cents", "futures.reduction_cents"],
        "both houses at once"
    );
    assert_eq!(refused(figures(10, -1), figures(10, 10)), ["treasury.reduction_cents"]);
}

#[test]
fn amounts_beyond_64_bits_are_an_error() {
    // The share of all losses is twice the largest amount.
    let all = inputs([-1, i64::MIN], [i64::MAX, 0], [0, 0], CloseOut::Joint);
    assert_eq!(RULE.allocate(all), Err(LossOverflow));
    let both = inputs([i64::MIN, i64::MIN], [i64::MAX, i64::MAX], [0, 0], CloseOut::Joint);
    assert_eq!(RULE.allocate(both).unwrap().payment, None, "the largest losses and requirements still compute");
}

#[test]
fn the_steps_say_that_the_rule_is_assumed_and_name_every_number_that_decides() {
    let houses = Pair { treasury: "FICC".parse().unwrap(), futures: "CME".parse().unwrap() };
    let allocation =
        RULE.allocate(inputs([-1_234_567_890, 900_000_000], [10_000_000_000; 2], [60_000; 2], CloseOut::Separate));
    assert_eq!(
        allocation.unwrap().steps(&houses),
        [
            "Rule assumed-1 (assumed: the public texts leave the sharing of losses open), separate close-out.",
            "FICC: result USD -12,345,678.90, stand-alone requirement USD 100,000,000.00, reduction granted USD 600.00.",
            "CME: result USD 9,000,000.00, stand-alone requirement USD 100,000,000.00, reduction granted USD 600.00.",
            "FICC has a loss and CME a gain: the lesser of both is USD 9,000,000.00.",
            "In a separate close-out the payment is at most the reduction that FICC granted, USD 600.00 (assumed): it caps \
             the payment.",
            "CME pays FICC USD 600.00.",
            "Results after it: FICC USD -12,345,078.90, CME USD 8,999,400.00.",
        ]
    );
    let words = |results, standalone| {
        let allocation = RULE.allocate(inputs(results, standalone, standalone, CloseOut::Separate)).unwrap();
        allocation.steps(&houses).join("\n")
    };
    for (results, standalone, expected) in [
        ([1, 0], [1, 1], "Neither house has a loss"),
        ([-1, 0], [1, 1], "no gain that could cover it"),
        ([-1, -1], [1, 1], "has its share of it already"),
        ([-1, -1], [0, 0], "neither a stand-alone requirement"),
        ([-9, -1], [50, 50], "the share of CME, rounded down to the cent, is USD 0.04 above its own loss"),
        ([-9, -1], [50, 50], "it does not bind"),
    ] {
        let text = words(results, standalone);
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

fn figures() -> impl Strategy<Value = HouseFigures> {
    let amounts = prop_oneof![Just(0), 1..1_000_i64, any::<i64>()];
    let results = prop_oneof![Just(0), -1_000..1_000_i64, any::<i64>()];
    (results, amounts, 0..=100_i64).prop_map(|(result_cents, amount, percent)| {
        let standalone_cents = amount.checked_abs().unwrap_or(i64::MAX);
        HouseFigures { result_cents, standalone_cents, reduction_cents: standalone_cents / 100 * percent }
    })
}

fn any_inputs() -> impl Strategy<Value = LossInputs> {
    let close_outs = prop_oneof![Just(CloseOut::Joint), Just(CloseOut::Transfer), Just(CloseOut::Separate)];
    (figures(), figures(), close_outs)
        .prop_map(|(treasury, futures, close_out)| LossInputs::new(Pair { treasury, futures }, close_out).unwrap())
}

proptest! {
    #[test]
    fn a_payment_is_above_zero_and_the_total_of_both_results_stays(inputs in any_inputs()) {
        let Ok(allocation) = RULE.allocate(inputs) else { return Ok(()) };
        let total = |cents: Pair<i64>| i128::from(cents.treasury) + i128::from(cents.futures);
        let before = Pair::from_fn(|leg| inputs.houses()[leg].result_cents);
        prop_assert_eq!(total(allocation.after_cents), total(before));
        prop_assert!(allocation.payment.is_none_or(|payment| payment.cents > 0));
        let is_any_loss = Leg::BOTH.iter().any(|leg| before[*leg] < 0);
        prop_assert!(is_any_loss || allocation.payment.is_none());
    }

    #[test]
    fn with_one_loss_nobody_pays_more_than_its_gain_or_than_the_others_loss(inputs in any_inputs()) {
        let Ok(allocation) = RULE.allocate(inputs) else { return Ok(()) };
        if let (Case::OneLoss, Some(payment)) = (allocation.case, allocation.payment) {
            prop_assert!(payment.cents <= inputs.houses()[payment.payer].result_cents);
            prop_assert!(allocation.after_cents[payment.payer] >= 0);
            prop_assert!(allocation.after_cents[payment.payee()] <= 0);
        }
    }

    #[test]
    fn with_two_losses_who_pays_ends_at_its_share_rounded_down(inputs in any_inputs()) {
        let Ok(allocation) = RULE.allocate(inputs) else { return Ok(()) };
        let (Case::TwoLosses, Some(payment)) = (allocation.case, allocation.uncapped) else { return Ok(()) };
        let of = |leg: Leg| inputs.houses()[leg];
        let losses = -(i128::from(of(Leg::Treasury).result_cents) + i128::from(of(Leg::Futures).result_cents));
        let weights = i128::from(of(Leg::Treasury).standalone_cents) + i128::from(of(Leg::Futures).standalone_cents);
        let carried = i128::from(payment.cents) - i128::from(of(payment.payer).result_cents);
        // carried = floor(losses x weight / weights), by another route than division.
        let exact = losses * i128::from(of(payment.payer).standalone_cents);
        prop_assert!(carried * weights <= exact);
        prop_assert!(exact - carried * weights < weights);
    }

    #[test]
    fn exchanging_the_houses_exchanges_payer_and_payee(inputs in any_inputs()) {
        let exchanged = Pair { treasury: inputs.houses().futures, futures: inputs.houses().treasury };
        let exchanged = RULE.allocate(LossInputs::new(exchanged, inputs.close_out()).unwrap());
        let mirror = |allocation: LossAllocation| {
            let mirrored = |payment: Payment| Payment { payer: payment.payer.other(), cents: payment.cents };
            (allocation.payment.map(mirrored), allocation.case)
        };
        prop_assert_eq!(
            RULE.allocate(inputs).map(|allocation| (allocation.payment, allocation.case)),
            exchanged.map(mirror)
        );
    }

    #[test]
    fn a_separate_close_out_never_pays_more_than_the_receiving_houses_reduction_nor_than_a_joint_one(
        inputs in any_inputs(),
    ) {
        let separate = LossInputs::new(*inputs.houses(), CloseOut::Separate).unwrap();
        let joint = LossInputs::new(*inputs.houses(), CloseOut::Joint).unwrap();
        let (Ok(separate), Ok(joint)) = (RULE.allocate(separate), RULE.allocate(joint)) else { return Ok(()) };
        if let Some(payment) = separate.payment {
            prop_assert!(payment.cents <= inputs.houses()[payment.payee()].reduction_cents);
            prop_assert!(joint.payment.is_some_and(|joint| joint.payer == payment.payer && joint.cents >= payment.cents));
        }
    }
}
