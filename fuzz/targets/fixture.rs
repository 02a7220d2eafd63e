//! What the parsers are given beside the bytes, and real values to begin from.

use std::sync::LazyLock;

use crossmargin::v1;
use gateway::arrangement::{
    cycle_id::{CycleId, CycleKind, Round},
    digest::Digest,
    envelope,
    evidence::{
        ChangeBatch, ChunkRef, Claim, CycleOpening, Decline, End, Evidence, Inputs, KeptHead, LostHead, MarketItemRef,
        MarketManifest, Outcome, PositionManifest, Recovery, RegistryContent, RegistryEntry, Statement, Totals,
    },
    grant::AdvanceGrant,
    leg::{Leg, Pair},
    name::HouseId,
    terms::{Arrangement, DEFAULT_TOML},
};

/// The default arrangement.
pub static ARRANGEMENT: LazyLock<Arrangement> = LazyLock::new(|| Arrangement::from_toml(DEFAULT_TOML).unwrap());

/// The first line of a text of problems, which must name the place: a field, a line or a key before a colon.
pub fn names_its_place(text: &str) {
    let (place, reason) = text.split_once(": ").unwrap_or_else(|| panic!("no place and reason: {text:?}"));
    assert!(!place.trim().is_empty() && !reason.trim().is_empty(), "no place or no reason: {text:?}");
}

/// The same of every problem with its own field.
pub fn each_names_its_field<'a>(problems: impl IntoIterator<Item = (&'a str, String)>) {
    let mut count = 0;
    for (field, reason) in problems {
        assert!(!field.is_empty() && !reason.is_empty(), "no field or no reason: {field:?}: {reason:?}");
        count += 1;
    }
    assert!(count > 0, "a refusal without a problem");
}

/// A stand-in for a signature: any bytes of the right length hold.
pub fn any_signature(_: &HouseId, _: &str, _: &[u8], _: &[u8]) -> Result<(), &'static str> {
    Ok(())
}

/// Evidence under the stand-in for a signature.
pub fn sealed(evidence: &Evidence, signer: Leg) -> v1::SignedEnvelope {
    envelope::seal(evidence, &ARRANGEMENT.parties, signer, "key-1", |_| [7; 64])
}

/// A piece of evidence of each kind.
pub fn every_kind() -> Vec<Evidence> {
    let cycle: CycleId = "2026-02-13/EOD/2".parse().unwrap();
    let digest = |n| Digest([n; 32]);
    let round = Round(3);
    let at = |text: &str| text.parse().unwrap();
    let totals = Totals {
        standalone_cents: Pair { treasury: 900, futures: 1_000 },
        requirement_cents: Pair { treasury: 500, futures: 600 },
        shortfall_cents: 13,
        charges_cents: Pair { treasury: 19, futures: 20 },
    };
    vec![
        Evidence::RegistryEntry(RegistryEntry {
            sequence: 1,
            previous: Digest::default(),
            content: RegistryContent::Adoption(ARRANGEMENT.digest()),
        }),
        Evidence::RegistryEntry(RegistryEntry {
            sequence: 2,
            previous: digest(1),
            content: RegistryContent::Changes(ChangeBatch {
                changes: gateway::sample::programme::onboarding(&gateway::sample::book::links()[..2]),
                by: "administrator".into(),
                at: at("2026-02-13T15:00:00Z"),
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
            as_of: at("1969-12-31T23:59:59.25Z"),
            cut_off: at("2026-02-13T23:00:00.5Z"),
        }),
        Evidence::PositionManifest(PositionManifest {
            cycle,
            revision: 1,
            as_of: at("2026-02-13T22:00:00Z"),
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
            live_totals: totals,
            suspended_count: 4,
            rehearsal_totals: totals,
            advance_grants: [
                (CycleKind::Itd, AdvanceGrant::new(CycleKind::Itd, 0, 1).unwrap()),
                (CycleKind::Eod, AdvanceGrant::new(CycleKind::Eod, 2_000, 2).unwrap()),
            ]
            .into(),
        }),
        Evidence::Decline(Decline { cycle, round, reason: "the other house's book is incomplete".to_owned() }),
        Evidence::Outcome(Outcome { cycle, end: End::Agreed { round, agreement: digest(1), is_late: true } }),
        Evidence::Outcome(Outcome { cycle, end: End::FellBack(v1::FallBackCause::PeerSilent) }),
        Evidence::Recovery(Recovery {
            at: at("2026-02-13T23:00:00Z"),
            kept: KeptHead { sequence: 7, hash: digest(7) },
            lost: vec![LostHead {
                sequence: 9,
                hash: digest(9),
                epoch: 0,
                key_id: "35f780c5fb514239".to_owned(),
                signature: vec![5; 64].into(),
            }],
            restored_count: 2,
            cycles: vec![cycle],
        }),
    ]
}

/// A name for a seed: its place among those of one target.
pub fn numbered(seeds: impl IntoIterator<Item = Vec<u8>>) -> Vec<(String, Vec<u8>)> {
    seeds.into_iter().enumerate().map(|(place, bytes)| (format!("{place:02}"), bytes)).collect()
}
