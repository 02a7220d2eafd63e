//! Who is party to an arrangement, as every signed envelope names it.

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
}

impl From<ArrangementMode> for v1::ArrangementMode {
    fn from(mode: ArrangementMode) -> Self {
        match mode {
            ArrangementMode::Live => Self::Live,
            ArrangementMode::Rehearsal => Self::Rehearsal,
        }
    }
}
