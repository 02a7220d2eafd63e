//! Margins of past days: today's positions in today's market, under the scenarios that the models had on another day,
//! and what the days after it made of them.

use std::sync::Arc;

use jiff::civil::Date;
use rayon::prelude::*;
use risk::{
    backtest::{TestDay, test_days},
    kernel::{Position, ScenarioMatrix},
    margin::{HouseMargins, LinkPositions},
    model::Model,
    money::Usd,
    revaluation::Revaluer,
    scenario::{ScenarioError, ScenarioRule, ScenarioSet, realised},
};

use super::{ComputeError, Computer, Job, Situation, Valued, leaves::BLOCK_LINKS, positions};
use crate::{arrangement::link::LinkTerms, market::Assembled};

/// Links with their positions, and the market and histories to value them from as of any day.
pub(crate) struct Past {
    assembled: Arc<Assembled>,
    business_date: Date,
    models: [Model; 2],
    /// The instruments as valued on the business date: their rows number those of every other day.
    today: Valued,
    /// In order of link.
    links: Vec<PastLink>,
}

/// One link.
pub(crate) struct PastLink {
    /// Its terms.
    pub(crate) terms: LinkTerms,
    positions: LinkPositions,
}

/// What the days after each test day would have made of one kernel unit of every instrument, under one house's rule.
pub(crate) struct Realised(ScenarioMatrix);

impl Computer {
    /// The links of a job that are wanted, in its market.
    ///
    /// # Errors
    /// What is missing or cannot be valued.
    pub(crate) fn past(&self, job: &Job, is_wanted: impl Fn(&LinkTerms) -> bool) -> Result<Past, ComputeError> {
        let books = positions::load_both(&*self.blobs, &job.manifests)?;
        let mut links = positions::links(&job.registry, &books, job.business_date);
        links.retain(|link| is_wanted(link.terms));
        let situation = self.situation(self.assembled(job)?, job.business_date)?;
        let today = situation.value(&positions::dictionary(&links))?;
        let links = links.iter().map(|link| {
            let leg = |holdings| today.positions(holdings);
            let positions = LinkPositions::new(leg(link.holdings.treasury)?, leg(link.holdings.futures)?);
            Ok(PastLink { terms: link.terms.clone(), positions })
        });
        let links = links.collect::<Result<_, ComputeError>>()?;
        let Situation { models, assembled, .. } = situation;
        Ok(Past { assembled, business_date: job.business_date, models, today, links })
    }
}

impl Past {
    /// The links, ascending.
    pub(crate) fn links(&self) -> &[PastLink] {
        &self.links
    }

    /// Both houses' models.
    pub(crate) fn models(&self) -> [&Model; 2] {
        self.models.each_ref()
    }

    /// Days over which a house's results are counted: the horizon of its model's first term.
    pub(crate) fn horizon(&self, house: usize) -> u16 {
        self.rule(house).map_or(0, |rule| rule.horizon_days)
    }

    /// The last `count` days whose results are known at both houses, ascending. The same days for both, so that the two
    /// can be read side by side.
    ///
    /// # Errors
    /// Histories too short for so many days, or for the scenarios of the first of them: how many can be tested.
    pub(crate) fn days(&self, count: usize) -> Result<Vec<TestDay>, ComputeError> {
        let error = match self.try_days(count) {
            Ok(days) => return Ok(days),
            Err(error) => error,
        };
        // Fewer days reach less far back: the most that can be tested lies where trying begins to fail.
        let (mut most, mut failing) = (0, count);
        while most + 1 < failing {
            let middle = most + (failing - most) / 2;
            if self.try_days(middle).is_ok() { most = middle } else { failing = middle }
        }
        let advice = if most == 0 { "no day can be tested".to_owned() } else { format!("{most} days can be tested") };
        Err(ComputeError::new(format!("{advice}, not {count}: {error}")))
    }

    fn try_days(&self, count: usize) -> Result<Vec<TestDay>, ComputeError> {
        let horizon = self.horizon(0).max(self.horizon(1));
        let days = test_days(&self.assembled.curve_history, self.business_date, count, horizon);
        let days = days.map_err(ComputeError::new)?;
        if let Some(first) = days.first() {
            self.situation(first.date).map_err(|error| of_day(first.date, &error))?;
        }
        Ok(days)
    }

    /// Each house's combined core margin of links under the scenarios of a day, in the order of the links.
    ///
    /// # Errors
    /// Histories that do not give a model's scenarios as of the day, or values out of range in them.
    pub(crate) fn margins(&self, date: Date, links: &[PastLink]) -> Result<Vec<[Usd; 2]>, ComputeError> {
        let of_day = |error: ComputeError| of_day(date, &error);
        let valued = self.situation(date)?.value(self.today.instruments()).map_err(of_day)?;
        let blocks = links.par_chunks(BLOCK_LINKS).map(|block| {
            let positions: Vec<LinkPositions> = block.iter().map(|link| link.positions.clone()).collect();
            let of_house = |house: usize| valued.models[house].margins(&positions).map_err(ComputeError::new);
            let combined = |(one, other): (HouseMargins, HouseMargins)| [one.combined, other.combined];
            Ok(of_house(0)?.into_iter().zip(of_house(1)?).map(combined).collect())
        });
        let blocks = blocks.collect::<Result<Vec<Vec<_>>, ComputeError>>().map_err(of_day)?;
        Ok(blocks.into_iter().flatten().collect())
    }

    /// The moves that came true after each of the days, over a house's horizon, and every instrument revalued in full
    /// in them: neither filtered nor scaled, with the spreads' part where the model's first term has one.
    ///
    /// # Errors
    /// Gaps of the histories that the rule does not allow, or values out of range.
    pub(crate) fn realised(&self, house: usize, days: &[TestDay]) -> Result<Realised, ComputeError> {
        let rule = self.rule(house).ok_or_else(|| ComputeError::new("a model without a term"))?;
        let set = self.moves(rule, days).map_err(ComputeError::new)?;
        let revaluer = Revaluer::new(self.today.market(), &set).map_err(ComputeError::new)?;
        let row = |instrument| {
            // Margined by proxy: it neither gains nor loses.
            let is_proxied = |row: u32| self.today.models[house].dictionary()[row as usize].facts.is_proxied;
            if self.today.row(instrument).is_some_and(is_proxied) {
                Ok(vec![0; set.len()])
            } else {
                revaluer.row(*instrument)
            }
        };
        let rows = self.today.instruments().par_iter().map(row).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(ComputeError::new)?;
        ScenarioMatrix::new(set.len(), &rows).map(Realised).map_err(ComputeError::new)
    }

    /// Bytes that the valuation of one day holds at its height, about: every row in 64 bits and, laid out, in 32.
    pub(crate) fn day_bytes(&self) -> usize {
        let matrices = self.today.models.iter().flat_map(|model| model.matrices());
        matrices.map(|matrix| matrix.rows() * matrix.scenarios() * 12).sum()
    }

    fn situation(&self, date: Date) -> Result<Situation, ComputeError> {
        Situation::new(self.models(), Arc::clone(&self.assembled), date)
    }

    fn rule(&self, house: usize) -> Option<&ScenarioRule> {
        self.models[house].terms().next().map(|(_, term)| &term.scenarios)
    }

    /// One scenario a day.
    fn moves(&self, rule: &ScenarioRule, days: &[TestDay]) -> Result<ScenarioSet, ScenarioError> {
        let Assembled { curve_history, overnight_history, .. } = &*self.assembled;
        let horizon = usize::from(rule.horizon_days);
        let moves = days
            .iter()
            .map(|day| realised(curve_history, Some(overnight_history), rule, day.index, day.index + horizon));
        let mut moves = moves.collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut all = moves.next().unwrap_or_else(ScenarioSet::none);
        moves.for_each(|next| all.append(next));
        Ok(all)
    }
}

impl Realised {
    /// The P&L of a link over the horizon after each day, in their order; a loss is negative.
    ///
    /// # Errors
    /// Positions beyond any real book.
    pub(crate) fn profits(&self, link: &PastLink) -> Result<Vec<Usd>, ComputeError> {
        let legs = link.positions.legs();
        let both: Vec<Position> = legs.first.iter().chain(legs.second).copied().collect();
        let profits = self.0.vector(&both).map_err(ComputeError::new)?;
        Ok(profits.into_iter().map(Usd::from_units).collect())
    }
}

fn of_day(date: Date, error: &ComputeError) -> ComputeError {
    ComputeError::new(format!("as of {date}: {error}"))
}
