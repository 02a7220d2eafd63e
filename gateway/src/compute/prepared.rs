//! The market of a business date made ready: every instrument's scenario P&L under both models, and what it is known by.

use std::sync::Arc;

use jiff::civil::Date;
use risk::{
    exposure::InstrumentFacts, instrument::Instrument, model::Model, revaluation::Revaluer, scenario::ScenarioSet,
};

use super::{
    ComputeError,
    valuation::{Known, Valued},
};
use crate::{
    arrangement::{digest::Digest, evidence::MarketManifest, leg::Pair},
    market::{Assembled, Items, histories},
};

/// What a preparation depends on beside the instruments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    business_date: Date,
    items: Vec<(i32, Digest)>,
    models: [[u8; 32]; 2],
}

/// A market with the scenarios of both houses' models: everything that instruments are valued from.
#[derive(Clone, Debug)]
pub(crate) struct Situation {
    /// Both houses' models.
    pub(crate) models: [Model; 2],
    /// The market and the histories.
    pub(crate) assembled: Arc<Assembled>,
    /// The scenario sets of each model's terms.
    pub(crate) sets: [Arc<Vec<ScenarioSet>>; 2],
}

/// The market made ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(super) key: Key,
    /// Digest of terms, prices, curve and fixings.
    pub(super) prices: Digest,
    /// Digest of the scenarios of both models.
    pub(super) scenarios: Digest,
    situation: Arc<Situation>,
    valued: Arc<Valued>,
    /// For each row: digest of the instrument's name, digest of its rows.
    digests: Vec<(Digest, Digest)>,
}

impl Key {
    pub(super) fn new(business_date: Date, markets: Pair<Option<&MarketManifest>>, models: [&Model; 2]) -> Self {
        let items = markets.iter().flat_map(|(_, manifest)| manifest.iter().flat_map(|m| &m.items));
        Self {
            business_date,
            items: items.map(|item| (i32::from(item.kind), item.digest)).collect(),
            models: models.map(Model::digest),
        }
    }

    /// Whether it is that of a market: the models follow from the date.
    pub(super) fn is_of(&self, business_date: Date, markets: Pair<Option<&MarketManifest>>) -> bool {
        let items = markets.iter().flat_map(|(_, manifest)| manifest.iter().flat_map(|m| &m.items));
        let items = items.map(|item| (i32::from(item.kind), item.digest));
        self.business_date == business_date && self.items.iter().copied().eq(items)
    }
}

impl Situation {
    /// The scenarios of models in a market's histories.
    ///
    /// # Errors
    /// Histories that do not give a model's scenarios.
    pub(crate) fn new(
        models: [&Model; 2],
        assembled: Arc<Assembled>,
        business_date: Date,
    ) -> Result<Self, ComputeError> {
        let sets = |model: &Model| {
            let sets = model.scenario_sets(&assembled.curve_history, Some(&assembled.overnight_history), business_date);
            sets.map(Arc::new).map_err(ComputeError::new)
        };
        Ok(Self { sets: [sets(models[0])?, sets(models[1])?], models: models.map(Clone::clone), assembled })
    }

    /// Those of some instruments that cannot be valued here, each with the reason.
    pub(crate) fn unvalued(&self, instruments: &[Instrument]) -> Vec<(Instrument, String)> {
        let market = &*self.assembled.market;
        let revaluer = Revaluer::without_scenarios(market);
        let has_proxy = self.models.iter().all(|model| model.margin_proxy.is_some());
        let reason = |instrument: Instrument| match InstrumentFacts::of(&revaluer, instrument) {
            Err(error) => Some(error.to_string()),
            Ok(facts) if facts.is_proxied && !has_proxy => Some(format!("{instrument} has no price")),
            Ok(_) => None,
        };
        instruments.iter().filter_map(|instrument| Some((*instrument, reason(*instrument)?))).collect()
    }

    /// Values instruments.
    ///
    /// # Errors
    /// The first that cannot be valued.
    pub(crate) fn value(&self, instruments: &[Instrument]) -> Result<Valued, ComputeError> {
        self.value_with(instruments, Known::new())
    }

    pub(super) fn value_with(&self, instruments: &[Instrument], known: Known) -> Result<Valued, ComputeError> {
        let sets = self.sets.each_ref().map(|sets| sets.as_slice());
        Valued::new(self.models.each_ref(), &self.assembled.market, sets, instruments, known)
    }
}

impl Prepared {
    pub(super) fn new(
        models: [&Model; 2],
        key: Key,
        items: &Items,
        markets: Pair<Option<&MarketManifest>>,
        instruments: &[Instrument],
    ) -> Result<Self, ComputeError> {
        let business_date = key.business_date;
        let assembled = Arc::new(items.assemble(business_date).map_err(ComputeError::new)?);
        let prices = digest_of_prices(&assembled, business_date, markets);
        let situation = Arc::new(Situation::new(models, assembled, business_date)?);
        Self::of(key, prices, situation, instruments, Known::new())
    }

    /// The same market with more instruments.
    pub(super) fn extended(&self, instruments: &[Instrument]) -> Result<Self, ComputeError> {
        let mut all: Vec<Instrument> = self.valued.instruments().iter().chain(instruments).copied().collect();
        all.sort_unstable();
        all.dedup();
        Self::of(self.key.clone(), self.prices, Arc::clone(&self.situation), &all, self.valued.known())
    }

    fn of(
        key: Key,
        prices: Digest,
        situation: Arc<Situation>,
        instruments: &[Instrument],
        known: Known,
    ) -> Result<Self, ComputeError> {
        let valued = Arc::new(situation.value_with(instruments, known)?);
        let sets = situation.sets.iter().flat_map(|sets| sets.iter());
        let scenarios = sets.map(ScenarioSet::digest).collect::<Vec<_>>();
        let scenarios =
            Digest::of_parts("crossmargin 2026 scenarios of a claim", scenarios.iter().map(<[u8; 32]>::as_slice));
        Ok(Self { key, prices, scenarios, digests: valued.digests(), situation, valued })
    }

    /// The instruments, valued.
    pub(crate) fn valued(&self) -> &Valued {
        &self.valued
    }

    /// What instruments are valued from, to keep.
    pub(super) fn shared_situation(&self) -> Arc<Situation> {
        Arc::clone(&self.situation)
    }

    /// The instruments, valued, to keep.
    pub(super) fn shared_values(&self) -> Arc<Valued> {
        Arc::clone(&self.valued)
    }

    /// Whether every instrument is ready.
    pub(super) fn covers(&self, instruments: &[Instrument]) -> bool {
        self.valued.covers(instruments)
    }

    /// The row of an instrument.
    pub(super) fn row(&self, instrument: &Instrument) -> Option<u32> {
        self.valued.row(instrument)
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
