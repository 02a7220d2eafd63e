//! Treasury prices against figures that others published or computed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::civil::{Date, date};
use risk::{
    fixed::Fixed8,
    treasury::{Convention, CouponSchedule, PriceError, accrued_per_1000, auction_price, auction_yield},
};

fn fixed(text: &str) -> Fixed8 {
    text.parse().unwrap()
}

fn schedule(coupon: &str, dated: Date, first: Date, maturity: Date) -> CouponSchedule {
    CouponSchedule::new(fixed(coupon), dated, first, maturity).unwrap()
}

/// 31 CFR 356 Appendix B, the worked examples of sections on conversion of yields to prices.
#[test]
fn the_regulations_worked_examples_come_out_to_the_last_digit() {
    let d = date;
    let a = schedule("8.75", d(1990, 5, 15), d(1990, 11, 15), d(2020, 5, 15));
    let b = schedule("8.5", d(1990, 4, 2), d(1990, 9, 30), d(1992, 3, 31));
    let c = schedule("8.5", d(1990, 3, 1), d(1990, 11, 15), d(1995, 5, 15));
    let dd = schedule("9.5", d(1985, 11, 15), d(1986, 5, 15), d(1995, 11, 15));
    let e = schedule("10.75", d(1985, 7, 2), d(1986, 2, 15), d(2005, 8, 15));
    let f = schedule("10.5", d(1983, 5, 16), d(1983, 11, 15), d(1991, 5, 15));
    let g = schedule("9.75", d(1988, 10, 15), d(1989, 6, 15), d(1994, 12, 15));
    for (name, bond, issue, yield_percent, price, accrued, dirty) in [
        ("A regular", a, d(1990, 5, 15), 8.84, "99.057893", "0", "99.057893"),
        ("B short first", b, d(1990, 4, 2), 8.59, "99.838183", "0", "99.838183"),
        ("C long first", c, d(1990, 3, 1), 8.53, "99.805118", "0", "99.805118"),
        ("D accrued", dd, d(1985, 11, 29), 9.54, "99.730918", "0.367403", "100.098321"),
        ("E reopened long", e, d(1985, 11, 4), 10.47, "102.214586", "3.672798", "105.887384"),
        ("F reopened short", f, d(1983, 8, 15), 10.53, "99.777074", "2.596467", "102.373541"),
        ("G reopened broken part", g, d(1988, 11, 15), 9.79, "99.738045", "0.825820", "100.563865"),
    ] {
        let auction = auction_price(&bond, issue, yield_percent).unwrap();
        assert_eq!(auction.price, fixed(price), "{name}");
        assert_eq!(auction.accrued, fixed(accrued), "{name}");
        assert_eq!(auction.dirty, fixed(dirty), "{name}");
    }
}

/// The regulation's example of accrued interest: 6 3/4 %, 92 of 184 days.
#[test]
fn accrued_interest_is_stated_per_1000_to_five_places() {
    let bond = schedule("6.75", date(2025, 5, 15), date(2025, 11, 15), date(2035, 5, 15));
    assert_eq!(accrued_per_1000(&bond, date(2025, 8, 15)).unwrap(), fixed("16.875"));
}

/// TreasuryDirect: results of auctions in 2025 and 2026.
#[test]
fn auctions_come_out_to_the_last_digit() {
    let d = date;
    for (coupon, dated, first, maturity, issue, yield_percent, price, accrued) in [
        ("4.5", d(2024, 11, 15), d(2025, 5, 15), d(2054, 11, 15), d(2025, 1, 15), 4.913, "93.557438", "7.58287"),
        ("4.375", d(2025, 1, 31), d(2025, 7, 31), d(2032, 1, 31), d(2025, 1, 31), 4.457, "99.511534", "0"),
        ("4.75", d(2025, 2, 15), d(2025, 8, 15), d(2045, 2, 15), d(2025, 4, 30), 4.81, "99.225787", "9.70994"),
        ("3.375", d(2026, 2, 28), d(2026, 8, 31), d(2028, 2, 29), d(2026, 3, 2), 3.455, "99.846770", "0.18342"),
    ] {
        let bond = schedule(coupon, dated, first, maturity);
        assert_eq!(auction_price(&bond, issue, yield_percent).unwrap().price, fixed(price));
        assert_eq!(accrued_per_1000(&bond, issue).unwrap(), fixed(accrued));
    }
}

/// The regulation's examples E and G, from their prices: a long first coupon after and in its broken part.
#[test]
fn the_yield_of_an_auctions_price_gives_that_price_again() {
    let e = schedule("10.75", date(1985, 7, 2), date(1986, 2, 15), date(2005, 8, 15));
    let g = schedule("9.75", date(1988, 10, 15), date(1989, 6, 15), date(1994, 12, 15));
    for (bond, issue, price, yield_percent) in
        [(e, date(1985, 11, 4), "102.214586", 10.47), (g, date(1988, 11, 15), "99.738045", 9.79)]
    {
        let (found, stated) = auction_yield(&bond, issue, fixed(price).to_f64()).unwrap();
        // Half of the price's last place is less than 1e-7 of yield.
        assert!((found - yield_percent).abs() < 1e-7, "{found}");
        assert_eq!(stated, auction_price(&bond, issue, found).unwrap());
        assert_eq!(stated.price, fixed(price));
    }
    assert!(matches!(auction_yield(&e, date(1985, 11, 4), -5.0), Err(PriceError::NoYield { .. })));
    assert!(matches!(auction_price(&e, date(1985, 11, 4), -199.999_999), Err(PriceError::TooLarge { .. })));
}

/// Two independent libraries agree on these to 1e-12; printed to six places.
#[test]
fn street_prices_agree_with_independent_libraries() {
    let bond = schedule("3.875", date(2023, 8, 15), date(2024, 2, 15), date(2033, 8, 15));
    for (settle, clean, accrued) in [
        (date(2025, 2, 14), 99.106_414, 1.926_970),
        (date(2025, 2, 18), 99.107_179, 0.032_113),
        (date(2025, 8, 15), 99.151_393, 0.0),
    ] {
        let resolved = bond.resolve(settle).unwrap();
        assert!((resolved.clean(Convention::Street, 4.0) - clean).abs() < 6e-7, "{settle}");
        assert!((resolved.accrued() - accrued).abs() < 6e-7, "{settle}");
    }
}
