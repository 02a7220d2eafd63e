//! What the two houses owe each other after a member's default, once its positions are closed out: an assumption.
//!
//! The public texts say that each house has access to the other's liquidation and collateral proceeds, and prefer a joint
//! liquidation; they do not give the formula. So the rule is data of the arrangement ([`LossSharing`]): both houses adopt it
//! with everything else, and another one can be agreed later without touching the code that asks for it. Whoever shows an
//! allocation says that it is assumed.

mod steps;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::leg::{Leg, Pair};
use crate::problem::{Collector, Problems};

/// The rule by which losses are shared, as the arrangement names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LossSharing {
    /// The assumed rule: a gain covers the other house's loss, two losses are shared by stand-alone requirements, and in a
    /// separate close-out the payment is at most the reduction that the receiving house granted.
    #[serde(rename = "assumed-1")]
    Assumed1,
}

/// How a defaulter's linked positions are closed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseOut {
    /// The houses liquidate both legs together: preferred.
    Joint,
    /// One house buys out the other's positions, or they are transferred to it.
    Transfer,
    /// Each house liquidates its own leg.
    Separate,
}

/// What one house brings into the allocation, in US cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HouseFigures {
    /// What the close-out of its leg left after its own resources of the member: above zero a surplus, below a loss.
    pub result_cents: i64,
    /// Its stand-alone requirement of the defaulter's linked accounts, not below zero.
    pub standalone_cents: i64,
    /// The reduction that it granted on them: stand-alone less requirement, from zero to the stand-alone requirement.
    pub reduction_cents: i64,
}

/// The figures of both houses and the choice of close-out, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LossInputs {
    houses: Pair<HouseFigures>,
    close_out: CloseOut,
}

/// Which case of the rule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    /// No house has a loss.
    NoLoss,
    /// One house has a loss, the other has none.
    OneLoss,
    /// Both houses have a loss.
    TwoLosses,
}

/// One house pays the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Payment {
    /// The house that pays.
    pub payer: Leg,
    /// What it pays to the other house, US cents, above zero.
    pub cents: i64,
}

/// Who pays whom, and how it comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LossAllocation {
    /// The rule: assumed.
    pub rule: LossSharing,
    /// What was given.
    pub inputs: LossInputs,
    /// The case of the rule.
    pub case: Case,
    /// What the rule gives before the cap of a separate close-out; none where nobody pays.
    pub uncapped: Option<Payment>,
    /// The payment; none where nobody pays.
    pub payment: Option<Payment>,
    /// Each house's result after the payment, US cents: together what they were before.
    pub after_cents: Pair<i64>,
}

/// An amount is beyond what cents in 64 bits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount of the loss allocation is beyond 64 bits of cents: check the results that were given")]
pub struct LossOverflow;

impl Payment {
    /// The house that is paid.
    #[must_use]
    pub fn payee(&self) -> Leg {
        self.payer.other()
    }
}

impl LossInputs {
    /// Checks the figures of both houses.
    ///
    /// # Errors
    /// Every figure that cannot be, by its field.
    pub fn new(houses: Pair<HouseFigures>, close_out: CloseOut) -> Result<Self, Problems> {
        let mut problems = Collector::default();
        for (leg, figures) in houses.iter() {
            let side = match leg {
                Leg::Treasury => "treasury",
                Leg::Futures => "futures",
            };
            let HouseFigures { standalone_cents: standalone, reduction_cents: reduction, .. } = *figures;
            if standalone < 0 {
                problems.add(format!("{side}.standalone_cents"), format!("is {standalone}: 0 or more is needed"));
            } else if !(0..=standalone).contains(&reduction) {
                let why = format!("is {reduction}: a reduction is from 0 to the stand-alone requirement {standalone}");
                problems.add(format!("{side}.reduction_cents"), why);
            }
        }
        problems.finish(Self { houses, close_out })
    }

    /// The figures of both houses.
    #[must_use]
    pub fn houses(&self) -> &Pair<HouseFigures> {
        &self.houses
    }

    /// The choice of close-out.
    #[must_use]
    pub fn close_out(&self) -> CloseOut {
        self.close_out
    }
}

impl LossSharing {
    /// Who pays whom.
    ///
    /// # Errors
    /// An amount does not fit 64 bits of cents.
    pub fn allocate(self, inputs: LossInputs) -> Result<LossAllocation, LossOverflow> {
        match self {
            Self::Assumed1 => assumed_1(inputs),
        }
    }
}

fn assumed_1(inputs: LossInputs) -> Result<LossAllocation, LossOverflow> {
    let results = Pair::from_fn(|leg| inputs.houses[leg].result_cents);
    let (case, uncapped) = match (results.treasury < 0, results.futures < 0) {
        (false, false) => (Case::NoLoss, None),
        (true, false) => (Case::OneLoss, covered(Leg::Futures, results)?),
        (false, true) => (Case::OneLoss, covered(Leg::Treasury, results)?),
        (true, true) => (Case::TwoLosses, shared(&inputs)?),
    };
    let payment = uncapped.and_then(|payment| match inputs.close_out {
        CloseOut::Joint | CloseOut::Transfer => Some(payment),
        // What the receiving house gave up for the sake of the other leg is the most that the other leg owes it.
        CloseOut::Separate => some(payment.payer, payment.cents.min(inputs.houses[payment.payee()].reduction_cents)),
    });
    let mut after_cents = results;
    if let Some(payment) = payment {
        let (payer, payee) = (payment.payer, payment.payee());
        after_cents[payer] = results[payer].checked_sub(payment.cents).ok_or(LossOverflow)?;
        after_cents[payee] = results[payee].checked_add(payment.cents).ok_or(LossOverflow)?;
    }
    Ok(LossAllocation { rule: LossSharing::Assumed1, inputs, case, uncapped, payment, after_cents })
}

/// The better-off house pays the lesser of the other's loss and its own gain.
fn covered(payer: Leg, results: Pair<i64>) -> Result<Option<Payment>, LossOverflow> {
    let gain = i128::from(results[payer]);
    let loss = -i128::from(results[payer.other()]);
    Ok(some(payer, cents(gain.min(loss))?))
}

/// Both losses together are shared pro rata to stand-alone requirements: the house that has lost less than its share pays
/// the difference. Its share is rounded down to the cent, so that nobody pays more than the rule asks.
fn shared(inputs: &LossInputs) -> Result<Option<Payment>, LossOverflow> {
    let loss = |leg: Leg| -i128::from(inputs.houses[leg].result_cents);
    let weight = |leg: Leg| i128::from(inputs.houses[leg].standalone_cents);
    let (losses, weights) = (loss(Leg::Treasury) + loss(Leg::Futures), weight(Leg::Treasury) + weight(Leg::Futures));
    if weights == 0 {
        return Ok(None);
    }
    for payer in Leg::BOTH {
        let share = losses.checked_mul(weight(payer)).ok_or(LossOverflow)?.div_euclid(weights);
        // The shares add up to the losses, so at most one house has lost less than its own.
        if share > loss(payer) {
            return Ok(some(payer, cents(share - loss(payer))?));
        }
    }
    Ok(None)
}

fn some(payer: Leg, cents: i64) -> Option<Payment> {
    (cents > 0).then_some(Payment { payer, cents })
}

fn cents(amount: i128) -> Result<i64, LossOverflow> {
    i64::try_from(amount).map_err(|_| LossOverflow)
}

impl fmt::Display for LossSharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assumed1 => f.pad("assumed-1"),
        }
    }
}

impl fmt::Display for CloseOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Joint => "joint",
            Self::Transfer => "transfer",
            Self::Separate => "separate",
        })
    }
}

#[cfg(test)]
mod tests;
