mod histories;
mod laws;
mod logs;
mod moves;
mod naive;
mod reading;
mod refusals;
mod requests;
mod simulation;
mod standing;
mod wire;

use super::*;
use crate::{arrangement::terms::Arrangement, sample};

const ARRANGEMENT: Digest = Digest([7; 32]);

fn rules() -> Rules {
    Arc::clone(&Arrangement::default().programme)
}

/// The next entry of a house's log, with its payload digest.
fn next_entry(registry: &Registry, leg: Leg, content: RegistryContent) -> (RegistryEntry, Digest) {
    let (sequence, previous) = registry.next(leg);
    let entry = RegistryEntry { sequence, previous, content };
    let digest = Digest::of(format!("{leg:?} {entry:?}").as_bytes());
    (entry, digest)
}

fn batch(changes: &[v1::ProgrammeChange]) -> RegistryContent {
    let at = jiff::Timestamp::UNIX_EPOCH;
    RegistryContent::Changes(ChangeBatch { changes: changes.to_vec(), by: "administrator".to_owned(), at })
}

fn record(registry: &mut Registry, leg: Leg, content: RegistryContent) -> Result<Recorded, RegistryError> {
    let (entry, digest) = next_entry(registry, leg, content);
    registry.record(leg, &entry, digest)
}

/// Records changes as one entry and answers what is wrong with them.
fn try_record(registry: &mut Registry, leg: Leg, changes: &[v1::ProgrammeChange]) -> Result<(), Vec<ChangeProblem>> {
    match record(registry, leg, batch(changes)) {
        Ok(_) => Ok(()),
        Err(RegistryError::Changes(problems)) => Err(problems),
        Err(other) => panic!("{other}"),
    }
}

fn adopted_under(rules: Rules) -> Registry {
    let mut registry = Registry::new(rules);
    for leg in Leg::BOTH {
        record(&mut registry, leg, RegistryContent::Adoption(ARRANGEMENT)).unwrap();
    }
    registry
}

fn adopted() -> Registry {
    adopted_under(rules())
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// The problems of a refusal as `field: reason`.
fn told(problems: &[ChangeProblem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn links_of_the_sample_are_live_or_rehearsing_once_both_houses_have_recorded_everything() {
    let mut registry = adopted();
    let links = sample::book::links();
    record(&mut registry, Leg::Treasury, sample::programme::entry(&links)).unwrap();
    assert_eq!(registry.links_on(sample::BUSINESS_DATE).count(), 0);
    record(&mut registry, Leg::Futures, sample::programme::entry(&links)).unwrap();
    let count = |wanted| registry.links_on(sample::BUSINESS_DATE).filter(|(_, mode)| *mode == wanted).count();
    assert_eq!((count(LinkMode::Live), count(LinkMode::Rehearsal), count(LinkMode::Suspended)), (8, 20, 0));
}
