//! From payload bytes to evidence.

use crossmargin::{bounded, v1};
use jiff::{Timestamp, civil::Date};
use prost::{Message, Name};

use super::{
    BATCH_CHANGES_MAX, BY_CHARACTERS_MAX, CHUNK_BYTES_MAX, CLAIM_LEAVES_MAX, ChangeBatch, ChunkRef, Claim,
    CycleOpening, Decline, ENGINE_CHARACTERS_MAX, End, Evidence, EvidenceError, HALTED_CYCLES_MAX, Inputs, KeptHead,
    LOST_HEADS_MAX, LostHead, MANIFEST_CHUNKS_MAX, MARKET_ITEM_BYTES_MAX, MarketItemRef, MarketManifest, Outcome,
    PAYLOAD_BYTES_MAX, PositionManifest, REASON_CHARACTERS_MAX, Recovery, RegistryContent, RegistryEntry, Statement,
    Totals,
};
use crate::arrangement::{
    cycle_id::{CycleId, CycleKind, Round, iso_date},
    digest::Digest,
    grant::AdvanceGrant,
    leg::{Leg, Pair},
    parties::Parties,
};

/// Most bytes of the signature of a lost head.
const SIGNATURE_BYTES_MAX: usize = 64;
/// Most characters of the name of a key that signed a lost head.
const KEY_ID_CHARACTERS_MAX: usize = 128;

type Read<T> = Result<T, EvidenceError>;

impl Evidence {
    /// Reads a payload of `kind` that the house of `signer` signed.
    ///
    /// # Errors
    /// Names the first field that is missing, malformed, beyond its limit or not the signer's.
    pub fn decode(kind: v1::EvidenceKind, payload: &[u8], parties: &Parties, signer: Leg) -> Read<Self> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return wrong("payload", format!("has {} bytes, at most {PAYLOAD_BYTES_MAX} are allowed", payload.len()));
        }
        let reader = Reader { parties, signer };
        match kind {
            v1::EvidenceKind::Unspecified => wrong("kind", "is not given or not known here"),
            v1::EvidenceKind::RegistryEntry => registry_entry(message(payload)?).map(Self::RegistryEntry),
            v1::EvidenceKind::MarketManifest => reader.market_manifest(&message(payload)?).map(Self::MarketManifest),
            v1::EvidenceKind::CycleOpening => reader.cycle_opening(&message(payload)?).map(Self::CycleOpening),
            v1::EvidenceKind::PositionManifest => {
                reader.position_manifest(&message(payload)?).map(Self::PositionManifest)
            }
            v1::EvidenceKind::Claim => reader.claim(message(payload)?).map(Self::Claim),
            v1::EvidenceKind::Statement => reader.statement(&message(payload)?).map(Self::Statement),
            v1::EvidenceKind::Decline => reader.decline(message(payload)?).map(Self::Decline),
            v1::EvidenceKind::Outcome => reader.outcome(&message(payload)?).map(Self::Outcome),
            v1::EvidenceKind::Recovery => reader.recovery(&message(payload)?).map(Self::Recovery),
        }
    }
}

struct Reader<'a> {
    parties: &'a Parties,
    signer: Leg,
}

impl Reader<'_> {
    fn house(&self, house: &str) -> Read<()> {
        let signer = &self.parties.houses[self.signer];
        if house == signer.as_str() {
            return Ok(());
        }
        wrong("house", format!("is {house:?}, but {signer} signed"))
    }

    fn cycle(&self, wire: Option<&v1::CycleId>) -> Read<CycleId> {
        CycleId::from_wire(wire, self.parties.arrangement.as_str()).or_else(|error| wrong("cycle", error.to_string()))
    }

    fn market_manifest(&self, wire: &v1::MarketManifest) -> Read<MarketManifest> {
        self.house(&wire.house)?;
        let items = each("items", &wire.items, |field, item| {
            if item.kind() == v1::MarketItemKind::Unspecified {
                return wrong(format!("{field}.kind"), "is not given or not known here");
            }
            Ok(MarketItemRef {
                kind: item.kind(),
                digest: digest(&format!("{field}.digest"), &item.digest)?,
                size_bytes: within(&format!("{field}.size_bytes"), item.size_bytes, MARKET_ITEM_BYTES_MAX)?,
            })
        })?;
        ascending("items", &items, |item| item.kind)?;
        Ok(MarketManifest {
            business_date: date("business_date", &wire.business_date)?,
            version: within("version", wire.version, u64::MAX)?,
            items,
        })
    }

    fn cycle_opening(&self, wire: &v1::CycleOpening) -> Read<CycleOpening> {
        self.house(&wire.house)?;
        let cycle = self.cycle(wire.cycle.as_ref())?;
        let as_of = instant("as_of", wire.as_of.as_ref())?;
        let cut_off = instant("cut_off", wire.cut_off.as_ref())?;
        if cut_off <= as_of {
            return wrong("cut_off", format!("{cut_off} is not later than as_of {as_of}"));
        }
        Ok(CycleOpening { cycle, as_of, cut_off })
    }

    fn position_manifest(&self, wire: &v1::PositionManifest) -> Read<PositionManifest> {
        self.house(&wire.house)?;
        let cycle = self.cycle(wire.cycle.as_ref())?;
        at_most("chunks", wire.chunks.len(), MANIFEST_CHUNKS_MAX)?;
        let chunks = each("chunks", &wire.chunks, |field, chunk| {
            Ok(ChunkRef {
                digest: digest(&format!("{field}.digest"), &chunk.digest)?,
                size_bytes: within(&format!("{field}.size_bytes"), chunk.size_bytes, CHUNK_BYTES_MAX)?,
                account_count: chunk.account_count,
                position_count: chunk.position_count,
            })
        })?;
        let accounts = chunks.iter().map(|chunk| u128::from(chunk.account_count)).sum();
        let positions = chunks.iter().map(|chunk| u128::from(chunk.position_count)).sum();
        for (field, stated, counted) in
            [("account_count", wire.account_count, accounts), ("position_count", wire.position_count, positions)]
        {
            if u128::from(stated) != counted {
                return wrong(field, format!("is {stated}, but the chunks have {counted}"));
            }
        }
        Ok(PositionManifest {
            cycle,
            revision: within("revision", wire.revision, u32::MAX)?,
            as_of: instant("as_of", wire.as_of.as_ref())?,
            book_version: within("book_version", wire.book_version, u64::MAX)?,
            account_count: wire.account_count,
            position_count: wire.position_count,
            chunks,
        })
    }

    fn claim(&self, wire: v1::Claim) -> Read<Claim> {
        self.house(&wire.house)?;
        if wire.link_count > CLAIM_LEAVES_MAX {
            return wrong("link_count", format!("is {}, at most {CLAIM_LEAVES_MAX} are allowed", wire.link_count));
        }
        Ok(Claim {
            cycle: self.cycle(wire.cycle.as_ref())?,
            round: round(wire.round)?,
            inputs: inputs(present("inputs", wire.inputs)?)?,
            root: digest("root", &wire.root)?,
            link_count: wire.link_count,
        })
    }

    fn statement(&self, wire: &v1::Statement) -> Read<Statement> {
        let break_counts = each("break_counts", &wire.break_counts, |field, count| {
            if count.cause() == v1::BreakCause::Unspecified {
                return wrong(format!("{field}.cause"), "is not given or not known here");
            }
            Ok((count.cause(), within(&format!("{field}.count"), count.count, u64::MAX)?))
        })?;
        ascending("break_counts", &break_counts, |(cause, _)| *cause)?;
        let advance_grants = each("advance_grants", &wire.advance_grants, advance_grant)?;
        ascending("advance_grants", &advance_grants, |(kind, _)| *kind)?;
        Ok(Statement {
            cycle: self.cycle(wire.cycle.as_ref())?,
            round: round(wire.round)?,
            claims: Pair {
                treasury: digest("treasury_claim", &wire.treasury_claim)?,
                futures: digest("futures_claim", &wire.futures_claim)?,
            },
            agreed_root: digest("agreed_root", &wire.agreed_root)?,
            live_count: wire.live_count,
            rehearsal_count: wire.rehearsal_count,
            breaks: digest("breaks", &wire.breaks)?,
            break_counts,
            live_totals: totals(present("live_totals", wire.live_totals)?),
            rehearsal_totals: totals(present("rehearsal_totals", wire.rehearsal_totals)?),
            suspended_count: wire.suspended_count,
            advance_grants: advance_grants.into_iter().collect(),
        })
    }

    fn decline(&self, wire: v1::Decline) -> Read<Decline> {
        self.house(&wire.house)?;
        Ok(Decline {
            cycle: self.cycle(wire.cycle.as_ref())?,
            round: round(wire.round)?,
            reason: text("reason", wire.reason, REASON_CHARACTERS_MAX)?,
        })
    }

    fn outcome(&self, wire: &v1::Outcome) -> Read<Outcome> {
        self.house(&wire.house)?;
        let cycle = self.cycle(wire.cycle.as_ref())?;
        let cause = wire.cause();
        let end = match (wire.agreed_round, wire.agreement.is_empty()) {
            (0, true) if cause != v1::FallBackCause::Unspecified => End::FellBack(cause),
            (0, true) => return wrong("cause", "is not given or not known here, but the house fell back"),
            (0, false) => return wrong("agreement", "is given, but the house fell back"),
            _ if wire.cause != 0 => return wrong("cause", "is given, but the house agreed"),
            (agreed, _) => End::Agreed {
                round: Round(agreed),
                agreement: digest("agreement", &wire.agreement)?,
                is_late: wire.is_late,
            },
        };
        Ok(Outcome { cycle, end })
    }

    fn recovery(&self, wire: &v1::Recovery) -> Read<Recovery> {
        self.house(&wire.house)?;
        let kept = present("kept", wire.kept.as_ref())?;
        let kept = KeptHead { sequence: kept.sequence, hash: digest("kept.hash", &kept.hash)? };
        at_most("lost", wire.lost.len(), LOST_HEADS_MAX)?;
        if wire.lost.is_empty() {
            return wrong("lost", "is empty: a recovery names at least one head that was lost");
        }
        let lost = each("lost", &wire.lost, |field, head| {
            at_most(&format!("{field}.signature"), head.signature.len(), SIGNATURE_BYTES_MAX)?;
            if head.signature.is_empty() {
                return wrong(format!("{field}.signature"), "is missing: only what the house signed can be lost");
            }
            Ok(LostHead {
                sequence: within(&format!("{field}.sequence"), head.sequence, u64::MAX)?,
                hash: digest(&format!("{field}.hash"), &head.hash)?,
                epoch: head.epoch,
                key_id: text(&format!("{field}.key_id"), head.key_id.clone(), KEY_ID_CHARACTERS_MAX)?,
                signature: head.signature.clone(),
            })
        })?;
        ascending("lost", &lost, |head| (head.sequence, head.hash))?;
        at_most("cycles", wire.cycles.len(), HALTED_CYCLES_MAX)?;
        let cycles = each("cycles", &wire.cycles, |field, cycle| {
            let cycle = CycleId::from_wire(Some(cycle), self.parties.arrangement.as_str());
            cycle.or_else(|error| wrong(field, error.to_string()))
        })?;
        ascending("cycles", &cycles, |cycle| *cycle)?;
        Ok(Recovery {
            at: instant("recovered_at", wire.recovered_at.as_ref())?,
            kept,
            lost,
            restored_count: wire.restored_count,
            cycles,
        })
    }
}

fn registry_entry(wire: v1::RegistryEntry) -> Read<RegistryEntry> {
    let sequence = within("sequence", wire.sequence, u64::MAX)?;
    let previous = digest("previous", &wire.previous)?;
    let content = match present("entry", wire.entry)? {
        v1::registry_entry::Entry::Adoption(adoption) => {
            RegistryContent::Adoption(digest("adoption.arrangement_digest", &adoption.arrangement_digest)?)
        }
        v1::registry_entry::Entry::Changes(batch) => {
            at_most("changes.changes", batch.changes.len(), BATCH_CHANGES_MAX)?;
            if batch.changes.is_empty() {
                return wrong("changes.changes", "is empty: an entry records at least one change");
            }
            let recorded = present("changes.recorded", batch.recorded)?;
            RegistryContent::Changes(ChangeBatch {
                changes: batch.changes,
                by: text("changes.recorded.by", recorded.by, BY_CHARACTERS_MAX)?,
                at: instant("changes.recorded.at", recorded.at.as_ref())?,
            })
        }
    };
    Ok(RegistryEntry { sequence, previous, content })
}

fn inputs(wire: v1::Inputs) -> Read<Inputs> {
    let engine = text("inputs.engine", wire.engine, ENGINE_CHARACTERS_MAX)?;
    Ok(Inputs {
        manifests: Pair {
            treasury: digest("inputs.treasury_manifest", &wire.treasury_manifest)?,
            futures: digest("inputs.futures_manifest", &wire.futures_manifest)?,
        },
        market: Pair {
            treasury: digest("inputs.treasury_market", &wire.treasury_market)?,
            futures: digest("inputs.futures_market", &wire.futures_market)?,
        },
        registry_sequences: Pair { treasury: wire.treasury_registry_sequence, futures: wire.futures_registry_sequence },
        positions: digest("inputs.positions", &wire.positions)?,
        prices: digest("inputs.prices", &wire.prices)?,
        scenarios: digest("inputs.scenarios", &wire.scenarios)?,
        parameters: digest("inputs.parameters", &wire.parameters)?,
        registry: digest("inputs.registry", &wire.registry)?,
        engine,
    })
}

fn advance_grant(field: &str, wire: &v1::AdvanceGrant) -> Read<(CycleKind, AdvanceGrant)> {
    let Some(kind) = CycleKind::from_wire(wire.kind()) else {
        return wrong(format!("{field}.kind"), "is not given or not known here");
    };
    let grant = AdvanceGrant::new(kind, wire.haircut_bp, wire.cycles).or_else(|problems| {
        // Invariant: a grant that is refused has a problem; the first is told, as everywhere in evidence.
        let first = problems.into_iter().next();
        first.map_or_else(
            || wrong(field, "is out of range"),
            |problem| wrong(format!("{field}.{}", problem.field), problem.reason),
        )
    })?;
    Ok((kind, grant))
}

fn totals(wire: v1::Totals) -> Totals {
    Totals {
        standalone_cents: Pair { treasury: wire.treasury_standalone_cents, futures: wire.futures_standalone_cents },
        requirement_cents: Pair { treasury: wire.treasury_requirement_cents, futures: wire.futures_requirement_cents },
        shortfall_cents: wire.shortfall_cents,
        charges_cents: Pair { treasury: wire.treasury_charges_cents, futures: wire.futures_charges_cents },
    }
}

fn wrong<T>(field: impl Into<String>, reason: impl Into<String>) -> Read<T> {
    Err(EvidenceError { field: field.into(), reason: reason.into() })
}

fn message<M: Message + Name + Default>(payload: &[u8]) -> Read<M> {
    // Evidence fits a call, decoded too: it may be the other house's, and is read before anything is known of it.
    bounded::decode(payload, bounded::MESSAGE_DECODED_BYTES_MAX)
        .or_else(|error| wrong("payload", format!("is not the message that kind names: {error}")))
}

fn present<T>(field: &str, value: Option<T>) -> Read<T> {
    value.map_or_else(|| wrong(field, "is missing"), Ok)
}

fn digest(field: &str, bytes: &[u8]) -> Read<Digest> {
    Digest::try_from(bytes).or_else(|error| wrong(field, error.to_string()))
}

fn round(number: u32) -> Read<Round> {
    within("round", number, u32::MAX).map(Round)
}

/// A number from 1 to `max`.
fn within<N: Copy + PartialOrd + From<u8> + std::fmt::Display>(field: &str, number: N, max: N) -> Read<N> {
    if number >= N::from(1) && number <= max {
        return Ok(number);
    }
    wrong(field, format!("is {number}: a number from 1 to {max} is needed"))
}

fn at_most(field: &str, count: usize, max: usize) -> Read<()> {
    if count <= max { Ok(()) } else { wrong(field, format!("has {count} entries, at most {max} are allowed")) }
}

fn text(field: &str, text: String, max: usize) -> Read<String> {
    let count = text.chars().count();
    if (1..=max).contains(&count) {
        return Ok(text);
    }
    wrong(field, format!("has {count} characters: 1 to {max} are needed"))
}

fn date(field: &str, text: &str) -> Read<Date> {
    iso_date(text).map_or_else(|| wrong(field, format!("{text:?} is not a date: YYYY-MM-DD is needed")), Ok)
}

fn instant(field: &str, wire: Option<&prost_types::Timestamp>) -> Read<Timestamp> {
    let wire = present(field, wire)?;
    // jiff allows negative nanoseconds, the wire does not.
    let is_normal = (0..1_000_000_000).contains(&wire.nanos);
    let read = is_normal.then(|| Timestamp::new(wire.seconds, wire.nanos).ok()).flatten();
    read.map_or_else(|| wrong(field, format!("{}s {}ns is not an instant", wire.seconds, wire.nanos)), Ok)
}

fn each<W, T>(field: &str, wires: &[W], mut read: impl FnMut(&str, &W) -> Read<T>) -> Read<Vec<T>> {
    wires.iter().enumerate().map(|(at, wire)| read(&format!("{field}[{at}]"), wire)).collect()
}

fn ascending<T, K: Ord>(field: &str, items: &[T], key: impl Fn(&T) -> K) -> Read<()> {
    match items.windows(2).position(|pair| key(&pair[0]) >= key(&pair[1])) {
        None => Ok(()),
        Some(at) => wrong(
            format!("{field}[{}]", at + 1),
            "does not come after the one before: strictly ascending order is needed",
        ),
    }
}
