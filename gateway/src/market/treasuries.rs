//! Terms and prices of Treasuries.

use std::collections::BTreeMap;

use crossmargin::v1;
use jiff::civil::Date;
use risk::{
    fixed::Fixed8,
    instrument::Cusip,
    treasury::{TreasuryIssue, TreasuryKind, TreasuryTerms},
};

use super::is_price;
use crate::{problem::Collector, wire};

/// What is known of an issue: full terms of a note or bond, kind and maturity of anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    /// A note or bond.
    Coupon(TreasuryTerms),
    /// Something that cannot be margined.
    Other(v1::IssueKind),
}

/// Issues by CUSIP.
pub type Issues = BTreeMap<Cusip, Issue>;

/// Reads terms of issues.
pub fn read_issues(wire: &v1::Issues, field: &str, problems: &mut Collector) -> Issues {
    let mut issues = Issues::new();
    for (row, issue) in wire.issues.iter().enumerate() {
        let path = |name: &str| format!("{field}.issues[{row}].{name}");
        let Some(cusip) = problems.check(|| path("cusip"), issue.cusip.parse::<Cusip>()) else { continue };
        let read = match issue.kind() {
            v1::IssueKind::Unspecified => {
                problems.add(path("kind"), format!("{cusip}: NOTE, BOND, BILL, TIPS, FRN or STRIPS is needed"));
                None
            }
            v1::IssueKind::Note => read_terms(cusip, TreasuryKind::Note, issue, path, problems).map(Issue::Coupon),
            v1::IssueKind::Bond => read_terms(cusip, TreasuryKind::Bond, issue, path, problems).map(Issue::Coupon),
            other => Some(Issue::Other(other)),
        };
        if let Some(read) = read
            && issues.insert(cusip, read).is_some()
        {
            problems.add(path("cusip"), format!("{cusip} is there twice"));
        }
    }
    issues
}

fn read_terms(
    cusip: Cusip,
    kind: TreasuryKind,
    issue: &v1::Issue,
    path: impl Fn(&str) -> String,
    problems: &mut Collector,
) -> Option<TreasuryTerms> {
    let coupon = problems.check(|| path("coupon"), issue.coupon.parse::<Fixed8>());
    let mut date = |name: &str, text: &str| {
        let parsed = wire::date(name, text).map_err(|error| error.reason);
        problems.check(|| path(name), parsed)
    };
    let dated = date("dated_date", &issue.dated_date);
    let issued = date("issue_date", &issue.issue_date);
    let first_coupon = date("first_coupon_date", &issue.first_coupon_date);
    let maturity = date("maturity_date", &issue.maturity_date);
    let issue = TreasuryIssue {
        cusip,
        kind,
        coupon: coupon?,
        dated: dated?,
        issue: issued?,
        first_coupon: first_coupon?,
        maturity: maturity?,
    };
    problems.check(|| path("maturity_date"), TreasuryTerms::new(issue))
}

/// Reads prices of issues.
pub fn read_prices(wire: &v1::IssuePrices, field: &str, problems: &mut Collector) -> BTreeMap<Cusip, Fixed8> {
    let mut prices = BTreeMap::new();
    for (row, price) in wire.prices.iter().enumerate() {
        let path = |name: &str| format!("{field}.prices[{row}].{name}");
        let cusip = problems.check(|| path("cusip"), price.cusip.parse::<Cusip>());
        let clean = problems.check(|| path("clean_price"), price.clean_price.parse::<Fixed8>());
        let (Some(cusip), Some(clean)) = (cusip, clean) else { continue };
        if !is_price(clean) {
            problems.add(path("clean_price"), format!("{cusip}: a price above 0 and up to 1000 is needed"));
        }
        if prices.insert(cusip, clean).is_some() {
            problems.add(path("cusip"), format!("{cusip} is there twice"));
        }
    }
    prices
}

/// The notes and bonds that have not matured when trades of a business date settle.
#[must_use]
pub fn live(issues: &Issues, business_date: Date) -> Vec<TreasuryTerms> {
    let settlement = risk::calendar::Calendar::UsGovernmentBond.next(business_date);
    let live = issues.values().filter_map(|issue| match issue {
        Issue::Coupon(terms) if terms.issue().maturity > settlement => Some(*terms),
        _ => None,
    });
    live.collect()
}

/// Issues with a price, and those without one.
#[must_use]
pub fn by_price(
    issues: Vec<TreasuryTerms>,
    prices: &BTreeMap<Cusip, Fixed8>,
) -> (Vec<(TreasuryTerms, Fixed8)>, Vec<TreasuryTerms>) {
    let (mut priced, mut unpriced) = (Vec::new(), Vec::new());
    for terms in issues {
        match prices.get(&terms.cusip()) {
            Some(&price) => priced.push((terms, price)),
            None => unpriced.push(terms),
        }
    }
    (priced, unpriced)
}
