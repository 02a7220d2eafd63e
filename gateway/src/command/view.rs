//! What nodes answer, as JSON shows it: money as decimal strings, factors as fractions, names in small letters.

use crossmargin::v1;
use serde::Serialize;

use super::output::{cycle, fraction, instant, small};

/// A cycle at the house that answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CycleView {
    /// `2026-02-13/ITD/1`.
    pub cycle: String,
    /// `gathering`, `computing`, `claimed`, `matching`, `stated`, `agreed`, `fallen_back`, ...
    pub phase: String,
    /// The newest round that this house has claimed.
    pub round: u32,
    /// The newest round that the other house has claimed.
    pub peer_round: u32,
    /// The round of the agreement in force; 0 without one.
    pub agreed_round: u32,
    /// BLAKE3 of the agreed statement; empty without one.
    pub agreement_digest: String,
    /// Revision of this house's position manifest.
    pub own_manifest_revision: u32,
    /// Revision of the other house's position manifest.
    pub peer_manifest_revision: u32,
    /// When it was opened.
    pub opened_at: String,
    /// When the book was frozen.
    pub as_of: String,
    /// The cut-off.
    pub cut_off: String,
    /// Whether the cut-off is on record.
    pub is_cut_off: bool,
    /// Why it fell back; empty where it did not.
    pub fall_back_cause: String,
    /// What happened and what to do.
    pub explanation: String,
    /// How long each step took.
    pub timings: Vec<TimingView>,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimingView {
    /// The step.
    pub step: String,
    /// The round.
    pub round: u32,
    /// Its length in microseconds.
    pub duration_us: u64,
}

/// The requirement of one link at both houses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequirementView {
    /// The cycle.
    pub cycle: String,
    /// The round it rests on.
    pub round: u32,
    /// The link.
    pub link: String,
    /// `house`, `affiliate`, `customer`.
    pub kind: String,
    /// The clearing member.
    pub member: String,
    /// The owner of both accounts.
    pub owner: String,
    /// The account of the Treasury leg.
    pub treasury_account: String,
    /// The account of the futures leg.
    pub futures_account: String,
    /// `live` or `rehearsal`.
    pub mode: String,
    /// `agreed`, `rehearsal`, `break`, `fallen_back`, `pending`.
    pub status: String,
    /// Why, for a reader.
    pub reason: String,
    /// Why the houses differ, in a break.
    pub break_cause: String,
    /// Stand-alone margin of the Treasury leg, USD; empty where it is not known here.
    pub treasury_standalone: String,
    /// Stand-alone margin of the futures leg, USD.
    pub futures_standalone: String,
    /// The Treasury house's factor.
    pub treasury_factor: f64,
    /// The futures house's factor.
    pub futures_factor: f64,
    /// The factor that is charged.
    pub applied_factor: f64,
    /// The factor that is or would be charged.
    pub would_be_factor: f64,
    /// What the Treasury house requires, USD.
    pub treasury_requirement: String,
    /// What the futures house requires, USD.
    pub futures_requirement: String,
    /// What the Treasury house would require if the link were live and agreed.
    pub would_be_treasury_requirement: String,
    /// What the futures house would require if the link were live and agreed.
    pub would_be_futures_requirement: String,
}

/// A link on which the houses differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakView {
    /// The link.
    pub link: String,
    /// Why.
    pub cause: String,
    /// BLAKE3 of the leaf in the Treasury house's claim.
    pub treasury_leaf: String,
    /// BLAKE3 of the leaf in the futures house's claim.
    pub futures_leaf: String,
}

/// Two statements over equal content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgreementView {
    /// The cycle.
    pub cycle: String,
    /// The round.
    pub round: u32,
    /// BLAKE3 of the statement.
    pub digest: String,
    /// When it was complete at the house that answers.
    pub agreed_at: String,
    /// Agreed links that are live.
    pub live_count: u64,
    /// Agreed links in rehearsal.
    pub rehearsal_count: u64,
    /// Breaks by cause.
    pub breaks: Vec<BreakCountView>,
    /// Sums over the agreed live links.
    pub live_totals: TotalsView,
    /// Sums over the agreed links in rehearsal, as if they were live.
    pub rehearsal_totals: TotalsView,
    /// The signatures.
    pub signatures: Vec<SignatureView>,
}

/// How many breaks have a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BreakCountView {
    /// The cause.
    pub cause: String,
    /// The number.
    pub count: u64,
}

/// Sums over links, USD.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TotalsView {
    /// What the Treasury house would require without reductions.
    pub treasury_standalone: String,
    /// What the futures house would require without reductions.
    pub futures_standalone: String,
    /// What the Treasury house requires.
    pub treasury_requirement: String,
    /// What the futures house requires.
    pub futures_requirement: String,
    /// How far requirements lie below the larger combined margin.
    pub shortfall: String,
}

/// A house's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureView {
    /// The house.
    pub house: String,
    /// The key.
    pub key_id: String,
    /// Ed25519, hexadecimal.
    pub signature: String,
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkView {
    /// The link.
    pub link: String,
    /// `house`, `affiliate`, `customer`.
    pub kind: String,
    /// The clearing member.
    pub member: String,
    /// The owner of both accounts.
    pub owner: String,
    /// The account of the Treasury leg.
    pub treasury_account: String,
    /// The account of the futures leg.
    pub futures_account: String,
    /// `live` or `rehearsal`.
    pub mode: String,
    /// Whether both houses have recorded the same terms.
    pub is_linked: bool,
    /// What is missing.
    pub explanation: String,
}

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
            treasury_requirement: from.treasury_requirement.clone(),
            futures_requirement: from.futures_requirement.clone(),
            would_be_treasury_requirement: from.would_be_treasury_requirement.clone(),
            would_be_futures_requirement: from.would_be_futures_requirement.clone(),
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
        Self {
            cycle: cycle(from.cycle.as_ref()),
            round: from.round,
            digest: from.digest.clone(),
            agreed_at: instant(from.agreed_at.as_ref()),
            live_count: statement.live_count,
            rehearsal_count: statement.rehearsal_count,
            breaks: breaks.collect(),
            live_totals: statement.live_totals.as_ref().map(TotalsView::from).unwrap_or_default(),
            rehearsal_totals: statement.rehearsal_totals.as_ref().map(TotalsView::from).unwrap_or_default(),
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
            mode: small(from.mode().as_str_name(), "LINK_MODE_"),
            is_linked: from.is_linked,
            explanation: from.explanation.clone(),
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
