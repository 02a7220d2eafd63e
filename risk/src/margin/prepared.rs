//! A model made ready: matrices, tail counts, and the facts that floors and charges need.

use std::sync::Arc;

use super::{HouseMargins, LinkPositions, MarginError, PrepareError};
use crate::{
    charge::{Charge, Holding, MaturityRates},
    exposure::InstrumentFacts,
    instrument::Instrument,
    kernel::{KernelError, Legs, Level, Position, ScenarioMatrix},
    model::Model,
    money::Usd,
};

/// One row of the dictionary that all matrices share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictionaryRow {
    /// The instrument.
    pub instrument: Instrument,
    /// Its facts for one kernel unit.
    pub facts: InstrumentFacts,
}

/// A model with its scenario matrices, ready to margin any number of links. All matrices, of both houses' models, share
/// one dictionary of instruments and so one numbering of rows.
#[derive(Clone, Debug)]
pub struct PreparedModel {
    pub(super) components: Vec<PreparedComponent>,
    pub(super) maturity_floor: Option<MaturityRates>,
    pub(super) margin_proxy: Option<MaturityRates>,
    pub(super) charges: Vec<Charge>,
    pub(super) dictionary: Arc<[DictionaryRow]>,
    pub(super) level: Level,
}

#[derive(Clone, Debug)]
pub(super) struct PreparedComponent {
    pub(super) name: String,
    pub(super) terms: Vec<PreparedTerm>,
}

#[derive(Clone, Debug)]
pub(super) struct PreparedTerm {
    pub(super) name: String,
    pub(super) matrix: ScenarioMatrix,
    pub(super) tail_count: usize,
    pub(super) weight_basis_points: u32,
}

/// The holdings of both legs of a link; a part of them is a portfolio to margin.
pub(super) struct LinkHoldings<'a> {
    all: Vec<Holding<'a>>,
    first_count: usize,
}

impl PreparedModel {
    /// A model with one matrix for each of its terms, in their order, over the rows of the dictionary. The row of an
    /// instrument that the model margins by proxy is zero throughout.
    ///
    /// # Errors
    /// Another number of matrices, matrices over other rows, or an instrument without a price and no proxy for it.
    pub fn new(
        model: &Model,
        matrices: Vec<ScenarioMatrix>,
        dictionary: Arc<[DictionaryRow]>,
    ) -> Result<Self, PrepareError> {
        let terms = model.terms().count();
        if matrices.len() != terms || terms == 0 {
            return Err(PrepareError::Matrices { model: model.version.to_string(), terms, matrices: matrices.len() });
        }
        if model.margin_proxy.is_none()
            && let Some(row) = dictionary.iter().find(|row| row.facts.is_proxied)
        {
            let (model, instrument) = (model.version.to_string(), row.instrument.to_string());
            return Err(PrepareError::NoProxy { model, instrument });
        }
        let mut matrices = matrices.into_iter();
        let mut components = Vec::with_capacity(model.components.len());
        for component in &model.components {
            let mut terms = Vec::with_capacity(component.terms.len());
            for (term, matrix) in component.terms.iter().zip(matrices.by_ref()) {
                if matrix.rows() != dictionary.len() {
                    let (expected, found) = (dictionary.len(), matrix.rows());
                    return Err(PrepareError::Rows { term: term.name.clone(), expected, found });
                }
                terms.push(PreparedTerm {
                    name: term.name.clone(),
                    tail_count: term.measure.tail_count(model.confidence, matrix.scenarios()),
                    weight_basis_points: term.weight_basis_points,
                    matrix,
                });
            }
            components.push(PreparedComponent { name: component.name.clone(), terms });
        }
        Ok(Self {
            components,
            maturity_floor: model.maturity_floor.clone(),
            margin_proxy: model.margin_proxy.clone(),
            charges: model.charges.clone(),
            dictionary,
            level: Level::best(),
        })
    }

    /// The same model on another instruction set, for tests and measurements.
    #[must_use]
    pub fn at_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// The core margins of links under this model, as [`crate::model`] states them.
    ///
    /// # Errors
    /// A position whose row the matrices lack, or positions beyond any real book; an index in the error is the link's
    /// in the block.
    pub fn margins(&self, links: &[LinkPositions]) -> Result<Vec<HouseMargins>, MarginError> {
        let legs: Vec<Legs<'_>> = links.iter().map(LinkPositions::legs).collect();
        // Never below zero: a portfolio that cannot lose has no margin.
        let mut cores = vec![[Usd::ZERO; 3]; links.len()];
        for component in &self.components {
            let mut sums = vec![[Usd::ZERO; 3]; links.len()];
            for term in &component.terms {
                let statistics = term.matrix.order_statistics(self.level, term.tail_count, &legs)?;
                for (sums, statistics) in sums.iter_mut().zip(statistics) {
                    for (sum, statistic) in sums.iter_mut().zip(statistics) {
                        *sum = sum.saturating_add(term.weighted(-statistic));
                    }
                }
            }
            for (cores, sums) in cores.iter_mut().zip(sums) {
                for (core, sum) in cores.iter_mut().zip(sums) {
                    *core = (*core).max(sum);
                }
            }
        }
        let margins = links.iter().zip(cores).map(|(link, cores)| {
            let holdings = self.holdings(link)?;
            let [first, second, both] = [holdings.first(), holdings.second(), holdings.both()];
            Ok(HouseMargins::new(
                self.completed(cores[0], first)?,
                self.completed(cores[1], second)?,
                self.completed(cores[2], both)?,
            ))
        });
        margins.collect()
    }

    /// What this model charges outside the core on positions: its charges' sum, in 1e-8 USD. Charges that follow from
    /// the past of an account are not in it.
    ///
    /// # Errors
    /// As [`Self::margins`].
    pub fn outside(&self, positions: &[Position]) -> Result<Usd, MarginError> {
        let holdings = self.hold(positions)?;
        let mut sum = Usd::ZERO;
        for charge in self.charges.iter().filter(|charge| !charge.is_core) {
            sum = sum.saturating_add(charge.amount(&holdings)?);
        }
        Ok(sum)
    }

    /// The dictionary that all matrices share.
    #[must_use]
    pub fn dictionary(&self) -> &[DictionaryRow] {
        &self.dictionary
    }

    /// The scenario matrices, one a term.
    pub fn matrices(&self) -> impl Iterator<Item = &ScenarioMatrix> {
        self.components.iter().flat_map(|component| component.terms.iter().map(|term| &term.matrix))
    }

    /// The largest component with floor, proxy and core charges.
    fn completed(&self, largest: Usd, holdings: &[Holding<'_>]) -> Result<Usd, MarginError> {
        let mut core = largest.max(self.maturity_floor(holdings)?);
        core = core.saturating_add(self.proxy(holdings)?);
        for charge in self.charges.iter().filter(|charge| charge.is_core) {
            core = core.saturating_add(charge.amount(holdings)?);
        }
        Ok(core)
    }

    pub(super) fn maturity_floor(&self, holdings: &[Holding<'_>]) -> Result<Usd, MarginError> {
        match &self.maturity_floor {
            Some(rates) => Ok(rates.on_net_value(holdings)?),
            None => Ok(Usd::ZERO),
        }
    }

    pub(super) fn proxy(&self, holdings: &[Holding<'_>]) -> Result<Usd, MarginError> {
        match &self.margin_proxy {
            Some(rates) => Ok(rates.on_gross_value(holdings, |holding| holding.facts.is_proxied)?),
            None => Ok(Usd::ZERO),
        }
    }

    pub(super) fn holdings(&self, link: &LinkPositions) -> Result<LinkHoldings<'_>, MarginError> {
        let mut all = self.hold(&link.first)?;
        let first_count = all.len();
        all.extend(self.hold(&link.second)?);
        Ok(LinkHoldings { all, first_count })
    }

    pub(super) fn hold(&self, positions: &[Position]) -> Result<Vec<Holding<'_>>, MarginError> {
        let hold = |position: &Position| {
            let out = || KernelError::RowOutOfRange { account: 0, row: position.row, rows: self.dictionary.len() };
            let row = self.dictionary.get(position.row as usize).ok_or_else(out)?;
            Ok(Holding { instrument: row.instrument, facts: &row.facts, units: position.units })
        };
        positions.iter().map(hold).collect()
    }
}

impl PreparedTerm {
    /// The weight times an amount in 1e-8 USD, rounded up to 1e-8 USD.
    pub(super) fn weighted(&self, units: i128) -> Usd {
        let weight = i128::from(self.weight_basis_points);
        let (quotient, rest) = (units.div_euclid(10_000), units.rem_euclid(10_000));
        let part = rest * weight;
        let rounded_up = part.div_euclid(10_000) + i128::from(part.rem_euclid(10_000) != 0);
        Usd::from_units(quotient.saturating_mul(weight).saturating_add(rounded_up))
    }
}

impl<'a> LinkHoldings<'a> {
    pub(super) fn first(&self) -> &[Holding<'a>] {
        &self.all[..self.first_count]
    }

    pub(super) fn second(&self) -> &[Holding<'a>] {
        &self.all[self.first_count..]
    }

    pub(super) fn both(&self) -> &[Holding<'a>] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_rounds_up_to_the_unit() {
        let weighted = |units, weight_basis_points| {
            let matrix = ScenarioMatrix::new(1, &[[0i64]]).unwrap();
            PreparedTerm { name: String::new(), matrix, tail_count: 1, weight_basis_points }.weighted(units).units()
        };
        assert_eq!(weighted(10_001, 5_000), 5_001);
        assert_eq!(weighted(-10_001, 5_000), -5_000);
        assert_eq!(weighted(i128::MAX / 10_000, 10_000), i128::MAX / 10_000);
    }
}
