use prost::Message;

use super::*;
use crate::arrangement::{
    cycle_id::CycleKind,
    grant::AdvanceGrant,
    leg::Leg,
    parties::{ArrangementMode, Parties},
};

pub(crate) fn parties() -> Parties {
    Parties {
        arrangement: "A-B".parse().unwrap(),
        mode: ArrangementMode::Live,
        houses: Pair { treasury: "A".parse().unwrap(), futures: "B".parse().unwrap() },
    }
}

/// One piece of evidence of each kind, in the order of `v1::EvidenceKind`.
pub(crate) fn every_kind() -> Vec<Evidence> {
    let cycle: CycleId = "2026-02-13/EOD/2".parse().unwrap();
    let digest = |n| Digest([n; 32]);
    let round = Round(3);
    vec![
        Evidence::RegistryEntry(RegistryEntry {
            sequence: 2,
            previous: digest(1),
            content: RegistryContent::Changes(ChangeBatch {
                changes: vec![v1::ProgrammeChange { reason: "a reason".into(), change: None }],
                by: "administrator".into(),
                at: "2026-02-13T15:00:00Z".parse().unwrap(),
            }),
        }),
        Evidence::MarketManifest(MarketManifest {
            business_date: cycle.business_date,
            version: 4,
            items: vec![
                MarketItemRef { kind: v1::MarketItemKind::Issues, digest: digest(2), size_bytes: 10 },
                MarketItemRef { kind: v1::MarketItemKind::Baskets, digest: digest(3), size_bytes: 20 },
            ],
        }),
        Evidence::CycleOpening(CycleOpening {
            cycle,
            as_of: "1969-12-31T23:59:59.25Z".parse().unwrap(),
            cut_off: "2026-02-13T23:00:00.5Z".parse().unwrap(),
        }),
        Evidence::PositionManifest(PositionManifest {
            cycle,
            revision: 1,
            as_of: "2026-02-13T22:00:00Z".parse().unwrap(),
            book_version: 9,
            account_count: 3,
            position_count: 70,
            chunks: vec![
                ChunkRef { digest: digest(4), size_bytes: 100, account_count: 1, position_count: 30 },
                ChunkRef { digest: digest(5), size_bytes: 100, account_count: 2, position_count: 40 },
            ],
        }),
        Evidence::Claim(Claim {
            cycle,
            round,
            inputs: Inputs {
                manifests: Pair { treasury: digest(1), futures: digest(2) },
                market: Pair { treasury: digest(3), futures: digest(4) },
                registry_sequences: Pair { treasury: 5, futures: 6 },
                positions: digest(7),
                prices: digest(8),
                scenarios: digest(9),
                parameters: digest(10),
                registry: digest(11),
                engine: "risk 0.1.0, libm 0.2.16".to_owned(),
            },
            root: digest(12),
            link_count: 13,
        }),
        Evidence::Statement(Statement {
            cycle,
            round,
            claims: Pair { treasury: digest(1), futures: digest(2) },
            agreed_root: digest(3),
            live_count: 4,
            rehearsal_count: 5,
            breaks: digest(6),
            break_counts: vec![(v1::BreakCause::Position, 7), (v1::BreakCause::Price, 8)],
            live_totals: Totals {
                standalone_cents: Pair { treasury: 9, futures: 10 },
                requirement_cents: Pair { treasury: 11, futures: 12 },
                shortfall_cents: 13,
                charges_cents: Pair { treasury: 19, futures: 20 },
            },
            suspended_count: 4,
            rehearsal_totals: Totals {
                standalone_cents: Pair { treasury: 14, futures: 15 },
                requirement_cents: Pair { treasury: 16, futures: 17 },
                shortfall_cents: 18,
                charges_cents: Pair { treasury: 21, futures: 22 },
            },
            advance_grants: [
                (CycleKind::Itd, AdvanceGrant::new(CycleKind::Itd, 0, 1).unwrap()),
                (CycleKind::Eod, AdvanceGrant::new(CycleKind::Eod, 2_000, 2).unwrap()),
            ]
            .into(),
        }),
        Evidence::Decline(Decline { cycle, round, reason: "the other house's book is incomplete".to_owned() }),
        Evidence::Outcome(Outcome { cycle, end: End::Agreed { round, agreement: digest(1), is_late: true } }),
    ]
}

fn decode_as(evidence: &Evidence, payload: &[u8]) -> Result<Evidence, EvidenceError> {
    Evidence::decode(evidence.kind(), payload, &parties(), Leg::Treasury)
}

#[test]
fn every_kind_reads_back_as_written() {
    let mut all = every_kind();
    let cycle = "2026-02-13/ITD/1".parse().unwrap();
    all.push(Evidence::Outcome(Outcome { cycle, end: End::FellBack(v1::FallBackCause::PeerSilent) }));
    all.push(Evidence::RegistryEntry(RegistryEntry {
        sequence: 1,
        previous: Digest::default(),
        content: RegistryContent::Adoption(Digest([1; 32])),
    }));
    all.push(Evidence::Recovery(recovery()));
    for evidence in all {
        let payload = evidence.encode(&parties(), Leg::Treasury);
        assert_eq!(decode_as(&evidence, &payload), Ok(evidence));
    }
}

fn recovery() -> Recovery {
    let lost = |sequence: u64| LostHead {
        sequence,
        hash: Digest([3; 32]),
        epoch: 1,
        key_id: "key-1".to_owned(),
        signature: vec![7; 64].into(),
    };
    Recovery {
        at: "2026-02-13T15:00:00Z".parse().unwrap(),
        kept: KeptHead { sequence: 0, hash: Digest([1; 32]) },
        lost: vec![lost(4), lost(9)],
        restored_count: 5,
        cycles: vec!["2026-02-13/ITD/1".parse().unwrap(), "2026-02-13/ITD/2".parse().unwrap()],
    }
}

#[test]
fn a_recovery_that_cannot_be_is_refused_by_field() {
    type Change = fn(&mut Recovery);
    let changes: [(&str, Change); 7] = [
        ("lost: is empty", |recovery| recovery.lost.clear()),
        ("lost[0].sequence", |recovery| recovery.lost[0].sequence = 0),
        ("lost[0].key_id", |recovery| recovery.lost[0].key_id.clear()),
        ("lost[0].signature: is missing", |recovery| recovery.lost[0].signature.clear()),
        ("lost[1]: does not come after", |recovery| recovery.lost.swap(0, 1)),
        ("lost: has", |recovery| recovery.lost = vec![recovery.lost[0].clone(); LOST_HEADS_MAX + 1]),
        ("cycles[1]: does not come after", |recovery| recovery.cycles.swap(0, 1)),
    ];
    for (expected, change) in changes {
        let mut recovery = recovery();
        change(&mut recovery);
        let evidence = Evidence::Recovery(recovery);
        let error = decode_as(&evidence, &evidence.encode(&parties(), Leg::Treasury)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{expected}: {error}");
    }
}

#[test]
fn a_house_cannot_speak_for_the_other() {
    for evidence in every_kind() {
        let payload = evidence.encode(&parties(), Leg::Futures);
        let read = decode_as(&evidence, &payload);
        match &evidence {
            Evidence::RegistryEntry(_) | Evidence::Statement(_) => assert_eq!(read, Ok(evidence)),
            _ => assert_eq!(read.unwrap_err().field, "house", "{evidence:?}"),
        }
    }
}

/// Encodes a piece of evidence after a change to its message, and names the field that the reader objects to.
fn objection<M: Message + Default>(at: usize, change: impl FnOnce(&mut M)) -> String {
    let evidence = &every_kind()[at];
    let mut wire = M::decode(evidence.encode(&parties(), Leg::Treasury)).unwrap();
    change(&mut wire);
    decode_as(evidence, &wire.encode_to_vec()).unwrap_err().field
}

#[test]
fn a_field_that_is_missing_malformed_or_beyond_its_limit_is_named() {
    use v1::registry_entry::Entry;
    let entry = |change: fn(&mut v1::RegistryEntry)| objection(0, change);
    assert_eq!(entry(|entry| entry.sequence = 0), "sequence");
    assert_eq!(entry(|entry| entry.previous = vec![0; 31].into()), "previous");
    assert_eq!(entry(|entry| entry.entry = None), "entry");
    assert_eq!(entry(|entry| entry.entry = Some(Entry::Changes(v1::ChangeBatch::default()))), "changes.changes");
    let recorded = |change: fn(&mut v1::Recorded)| {
        objection(0, |entry: &mut v1::RegistryEntry| match &mut entry.entry {
            Some(Entry::Changes(batch)) => change(batch.recorded.as_mut().unwrap()),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(recorded(|recorded| recorded.by.clear()), "changes.recorded.by");
    assert_eq!(recorded(|recorded| recorded.by = "x".repeat(BY_CHARACTERS_MAX + 1)), "changes.recorded.by");
    assert_eq!(recorded(|recorded| recorded.at = None), "changes.recorded.at");
    assert_eq!(
        entry(|entry| entry.entry = Some(Entry::Adoption(v1::ArrangementAdoption::default()))),
        "adoption.arrangement_digest"
    );
    let too_many = |entry: &mut v1::RegistryEntry| {
        let changes = vec![v1::ProgrammeChange::default(); BATCH_CHANGES_MAX + 1];
        entry.entry = Some(Entry::Changes(v1::ChangeBatch { changes, recorded: None }));
    };
    assert_eq!(entry(too_many), "changes.changes");

    let market = |change: fn(&mut v1::MarketManifest)| objection(1, change);
    assert_eq!(market(|manifest| manifest.business_date = "13.02.2026".into()), "business_date");
    assert_eq!(market(|manifest| manifest.version = 0), "version");
    assert_eq!(market(|manifest| manifest.items[1].kind = 99), "items[1].kind");
    assert_eq!(market(|manifest| manifest.items[0].size_bytes = MARKET_ITEM_BYTES_MAX + 1), "items[0].size_bytes");
    assert_eq!(market(|manifest| manifest.items.reverse()), "items[1]");
    assert_eq!(market(|manifest| manifest.items[1].kind = manifest.items[0].kind), "items[1]");

    let opening = |change: fn(&mut v1::CycleOpening)| objection(2, change);
    assert_eq!(opening(|opening| opening.cycle = None), "cycle");
    assert_eq!(opening(|opening| opening.cycle.as_mut().unwrap().run = 0), "cycle");
    assert_eq!(opening(|opening| opening.cycle.as_mut().unwrap().arrangement = "X".into()), "cycle");
    assert_eq!(opening(|opening| opening.as_of = None), "as_of");
    assert_eq!(opening(|opening| opening.as_of.as_mut().unwrap().nanos = -1), "as_of");
    assert_eq!(opening(|opening| opening.as_of.as_mut().unwrap().seconds = i64::MAX), "as_of");
    assert_eq!(opening(|opening| opening.cut_off = opening.as_of), "cut_off");

    let manifest = |change: fn(&mut v1::PositionManifest)| objection(3, change);
    assert_eq!(manifest(|manifest| manifest.revision = 0), "revision");
    assert_eq!(manifest(|manifest| manifest.book_version = 0), "book_version");
    assert_eq!(manifest(|manifest| manifest.account_count += 1), "account_count");
    assert_eq!(manifest(|manifest| manifest.chunks[0].position_count = u64::MAX), "position_count");
    assert_eq!(manifest(|manifest| manifest.chunks[1].digest = vec![].into()), "chunks[1].digest");
    assert_eq!(manifest(|manifest| manifest.chunks[1].size_bytes = 0), "chunks[1].size_bytes");
    assert_eq!(manifest(|manifest| manifest.chunks = vec![v1::ChunkRef::default(); MANIFEST_CHUNKS_MAX + 1]), "chunks");

    let claim = |change: fn(&mut v1::Claim)| objection(4, change);
    assert_eq!(claim(|claim| claim.round = 0), "round");
    assert_eq!(claim(|claim| claim.inputs = None), "inputs");
    assert_eq!(claim(|claim| claim.inputs.as_mut().unwrap().prices = vec![1].into()), "inputs.prices");
    assert_eq!(claim(|claim| claim.inputs.as_mut().unwrap().engine = String::new()), "inputs.engine");
    assert_eq!(claim(|claim| claim.inputs.as_mut().unwrap().engine = "x".repeat(257)), "inputs.engine");
    assert_eq!(claim(|claim| claim.link_count = CLAIM_LEAVES_MAX + 1), "link_count");
    assert_eq!(claim(|claim| claim.root = vec![0; 33].into()), "root");

    let statement = |change: fn(&mut v1::Statement)| objection(5, change);
    assert_eq!(statement(|statement| statement.futures_claim = vec![].into()), "futures_claim");
    assert_eq!(statement(|statement| statement.break_counts[0].count = 0), "break_counts[0].count");
    assert_eq!(statement(|statement| statement.break_counts[0].cause = 0), "break_counts[0].cause");
    assert_eq!(statement(|statement| statement.break_counts.swap(0, 1)), "break_counts[1]");
    assert_eq!(statement(|statement| statement.live_totals = None), "live_totals");
    assert_eq!(statement(|statement| statement.advance_grants[0].kind = 0), "advance_grants[0].kind");
    assert_eq!(statement(|statement| statement.advance_grants[0].kind = 1), "advance_grants[0].kind");
    assert_eq!(statement(|statement| statement.advance_grants[1].haircut_bp = 10_001), "advance_grants[1].haircut_bp");
    assert_eq!(statement(|statement| statement.advance_grants[1].cycles = 0), "advance_grants[1].cycles");
    assert_eq!(statement(|statement| statement.advance_grants[1].cycles = 101), "advance_grants[1].cycles");
    assert_eq!(statement(|statement| statement.advance_grants.swap(0, 1)), "advance_grants[1]");

    let decline = |change: fn(&mut v1::Decline)| objection(6, change);
    assert_eq!(decline(|decline| decline.reason = String::new()), "reason");
    assert_eq!(decline(|decline| decline.reason = "x".repeat(1_025)), "reason");

    let outcome = |change: fn(&mut v1::Outcome)| objection(7, change);
    assert_eq!(outcome(|outcome| outcome.cause = 1), "cause");
    assert_eq!(outcome(|outcome| outcome.agreement = vec![].into()), "agreement");
    assert_eq!(outcome(|outcome| outcome.agreed_round = 0), "agreement");
    let nothing = |outcome: &mut v1::Outcome| {
        outcome.agreed_round = 0;
        outcome.agreement = vec![].into();
    };
    assert_eq!(outcome(nothing), "cause");
}

#[test]
fn a_payload_beyond_the_limit_is_not_read() {
    let payload = vec![0; PAYLOAD_BYTES_MAX + 1];
    let error = Evidence::decode(v1::EvidenceKind::Claim, &payload, &parties(), Leg::Treasury).unwrap_err();
    assert_eq!(error.field, "payload");
}
