//! Laws of the registry over random histories of two houses.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use super::{histories::*, naive::Records, wire::*, *};

/// Everything that a reader can see.
fn views(registry: &Registry) -> String {
    let mut text = String::new();
    for (link, date) in everywhere() {
        let terms = registry.terms_on(&link, date);
        let cap = terms.map(|terms| registry.cap_bp(terms, date));
        writeln!(text, "{link} {date} {:?} {terms:?} {cap:?}", registry.standing(&link, date)).unwrap();
    }
    for joined in registry.suspensions() {
        let id = joined.id;
        writeln!(text, "{joined:?} {:?} {:?}", registry.packages(id), registry.close_outs(id)).unwrap();
        for pool in registry.recorded_pools(id) {
            let pool = pool.as_ref();
            writeln!(text, "{:?} {:?}", registry.liquidations(id, pool), registry.loss_allocations(id, pool)).unwrap();
        }
    }
    let links: Vec<_> = registry.joined(None).collect();
    let approvals: Vec<_> = registry.approvals().collect();
    let members: Vec<_> = registry.members(None).collect();
    writeln!(text, "{:?} {links:?} {approvals:?} {members:?}", taken_by_cycles(registry)).unwrap();
    text
}

/// The links that are live on a date.
fn live_on(registry: &Registry, date: &str) -> Vec<LinkTerms> {
    let live = registry.links_on(day(date)).filter(|(_, mode)| *mode == LinkMode::Live);
    live.map(|(terms, _)| terms.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn both_houses_come_to_the_same_registry_in_whatever_order_entries_arrive(
        asked in asked_of_both(), ours in turns(), theirs in turns(),
    ) {
        let logs = logs_of(&asked);
        let (ours, theirs) = (registry_of(&merged(&logs, &ours)), registry_of(&merged(&logs, &theirs)));
        prop_assert_eq!(views(&ours), views(&theirs));
        prop_assert_eq!(ours.digest(), theirs.digest());
        prop_assert!(ours == theirs);
    }

    #[test]
    fn an_entry_is_judged_alike_whatever_is_held_of_the_other_log(asked in asked_of_both()) {
        for leg in Leg::BOTH {
            let mut registry = registry_of(&log_of(leg.other(), &asked[leg.other()]).0);
            let (log, refused) = log_of(leg, &asked[leg]);
            record(&mut registry, leg, RegistryContent::Adoption(ARRANGEMENT)).unwrap();
            let verdicts: Vec<bool> =
                asked[leg].iter().map(|changes| try_record(&mut registry, leg, changes).is_ok()).collect();
            prop_assert_eq!(verdicts.iter().filter(|taken| **taken).count(), log.len() - 1);
            prop_assert_eq!(verdicts.iter().filter(|taken| !**taken).count(), refused.len());
            prop_assert_eq!(registry.next(leg).1, log.last().unwrap().digest);
        }
    }

    #[test]
    fn an_entry_that_comes_again_changes_nothing(asked in asked_of_both(), turns in turns()) {
        let entries = merged(&logs_of(&asked), &turns);
        let mut registry = registry_of(&entries);
        let before = registry.clone();
        for Sent { leg, entry, digest } in &entries {
            prop_assert_eq!(registry.record(*leg, entry, *digest), Ok(Recorded::Before));
        }
        prop_assert!(registry == before);
    }

    #[test]
    fn a_reduction_implies_every_condition_and_every_condition_a_reduction(asked in asked_of_both()) {
        let entries = merged(&logs_of(&asked), &[]);
        let (registry, records) = (registry_of(&entries), Records::of(&entries));
        for (link, date) in everywhere() {
            let (id, on) = (link.as_str(), date.to_string());
            let taken = registry.link_on(&link, date);
            let is_live = taken.is_some_and(|(_, mode)| mode == LinkMode::Live);
            prop_assert_eq!(is_live, records.is_live(id, &on), "{} {} {:?}", id, on, registry.standing(&link, date));
            prop_assert_eq!(registry.terms_on(&link, date).map(LinkTerms::to_wire), records.terms_on(id, &on));
            if let Some((terms, _)) = taken {
                prop_assert_eq!(registry.cap_bp(terms, date), records.cap_bp(&terms.to_wire(), &on));
                prop_assert!(Leg::BOTH.into_iter().all(|leg| records.word(leg, id).is_some()), "{} {}", id, on);
            }
            if let Some(Standing { stage, obstacles, .. }) = registry.standing(&link, date) {
                prop_assert_eq!(stage == Stage::Live, obstacles.is_empty(), "what is not live names an obstacle");
            }
        }
    }

    #[test]
    fn an_account_takes_part_in_one_link_at_most(asked in asked_of_both()) {
        let registry = registry_of(&merged(&logs_of(&asked), &[]));
        for date in DATES {
            for leg in Leg::BOTH {
                let accounts: Vec<_> = registry.links_on(day(date)).map(|(terms, _)| &terms.accounts[leg]).collect();
                prop_assert_eq!(accounts.iter().collect::<BTreeSet<_>>().len(), accounts.len(), "{:?}", accounts);
            }
        }
    }

    #[test]
    fn what_is_not_material_changes_nothing_that_a_cycle_takes(asked in asked_of_both(), turns in turns()) {
        let mut registry = Registry::new(rules());
        for Sent { leg, entry, digest } in merged(&logs_of(&asked), &turns) {
            let before = taken_by_cycles(&registry);
            registry.record(leg, &entry, digest).unwrap();
            let is_material = match &entry.content {
                RegistryContent::Adoption(_) => false,
                RegistryContent::Changes(batch) => batch.changes.iter().any(Change::is_material),
            };
            prop_assert!(is_material || taken_by_cycles(&registry) == before, "{:?}", entry);
        }
    }

    #[test]
    fn cycles_are_computed_again_where_and_only_where_what_they_take_changed(
        asked in asked_of_both(), turns in turns(),
    ) {
        let dates = DATES.map(day);
        let mut registry = Registry::new(rules());
        for Sent { leg, entry, digest } in merged(&logs_of(&asked), &turns) {
            let before = registry.clone();
            registry.record(leg, &entry, digest).unwrap();
            let RegistryContent::Changes(batch) = &entry.content else { continue };
            let is_other = taken_by_cycles(&registry) != taken_by_cycles(&before);
            prop_assert_eq!(registry.changes_cycles(&before, &batch.changes, &dates), is_other, "{:?}", entry);
            prop_assert!(!registry.changes_cycles(&before, &batch.changes, &[]));
        }
    }

    #[test]
    fn a_suspension_takes_one_house_and_its_lifting_both(
        asked in asked_of_both(), by_treasury in any::<bool>(), lifted_by_treasury in any::<bool>(), scope in 0..3,
    ) {
        let registry = registry_of(&merged(&logs_of(&asked), &[]));
        let leg = |is_treasury| if is_treasury { Leg::Treasury } else { Leg::Futures };
        let (by, first) = (leg(by_treasury), leg(lifted_by_treasury));
        for terms in live_on(&registry, DAY) {
            let scope = match scope {
                0 => of_link(terms.link.as_str()),
                1 => of_member(terms.member.as_str()),
                _ => of_everything(),
            };
            let mode = |registry: &Registry| registry.link_on(&terms.link, day(DAY)).map(|(_, mode)| mode);
            let mut suspended = registry.clone();
            let id = format!("{}/{}/0", rules().houses[by], registry.next(by).0);
            try_record(&mut suspended, by, &[suspend(scope)]).unwrap();
            // The vocabulary names suspensions that were never made: a house may have consented to lifting this one.
            let consented = |registry: &Registry, leg: Leg| {
                let id = SuspensionId::parse(&id, &rules()).unwrap();
                registry.suspension(id).unwrap().lifted_by[leg]
            };
            for leg in [first, first.other()] {
                let is_lifted = Leg::BOTH.into_iter().all(|leg| consented(&suspended, leg));
                prop_assert_eq!(mode(&suspended), Some(if is_lifted { LinkMode::Live } else { LinkMode::Suspended }));
                if !consented(&suspended, leg) {
                    try_record(&mut suspended, leg, &[lift(&id)]).unwrap();
                }
            }
            prop_assert_eq!(mode(&suspended), Some(LinkMode::Live));
        }
    }

    #[test]
    fn a_move_recorded_by_one_house_alone_moves_nothing(asked in asked_of_both(), to in 0..2_usize) {
        let registry = registry_of(&merged(&logs_of(&asked), &[]));
        let change = [port(LINK, MEMBERS[to], "2026-05-03")];
        for leg in Leg::BOTH {
            let mut moved = registry.clone();
            if try_record(&mut moved, leg, &change).is_err() {
                continue;
            }
            prop_assert_eq!(taken_by_cycles(&moved), taken_by_cycles(&registry));
            if try_record(&mut moved, leg.other(), &change).is_ok() {
                let at = |date| moved.terms_on(&LINK.parse().unwrap(), day(date)).map(|terms| terms.member.to_string());
                let before = registry.terms_on(&LINK.parse().unwrap(), day("2026-05-02")).map(|t| t.member.to_string());
                prop_assert_eq!(at("2026-05-02"), before);
                prop_assert!(at("2026-05-03").is_none_or(|member| member == MEMBERS[to]));
            }
        }
    }
}

#[test]
fn random_histories_come_to_every_stage_and_every_obstacle_of_both_houses() {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let strategy = asked_of_both();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..150 {
        let asked = strategy.new_tree(&mut runner).unwrap().current();
        let registry = registry_of(&merged(&logs_of(&asked), &[]));
        for (link, date) in everywhere() {
            let Some(standing) = registry.standing(&link, date) else { continue };
            *seen.entry(standing.stage.to_string()).or_default() += 1;
            let is_moved = registry.terms_on(&link, date).is_some_and(|terms| terms.member.as_str() == "M2");
            *seen.entry("moved and live".to_owned()).or_default() +=
                usize::from(is_moved && standing.stage == Stage::Live);
            let obstacles = standing.obstacles.iter().map(|obstacle| format!("{obstacle:?}"));
            for name in obstacles.chain(standing.remarks.iter().map(|remark| format!("{remark:?}"))) {
                let name = name.split('(').next().unwrap_or_default().to_owned();
                *seen.entry(name).or_default() += 1;
            }
        }
    }
    let stages = Stage::ALL.map(|stage| stage.to_string());
    let others = [
        "moved and live",
        "NotRecorded",
        "TermsDiffer",
        "Document",
        "Consent",
        "Suspended",
        "Membership",
        "BrokerDealer",
        "Merchant",
        "Affiliate",
        "Customer",
        "Undesignated",
        "AccountMember",
        "MoveAwaits",
        "MovesDiffer",
        "Approval",
        "ClosedBy",
    ];
    for wanted in stages.iter().map(String::as_str).chain(others) {
        assert!(seen.get(wanted).is_some_and(|count| *count >= 5), "{wanted}: {seen:?}");
    }
}
