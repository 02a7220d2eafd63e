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
    revaluation::{RevaluationError, Revaluer, kernel_units},
    scenario::ScenarioSet,
    sensitivity::{Differences, Sensitivities, SensitivityRevaluer},
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

    /// Lends what is valued of some instruments to another dictionary.
    pub(super) fn lend(&self, instruments: &[Instrument], to: &mut Known) {
        for instrument in instruments {
            if let Some(row) = self.row(instrument) {
                to.entry(*instrument).or_insert_with(|| self.values[row as usize].clone());
            }
        }
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

    /// What was valued otherwise than its price says, for a reader: what is margined by proxy, and futures whose basket
    /// lacks deliverables without a price.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = String> {
        let business_date = self.market.business_date();
        let rows = self.instruments.iter().zip(&self.values);
        let proxied = rows.filter(|(_, rows)| rows.facts.is_proxied).map(move |(instrument, _)| {
            format!(
                "{instrument} has no price on {business_date}: it is margined by proxy, a share of its face that nothing \
                 offsets"
            )
        });
        let futures = self.instruments.iter().filter_map(|instrument| match instrument {
            Instrument::Future(contract) => Some((instrument, self.market.future(*contract)?)),
            _ => None,
        });
        let incomplete = futures.filter(|(_, future)| !future.unpriced_deliverables.is_empty());
        proxied.chain(incomplete.map(|(instrument, future)| {
            let left_out: Vec<String> = future.unpriced_deliverables.iter().map(ToString::to_string).collect();
            format!("{instrument} is valued without deliverable issues that have no price: {}", left_out.join(", "))
        }))
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
    let ways = terms.map(|((_, term), set)| Way::new(term.valuation, market, set)).collect::<Result<Vec<_>, _>>();
    let ways = ways.map_err(ComputeError::new)?;
    let facts = Revaluer::without_scenarios(market);
    let differences = Differences::new(market);
    let one = |instrument: Instrument| {
        let facts = InstrumentFacts::of(&facts, instrument)?;
        if facts.is_proxied {
            // Margined by proxy: it neither gains nor loses in any scenario.
            return Ok(InstrumentRows { facts, profits: ways.iter().map(|way| vec![0; way.scenarios()]).collect() });
        }
        let is_expanded = ways.iter().any(|way| matches!(way, Way::Sensitivity(..)));
        let sensitivities = is_expanded.then(|| differences.of(instrument)).transpose()?;
        let profits = ways.iter().map(|way| way.row(instrument, sensitivities.as_ref())).collect::<Result<_, _>>()?;
        Ok::<_, RevaluationError>(InstrumentRows { facts, profits })
    };
    let values =
        instruments.par_iter().zip(taken).map(|(instrument, taken)| taken.map_or_else(|| one(*instrument), Ok));
    values.collect::<Result<_, _>>().map_err(ComputeError::new)
}

/// How a term values instruments, and over how many scenarios.
enum Way<'a> {
    Full(Revaluer<'a>, usize),
    Sensitivity(SensitivityRevaluer<'a>, usize),
}

impl<'a> Way<'a> {
    fn new(valuation: Valuation, market: &'a Market, set: &'a ScenarioSet) -> Result<Self, RevaluationError> {
        Ok(match valuation {
            Valuation::FullRevaluation => Self::Full(Revaluer::new(market, set)?, set.len()),
            Valuation::Sensitivity => Self::Sensitivity(SensitivityRevaluer::new(market, set)?, set.len()),
        })
    }

    fn scenarios(&self) -> usize {
        match self {
            Self::Full(_, scenarios) | Self::Sensitivity(_, scenarios) => *scenarios,
        }
    }

    fn row(&self, instrument: Instrument, sensitivities: Option<&Sensitivities>) -> Result<Vec<i64>, RevaluationError> {
        match (self, sensitivities) {
            (Self::Full(revaluer, _), _) => revaluer.row(instrument),
            (Self::Sensitivity(revaluer, _), Some(sensitivities)) => revaluer.row_of(sensitivities),
            (Self::Sensitivity(revaluer, _), None) => revaluer.row(instrument),
        }
    }
}
