use std::collections::BTreeMap;

use super::*;
use crate::{
    arrangement::{
        evidence::{RegistryContent, RegistryEntry},
        terms::Arrangement,
    },
    blobs::MemoryBlobStore,
    book::direction::Direction,
    sample,
};

fn registry() -> Registry {
    let mut registry = Registry::new(Arc::clone(&Arrangement::default().programme));
    for content in [RegistryContent::Adoption(Digest::default()), sample::programme::entry(&sample::book::links())] {
        let (sequence, previous) = registry.next(Leg::Futures);
        let entry = RegistryEntry { sequence, previous, content };
        registry.record(Leg::Futures, &entry, Digest([u8::try_from(sequence).unwrap(); 32])).unwrap();
    }
    registry
}

fn book(rows: &[(&str, &str, i64)]) -> Book {
    let mut accounts: BTreeMap<AccountId, Vec<Holding>> = BTreeMap::new();
    for (account, instrument, quantity) in rows {
        let holding = Holding { instrument: instrument.parse().unwrap(), quantity: *quantity };
        accounts.entry(account.parse().unwrap()).or_default().push(holding);
    }
    Book {
        version: 1,
        business_date: sample::BUSINESS_DATE,
        as_of: jiff::Timestamp::UNIX_EPOCH,
        directions_through: 0,
        accounts: accounts.into_iter().map(|(account, holdings)| (account, holdings.into())).collect(),
    }
}

fn held(frozen: &Frozen, store: &MemoryBlobStore, name: &str) -> Option<Vec<Holding>> {
    let chunks = frozen.chunks.iter().map(|chunk| store.get(&chunk.digest).unwrap().unwrap());
    let mut accounts = chunks.flat_map(|bytes| columns::read(&bytes).unwrap());
    accounts.find(|(account, _)| account.as_str() == name).map(|(_, holdings)| holdings.to_vec())
}

#[test]
fn a_frozen_book_holds_what_is_directed_and_no_regular_account() {
    let store = MemoryBlobStore::new();
    let book = book(&[("REG", "FUT:ZN:2026-03", 5)]);
    let Ok(Instrument::Future(contract)) = "FUT:ZN:2026-03".parse() else { panic!("it is a future") };
    let direction = Direction {
        number: 1,
        request: crate::book::direction::RequestKey {
            member: None,
            id: "r".into(),
            content: crate::arrangement::digest::Digest::of(b"r"),
        },
        business_date: book.business_date,
        by: String::new(),
        recorded_at: book.as_of,
        expected: None,
        legs: vec![crate::book::direction::DirectedLeg {
            from: "REG".parse().unwrap(),
            to: "XM-1001".parse().unwrap(),
            contract,
            quantity: 5,
            member: "alder-point".parse().unwrap(),
        }],
    };
    let net: Overlay = [&direction].into_iter().collect();
    let frozen = freeze(&book, &net, |_| None, Leg::Futures, &registry(), &store).unwrap();
    let holding = Holding { instrument: "FUT:ZN:2026-03".parse().unwrap(), quantity: 5 };
    assert_eq!(held(&frozen, &store, "XM-1001"), Some(vec![holding]));
    assert_eq!(held(&frozen, &store, "XM-1002"), Some(vec![]), "flat accounts of links are there");
    assert_eq!(held(&frozen, &store, "REG"), None);
}

#[test]
fn what_is_not_eligible_any_more_leaves_visibly() {
    let store = MemoryBlobStore::new();
    let book = book(&[
        ("XM-1001", "FUT:ZN:2026-03", 5),
        ("XM-1001", "FUT:ZN:2026-06", -2),
        ("XM-1002", "FUT:ZN:2026-03", 1),
        ("REG", "FUT:ZN:2026-03", 7),
    ]);
    let expired = |instrument: &Instrument| instrument.to_string().ends_with("2026-03").then(|| "expired".to_owned());
    let frozen = freeze(&book, &Overlay::default(), expired, Leg::Futures, &registry(), &store).unwrap();
    let listed: Vec<_> = frozen.exclusions.exclusions.iter().map(|e| (&*e.account, e.quantity, &*e.reason)).collect();
    assert_eq!(listed, [("XM-1001", 5, "expired"), ("XM-1002", 1, "expired")]);
    let left = Holding { instrument: "FUT:ZN:2026-06".parse().unwrap(), quantity: -2 };
    assert_eq!(held(&frozen, &store, "XM-1001"), Some(vec![left]));
    assert_eq!(held(&frozen, &store, "XM-1002"), Some(vec![]));
}
