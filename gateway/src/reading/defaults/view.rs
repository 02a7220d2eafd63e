//! How a default stands, for a reader.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;

use super::{DefaultError, member_in_default};
use crate::{
    arrangement::{
        default_loss::{CloseOut, LossAllocation, LossSharing},
        default_package::{LossPool, Verified},
        default_settlement::{Settlement, record_of, settled_close_out, signed_package},
        leg::{Leg, Pair},
        registry::{
            Registry, SuspensionId,
            change::{LossAllocation as RecordedAllocation, Package},
        },
    },
    reading::{Reader, amounts::usd},
    wire,
};

impl Reader {
    /// How a default stands, without its suspension.
    ///
    /// # Errors
    /// There is no such suspension, or it is none of a member in default.
    pub(crate) fn member_default(&self, suspension: SuspensionId) -> Result<v1::MemberDefault, DefaultError> {
        let registry = Arc::clone(&self.context.catalog.read().registry);
        let member = member_in_default(&registry, suspension)?;
        let packages = registry.packages(suspension);
        let signed = signed_package(&registry, suspension);
        let close_outs = registry.close_outs(suspension);
        let settled = settled_close_out(&registry, suspension);
        let mut problems = Vec::new();
        // What is still to come is no problem; what differs is.
        problems.extend(packages.both().and(signed.as_ref().err()).cloned());
        problems.extend(close_outs.both().and(settled.as_ref().err()).cloned());
        let own = packages[self.context.us].map(|package| self.package(package.digest)).transpose();
        let own = own.unwrap_or_else(|error| {
            problems.push(error.to_string());
            None
        });
        let package = own.as_deref().filter(|_| signed.is_ok());
        let settlement = self.settlement(&registry, suspension, package);
        let pools = pools(&registry, suspension, own.as_deref());
        let record = |leg: Leg| packages[leg].map(|package| package_record(&registry, suspension, package));
        let close_out =
            |leg: Leg| close_outs[leg].and_then(CloseOut::from_wire).map(v1::CloseOut::from).unwrap_or_default().into();
        let arrangement = self.context.parties.arrangement.as_str();
        Ok(v1::MemberDefault {
            suspension: None,
            member: member.to_string(),
            treasury_package: record(Leg::Treasury),
            futures_package: record(Leg::Futures),
            is_package_signed_by_both: signed.is_ok(),
            cycle: own.as_ref().map(|package| package.cycle.to_wire(arrangement)),
            round: own.as_ref().map_or(0, |package| package.round.0),
            treasury_close_out: close_out(Leg::Treasury),
            futures_close_out: close_out(Leg::Futures),
            is_close_out_settled: settled.is_ok(),
            pools: pools.iter().map(|pool| pool_view(&settlement, pool)).collect(),
            problems,
        })
    }
}

/// A package as it is recorded.
pub(crate) fn package_record(
    registry: &Registry,
    suspension: SuspensionId,
    package: Package,
) -> v1::DefaultPackageRecord {
    v1::DefaultPackageRecord {
        suspension_id: suspension.text(registry.programme()),
        package: wire::bytes_of(package.digest),
        size_bytes: package.size_bytes,
    }
}

/// An allocation as it is recorded.
pub(crate) fn allocation_record(
    registry: &Registry,
    suspension: SuspensionId,
    pool: &LossPool,
    allocation: &RecordedAllocation,
) -> v1::LossAllocationRecord {
    let RecordedAllocation { payer, amount_cents, rule } = allocation;
    let programme = registry.programme();
    v1::LossAllocationRecord {
        suspension_id: suspension.text(programme),
        payer: payer.map(|payer| programme.houses[payer].to_string()).unwrap_or_default(),
        amount: usd(*amount_cents),
        rule: rule.clone(),
        customer: pool.customer().map(ToString::to_string).unwrap_or_default(),
    }
}

/// The pools of the package and those of which something is recorded.
fn pools(registry: &Registry, suspension: SuspensionId, package: Option<&Verified>) -> BTreeSet<LossPool> {
    let recorded = registry.recorded_pools(suspension).into_iter().map(LossPool::from);
    recorded.chain(package.into_iter().flat_map(Verified::pools)).collect()
}

fn pool_view(settlement: &Settlement<'_>, pool: &LossPool) -> v1::LossPool {
    let Settlement { registry, suspension, .. } = *settlement;
    let results = registry.liquidations(suspension, pool.customer());
    let recorded = registry.loss_allocations(suspension, pool.customer());
    let follows = settlement.allocation(pool);
    let record = |leg: Leg| recorded[leg].map(|recorded| allocation_record(registry, suspension, pool, recorded));
    let result = |leg: Leg| results[leg].map(usd).unwrap_or_default();
    let missing = follows.as_ref().err().map(|problems| problems.list()).unwrap_or_default();
    v1::LossPool {
        customer: pool.customer().map(ToString::to_string).unwrap_or_default(),
        treasury_result: result(Leg::Treasury),
        futures_result: result(Leg::Futures),
        allocation: follows.as_ref().ok().map(|allocation| allocated(allocation, registry)),
        missing: missing.iter().map(|problem| problem.description.clone()).collect(),
        treasury_record: record(Leg::Treasury),
        futures_record: record(Leg::Futures),
        is_signed_by_both: settlement.is_signed_by_both(pool),
        problems: settlement.breaks(pool, &follows),
    }
}

fn allocated(allocation: &LossAllocation, registry: &Registry) -> v1::AllocatedLoss {
    let programme = registry.programme();
    let RecordedAllocation { payer, amount_cents, rule } = record_of(allocation);
    v1::AllocatedLoss {
        payer: payer.map(|payer| programme.houses[payer].to_string()).unwrap_or_default(),
        amount: usd(amount_cents),
        rule,
        is_assumed: match allocation.rule {
            LossSharing::Assumed1 => true,
        },
        steps: allocation.steps(&Pair::from_fn(|leg| programme.houses[leg].clone())),
    }
}
