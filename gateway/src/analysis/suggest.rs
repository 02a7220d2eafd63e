//! Suggestions of futures positions: what to add, and how much of what is held elsewhere to direct into the account.

use std::{cmp::Reverse, collections::BTreeMap};

use crossmargin::v1::{self, ChangeKind};
use rayon::prelude::*;
use risk::{
    hedge,
    instrument::Instrument,
    kernel::Position,
    margin::{JointMargin, LinkPositions},
    money::Usd,
    revaluation::kernel_units,
    sensitivity::Differences,
};

use super::{
    AnalysisError, Analyst,
    changes::{Admissible, CHANGES_MAX, check_quantity},
    figures::{joint, total, usd},
    trial::Trial,
};
use crate::{
    compute::ComputeError,
    market::reference::CONTRACTS_MAX,
    problem::{Collector, Problems},
    reading::Visibility,
};

/// Suggestions of each kind where no number is asked for.
const SUGGESTIONS_DEFAULT: usize = 5;

/// A future to look at, with what is held of it outside the account; 0 for one that may be added.
struct Candidate {
    instrument: Instrument,
    row: u32,
    /// Kernel units of a contract.
    point_value: i64,
    held: i64,
}

/// A quantity of a candidate that frees margin.
struct Found {
    instrument: Instrument,
    contracts: i64,
    after: JointMargin,
    freed: Usd,
}

impl Analyst {
    /// Suggests futures positions.
    ///
    /// # Errors
    /// As [`Self::try_positions`], or candidates that cannot be read.
    pub(crate) fn suggest_futures(
        &self,
        request: &v1::SuggestFuturesRequest,
        visibility: &Visibility,
    ) -> Result<v1::SuggestFuturesResponse, AnalysisError> {
        let count = match usize::try_from(request.suggestion_count) {
            Ok(0) => SUGGESTIONS_DEFAULT,
            Ok(count) => count,
            Err(_) => return Err(Problems::one("suggestion_count", "is negative").into()),
        };
        let positions = request.positions.as_ref();
        let positions = positions.ok_or_else(|| Problems::one("positions", "are missing: what to start from"))?;
        let (mut added, mut held) = (Vec::new(), BTreeMap::new());
        let trial = self.trial(positions, "positions.", visibility, |admissible| {
            (added, held) = read_candidates(request, admissible)?;
            Ok(added.iter().chain(held.keys()).copied().collect())
        })?;
        let (_, start) = self.margins_of(&trial)?;
        let search = Search { analyst: self, link: trial.after.positions(&trial.valued)?, trial: &trial, start };

        let additions = search.additions(&added)?;
        let directions = search.directions(&held)?;
        let best = |found: Vec<Found>| found.into_iter().take(count).map(suggestion).collect();
        Ok(v1::SuggestFuturesResponse {
            business_date: trial.business_date(),
            before: Some(joint(&search.start)),
            additions: best(additions),
            directions: best(directions),
        })
    }
}

/// A search over one link.
struct Search<'a> {
    analyst: &'a Analyst,
    trial: &'a Trial,
    /// The positions to start from.
    link: LinkPositions,
    /// What they require.
    start: JointMargin,
}

impl Search<'_> {
    /// New positions that lower what both houses require, the one that frees most first.
    fn additions(&self, futures: &[Instrument]) -> Result<Vec<Found>, AnalysisError> {
        let (net, gross, differences) = self.link_dv01()?;
        let found = futures.par_iter().map(|&future| {
            let candidate = self.candidate(future, 0)?;
            let per_unit = differences.of(future).map_err(ComputeError::new)?.dv01();
            #[expect(clippy::cast_precision_loss, reason = "some thousand USD a point")]
            let scale = hedge::scale(net, gross, per_unit * candidate.point_value as f64, CONTRACTS_MAX);
            self.least(&candidate, &hedge::grid(scale, CONTRACTS_MAX), total(&self.start), |_| Ok(Costs::None))
        });
        Self::sorted(found.collect::<Result<_, _>>()?)
    }

    /// Parts of positions held elsewhere that are better held in the account, the one that frees most first. Each is
    /// looked at alone, with all others where they are.
    fn directions(&self, held: &BTreeMap<Instrument, i64>) -> Result<Vec<Found>, AnalysisError> {
        let positions = held.iter().map(|(&instrument, &held)| {
            let candidate = self.candidate(instrument, held)?;
            let units = held.checked_mul(candidate.point_value).ok_or_else(|| out_of_range(instrument))?;
            Ok((candidate, units))
        });
        let positions = positions.collect::<Result<Vec<_>, AnalysisError>>()?;
        let outside: Vec<Position> =
            positions.iter().map(|(candidate, units)| Position { row: candidate.row, units: *units }).collect();
        let outside = LinkPositions::new(Vec::new(), outside);
        let whole = self.alone(std::slice::from_ref(&outside))?;
        let before = total(&self.start).saturating_add(whole[0]);
        let found = positions.par_iter().map(|(candidate, _)| {
            self.least(candidate, &hedge::parts(candidate.held), before, |quantities| {
                let left = quantities.iter().map(|quantity| {
                    let units = -candidate.units(*quantity)?;
                    Ok(outside.with_second(Position { row: candidate.row, units }))
                });
                self.alone(&left.collect::<Result<Vec<_>, AnalysisError>>()?).map(Costs::Each)
            })
        });
        Self::sorted(found.collect::<Result<_, _>>()?)
    }

    /// The quantity of a candidate that costs least: what both houses require of the link with it, and what `elsewhere`
    /// says of it. `None` where nothing is freed.
    fn least(
        &self,
        candidate: &Candidate,
        grid: &[i64],
        before: Usd,
        elsewhere: impl Fn(&[i64]) -> Result<Costs, AnalysisError>,
    ) -> Result<Option<Found>, AnalysisError> {
        let choice = hedge::least(grid, |quantities| {
            let elsewhere = elsewhere(quantities)?;
            let margins = self.with(candidate, quantities)?;
            let costs = margins.iter().enumerate().map(|(at, margin)| total(margin).saturating_add(elsewhere.at(at)));
            Ok::<_, AnalysisError>(costs.collect())
        })?;
        let Some(choice) = choice else { return Ok(None) };
        let freed = before.saturating_sub(choice.cost);
        if freed <= Usd::ZERO {
            return Ok(None);
        }
        let after = self.with(candidate, &[choice.quantity])?.into_iter().next();
        Ok(after.map(|after| Found { instrument: candidate.instrument, contracts: choice.quantity, after, freed }))
    }

    /// The link's margins with each of several quantities of a candidate.
    fn with(&self, candidate: &Candidate, quantities: &[i64]) -> Result<Vec<JointMargin>, AnalysisError> {
        let links = quantities.iter().map(|quantity| {
            Ok(self.link.with_second(Position { row: candidate.row, units: candidate.units(*quantity)? }))
        });
        let links = links.collect::<Result<Vec<_>, AnalysisError>>()?;
        Ok(self.analyst.context.computer.joint_of(&self.trial.valued, &links, self.trial.cap)?)
    }

    /// What the futures house requires of futures portfolios outside the account: core and charges, each rounded up to
    /// the cent as it charges them.
    fn alone(&self, portfolios: &[LinkPositions]) -> Result<Vec<Usd>, AnalysisError> {
        let model = &self.trial.valued.models[1];
        let margins = model.margins(portfolios).map_err(ComputeError::new)?;
        let required = portfolios.iter().zip(margins).map(|(portfolio, margins)| {
            let charges = model.outside(portfolio.legs().second).map_err(ComputeError::new)?;
            Ok(margins.second_leg_alone.ceil_to_cent().saturating_add(charges.ceil_to_cent()))
        });
        required.collect()
    }

    fn candidate(&self, instrument: Instrument, held: i64) -> Result<Candidate, AnalysisError> {
        let valued = &self.trial.valued;
        let row = valued.row(&instrument);
        let row = row.ok_or_else(|| ComputeError::new(format!("{instrument} has no scenario row")))?;
        let point_value = kernel_units(valued.market(), instrument, 1).map_err(ComputeError::new)?;
        Ok(Candidate { instrument, row, point_value, held })
    }

    /// The sensitivity of the link to the whole curve, net and gross, in USD a basis point.
    fn link_dv01(&self) -> Result<(f64, f64, Differences<'_>), AnalysisError> {
        let valued = &self.trial.valued;
        let dictionary = valued.models[0].dictionary();
        let differences = Differences::new(valued.market());
        let (mut net, mut gross) = (0.0, 0.0);
        let legs = self.link.legs();
        for position in legs.first.iter().chain(legs.second) {
            let row = &dictionary[position.row as usize];
            if row.facts.is_proxied {
                continue;
            }
            let per_unit = differences.of(row.instrument).map_err(ComputeError::new)?.dv01();
            #[expect(clippy::cast_precision_loss, reason = "a scale for a grid")]
            let dv01 = per_unit * position.units as f64;
            net += dv01;
            gross += dv01.abs();
        }
        Ok((net, gross, differences))
    }

    /// What frees most first; of equals the first by instrument.
    fn sorted(found: Vec<Option<Found>>) -> Result<Vec<Found>, AnalysisError> {
        let mut found: Vec<Found> = found.into_iter().flatten().collect();
        found.sort_by_key(|found| (Reverse(found.freed), found.instrument));
        Ok(found)
    }
}

/// What a quantity costs outside the account.
enum Costs {
    /// Nothing.
    None,
    /// Each its own.
    Each(Vec<Usd>),
}

impl Costs {
    fn at(&self, place: usize) -> Usd {
        match self {
            Self::None => Usd::ZERO,
            Self::Each(costs) => costs.get(place).copied().unwrap_or_default(),
        }
    }
}

impl Candidate {
    fn units(&self, quantity: i64) -> Result<i64, AnalysisError> {
        quantity.checked_mul(self.point_value).ok_or_else(|| out_of_range(self.instrument))
    }
}

fn out_of_range(instrument: Instrument) -> AnalysisError {
    ComputeError::new(format!("the quantity of {instrument} is out of range")).into()
}

fn suggestion(found: Found) -> v1::FuturesSuggestion {
    v1::FuturesSuggestion {
        instrument: found.instrument.to_string(),
        contracts: found.contracts,
        after: Some(joint(&found.after)),
        freed: usd(found.freed),
    }
}

/// The futures that may be added, and what is held elsewhere.
fn read_candidates(
    request: &v1::SuggestFuturesRequest,
    admissible: &Admissible<'_>,
) -> Result<(Vec<Instrument>, BTreeMap<Instrument, i64>), Problems> {
    for (field, count) in [("candidates", request.candidates.len()), ("directable", request.directable.len())] {
        if count > CHANGES_MAX {
            return Err(Problems::one(field, format!("{count} were given, at most {CHANGES_MAX} are possible")));
        }
    }
    let mut problems = Collector::default();
    let mut added: Vec<Instrument> = Vec::new();
    for (place, text) in request.candidates.iter().enumerate() {
        added.extend(problems.check(|| format!("candidates[{place}]"), future(text, admissible)));
    }
    added.sort_unstable();
    added.dedup();
    if request.candidates.is_empty() {
        added = admissible.futures();
    }
    let mut held = BTreeMap::new();
    for (place, change) in request.directable.iter().enumerate() {
        let field = |name: &str| format!("directable[{place}].{name}");
        if !matches!(ChangeKind::try_from(change.kind), Ok(ChangeKind::Unspecified | ChangeKind::Add)) {
            problems.add(field("kind"), "leave it out or say ADD: what is held elsewhere is a quantity");
        }
        let Some(future) = problems.check(|| field("instrument"), future(&change.instrument, admissible)) else {
            continue;
        };
        problems.check(|| field("quantity"), check_quantity(&future, change.quantity));
        if held.insert(future, change.quantity).is_some() {
            problems.add(field("instrument"), format!("{future} is there twice: give its sum"));
        }
    }
    problems.finish((added, held))
}

fn future(text: &str, admissible: &Admissible<'_>) -> Result<Instrument, String> {
    let instrument: Instrument = text.parse().map_err(|error| format!("{error}"))?;
    if !matches!(instrument, Instrument::Future(_)) {
        return Err(format!("{instrument} is no future: FUT:<product>:<month> is needed"));
    }
    admissible.check(&instrument).map(|()| instrument)
}
