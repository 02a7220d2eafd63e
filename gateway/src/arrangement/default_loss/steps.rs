//! The steps of an allocation for a reader: every number that decides, in the order of the rule.

use super::{Case, CloseOut, LossAllocation, Payment};
use crate::{
    arrangement::{
        leg::{Leg, Pair},
        name::HouseId,
    },
    words::{dollars, grouped},
};

impl LossAllocation {
    /// The steps, a line each, with the houses' names. The first says that the rule is assumed.
    #[must_use]
    pub fn steps(&self, houses: &Pair<HouseId>) -> Vec<String> {
        let mut lines = vec![format!(
            "Rule {} (assumed: the public texts leave the sharing of losses open), {} close-out.",
            self.rule,
            self.inputs.close_out()
        )];
        for (leg, figures) in self.inputs.houses().iter() {
            lines.push(format!(
                "{}: result {}, stand-alone requirement {}, reduction granted {}.",
                houses[leg],
                usd(figures.result_cents),
                usd(figures.standalone_cents),
                usd(figures.reduction_cents)
            ));
        }
        lines.push(self.case_line(houses));
        if self.inputs.close_out() == CloseOut::Separate
            && let Some(uncapped) = self.uncapped
        {
            lines.push(self.cap_line(houses, uncapped));
        }
        lines.push(match self.payment {
            None => "No payment.".to_owned(),
            Some(Payment { payer, cents }) => {
                let (from, to) = (&houses[payer], &houses[payer.other()]);
                format!("{from} pays {to} {}.", usd(cents))
            }
        });
        let after = Leg::BOTH.map(|leg| format!("{} {}", houses[leg], usd(self.after_cents[leg])));
        lines.push(format!("Results after it: {}, {}.", after[0], after[1]));
        lines
    }

    fn case_line(&self, houses: &Pair<HouseId>) -> String {
        match (self.case, self.uncapped) {
            (Case::NoLoss, _) => "Neither house has a loss: nothing is shared.".to_owned(),
            (Case::OneLoss, None) => "One house has a loss, and the other no gain that could cover it.".to_owned(),
            (Case::OneLoss, Some(Payment { payer, cents })) => format!(
                "{} has a loss and {} a gain: the lesser of both is {}.",
                houses[payer.other()],
                houses[payer],
                usd(cents)
            ),
            (Case::TwoLosses, None) if self.has_weights() => {
                "Both houses have a loss, and each has its share of it already, to the cent.".to_owned()
            }
            (Case::TwoLosses, None) => {
                "Both houses have a loss, and neither a stand-alone requirement to share it by.".to_owned()
            }
            (Case::TwoLosses, Some(Payment { payer, cents })) => format!(
                "Both houses have a loss, shared pro rata to stand-alone requirements: the share of {}, rounded down to \
                 the cent, is {} above its own loss.",
                houses[payer],
                usd(cents)
            ),
        }
    }

    fn cap_line(&self, houses: &Pair<HouseId>, uncapped: Payment) -> String {
        let payee = uncapped.payee();
        let reduction = self.inputs.houses()[payee].reduction_cents;
        let outcome = if reduction < uncapped.cents { "caps the payment" } else { "does not bind" };
        format!(
            "In a separate close-out the payment is at most the reduction that {} granted, {} (assumed): it {outcome}.",
            houses[payee],
            usd(reduction)
        )
    }

    fn has_weights(&self) -> bool {
        self.inputs.houses().iter().any(|(_, figures)| figures.standalone_cents > 0)
    }
}

/// Cents as US dollars: `USD -1,234.50`.
fn usd(cents: i64) -> String {
    format!("USD {}", grouped(&dollars(cents)))
}
