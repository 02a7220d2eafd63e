//! Reading what nodes answer into what JSON shows.

use crossmargin::v1;

use super::{
    AdvanceGrantView, AgreementView, BreakCountView, BreakView, CycleView, LinkView, RequirementView, SignatureView,
    TimingView, TotalsView, UsedGrantView,
};
use crate::command::output::{cycle, fraction, instant, small};

impl From<&v1::Cycle> for CycleView {
    fn from(from: &v1::Cycle) -> Self {
        let timings = from.timings.iter().map(|timing| TimingView {
            step: timing.step.clone(),
            round: timing.round,
            duration_us: timing.duration_us,
        });
        Self {
            cycle: cycle(from.id.as_ref()),
            phase: small(from.phase().as_str_name(), "CYCLE_PHASE_"),
            round: from.round,
            peer_round: from.peer_round,
            agreed_round: from.agreed_round,
            agreement_digest: from.agreement_digest.clone(),
            own_manifest_revision: from.own_manifest_revision,
            peer_manifest_revision: from.peer_manifest_revision,
            opened_at: instant(from.opened_at.as_ref()),
            as_of: instant(from.as_of.as_ref()),
            cut_off: instant(from.cut_off.as_ref()),
            is_cut_off: from.is_cut_off,
            fall_back_cause: small(from.fall_back_cause().as_str_name(), "FALL_BACK_CAUSE_"),
            explanation: from.explanation.clone(),
            timings: timings.collect(),
        }
    }
}

impl From<&v1::Requirement> for RequirementView {
    fn from(from: &v1::Requirement) -> Self {
        let link = from.link.clone().unwrap_or_default();
        Self {
            cycle: cycle(from.cycle.as_ref()),
            round: from.round,
            kind: small(link.kind().as_str_name(), "LINK_KIND_"),
            link: link.link_id,
            member: link.member,
            owner: link.owner,
            treasury_account: link.treasury_account,
            futures_account: link.futures_account,
            mode: small(from.mode().as_str_name(), "LINK_MODE_"),
            status: small(from.status().as_str_name(), "REQUIREMENT_STATUS_"),
            reason: from.reason.clone(),
            break_cause: small(from.break_cause().as_str_name(), "BREAK_CAUSE_"),
            treasury_standalone: from.treasury_standalone.clone(),
            futures_standalone: from.futures_standalone.clone(),
            treasury_factor: fraction(from.treasury_factor_bp),
            futures_factor: fraction(from.futures_factor_bp),
            applied_factor: fraction(from.applied_factor_bp),
            would_be_factor: fraction(from.would_be_factor_bp),
            override_factor: from.override_bp.map(fraction),
            treasury_requirement: from.treasury_requirement.clone(),
            futures_requirement: from.futures_requirement.clone(),
            would_be_treasury_requirement: from.would_be_treasury_requirement.clone(),
            would_be_futures_requirement: from.would_be_futures_requirement.clone(),
            treasury_charges: from.treasury_charges.clone(),
            futures_charges: from.futures_charges.clone(),
            treasury_total: from.treasury_total.clone(),
            futures_total: from.futures_total.clone(),
            portfolio_differential: from.portfolio_differential.clone(),
            advance_grant: from.advance_grant.as_ref().map(UsedGrantView::from),
            adjusts: from.adjusts.as_ref().map(|adjusts| cycle(Some(adjusts))).unwrap_or_default(),
            treasury_adjustment: from.treasury_adjustment.clone(),
            futures_adjustment: from.futures_adjustment.clone(),
        }
    }
}

impl From<&v1::UsedGrant> for UsedGrantView {
    fn from(from: &v1::UsedGrant) -> Self {
        Self {
            agreed_cycle: cycle(from.agreed_cycle.as_ref()),
            agreed_round: from.agreed_round,
            agreed_factor: fraction(from.agreed_factor_bp),
            haircut: fraction(from.haircut_bp),
            cycles_left: from.cycles_left,
            fall_back_cause: small(from.fall_back_cause().as_str_name(), "FALL_BACK_CAUSE_"),
        }
    }
}

impl From<&v1::Break> for BreakView {
    fn from(from: &v1::Break) -> Self {
        Self {
            link: from.link_id.clone(),
            cause: small(from.cause().as_str_name(), "BREAK_CAUSE_"),
            treasury_leaf: hex::encode(&from.treasury_leaf),
            futures_leaf: hex::encode(&from.futures_leaf),
        }
    }
}

impl From<&v1::Agreement> for AgreementView {
    fn from(from: &v1::Agreement) -> Self {
        let statement = from.statement.clone().unwrap_or_default();
        let breaks = statement.break_counts.iter().map(|count| BreakCountView {
            cause: small(count.cause().as_str_name(), "BREAK_CAUSE_"),
            count: count.count,
        });
        let signatures = from.signatures.iter().map(|envelope| SignatureView {
            house: envelope.house.clone(),
            key_id: envelope.key_id.clone(),
            signature: hex::encode(&envelope.signature),
        });
        let grants = statement.advance_grants.iter().map(|grant| AdvanceGrantView {
            kind: small(grant.kind().as_str_name(), "CYCLE_KIND_"),
            haircut: fraction(grant.haircut_bp),
            cycles: grant.cycles,
        });
        Self {
            cycle: cycle(from.cycle.as_ref()),
            round: from.round,
            digest: from.digest.clone(),
            agreed_at: instant(from.agreed_at.as_ref()),
            live_count: statement.live_count,
            rehearsal_count: statement.rehearsal_count,
            suspended_count: statement.suspended_count,
            breaks: breaks.collect(),
            live_totals: statement.live_totals.as_ref().map(TotalsView::from).unwrap_or_default(),
            rehearsal_totals: statement.rehearsal_totals.as_ref().map(TotalsView::from).unwrap_or_default(),
            advance_grants: grants.collect(),
            signatures: signatures.collect(),
        }
    }
}

impl From<&v1::Totals> for TotalsView {
    fn from(from: &v1::Totals) -> Self {
        Self {
            treasury_standalone: cents(from.treasury_standalone_cents),
            futures_standalone: cents(from.futures_standalone_cents),
            treasury_requirement: cents(from.treasury_requirement_cents),
            futures_requirement: cents(from.futures_requirement_cents),
            shortfall: cents(from.shortfall_cents),
            treasury_charges: cents(from.treasury_charges_cents),
            futures_charges: cents(from.futures_charges_cents),
        }
    }
}

impl From<&v1::Link> for LinkView {
    fn from(from: &v1::Link) -> Self {
        let terms = from.terms.clone().unwrap_or_default();
        Self {
            kind: small(terms.kind().as_str_name(), "LINK_KIND_"),
            link: terms.link_id,
            member: terms.member,
            owner: terms.owner,
            treasury_account: terms.treasury_account,
            futures_account: terms.futures_account,
            stage: small(from.stage().as_str_name(), "LINK_STAGE_"),
            mode: match from.mode() {
                v1::LinkMode::Unspecified => String::new(),
                mode => small(mode.as_str_name(), "LINK_MODE_"),
            },
            is_linked: from.is_linked,
            missing: from.missing.clone(),
            remarks: from.remarks.clone(),
            suspensions: from.suspension_ids.clone(),
            override_bp: from.override_bp,
        }
    }
}

/// US cents as dollars with two decimals.
#[must_use]
pub fn cents(cents: i64) -> String {
    rust_decimal::Decimal::new(cents, 2).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_dollars_with_two_decimals() {
        assert_eq!((cents(0), cents(-5), cents(123_456)), ("0.00".into(), "-0.05".into(), "1234.56".into()));
    }

    #[test]
    fn a_requirement_shows_factors_as_fractions_and_an_unknown_amount_as_empty() {
        let wire = v1::Requirement {
            status: v1::RequirementStatus::FallenBack.into(),
            treasury_standalone: "12.00".into(),
            treasury_factor_bp: 7_105,
            ..Default::default()
        };
        let view = RequirementView::from(&wire);
        assert_eq!((view.status.as_str(), view.treasury_factor, view.applied_factor), ("fallen_back", 0.7105, 0.0));
        assert_eq!((view.treasury_standalone.as_str(), view.futures_standalone.as_str()), ("12.00", ""));
    }
}
