use super::*;
use crate::{arrangement::terms::Arrangement, sample};

const ARRANGEMENT: Digest = Digest([7; 32]);

fn rules() -> Rules {
    Arc::clone(&Arrangement::default().programme)
}

fn record(registry: &mut Registry, leg: Leg, content: RegistryContent) -> Result<Recorded, RegistryError> {
    let (sequence, previous) = registry.next(leg);
    let entry = RegistryEntry { sequence, previous, content };
    let digest = Digest::of(format!("{leg:?} {entry:?}").as_bytes());
    registry.record(leg, &entry, digest)
}

fn adopted() -> Registry {
    let mut registry = Registry::new(rules());
    for leg in Leg::BOTH {
        record(&mut registry, leg, RegistryContent::Adoption(ARRANGEMENT)).unwrap();
    }
    registry
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
