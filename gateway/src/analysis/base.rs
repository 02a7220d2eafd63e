//! Where a trial starts: the newest positions of an account's link, and the newest market.
//!
//! *Newest at this house*: of the own leg the newest book that was submitted here, of the other leg the newest frozen book
//! of the other house whose content is here. A house sees the other's positions as they were frozen for a cycle, never
//! between cycles.

use std::{cmp::Reverse, sync::Arc};

use jiff::civil::Date;

use super::{AnalysisError, Analyst};
use crate::{
    arrangement::{
        evidence::{MarketManifest, PositionManifest},
        leg::{Leg, Pair},
        link::LinkTerms,
    },
    book::Holding,
    compute::{LinkInputs, TrialMarket},
    node::entry::Held,
};

/// Frozen books that are looked at for one that is here whole.
const FREEZES_TRIED_MAX: usize = 32;
/// Dates whose market data are looked at for one that is here whole.
const DATES_TRIED_MAX: usize = 20;

impl Analyst {
    /// The newest positions of a link at this house.
    pub(super) fn newest_positions(&self, terms: &LinkTerms) -> Result<LinkInputs, AnalysisError> {
        let us = self.context.us;
        let (own, other) = (self.own_positions(terms)?, self.other_positions(terms)?);
        Ok(LinkInputs { holdings: Pair::from_fn(|leg| Arc::clone(if leg == us { &own } else { &other })) })
    }

    fn own_positions(&self, terms: &LinkTerms) -> Result<Arc<[Holding]>, AnalysisError> {
        let catalog = self.context.catalog.read();
        let book = catalog.book().ok_or_else(|| {
            AnalysisError::Precondition("this house has not submitted its positions: `crossmargin submit`".to_owned())
        })?;
        // An account of a link that is in force and not in the book is flat.
        Ok(book.accounts.get(&terms.accounts[self.context.us]).map_or_else(|| Arc::from([]), Arc::clone))
    }

    fn other_positions(&self, terms: &LinkTerms) -> Result<Arc<[Holding]>, AnalysisError> {
        let peer = self.context.us.other();
        let house = self.context.parties.houses[peer].as_str();
        let account = &terms.accounts[peer];
        let manifest = self.newest_frozen(peer).ok_or_else(|| {
            AnalysisError::Precondition(format!(
                "{house}'s positions are not here yet: they come with the next cycle; without an account a portfolio \
                 can be tried now"
            ))
        })?;
        let held = self.context.computer.frozen_holdings(&manifest, account)?;
        held.ok_or_else(|| {
            AnalysisError::Precondition(format!(
                "account {account} is not in {house}'s newest frozen book, that of {}: its link counts from the next \
                 cycle on",
                manifest.cycle
            ))
        })
    }

    /// The newest frozen book of a house that is here whole: of the newest business date, the one taken last.
    fn newest_frozen(&self, by: Leg) -> Option<PositionManifest> {
        // The store is looked at when the catalog is free again: the node's loop writes to it.
        let mut newest: Vec<Arc<Held>> = {
            let catalog = self.context.catalog.read();
            catalog.newest_manifests(by).take(FREEZES_TRIED_MAX).map(Arc::clone).collect()
        };
        newest.sort_by_key(|held| held.position_manifest().map(|m| Reverse((m.cycle.business_date, m.as_of))));
        let mut manifests = newest.iter().filter_map(|held| held.position_manifest());
        manifests.find(|manifest| self.context.computer.has_frozen(manifest)).cloned()
    }

    /// The market of a business date, or the newest that both houses' market data cover.
    pub(super) fn trial_market(&self, business_date: Option<Date>) -> Result<TrialMarket, AnalysisError> {
        let (business_date, markets) = self.manifests(business_date)?;
        Ok(self.context.computer.trial_market(business_date, markets.as_ref())?)
    }

    /// Both houses' manifests by the rule of a cycle: of the date, else of the last one before it. Where no date is given,
    /// the newest date up to which both houses have given data and whose content is here: the other house's content comes
    /// with a cycle.
    fn manifests(&self, business_date: Option<Date>) -> Result<(Date, Pair<MarketManifest>), AnalysisError> {
        let catalog = &self.context.catalog;
        let mut missing = None;
        let dates = business_date.map_or_else(|| catalog.read().market_dates(), |date| vec![date]);
        for date in dates.into_iter().rev().take(DATES_TRIED_MAX) {
            let manifests = Pair::from_fn(|leg| catalog.read().market_manifest(leg, date).cloned());
            for leg in Leg::BOTH {
                if manifests[leg].is_none() {
                    missing.get_or_insert((leg, date));
                }
            }
            let Some(manifests) = manifests.both() else { continue };
            if self.context.computer.has_market(date, manifests.as_ref()) {
                return Ok((date, manifests));
            }
            missing.get_or_insert((self.context.us.other(), date));
        }
        let house = |leg: Leg| self.context.parties.houses[leg].as_str();
        Err(AnalysisError::Precondition(match missing {
            Some((leg, date)) => format!(
                "{}'s market data of {date} are not here yet: the other house's come with the next cycle, this house's \
                 with `crossmargin market submit`",
                house(leg)
            ),
            None => format!("no date has market data of both {} and {}", house(Leg::Treasury), house(Leg::Futures)),
        }))
    }
}
