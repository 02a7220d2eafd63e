//! The market of a business date made ready: every instrument's scenario P&L under both models.

use std::collections::HashMap;

use jiff::civil::Date;
use rayon::prelude::*;
use risk::{
    instrument::Instrument,
    kernel::{Position, ScenarioMatrix},
    margin::PreparedModel,
    model::Model,
    revaluation::{Revaluer, kernel_units},
    scenario::ScenarioSet,
};

use super::ComputeError;
use crate::{
    arrangement::{
        digest::Digest,
        evidence::MarketManifest,
        leg::{Leg, Pair},
    },
    book::Holding,
    market::{Assembled, Items, histories},
};

/// What a preparation depends on beside the instruments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    business_date: Date,
    items: Vec<(i32, Digest)>,
}

/// The market made ready.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) key: Key,
    /// Digest of terms, prices, curve and fixings.
    pub(super) prices: Digest,
    /// Digest of the scenarios of both models.
    pub(super) scenarios: Digest,
    pub(super) models: [PreparedModel; 2],
    assembled: Assembled,
    sets: [Vec<ScenarioSet>; 2],
    instruments: Vec<Instrument>,
    rows: HashMap<Instrument, u32>,
    /// For each row: digest of the instrument's name, digest of its rows.
    digests: Vec<(Digest, Digest)>,
    /// P&L by instrument, then by scenario set of both models in order.
    profits: Vec<Vec<Vec<i64>>>,
}

impl Key {
    pub(super) fn new(business_date: Date, markets: Pair<Option<&MarketManifest>>) -> Self {
        let items = markets.iter().flat_map(|(_, manifest)| manifest.iter().flat_map(|m| &m.items));
        Self { business_date, items: items.map(|item| (i32::from(item.kind), item.digest)).collect() }
    }
}

impl Prepared {
    pub(super) fn new(
        models: &[Model; 2],
        key: Key,
        items: &Items,
        markets: Pair<Option<&MarketManifest>>,
        instruments: &[Instrument],
    ) -> Result<Self, ComputeError> {
        let business_date = key.business_date;
        let assembled = items.assemble(business_date).map_err(ComputeError::new)?;
        let sets = |model: &Model| {
            model.scenario_sets(&assembled.curve_history, Some(&assembled.overnight_history), business_date)
        };
        let sets = [sets(&models[0]).map_err(ComputeError::new)?, sets(&models[1]).map_err(ComputeError::new)?];
        let prices = digest_of_prices(&assembled, business_date, markets);
        Self::of(models, key, prices, assembled, sets, instruments, HashMap::new())
    }

    /// The same market with more instruments.
    pub(super) fn extended(&self, models: &[Model; 2], instruments: &[Instrument]) -> Result<Self, ComputeError> {
        let known = self.instruments.iter().zip(&self.profits).map(|(instrument, rows)| (*instrument, rows.clone()));
        let known: HashMap<_, _> = known.collect();
        let mut all: Vec<Instrument> = self.instruments.iter().chain(instruments).copied().collect();
        all.sort_unstable();
        all.dedup();
        let (assembled, sets) = (self.assembled.clone(), self.sets.clone());
        Self::of(models, self.key.clone(), self.prices, assembled, sets, &all, known)
    }

    fn of(
        models: &[Model; 2],
        key: Key,
        prices: Digest,
        assembled: Assembled,
        sets: [Vec<ScenarioSet>; 2],
        instruments: &[Instrument],
        mut known: HashMap<Instrument, Vec<Vec<i64>>>,
    ) -> Result<Self, ComputeError> {
        let all_sets: Vec<&ScenarioSet> = sets.iter().flatten().collect();
        let revaluers = all_sets
            .iter()
            .map(|set| Revaluer::new(&assembled.market, set))
            .collect::<Result<Vec<_>, _>>()
            .map_err(ComputeError::new)?;
        let taken: Vec<Option<Vec<Vec<i64>>>> = instruments.iter().map(|i| known.remove(i)).collect();
        let profits: Vec<Vec<Vec<i64>>> = instruments
            .par_iter()
            .zip(taken)
            .map(|(instrument, taken)| match taken {
                Some(rows) => Ok(rows),
                None => revaluers.iter().map(|revaluer| revaluer.row(*instrument)).collect(),
            })
            .collect::<Result<_, _>>()
            .map_err(ComputeError::new)?;
        drop(revaluers);
        let matrices = (0..all_sets.len())
            .into_par_iter()
            .map(|set| {
                let rows: Vec<&[i64]> = profits.iter().map(|rows| rows[set].as_slice()).collect();
                ScenarioMatrix::new(all_sets[set].len(), &rows)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(ComputeError::new)?;
        let units = |instrument: &Instrument| kernel_units(&assembled.market, *instrument, 100).unwrap_or_default();
        let digests = (0..instruments.len()).map(|row| {
            let name = Digest::of(instruments[row].to_string().as_bytes());
            let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 scenario rows of an instrument");
            hasher.update(name.as_bytes());
            hasher.update(&units(&instruments[row]).to_le_bytes());
            for matrix in &matrices {
                hasher.update(&matrix.row_digests()[row]);
            }
            (name, Digest(*hasher.finalize().as_bytes()))
        });
        let digests = digests.collect();
        let scenarios = all_sets.iter().map(|set| set.digest()).collect::<Vec<_>>();
        let scenarios =
            Digest::of_parts("crossmargin 2026 scenarios of a claim", scenarios.iter().map(<[u8; 32]>::as_slice));
        let mut matrices = matrices.into_iter();
        let mut take = |leg: Leg| {
            let own = matrices.by_ref().take(sets[leg.index()].len()).collect();
            PreparedModel::new(&models[leg.index()], own).map_err(ComputeError::new)
        };
        let prepared_models = [take(Leg::Treasury)?, take(Leg::Futures)?];
        let rows = instruments.iter().copied().zip(0..).collect();
        Ok(Self {
            key,
            prices,
            scenarios,
            models: prepared_models,
            assembled,
            sets,
            instruments: instruments.to_vec(),
            rows,
            digests,
            profits,
        })
    }

    /// Whether every instrument is ready.
    pub(super) fn covers(&self, instruments: &[Instrument]) -> bool {
        instruments.iter().all(|instrument| self.rows.contains_key(instrument))
    }

    /// The row of an instrument.
    pub(super) fn row(&self, instrument: &Instrument) -> Option<u32> {
        self.rows.get(instrument).copied()
    }

    /// Digest of what an instrument makes in every scenario, with its name.
    pub(super) fn instrument_digest(&self, row: u32) -> Digest {
        self.digests[row as usize].1
    }

    /// Digest of an instrument's name.
    pub(super) fn name_digest(&self, instrument: &Instrument) -> Digest {
        let known = self.row(instrument).map(|row| self.digests[row as usize].0);
        known.unwrap_or_else(|| Digest::of(instrument.to_string().as_bytes()))
    }

    /// Holdings as the kernel takes them.
    pub(super) fn positions(&self, holdings: &[Holding]) -> Result<Vec<Position>, ComputeError> {
        let position = |holding: &Holding| {
            let missing = || ComputeError::new(format!("{} has no scenario row", holding.instrument));
            let row = self.row(&holding.instrument).ok_or_else(missing)?;
            let units = kernel_units(&self.assembled.market, holding.instrument, holding.quantity);
            Ok(Position { row, units: units.map_err(ComputeError::new)? })
        };
        holdings.iter().map(position).collect()
    }
}

/// Digest of terms, prices, curve and fixings: of everything but the days of the curve's history before the newest.
fn digest_of_prices(assembled: &Assembled, business_date: Date, markets: Pair<Option<&MarketManifest>>) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("crossmargin 2026 prices of a claim");
    hasher.update(business_date.to_string().as_bytes());
    let items = markets.iter().flat_map(|(_, manifest)| manifest.iter().flat_map(|m| &m.items));
    for item in items.filter(|item| item.kind != crossmargin::v1::MarketItemKind::CurveHistory) {
        hasher.update(&i32::from(item.kind).to_le_bytes());
        hasher.update(item.digest.as_bytes());
    }
    for (tenor, value) in histories::par_curve(&assembled.curve_history, business_date) {
        hasher.update(&tenor.0.to_le_bytes());
        hasher.update(&value.map_or(i64::MIN, risk::fixed::Fixed8::units).to_le_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}
