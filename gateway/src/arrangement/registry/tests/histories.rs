//! Random histories: what two houses ask to record, from a vocabulary that holds what is valid, what is not, what conflicts
//! and what repeats.

use std::sync::LazyLock;

use crossmargin::v1::{self, AccountUse, ApprovalKind, LinkStage, programme_change::Change as Wire};
use proptest::{collection::vec, prelude::*};

use super::{wire::*, *};

/// An entry as it travels.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) leg: Leg,
    pub(super) entry: RegistryEntry,
    pub(super) digest: Digest,
}

/// The members that the customer's link moves to: the last one never signs its documents.
const MOVES_TO: [&str; 3] = ["M1", "M2", "M3"];

/// The dates on which a registry is looked at: before and after everything that the vocabulary dates.
pub(super) const DATES: [&str; 5] = ["2026-01-01", "2026-03-01", "2026-04-20", "2026-05-05", "2026-06-01"];
pub(super) const LINKS: [&str; 4] = [LINK, HOUSE_LINK, AFFILIATE_LINK, "L-other"];

/// What a house records to bring three links of the three kinds to life, in order.
pub(super) static ONBOARDING: LazyLock<Vec<v1::ProgrammeChange>> = LazyLock::new(|| {
    let mut changes = vec![member("M2"), customer("M2", always()), member("M3"), customer("M3", always())];
    for link in [LINK, HOUSE_LINK, AFFILIATE_LINK] {
        changes.extend(onboarding(link));
    }
    // Some documents are signed only after the first of the dates.
    let affiliates = document(AFFILIATE_LINK, documents_of(AFFILIATE_LINK)[0]);
    for own in changes.iter_mut().filter(|own| **own == affiliates) {
        *own = document_of("", AFFILIATE_LINK, documents_of(AFFILIATE_LINK)[0], "2026-04-01");
    }
    // Where the customer's link moves to, its documents are signed anew.
    let documents = CUSTOMER_DOCUMENTS.into_iter().zip([SINCE, SINCE, "2026-04-02"]);
    changes.extend(documents.map(|(kind, dated)| document_of("M2", LINK, kind, dated)));
    changes
});

/// Changes of every kind, each with others that contradict it.
pub(super) static VOCABULARY: LazyLock<Vec<v1::ProgrammeChange>> = LazyLock::new(|| {
    let mut words = parties();
    words.extend(links());
    words.extend(approvals());
    words.extend(suspensions());
    words
});

fn parties() -> Vec<v1::ProgrammeChange> {
    let member_of = |member: &str, change: fn(&mut v1::MemberRecord)| {
        let mut record = member_record(member);
        change(&mut record);
        of(Wire::Member(record))
    };
    let mut words = vec![
        member_of(MEMBER, |record| record.membership = range(SINCE, "2026-05-01")),
        member_of(MEMBER, |record| record.broker_dealer = None),
        member_of("M2", |record| record.futures_commission_merchant = range("2026-05-02", "")),
        member_of("M2", |record| record.membership = None),
        affiliate(MEMBER, range(SINCE, "2026-04-01")),
        affiliate("M2", always()),
        customer(MEMBER, range("2026-04-01", "")),
        customer("M4", always()),
        account("T-customer", CUSTOMER, AccountUse::CrossMargin),
        account("F-customer", CUSTOMER, AccountUse::CrossMargin),
        account("T-customer", CUSTOMER, AccountUse::Regular),
        account("F-affiliate", AFFILIATE, AccountUse::Regular),
        account("T-other", "C-2", AccountUse::CrossMargin),
        account_at("M2", "T-customer", CUSTOMER, AccountUse::CrossMargin),
        account_at("M2", "F-customer", CUSTOMER, AccountUse::CrossMargin),
        account_at("M2", "F-affiliate", AFFILIATE, AccountUse::CrossMargin),
    ];
    words.extend([MEMBER, "M2"].map(member));
    words.extend([MEMBER, "M2"].map(|member| customer(member, always())));
    words
}

fn links() -> Vec<v1::ProgrammeChange> {
    let amended = |change: fn(&mut v1::LinkTerms)| {
        let mut wire = terms(LINK);
        change(&mut wire);
        link(wire)
    };
    let mut words = vec![
        amended(|terms| terms.futures_account = "F-new".into()),
        amended(|terms| terms.owner = "C-2".into()),
        amended(|terms| terms.member = "M2".into()),
        link(v1::LinkTerms { treasury_account: "T-customer".into(), ..terms("L-other") }),
        link(v1::LinkTerms { futures_account: "F-new".into(), ..terms("L-other") }),
        limit(of_link(LINK), 500),
        limit(of_member(MEMBER), 250),
        limit(of_everything(), 1_000),
        limit_of(of_link(LINK), 500, SINCE, "2026-04-01"),
        limit_of(of_link(LINK), 700, "2026-04-01", ""),
        limit_of(of_everything(), 900, "2026-05-01", ""),
        limit_of(of_member("M2"), 100, "2026-05-01", "2026-05-10"),
    ];
    for (kind, dated) in CUSTOMER_DOCUMENTS.into_iter().zip(["2026-04-20", "2026-05-05", SINCE]) {
        words.extend(MEMBERS.map(|member| document_of(member, LINK, kind, dated)));
    }
    for link_id in LINKS {
        words.push(link(terms(link_id)));
        words.extend(documents_of(link_id).iter().map(|kind| document(link_id, *kind)));
        for to in [LinkStage::Rehearsing, LinkStage::Live, LinkStage::Closing, LinkStage::Closed] {
            words.push(stage(link_id, to));
        }
    }
    for from in ["2026-04-01", "2026-05-01"] {
        words.extend(MOVES_TO.map(|to| port(LINK, to, from)));
    }
    words
}

fn approvals() -> Vec<v1::ProgrammeChange> {
    let mut words = Vec::new();
    for kind in APPROVALS {
        let base = || approval_record(kind);
        words.extend([
            approval(base()),
            approval(v1::ApprovalRecord { effective_from: "2026-05-01".into(), ..base() }),
            approval(v1::ApprovalRecord { scope: vec![1, 3], ..base() }),
            approval(v1::ApprovalRecord { approval_id: format!("B-{}", kind as i32), ..base() }),
        ]);
    }
    words.push(withdraw(ApprovalKind::SecOrder, "2026-05-05"));
    words.push(withdraw(ApprovalKind::CftcOrder, "2026-03-01"));
    words
}

fn suspensions() -> Vec<v1::ProgrammeChange> {
    let mut words = vec![
        suspend(of_link(LINK)),
        suspend(of_link(HOUSE_LINK)),
        suspend(of_member(MEMBER)),
        suspend(of_everything()),
        default_of(MEMBER),
        default_of("M2"),
        suspend(None),
    ];
    for house in ["FICC", "CME"] {
        for sequence in [2, 25, 28, 30, 32] {
            let id = format!("{house}/{sequence}/0");
            words.extend([lift(&id), package(&id), close_out(&id), liquidation(&id, "-7.00")]);
            words.push(of_customer(CUSTOMER, liquidation(&id, "2.00")));
        }
        words.push(allocation("FICC/28/0", house, "3.50"));
    }
    words
}

/// Some changes, each with its place in the onboarding. A place beyond is its end, so most of them meet links that are live.
type Placed = Vec<(usize, Vec<v1::ProgrammeChange>)>;

fn placed(words: impl Strategy<Value = Vec<v1::ProgrammeChange>>, count: usize) -> impl Strategy<Value = Placed> {
    vec((0..3 * ONBOARDING.len(), words), 0..count)
}

fn word() -> impl Strategy<Value = v1::ProgrammeChange> {
    (0..VOCABULARY.len()).prop_map(|word| VOCABULARY[word].clone())
}

fn a_move() -> impl Strategy<Value = v1::ProgrammeChange> {
    (0..MOVES_TO.len(), 1..=5).prop_map(|(to, month)| port(LINK, MOVES_TO[to], &format!("2026-0{month}-01")))
}

/// What one house asks to record, a batch for each entry: most of the onboarding, and other changes in between and after.
fn asked(left_out: &[usize], mut others: Placed) -> Vec<Vec<v1::ProgrammeChange>> {
    others.sort_by_key(|(place, _)| *place);
    let mut others = others.into_iter().peekable();
    let mut batches = Vec::new();
    for (place, change) in ONBOARDING.iter().enumerate() {
        while let Some((_, batch)) = others.next_if(|(before, _)| *before <= place) {
            batches.push(batch);
        }
        if !left_out.contains(&place) {
            batches.push(vec![change.clone()]);
        }
    }
    batches.extend(others.map(|(_, batch)| batch));
    batches
}

/// What both houses ask to record: some of it the same, the rest each its own.
pub(super) fn asked_of_both() -> impl Strategy<Value = Pair<Vec<Vec<v1::ProgrammeChange>>>> {
    let own = || (vec(0..3 * ONBOARDING.len(), 0..=2), placed(vec(prop_oneof![9 => word(), 1 => a_move()], 1..=2), 14));
    let shared = placed(prop_oneof![word(), a_move()].prop_map(|change| vec![change]), 6);
    (own(), own(), shared).prop_map(|(treasury, futures, shared)| {
        let all = |(left_out, own): (Vec<usize>, Placed)| asked(&left_out, [own, shared.clone()].concat());
        Pair { treasury: all(treasury), futures: all(futures) }
    })
}

/// Turns for merging two logs; the longer log's rest comes last.
pub(super) fn turns() -> impl Strategy<Value = Vec<bool>> {
    vec(any::<bool>(), 0..100)
}

/// The log of one house that holds nothing of the other: what it could record of what was asked, and what it could not.
pub(super) fn log_of(leg: Leg, asked: &[Vec<v1::ProgrammeChange>]) -> (Vec<Sent>, Vec<Vec<v1::ProgrammeChange>>) {
    let mut alone = Registry::new(rules());
    let adoption = RegistryContent::Adoption(ARRANGEMENT);
    let (mut log, mut refused) = (Vec::new(), Vec::new());
    let contents = std::iter::once(adoption).chain(asked.iter().map(|changes| batch(changes)));
    for content in contents {
        let (entry, digest) = next_entry(&alone, leg, content);
        let before = alone.clone();
        match alone.record(leg, &entry, digest) {
            Ok(recorded) => {
                assert_eq!(recorded, Recorded::Now);
                log.push(Sent { leg, entry, digest });
            }
            Err(_) => {
                assert_eq!(alone, before, "a refused entry leaves no trace");
                if let RegistryContent::Changes(batch) = entry.content {
                    refused.push(batch.changes);
                }
            }
        }
    }
    (log, refused)
}

pub(super) fn logs_of(asked: &Pair<Vec<Vec<v1::ProgrammeChange>>>) -> Pair<Vec<Sent>> {
    Pair::from_fn(|leg| log_of(leg, &asked[leg]).0)
}

/// Both logs in one order of arrival; the order within each is kept.
pub(super) fn merged(logs: &Pair<Vec<Sent>>, turns: &[bool]) -> Vec<Sent> {
    let mut rest = logs.as_ref().map(|log| log.iter().peekable());
    let mut all = Vec::new();
    for is_treasurys in turns {
        let leg = if *is_treasurys { Leg::Treasury } else { Leg::Futures };
        all.extend(rest[leg].next().cloned());
    }
    Leg::BOTH.into_iter().for_each(|leg| all.extend(rest[leg].by_ref().cloned()));
    all
}

/// The registry that entries give in this order.
pub(super) fn registry_of(entries: &[Sent]) -> Registry {
    let mut registry = Registry::new(rules());
    for Sent { leg, entry, digest } in entries {
        assert_eq!(registry.record(*leg, entry, *digest), Ok(Recorded::Now), "{leg:?} {entry:?}");
    }
    registry
}

/// Every link of the vocabulary on every date.
pub(super) fn everywhere() -> impl Iterator<Item = (LinkId, Date)> {
    LINKS.into_iter().flat_map(|link| DATES.into_iter().map(move |date| (link.parse().unwrap(), day(date))))
}

/// What a cycle of each date takes from the registry: terms, modes and limits.
pub(super) fn taken_by_cycles(registry: &Registry) -> Vec<(Date, LinkTerms, LinkMode, u32)> {
    let on = |date: Date| {
        registry.links_on(date).map(move |(terms, mode)| (date, terms.clone(), mode, registry.cap_bp(terms, date)))
    };
    DATES.into_iter().flat_map(|date| on(day(date))).collect()
}
