//! Backtests of accounts: each house's core margin of past days against what the days after them made of today's
//! positions.

use std::num::NonZero;

use crossmargin::v1;
use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};
use risk::{
    backtest::{DailyRecord, Summary, TestDay},
    model::Model,
    money::Usd,
};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::{AnalysisError, Analyst, figures::usd};
use crate::{
    arrangement::name::AccountId,
    compute::{ComputeError, Past, PastLink},
    problem::Problems,
    reading::Visibility,
};

/// Days where a request names none: what the traffic light looks back on.
const DAYS_DEFAULT: u32 = 250;
/// The most days of one backtest.
const DAYS_MAX: u32 = 2_500;
/// Breaches that a summary names.
const WORST_MAX: usize = 10;
/// What days that are valued at the same time may hold, beside the one that must fit.
const VALUED_BYTES_MAX: usize = 1 << 30;
/// Links times days whose margins are held at the same time: 64 bytes each for margins and results of both houses.
const LINK_DAYS_MAX: usize = 4_000_000;

/// A backtest that can be run. While it is there no other is.
pub(crate) struct Backtest {
    past: Past,
    days: Vec<TestDay>,
    with_days: bool,
    /// Threads of its own: a margin cycle's work never waits behind a backtest's in one queue.
    threads: ThreadPool,
    _permit: OwnedSemaphorePermit,
}

impl Analyst {
    /// Prepares a backtest of accounts: today's positions in today's market, which are those of the newest claim.
    ///
    /// # Errors
    /// The account or a claim is not here, histories do not reach so far back, or another backtest runs.
    pub(crate) fn backtest(
        &self,
        request: &v1::BacktestAccountsRequest,
        visibility: &Visibility,
    ) -> Result<Backtest, AnalysisError> {
        let count = match request.days {
            0 => DAYS_DEFAULT,
            days if days <= DAYS_MAX => days,
            days => return Err(Problems::one("days", format!("{days} is above {DAYS_MAX}, the most at a time")).into()),
        };
        let link = match request.account.as_str() {
            "" => None,
            text => {
                let account: AccountId = text.parse().map_err(|error| Problems::one("account", format!("{error}")))?;
                Some(self.link_of(&account, visibility)?)
            }
        };
        let permit = self.backtests.clone().try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => AnalysisError::Busy(
                "another backtest runs, and one runs at a time: try again when it is done".to_owned(),
            ),
            TryAcquireError::Closed => AnalysisError::Precondition("the node is stopping".to_owned()),
        })?;
        let job = self.claimed(None, None)?.job;
        let past = self.context.computer.past(&job, |terms| match &link {
            Some(wanted) => terms.link == wanted.link,
            None => visibility.shows(terms),
        })?;
        if past.links().is_empty() {
            return Err(AnalysisError::NotFound(match link {
                Some(terms) => format!("the newest claim, of {}, does not hold link {}", job.business_date, terms.link),
                None => format!("the newest claim, of {}, holds no link", job.business_date),
            }));
        }
        let days = past.days(usize::try_from(count).unwrap_or(usize::MAX))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = ThreadPoolBuilder::new().num_threads(cores).thread_name(|at| format!("backtest-{at}")).build();
        let threads = threads.map_err(|error| AnalysisError::Precondition(format!("starting threads: {error}")))?;
        Ok(Backtest { past, days, with_days: request.with_days, threads, _permit: permit })
    }
}

impl Backtest {
    /// Runs it, and tells each account's backtest in order of link. It ends early, and without an error, where it shall
    /// not go on or its answers are no longer taken.
    ///
    /// # Errors
    /// A day whose margins cannot be computed.
    pub(crate) fn run(
        self,
        goes_on: impl Fn() -> bool,
        mut tell: impl FnMut(v1::BacktestAccountsResponse) -> bool,
    ) -> Result<(), AnalysisError> {
        let realised = self.threads.install(|| {
            let of_house = |house| self.past.realised(house, &self.days);
            Ok::<_, ComputeError>([of_house(0)?, of_house(1)?])
        })?;
        for links in self.past.links().chunks((LINK_DAYS_MAX / self.days.len()).max(1)) {
            let Some(margins) = self.margins(links, &goes_on)? else { return Ok(()) };
            for (place, link) in links.iter().enumerate() {
                let summary = |house: usize| {
                    let profits = realised[house].profits(link)?;
                    let margins = margins.iter().map(|of_day| of_day[place][house]);
                    self.summary(house, margins, profits)
                };
                let answer = v1::BacktestAccountsResponse {
                    link: Some(link.terms.to_wire()),
                    treasury_house: Some(summary(0)?),
                    futures_house: Some(summary(1)?),
                };
                if !tell(answer) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// By day, the margins of links at both houses; `None` where it shall not go on.
    ///
    /// Days go side by side, as many as memory allows: a thread that waits within one day may begin another, so that
    /// their number must be bounded where they are handed out.
    fn margins(
        &self,
        links: &[PastLink],
        goes_on: impl Fn() -> bool,
    ) -> Result<Option<Vec<Vec<[Usd; 2]>>>, AnalysisError> {
        let fitting = VALUED_BYTES_MAX / self.past.day_bytes().max(1);
        let at_once = fitting.clamp(1, self.threads.current_num_threads());
        let mut margins = Vec::with_capacity(self.days.len());
        for days in self.days.chunks(at_once) {
            if !goes_on() {
                return Ok(None);
            }
            let of_day = |day: &TestDay| self.past.margins(day.date, links);
            let found: Vec<_> = self.threads.install(|| days.par_iter().map(of_day).collect());
            // Of days that fail the earliest is told, whichever failed first.
            for margins_of_day in found {
                margins.push(margins_of_day?);
            }
        }
        Ok(Some(margins))
    }

    fn summary(
        &self,
        house: usize,
        margins: impl Iterator<Item = Usd>,
        profits: Vec<Usd>,
    ) -> Result<v1::BacktestSummary, AnalysisError> {
        let record =
            |((day, margin), realised): ((&TestDay, Usd), Usd)| DailyRecord { date: day.date, margin, realised };
        let records: Vec<DailyRecord> = self.days.iter().zip(margins).zip(profits).map(record).collect();
        let model: &Model = self.past.models()[house];
        let found = Summary::of(&records, model.confidence);
        let found = found.map_err(|error| AnalysisError::Precondition(error.to_string()))?;
        let count = |days: usize| u32::try_from(days).unwrap_or(u32::MAX);
        Ok(v1::BacktestSummary {
            model: model.version.to_string(),
            horizon_days: self.past.horizon(house).into(),
            observations: count(found.days),
            breaches: count(found.breaches),
            traffic_light: found.light.to_string(),
            kupiec_ratio: found.frequency.statistic,
            kupiec_p_value: found.frequency.p_value,
            christoffersen_ratio: found.independence.statistic,
            christoffersen_p_value: found.independence.p_value,
            worst_breaches: found.worst.iter().take(WORST_MAX).map(day).collect(),
            days: if self.with_days { records.iter().map(day).collect() } else { Vec::new() },
            confidence_bp: model.confidence.basis_points().into(),
        })
    }
}

fn day(record: &DailyRecord) -> v1::BacktestDay {
    v1::BacktestDay { date: record.date.to_string(), margin: usd(record.margin), profit_and_loss: usd(record.realised) }
}
