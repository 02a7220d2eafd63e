//! What follows for a member in default from the records of both houses: whether they work from one package and have chosen
//! one close-out, and who pays whom for each pool.
//!
//! It is a function of both logs and of the package, so that both houses come to the same allocation. What a house recorded
//! that does not follow is a break between the houses, and named.

use super::{
    default_loss::{CloseOut, LossAllocation, LossSharing},
    default_package::{LossPool, Verified},
    leg::{Leg, Pair},
    name::HouseId,
    registry::{
        Registry, SuspensionId,
        change::{LossAllocation as RecordedAllocation, Package},
    },
};
use crate::{
    problem::{Collector, Problems},
    words::{dollars, grouped},
};

/// What the settlement of one default follows from.
#[derive(Clone, Copy, Debug)]
pub struct Settlement<'a> {
    /// Both logs.
    pub registry: &'a Registry,
    /// The suspension of the member in default.
    pub suspension: SuspensionId,
    /// The package that both houses signed; `None` where there is none, or its content cannot be read.
    pub package: Option<&'a Verified>,
    /// The rule of the arrangement.
    pub rule: LossSharing,
}

/// The package that both houses recorded of a default.
///
/// # Errors
/// Why there is none, and what would help.
pub fn signed_package(registry: &Registry, suspension: SuspensionId) -> Result<Package, String> {
    let recorded = registry.packages(suspension);
    let houses = &registry.programme().houses;
    match recorded.both() {
        Some(both) if both.treasury == both.futures => Ok(both.treasury),
        Some(both) => {
            let [treasury, futures] = Leg::BOTH.map(|leg| format!("{} {}", houses[leg], both[leg].digest));
            Err(format!("the houses made different packages ({treasury}; {futures}): each has to make it anew"))
        }
        None => Err(lacking(&recorded, houses, "made no package: call DefaultService.MakePackage there")),
    }
}

/// The close-out that both houses chose for a default.
///
/// # Errors
/// Why it is not settled, and what would help.
pub fn settled_close_out(registry: &Registry, suspension: SuspensionId) -> Result<CloseOut, String> {
    let chosen = Pair::from_fn(|leg| registry.close_outs(suspension)[leg].and_then(CloseOut::from_wire));
    let houses = &registry.programme().houses;
    match chosen.both() {
        Some(both) if both.treasury == both.futures => Ok(both.treasury),
        Some(both) => {
            let [treasury, futures] = Leg::BOTH.map(|leg| format!("{} {}", houses[leg], both[leg]));
            Err(format!("the houses chose differently ({treasury}, {futures}): one of them has to choose anew"))
        }
        None => Err(lacking(&chosen, houses, "chosen no close-out: record a close_out there")),
    }
}

impl Settlement<'_> {
    /// Who pays whom for a pool.
    ///
    /// # Errors
    /// Everything that is missing for it, by what it is about.
    pub fn allocation(&self, pool: &LossPool) -> Result<LossAllocation, Problems> {
        let Self { registry, suspension, package, rule } = *self;
        let houses = &registry.programme().houses;
        let mut problems = Collector::default();
        problems.check(|| "package".into(), signed_package(registry, suspension));
        match package {
            Some(package) if !package.pools().contains(pool) => {
                let pools: Vec<String> = package.pools().iter().map(ToString::to_string).collect();
                problems.add(
                    "customer",
                    format!("the package has no link of {pool}: it has those of {}", pools.join(", ")),
                );
            }
            None if problems.is_empty() => {
                problems.add("package", "the content of the package cannot be read at this house");
            }
            _ => {}
        }
        let close_out = problems.check(|| "close_out".into(), settled_close_out(registry, suspension));
        let results = registry.liquidations(suspension, pool.customer());
        for (leg, _) in results.iter().filter(|(_, result)| result.is_none()) {
            let why = format!("{} has recorded no result of {pool}: record a liquidation there", houses[leg]);
            problems.add("results", why);
        }
        problems.finish(())?;
        let (Some(package), Some(close_out), Some(results)) = (package, close_out, results.both()) else {
            return Err(Problems::one("package", "is incomplete"));
        };
        let inputs = package.loss_inputs(pool, results, close_out)?;
        rule.allocate(inputs).map_err(|error| Problems::one("results", error.to_string()))
    }

    /// What a house recorded of a pool's allocation and does not follow: a break between the houses, each in a sentence.
    #[must_use]
    pub fn breaks(&self, pool: &LossPool, follows: &Result<LossAllocation, Problems>) -> Vec<String> {
        let houses = &self.registry.programme().houses;
        let recorded = self.registry.loss_allocations(self.suspension, pool.customer());
        let broken = recorded.iter().filter_map(|(leg, recorded)| {
            let recorded = (*recorded)?;
            let why = match follows {
                Ok(follows) => {
                    let follows = record_of(follows);
                    if follows == *recorded {
                        return None;
                    }
                    format!("{} follows", told(&follows, houses))
                }
                Err(missing) => format!("nothing follows: {}", missing.to_string().replace('\n', "; ")),
            };
            let house = &houses[leg];
            Some(format!("{house} recorded that {}, but {why}; {house} has to settle it anew", told(recorded, houses)))
        });
        broken.collect()
    }

    /// Whether both houses recorded the same allocation of a pool.
    #[must_use]
    pub fn is_signed_by_both(&self, pool: &LossPool) -> bool {
        let recorded = self.registry.loss_allocations(self.suspension, pool.customer());
        recorded.both().is_some_and(|both| both.treasury == both.futures)
    }
}

/// An allocation as a house records it.
#[must_use]
pub fn record_of(allocation: &LossAllocation) -> RecordedAllocation {
    RecordedAllocation {
        payer: allocation.payment.map(|payment| payment.payer),
        amount_cents: allocation.payment.map_or(0, |payment| payment.cents),
        rule: allocation.rule.to_string(),
    }
}

fn told(recorded: &RecordedAllocation, houses: &Pair<HouseId>) -> String {
    let RecordedAllocation { payer, amount_cents, rule } = recorded;
    match payer {
        Some(payer) => format!("{} pays USD {} by rule {rule}", houses[*payer], grouped(&dollars(*amount_cents))),
        None => format!("nobody pays by rule {rule}"),
    }
}

fn lacking<T>(recorded: &Pair<Option<T>>, houses: &Pair<HouseId>, what: &str) -> String {
    let lacking = recorded.iter().filter(|(_, recorded)| recorded.is_none());
    let lacking: Vec<String> = lacking.map(|(leg, _)| format!("{} has {what}", houses[leg])).collect();
    lacking.join("; ")
}

#[cfg(test)]
mod tests;
