//! The book of the sample: six made-up member firms, 28 linked pairs of accounts.
//!
//! The positions stand in the two CSV files beside this one, in the format that `crossmargin submit` reads; remarks in
//! them say what each account is about.

use crossmargin::v1::{self, LinkKind};

use crate::{
    arrangement::leg::Leg,
    csv_book::{self, Book, Problems},
};

/// The book of a house as a CSV file.
#[must_use]
pub fn csv(leg: Leg) -> &'static str {
    match leg {
        Leg::Treasury => include_str!("ficc_book.csv"),
        Leg::Futures => include_str!("cme_book.csv"),
    }
}

/// The book of a house.
///
/// # Errors
///
/// None with the files of this repository: a test reads both.
pub fn book(leg: Leg) -> Result<Book, Problems> {
    csv_book::parse(csv(leg).as_bytes(), "the sample's book")
}

/// An amendment that reaches the futures house late: the house account of one member, hedged in full at last.
///
/// Where the Treasury house does not have it when claims are made, that one link breaks.
#[must_use]
pub fn late_amendment() -> (Leg, &'static str) {
    (Leg::Futures, include_str!("cme_amendment.csv"))
}

/// The linked pairs of accounts, ascending.
#[must_use]
pub fn links() -> Vec<v1::LinkTerms> {
    LINKS
        .iter()
        .map(|[link_id, member, owner, treasury_account, futures_account]| v1::LinkTerms {
            link_id: (*link_id).to_owned(),
            kind: kind(member, owner).into(),
            member: (*member).to_owned(),
            owner: (*owner).to_owned(),
            treasury_account: (*treasury_account).to_owned(),
            futures_account: (*futures_account).to_owned(),
        })
        .collect()
}

/// A member's own account, its affiliate's (named after it), or a customer's (an opaque id).
fn kind(member: &str, owner: &str) -> LinkKind {
    if owner == member {
        LinkKind::House
    } else if owner.starts_with("C-") {
        LinkKind::Customer
    } else {
        LinkKind::Affiliate
    }
}

/// Link, member, owner, account at the Treasury house, account at the futures house.
const LINKS: [[&str; 5]; 28] = [
    ["LNK-0001", "alder-point", "alder-point", "GSD-1001", "XM-1001"],
    ["LNK-0002", "brightwater", "brightwater", "GSD-1002", "XM-1002"],
    ["LNK-0003", "caldera", "caldera", "GSD-1003", "XM-1003"],
    ["LNK-0004", "dunmore-hale", "dunmore-hale", "GSD-1004", "XM-1004"],
    ["LNK-0005", "eastgate", "eastgate", "GSD-1005", "XM-1005"],
    ["LNK-0006", "fenwick", "fenwick", "GSD-1006", "XM-1006"],
    ["LNK-0007", "brightwater", "brightwater-europe", "GSD-1007", "XM-1007"],
    ["LNK-0008", "caldera", "caldera-asia", "GSD-1008", "XM-1008"],
    ["LNK-0009", "alder-point", "C-7F3A", "GSD-1009", "XM-1009"],
    ["LNK-0010", "alder-point", "C-19D0", "GSD-1010", "XM-1010"],
    ["LNK-0011", "alder-point", "C-B2E4", "GSD-1011", "XM-1011"],
    ["LNK-0012", "alder-point", "C-5508", "GSD-1012", "XM-1012"],
    ["LNK-0013", "alder-point", "C-E91C", "GSD-1013", "XM-1013"],
    ["LNK-0014", "brightwater", "C-03BB", "GSD-1014", "XM-1014"],
    ["LNK-0015", "brightwater", "C-A647", "GSD-1015", "XM-1015"],
    ["LNK-0016", "brightwater", "C-6CF2", "GSD-1016", "XM-1016"],
    ["LNK-0017", "brightwater", "C-D13E", "GSD-1017", "XM-1017"],
    ["LNK-0018", "brightwater", "C-48A9", "GSD-1018", "XM-1018"],
    ["LNK-0019", "caldera", "C-2F71", "GSD-1019", "XM-1019"],
    ["LNK-0020", "caldera", "C-C085", "GSD-1020", "XM-1020"],
    ["LNK-0021", "caldera", "C-9B36", "GSD-1021", "XM-1021"],
    ["LNK-0022", "caldera", "C-F4D7", "GSD-1022", "XM-1022"],
    ["LNK-0023", "dunmore-hale", "C-716A", "GSD-1023", "XM-1023"],
    ["LNK-0024", "dunmore-hale", "C-8E12", "GSD-1024", "XM-1024"],
    ["LNK-0025", "dunmore-hale", "C-30CD", "GSD-1025", "XM-1025"],
    ["LNK-0026", "eastgate", "C-DA95", "GSD-1026", "XM-1026"],
    ["LNK-0027", "eastgate", "C-64B8", "GSD-1027", "XM-1027"],
    ["LNK-0028", "fenwick", "C-1A5F", "GSD-1028", "XM-1028"],
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use risk::{calendar::Calendar, instrument::Instrument};

    use super::*;
    use crate::sample::{contracts, issues, market, pricing::Curve};

    fn instruments(leg: Leg) -> BTreeSet<Instrument> {
        book(leg).unwrap().positions().map(|(_, instrument, _)| instrument).collect()
    }

    #[test]
    fn every_account_of_a_link_has_positions_and_every_account_a_link() {
        let links = links();
        let of_links = |account: fn(&v1::LinkTerms) -> &String| links.iter().map(account).collect::<BTreeSet<_>>();
        let (treasury, futures) = (book(Leg::Treasury).unwrap(), book(Leg::Futures).unwrap());
        assert_eq!(of_links(|link| &link.treasury_account), treasury.accounts().iter().collect());
        assert_eq!(of_links(|link| &link.futures_account), futures.accounts().iter().collect());
        assert_eq!(
            (links.len(), of_links(|link| &link.link_id).len(), of_links(|link| &link.member).len()),
            (28, 28, 6)
        );
    }

    #[test]
    fn links_are_of_all_three_kinds() {
        let links = links();
        let count = |kind: LinkKind| links.iter().filter(|link| link.kind() == kind).count();
        assert_eq!((count(LinkKind::House), count(LinkKind::Affiliate), count(LinkKind::Customer)), (6, 2, 20));
    }

    #[test]
    fn every_position_has_its_terms_and_price_in_the_market() {
        let market = market();
        let cusips: BTreeSet<&str> = market.issue_prices.prices.iter().map(|price| price.cusip.as_str()).collect();
        let contracts: BTreeSet<&str> =
            market.contract_prices.prices.iter().map(|price| price.contract.as_str()).collect();
        for instrument in instruments(Leg::Treasury).union(&instruments(Leg::Futures)) {
            match instrument {
                Instrument::Treasury(cusip) | Instrument::ForwardTreasury { cusip, .. } => {
                    assert!(cusips.contains(cusip.as_str()), "{instrument}");
                }
                Instrument::Future(_) => assert!(contracts.contains(instrument.to_string().as_str()), "{instrument}"),
                Instrument::Cash { .. } => {}
            }
        }
        let open = |day| Calendar::UsGovernmentBond.is_business_day(day);
        for (account, repo) in book(Leg::Treasury).unwrap().repos() {
            assert!(open(repo.legs.start) && open(repo.legs.end), "{account} {repo:?}");
            assert!(cusips.contains(repo.collateral.as_str()), "{account} {repo:?}");
        }
    }

    #[test]
    fn each_house_carries_its_own_leg_and_all_eleven_products_are_used() {
        let is_future = |instrument: &Instrument| matches!(instrument, Instrument::Future(_));
        assert!(!instruments(Leg::Treasury).iter().any(is_future));
        assert!(instruments(Leg::Futures).iter().all(is_future));
        let products: BTreeSet<String> = instruments(Leg::Futures)
            .into_iter()
            .filter_map(|instrument| match instrument {
                Instrument::Future(contract) => Some(contract.product.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(products.len(), 11, "{products:?}");
    }

    #[test]
    fn repos_run_both_ways_over_several_terms() {
        let book = book(Leg::Treasury).unwrap();
        let terms: BTreeSet<_> = book.repos().map(|(_, repo)| repo.legs.end).collect();
        assert!(terms.len() >= 6, "{terms:?}");
        assert!(book.repos().any(|(_, repo)| repo.face > 0) && book.repos().any(|(_, repo)| repo.face < 0));
    }

    /// What each account loses for a rise of the curve by a basis point, in USD. Dollars and rate futures count nothing.
    fn dv01(leg: Leg) -> BTreeMap<String, f64> {
        let issues = issues::issues();
        let (down, up) = (Curve { shift_percent: -0.005 }, Curve { shift_percent: 0.005 });
        let of_face = |cusip: &str| {
            let issue = issues.iter().find(|issue| issue.cusip == cusip).unwrap();
            (down.clean_price(issue) - up.clean_price(issue)) / 100.0
        };
        let book = book(leg).unwrap();
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for (account, instrument, quantity) in book.positions() {
            let of_one = match instrument {
                Instrument::Treasury(cusip) | Instrument::ForwardTreasury { cusip, .. } => of_face(cusip.as_str()),
                Instrument::Future(contract) => {
                    let code = contract.product.as_str();
                    let price = |curve| contracts::cheapest(curve, code, contract.month.first_day(), &issues);
                    let points = if price(up).is_finite() { price(down) - price(up) } else { 0.0 };
                    points * if matches!(code, "ZT" | "Z3N") { 2_000.0 } else { 1_000.0 }
                }
                Instrument::Cash { .. } => 0.0,
            };
            *sums.entry(account.to_owned()).or_default() += of_one * quantity as f64;
        }
        for (account, repo) in book.repos() {
            // Of a repo that has started the end leg is left, which brings the collateral back.
            if repo.legs.start <= crate::sample::BUSINESS_DATE {
                *sums.entry(account.to_owned()).or_default() -= of_face(repo.collateral.as_str()) * repo.face as f64;
            }
        }
        sums
    }

    #[test]
    fn hedged_pairs_are_hedged_and_same_way_pairs_are_not() {
        let (treasury, futures) = (dv01(Leg::Treasury), dv01(Leg::Futures));
        let ratio = |pair: u32| futures[&format!("XM-{pair}")] / treasury[&format!("GSD-{pair}")];
        for fully_hedged in [1001, 1009, 1010, 1014, 1016, 1019, 1023, 1024] {
            // Two issues of a basket can be all but equally cheap, and their durations lie some per cent apart.
            assert!((ratio(fully_hedged) + 1.0).abs() < 0.10, "{fully_hedged}: {}", ratio(fully_hedged));
        }
        for partly_hedged in [1005, 1008, 1013, 1017, 1025] {
            assert!((-0.9..-0.2).contains(&ratio(partly_hedged)), "{partly_hedged}: {}", ratio(partly_hedged));
        }
        assert!(ratio(1012) > 0.0, "{}", ratio(1012));
    }

    #[test]
    fn the_late_amendment_changes_one_account_of_a_house_link() {
        let (leg, text) = late_amendment();
        let amendment = csv_book::parse(text.as_bytes(), "amendment").unwrap();
        let [account] = amendment.accounts() else { panic!("{amendment:?}") };
        let before = book(leg).unwrap().of_accounts(|name| name == account);
        assert_ne!(before, amendment);
        let link = links().into_iter().find(|link| link.futures_account == *account).unwrap();
        assert_eq!(link.kind(), LinkKind::House);
    }
}
