//! Instruments valued under both houses' models: every scenario row, in one dictionary.

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;
use risk::{
    exposure::InstrumentFacts,
    instrument::Instrument,
    kernel::{Position, ScenarioMatrix},
    margin::{DictionaryRow, PreparedModel},
    market::Market,
    model::{Model, Valuation},
    revaluation::{Revaluer, kernel_units},
    scenario::ScenarioSet,
    sensitivity::{SensitivityRevaluer, SensitivityTable},
};

use super::ComputeError;
use crate::{arrangement::digest::Digest, book::Holding};

/// The rows of one instrument: its facts, and its P&L by term of both models in their order.
#[derive(Clone, Debug)]
pub(super) struct InstrumentRows {
    facts: InstrumentFacts,
    profits: Vec<Vec<i64>>,
}

/// Instruments that are valued already, to be taken instead of valued again.
pub(super) type Known = HashMap<Instrument, InstrumentRows>;

/// Both houses' models over one dictionary of instruments in one market.
#[derive(Debug)]
pub(crate) struct Valued {
    /// The models, ready.
    pub(crate) models: [PreparedModel; 2],
    market: Arc<Market>,
    instruments: Vec<Instrument>,
    rows: HashMap<Instrument, u32>,
    values: Vec<InstrumentRows>,
}

impl Valued {
    /// Values instruments in a market over the scenario sets of both models.
    ///
    /// # Errors
    /// The first instrument that cannot be valued.
    pub(super) fn new(
        models: [&Model; 2],
        market: &Arc<Market>,
        sets: [&[ScenarioSet]; 2],
        instruments: &[Instrument],
        mut known: Known,
    ) -> Result<Self, ComputeError> {
        let taken: Vec<Option<InstrumentRows>> = instruments.iter().map(|i| known.remove(i)).collect();
        let values = value(models, market, sets, instruments, taken)?;
        let dictionary: Arc<[DictionaryRow]> = (instruments.iter().zip(&values))
            .map(|(instrument, rows)| DictionaryRow { instrument: *instrument, facts: rows.facts })
            .collect();
        let counts = sets.map(<[ScenarioSet]>::len);
        let lengths: Vec<usize> = sets.iter().flat_map(|sets| sets.iter().map(ScenarioSet::len)).collect();
        let matrices = lengths
            .par_iter()
            .enumerate()
            .map(|(set, length)| {
                let rows: Vec<&[i64]> = values.iter().map(|rows| rows.profits[set].as_slice()).collect();
                ScenarioMatrix::new(*length, &rows)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(ComputeError::new)?;
        let mut matrices = matrices.into_iter();
        let mut ready = |model: &Model, count: usize| {
            let own = matrices.by_ref().take(count).collect();
            PreparedModel::new(model, own, Arc::clone(&dictionary)).map_err(ComputeError::new)
        };
        let models = [ready(models[0], counts[0])?, ready(models[1], counts[1])?];
        let rows = instruments.iter().copied().zip(0..).collect();
        Ok(Self { models, market: Arc::clone(market), instruments: instruments.to_vec(), rows, values })
    }

    /// What is valued, to be taken by a larger dictionary.
    pub(super) fn known(&self) -> Known {
        self.instruments.iter().copied().zip(self.values.iter().cloned()).collect()
    }

    /// The market.
    pub(crate) fn market(&self) -> &Market {
        &self.market
    }

    /// The instruments, in the order of their rows.
    pub(crate) fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    /// Whether every instrument is valued.
    pub(crate) fn covers<'a>(&self, instruments: impl IntoIterator<Item = &'a Instrument>) -> bool {
        instruments.into_iter().all(|instrument| self.rows.contains_key(instrument))
    }

    /// The row of an instrument.
    pub(crate) fn row(&self, instrument: &Instrument) -> Option<u32> {
        self.rows.get(instrument).copied()
    }

    /// Holdings as the kernel takes them.
    ///
    /// # Errors
    /// An instrument that is not valued, or a quantity that is not whole in its units.
    pub(crate) fn positions(&self, holdings: &[Holding]) -> Result<Vec<Position>, ComputeError> {
        let position = |holding: &Holding| {
            let missing = || ComputeError::new(format!("{} has no scenario row", holding.instrument));
            let row = self.row(&holding.instrument).ok_or_else(missing)?;
            let units = kernel_units(&self.market, holding.instrument, holding.quantity);
            Ok(Position { row, units: units.map_err(ComputeError::new)? })
        };
        holdings.iter().map(position).collect()
    }

    /// For each row, the digest of the instrument's name and that of its name, units, facts and scenario rows.
    pub(super) fn digests(&self) -> Vec<(Digest, Digest)> {
        let units = |instrument: &Instrument| kernel_units(&self.market, *instrument, 100).unwrap_or_default();
        let of_row = |row: usize| {
            let instrument = &self.instruments[row];
            let name = Digest::of(instrument.to_string().as_bytes());
            let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 scenario rows of an instrument");
            hasher.update(name.as_bytes());
            hasher.update(&units(instrument).to_le_bytes());
            self.values[row].facts.hash_into(&mut hasher);
            for matrix in self.models.iter().flat_map(PreparedModel::matrices) {
                hasher.update(&matrix.row_digests()[row]);
            }
            (name, Digest(*hasher.finalize().as_bytes()))
        };
        (0..self.instruments.len()).map(of_row).collect()
    }
}

/// The values of instruments that are not taken from before.
fn value(
    models: [&Model; 2],
    market: &Market,
    sets: [&[ScenarioSet]; 2],
    instruments: &[Instrument],
    taken: Vec<Option<InstrumentRows>>,
) -> Result<Vec<InstrumentRows>, ComputeError> {
    let terms = models.iter().zip(sets).flat_map(|(model, sets)| model.terms().zip(sets));
    let terms: Vec<(Valuation, &ScenarioSet)> = terms.map(|((_, term), set)| (term.valuation, set)).collect();
    let table = SensitivityTable::new(market).map_err(ComputeError::new)?;
    let ways = terms
        .iter()
        .map(|(valuation, set)| {
            Ok(match valuation {
                Valuation::FullRevaluation => Way::Full(Revaluer::new(market, set)?),
                Valuation::Sensitivity => Way::Sensitivity(SensitivityRevaluer::new(&table, set)?),
            })
        })
        .collect::<Result<Vec<Way<'_>>, risk::revaluation::RevaluationError>>()
        .map_err(ComputeError::new)?;
    let one = |instrument: Instrument| -> Result<InstrumentRows, risk::revaluation::RevaluationError> {
        let facts = InstrumentFacts::of(table.revaluer(), instrument)?;
        let profits = if facts.is_proxied {
            // Margined by proxy: it neither gains nor loses in any scenario.
            terms.iter().map(|(_, set)| vec![0; set.len()]).collect()
        } else {
            ways.iter().map(|way| way.row(instrument)).collect::<Result<_, _>>()?
        };
        Ok(InstrumentRows { facts, profits })
    };
    let values = instruments.par_iter().zip(taken).map(|(instrument, taken)| taken.map_or_else(|| one(*instrument), Ok));
    values.collect::<Result<_, _>>().map_err(ComputeError::new)
}

/// How a term values instruments.
enum Way<'a> {
    Full(Revaluer<'a>),
    Sensitivity(SensitivityRevaluer<'a>),
}

impl Way<'_> {
    fn row(&self, instrument: Instrument) -> Result<Vec<i64>, risk::revaluation::RevaluationError> {
        match self {
            Self::Full(revaluer) => revaluer.row(instrument),
            Self::Sensitivity(revaluer) => revaluer.row(instrument),
        }
    }
}
