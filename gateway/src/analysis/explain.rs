//! Explanations of margins.

mod case;
mod house;
mod movement;
mod reason;
mod remarks;
mod wire;

use crossmargin::v1;

use self::{
    case::LinkCase,
    house::{CoreExplainer, Sources},
};
use super::{AnalysisError, Analyst, figures};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        leg::Leg,
        name::AccountId,
    },
    reading::Visibility,
};

impl Analyst {
    /// Explains the margins of an account in a cycle: recomputes that account alone, and only where the figures are those
    /// that were claimed.
    ///
    /// # Errors
    /// The account, the cycle or what it was computed from is not here, or the figures are not those of the claim.
    pub(crate) fn explain(
        &self,
        account: &AccountId,
        cycle: Option<CycleId>,
        round: Option<Round>,
        since: Option<CycleId>,
        visibility: &Visibility,
    ) -> Result<v1::ExplainMarginResponse, AnalysisError> {
        let terms = self.link_of(account, visibility)?;
        let claimed = self.claimed(cycle, round)?;
        let case = LinkCase::of_claim(&self.context.computer, &claimed, &terms)?;
        let sources = Sources::of(&case)?;
        let explained = [0, 1].map(|side| {
            let house = self.context.parties.houses[Leg::BOTH[side]].as_str();
            CoreExplainer::new(&case, &sources, side)?.explain(house)
        });
        let [treasury, futures] = explained;
        let explained = [treasury?, futures?];
        let charge = self.reader.charge(claimed.cycle, claimed.round, &terms)?;
        let factor_reason = reason::of(&self.context.arrangement, &case, &charge, &explained);
        let mut remarks = remarks::of(&case);
        let movement = self.movement_to(&claimed, &terms, &case, since, &mut remarks)?;
        let [treasury_house, futures_house] = explained.map(|house| Some(house.wire));
        Ok(v1::ExplainMarginResponse {
            cycle: Some(claimed.cycle.to_wire(self.context.parties.arrangement.as_str())),
            round: claimed.round.0,
            link: Some(terms.to_wire()),
            figures: Some(figures::joint(&case.margin)),
            factor_reason,
            treasury_house,
            futures_house,
            movement,
            remarks,
            status: charge.status.into(),
        })
    }
}
