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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::arrangement::leaf::requirement_cents;

    const BOUNDS: FactorBounds = FactorBounds { max_bp: 8_000, min_bp: 100, closes_shortfall: false };

    fn grant(haircut_bp: u32, cycles: u32) -> AdvanceGrant {
        AdvanceGrant::new(CycleKind::Eod, haircut_bp, cycles).unwrap()
    }

    fn cycle() -> CycleId {
        "2026-02-12/EOD/1".parse().unwrap()
    }

    /// A link that was agreed at 40 % and is granted 80 % of that for two cycles, of which this is the first.
    fn case() -> GrantCase {
        let last = LastAgreed { cycle: cycle(), round: Round(1), grant: grant(2_000, 2), fallen_back: 1 };
        GrantCase { last, agreed: AgreedLink::Live(4_000), now: LinkNow::Live, override_bp: WHOLE_BP }
    }

    #[test]
    fn every_rule_of_a_grant_is_broken_by_its_smallest_case() {
        type Change = fn(&mut GrantCase);
        let expired = Refusal::Expired { cycle: cycle(), cycles: 2 };
        let cases: [(&str, Change, Result<u32, Refusal>); 19] = [
            ("as it is", |_| {}, Ok(3_200)),
            ("its last cycle", |case| case.last.fallen_back = 2, Ok(3_200)),
            ("one cycle too many", |case| case.last.fallen_back = 3, Err(expired)),
            ("not agreed on", |case| case.agreed = AgreedLink::Absent, Err(Refusal::Absent(cycle()))),
            ("a break then", |case| case.agreed = AgreedLink::Broken, Err(Refusal::Broken(cycle()))),
            ("in rehearsal then", |case| case.agreed = AgreedLink::Rehearsal, Err(Refusal::WasRehearsal(cycle()))),
            ("in rehearsal now", |case| case.now = LinkNow::Rehearsal, Err(Refusal::Rehearsal)),
            ("suspended now", |case| case.now = LinkNow::Suspended, Err(Refusal::Suspended)),
            ("not in force now", |case| case.now = LinkNow::NotInForce, Err(Refusal::NotInForce)),
            ("no reduction then", |case| case.agreed = AgreedLink::Live(0), Err(Refusal::Nothing(cycle()))),
            ("truncated to the basis point", |case| case.agreed = AgreedLink::Live(4_001), Ok(3_200)),
            ("the next basis point", |case| case.agreed = AgreedLink::Live(4_004), Ok(3_203)),
            ("the whole haircut", |case| case.last.grant = grant(10_000, 2), Err(Refusal::Nothing(cycle()))),
            ("no haircut", |case| case.last.grant = grant(0, 2), Ok(4_000)),
            ("an override that does not bind", |case| case.override_bp = 3_200, Ok(3_200)),
            ("an override that binds", |case| case.override_bp = 3_199, Ok(3_199)),
            ("an override of nothing", |case| case.override_bp = 0, Err(Refusal::Nothing(cycle()))),
            ("the least that is granted", |case| case.agreed = AgreedLink::Live(125), Ok(100)),
            ("less than is granted at all", |case| case.agreed = AgreedLink::Live(124), Err(Refusal::Nothing(cycle()))),
        ];
        for (what, change, expected) in cases {
            let mut case = case();
            change(&mut case);
            assert_eq!(granted(&case, &BOUNDS).map(|granted| granted.factor_bp), expected, "{what}");
        }
    }

    #[test]
    fn the_cycles_left_count_down_to_none() {
        let left = |fallen_back| {
            let last = LastAgreed { fallen_back, ..case().last };
            granted(&GrantCase { last, ..case() }, &BOUNDS).map(|granted| granted.cycles_left()).ok()
        };
        assert_eq!([1, 2, 3].map(left), [Some(1), Some(0), None]);
    }

    #[test]
    fn every_field_of_a_grant_that_is_out_of_range_is_named() {
        for (kind, haircut_bp, cycles, expected) in [
            (CycleKind::Itd, 0, 1, vec![]),
            (CycleKind::EodXm, 10_000, 100, vec![]),
            (CycleKind::Cur, 0, 1, vec!["kind"]),
            (CycleKind::Eod, 10_001, 1, vec!["haircut_bp"]),
            (CycleKind::Eod, 0, 0, vec!["cycles"]),
            (CycleKind::Eod, 0, 101, vec!["cycles"]),
            (CycleKind::Cur, 10_001, 0, vec!["kind", "haircut_bp", "cycles"]),
        ] {
            let found = AdvanceGrant::new(kind, haircut_bp, cycles).err().unwrap_or_default();
            assert_eq!(found.iter().map(|problem| problem.field).collect::<Vec<_>>(), expected);
        }
    }

    proptest! {
        #[test]
        fn a_grant_never_requires_less_than_the_last_agreed_factor_nor_more_than_stand_alone(
            alone in 0..1_000_000_000_000_000_i64,
            agreed in 0..=8_000_u32,
            haircut in 0..=10_000_u32,
            override_bp in 0..=10_000_u32,
        ) {
            let last = LastAgreed { grant: grant(haircut, 2), ..case().last };
            let case = GrantCase { last, agreed: AgreedLink::Live(agreed), override_bp, ..case() };
            let factor = granted(&case, &BOUNDS).map_or(0, |granted| granted.factor_bp);
            let required = |factor| requirement_cents(alone, factor).unwrap();
            prop_assert!(required(factor) >= required(agreed));
            prop_assert!(required(factor) <= required(0));
            prop_assert!(factor <= override_bp);
            prop_assert!(factor == 0 || factor >= BOUNDS.min_bp);
        }
    }
}
