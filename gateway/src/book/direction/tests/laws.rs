//! Laws over random histories of snapshots and directions.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::book::{
    Scope, Submission,
    direction::{
        fitting::Fitting,
        item::ItemKind,
        proposal::{Proposal, Standing},
        reconcile,
        state::Directions,
    },
};
use crossmargin::v1;

/// Something that happens at a house.
#[derive(Clone, Debug)]
enum Step {
    /// A request of legs; it is recorded where it passes.
    Direct(Vec<(bool, bool, i64)>),
    /// A snapshot: full or not, how many more directions it includes, and changes of positions from outside.
    Snapshot { is_full: bool, more: u64, changes: Vec<(bool, bool, i64)> },
}

/// What was recorded of it.
#[derive(Clone, Debug)]
enum Recorded {
    Direction(Arc<Direction>),
    Book(Arc<Book>, Vec<crate::book::direction::item::Item>),
}

fn row() -> impl Strategy<Value = (bool, bool, i64)> {
    (any::<bool>(), any::<bool>(), -6..=6_i64)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let direct = vec(row(), 1..4).prop_map(Step::Direct);
    let snapshot = (any::<bool>(), 0..4_u64, vec(row(), 0..3)).prop_map(|(is_full, more, changes)| Step::Snapshot {
        is_full,
        more,
        changes,
    });
    vec(prop_oneof![4 => direct, 1 => snapshot], 1..40)
}

fn accounts(is_out: bool) -> (&'static str, &'static str) {
    if is_out { ("XM", "REG") } else { ("REG", "XM") }
}

fn text(is_zf: bool) -> &'static str {
    if is_zf { ZF } else { ZN }
}

/// The total of an instrument over both accounts.
fn total(directions: &Directions, instrument: Instrument) -> i64 {
    ["REG", "XM"].iter().map(|name| directions.held(&account(name), instrument)).sum()
}

/// What a house does with a step.
fn take(directions: &mut Directions, step: &Step, version: u64) -> Option<Recorded> {
    match step {
        Step::Direct(rows) => {
            let leg = |(is_out, is_zf, quantity): &(bool, bool, i64)| v1::PositionLeg {
                from_account: accounts(*is_out).0.to_owned(),
                to_account: accounts(*is_out).1.to_owned(),
                instrument: text(*is_zf).to_owned(),
                quantity: *quantity,
            };
            let request = v1::DirectPositionsRequest {
                request_id: "r".to_owned(),
                business_date: DATE.to_owned(),
                legs: rows.iter().map(leg).collect(),
                ..Default::default()
            };
            let directory = Directory::sample();
            let checked = Proposal::read(&request, "FICC-CME").check(&Standing {
                directions,
                accounts: &directory,
                eligible: &ARRANGEMENT.eligible,
                is_opened: &|_| false,
            });
            let (_, legs) = checked.ok()?;
            let number = directions.last() + 1;
            let direction = Arc::new(Direction { legs, ..direction(number, DATE, &[]).as_ref().clone() });
            directions.record(Arc::clone(&direction));
            Some(Recorded::Direction(direction))
        }
        Step::Snapshot { is_full, more, changes } => {
            let base = Arc::clone(directions.base()?);
            let through = (directions.through() + more).min(directions.last());
            let included = directions.included(Some(&base), through);
            // The house's own books: the directions that it knows of, and trades that come from outside.
            let mut positions: BTreeMap<AccountId, BTreeMap<Instrument, i64>> = BTreeMap::new();
            let named: Vec<&str> = if *is_full {
                vec!["REG", "XM"]
            } else {
                changes.first().map(|c| accounts(c.0).0).into_iter().collect()
            };
            for name in named {
                let of_account = positions.entry(account(name)).or_default();
                for holding in included.compose(&base, &account(name)).iter() {
                    of_account.insert(holding.instrument, holding.quantity);
                }
            }
            for (is_out, is_zf, quantity) in changes {
                if let Some(of_account) = positions.get_mut(&account(accounts(*is_out).0)) {
                    *of_account.entry(instrument(text(*is_zf))).or_insert(0) += quantity;
                }
            }
            let holdings = |of_account: BTreeMap<Instrument, i64>| {
                let held = of_account.into_iter().filter(|(_, quantity)| *quantity != 0);
                held.map(|(instrument, quantity)| Holding { instrument, quantity }).collect()
            };
            let submission = Submission {
                version,
                business_date: date(DATE),
                as_of: Timestamp::UNIX_EPOCH,
                scope: if *is_full { Scope::Full } else { Scope::Amendment },
                directions_through: through,
                accounts: positions.into_iter().map(|(account, of_account)| (account, holdings(of_account))).collect(),
                flat_accounts: Vec::new(),
            };
            directions.check_through(date(DATE), through, directions.through()).unwrap();
            let next = Arc::new(submission.apply_to(Some(&base), &included));
            let touching: Vec<_> = directions.counting(directions.through(), through).cloned().collect();
            let differences = reconcile::differences(&base, &next, touching.iter().map(AsRef::as_ref));
            let mut fitting = Fitting::new(Arc::clone(&next));
            directions.counting(through, directions.last()).for_each(|direction| fitting.take(direction));
            let items = reconcile::items(&next, &differences, fitting.misfits(), directions.last_item());
            directions.accept(&next, &items);
            Some(Recorded::Book(next, items))
        }
    }
}

fn begin() -> Directions {
    let mut directions = Directions::default();
    directions.accept(&book(1, DATE, 0, &[("REG", ZN, 12), ("REG", ZF, -9), ("XM", ZN, 3)]), &[]);
    directions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn directions_conserve_the_total_and_only_snapshots_change_it(steps in steps()) {
        let mut directions = begin();
        for (version, step) in (2..).zip(&steps) {
            let before = [ZN, ZF].map(|text| total(&directions, instrument(text)));
            match take(&mut directions, step, version) {
                None | Some(Recorded::Direction(_)) => {
                    prop_assert_eq!([ZN, ZF].map(|text| total(&directions, instrument(text))), before);
                }
                Some(Recorded::Book(book, _)) => {
                    let held = |text| ["REG", "XM"].iter().map(|n| book.quantity(&account(n), instrument(text))).sum::<i64>();
                    prop_assert_eq!([ZN, ZF].map(|text| total(&directions, instrument(text))), [ZN, ZF].map(held));
                }
            }
        }
    }

    #[test]
    fn no_direction_that_counts_moves_more_than_its_source_holds(steps in steps()) {
        let mut directions = begin();
        for (version, step) in (2..).zip(&steps) {
            take(&mut directions, step, version);
            let mut fitting = Fitting::new(Arc::clone(directions.base().unwrap()));
            directions.counting(directions.through(), directions.last()).for_each(|direction| fitting.take(direction));
            prop_assert_eq!(fitting.misfits(), []);
            // What stands is what they make of the book one after another.
            let all: crate::book::direction::overlay::Overlay =
                directions.counting(directions.through(), directions.last()).map(AsRef::as_ref).collect();
            prop_assert_eq!(&all, directions.net());
        }
    }

    #[test]
    fn the_same_records_in_the_same_order_give_the_same_state(steps in steps()) {
        let mut directions = begin();
        let records: Vec<Recorded> =
            (2..).zip(&steps).filter_map(|(version, step)| take(&mut directions, step, version)).collect();
        let mut replayed = begin();
        for record in records {
            match record {
                Recorded::Direction(direction) => {
                    let read = Direction::read(direction.to_record("FICC-CME"), "FICC-CME").unwrap();
                    prop_assert_eq!(&read, direction.as_ref());
                    replayed.record(Arc::new(read));
                }
                Recorded::Book(book, items) => {
                    let read: Vec<_> = items
                        .iter()
                        .map(|item| crate::book::direction::item::Item::read(&item.to_wire()).unwrap())
                        .collect();
                    prop_assert_eq!(&read, &items);
                    replayed.accept(&book, &read);
                }
            }
        }
        prop_assert_eq!(replayed, directions);
    }

    #[test]
    fn a_snapshot_of_what_the_directions_make_contradicts_nothing(steps in steps()) {
        let mut directions = begin();
        for (version, step) in (2..).zip(&steps) {
            let quiet = match step {
                Step::Snapshot { is_full, more, .. } => {
                    Step::Snapshot { is_full: *is_full, more: *more, changes: Vec::new() }
                }
                direct => direct.clone(),
            };
            let before = [ZN, ZF].map(|text| directions.held(&account("XM"), instrument(text)));
            if let Some(Recorded::Book(_, items)) = take(&mut directions, &quiet, version) {
                prop_assert!(items.iter().all(|item| item.kind == ItemKind::SetAside) && items.is_empty(), "{:?}", items);
                prop_assert_eq!([ZN, ZF].map(|text| directions.held(&account("XM"), instrument(text))), before);
            }
        }
    }
}
