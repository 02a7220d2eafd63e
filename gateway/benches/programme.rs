//! The registry of the programme at the size of a market: 2,000 members, 100,000 links, nearly all of them customers'.
//!
//! `cargo bench -p gateway --bench programme -- [LINKS]`. Timed are an onboarding in entries of 2,000 links at both
//! houses, what a cycle asks of the registry, and single changes after that; then whether an entry of 20,000 new customers
//! changes what cycles take, and what a cycle asks after 2,000 suspensions that were made and lifted: with a registry as
//! large, and with one of a hundredth of the links beside it. docs/performance.md has the figures.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first failure")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossmargin::v1::{self, programme_change::Change, scope::Scope as Given};
use gateway::{
    arrangement::{
        digest::Digest,
        evidence::{ChangeBatch, RegistryContent, RegistryEntry},
        leg::Leg,
        registry::{Asked, Registry},
        terms::Arrangement,
    },
    sample,
};

/// Links of one entry.
const ENTRY_LINKS: usize = 2_000;
/// Customers of a member.
const CUSTOMERS: usize = 50;
/// Single changes that are timed.
const SINGLE_CHANGES: usize = 200;
/// Customers of the largest entry.
const NEW_CUSTOMERS: usize = 20_000;
/// Suspensions that both houses lifted.
const LIFTED: usize = 2_000;

fn main() {
    let links = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    println!(
        "{:>9}{:>15}{:>16}{:>15}{:>14}{:>17}{:>19}",
        "links", "onboarding s", "for a cycle ms", "one change us", "its check us", "its effect ms", "after lifting ms"
    );
    for links in [links / 100, links] {
        measure(links);
    }
}

fn measure(count: usize) {
    let links: Vec<v1::LinkTerms> = (0..count).map(link).collect();
    let mut registry = Registry::new(Arc::clone(&Arrangement::default().programme));
    for leg in Leg::BOTH {
        record(&mut registry, leg, RegistryContent::Adoption(Arrangement::default().digest()));
    }
    let begin = Instant::now();
    for entry in links.chunks(ENTRY_LINKS) {
        let changes = sample::programme::onboarding(entry);
        for leg in Leg::BOTH {
            record(&mut registry, leg, batch(changes.clone()));
        }
    }
    let onboarding = begin.elapsed();
    let begin = Instant::now();
    let in_cycle = registry.links_on(sample::BUSINESS_DATE).count();
    let for_a_cycle = begin.elapsed();
    assert_eq!(in_cycle, count);
    let changes: Vec<Vec<v1::ProgrammeChange>> =
        (0..SINGLE_CHANGES).map(|number| vec![suspension(&links[number * count / SINGLE_CHANGES])]).collect();
    let begin = Instant::now();
    for change in &changes {
        registry
            .check(Leg::Treasury, change, Asked { on: sample::BUSINESS_DATE, last_cycle: None, is_derived: false })
            .unwrap();
    }
    let checked = begin.elapsed();
    let begin = Instant::now();
    for change in changes {
        record(&mut registry, Leg::Treasury, batch(change));
    }
    let changed = begin.elapsed();
    let effect = effect_of_new_customers(&mut registry, &links);
    let after_lifting = cycle_after_lifting(&mut registry, &links);
    let each = |elapsed: Duration| elapsed.as_secs_f64() * 1e6 / SINGLE_CHANGES as f64;
    println!(
        "{count:>9}{:>15.2}{:>16.1}{:>15.0}{:>14.0}{:>17.1}{:>19.1}",
        onboarding.as_secs_f64(),
        for_a_cycle.as_secs_f64() * 1e3,
        each(changed),
        each(checked),
        effect.as_secs_f64() * 1e3,
        after_lifting.as_secs_f64() * 1e3
    );
}

/// How long the node's loop is held by the question whether an entry of new customers changes a cycle.
fn effect_of_new_customers(registry: &mut Registry, links: &[v1::LinkTerms]) -> Duration {
    let customer = |number: usize| v1::CustomerRecord {
        customer: format!("N-{number:06}"),
        member: links[number % links.len()].member.clone(),
        opted_in: Some(v1::DateRange { from: "2026-01-15".to_owned(), until: String::new() }),
    };
    let customers = (0..NEW_CUSTOMERS).map(|number| sample::programme::recorded(Change::Customer(customer(number))));
    let (customers, before) = (customers.collect::<Vec<_>>(), registry.clone());
    record(registry, Leg::Treasury, batch(customers.clone()));
    let begin = Instant::now();
    assert!(!registry.changes_cycles(&before, &customers, &[sample::BUSINESS_DATE]));
    begin.elapsed()
}

/// What a cycle asks of a registry in which suspensions were made and lifted.
fn cycle_after_lifting(registry: &mut Registry, links: &[v1::LinkTerms]) -> Duration {
    let (sequence, _) = registry.next(Leg::Treasury);
    let house = registry.programme().houses.treasury.clone();
    let suspensions = (0..LIFTED).map(|number| suspension(&links[number % links.len()]));
    record(registry, Leg::Treasury, batch(suspensions.collect()));
    let lift = |place| v1::ProgrammeChange {
        reason: "a benchmark".to_owned(),
        change: Some(Change::Lift(v1::Lift { suspension_id: format!("{house}/{sequence}/{place}") })),
    };
    for leg in Leg::BOTH {
        record(registry, leg, batch((0..LIFTED).map(lift).collect()));
    }
    let begin = Instant::now();
    assert_eq!(registry.links_on(sample::BUSINESS_DATE).count(), links.len());
    begin.elapsed()
}

fn record(registry: &mut Registry, leg: Leg, content: RegistryContent) {
    let (sequence, previous) = registry.next(leg);
    let mut name = [0; 32];
    name[..8].copy_from_slice(&sequence.to_le_bytes());
    registry.record(leg, &RegistryEntry { sequence, previous, content }, Digest(name)).unwrap();
}

fn batch(changes: Vec<v1::ProgrammeChange>) -> RegistryContent {
    let at = jiff::Timestamp::UNIX_EPOCH;
    RegistryContent::Changes(ChangeBatch { changes, by: "administrator".to_owned(), at })
}

/// A customer's link; each member's first link is its own.
fn link(number: usize) -> v1::LinkTerms {
    let member = format!("member-{:04}", number / CUSTOMERS);
    let (kind, owner) = match number % CUSTOMERS {
        0 => (v1::LinkKind::House, member.clone()),
        _ => (v1::LinkKind::Customer, format!("C-{number:06}")),
    };
    v1::LinkTerms {
        link_id: format!("L-{number:06}"),
        kind: kind.into(),
        member,
        owner,
        treasury_account: format!("T-{number:06}"),
        futures_account: format!("F-{number:06}"),
    }
}

fn suspension(link: &v1::LinkTerms) -> v1::ProgrammeChange {
    let scope = Some(v1::Scope { scope: Some(Given::LinkId(link.link_id.clone())) });
    let suspension = v1::Suspension { scope, is_default: false };
    v1::ProgrammeChange { reason: "a benchmark".to_owned(), change: Some(Change::Suspension(suspension)) }
}
