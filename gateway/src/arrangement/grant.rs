//! Advance grants: what both houses sign, beside what they agree to, on how a later cycle that falls back may be charged.
//!
//! Where the arrangement allows it, a house that falls back charges its own leg by a part of the reduction that both last
//! agreed on, for some cycles. It is used at a house that holds both statements alone, and never for a link that was not
//! agreed, live and whole, nor for one that is not live any more.

use std::collections::BTreeMap;

use super::{
    cycle_id::{CycleId, CycleKind, Round},
    leaf::{FactorBounds, WHOLE_BP},
};

/// Most cycles that a grant can be used for.
pub const GRANT_CYCLES_MAX: u32 = 100;

/// The advance grants of an arrangement and of its statements, by the kind of cycle in which they may be used.
pub type AdvanceGrants = BTreeMap<CycleKind, AdvanceGrant>;

/// How much of the last agreed reduction is granted in advance, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvanceGrant {
    haircut_bp: u32,
    cycles: u32,
}

/// What is wrong with an advance grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct GrantProblem {
    /// The field: `kind`, `haircut_bp` or `cycles`.
    pub field: &'static str,
    /// What is wrong and what is needed.
    pub reason: String,
}

/// What an agreement says of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreedLink {
    /// Both houses agreed on it, live, with this applied factor in basis points.
    Live(u32),
    /// Both houses agreed on it, in rehearsal.
    Rehearsal,
    /// The houses differed on it.
    Broken,
    /// It is not part of the agreement.
    Absent,
}

/// How a link stands by the registry on the business date of the cycle that fell back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkNow {
    /// Its reduction is charged.
    Live,
    /// It is in rehearsal.
    Rehearsal,
    /// A house suspended it, or an approval was withdrawn.
    Suspended,
    /// It is not in force.
    NotInForce,
}

/// The newest agreement before a cycle that fell back, of which this house holds both statements with a grant for the
/// cycle's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastAgreed {
    /// The agreed cycle.
    pub cycle: CycleId,
    /// Its agreed round.
    pub round: Round,
    /// The grant that both statements carry.
    pub grant: AdvanceGrant,
    /// Cycles that charge, were opened at this house and fell back since, with the present one.
    pub fallen_back: u32,
}

/// What an advance grant of one link follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantCase {
    /// The agreement that it would rest on.
    pub last: LastAgreed,
    /// What that says of the link.
    pub agreed: AgreedLink,
    /// How the link stands now.
    pub now: LinkNow,
    /// The most that the houses' overrides let be granted now, in basis points; 10,000 without one.
    pub override_bp: u32,
}

/// An advance grant that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The agreement that it rests on.
    pub last: LastAgreed,
    /// The applied factor of that agreement, in basis points.
    pub agreed_bp: u32,
    /// The factor that is charged now on this house's own leg, in basis points; above 0.
    pub factor_bp: u32,
}

/// Why no advance grant is used for a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no agreement before it that carries the grant.
    #[error("this house holds no earlier agreement that grants one")]
    NoAgreement,
    /// What the agreement rests on is not in the store.
    #[error("what was agreed in {0} cannot be read here")]
    Unreadable(CycleId),
    /// The link is not part of the agreement.
    #[error("the link is not part of what was last agreed, {0}")]
    Absent(CycleId),
    /// The houses differed on the link.
    #[error("the houses differed on the link when they last agreed, in {0}")]
    Broken(CycleId),
    /// The link was in rehearsal.
    #[error("the link was in rehearsal when the houses last agreed, in {0}")]
    WasRehearsal(CycleId),
    /// The link is not in force.
    #[error("the link is not in force")]
    NotInForce,
    /// A house suspended the link, or an approval was withdrawn.
    #[error("the link is suspended")]
    Suspended,
    /// The link is in rehearsal.
    #[error("the link is in rehearsal")]
    Rehearsal,
    /// It was used for as many cycles as it was given for.
    #[error("the one of {cycle} has expired: it was given for {cycles} cycles that fall back")]
    Expired {
        /// The agreed cycle.
        cycle: CycleId,
        /// For how many it was given.
        cycles: u32,
    },
    /// No reduction is left of what was agreed.
    #[error("nothing is left of the reduction agreed in {0}")]
    Nothing(CycleId),
}

impl AdvanceGrant {
    /// A grant for a kind of cycle: a haircut on the agreed factor in basis points, 0 to 10,000, and a number of cycles,
    /// 1 to 100. There is none for `CUR`, which charges nothing.
    ///
    /// # Errors
    /// Every field that is out of range.
    pub fn new(kind: CycleKind, haircut_bp: u32, cycles: u32) -> Result<Self, Vec<GrantProblem>> {
        let mut problems = Vec::new();
        if !kind.charges() {
            let reason = format!("is {kind}, which charges nothing: there is nothing to grant in advance");
            problems.push(GrantProblem { field: "kind", reason });
        }
        if haircut_bp > WHOLE_BP {
            let reason = format!("is {haircut_bp}: a number from 0 to {WHOLE_BP} is needed");
            problems.push(GrantProblem { field: "haircut_bp", reason });
        }
        if !(1..=GRANT_CYCLES_MAX).contains(&cycles) {
            let reason = format!("is {cycles}: a number from 1 to {GRANT_CYCLES_MAX} is needed");
            problems.push(GrantProblem { field: "cycles", reason });
        }
        if problems.is_empty() { Ok(Self { haircut_bp, cycles }) } else { Err(problems) }
    }

    /// What is taken off the agreed factor, in basis points of it.
    #[must_use]
    pub fn haircut_bp(self) -> u32 {
        self.haircut_bp
    }

    /// For how many cycles that fall back it is given.
    #[must_use]
    pub fn cycles(self) -> u32 {
        self.cycles
    }

    /// The agreed factor less the haircut, truncated to a basis point.
    #[must_use]
    pub fn factor_bp(self, agreed_bp: u32) -> u32 {
        let kept = u64::from(WHOLE_BP.saturating_sub(self.haircut_bp));
        let factor = u64::from(agreed_bp) * kept / u64::from(WHOLE_BP);
        // Invariant: it is at most the agreed factor, which fits.
        u32::try_from(factor).unwrap_or(0)
    }
}

impl Granted {
    /// Cycles that may fall back after this one and still be charged so.
    #[must_use]
    pub fn cycles_left(&self) -> u32 {
        self.last.grant.cycles.saturating_sub(self.last.fallen_back)
    }
}

/// The advance grant of a link in a cycle that fell back: the last agreed factor less the haircut, at most what overrides
/// and the arrangement's bounds let be granted now.
///
/// # Errors
/// The first reason why there is none: stand-alone margin is charged.
pub fn granted(case: &GrantCase, bounds: &FactorBounds) -> Result<Granted, Refusal> {
    let GrantCase { last, agreed, now, override_bp } = *case;
    let agreed_bp = match agreed {
        AgreedLink::Absent => return Err(Refusal::Absent(last.cycle)),
        AgreedLink::Broken => return Err(Refusal::Broken(last.cycle)),
        AgreedLink::Rehearsal => return Err(Refusal::WasRehearsal(last.cycle)),
        AgreedLink::Live(factor_bp) => factor_bp,
    };
    match now {
        LinkNow::NotInForce => return Err(Refusal::NotInForce),
        LinkNow::Suspended => return Err(Refusal::Suspended),
        LinkNow::Rehearsal => return Err(Refusal::Rehearsal),
        LinkNow::Live => {}
    }
    if last.fallen_back > last.grant.cycles {
        return Err(Refusal::Expired { cycle: last.cycle, cycles: last.grant.cycles });
    }
    let factor_bp = last.grant.factor_bp(agreed_bp).min(override_bp).min(bounds.max_bp);
    if factor_bp == 0 || factor_bp < bounds.min_bp {
        return Err(Refusal::Nothing(last.cycle));
    }
    Ok(Granted { last, agreed_bp, factor_bp })
}

#[cfg(test)]
mod tests;
