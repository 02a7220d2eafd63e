//! What this house signs, made from what the rules ask for.

use std::sync::Arc;

use crossmargin::v1;
use jiff::{Timestamp, civil::Date};

use super::entry::Entry;
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        evidence::{
            ChunkRef, Claim, Decline, End, Evidence, MarketItemRef, MarketManifest, Outcome as EndOfCycle,
            PositionManifest,
        },
        fact::Outcome,
        parties::Parties,
    },
    book::{Book, Scope, Submission, direction::item::Item},
    compute::Computed,
    request::CallerRequest,
    wire,
};

/// The manifest of a frozen book.
pub(crate) fn manifest(
    cycle: CycleId,
    revision: u64,
    as_of: Timestamp,
    book_version: u64,
    chunks: Vec<ChunkRef>,
) -> Evidence {
    Evidence::PositionManifest(PositionManifest {
        cycle,
        revision: u32::try_from(revision).unwrap_or(u32::MAX),
        as_of,
        book_version,
        account_count: chunks.iter().map(|chunk| u64::from(chunk.account_count)).sum(),
        position_count: chunks.iter().map(|chunk| chunk.position_count).sum(),
        chunks,
    })
}

/// The next version of market data: the given items, and of the other kinds those of the version before.
pub(crate) fn market_manifest(
    business_date: Date,
    before: Option<&MarketManifest>,
    given: &[MarketItemRef],
) -> MarketManifest {
    let kept = before.into_iter().flat_map(|manifest| &manifest.items);
    let kept = kept.filter(|item| given.iter().all(|new| new.kind != item.kind));
    let mut items: Vec<MarketItemRef> = kept.chain(given).copied().collect();
    items.sort_by_key(|item| i32::from(item.kind));
    let version = before.filter(|manifest| manifest.business_date == business_date).map_or(1, |m| m.version + 1);
    MarketManifest { business_date, version, items }
}

/// The claim of what was computed.
pub(crate) fn claim(cycle: CycleId, round: Round, computed: &Computed) -> Evidence {
    Evidence::Claim(Claim {
        cycle,
        round,
        inputs: computed.named_inputs.clone(),
        root: computed.tree.root(),
        link_count: computed.link_count,
    })
}

/// A word that there will be no statement.
pub(crate) fn decline(cycle: CycleId, round: Round) -> Evidence {
    let reason = "the other house declined, or what it shows does not hash to what it signed".to_owned();
    Evidence::Decline(Decline { cycle, round, reason })
}

/// How a cycle ended.
pub(crate) fn outcome(cycle: CycleId, outcome: Outcome) -> Evidence {
    let end = match outcome {
        Outcome::Agreed { round, content, is_late } => End::Agreed { round, agreement: content, is_late },
        Outcome::FallenBack(cause) => End::FellBack(cause.into()),
    };
    Evidence::Outcome(EndOfCycle { cycle, end })
}

/// The record of an accepted book.
pub(crate) fn book_record(
    request: &CallerRequest,
    submission: &Submission,
    book: &Book,
    chunks: Vec<v1::ChunkRef>,
    items: &[Item],
) -> v1::RecordedBook {
    let scope = match submission.scope {
        Scope::Full => v1::SnapshotScope::Full,
        Scope::Amendment => v1::SnapshotScope::Amendment,
    };
    v1::RecordedBook {
        request_id: request.id.clone(),
        business_date: submission.business_date.to_string(),
        as_of: Some(wire::to_timestamp(submission.as_of)),
        book_version: submission.version,
        scope: scope.into(),
        chunks,
        flat_accounts: submission.flat_accounts.iter().map(ToString::to_string).collect(),
        directions_through: submission.directions_through,
        items: items.iter().map(Item::to_wire).collect(),
        is_replaced: false,
        account_count: book.accounts.len() as u64,
        position_count: book.position_count(),
        request_content: wire::bytes_of(request.content),
    }
}

/// The record of a contradiction: both envelopes, and the cycles that it touches.
pub(crate) fn contradiction(
    parties: &Parties,
    first: Option<v1::SignedEnvelope>,
    second: v1::SignedEnvelope,
    cycles: Vec<CycleId>,
) -> Entry {
    let record = v1::RecordedContradiction {
        first,
        second: Some(second),
        cycles: cycles.iter().map(|cycle| cycle.to_wire(parties.arrangement.as_str())).collect(),
    };
    Entry::Contradiction { record: Arc::new(record), cycles }
}
