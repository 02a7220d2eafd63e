//! The requirements of a round, from what is on record and the stored figures.

use std::sync::Arc;

use crossmargin::v1::{self, RequirementStatus};
use jiff::civil::Date;

use super::{
    ReadError, Reader, Visibility,
    adjustment::{adjusted, has_ended},
    figures::Breaks,
    rules::{Charged, Effect, Standing},
    selected::{Selected, Source},
};
use crate::{
    arrangement::{
        cycle::{Cycle, Phase},
        cycle_id::{CycleId, Round},
        digest::Digest,
        fact::{Fact, Outcome},
        leg::Leg,
        link::LinkTerms,
        name::AccountId,
    },
    node::{
        catalog::{Catalog, CycleView},
        context::Context,
    },
};

/// What becomes of a link's figures in a round.
pub(crate) struct Charge {
    /// What the requirement rests on.
    pub(crate) status: RequirementStatus,
    /// What is charged of the figures.
    pub(crate) charged: Charged,
    /// Why, for a reader: a clause without a full stop.
    pub(crate) reason: String,
}

/// What the catalog says of a round.
struct OnRecord {
    round: Option<Round>,
    standing: Standing,
    claim_leaves: Option<Digest>,
    stand_alone_leaves: Option<Digest>,
    breaks: Option<Digest>,
}

impl Reader {
    /// The round of a cycle, or the one in force.
    ///
    /// # Errors
    /// This house knows no such cycle or round, or what is stored of it cannot be read.
    pub(crate) fn select(&self, cycle: CycleId, round: Option<Round>) -> Result<Selected, ReadError> {
        let adjusted = adjusted(&self.context.catalog.read().cycles, self.context.us, cycle);
        // A requirement is always answered: an adjustment of what cannot be read is not known.
        let adjusts = adjusted.and_then(|adjusted| {
            let selected = self.without_past(adjusted, None);
            selected.inspect_err(|error| tracing::warn!(%cycle, %adjusted, %error, "no adjustment is known")).ok()
        });
        let adjusts = adjusts.map(Box::new);
        Ok(Selected { past: self.past(cycle), adjusts, ..self.without_past(cycle, round)? })
    }

    /// What becomes of a link's figures in a round.
    ///
    /// # Errors
    /// Those of [`Self::select`].
    pub(crate) fn charge(&self, cycle: CycleId, round: Round, terms: &LinkTerms) -> Result<Charge, ReadError> {
        let selected = self.without_past(cycle, Some(round))?;
        let basis = selected.basis(terms);
        let v1::Requirement { reason, .. } = basis.requirement();
        Ok(Charge { status: basis.status(), charged: basis.charged(), reason })
    }

    fn without_past(&self, cycle: CycleId, round: Option<Round>) -> Result<Selected, ReadError> {
        let context = &self.context;
        let (record, registry, registry_now, newest) = {
            let catalog = context.catalog.read();
            let view = catalog.cycles.get(&cycle).ok_or_else(|| ReadError::unknown_cycle(cycle))?;
            let record = on_record(&catalog, context.us, cycle, view, round)?;
            let now = Arc::clone(&catalog.registry);
            let closing = view.closing_registry.clone().unwrap_or_else(|| Arc::clone(&now));
            (record, closing, now, newest_date(context, &catalog))
        };
        let source = match (record.claim_leaves, record.stand_alone_leaves) {
            (Some(claim), _) => Source::Claim(self.leaves(claim)?),
            (None, Some(own)) => Source::OwnLeg(self.leaves(own)?),
            (None, None) => self.on_demand(Some(cycle)),
        };
        let breaks = record.breaks.map(|digest| self.breaks(digest)).transpose()?.unwrap_or_default();
        Ok(Selected {
            cycle: Some(cycle),
            round: record.round,
            standing: record.standing,
            source,
            breaks,
            grounds: self.grounds(cycle),
            past: None,
            adjusts: None,
            bounds: context.arrangement.bounds,
            registry,
            registry_now,
            date: cycle.business_date,
            newest,
            us: context.us,
            parties: context.parties.clone(),
        })
    }

    /// The newest cycle that charges and has ended; else the newest that is open; else none, stand-alone.
    ///
    /// # Errors
    /// What is stored of it cannot be read.
    pub(crate) fn newest(&self) -> Result<Selected, ReadError> {
        let context = &self.context;
        let (cycle, registry, newest) = {
            let catalog = context.catalog.read();
            let cycle = newest_charging(&catalog, context.us);
            (cycle, Arc::clone(&catalog.registry), newest_date(context, &catalog))
        };
        match cycle {
            Some(cycle) => self.select(cycle, None),
            None => Ok(Selected {
                cycle: None,
                round: None,
                standing: Standing::Open { in_force: None },
                source: self.on_demand(None),
                breaks: Arc::default(),
                grounds: None,
                past: None,
                adjusts: None,
                bounds: context.arrangement.bounds,
                registry_now: Arc::clone(&registry),
                registry,
                date: newest,
                newest,
                us: context.us,
                parties: context.parties.clone(),
            }),
        }
    }

    /// The requirement of an account that the caller may see, at either house.
    ///
    /// # Errors
    /// There is no such account for the caller, or what is stored cannot be read.
    pub(crate) fn of_account(
        &self,
        account: &AccountId,
        cycle: Option<CycleId>,
        visibility: &Visibility,
    ) -> Result<v1::Requirement, ReadError> {
        let terms = self.link_of(account, visibility)?;
        let selected = match cycle {
            Some(cycle) => self.select(cycle, None)?,
            None => self.newest()?,
        };
        Ok(selected.requirement(&terms))
    }

    /// The link of an account, at either house, that the caller may see.
    ///
    /// # Errors
    /// There is no such account for the caller.
    pub(crate) fn link_of(&self, account: &AccountId, visibility: &Visibility) -> Result<LinkTerms, ReadError> {
        let (registry, newest) = {
            let catalog = self.context.catalog.read();
            (Arc::clone(&catalog.registry), newest_date(&self.context, &catalog))
        };
        let us = self.context.us;
        let of_leg = |leg: Leg| registry.terms_on(registry.link_of_account(leg, account)?, newest);
        let found = [us, us.other()].into_iter().filter_map(of_leg).find(|terms| visibility.shows(terms));
        found.cloned().ok_or_else(|| {
            ReadError::NotFound(format!("no link in force has account {account}: see `crossmargin links list`"))
        })
    }

    /// The breaks of a round, or of the newest that was matched, ascending by link.
    ///
    /// # Errors
    /// This house knows no such cycle or round, or the breaks cannot be read.
    pub(crate) fn breaks_of(
        &self,
        cycle: CycleId,
        round: Option<Round>,
    ) -> Result<(Option<Round>, Arc<Breaks>), ReadError> {
        let us = self.context.us;
        let (round, digest) = {
            let catalog = self.context.catalog.read();
            let view = catalog.cycles.get(&cycle).ok_or_else(|| ReadError::unknown_cycle(cycle))?;
            let rounds = &view.record.rounds;
            let round = match round {
                Some(round) => Some(known_round(&view.record, cycle, round)?),
                None => rounds.iter().rev().find(|(_, r)| r.statements[us].is_some()).map(|(round, _)| *round),
            };
            (round, round.and_then(|round| breaks_digest(&catalog, us, &view.record, round)))
        };
        let breaks = digest.map(|digest| self.breaks(digest)).transpose()?.unwrap_or_default();
        Ok((round, breaks))
    }

    fn on_demand(&self, cycle: Option<CycleId>) -> Source {
        let leaves = self.stand_alone.leaves(&self.context, cycle).map_err(|error| error.to_string());
        match leaves.and_then(|digest| self.leaves(digest).map_err(|error| error.to_string())) {
            Ok(leaves) => Source::OwnLeg(leaves),
            Err(why) => {
                // It may name positions of any account: for the house's operators, not for every reader.
                tracing::warn!(%why, "stand-alone margins are not known");
                Source::Nowhere("the house's operators see in the node's log what is missing".to_owned())
            }
        }
    }
}

/// The newest business date at this house: of its cycles and its book, else today.
fn newest_date(context: &Context, catalog: &Catalog) -> Date {
    let of_cycles = catalog.newest_opened_date();
    let of_book = catalog.book().map(|book| book.business_date);
    of_cycles.max(of_book).unwrap_or_else(|| context.today())
}

fn on_record(
    catalog: &Catalog,
    us: Leg,
    cycle: CycleId,
    view: &CycleView,
    round: Option<Round>,
) -> Result<OnRecord, ReadError> {
    let record = &view.record;
    let in_force = record.agreement().map(|(round, _)| round);
    let round = match round {
        Some(round) => Some(known_round(record, cycle, round)?),
        None => in_force.or_else(|| record.claimed_round(us)),
    };
    let outcome = record.outcomes[us].map(|outcome| Fact::Outcome { by: us, cycle, outcome });
    Ok(OnRecord {
        round,
        standing: standing(catalog, us, cycle, view, round),
        claim_leaves: round.and_then(|round| claim_leaves(catalog, us, record, round)),
        stand_alone_leaves: outcome.and_then(|fact| catalog.evidence(&fact)?.keeping.attachment),
        breaks: round.and_then(|round| breaks_digest(catalog, us, record, round)),
    })
}

/// The leaves of a cycle that requirements rest on: of the round in force, else of the newest claim, else of the fall-back.
pub(super) fn leaves_of(catalog: &Catalog, us: Leg, cycle: CycleId, view: &CycleView) -> Option<Digest> {
    let found = on_record(catalog, us, cycle, view, None).ok()?;
    found.claim_leaves.or(found.stand_alone_leaves)
}

fn standing(catalog: &Catalog, us: Leg, cycle: CycleId, view: &CycleView, round: Option<Round>) -> Standing {
    let record = &view.record;
    let in_force = record.agreement().map(|(round, _)| round);
    let agreed = round.and_then(|round| Some((round, record.rounds.get(&round)?.agreed()?)));
    let is_one_sided = record.phase(us) == Phase::AgreedAtOneHouse;
    match (agreed, in_force, record.outcomes[us]) {
        (Some((round, content)), _, _) => Standing::Agreed {
            effect: effect(catalog, us, cycle, record, (round, content)),
            superseded_by: in_force.filter(|in_force| *in_force > round),
            is_one_sided,
        },
        (None, Some(in_force), _) if record.is_cut_off => Standing::CutOff { in_force },
        (None, Some(in_force), _) => Standing::Open { in_force: Some(in_force) },
        (None, None, Some(Outcome::FallenBack(cause))) => Standing::FallenBack { cause, is_one_sided },
        (None, None, _) => Standing::Open { in_force: None },
    }
}

/// What the agreement of a round does to the charge, by this house's own word on record.
fn effect(catalog: &Catalog, us: Leg, cycle: CycleId, record: &Cycle, (round, content): (Round, Digest)) -> Effect {
    let outcome = |is_late| {
        let outcome = Outcome::Agreed { round, content, is_late };
        catalog.evidence(&Fact::Outcome { by: us, cycle, outcome })
    };
    match (outcome(false), outcome(true)) {
        (Some(_), _) => Effect::OnTime,
        (None, Some(late)) if late.keeping.is_prospective => Effect::FromThenOn,
        (None, Some(_)) => Effect::Informs,
        // The outcome is about to be recorded; after the cut-off nothing is charged before it is.
        (None, None) if record.is_cut_off => Effect::Informs,
        (None, None) => Effect::OnTime,
    }
}

fn known_round(record: &Cycle, cycle: CycleId, round: Round) -> Result<Round, ReadError> {
    if record.rounds.contains_key(&round) {
        return Ok(round);
    }
    let newest = record.rounds.keys().next_back().map_or(0, |round| round.0);
    Err(ReadError::NotFound(format!("cycle {cycle} has no round {round}: its newest is {newest}")))
}

/// The digest of the leaves of this house's claim for a round.
pub(super) fn claim_leaves(catalog: &Catalog, us: Leg, record: &Cycle, round: Round) -> Option<Digest> {
    let claim = record.rounds.get(&round)?.claims[us]?;
    catalog.by_digest(us, claim.digest)?.keeping.attachment
}

/// The digest of the breaks of a round that this house has matched.
pub(super) fn breaks_digest(catalog: &Catalog, us: Leg, record: &Cycle, round: Round) -> Option<Digest> {
    let statement = record.rounds.get(&round)?.statements[us]?;
    catalog.by_digest(us, statement)?.keeping.attachment
}

/// The newest cycle that charges and has an agreement or fell back; else the newest that is open here.
fn newest_charging(catalog: &Catalog, us: Leg) -> Option<CycleId> {
    let charging = || {
        let open = catalog.cycles.iter().rev();
        open.filter(|(id, view)| id.kind.charges() && view.record.opened[us])
    };
    let ended = charging().find(|(_, view)| has_ended(view, us));
    ended.or_else(|| charging().next()).map(|(id, _)| *id)
}
