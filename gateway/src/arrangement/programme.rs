//! What the programme requires of links, as the arrangement says it: documents and approvals for each kind of link.

use std::{collections::BTreeMap, sync::Arc};

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    leg::{Leg, Pair},
    link::LinkKind,
    name::HouseId,
    parties::ArrangementMode,
};

/// The rules of an arrangement's programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programme {
    /// Whether the arrangement is live.
    pub mode: ArrangementMode,
    /// The house that carries each leg.
    pub houses: Pair<HouseId>,
    /// What each kind of link requires.
    pub requires: BTreeMap<LinkKind, Requires>,
}

/// What a kind of link requires before it can be live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires {
    /// Documents that lie at each house, ascending.
    pub documents: Vec<v1::DocumentKind>,
    /// Approvals that are effective, ascending.
    pub approvals: Vec<v1::ApprovalKind>,
}

/// Days from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The last day; `None` without an end.
    pub until: Option<Date>,
}

impl Programme {
    /// What a kind of link requires.
    #[must_use]
    pub fn requires(&self, kind: LinkKind) -> &Requires {
        const NOTHING: &Requires = &Requires { documents: Vec::new(), approvals: Vec::new() };
        self.requires.get(&kind).unwrap_or(NOTHING)
    }

    /// The leg of the house with this name.
    #[must_use]
    pub fn leg_of(&self, house: &str) -> Option<Leg> {
        Leg::BOTH.into_iter().find(|leg| self.houses[*leg].as_str() == house)
    }
}

impl Period {
    /// Whether it holds a day.
    #[must_use]
    pub fn contains(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day <= until)
    }

    /// The period as the wire carries it.
    #[must_use]
    pub fn to_wire(&self) -> v1::DateRange {
        v1::DateRange {
            from: self.from.to_string(),
            until: self.until.map(|until| until.to_string()).unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.until {
            Some(until) => write!(f, "{} to {until}", self.from),
            None => write!(f, "from {} on", self.from),
        }
    }
}

/// The rules that a registry keeps beside it.
pub type Rules = Arc<Programme>;
