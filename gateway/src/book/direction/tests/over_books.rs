//! What later snapshots make of directions.

use super::*;
use crate::book::{
    Scope, Submission,
    direction::{
        fitting::Fitting,
        item::{Item, ItemId, ItemKind, Resolution},
        reconcile,
        state::Directions,
    },
};

/// Takes a book in as the node does, and gives the items.
fn accept(directions: &mut Directions, next: &Arc<Book>) -> Vec<Item> {
    let through = next.directions_through;
    let base = directions.base().cloned().unwrap();
    let included: Vec<_> = directions.counting(directions.through(), through).cloned().collect();
    let differences = reconcile::differences(&base, next, included.iter().map(AsRef::as_ref));
    let mut fitting = Fitting::new(Arc::clone(next));
    directions.counting(through, directions.last()).for_each(|direction| fitting.take(direction));
    let items = reconcile::items(next, &differences, fitting.misfits(), directions.last_item());
    directions.accept(next, &items);
    items
}

fn held(directions: &Directions, name: &str, text: &str) -> i64 {
    directions.held(&account(name), instrument(text))
}

/// Three directions over a book: 4 into XM, 3 into XM, 2 back.
fn three() -> Directions {
    let mut directions = Directions::default();
    directions.accept(&book(1, DATE, 0, &[("REG", ZN, 10)]), &[]);
    directions.record(direction(1, DATE, &[("REG", "XM", ZN, 4)]));
    directions.record(direction(2, DATE, &[("REG", "XM", ZN, 3)]));
    directions.record(direction(3, DATE, &[("XM", "REG", ZN, 2)]));
    directions
}

#[test]
fn what_a_snapshot_includes_counts_once() {
    let mut directions = three();
    assert_eq!((held(&directions, "REG", ZN), held(&directions, "XM", ZN)), (5, 5));
    let items = accept(&mut directions, &book(2, DATE, 2, &[("REG", ZN, 3), ("XM", ZN, 7)]));
    assert_eq!(items, []);
    assert_eq!((held(&directions, "REG", ZN), held(&directions, "XM", ZN)), (5, 5));
    assert_eq!(accept(&mut directions, &book(3, DATE, 3, &[("REG", ZN, 5), ("XM", ZN, 5)])), []);
    assert_eq!((held(&directions, "REG", ZN), held(&directions, "XM", ZN)), (5, 5));
}

#[test]
fn a_snapshot_that_gives_another_quantity_than_follows_governs_and_is_told() {
    let mut directions = three();
    let items = accept(&mut directions, &book(2, DATE, 2, &[("REG", ZN, 3), ("XM", ZN, 6)]));
    let [item] = &items[..] else { panic!("{items:?}") };
    assert_eq!((item.id.to_string().as_str(), item.kind), ("R-1", ItemKind::Differs));
    assert_eq!((item.account.as_str(), item.expected, item.found), ("XM", 7, 6));
    assert_eq!((&item.directions[..], item.direction_count), (&[1, 2][..], 2));
    assert_eq!(held(&directions, "XM", ZN), 4, "6 by the snapshot, 2 directed back");
    // An account that is left out of a full snapshot is flat.
    let mut flat = three();
    let items = accept(&mut flat, &book(2, DATE, 3, &[("REG", ZN, 5)]));
    assert_eq!((items.len(), items[0].expected, items[0].found), (1, 5, 0));
}

#[test]
fn a_direction_that_no_longer_fits_is_set_aside_whole_and_told() {
    let mut directions = Directions::default();
    directions.accept(&book(1, DATE, 0, &[("REG", ZN, 10), ("REG", ZF, 10)]), &[]);
    directions.record(direction(1, DATE, &[("REG", "XM", ZF, 1), ("REG", "XM", ZN, 8)]));
    directions.record(direction(2, DATE, &[("REG", "XM", ZN, 2)]));
    directions.record(direction(3, DATE, &[("XM", "REG", ZN, 9)]));
    let items = accept(&mut directions, &book(2, DATE, 0, &[("REG", ZN, 5), ("REG", ZF, 10)]));
    let told: Vec<_> = items.iter().map(|item| (item.kind, item.directions[0], item.expected, item.found)).collect();
    // Without the first the third has nothing to move either; the second fits.
    assert_eq!(told, [(ItemKind::SetAside, 1, 8, 5), (ItemKind::SetAside, 3, 9, 2)]);
    assert_eq!((held(&directions, "REG", ZN), held(&directions, "XM", ZN)), (3, 2));
    assert_eq!((held(&directions, "REG", ZF), held(&directions, "XM", ZF)), (10, 0), "no leg of a batch counts");
    assert_eq!(directions.set_aside(1), Some(ItemId(1)));
    // One that is set aside stays so, though a later book would bear it.
    accept(&mut directions, &book(3, DATE, 0, &[("REG", ZN, 50), ("REG", ZF, 10)]));
    assert_eq!((held(&directions, "REG", ZN), held(&directions, "XM", ZN)), (48, 2));
    // And a snapshot that includes the numbers is not expected to contain it.
    let items = accept(&mut directions, &book(4, DATE, 3, &[("REG", ZN, 48), ("REG", ZF, 10), ("XM", ZN, 2)]));
    assert_eq!(items, []);
}

#[test]
fn accounts_that_an_amendment_does_not_name_have_the_included_directions_in_their_positions() {
    let mut directions = three();
    let amendment = |through: u64, accounts: &[(&str, &str, i64)], flat: &[&str]| Submission {
        version: 2,
        business_date: date(DATE),
        as_of: Timestamp::UNIX_EPOCH,
        scope: Scope::Amendment,
        directions_through: through,
        accounts: book(2, DATE, 0, accounts).accounts.clone(),
        flat_accounts: flat.iter().map(|name| account(name)).collect(),
    };
    let base = Arc::clone(directions.base().unwrap());
    let after = |submission: &Submission, directions: &Directions| {
        let included = directions.included(Some(&base), submission.directions_through);
        Arc::new(submission.apply_to(Some(&base), &included))
    };
    let next = after(&amendment(2, &[("OTHER", ZF, 1)], &[]), &directions);
    assert_eq!((next.quantity(&account("REG"), instrument(ZN)), next.quantity(&account("XM"), instrument(ZN))), (3, 7));
    // An account that it names is as it says, and held against what follows.
    let named = after(&amendment(2, &[("XM", ZN, 1)], &["REG"]), &directions);
    assert_eq!(
        (named.quantity(&account("REG"), instrument(ZN)), named.quantity(&account("XM"), instrument(ZN))),
        (0, 1)
    );
    assert_eq!(
        accept(&mut directions.clone(), &named).len(),
        3,
        "both differ, and direction 3 moves more than is there"
    );
    assert_eq!(accept(&mut directions, &next), []);
    assert_eq!((held(&directions, "REG", ZN), held(&directions, "XM", ZN)), (5, 5));
    // A position that is moved out whole leaves its account flat.
    let mut whole = Directions::default();
    whole.accept(&base, &[]);
    whole.record(direction(1, DATE, &[("REG", "XM", ZN, 10)]));
    let next = after(&amendment(1, &[], &["OTHER"]), &whole);
    assert!(!next.accounts.contains_key(&account("REG")), "{next:?}");
}

#[test]
fn the_number_that_a_snapshot_includes_is_checked_with_the_number_that_would_pass() {
    let next_day = "2026-02-17";
    let mut directions = three();
    directions.accept(&book(2, DATE, 1, &[("REG", ZN, 6), ("XM", ZN, 4)]), &[]);
    let check = |directions: &Directions, day: &str, through: u64| {
        directions.check_through(date(day), through, directions.through()).map_err(|reason| reason.to_string())
    };
    for through in 1..=3 {
        assert_eq!(check(&directions, DATE, through), Ok(()), "{through}");
    }
    assert!(check(&directions, DATE, 0).unwrap_err().contains("below 1"));
    assert!(check(&directions, DATE, 4).unwrap_err().contains("at most 3"));
    assert!(check(&directions, next_day, 2).unwrap_err().contains("leaves out direction 3"));
    assert_eq!(check(&directions, next_day, 3), Ok(()));
    directions.accept(&book(3, next_day, 3, &[("REG", ZN, 5), ("XM", ZN, 5)]), &[]);
    directions.record(direction(4, next_day, &[("REG", "XM", ZN, 1)]));
    // A correction of the day before cannot hold what was directed the day after.
    assert!(directions.check_through(date(DATE), 4, 1).unwrap_err().contains("includes direction 4"));
    assert_eq!(directions.check_through(date(DATE), 3, 1), Ok(()));
    assert_eq!(Directions::default().check_through(date(DATE), 0, 0), Ok(()), "0 is right where nothing is directed");
}

#[test]
fn a_correction_of_an_earlier_day_is_no_base_for_directions() {
    let mut directions = three();
    directions.accept(&book(2, "2026-02-17", 3, &[("REG", ZN, 5), ("XM", ZN, 5)]), &[]);
    let before = directions.clone();
    directions.accept(&book(3, DATE, 3, &[("REG", ZN, 1)]), &[]);
    assert_eq!(directions, before);
}

#[test]
fn a_settled_item_stays_as_it_was() {
    let mut directions = three();
    accept(&mut directions, &book(2, DATE, 2, &[("REG", ZN, 3)]));
    let by = |by: &str| Resolution { by: by.to_owned(), at: Timestamp::UNIX_EPOCH, note: "looked at".to_owned() };
    directions.resolve(ItemId(1), by("operator"));
    directions.resolve(ItemId(1), by("administrator"));
    assert_eq!(directions.item(ItemId(1)).unwrap().1.unwrap().by, "operator");
    directions.resolve(ItemId(9), by("operator"));
    assert_eq!(directions.item(ItemId(9)), None);
}

#[test]
fn an_item_is_named_in_one_way() {
    assert_eq!("R-12".parse(), Ok(ItemId(12)));
    for text in ["R-0", "R-01", "R-+1", "R--1", "r-1", "1", "R-", "", "R-1 "] {
        assert!(text.parse::<ItemId>().is_err(), "{text:?}");
    }
}

#[test]
fn directions_that_every_book_includes_are_let_go_and_the_numbers_go_on() {
    let mut directions = three();
    directions.accept(&book(2, DATE, 2, &[("REG", ZN, 3), ("XM", ZN, 7)]), &[]);
    directions.forget(2);
    assert_eq!(directions.after(0).count(), 3, "those of the day stay");
    directions.accept(&book(3, "2026-02-17", 3, &[("REG", ZN, 5), ("XM", ZN, 5)]), &[]);
    // The book of the day before can be frozen still, and does not include the third.
    directions.forget(2);
    assert_eq!(directions.after(0).map(|direction| direction.number).collect::<Vec<_>>(), [3]);
    assert_eq!((directions.direction(2), directions.direction(3).unwrap().number), (None, 3));
    assert_eq!((held(&directions, "REG", ZN), directions.last()), (5, 3));
    // What a start reads of a compacted ledger: the book, and the directions behind it.
    let mut started = Directions::default();
    started.record(direction(3, DATE, &[("XM", "REG", ZN, 2)]));
    started.accept(directions.base().unwrap(), &[]);
    assert_eq!(started, directions);
}
