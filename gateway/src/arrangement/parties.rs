//! Who is party to an arrangement, as everything that a house signs names it.

use std::fmt;

use crossmargin::v1;

use super::{
    leg::{Leg, Pair},
    name::{ArrangementId, HouseId},
};

/// Whether an arrangement as a whole is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrangementMode {
    /// Agreements of live links are charged.
    Live,
    /// Nothing is charged but stand-alone margin.
    Rehearsal,
}

impl ArrangementMode {
    /// The mode as an arrangement's document writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Rehearsal => "rehearsal",
        }
    }

    /// Reads what [`ArrangementMode::as_str`] writes; `None` for anything else.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Live, Self::Rehearsal].into_iter().find(|mode| mode.as_str() == name)
    }

    /// The number that stands for the mode in signed bytes, that of the wire: 1 live, 2 rehearsal.
    #[must_use]
    pub fn number(self) -> i32 {
        v1::ArrangementMode::from(self).into()
    }

    /// The mode of a number; `None` where it stands for none.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Live, Self::Rehearsal].into_iter().find(|mode| mode.number() == number)
    }
}

impl fmt::Display for ArrangementMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One house as party to one arrangement in one mode: what a ledger is of, and what the houses' signatures name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Party {
    /// The arrangement.
    pub arrangement: ArrangementId,
    /// Whether it is live: nothing of a rehearsal ever passes for live.
    pub mode: ArrangementMode,
    /// The house.
    pub house: HouseId,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} ({})", self.house, self.arrangement, self.mode)
    }
}

/// The arrangement, its mode and its two houses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parties {
    /// The arrangement.
    pub arrangement: ArrangementId,
    /// Whether it is live.
    pub mode: ArrangementMode,
    /// The house that carries each leg; two different names.
    pub houses: Pair<HouseId>,
}

impl Parties {
    /// The leg that `house` carries; `None` where it is not a party.
    #[must_use]
    pub fn leg_of(&self, house: &str) -> Option<Leg> {
        Leg::BOTH.into_iter().find(|leg| self.houses[*leg].as_str() == house)
    }

    /// The house that carries `leg`, as party to this arrangement.
    #[must_use]
    pub fn party(&self, leg: Leg) -> Party {
        Party { arrangement: self.arrangement.clone(), mode: self.mode, house: self.houses[leg].clone() }
    }
}

impl From<ArrangementMode> for v1::ArrangementMode {
    fn from(mode: ArrangementMode) -> Self {
        match mode {
            ArrangementMode::Live => Self::Live,
            ArrangementMode::Rehearsal => Self::Rehearsal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_reads_back_from_its_name_and_its_number_and_from_nothing_else() {
        for mode in [ArrangementMode::Live, ArrangementMode::Rehearsal] {
            assert_eq!(ArrangementMode::from_name(mode.as_str()), Some(mode));
            assert_eq!(ArrangementMode::from_number(mode.number()), Some(mode));
            assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{mode}\""), "as the document writes it");
        }
        for name in ["", "Live", "live ", "suspended"] {
            assert_eq!(ArrangementMode::from_name(name), None, "{name:?}");
        }
        for number in [0, 3, -1, i32::MAX] {
            assert_eq!(ArrangementMode::from_number(number), None, "{number}");
        }
    }
}
