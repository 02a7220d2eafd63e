//! Positions that are tried: what they would require, beside what is held.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use risk::{
    factor::Factor,
    instrument::Instrument,
    margin::{JointMargin, LinkPositions},
    money::Usd,
};

use super::{
    AnalysisError, Analyst,
    changes::{Admissible, Positions},
    figures::{joint, total, usd},
};
use crate::{
    arrangement::{leaf, name::AccountId},
    compute::{Lent, LinkInputs, TrialMarket, Valued},
    problem::Problems,
    reading::Visibility,
    wire,
};

/// Instruments that changes and candidates may bring into one call beside what the account holds: each is valued for the
/// call, which costs some hundred kilobytes.
pub(crate) const NEW_INSTRUMENTS_MAX: usize = 500;

/// A trial with everything that it is margined from.
pub(super) struct Trial {
    /// The market.
    pub(super) market: TrialMarket,
    /// Every instrument of the trial, valued.
    pub(super) valued: Arc<Valued>,
    /// The account's positions; `None` without one.
    pub(super) before: Option<LinkInputs>,
    /// With the changes.
    pub(super) after: LinkInputs,
    /// The most that the houses' overrides let be granted to the account's link; the whole without an account.
    pub(super) cap: Factor,
}

impl Analyst {
    /// Tries positions.
    ///
    /// # Errors
    /// Positions that cannot be read or valued, or no market.
    pub(crate) fn try_positions(
        &self,
        request: &v1::TryPositionsRequest,
        visibility: &Visibility,
    ) -> Result<v1::TryPositionsResponse, AnalysisError> {
        let trial = self.trial(request, "", visibility, |_| Ok(Vec::new()))?;
        let (before, after) = self.margins_of(&trial)?;
        let before_totals = before.as_ref().map_or([Usd::ZERO; 2], JointMargin::totals);
        let [treasury, futures] = [0, 1].map(|house| after.totals()[house].saturating_sub(before_totals[house]));
        Ok(v1::TryPositionsResponse {
            business_date: trial.business_date(),
            incremental_requirement: usd(total(&after).saturating_sub(before.as_ref().map_or(Usd::ZERO, total))),
            incremental_treasury_requirement: usd(treasury),
            incremental_futures_requirement: usd(futures),
            before: before.as_ref().map(joint),
            after: Some(joint(&after)),
        })
    }

    /// Reads what is tried; `more` gives further instruments to value in the market, and `prefix` stands before the
    /// fields of problems.
    pub(super) fn trial(
        &self,
        request: &v1::TryPositionsRequest,
        prefix: &str,
        visibility: &Visibility,
        more: impl FnOnce(&Admissible<'_>) -> Result<Vec<Instrument>, Problems>,
    ) -> Result<Trial, AnalysisError> {
        let field = |name: &str| format!("{prefix}{name}");
        let business_date = match request.business_date.as_str() {
            "" => None,
            text => Some(wire::date(&field("business_date"), text).map_err(|e| Problems::one(e.field, e.reason))?),
        };
        let terms = match request.account.as_str() {
            "" if request.changes.is_empty() => {
                return Err(Problems::one(
                    field("changes"),
                    "an account or changes are needed: there is nothing to try",
                )
                .into());
            }
            "" => None,
            text => {
                let account: AccountId =
                    text.parse().map_err(|error| Problems::one(field("account"), format!("{error}")))?;
                Some(self.link_of(&account, visibility)?)
            }
        };
        let before = terms.as_ref().map(|terms| self.newest_positions(terms)).transpose()?;
        let market = self.trial_market(business_date)?;
        let cap = terms.map_or(Factor::ONE, |terms| {
            let date = market.situation().assembled.market.business_date();
            leaf::override_factor(self.context.catalog.read().registry.cap_bp(&terms, date))
        });
        let held = before.iter().flat_map(LinkInputs::instruments).collect();
        let lent = if visibility.is_all() { Lent::Every } else { Lent::Of(held) };
        let admissible = Admissible::new(&market, &lent, &self.context.arrangement.eligible);
        let more = more(&admissible)?;
        let mut positions = Positions::of(before.as_ref());
        positions.apply(&request.changes, &admissible, prefix)?;
        let after = positions.finish();
        let valued = self.values(&market, &lent, before.as_ref(), &after, &more, prefix)?;
        Ok(Trial { market, valued, before, after, cap })
    }

    /// Values every instrument of a trial.
    fn values(
        &self,
        market: &TrialMarket,
        lent: &Lent,
        before: Option<&LinkInputs>,
        after: &LinkInputs,
        more: &[Instrument],
        prefix: &str,
    ) -> Result<Arc<Valued>, AnalysisError> {
        let held: BTreeSet<Instrument> = before.into_iter().flat_map(LinkInputs::instruments).collect();
        let mut new: BTreeSet<Instrument> = after.instruments().into_iter().chain(more.iter().copied()).collect();
        new.retain(|instrument| !held.contains(instrument));
        if new.len() > NEW_INSTRUMENTS_MAX {
            return Err(Problems::one(
                format!("{prefix}changes"),
                format!(
                    "{} instruments are tried that the account does not hold, but at most {NEW_INSTRUMENTS_MAX} are possible",
                    new.len()
                ),
            )
            .into());
        }
        let all: Vec<Instrument> = held.union(&new).copied().collect();
        Ok(self.context.computer.trial_values(market, &all, lent)?)
    }

    /// The margins before, where there is an account, and after.
    pub(super) fn margins_of(&self, trial: &Trial) -> Result<(Option<JointMargin>, JointMargin), AnalysisError> {
        let mut links: Vec<LinkPositions> = Vec::with_capacity(2);
        for inputs in trial.before.iter().chain([&trial.after]) {
            links.push(inputs.positions(&trial.valued)?);
        }
        let mut margins = self.context.computer.joint_of(&trial.valued, &links, trial.cap)?.into_iter().rev();
        let after = margins.next().ok_or_else(|| AnalysisError::Damaged("no margin was computed".to_owned()))?;
        Ok((margins.next(), after))
    }
}

impl Trial {
    /// The business date of the market, as text.
    pub(super) fn business_date(&self) -> String {
        self.market.situation().assembled.market.business_date().to_string()
    }
}
