//! Laws of prices and yields, over random bonds of every kind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::civil::{Date, date};
use proptest::prelude::*;
use risk::{
    date::{add_days, add_months, days_between},
    fixed::Fixed8,
    treasury::{Convention, CouponSchedule, PriceError},
};

/// A bond with a regular, short or long first coupon, on a mid-month or a month-end cycle.
fn bonds() -> impl Strategy<Value = CouponSchedule> {
    (0_i32..120, 2_u32..60, any::<bool>(), 0_i64..366, 1_i64..80).prop_map(
        |(month, periods, month_end, days, eighths)| {
            let place = |date: Date| if month_end { date.last_of_month() } else { date };
            let first_coupon = place(add_months(date(2020, 1, 15), month));
            let maturity = place(add_months(first_coupon, i32::try_from(periods * 6).unwrap()));
            let earliest = place(add_months(maturity, -i32::try_from(periods * 6 + 12).unwrap()));
            let dated = add_days(earliest, days.min(days_between(earliest, first_coupon) - 1));
            CouponSchedule::new(Fixed8::from_units(eighths * Fixed8::ONE / 8), dated, first_coupon, maturity).unwrap()
        },
    )
}

/// A bond and a date on which it can be settled.
fn settled_bonds() -> impl Strategy<Value = (CouponSchedule, Date)> {
    (bonds(), 0_i64..1_000).prop_map(|(bond, thousandths)| {
        let days = days_between(bond.dated(), bond.maturity());
        (bond, add_days(bond.dated(), days * thousandths / 1_000))
    })
}

fn conventions() -> impl Strategy<Value = Convention> {
    prop_oneof![Just(Convention::Street), Just(Convention::Treasury)]
}

proptest! {
    #[test]
    fn a_yield_read_from_its_price_is_the_yield(
        (bond, settle) in settled_bonds(), convention in conventions(), yield_percent in -5.0_f64..20.0,
    ) {
        let resolved = bond.resolve(settle).unwrap();
        let clean = resolved.clean(convention, yield_percent);
        let found = resolved.yield_from_clean(convention, clean).unwrap();
        // A price is exact to about 1e-13; the day before maturity a basis point moves it by about 3e-7.
        prop_assert!((found - yield_percent).abs() < 1e-8, "{found} against {yield_percent}");
        prop_assert!((resolved.clean(convention, found) - clean).abs() < 1e-10);
    }

    #[test]
    fn dv01_is_the_slope_of_the_price(
        (bond, settle) in settled_bonds(), convention in conventions(), yield_percent in -5.0_f64..20.0,
    ) {
        let resolved = bond.resolve(settle).unwrap();
        let slope = resolved.dirty(convention, yield_percent - 0.005) - resolved.dirty(convention, yield_percent + 0.005);
        let dv01 = resolved.dv01(convention, yield_percent);
        prop_assert!(dv01 > 0.0 && (slope - dv01).abs() < 1e-6 * dv01 + 1e-10, "{slope} against {dv01}");
    }

    #[test]
    fn the_conventions_agree_on_coupon_dates(bond in bonds(), yield_percent in -5.0_f64..20.0) {
        let resolved = bond.resolve(bond.first_coupon()).unwrap();
        prop_assert_eq!(resolved.accrued(), 0.0);
        let (street, treasury) =
            (resolved.clean(Convention::Street, yield_percent), resolved.clean(Convention::Treasury, yield_percent));
        prop_assert!((street - treasury).abs() < 1e-10);
    }

    #[test]
    fn accrued_interest_grows_to_the_coupon_and_starts_again(bond in bonds()) {
        let eve = add_days(bond.first_coupon(), -1);
        let paid = bond.cash_flows(eve, bond.first_coupon())[0].amount;
        let mut last = -1.0;
        let mut day = bond.dated();
        while day <= eve {
            let accrued = bond.resolve(day).unwrap().accrued();
            prop_assert!(accrued > last && accrued < paid, "{day}: {accrued} of {paid}");
            last = accrued;
            day = add_days(day, 1);
        }
        prop_assert!(paid - last < bond.coupon().to_f64() / 2.0 / 180.0);
    }

    #[test]
    fn a_par_bond_with_a_regular_first_coupon_yields_its_coupon(bond in bonds()) {
        let resolved = bond.resolve(bond.first_coupon()).unwrap();
        let coupon = bond.coupon().to_f64();
        prop_assert!((resolved.clean(Convention::Street, coupon) - 100.0).abs() < 1e-10);
    }
}

#[test]
fn what_cannot_be_priced_is_refused_with_the_reason() {
    let bond =
        CouponSchedule::new("4".parse().unwrap(), date(2025, 5, 15), date(2025, 11, 15), date(2035, 5, 15)).unwrap();
    let (dated, maturity) = (bond.dated(), bond.maturity());
    let early = date(2025, 5, 14);
    assert_eq!(bond.resolve(early), Err(PriceError::BeforeDated { settle: early, dated }));
    assert_eq!(bond.resolve(maturity), Err(PriceError::Matured { settle: maturity, maturity }));
    let resolved = bond.resolve(dated).unwrap();
    for price in [-1.0, 0.0, 1e300, f64::NAN] {
        assert!(
            matches!(resolved.yield_from_clean(Convention::Street, price), Err(PriceError::NoYield { .. })),
            "{price}"
        );
    }
    assert!(resolved.yield_from_clean(Convention::Street, 250.0).unwrap() < 0.0);
}
