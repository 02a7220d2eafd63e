//! Members, approvals and suspensions as JSON shows them.

use crossmargin::v1;
use serde::Serialize;
use serde_json::Value;

use super::{change, period};
use crate::command::output::{instant, small};

/// A member as the join of both logs sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct MemberView {
    /// The member.
    pub member: String,
    /// Whether its own account and its affiliates' can be linked.
    pub may_link_house: bool,
    /// Whether its customers can be linked.
    pub may_link_customers: bool,
    /// What the Treasury house recorded.
    pub treasury_record: Option<MemberRecordView>,
    /// What the futures house recorded.
    pub futures_record: Option<MemberRecordView>,
    /// Suspensions in force.
    pub suspensions: Vec<String>,
    /// What keeps it from more.
    pub missing: Vec<String>,
}

/// A house's record of a member; periods as they are typed, empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct MemberRecordView {
    /// While it is a clearing member of the house.
    pub membership: String,
    /// While it is registered as a broker-dealer.
    pub broker_dealer: String,
    /// While it is registered as a futures commission merchant.
    pub futures_commission_merchant: String,
}

/// An approval as the join of both logs sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ApprovalView {
    /// Its id.
    pub approval: String,
    /// `sec_order`, `cftc_order`, `treasury_house_rule`, `futures_house_rule`.
    pub kind: String,
    /// Where it is published.
    pub reference: String,
    /// The kinds of links that it covers.
    pub scope: Vec<String>,
    /// Its effective date.
    pub effective_from: String,
    /// Its conditions.
    pub conditions: String,
    /// Whether both houses recorded the same.
    pub is_signed_by_both: bool,
    /// Whether it counts on the date.
    pub is_effective: bool,
    /// From this date on it does not count; empty where nobody withdrew it.
    pub withdrawn_from: String,
    /// Why it does not count; empty where it does.
    pub explanation: String,
}

/// A suspension as the join of both logs sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SuspensionView {
    /// Its id.
    pub suspension: String,
    /// The house that suspended.
    pub house: String,
    /// What is suspended: `{"link_id": ...}`, `{"member": ...}` or `{"everything": true}`.
    pub scope: Value,
    /// The same for a reader.
    #[serde(skip)]
    pub about: String,
    /// Whether it is the suspension of a member in default.
    pub is_default: bool,
    /// Why.
    pub reason: String,
    /// Role and certificate of the caller.
    pub by: String,
    /// When.
    pub at: String,
    /// The houses that consented to lifting it.
    pub lifted_by: Vec<String>,
    /// Whether it is in force.
    pub is_in_force: bool,
}

impl From<&v1::Member> for MemberView {
    fn from(from: &v1::Member) -> Self {
        Self {
            member: from.member.clone(),
            may_link_house: from.may_link_house,
            may_link_customers: from.may_link_customers,
            treasury_record: from.treasury_record.as_ref().map(MemberRecordView::from),
            futures_record: from.futures_record.as_ref().map(MemberRecordView::from),
            suspensions: from.suspension_ids.clone(),
            missing: from.missing.clone(),
        }
    }
}

impl From<&v1::MemberRecord> for MemberRecordView {
    fn from(from: &v1::MemberRecord) -> Self {
        Self {
            membership: period::text(from.membership.as_ref()),
            broker_dealer: period::text(from.broker_dealer.as_ref()),
            futures_commission_merchant: period::text(from.futures_commission_merchant.as_ref()),
        }
    }
}

impl From<&v1::Approval> for ApprovalView {
    fn from(from: &v1::Approval) -> Self {
        let record = from.record.clone().unwrap_or_default();
        Self {
            kind: small(record.kind().as_str_name(), "APPROVAL_KIND_"),
            scope: change::kinds(&record),
            approval: record.approval_id,
            reference: record.reference,
            effective_from: record.effective_from,
            conditions: record.conditions,
            is_signed_by_both: from.is_signed_by_both,
            is_effective: from.is_effective,
            withdrawn_from: from.withdrawn_from.clone(),
            explanation: from.explanation.clone(),
        }
    }
}

impl From<&v1::SuspensionView> for SuspensionView {
    fn from(from: &v1::SuspensionView) -> Self {
        let recorded = from.recorded.clone().unwrap_or_default();
        Self {
            suspension: from.suspension_id.clone(),
            house: from.house.clone(),
            scope: change::scope_fields(from.scope.as_ref()),
            about: change::scope(from.scope.as_ref()),
            is_default: from.is_default,
            reason: from.reason.clone(),
            at: instant(recorded.at.as_ref()),
            by: recorded.by,
            lifted_by: from.lifted_by.clone(),
            is_in_force: from.is_in_force,
        }
    }
}
