//! Sentences for margin officers and operators: what happened, and what to do.

use std::cmp::Ordering;

use crossmargin::v1::{self, BreakCause, RequirementStatus};

use super::rules::{Advance, Basis, Effect, Figures, Standing};
use crate::arrangement::{
    cycle_id::{CycleKind, Round},
    fact::FallBackCause,
    grant::{Granted, LastAgreed},
    leaf,
    link::LinkMode,
};
use crate::words::percent;

/// Why a requirement is what it is.
pub(super) fn of_requirement(basis: &Basis<'_>, status: RequirementStatus) -> String {
    let round = basis.round.unwrap_or(Round(0));
    let mut reason = match (basis.break_cause, basis.standing) {
        (Some(cause), _) => format!("round {round}: {}; stand-alone margin is charged", of_break(cause)),
        (None, Standing::Agreed { .. }) if !matches!(basis.figures, Figures::Joint(_)) => {
            format!("not part of round {round}: stand-alone margin is charged")
        }
        (None, Standing::Agreed { effect, superseded_by, is_one_sided }) => {
            agreed(basis, round, effect, superseded_by, is_one_sided)
        }
        (None, Standing::FallenBack { cause, is_one_sided }) => {
            let only_there =
                if is_one_sided { "; agreed at the other house: a re-run closes the difference" } else { "" };
            let rests_on = if basis.granted().is_some() { "advance grant" } else { "stand-alone" };
            format!("{rests_on}: {}{only_there}", of_fall_back(cause))
        }
        (None, Standing::CutOff { in_force }) => {
            format!("round {round} was not agreed before the cut-off; the agreement of round {in_force} is in force")
        }
        (None, Standing::Open { in_force: Some(in_force) }) => {
            format!("round {round} is not agreed yet; the agreement of round {in_force} is in force")
        }
        (None, Standing::Open { .. }) if basis.kind.is_none() => "stand-alone: no margin cycle has run yet".to_owned(),
        (None, Standing::Open { in_force: None }) => "stand-alone until the cycle is agreed".to_owned(),
    };
    if basis.break_cause.is_none()
        && let Some(advance) = &basis.advance
    {
        reason.push_str(&of_advance(basis, advance));
    }
    match basis.figures {
        Figures::Unknown(why) if !why.is_empty() => {
            reason.push_str("; the amounts are not known: ");
            reason.push_str(why);
        }
        Figures::OwnLeg(_) => reason.push_str("; the other house's amount is not known here"),
        Figures::Joint(_) if status == RequirementStatus::Break => {
            reason.push_str("; the figures are those of this house");
        }
        Figures::Joint(leaf) if matches!(status, RequirementStatus::Agreed | RequirementStatus::Rehearsal) => {
            reason.push_str(&of_override(leaf));
        }
        Figures::Joint(_) | Figures::Unknown(_) => {}
    }
    if basis.kind == Some(CycleKind::Cur) {
        reason.push_str("; for information: a CUR cycle charges nothing");
    }
    reason
}

/// What an advance grant comes to, or why there is none; empty where an agreement is charged by.
fn of_advance(basis: &Basis<'_>, advance: &Advance) -> String {
    match (basis.granted(), advance.outcome) {
        (Some(granted), _) => {
            let Granted { last, agreed_bp, factor_bp } = granted;
            let LastAgreed { cycle, round, grant, .. } = last;
            let less = match grant.haircut_bp() {
                0 => String::new(),
                haircut => format!(" less a haircut of {}", percent(haircut)),
            };
            let limited =
                if *factor_bp < grant.factor_bp(*agreed_bp) { ", at most what is let be granted now" } else { "" };
            let left = match granted.cycles_left() {
                0 => "no further cycle may be charged so".to_owned(),
                1 => "1 further cycle may be charged so".to_owned(),
                left => format!("{left} further cycles may be charged so"),
            };
            format!(
                "; this house's own leg is charged with a reduction of {}: the {} agreed in {cycle} round \
                 {round}{less}{limited}; {left}",
                percent(*factor_bp),
                percent(*agreed_bp)
            )
        }
        (None, Err(refusal)) if is_charged_stand_alone(basis) => format!("; no advance grant: {refusal}"),
        _ => String::new(),
    }
}

fn is_charged_stand_alone(basis: &Basis<'_>) -> bool {
    matches!(basis.standing, Standing::FallenBack { .. } | Standing::Agreed { effect: Effect::Informs, .. })
}

/// Whose limit binds where a house's override lets less than the whole be granted; empty without one.
fn of_override(leaf: &v1::MarginLeaf) -> String {
    let (most, applied) = (leaf.override_bp, leaf.applied_factor_bp);
    if most >= leaf::WHOLE_BP {
        return String::new();
    }
    let factor = |house: Option<v1::ModelFigures>| house.map_or(0, |figures| figures.factor_bp);
    let (treasury, futures) = (factor(leaf.treasury_house), factor(leaf.futures_house));
    let lesser = treasury.min(futures);
    let house = match treasury.cmp(&futures) {
        Ordering::Less => "the Treasury house's factor",
        Ordering::Equal => "both houses' factors",
        Ordering::Greater => "the futures house's factor",
    };
    let limit = format!("; the houses' overrides let at most {} be granted", percent(most));
    if applied == 0 && most > 0 && most < lesser {
        format!("{limit}, less than the arrangement grants at all")
    } else if applied == most && most < lesser {
        format!("{limit}, which binds: the lesser factor is {}", percent(lesser))
    } else if applied == lesser {
        format!("{limit}, but {house}, {}, binds", percent(lesser))
    } else {
        format!("{limit}, but the arrangement's bounds bind")
    }
}

fn agreed(basis: &Basis<'_>, round: Round, effect: Effect, superseded_by: Option<Round>, is_one_sided: bool) -> String {
    let mut reason = match effect {
        Effect::OnTime => format!("agreed in round {round}"),
        Effect::FromThenOn => {
            format!("agreed in round {round} after the cut-off and before settlement: charged from then on")
        }
        Effect::Informs => {
            let charged = if basis.granted().is_some() { "the advance grant stays" } else { "stand-alone margin is" };
            format!("agreed in round {round}, too late for settlement: for information, {charged} charged")
        }
    };
    if is_one_sided {
        reason.push_str("; agreed at this house, but the other house fell back: a re-run closes the difference");
    }
    if effect != Effect::Informs && basis.mode == LinkMode::Suspended {
        reason.push_str(
            ", but the link is suspended or closing, or a house took it back since: stand-alone margin is charged; \
             `links show` says why",
        );
    } else if effect != Effect::Informs && basis.is_rehearsal() {
        reason.push_str(", in rehearsal: stand-alone margin is charged and the would-be requirement shown");
    }
    if let Some(later) = superseded_by {
        reason.push_str(&format!("; the agreement of round {later} supersedes it"));
    }
    reason
}

/// Why two houses differ on a link.
pub(super) fn of_break(cause: BreakCause) -> &'static str {
    match cause {
        BreakCause::Unspecified => "the houses differ",
        BreakCause::Link => "link differs: one house has not recorded it, or on other terms",
        BreakCause::Position => "positions differ: an amendment reached one house's claim and not the other's",
        BreakCause::Price => "prices differ: terms, prices, curves or fixings are not the same at both houses",
        BreakCause::Scenario => "scenarios differ",
        BreakCause::Parameter => "parameters differ",
        BreakCause::Engine => "engines differ: the houses run different versions of the margin computation",
        BreakCause::Arithmetic => "equal inputs gave different figures: tell the maker of the software",
    }
}

/// Why a cycle fell back.
pub(super) fn of_fall_back(cause: FallBackCause) -> &'static str {
    match cause {
        FallBackCause::PeerSilent => "the other house sent nothing for this cycle before the cut-off",
        FallBackCause::PeerInputsMissing => {
            "the other house's positions or market data were not complete before the cut-off"
        }
        FallBackCause::OwnInputsMissing => "this house's own positions or market data were not complete",
        FallBackCause::NoPeerClaim => "the other house's claim did not arrive before the cut-off",
        FallBackCause::NoPeerStatement => "the other house's statement did not arrive before the cut-off",
        FallBackCause::RoundDeclined => {
            "what one house showed of its claim was not what it had signed, and the round was declined"
        }
        FallBackCause::StatementsDiffer => "the two houses' statements were over different content",
        FallBackCause::PeerEquivocated => "the other house contradicted what it had signed",
        FallBackCause::ComputationFailed => "this house could not compute the margins",
        FallBackCause::ArrangementDiffers => "the houses have not adopted the same arrangement",
        FallBackCause::OutOfTime => "this house had not finished before the cut-off",
    }
}

/// What an operator does about a fall-back.
pub(super) fn remedy(cause: FallBackCause) -> &'static str {
    match cause {
        FallBackCause::PeerSilent | FallBackCause::NoPeerClaim | FallBackCause::NoPeerStatement => {
            "Check the link with `crossmargin status` and call the other house's operators; then open a re-run at both."
        }
        FallBackCause::PeerInputsMissing => {
            "Ask the other house to submit its positions and market data; then open a re-run at both."
        }
        FallBackCause::OwnInputsMissing => {
            "Submit positions with `crossmargin submit` and market data with `crossmargin market submit`; then open a \
             re-run at both houses."
        }
        FallBackCause::RoundDeclined | FallBackCause::StatementsDiffer | FallBackCause::PeerEquivocated => {
            "Keep both ledgers, compare them with `crossmargin ledger verify`, and call the other house."
        }
        FallBackCause::ComputationFailed => {
            "The node's log names what could not be valued; correct it, then open a re-run."
        }
        FallBackCause::ArrangementDiffers => "Compare the two houses' arrangement documents, then open a re-run.",
        FallBackCause::OutOfTime => "Open a re-run at both houses with a later cut-off.",
    }
}
