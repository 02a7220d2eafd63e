//! From evidence to payload bytes.

use crossmargin::v1;
use jiff::Timestamp;
use prost::{Message, bytes::Bytes};

use super::{
    Claim, CycleOpening, Decline, End, Evidence, Inputs, MarketManifest, Outcome, PositionManifest, Recovery,
    RegistryContent, RegistryEntry, Statement, Totals,
};
use crate::arrangement::{digest::Digest, leg::Leg, parties::Parties};

impl Evidence {
    /// The payload that the house of `signer` signs.
    #[must_use]
    pub fn encode(&self, parties: &Parties, signer: Leg) -> Bytes {
        let arrangement = parties.arrangement.as_str();
        let house = parties.houses[signer].to_string();
        let payload = match self {
            Self::RegistryEntry(entry) => registry_entry(entry).encode_to_vec(),
            Self::MarketManifest(manifest) => market_manifest(manifest, house).encode_to_vec(),
            Self::CycleOpening(opening) => cycle_opening(opening, arrangement, house).encode_to_vec(),
            Self::PositionManifest(manifest) => position_manifest(manifest, arrangement, house).encode_to_vec(),
            Self::Claim(claim) => self::claim(claim, arrangement, house).encode_to_vec(),
            Self::Statement(statement) => statement.to_wire(arrangement).encode_to_vec(),
            Self::Decline(decline) => self::decline(decline, arrangement, house).encode_to_vec(),
            Self::Outcome(outcome) => self::outcome(outcome, arrangement, house).encode_to_vec(),
            Self::Recovery(recovery) => self::recovery(recovery, arrangement, house).encode_to_vec(),
        };
        payload.into()
    }
}

impl Statement {
    /// The statement as the wire carries it. It names no house: the same bytes are signed by both.
    #[must_use]
    pub fn to_wire(&self, arrangement: &str) -> v1::Statement {
        v1::Statement {
            cycle: Some(self.cycle.to_wire(arrangement)),
            round: self.round.0,
            treasury_claim: bytes(self.claims.treasury),
            futures_claim: bytes(self.claims.futures),
            agreed_root: bytes(self.agreed_root),
            live_count: self.live_count,
            rehearsal_count: self.rehearsal_count,
            breaks: bytes(self.breaks),
            break_counts: self
                .break_counts
                .iter()
                .map(|(cause, count)| v1::BreakCount { cause: (*cause).into(), count: *count })
                .collect(),
            live_totals: Some(self.live_totals.to_wire()),
            rehearsal_totals: Some(self.rehearsal_totals.to_wire()),
            suspended_count: self.suspended_count,
            advance_grants: self
                .advance_grants
                .iter()
                .map(|(kind, grant)| v1::AdvanceGrant {
                    kind: v1::CycleKind::from(*kind).into(),
                    haircut_bp: grant.haircut_bp(),
                    cycles: grant.cycles(),
                })
                .collect(),
        }
    }
}

fn registry_entry(entry: &RegistryEntry) -> v1::RegistryEntry {
    let content = match &entry.content {
        RegistryContent::Adoption(digest) => {
            v1::registry_entry::Entry::Adoption(v1::ArrangementAdoption { arrangement_digest: bytes(*digest) })
        }
        RegistryContent::Changes(batch) => v1::registry_entry::Entry::Changes(v1::ChangeBatch {
            changes: batch.changes.clone(),
            recorded: Some(v1::Recorded { by: batch.by.clone(), at: Some(crate::wire::to_timestamp(batch.at)) }),
        }),
    };
    v1::RegistryEntry { sequence: entry.sequence, previous: bytes(entry.previous), entry: Some(content) }
}

fn recovery(recovery: &Recovery, arrangement: &str, house: String) -> v1::Recovery {
    let lost = recovery.lost.iter().map(|head| v1::LedgerHead {
        sequence: head.sequence,
        hash: bytes(head.hash),
        epoch: head.epoch,
        key_id: head.key_id.clone(),
        signature: head.signature.clone(),
    });
    v1::Recovery {
        house,
        recovered_at: Some(crate::wire::to_timestamp(recovery.at)),
        kept: Some(v1::LedgerHead {
            sequence: recovery.kept.sequence,
            hash: bytes(recovery.kept.hash),
            ..v1::LedgerHead::default()
        }),
        lost: lost.collect(),
        restored_count: recovery.restored_count,
        cycles: recovery.cycles.iter().map(|cycle| cycle.to_wire(arrangement)).collect(),
    }
}

fn market_manifest(manifest: &MarketManifest, house: String) -> v1::MarketManifest {
    let items = manifest.items.iter().map(|item| v1::MarketItemRef {
        kind: item.kind.into(),
        digest: bytes(item.digest),
        size_bytes: item.size_bytes,
    });
    v1::MarketManifest {
        house,
        business_date: manifest.business_date.to_string(),
        version: manifest.version,
        items: items.collect(),
    }
}

fn cycle_opening(opening: &CycleOpening, arrangement: &str, house: String) -> v1::CycleOpening {
    v1::CycleOpening {
        cycle: Some(opening.cycle.to_wire(arrangement)),
        house,
        as_of: Some(instant(opening.as_of)),
        cut_off: Some(instant(opening.cut_off)),
    }
}

fn position_manifest(manifest: &PositionManifest, arrangement: &str, house: String) -> v1::PositionManifest {
    let chunks = manifest.chunks.iter().map(|chunk| v1::ChunkRef {
        digest: bytes(chunk.digest),
        size_bytes: chunk.size_bytes,
        account_count: chunk.account_count,
        position_count: chunk.position_count,
    });
    v1::PositionManifest {
        cycle: Some(manifest.cycle.to_wire(arrangement)),
        house,
        revision: manifest.revision,
        as_of: Some(instant(manifest.as_of)),
        book_version: manifest.book_version,
        account_count: manifest.account_count,
        position_count: manifest.position_count,
        chunks: chunks.collect(),
    }
}

fn claim(claim: &Claim, arrangement: &str, house: String) -> v1::Claim {
    v1::Claim {
        cycle: Some(claim.cycle.to_wire(arrangement)),
        round: claim.round.0,
        house,
        inputs: Some(inputs(&claim.inputs)),
        root: bytes(claim.root),
        link_count: claim.link_count,
    }
}

fn inputs(inputs: &Inputs) -> v1::Inputs {
    v1::Inputs {
        treasury_manifest: bytes(inputs.manifests.treasury),
        futures_manifest: bytes(inputs.manifests.futures),
        treasury_market: bytes(inputs.market.treasury),
        futures_market: bytes(inputs.market.futures),
        treasury_registry_sequence: inputs.registry_sequences.treasury,
        futures_registry_sequence: inputs.registry_sequences.futures,
        positions: bytes(inputs.positions),
        prices: bytes(inputs.prices),
        scenarios: bytes(inputs.scenarios),
        parameters: bytes(inputs.parameters),
        registry: bytes(inputs.registry),
        engine: inputs.engine.clone(),
    }
}

impl Totals {
    /// The sums as the wire carries them.
    #[must_use]
    pub fn to_wire(&self) -> v1::Totals {
        v1::Totals {
            treasury_standalone_cents: self.standalone_cents.treasury,
            futures_standalone_cents: self.standalone_cents.futures,
            treasury_requirement_cents: self.requirement_cents.treasury,
            futures_requirement_cents: self.requirement_cents.futures,
            shortfall_cents: self.shortfall_cents,
            treasury_charges_cents: self.charges_cents.treasury,
            futures_charges_cents: self.charges_cents.futures,
        }
    }
}

fn decline(decline: &Decline, arrangement: &str, house: String) -> v1::Decline {
    v1::Decline {
        cycle: Some(decline.cycle.to_wire(arrangement)),
        round: decline.round.0,
        house,
        reason: decline.reason.clone(),
    }
}

fn outcome(outcome: &Outcome, arrangement: &str, house: String) -> v1::Outcome {
    let (agreed_round, agreement, cause, is_late) = match outcome.end {
        End::Agreed { round, agreement, is_late } => {
            (round.0, bytes(agreement), v1::FallBackCause::Unspecified, is_late)
        }
        End::FellBack(cause) => (0, Bytes::new(), cause, false),
    };
    let cycle = Some(outcome.cycle.to_wire(arrangement));
    v1::Outcome { cycle, house, agreed_round, agreement, cause: cause.into(), is_late }
}

fn bytes(digest: Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}

/// An instant as the wire carries it: nanoseconds count forward, also before 1970.
fn instant(instant: Timestamp) -> prost_types::Timestamp {
    let (mut seconds, mut nanos) = (instant.as_second(), instant.subsec_nanosecond());
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}
