//! The history of the sample: a made-up past with the volatilities, correlations and regimes of the published one.
//!
//! Daily changes come from three common factors and one of each tenor's own, scaled by the tenor's volatility in the
//! regime, by a clustering volatility and by rare large days. Between anchor curves the path is a bridge, so that levels
//! stay in their regime and the last day is the curve of the business date. `docs/sample.md` states the method.

use crossmargin::v1;
use jiff::civil::{Date, date as d};
use risk::{calendar::Calendar, date::days_between};

use super::{BUSINESS_DATE, random::SplitMix64};

/// Business days in the history, the newest being the business date.
pub const DAYS: usize = 4_800;

/// The tenors in months.
pub const TENORS_MONTHS: [u32; TENORS] = [1, 3, 6, 12, 24, 36, 60, 84, 120, 240, 360];

const TENORS: usize = 11;

/// One value for each tenor.
type Row = [f64; TENORS];

/// Any number: another one is another past with the same statistics.
const SEED: u64 = 20_260_213;

/// The par yields of the business date, in per cent: rounded from the level and slope that the Treasury published for
/// the middle of February 2026.
pub const ENDING_CURVE: Row = [3.70, 3.68, 3.60, 3.44, 3.41, 3.45, 3.62, 3.82, 4.05, 4.65, 4.70];

/// Par yields through which the path goes, in per cent, from the first day on. Each begins a regime or lies at its
/// turn; levels as the Treasury published them around these dates, rounded to 5 bp.
const ANCHORS: [(Date, Row); 18] = [
    (Date::MIN, [4.85, 5.05, 5.10, 5.00, 4.75, 4.70, 4.65, 4.65, 4.65, 4.85, 4.75]),
    (d(2007, 7, 25), [5.05, 5.00, 5.05, 4.95, 4.75, 4.75, 4.80, 4.85, 4.90, 5.10, 5.05]),
    (d(2008, 3, 17), [1.15, 1.10, 1.30, 1.30, 1.35, 1.50, 2.25, 2.70, 3.35, 4.25, 4.30]),
    (d(2008, 9, 12), [1.35, 1.50, 1.85, 2.00, 2.25, 2.45, 2.95, 3.30, 3.75, 4.35, 4.30]),
    (d(2008, 12, 30), [0.10, 0.10, 0.25, 0.35, 0.75, 0.95, 1.45, 1.75, 2.10, 2.90, 2.60]),
    (d(2009, 3, 31), [0.15, 0.20, 0.45, 0.55, 0.80, 1.15, 1.65, 2.30, 2.70, 3.60, 3.55]),
    (d(2009, 6, 10), [0.10, 0.20, 0.30, 0.55, 1.40, 2.00, 2.95, 3.60, 4.00, 4.75, 4.75]),
    (d(2010, 4, 5), [0.15, 0.20, 0.25, 0.50, 1.20, 1.75, 2.75, 3.45, 4.00, 4.70, 4.85]),
    (d(2012, 7, 25), [0.10, 0.10, 0.15, 0.20, 0.25, 0.35, 0.70, 1.10, 1.60, 2.30, 2.70]),
    (d(2013, 12, 31), [0.05, 0.05, 0.10, 0.15, 0.35, 0.75, 1.70, 2.40, 3.00, 3.70, 3.90]),
    (d(2015, 12, 16), [0.20, 0.25, 0.50, 0.65, 1.05, 1.30, 1.75, 2.10, 2.25, 2.65, 3.00]),
    (d(2018, 11, 8), [2.25, 2.40, 2.55, 2.70, 2.90, 2.95, 3.00, 3.05, 3.15, 3.30, 3.40]),
    (d(2020, 2, 20), [1.55, 1.55, 1.50, 1.45, 1.35, 1.35, 1.35, 1.45, 1.55, 1.85, 2.00]),
    (d(2020, 4, 15), [0.10, 0.10, 0.15, 0.20, 0.20, 0.30, 0.40, 0.55, 0.65, 1.05, 1.25]),
    (d(2022, 2, 1), [0.05, 0.20, 0.50, 0.80, 1.20, 1.40, 1.60, 1.75, 1.80, 2.20, 2.10]),
    (d(2022, 10, 20), [3.60, 4.10, 4.50, 4.65, 4.55, 4.50, 4.35, 4.30, 4.20, 4.45, 4.20]),
    (d(2023, 10, 19), [5.55, 5.55, 5.55, 5.45, 5.15, 5.00, 4.95, 5.00, 5.00, 5.30, 5.10]),
    (d(2024, 9, 16), [5.05, 4.95, 4.55, 4.00, 3.55, 3.45, 3.40, 3.50, 3.65, 4.00, 3.95]),
];

/// Daily standard deviations of par yields in basis points from a date on: measured on the Treasury's daily par yield
/// curve rates of each period, rounded to half a basis point.
const REGIMES: [(Date, Row); 10] = [
    // Before the credit crisis.
    (Date::MIN, [6.5, 3.0, 2.5, 2.5, 4.5, 4.5, 4.5, 4.5, 4.0, 4.0, 4.0]),
    // Money markets seize up.
    (d(2007, 7, 26), [19.0, 13.0, 8.5, 8.5, 9.5, 9.0, 9.0, 8.0, 7.0, 6.0, 6.0]),
    // The credit crisis.
    (d(2008, 9, 15), [15.5, 14.5, 12.0, 9.0, 10.5, 11.0, 12.0, 12.0, 11.5, 10.5, 10.0]),
    // Its aftermath.
    (d(2009, 4, 1), [2.0, 1.5, 1.5, 2.5, 5.0, 6.0, 7.5, 8.0, 7.5, 7.5, 7.0]),
    // Near zero, long end alive.
    (d(2010, 1, 1), [1.5, 1.0, 1.0, 1.5, 2.5, 3.5, 5.0, 5.5, 5.5, 5.5, 5.5]),
    // Calm.
    (d(2015, 12, 16), [3.5, 2.0, 2.0, 2.5, 3.5, 3.5, 4.0, 4.0, 4.0, 4.0, 4.0]),
    // Crisis: the flight to quality and the dash for cash.
    (d(2020, 2, 20), [7.5, 7.5, 7.5, 6.5, 7.0, 8.0, 9.0, 10.0, 11.0, 12.5, 13.0]),
    // Near zero again.
    (d(2020, 4, 16), [1.0, 1.0, 1.0, 1.0, 2.0, 2.5, 3.5, 4.0, 4.0, 4.5, 4.5]),
    // Hiking.
    (d(2022, 2, 2), [10.0, 5.5, 5.5, 7.5, 9.0, 9.0, 8.5, 8.0, 7.5, 6.5, 6.5]),
    // Plateau and easing.
    (d(2023, 11, 1), [2.5, 2.0, 2.5, 4.0, 6.0, 6.0, 6.0, 6.0, 5.5, 5.5, 5.0]),
];

/// Loadings of each tenor's standardised change on three common factors (level, slope, bills): the first principal
/// components of the correlations of published daily changes, 2010 to 2026. The rest of the variance is the tenor's own.
const FACTORS: [Row; 3] = [
    [0.08, 0.38, 0.60, 0.74, 0.88, 0.93, 0.96, 0.96, 0.94, 0.87, 0.83],
    [0.28, 0.68, 0.68, 0.49, 0.21, 0.06, -0.12, -0.23, -0.30, -0.39, -0.40],
    [0.91, 0.14, -0.07, -0.19, -0.18, -0.12, -0.04, 0.02, 0.08, 0.16, 0.18],
];

/// Clustering of volatility, GARCH(1,1) on the level factor: weight of the newest square, and of the variance before.
/// Gives the published squared changes' autocorrelation of about 0.2 at one day, 0.1 at four weeks.
const NEWEST_WEIGHT: f64 = 0.08;
const BEFORE_WEIGHT: f64 = 0.90;

/// Large days: how often, and how much larger. With the clustering they give the published kurtosis of 4 to 6.
const LARGE_DAY_SHARE: f64 = 0.05;
const LARGE_DAY_SCALE: f64 = 2.0;

/// No yield lies below it, in per cent.
const FLOOR: f64 = 0.01;

/// The effective Fed funds rate from a date on, in ten-thousandths of a per cent: the level within the target range that
/// the Federal Reserve set on that day. Up to 2009, when it strayed far from its target, the mean of the published rates
/// from each move of the target to the next, rounded to 5 bp.
const FED_FUNDS: [(Date, i32); 45] = [
    (Date::MIN, 52_500),
    (d(2007, 8, 10), 50_000),
    (d(2007, 9, 19), 47_500),
    (d(2007, 11, 1), 45_000),
    (d(2007, 12, 12), 41_500),
    (d(2008, 1, 22), 35_000),
    (d(2008, 1, 31), 29_500),
    (d(2008, 3, 19), 22_500),
    (d(2008, 5, 1), 20_000),
    (d(2008, 9, 15), 16_000),
    (d(2008, 10, 8), 9_000),
    (d(2008, 10, 30), 3_000),
    (d(2008, 12, 17), 1_500),
    (d(2010, 1, 4), 1_200),
    (d(2015, 12, 17), 3_700),
    (d(2016, 12, 15), 6_600),
    (d(2017, 3, 16), 9_100),
    (d(2017, 6, 15), 11_600),
    (d(2017, 12, 14), 14_200),
    (d(2018, 3, 22), 16_800),
    (d(2018, 6, 14), 19_100),
    (d(2018, 9, 27), 21_800),
    (d(2018, 12, 20), 24_000),
    (d(2019, 8, 1), 21_300),
    (d(2019, 9, 19), 18_500),
    (d(2019, 10, 31), 15_800),
    (d(2020, 3, 4), 10_900),
    (d(2020, 3, 16), 1_000),
    (d(2022, 3, 17), 3_300),
    (d(2022, 5, 5), 8_300),
    (d(2022, 6, 16), 15_800),
    (d(2022, 7, 28), 23_300),
    (d(2022, 9, 22), 30_800),
    (d(2022, 11, 3), 38_300),
    (d(2022, 12, 15), 43_300),
    (d(2023, 2, 2), 45_800),
    (d(2023, 3, 23), 48_300),
    (d(2023, 5, 4), 50_800),
    (d(2023, 7, 27), 53_300),
    (d(2024, 9, 19), 48_300),
    (d(2024, 11, 8), 45_800),
    (d(2024, 12, 19), 43_300),
    (d(2025, 9, 18), 40_800),
    (d(2025, 10, 30), 38_700),
    (d(2025, 12, 11), 36_400),
];

/// The last [`DAYS`] business days, ascending, the newest being the business date.
#[must_use]
pub fn dates() -> Vec<Date> {
    let mut dates = Vec::with_capacity(DAYS);
    let mut day = BUSINESS_DATE;
    for _ in 0..DAYS {
        dates.push(day);
        day = Calendar::UsGovernmentBond.previous(day);
    }
    dates.reverse();
    dates
}

/// The history of the par yield curve, rounded to a basis point as published.
#[must_use]
pub fn curve_history() -> v1::CurveHistory {
    let dates = dates();
    let rows = bridged(&dates, &noise(&dates));
    v1::CurveHistory {
        tenors_months: TENORS_MONTHS.to_vec(),
        dates: dates.iter().map(|day| epoch_days(*day)).collect(),
        yields_e4: rows.iter().flatten().map(|percent| basis_points(percent.max(FLOOR)) * 100).collect(),
    }
}

/// SOFR and the effective Fed funds rate of the same days.
///
/// Fed funds follow the target range. SOFR lies about it, with a basis point or two of noise, and above it at the ends
/// of months and quarters, when dealers' balance sheets are dear.
#[must_use]
pub fn overnight_rates() -> v1::OvernightRates {
    let mut random = SplitMix64::new(SEED + 1);
    let mut rates = v1::OvernightRates::default();
    for day in dates() {
        let effr = *in_force(&FED_FUNDS, day);
        let next = Calendar::UsGovernmentBond.next(day);
        let is_month_end = next.month() != day.month();
        let is_quarter_end = is_month_end && day.month() % 3 == 0;
        // Repo lay under Fed funds while reserves were ample, and over them since.
        let usual = if day < d(2024, 7, 1) { -200 } else { 100 };
        let dear = if is_quarter_end { 1_200 } else { 600 * i32::from(is_month_end) };
        let noise = 100 * basis_points(random.normal() / 100.0);
        rates.dates.push(epoch_days(day));
        rates.effr_e4.push(effr);
        rates.sofr_e4.push((effr + usual + dear + noise).max(100));
    }
    rates
}

/// Cumulative changes in per cent, before they are bridged.
fn noise(dates: &[Date]) -> Vec<Row> {
    let mut random = SplitMix64::new(SEED);
    // With a share at the large scale, the others shrink so that the variance stays one.
    let usual_scale = ((1.0 - LARGE_DAY_SHARE * LARGE_DAY_SCALE * LARGE_DAY_SCALE) / (1.0 - LARGE_DAY_SHARE)).sqrt();
    let mut variance = 1.0;
    let mut level = [0.0; TENORS];
    dates
        .iter()
        .map(|day| {
            let size = if random.uniform() < LARGE_DAY_SHARE { LARGE_DAY_SCALE } else { usual_scale };
            let scale = size * f64::sqrt(variance);
            let common = [random.normal(), random.normal(), random.normal()];
            let volatilities = in_force(&REGIMES, *day);
            for (place, sum) in level.iter_mut().enumerate() {
                let loadings = FACTORS.map(|factor| factor[place]);
                let shared: f64 = loadings.iter().zip(&common).map(|(loading, shock)| loading * shock).sum();
                let own = (1.0 - loadings.iter().map(|loading| loading * loading).sum::<f64>()).max(0.0).sqrt();
                *sum += (shared + own * random.normal()) * scale * volatilities[place] / 100.0;
            }
            let newest = size * size * common[0] * common[0];
            variance *= NEWEST_WEIGHT * newest + BEFORE_WEIGHT;
            variance += 1.0 - NEWEST_WEIGHT - BEFORE_WEIGHT;
            level
        })
        .collect()
}

/// The path through the anchors: between two of them, the noise less the straight line that it would end on.
fn bridged(dates: &[Date], noise: &[Row]) -> Vec<Row> {
    let last = dates.len().saturating_sub(1);
    let mut anchors: Vec<(usize, Row)> =
        ANCHORS.iter().map(|(day, curve)| (dates.partition_point(|date| date < day), *curve)).collect();
    anchors.push((last, ENDING_CURVE));
    let mut path = vec![[0.0; TENORS]; dates.len()];
    for ends in anchors.windows(2) {
        let ((from, start), (to, end)) = (ends[0], ends[1]);
        for row in from..=to {
            let share = span(row - from) / span(to - from);
            for place in 0..TENORS {
                let line = start[place] + (end[place] - start[place]) * share;
                let drift = (noise[to][place] - noise[from][place]) * share;
                path[row][place] = line + (noise[row][place] - noise[from][place]) - drift;
            }
        }
    }
    path
}

/// The entry of the newest date that is not after the day; the tables begin at the first date there is.
fn in_force<T>(table: &[(Date, T)], day: Date) -> &T {
    let next = table.partition_point(|(from, _)| *from <= day);
    &table[next.saturating_sub(1)].1
}

fn span(rows: usize) -> f64 {
    f64::from(u32::try_from(rows).unwrap_or(u32::MAX))
}

/// Per cent, rounded to the nearest basis point.
#[expect(clippy::cast_possible_truncation, reason = "yields and noise are a few thousand basis points at most")]
fn basis_points(percent: f64) -> i32 {
    (percent * 100.0).round() as i32
}

/// Days since 1970-01-01.
pub(super) fn epoch_days(day: Date) -> i32 {
    i32::try_from(days_between(d(1970, 1, 1), day)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
