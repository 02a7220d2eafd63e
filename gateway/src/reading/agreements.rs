//! Agreements with the evidence behind them.

use crossmargin::v1;
use prost::Message;

use super::ReadError;
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        digest::Digest,
        leg::Leg,
        parties::Parties,
    },
    node::catalog::{Catalog, CycleView},
    wire,
};

/// The agreement of a cycle: of `round`, or the one in force.
///
/// # Errors
/// There is none, or its evidence cannot be read.
pub(crate) fn of_cycle(
    catalog: &Catalog,
    parties: &Parties,
    cycle: CycleId,
    round: Option<Round>,
) -> Result<v1::Agreement, ReadError> {
    let view = catalog.cycles.get(&cycle).ok_or_else(|| ReadError::unknown_cycle(cycle))?;
    let agreed = match round {
        None => view.record.agreement(),
        Some(round) => view.record.rounds.get(&round).and_then(|record| record.agreed()).map(|digest| (round, digest)),
    };
    let (round, digest) = agreed.ok_or_else(|| {
        let of_round = round.map(|round| format!("round {round} of ")).unwrap_or_default();
        ReadError::NotFound(format!(
            "{of_round}cycle {cycle} has no agreement at this house: `crossmargin cycle status` says where it stands"
        ))
    })?;
    build(catalog, parties, (cycle, view), round, digest)
}

fn build(
    catalog: &Catalog,
    parties: &Parties,
    (cycle, view): (CycleId, &CycleView),
    round: Round,
    digest: Digest,
) -> Result<v1::Agreement, ReadError> {
    let missing =
        |leg: Leg| ReadError::Damaged(format!("the statement {digest} of {} is not here", parties.houses[leg]));
    let mut signatures = Vec::with_capacity(2);
    for leg in Leg::BOTH {
        let held = catalog.by_digest(leg, digest).ok_or_else(|| missing(leg))?;
        signatures.push(held.envelope.clone());
    }
    let payload = signatures.first().map(|envelope| envelope.payload.clone()).unwrap_or_default();
    let statement = v1::Statement::decode(payload).map_err(|error| ReadError::Damaged(format!("{digest}: {error}")))?;
    Ok(v1::Agreement {
        cycle: Some(cycle.to_wire(parties.arrangement.as_str())),
        round: round.0,
        digest: digest.to_string(),
        statement: Some(statement),
        signatures,
        agreed_at: view.agreed_at.get(&round).copied().map(wire::to_timestamp),
    })
}
