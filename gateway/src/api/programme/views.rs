//! The programme as its readers see it.

use crossmargin::v1;
use jiff::civil::Date;

use super::sight::Sight;
use crate::arrangement::{
    leg::{Leg, Pair},
    link::{LinkKind, LinkTerms},
    name::MemberId,
    registry::{
        JoinedApproval, JoinedSuspension, Obstacle, Registry, Standing,
        change::{ApprovalRecord, MemberRecord},
    },
};

/// A link with where it stands on a date.
pub(super) fn link(sight: &Sight, terms: &LinkTerms, standing: &Standing, date: Date) -> v1::Link {
    let registry = &sight.registry;
    v1::Link {
        terms: Some(terms.to_wire()),
        stage: v1::LinkStage::from(standing.stage).into(),
        mode: standing.stage.mode().map(v1::LinkMode::from).unwrap_or_default().into(),
        is_linked: registry.terms_on(&terms.link, date).is_some(),
        missing: sight.obstacles(&standing.obstacles),
        suspension_ids: suspensions(registry, &standing.obstacles),
        override_bp: registry.cap_bp(terms, date),
        remarks: standing.remarks.iter().map(|remark| remark.text(registry)).collect(),
    }
}

/// A member with what keeps it from linking.
pub(super) fn member(sight: &Sight, member: &MemberId, records: Pair<Option<&MemberRecord>>, date: Date) -> v1::Member {
    let registry = &sight.registry;
    let for_customers = registry.member_standing(member, LinkKind::Customer, date);
    let record = |leg: Leg| records[leg].map(member_record);
    v1::Member {
        member: member.to_string(),
        treasury_record: record(Leg::Treasury),
        futures_record: record(Leg::Futures),
        may_link_customers: for_customers.is_empty(),
        may_link_house: registry.member_standing(member, LinkKind::House, date).is_empty(),
        suspension_ids: suspensions(registry, &for_customers),
        missing: sight.obstacles(&for_customers),
    }
}

/// An approval with whether it counts on a date.
pub(super) fn approval(registry: &Registry, joined: &JoinedApproval<'_>, date: Date) -> v1::Approval {
    let house = |leg: Leg| &registry.programme().houses[leg];
    let explanation = if joined.is_effective(date) {
        String::new()
    } else if let Some(absent) = Leg::BOTH.into_iter().find(|leg| !joined.by[*leg]) {
        format!("{} has not recorded it", house(absent))
    } else if !joined.is_signed_by_both {
        "the houses recorded it differently: one of them has to record it anew".to_owned()
    } else if let Some(withdrawn) = joined.withdrawn_from.filter(|withdrawn| *withdrawn <= date) {
        format!("withdrawn from {withdrawn} on")
    } else {
        format!("effective from {} on", joined.record.effective_from)
    };
    v1::Approval {
        record: Some(approval_record(joined.record)),
        is_signed_by_both: joined.is_signed_by_both,
        is_effective: joined.is_effective(date),
        withdrawn_from: joined.withdrawn_from.map(|date| date.to_string()).unwrap_or_default(),
        explanation,
    }
}

/// A suspension.
pub(in crate::api) fn suspension(
    registry: &Registry,
    joined: &JoinedSuspension<'_>,
    recorded: Option<v1::Recorded>,
) -> v1::SuspensionView {
    let programme = registry.programme();
    let lifted = Leg::BOTH.into_iter().filter(|leg| joined.lifted_by[*leg]);
    v1::SuspensionView {
        suspension_id: joined.id.text(programme),
        house: programme.houses[joined.id.by].to_string(),
        scope: Some(joined.suspension.scope.to_wire()),
        is_default: joined.suspension.is_default,
        reason: joined.suspension.reason.clone(),
        recorded,
        lifted_by: lifted.map(|leg| programme.houses[leg].to_string()).collect(),
        is_in_force: joined.is_in_force(),
    }
}

fn member_record(record: &MemberRecord) -> v1::MemberRecord {
    v1::MemberRecord {
        member: record.member.to_string(),
        broker_dealer: record.broker_dealer.map(|period| period.to_wire()),
        futures_commission_merchant: record.futures_commission_merchant.map(|period| period.to_wire()),
        membership: record.membership.map(|period| period.to_wire()),
    }
}

fn approval_record(record: &ApprovalRecord) -> v1::ApprovalRecord {
    v1::ApprovalRecord {
        approval_id: record.approval.to_string(),
        kind: record.kind.into(),
        reference: record.reference.clone(),
        scope: record.scope.iter().map(|kind| v1::LinkKind::from(*kind).into()).collect(),
        effective_from: record.effective_from.to_string(),
        conditions: record.conditions.clone(),
    }
}

fn suspensions(registry: &Registry, obstacles: &[Obstacle]) -> Vec<String> {
    let ids = obstacles.iter().filter_map(|obstacle| match obstacle {
        Obstacle::Suspended(id, _) => Some(id.text(registry.programme())),
        _ => None,
    });
    ids.collect()
}
