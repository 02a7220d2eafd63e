//! A portfolio over a scenario set: every position's P&L in every scenario, as integers.

use rayon::prelude::*;
use risk::{
    kernel::{self, Legs, Level, ScenarioMatrix, Tail},
    money::Usd,
    revaluation::{ParBond, Revaluer, kernel_units},
    scenario::ScenarioSet,
};

use super::{
    portfolio::{Holding, Portfolio},
    source::Source,
};
use crate::command::failure::Failure;

/// The scenario P&L of a portfolio; a row for each position, in their order.
pub(super) struct Valuation {
    matrix: ScenarioMatrix,
    positions: Vec<kernel::Position>,
}

impl Valuation {
    /// Values every position in every scenario. Par bonds are those of the day with index `day` in the curve's history;
    /// instruments are valued in the source's market, whatever the day.
    ///
    /// # Errors
    /// What cannot be valued.
    pub(super) fn new(
        source: &Source,
        portfolio: &Portfolio,
        scenarios: &ScenarioSet,
        day: usize,
    ) -> Result<Self, Failure> {
        let failed = |error: &(dyn std::error::Error + 'static)| Failure::of("valuing the portfolio", error);
        let market = source.market.as_deref();
        let revaluer = market.map(|market| Revaluer::new(market, scenarios)).transpose().map_err(|e| failed(&e))?;
        let valued: Vec<(i64, Vec<i64>)> = portfolio
            .positions()
            .par_iter()
            .map(|position| match (position.holding, market, &revaluer) {
                (Holding::ParBond(tenor), _, _) => {
                    let bond = ParBond::of_day(&source.curves, day, tenor).map_err(|e| failed(&e))?;
                    // One unit of the whole position: rounded once, so that it is right to the cent.
                    Ok((1, bond.position_row(scenarios, position.quantity).map_err(|e| failed(&e))?))
                }
                (Holding::Instrument(instrument), Some(market), Some(revaluer)) => {
                    let units = kernel_units(market, instrument, position.quantity).map_err(|e| failed(&e))?;
                    Ok((units, revaluer.row(instrument).map_err(|e| failed(&e))?))
                }
                (Holding::Instrument(instrument), _, _) => {
                    Err(Failure::new(format!("{instrument} has a value in a market alone: give --market FOLDER")))
                }
            })
            .collect::<Vec<Result<_, Failure>>>()
            .into_iter()
            .collect::<Result<_, _>>()?;
        let (units, rows): (Vec<i64>, Vec<Vec<i64>>) = valued.into_iter().unzip();
        let matrix = ScenarioMatrix::new(scenarios.len(), &rows).map_err(|e| failed(&e))?;
        let positions = (0..).zip(units).map(|(row, units)| kernel::Position { row, units }).collect();
        Ok(Self { matrix, positions })
    }

    /// The `count` worst scenarios of the portfolio.
    pub(super) fn tail(&self, count: usize) -> Result<Tail, Failure> {
        let legs = [Legs { first: &self.positions, second: &[] }];
        let tails = self.matrix.tails(Level::best(), count, &legs);
        let mut tails = tails.map_err(|error| Failure::of("adding up the portfolio", &error))?;
        Ok(tails.pop().map(|tails| tails.first).unwrap_or_default())
    }

    /// The portfolio's P&L in every scenario, in 1e-8 USD; a loss is negative.
    pub(super) fn profits(&self) -> Result<Vec<i128>, Failure> {
        self.matrix.vector(&self.positions).map_err(|error| Failure::of("adding up the portfolio", &error))
    }

    /// What each position loses in all scenarios of a tail together; a gain is negative.
    pub(super) fn losses(&self, tail: &Tail) -> Vec<Usd> {
        let loss = |position: &kernel::Position| {
            let in_scenario = |scenario: u32| {
                // Invariant: the tail's scenarios are columns of this matrix, and each position has its row.
                let value = self.matrix.value(position.row as usize, scenario as usize).unwrap_or_default();
                -i128::from(position.units) * i128::from(value)
            };
            Usd::from_units(tail.worst.iter().map(|worst| in_scenario(worst.scenario)).sum())
        };
        self.positions.iter().map(loss).collect()
    }
}
