//! From what is on record of a link to its requirement: pure.

use crossmargin::v1::{self, BreakCause, RequirementStatus};

use super::explanation;
use crate::arrangement::{
    cycle_id::{CycleKind, Round},
    fact::FallBackCause,
    leaf,
    leg::{Leg, Pair},
    link::{LinkMode, LinkTerms},
    parties::ArrangementMode,
};

/// Everything that the requirement of one link follows from.
#[derive(Clone, Debug)]
pub(super) struct Basis<'a> {
    /// The leg that this house carries.
    pub(super) us: Leg,
    /// The kind of the cycle; `None` before the first cycle.
    pub(super) kind: Option<CycleKind>,
    pub(super) round: Option<Round>,
    pub(super) arrangement_mode: ArrangementMode,
    pub(super) terms: &'a LinkTerms,
    /// The mode in the leaf, and by the registry where there is no leaf.
    pub(super) mode: LinkMode,
    pub(super) figures: Figures<'a>,
    pub(super) standing: Standing,
    /// Why the houses differ on the link, where they do.
    pub(super) break_cause: Option<BreakCause>,
}

/// What is known of a link's margins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Figures<'a> {
    /// A leaf of this house's claim: both models, both legs.
    Joint(&'a v1::MarginLeaf),
    /// This house's own leg alone: the other house's positions were not here.
    OwnLeg(&'a v1::MarginLeaf),
    /// Nothing, and why.
    Unknown(&'a str),
}

/// Where the round stands that a requirement rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Both houses signed the same.
    Agreed {
        /// Whether the agreement is charged by.
        effect: Effect,
        /// A later round that is agreed too and in force.
        superseded_by: Option<Round>,
        /// Whether the other house fell back all the same.
        is_one_sided: bool,
    },
    /// The cycle fell back.
    FallenBack {
        /// Why.
        cause: FallBackCause,
        /// Whether the other house holds an agreement all the same.
        is_one_sided: bool,
    },
    /// The cut-off came before this round was agreed; an earlier one is in force.
    CutOff {
        /// The round in force.
        in_force: Round,
    },
    /// The cycle goes on.
    Open {
        /// An earlier round that is agreed and in force.
        in_force: Option<Round>,
    },
}

/// What is charged of the figures of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charged {
    /// They are: both houses agreed on them.
    Agreed,
    /// The stand-alone margins among them.
    StandAlone,
    /// None of them: another round's agreement is in force.
    OtherRound(Round),
    /// None of them: the cycle informs.
    Nothing,
}

/// What an agreement does to the charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It was complete before the cut-off.
    OnTime,
    /// It came after the cut-off and before settlement: it is charged from then on.
    FromThenOn,
    /// It came after settlement: it informs, stand-alone margin stays charged.
    Informs,
}

impl Basis<'_> {
    /// What the requirement rests on.
    pub(super) fn status(&self) -> RequirementStatus {
        match self.standing {
            _ if self.break_cause.is_some() => RequirementStatus::Break,
            Standing::Agreed { effect: Effect::Informs, .. } => RequirementStatus::FallenBack,
            // What is not in the claim was not agreed, though the round was.
            Standing::Agreed { .. } if !matches!(self.figures, Figures::Joint(_)) => RequirementStatus::FallenBack,
            Standing::Agreed { .. } if self.mode == LinkMode::Suspended => RequirementStatus::Suspended,
            Standing::Agreed { .. } if self.is_rehearsal() => RequirementStatus::Rehearsal,
            Standing::Agreed { .. } => RequirementStatus::Agreed,
            Standing::FallenBack { .. } | Standing::CutOff { .. } => RequirementStatus::FallenBack,
            Standing::Open { .. } => RequirementStatus::Pending,
        }
    }

    /// What is charged of the figures.
    pub(super) fn charged(&self) -> Charged {
        match self.standing {
            _ if self.kind == Some(CycleKind::Cur) => Charged::Nothing,
            Standing::Agreed { superseded_by: Some(in_force), .. }
            | Standing::CutOff { in_force }
            | Standing::Open { in_force: Some(in_force) } => Charged::OtherRound(in_force),
            _ if self.status() == RequirementStatus::Agreed => Charged::Agreed,
            _ => Charged::StandAlone,
        }
    }

    pub(super) fn is_rehearsal(&self) -> bool {
        self.mode == LinkMode::Rehearsal || self.arrangement_mode == ArrangementMode::Rehearsal
    }

    /// The requirement; the cycle is left for the caller to fill in.
    pub(super) fn requirement(&self) -> v1::Requirement {
        let status = self.status();
        let requirement = v1::Requirement {
            cycle: None,
            round: self.round.map_or(0, |round| round.0),
            link: Some(self.terms.to_wire()),
            mode: v1::LinkMode::from(self.mode).into(),
            status: status.into(),
            reason: explanation::of_requirement(self, status),
            break_cause: self.break_cause.unwrap_or_default().into(),
            ..Default::default()
        };
        match self.figures {
            Figures::Joint(leaf) => with_joint(requirement, leaf, status),
            Figures::OwnLeg(leaf) => with_own_leg(requirement, leaf, self.us),
            Figures::Unknown(_) => requirement,
        }
    }
}

fn with_joint(requirement: v1::Requirement, leaf: &v1::MarginLeaf, status: RequirementStatus) -> v1::Requirement {
    let is_charged = status == RequirementStatus::Agreed;
    let charged = |agreed: i64, standalone: i64| if is_charged { agreed } else { standalone };
    let required = Pair {
        treasury: charged(leaf.treasury_requirement_cents, leaf.treasury_standalone_cents),
        futures: charged(leaf.futures_requirement_cents, leaf.futures_standalone_cents),
    };
    v1::Requirement {
        treasury_standalone: usd(leaf.treasury_standalone_cents),
        futures_standalone: usd(leaf.futures_standalone_cents),
        treasury_factor_bp: leaf.treasury_house.map_or(0, |figures| figures.factor_bp),
        futures_factor_bp: leaf.futures_house.map_or(0, |figures| figures.factor_bp),
        applied_factor_bp: if is_charged { leaf.applied_factor_bp } else { 0 },
        would_be_factor_bp: leaf.applied_factor_bp,
        treasury_requirement: usd(required.treasury),
        futures_requirement: usd(required.futures),
        treasury_charges: usd(leaf.treasury_charges_cents),
        futures_charges: usd(leaf.futures_charges_cents),
        treasury_total: usd(required.treasury.saturating_add(leaf.treasury_charges_cents)),
        futures_total: usd(required.futures.saturating_add(leaf.futures_charges_cents)),
        would_be_treasury_requirement: usd(leaf.treasury_requirement_cents),
        would_be_futures_requirement: usd(leaf.futures_requirement_cents),
        override_bp: (leaf.override_bp < leaf::WHOLE_BP).then_some(leaf.override_bp),
        ..requirement
    }
}

fn with_own_leg(requirement: v1::Requirement, leaf: &v1::MarginLeaf, us: Leg) -> v1::Requirement {
    match us {
        Leg::Treasury => v1::Requirement {
            treasury_standalone: usd(leaf.treasury_standalone_cents),
            treasury_requirement: usd(leaf.treasury_standalone_cents),
            treasury_charges: usd(leaf.treasury_charges_cents),
            treasury_total: usd(leaf.treasury_standalone_cents.saturating_add(leaf.treasury_charges_cents)),
            ..requirement
        },
        Leg::Futures => v1::Requirement {
            futures_standalone: usd(leaf.futures_standalone_cents),
            futures_requirement: usd(leaf.futures_standalone_cents),
            futures_charges: usd(leaf.futures_charges_cents),
            futures_total: usd(leaf.futures_standalone_cents.saturating_add(leaf.futures_charges_cents)),
            ..requirement
        },
    }
}

/// US cents as a decimal of US dollars with two digits.
pub(super) fn usd(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests;
