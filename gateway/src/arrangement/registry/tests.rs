use proptest::prelude::*;

use super::*;

const ARRANGEMENT: Digest = Digest([7; 32]);

fn row(n: u32, kind: v1::LinkKind) -> v1::LinkTerms {
    let owner = if kind == v1::LinkKind::House { "BD1".to_owned() } else { format!("O{n}") };
    v1::LinkTerms {
        link_id: format!("L{n:03}"),
        kind: kind.into(),
        member: "BD1".into(),
        owner,
        treasury_account: format!("T{n}"),
        futures_account: format!("F{n}"),
    }
}

fn entry(registry: &Registry, leg: Leg, content: RegistryContent) -> RegistryEntry {
    let (sequence, previous) = registry.next(leg);
    RegistryEntry { sequence, previous, content }
}

fn record(registry: &mut Registry, leg: Leg, content: RegistryContent) -> Result<Recorded, RegistryError> {
    let entry = entry(registry, leg, content);
    let digest = Digest::of(format!("{leg:?} {entry:?}").as_bytes());
    registry.record(leg, &entry, digest)
}

fn adopted() -> Registry {
    let mut registry = Registry::new(ArrangementMode::Live);
    for leg in Leg::BOTH {
        record(&mut registry, leg, RegistryContent::Adoption(ARRANGEMENT)).unwrap();
    }
    registry
}

#[test]
fn a_link_is_in_force_once_both_houses_have_recorded_the_same_terms() {
    let mut registry = adopted();
    let links = vec![row(1, v1::LinkKind::House), row(2, v1::LinkKind::Customer), row(3, v1::LinkKind::Affiliate)];
    record(&mut registry, Leg::Treasury, RegistryContent::Links(links.clone())).unwrap();
    assert_eq!(registry.links().len(), 0);
    let mut theirs = links;
    theirs[2].member = "BD2".into();
    theirs.push(row(0, v1::LinkKind::House));
    record(&mut registry, Leg::Futures, RegistryContent::Links(theirs)).unwrap();

    let in_force: Vec<_> = registry.links().map(|(terms, mode)| (terms.link.to_string(), mode)).collect();
    assert_eq!(in_force, [("L001".to_owned(), LinkMode::Live), ("L002".to_owned(), LinkMode::Rehearsal)]);
    let explained: Vec<String> = registry.joined(None).map(|link| link.explanation(Leg::Treasury)).collect();
    assert_eq!(
        explained,
        ["this house has not recorded this link", "", "", "the houses recorded different terms: member"]
    );
    let after = "L001".parse().unwrap();
    assert_eq!(registry.joined(Some(&after)).count(), 2);
    let account = |text: &str| text.parse().unwrap();
    assert_eq!(registry.link_of_account(Leg::Treasury, &account("T1")).unwrap().0.link.as_str(), "L001");
    assert_eq!(registry.link_of_account(Leg::Futures, &account("F3")), None);
    assert_eq!(registry.link_of_account(Leg::Futures, &account("T1")), None);
}

#[test]
fn no_link_is_live_in_a_rehearsed_arrangement() {
    let mut registry = Registry::new(ArrangementMode::Rehearsal);
    for leg in Leg::BOTH {
        record(&mut registry, leg, RegistryContent::Adoption(ARRANGEMENT)).unwrap();
        record(&mut registry, leg, RegistryContent::Links(vec![row(1, v1::LinkKind::House)])).unwrap();
    }
    assert!(registry.links().all(|(_, mode)| mode == LinkMode::Rehearsal));
    assert_eq!(registry.links().len(), 1);
}

#[test]
fn a_batch_with_a_problem_changes_nothing() {
    let mut registry = adopted();
    record(&mut registry, Leg::Treasury, RegistryContent::Links(vec![row(1, v1::LinkKind::House)])).unwrap();
    let before = registry.clone();
    let mut twin = row(2, v1::LinkKind::House);
    twin.futures_account = "F1".into();
    let batch = vec![row(3, v1::LinkKind::House), twin, row(1, v1::LinkKind::House)];
    let Err(RegistryError::Links(problems)) =
        record(&mut registry, Leg::Treasury, RegistryContent::Links(batch.clone()))
    else {
        panic!("the batch must be refused")
    };
    let mut found: Vec<_> = problems.iter().map(|problem| (problem.row, problem.field)).collect();
    found.sort_unstable();
    // What clashes within the batch and what clashes with the log, all at once.
    assert_eq!(
        found,
        [
            (1, "futures_account"),
            (2, "futures_account"),
            (2, "futures_account"),
            (2, "link_id"),
            (2, "treasury_account"),
        ]
    );
    assert_eq!(registry, before);
    let Err(problems) = registry.check_links(Leg::Treasury, &batch[2..]) else { panic!("recorded before") };
    let fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
    assert_eq!(fields, ["link_id", "treasury_account", "futures_account"]);
}

#[test]
fn a_log_has_no_gap_no_other_past_and_begins_with_an_adoption() {
    let mut registry = adopted();
    let links = RegistryContent::Links(vec![row(1, v1::LinkKind::House)]);
    let good = entry(&registry, Leg::Treasury, links.clone());
    let digest = Digest([9; 32]);
    let gap = RegistryEntry { sequence: 3, ..good.clone() };
    assert_eq!(registry.record(Leg::Treasury, &gap, digest), Err(RegistryError::Gap { found: 3, needed: 2 }));
    let forked = RegistryEntry { previous: Digest([1; 32]), ..good.clone() };
    assert!(matches!(registry.record(Leg::Treasury, &forked, digest), Err(RegistryError::Chain { .. })));
    assert_eq!(registry.record(Leg::Treasury, &good, digest), Ok(Recorded::Now));
    assert_eq!(registry.record(Leg::Treasury, &good, digest), Ok(Recorded::Before));
    assert!(matches!(
        registry.record(Leg::Treasury, &good, Digest([8; 32])),
        Err(RegistryError::Contradiction { sequence: 2, .. })
    ));
    assert_eq!(
        record(&mut registry, Leg::Treasury, RegistryContent::Adoption(ARRANGEMENT)),
        Err(RegistryError::Adoption(3))
    );
    let mut empty = Registry::new(ArrangementMode::Live);
    assert_eq!(record(&mut empty, Leg::Futures, links), Err(RegistryError::Adoption(1)));
    assert!(!empty.is_adopted_by_both(ARRANGEMENT));
    assert!(registry.is_adopted_by_both(ARRANGEMENT));
}

#[test]
fn the_digest_of_a_registry_tells_every_entry_of_both_logs() {
    let mut registry = adopted();
    let mut seen = vec![registry.digest()];
    for (n, leg) in [(1, Leg::Treasury), (1, Leg::Futures), (2, Leg::Futures)] {
        record(&mut registry, leg, RegistryContent::Links(vec![row(n, v1::LinkKind::House)])).unwrap();
        assert!(!seen.contains(&registry.digest()));
        seen.push(registry.digest());
    }
}

/// Which links of 1 to 30 a house records, each with the member that it names, in batches.
fn logs() -> impl Strategy<Value = BTreeMap<u32, u8>> {
    prop::collection::btree_map(1..30_u32, 0..2_u8, 0..30)
}

fn batches(log: &BTreeMap<u32, u8>, size: usize) -> Vec<Vec<v1::LinkTerms>> {
    let row =
        |(n, member): (&u32, &u8)| v1::LinkTerms { member: format!("BD{member}"), ..row(*n, v1::LinkKind::Customer) };
    log.iter().map(row).collect::<Vec<_>>().chunks(size).map(<[_]>::to_vec).collect()
}

proptest! {
    #[test]
    fn the_join_is_what_both_logs_hold_in_whatever_order_they_come(
        logs in (logs(), logs()),
        size in 1..10_usize,
        order in prop::collection::vec(any::<bool>(), 60),
    ) {
        let expected: Vec<String> = logs.0.iter().filter(|(n, member)| logs.1.get(n) == Some(member))
            .map(|(n, _)| format!("L{n:03}")).collect();
        let mut waiting = Pair { treasury: batches(&logs.0, size), futures: batches(&logs.1, size) };
        let mut registry = adopted();
        for is_treasury in order {
            let leg = if is_treasury { Leg::Treasury } else { Leg::Futures };
            let leg = if waiting[leg].is_empty() { leg.other() } else { leg };
            if let Some(batch) = waiting[leg].pop() {
                record(&mut registry, leg, RegistryContent::Links(batch)).unwrap();
            }
        }
        let found: Vec<String> = registry.links().map(|(terms, _)| terms.link.to_string()).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(registry.joined(None).filter(|link| link.is_in_force).count(), registry.links().len());
        let names: std::collections::BTreeSet<_> = logs.0.keys().chain(logs.1.keys()).collect();
        prop_assert_eq!(registry.joined(None).count(), names.len());
        for (terms, _) in registry.links() {
            for (leg, account) in terms.accounts.iter() {
                prop_assert_eq!(registry.link_of_account(leg, account).unwrap().0, terms);
            }
        }
    }
}
