//! The sample's book a business date later.

use std::collections::BTreeMap;

use jiff::civil::Date;
use risk::instrument::Instrument;

use crate::csv_book::{Book, BookBuilder};

/// A book at the end of `from` as it stands at the end of `to` without any new trade: forwards and legs of repos that
/// settle in between become holdings, dollars that are paid in between are gone, and so are repos that have ended.
pub(super) fn roll(book: &Book, from: Date, to: Date) -> Book {
    let mut held: BTreeMap<(&str, Instrument), i64> = BTreeMap::new();
    for (account, instrument, quantity) in book.positions() {
        let instrument = match instrument {
            Instrument::ForwardTreasury { cusip, settle } if settle <= to => Instrument::Treasury(cusip),
            Instrument::Cash { date } if date <= to => continue,
            unsettled => unsettled,
        };
        *held.entry((account, instrument)).or_default() += quantity;
    }
    let settles = |date: Date| from < date && date <= to;
    for (account, repo) in book.repos() {
        let delivered = i64::from(settles(repo.legs.start)) - i64::from(settles(repo.legs.end));
        *held.entry((account, Instrument::Treasury(repo.collateral))).or_default() += delivered * repo.face;
    }
    let mut rolled = BookBuilder::default();
    for ((account, instrument), quantity) in held {
        if quantity != 0 {
            rolled.add_position(account, instrument, quantity);
        }
    }
    for (account, repo) in book.repos().filter(|(_, repo)| repo.legs.end > to) {
        rolled.add_repo(account, repo.collateral, repo.face, repo.legs);
    }
    rolled.finish()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::csv_book::{self, HEADER};

    fn rolled(rows: &str) -> String {
        let book = csv_book::parse(format!("{HEADER}\n{rows}").as_bytes(), "book").unwrap();
        roll(&book, date(2026, 2, 13), date(2026, 2, 17)).to_string().replacen(&format!("{HEADER}\n"), "", 1)
    }

    #[test]
    fn what_settles_in_between_becomes_a_holding_and_what_is_paid_is_gone() {
        let rows = "A,UST:91282CMK4,1000,,,,\nA,FWD:91282CMK4:2026-02-17,500,,,,\nA,FWD:91282CMK4:2026-02-18,200,,,,\n\
                    A,USD:2026-02-17,-500,,,,\nA,USD:2026-02-18,-200,,,,\n";
        let expected = "A,UST:91282CMK4,1500,,,,\nA,FWD:91282CMK4:2026-02-18,200,,,,\nA,USD:2026-02-18,-200,,,,\n";
        assert_eq!(rolled(rows), expected);
    }

    #[test]
    fn a_repos_collateral_moves_with_its_legs() {
        let started = "A,REPO:91282CMK4,-300,2026-02-12,300.00,2026-02-18,300.10\n";
        let starts = "B,REPO:91282CMK4,400,2026-02-17,400.00,2026-02-20,400.10\n";
        let ends = "C,UST:91282CMK4,100,,,,\nC,REPO:91282CMK4,100,2026-02-12,100.00,2026-02-17,100.10\n";
        assert_eq!(rolled(started), started);
        assert_eq!(rolled(starts), format!("B,UST:91282CMK4,400,,,,\n{starts}"));
        assert_eq!(rolled(ends), "");
    }
}
