//! Where figures come from: histories from files, and a market from a folder.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use jiff::civil::Date;
use risk::{
    history::{CurveHistory, OvernightHistory},
    market::Market,
    scenario::Tenor,
};

use super::portfolio::Portfolio;
use crate::{
    command::{failure::Failure, market},
    market::{Items, histories},
    problem::{Collector, Problems},
};

/// Options that name histories and a market.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// Par yields as the Treasury publishes them, one CSV file a year, or as date,1M,3M,...: instead of the folder's,
    /// where both are given. Repeat for more.
    #[arg(long, value_name = "FILE", num_args = 1.., required_unless_present = "market")]
    pub history: Vec<PathBuf>,

    /// A folder of market data, as `market sample --out` writes it: the prices are those of the day. Its curve history
    /// and overnight rates serve as history.
    #[arg(long, value_name = "FOLDER")]
    pub market: Option<PathBuf>,
}

/// Histories, and the market of the as-of day where the portfolio needs one.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) curves: CurveHistory,
    pub(super) overnight: Option<OvernightHistory>,
    pub(super) market: Option<Arc<Market>>,
}

impl SourceArgs {
    /// Reads what the portfolio needs.
    ///
    /// # Errors
    /// Every problem of the files; a portfolio that needs a market where none is given.
    pub(super) fn read(&self, portfolio: &Portfolio, as_of: Date) -> Result<Source, Failure> {
        let given = if self.history.is_empty() { None } else { Some(market::read_history(&self.history)?) };
        let Some(folder) = &self.market else {
            if let Some(instrument) = portfolio.first_of_market() {
                return Err(Failure::new(format!(
                    "{instrument} has a value in a market alone: give --market FOLDER, with the files that `crossmargin market sample` writes"
                )));
            }
            // Without --market the command line asks for --history.
            let curves = given.ok_or_else(|| Failure::new("--history: at least one file is needed"))?;
            return Ok(Source { curves, overnight: None, market: None });
        };
        let mut read = market::read(folder)?;
        if let Some(history) = given {
            market::replace_curves(&mut read, history);
        }
        let mut items = Items::default();
        read.into_iter().filter_map(|item| item.item).for_each(|item| items.insert(item));
        let source = if portfolio.first_of_market().is_some() { whole(&items, as_of) } else { histories(&items) };
        source.map_err(|problems| {
            let problems = problems.to_string().replace('\n', "\n  ");
            Failure::new(format!("--market {} as of {as_of}:\n  {problems}", folder.display()))
        })
    }
}

impl Source {
    /// What a reader should know of par bonds whose tenor has blanks from the first day of the scenarios on: levels and
    /// changes of a blank are interpolated, flat outside.
    pub(super) fn filled_notes(&self, portfolio: &Portfolio, day: usize, first: Date) -> Vec<String> {
        let days = &self.curves.days()[self.curves.index_at(first).unwrap_or_default()..=day];
        let note = |tenor: Tenor| {
            let place = Tenor::STANDARD.iter().position(|standard| *standard == tenor)?;
            let blank = days.iter().filter(|day| day.yields[place].is_none()).count();
            let of = days.len();
            (blank > 0).then(|| format!("{tenor}: {blank} of {of} days have no such yield; neighbours stand in for it"))
        };
        portfolio.par_bonds().filter_map(note).collect()
    }
}

fn whole(items: &Items, as_of: Date) -> Result<Source, Problems> {
    let assembled = items.assemble(as_of)?;
    Ok(Source {
        curves: assembled.curve_history,
        overnight: Some(assembled.overnight_history),
        market: Some(assembled.market),
    })
}

/// The histories alone: par bonds need no prices.
fn histories(items: &Items) -> Result<Source, Problems> {
    let mut problems = Collector::default();
    let curves =
        items.curve_history.as_ref().and_then(|wire| histories::read_curves(wire, "curve_history.csv", &mut problems));
    let overnight = items
        .overnight_rates
        .as_ref()
        .and_then(|wire| histories::read_overnight(wire, "overnight_rates.csv", &mut problems));
    problems.finish(())?;
    let curves = curves.ok_or_else(|| Problems::one("curve_history.csv", "is missing: add it, or give --history"))?;
    Ok(Source { curves, overnight: overnight.map(|overnight| overnight.history), market: None })
}
