//! From what is on record of a link to its requirement: pure.

use crossmargin::v1::{self, BreakCause, RequirementStatus};

use super::{
    amounts::{Amounts, LegAmounts, LegFigures, usd},
    explanation,
};
use crate::arrangement::{
    cycle_id::{CycleKind, Round},
    fact::FallBackCause,
    grant::{Granted, Refusal},
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
    /// The name of the arrangement.
    pub(super) arrangement: &'a str,
    pub(super) arrangement_mode: ArrangementMode,
    pub(super) terms: &'a LinkTerms,
    /// The mode in the leaf, and by the registry where there is no leaf.
    pub(super) mode: LinkMode,
    pub(super) figures: Figures<'a>,
    pub(super) standing: Standing,
    /// Why the houses differ on the link, where they do.
    pub(super) break_cause: Option<BreakCause>,
    /// What comes of an advance grant; `None` where the arrangement grants none for the cycle, or it has not fallen back.
    pub(super) advance: Option<Advance>,
}

/// What comes of an advance grant in a cycle that fell back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Advance {
    /// Why the cycle fell back.
    pub(super) cause: FallBackCause,
    /// The grant, or why there is none.
    pub(super) outcome: Result<Granted, Refusal>,
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
    /// The stand-alone margins among them, that of the house that answers less this factor, in basis points.
    AdvanceGrant(u32),
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
            _ if self.granted().is_some() => RequirementStatus::AdvanceGrant,
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
            _ => self.granted().map_or(Charged::StandAlone, |granted| Charged::AdvanceGrant(granted.factor_bp)),
        }
    }

    /// The advance grant that is charged by: where the cycle fell back and stays so, on figures that are known, and never
    /// on a break.
    pub(super) fn granted(&self) -> Option<&Granted> {
        let falls_back =
            matches!(self.standing, Standing::FallenBack { .. } | Standing::Agreed { effect: Effect::Informs, .. });
        if !falls_back || self.break_cause.is_some() || matches!(self.figures, Figures::Unknown(_)) {
            return None;
        }
        self.advance.as_ref().and_then(|advance| advance.outcome.as_ref().ok())
    }

    /// Whether the round's figures decide what is charged: the cycle has ended here, and no other round is in force.
    pub(super) fn has_ended(&self) -> bool {
        let goes_on = matches!(self.standing, Standing::Open { .. });
        let is_charged = match self.charged() {
            Charged::Agreed | Charged::StandAlone | Charged::AdvanceGrant(_) => true,
            Charged::OtherRound(_) | Charged::Nothing => false,
        };
        !goes_on && is_charged
    }

    /// What each house asks for its leg, where it is known here.
    pub(super) fn amounts(&self) -> Amounts {
        let (Figures::Joint(leaf) | Figures::OwnLeg(leaf)) = self.figures else { return Pair::default() };
        Pair::from_fn(|leg| {
            let is_known = leg == self.us || matches!(self.figures, Figures::Joint(_));
            is_known.then(|| self.leg_amounts(leg, LegFigures::of(leaf, leg)))
        })
    }

    fn leg_amounts(&self, leg: Leg, figures: LegFigures) -> LegAmounts {
        match (self.status(), self.granted()) {
            (RequirementStatus::Agreed, _) => figures.agreed(),
            // The other house's word on its own leg is its own.
            (_, Some(granted)) if leg == self.us => figures.reduced(granted.factor_bp),
            _ => figures.stand_alone(),
        }
    }

    fn applied_factor_bp(&self) -> u32 {
        match (self.figures, self.granted()) {
            (_, Some(granted)) => granted.factor_bp,
            (Figures::Joint(leaf), None) if self.status() == RequirementStatus::Agreed => leaf.applied_factor_bp,
            _ => 0,
        }
    }

    pub(super) fn is_rehearsal(&self) -> bool {
        self.mode == LinkMode::Rehearsal || self.arrangement_mode == ArrangementMode::Rehearsal
    }

    /// The requirement; the cycle is left for the caller to fill in.
    pub(super) fn requirement(&self) -> v1::Requirement {
        let status = self.status();
        let amounts = self.amounts();
        let text = |leg: Leg, of: fn(LegAmounts) -> i64| amounts[leg].map(of).map(usd).unwrap_or_default();
        let standalone = |leg| text(leg, |amounts| amounts.standalone);
        let required = |leg| text(leg, |amounts| amounts.requirement);
        let charges = |leg| text(leg, |amounts| amounts.charges);
        let total = |leg| text(leg, LegAmounts::total);
        let requirement = v1::Requirement {
            cycle: None,
            round: self.round.map_or(0, |round| round.0),
            link: Some(self.terms.to_wire()),
            mode: v1::LinkMode::from(self.mode).into(),
            status: status.into(),
            reason: explanation::of_requirement(self, status),
            break_cause: self.break_cause.unwrap_or_default().into(),
            applied_factor_bp: self.applied_factor_bp(),
            treasury_standalone: standalone(Leg::Treasury),
            futures_standalone: standalone(Leg::Futures),
            treasury_requirement: required(Leg::Treasury),
            futures_requirement: required(Leg::Futures),
            treasury_charges: charges(Leg::Treasury),
            futures_charges: charges(Leg::Futures),
            treasury_total: total(Leg::Treasury),
            futures_total: total(Leg::Futures),
            advance_grant: self.granted().map(|granted| self.used_grant(granted)),
            ..Default::default()
        };
        match self.figures {
            Figures::Joint(leaf) => with_both_models(requirement, leaf),
            Figures::OwnLeg(_) | Figures::Unknown(_) => requirement,
        }
    }

    fn used_grant(&self, granted: &Granted) -> v1::UsedGrant {
        let cause = self.advance.map(|advance| v1::FallBackCause::from(advance.cause));
        v1::UsedGrant {
            agreed_cycle: Some(granted.last.cycle.to_wire(self.arrangement)),
            agreed_round: granted.last.round.0,
            agreed_factor_bp: granted.agreed_bp,
            haircut_bp: granted.last.grant.haircut_bp(),
            cycles_left: granted.cycles_left(),
            fall_back_cause: cause.unwrap_or_default().into(),
        }
    }
}

/// What both models say of the link, whatever is charged.
fn with_both_models(requirement: v1::Requirement, leaf: &v1::MarginLeaf) -> v1::Requirement {
    v1::Requirement {
        treasury_factor_bp: leaf.treasury_house.map_or(0, |figures| figures.factor_bp),
        futures_factor_bp: leaf.futures_house.map_or(0, |figures| figures.factor_bp),
        would_be_factor_bp: leaf.applied_factor_bp,
        would_be_treasury_requirement: usd(leaf.treasury_requirement_cents),
        would_be_futures_requirement: usd(leaf.futures_requirement_cents),
        override_bp: (leaf.override_bp < leaf::WHOLE_BP).then_some(leaf.override_bp),
        ..requirement
    }
}

#[cfg(test)]
mod tests;
