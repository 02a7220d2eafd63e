//! Margins along a path of stressed days.

use std::sync::Arc;

use crossmargin::v1;
use risk::{
    history::HistoryProblems,
    kernel::Position,
    margin::JointMargin,
    market::MarketProblems,
    money::Usd,
    path::{DayMove, Path, PathError},
    scenario::Tenor,
};

use super::{
    AnalysisError, Analyst,
    figures::{joint, usd},
    trial::Trial,
};
use crate::{
    compute::{ComputeError, Situation, Valued},
    market::Assembled,
    problem::{Collector, Problems},
    reading::Visibility,
};

/// Days of a path, at most.
pub(crate) const DAYS_MAX: usize = 60;
/// The largest move of a day, basis points: ten percentage points.
const MOVE_BP_MAX: f64 = 1_000.0;
/// Units of a rate, 1e-4 per cent, in a basis point.
const UNITS_PER_BP: f64 = 100.0;

impl Analyst {
    /// Tries positions along a path of stressed days. It ends early where it shall not go on.
    ///
    /// # Errors
    /// As [`Self::try_positions`], a path that cannot be read, or [`AnalysisError::Gone`].
    pub(crate) fn try_path(
        &self,
        request: &v1::TryPathRequest,
        visibility: &Visibility,
        goes_on: impl Fn() -> bool,
    ) -> Result<v1::TryPathResponse, AnalysisError> {
        let days = read_days(&request.days)?;
        let positions = request.positions.as_ref();
        let positions = positions.ok_or_else(|| Problems::one("positions", "are missing: what is to be tried"))?;
        let trial = self.trial(positions, "positions.", visibility, |_| Ok(Vec::new()))?;
        let start = &trial.market.situation().assembled;
        let path = Path::new(&start.market, &start.curve_history, &start.overnight_history, &days);
        let path = path.map_err(|error| off_the_map("days", error))?;
        let profits = profits(&trial, &path)?;

        let mut points = vec![point(0, &self.margins_of(&trial)?.1, Usd::ZERO)];
        for (day, profit) in profits.into_iter().enumerate() {
            if !goes_on() {
                return Err(AnalysisError::Gone);
            }
            let Some(market) = path.market(day) else { break };
            let market = market.map_err(|error| off_the_map(&format!("days[{day}]"), error))?;
            let figures = self.on_day(&trial, &path, day, market)?;
            points.push(point(day + 1, &figures, profit));
        }
        Ok(v1::TryPathResponse { business_date: trial.business_date(), points })
    }

    /// The margins at the close of a day: prices after the moves so far, scenarios as of that day.
    fn on_day(
        &self,
        trial: &Trial,
        path: &Path<'_>,
        day: usize,
        market: risk::market::Market,
    ) -> Result<JointMargin, AnalysisError> {
        let assembled = Assembled {
            market: Arc::new(market),
            curve_history: path.curve_history().clone(),
            overnight_history: path.overnight_history().clone(),
        };
        let models = trial.market.situation().models.each_ref();
        let situation = Situation::new(models, Arc::new(assembled), path.dates()[day]);
        // The same was valued at the start: what cannot be valued now is what the path has made of it.
        let valued = situation.and_then(|situation| situation.value(&trial.after.instruments()));
        let valued = valued.map_err(|error| {
            let reason = "after this day the models' scenarios move a price or a rate beyond what can be valued";
            Problems::one(format!("days[{day}]"), format!("{reason}: {error}"))
        })?;
        let margins = self.context.computer.joint_of(&valued, &[trial.after.positions(&valued)?], trial.cap)?;
        margins.into_iter().next().ok_or_else(|| AnalysisError::Damaged("no margin was computed".to_owned()))
    }
}

/// What takes a path out of range: one problem for each rate and price.
fn off_the_map(field: &str, error: PathError) -> Problems {
    let mut problems = Collector::default();
    match &error {
        PathError::History(HistoryProblems(each)) => each.iter().for_each(|problem| problems.add(field, problem)),
        PathError::Market { date, problems: MarketProblems(each) } => {
            each.iter().for_each(|problem| problems.add(field, format!("on {date}: {problem}")));
        }
        PathError::NoHistory(_) | PathError::Value(_) => problems.add(field, &error),
    }
    problems.finish(()).err().unwrap_or_else(|| Problems::one(field, error.to_string()))
}

/// What the positions have gained by each day of the path. A position without a price gains nothing.
fn profits(trial: &Trial, path: &Path<'_>) -> Result<Vec<Usd>, AnalysisError> {
    let valued: &Valued = &trial.valued;
    let positions = trial.after.positions(valued)?;
    let legs = positions.legs();
    let dictionary = valued.models[0].dictionary();
    let priced: Vec<&Position> = legs
        .first
        .iter()
        .chain(legs.second)
        .filter(|position| !dictionary[position.row as usize].facts.is_proxied)
        .collect();
    let instruments: Vec<_> = priced.iter().map(|position| dictionary[position.row as usize].instrument).collect();
    let rows = path.profits(&instruments).map_err(|error| off_the_map("days", error))?;
    let mut profits = vec![0_i128; path.dates().len()];
    for (position, row) in priced.into_iter().zip(rows) {
        for (profit, gain) in profits.iter_mut().zip(row) {
            let gain = i128::from(position.units) * i128::from(gain);
            *profit = profit.checked_add(gain).ok_or_else(|| ComputeError::new("the P&L is out of range"))?;
        }
    }
    Ok(profits.into_iter().map(Usd::from_units).collect())
}

fn point(day: usize, figures: &JointMargin, profit: Usd) -> v1::PathPoint {
    // Invariant: at most 60 days.
    let day = u32::try_from(day).unwrap_or(u32::MAX);
    v1::PathPoint { day, figures: Some(joint(figures)), profit_and_loss: usd(profit) }
}

/// The days, exact: each move to the nearest 1e-4 per cent, a hundredth of a basis point, ties away from zero.
fn read_days(days: &[v1::CurveMove]) -> Result<Vec<DayMove>, Problems> {
    let mut problems = Collector::default();
    if days.is_empty() || days.len() > DAYS_MAX {
        problems.add("days", format!("{} were given, 1 to {DAYS_MAX} are needed", days.len()));
        return problems.finish(Vec::new());
    }
    let mut read = Vec::with_capacity(days.len());
    for (place, day) in days.iter().enumerate() {
        let overnight = problems.check(|| format!("days[{place}].overnight_bp"), units(day.overnight_bp));
        let mut curve = [0; Tenor::STANDARD.len()];
        match day.curve_bp.as_slice() {
            [all] => {
                let all = problems.check(|| format!("days[{place}].curve_bp"), units(*all));
                curve = [all.unwrap_or_default(); Tenor::STANDARD.len()];
            }
            each if each.len() == curve.len() => {
                for (tenor, (slot, value)) in curve.iter_mut().zip(each).enumerate() {
                    let value = problems.check(|| format!("days[{place}].curve_bp[{tenor}]"), units(*value));
                    *slot = value.unwrap_or_default();
                }
            }
            other => problems.add(
                format!("days[{place}].curve_bp"),
                format!("{} values were given: one for all tenors or eleven, 1M to 30Y, are needed", other.len()),
            ),
        }
        read.push(DayMove { overnight: overnight.unwrap_or_default(), curve });
    }
    problems.finish(read)
}

fn units(basis_points: f64) -> Result<i32, String> {
    if basis_points.is_nan() || basis_points.abs() > MOVE_BP_MAX {
        return Err(format!("{basis_points} is out of range: at most {MOVE_BP_MAX} basis points a day, up or down"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of at most 100,000")]
    let units = (basis_points * UNITS_PER_BP).round() as i32;
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_counts_to_a_hundredth_of_a_basis_point_with_ties_away_from_zero() {
        for (basis_points, expected) in
            [(0.0, 0), (1.0, 100), (-25.0, -2_500), (0.005, 1), (-0.005, -1), (0.0049, 0), (1_000.0, 100_000)]
        {
            assert_eq!(units(basis_points), Ok(expected), "{basis_points}");
        }
        for basis_points in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1_000.01] {
            assert!(units(basis_points).unwrap_err().contains("out of range"), "{basis_points}");
        }
    }

    #[test]
    fn one_value_moves_every_tenor_and_eleven_each_its_own() {
        let day = |curve_bp: Vec<f64>| v1::CurveMove { overnight_bp: -1.0, curve_bp };
        let each = (1..=11).map(f64::from).collect();
        let read = read_days(&[day(vec![5.0]), day(each)]).unwrap();
        assert_eq!((read[0].overnight, read[0].curve), (-100, [500; 11]));
        assert_eq!((read[1].curve[0], read[1].curve[10]), (100, 1_100));
    }
}
