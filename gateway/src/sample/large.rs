//! A book of any size for benchmarks and load tests: pairs of 30 positions in each leg over 600 instruments.
//!
//! 394 Treasuries (the sample's own and a made-up one maturing in each month from 13 to 358 ahead), 46 of them also
//! forward-settling, 60 dates of dollars, and 100 futures: all 16 Treasury contracts and 28 months each of SR3, SR1 and
//! ZQ. CUSIPs of made-up issues begin with 999, which the numbering system leaves to its users, and carry check digits.

use std::borrow::Cow;

use crossmargin::v1::{self, LinkKind};
use jiff::civil::date;
use risk::{
    calendar::Calendar,
    date::add_months,
    instrument::{Cusip, Instrument},
};

use super::{
    BUSINESS_DATE, Market,
    contracts::RateMonths,
    issues::{self, SampleIssue},
    pricing,
    random::SplitMix64,
};
use crate::{
    arrangement::leg::{Leg, Pair},
    csv_book::{Book, BookBuilder},
};

/// Positions of each account.
pub const POSITIONS_PER_ACCOUNT: usize = 30;

/// Instruments of the Treasury leg.
pub const TREASURY_INSTRUMENTS: usize = 500;

/// Instruments of the futures leg.
pub const FUTURES_INSTRUMENTS: usize = 100;

const FORWARDS: usize = 46;
const CASH_DATES: usize = 60;
const RATE_MONTHS: u16 = 28;

/// A large book with its market and links.
#[derive(Clone, Debug)]
pub struct Large {
    /// Market and reference data for every instrument of the books.
    pub market: Market,
    /// One link for each pair, ascending. Every fourth is a customer's.
    pub links: Vec<v1::LinkTerms>,
    /// The book of each house.
    pub books: Pair<Book>,
}

/// A book of so many linked pairs; the same seed gives the same book.
///
/// The legs of a pair lean against each other, three positions in four, as those of hedgers do.
#[must_use]
pub fn generate(pairs: u32, seed: u64) -> Large {
    let mut random = SplitMix64::new(seed);
    let issues = issues();
    let market = Market::of(&issues, &RateMonths::listed(RATE_MONTHS, RATE_MONTHS));
    let instruments = Pair { treasury: treasury_instruments(&issues), futures: futures_instruments(&market) };
    let mut builders = Pair::from_fn(|_| BookBuilder::default());
    let links: Vec<v1::LinkTerms> = (1..=pairs).map(link).collect();
    for link in &links {
        let is_long = random.below(2) == 0;
        for (leg, account) in [(Leg::Treasury, &link.treasury_account), (Leg::Futures, &link.futures_account)] {
            let leans_long = is_long == (leg == Leg::Treasury);
            for place in chosen(&mut random, instruments[leg].len()) {
                let instrument = instruments[leg][place];
                let quantity = size(&mut random, instrument);
                let with_the_lean = random.below(4) > 0;
                let quantity = if with_the_lean == leans_long { quantity } else { -quantity };
                builders[leg].add_position(account, instrument, quantity);
            }
        }
    }
    Large { market, links, books: builders.map(BookBuilder::finish) }
}

fn link(number: u32) -> v1::LinkTerms {
    let member = format!("member-{:03}", number % 40 + 1);
    let is_customer = number.is_multiple_of(4);
    v1::LinkTerms {
        link_id: format!("LNK-{number:06}"),
        kind: if is_customer { LinkKind::Customer } else { LinkKind::House }.into(),
        owner: if is_customer { format!("C-{number:06}") } else { member.clone() },
        member,
        treasury_account: format!("GSD-{number:06}"),
        futures_account: format!("XM-{number:06}"),
    }
}

/// Real and made-up issues, ascending by CUSIP.
fn issues() -> Vec<SampleIssue> {
    let mut issues = issues::issues();
    issues.extend((13..=358).map(made_up_issue));
    issues.sort_by(|one, next| one.cusip.cmp(&next.cusip));
    issues
}

/// The issue that matures so many months ahead, of the shortest original term that is longer.
fn made_up_issue(months_ahead: u16) -> SampleIssue {
    let original = [24, 36, 60, 84, 120, 240, 360].into_iter().find(|term| *term > months_ahead).unwrap_or(360);
    let maturity = add_months(date(2026, 2, 15), i32::from(months_ahead));
    let dated = add_months(maturity, -i32::from(original));
    // Coupons about the par yield, one to six eighths apart, as issues of other years have.
    let eighths =
        pricing::Curve::default().par_yield(f64::from(months_ahead)) * 8.0 + f64::from(months_ahead % 7) - 3.0;
    SampleIssue {
        cusip: Cow::Owned(made_up_cusip(months_ahead)),
        coupon: eighths.round() / 8.0,
        dated,
        issued: Calendar::UsGovernmentBond.on_or_after(dated).min(BUSINESS_DATE),
        maturity,
    }
}

fn made_up_cusip(number: u16) -> String {
    let with = |digit: u8| format!("999ZX{number:03}{digit}");
    (0..10).map(with).find(|cusip| cusip.parse::<Cusip>().is_ok()).unwrap_or_default()
}

fn treasury_instruments(issues: &[SampleIssue]) -> Vec<Instrument> {
    let cusips: Vec<Cusip> = issues.iter().filter_map(|issue| issue.cusip.parse().ok()).collect();
    let settle = pricing::settlement();
    let mut dates = vec![settle];
    while dates.len() < CASH_DATES {
        dates.push(Calendar::UsGovernmentBond.next(dates[dates.len() - 1]));
    }
    let forwards = cusips.iter().rev().take(FORWARDS).map(|&cusip| Instrument::ForwardTreasury { cusip, settle });
    let settled = cusips.iter().map(|&cusip| Instrument::Treasury(cusip));
    settled.chain(forwards).chain(dates.into_iter().map(|date| Instrument::Cash { date })).collect()
}

fn futures_instruments(market: &Market) -> Vec<Instrument> {
    market.contract_prices.prices.iter().filter_map(|price| price.contract.parse().ok()).collect()
}

/// Distinct places below `count`.
fn chosen(random: &mut SplitMix64, count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    for slot in 0..POSITIONS_PER_ACCOUNT.min(count) {
        let left = u32::try_from(count - slot).unwrap_or(u32::MAX);
        places.swap(slot, slot + usize::try_from(random.below(left)).unwrap_or_default());
    }
    places.truncate(POSITIONS_PER_ACCOUNT);
    places
}

/// A size as firms carry it: up to USD 200 million of face, up to USD 50 million paid, up to 2,000 contracts.
fn size(random: &mut SplitMix64, instrument: Instrument) -> i64 {
    match instrument {
        Instrument::Treasury(_) | Instrument::ForwardTreasury { .. } => 100_000 * i64::from(1 + random.below(2_000)),
        Instrument::Cash { .. } => i64::from(1 + random.below(50_000_000)),
        Instrument::Future(_) => i64::from(1 + random.below(2_000)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use risk::date::months_between;

    use super::*;
    use crate::csv_book;

    #[test]
    fn a_large_book_has_the_size_it_promises_and_no_position_twice() {
        let large = generate(200, 1);
        for (leg, instruments) in [(Leg::Treasury, TREASURY_INSTRUMENTS), (Leg::Futures, FUTURES_INSTRUMENTS)] {
            let book = &large.books[leg];
            assert_eq!((book.accounts().len(), book.positions().len()), (200, 200 * POSITIONS_PER_ACCOUNT));
            let used: BTreeSet<Instrument> = book.positions().map(|(_, instrument, _)| instrument).collect();
            assert_eq!(used.len(), instruments);
            // The parser refuses duplicates, zeros and odd lots.
            assert_eq!(&csv_book::parse(book.to_string().as_bytes(), "large").unwrap(), book);
        }
        assert_eq!(large.links.len(), 200);
    }

    #[test]
    fn the_same_seed_gives_the_same_book() {
        assert_eq!(generate(3, 9).books, generate(3, 9).books);
        assert_ne!(generate(3, 9).books, generate(3, 10).books);
    }

    #[test]
    fn made_up_issues_are_as_issues_are() {
        let issues = issues();
        assert_eq!(issues.len(), 394);
        assert!(issues.is_sorted_by(|one, next| one.cusip < next.cusip));
        for issue in &issues {
            issue.cusip.parse::<Cusip>().unwrap();
            assert!(issue.dated <= issue.issued && issue.issued <= BUSINESS_DATE, "{issue:?}");
            assert!(months_between(BUSINESS_DATE, issue.maturity) > 12.0, "{issue:?}");
            assert!((0.125..=6.0).contains(&issue.coupon) && (issue.coupon * 8.0).fract() == 0.0, "{issue:?}");
            let price = pricing::Curve::default().clean_price(issue);
            assert!((60.0..140.0).contains(&price), "{issue:?} {price}");
        }
    }
}
