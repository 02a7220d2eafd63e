//! What the tests of a recovery's order and of its plan tell.

use std::sync::LazyLock;

use crossmargin::v1;
use jiff::Timestamp;

use super::story::Told;
use crate::{
    arrangement::{
        cycle_id::CycleId,
        digest::Digest,
        evidence::Evidence,
        leg::Leg,
        terms::{Arrangement, DEFAULT_TOML},
    },
    node::entry::{Held, Keeping},
};

pub(super) const US: Leg = Leg::Treasury;

pub(super) static ARRANGEMENT: LazyLock<Arrangement> = LazyLock::new(|| Arrangement::from_toml(DEFAULT_TOML).unwrap());

pub(super) fn cycle() -> CycleId {
    "2026-02-13/ITD/1".parse().unwrap()
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// Evidence of a house as the other house tells it; nobody checks its signature here.
pub(super) fn told(by: Leg, second: i64, evidence: Evidence) -> Told {
    let payload = evidence.encode(&ARRANGEMENT.parties, by);
    let envelope = v1::SignedEnvelope {
        house: ARRANGEMENT.parties.houses[by].to_string(),
        kind: evidence.kind().into(),
        payload: payload.clone(),
        ..Default::default()
    };
    let held = Held { by, digest: Digest::of(&payload), envelope, evidence, keeping: Keeping::default() };
    Told { held, at: at(second) }
}
