//! The life of a link: its stages, and which step a house's word may take from where.

use std::fmt;

use crossmargin::v1;

use super::change::Step;
use crate::arrangement::link::LinkMode;

/// Where a link stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Recorded at one house, or without all documents.
    Proposed,
    /// Both houses recorded the same terms and every document that its kind requires.
    Documented,
    /// In every cycle, marked as rehearsal.
    Rehearsing,
    /// Its agreed reduction is charged.
    Live,
    /// Suspended by a house, or not eligible.
    Suspended,
    /// Positions leave it.
    Closing,
    /// Over.
    Closed,
}

/// The transition table of a house's word on a link: from where, by which step. What is not here is refused.
///
/// `live` and `suspended` change both ways by suspensions and their lifting, which are records of their own.
const STEPS: [(Stage, Step); 8] = [
    (Stage::Documented, Step::Rehearse),
    (Stage::Rehearsing, Step::GoLive),
    // A step back: what was live is rehearsed again.
    (Stage::Live, Step::Rehearse),
    (Stage::Rehearsing, Step::Close),
    (Stage::Live, Step::Close),
    (Stage::Closing, Step::End),
    // A proposal is withdrawn.
    (Stage::Proposed, Step::End),
    (Stage::Documented, Step::End),
];

impl Stage {
    /// Every stage, in the order of a link's life.
    pub const ALL: [Self; 7] =
        [Self::Proposed, Self::Documented, Self::Rehearsing, Self::Live, Self::Suspended, Self::Closing, Self::Closed];

    /// The stage of a house's word after a step.
    ///
    /// # Errors
    /// The transition table has no such step from here: what would make it pass.
    pub fn after(self, step: Step) -> Result<Self, String> {
        let target = step.stage();
        if STEPS.contains(&(self, step)) {
            return Ok(target);
        }
        if self == target {
            return Err(format!("this house's word is {target} already"));
        }
        let from: Vec<String> = STEPS.iter().filter(|(_, to)| *to == step).map(|(from, _)| from.to_string()).collect();
        Err(format!("this house's word is {self}: a link comes to {target} from {} alone", from.join(" or ")))
    }

    /// The mode in which a link at this stage takes part in cycles; `None` where it takes part in none.
    #[must_use]
    pub fn mode(self) -> Option<LinkMode> {
        match self {
            Self::Proposed | Self::Documented | Self::Closed => None,
            Self::Rehearsing => Some(LinkMode::Rehearsal),
            Self::Live => Some(LinkMode::Live),
            Self::Suspended | Self::Closing => Some(LinkMode::Suspended),
        }
    }
}

impl Step {
    /// Where the step leads.
    #[must_use]
    pub fn stage(self) -> Stage {
        match self {
            Self::Rehearse => Stage::Rehearsing,
            Self::GoLive => Stage::Live,
            Self::Close => Stage::Closing,
            Self::End => Stage::Closed,
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Proposed => "proposed",
            Self::Documented => "documented",
            Self::Rehearsing => "rehearsing",
            Self::Live => "live",
            Self::Suspended => "suspended",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

impl From<Stage> for v1::LinkStage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Proposed => Self::Proposed,
            Stage::Documented => Self::Documented,
            Stage::Rehearsing => Self::Rehearsing,
            Stage::Live => Self::Live,
            Stage::Suspended => Self::Suspended,
            Stage::Closing => Self::Closing,
            Stage::Closed => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_house_takes_the_steps_of_the_table_and_no_other() {
        use Stage::{Closed, Closing, Documented, Live, Proposed, Rehearsing, Suspended};
        use Step::{Close, End, GoLive, Rehearse};
        let allowed = [
            (Proposed, &[End][..]),
            (Documented, &[Rehearse, End]),
            (Rehearsing, &[GoLive, Close]),
            (Live, &[Rehearse, Close]),
            (Suspended, &[]),
            (Closing, &[End]),
            (Closed, &[]),
        ];
        for (from, steps) in allowed {
            for step in [Rehearse, GoLive, Close, End] {
                assert_eq!(from.after(step).is_ok(), steps.contains(&step), "{from} by {step:?}");
            }
        }
    }

    #[test]
    fn a_refused_step_says_from_where_it_can_be_taken() {
        let told = Stage::Proposed.after(Step::GoLive).unwrap_err();
        assert_eq!(told, "this house's word is proposed: a link comes to live from rehearsing alone");
    }

    #[test]
    fn a_link_is_charged_reduced_at_one_stage_alone() {
        let live: Vec<Stage> = Stage::ALL.into_iter().filter(|stage| stage.mode() == Some(LinkMode::Live)).collect();
        assert_eq!(live, [Stage::Live]);
    }
}
