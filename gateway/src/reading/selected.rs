//! A round that was chosen, and what its requirements are, link by link.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Visibility,
    adjustment::adjustment,
    amounts::usd,
    differential::Past,
    figures::{Breaks, Leaves, cause_of},
    grants::{Grounds, link_now},
    rules::{Basis, Figures, Standing},
    totals::LinkRequirement,
};
use crate::arrangement::{
    cycle_id::{CycleId, Round},
    leaf::FactorBounds,
    leg::{Leg, Pair},
    link::{LinkMode, LinkTerms},
    name::LinkId,
    parties::Parties,
    registry::Registry,
};

/// A round with everything that its requirements follow from.
pub(crate) struct Selected {
    pub(super) cycle: Option<CycleId>,
    pub(super) round: Option<Round>,
    pub(super) standing: Standing,
    pub(super) source: Source,
    pub(super) breaks: Arc<Breaks>,
    pub(super) grounds: Option<Grounds>,
    pub(super) past: Option<Past>,
    /// The cycle that this one adjusts.
    pub(super) adjusts: Option<Box<Selected>>,
    pub(super) bounds: FactorBounds,
    /// The registry that charges follow from: as of the cycle's cut-off, and before it the newest.
    pub(super) registry: Arc<Registry>,
    /// The newest registry.
    pub(super) registry_now: Arc<Registry>,
    /// The business date of the cycle; without one, of the newest book.
    pub(super) date: Date,
    /// The newest business date at this house: who carries a link on it sees the link's past too.
    pub(super) newest: Date,
    pub(super) us: Leg,
    pub(super) parties: Parties,
}

/// Where figures come from.
pub(super) enum Source {
    /// This house's claim.
    Claim(Arc<Leaves>),
    /// This house's own leg.
    OwnLeg(Arc<Leaves>),
    /// Nowhere, and why.
    Nowhere(String),
}

impl Selected {
    /// The requirement of a link.
    pub(crate) fn requirement(&self, terms: &LinkTerms) -> v1::Requirement {
        let cycle = self.cycle_to_wire();
        let differential = self.past.as_ref().map(|past| past.differential(&terms.link).to_string());
        let basis = self.basis(terms);
        let adjustment = self.adjustment(&basis).map(|cents| cents.map(usd).unwrap_or_default());
        let adjusts = self.adjusts.as_ref().and_then(|adjusted| adjusted.cycle);
        v1::Requirement {
            cycle,
            portfolio_differential: differential.unwrap_or_default(),
            adjusts: adjusts.map(|adjusts| adjusts.to_wire(self.parties.arrangement.as_str())),
            treasury_adjustment: adjustment.treasury,
            futures_adjustment: adjustment.futures,
            ..basis.requirement()
        }
    }

    /// What can be summed of a link's requirement.
    pub(super) fn link_requirement(&self, terms: &LinkTerms) -> LinkRequirement {
        let basis = self.basis(terms);
        let (status, amounts) = (basis.status(), basis.amounts());
        LinkRequirement { kind: terms.kind, owner: terms.owner.clone(), status, amounts }
    }

    /// The cycle for the wire.
    pub(super) fn cycle_to_wire(&self) -> Option<v1::CycleId> {
        self.cycle.map(|cycle| cycle.to_wire(self.parties.arrangement.as_str()))
    }

    /// What a link's totals change by against the cycle that this one adjusts; known once this one charges.
    fn adjustment(&self, basis: &Basis<'_>) -> Pair<Option<i64>> {
        match &self.adjusts {
            Some(adjusted) if basis.has_ended() => adjustment(&basis.amounts(), &adjusted.basis(basis.terms).amounts()),
            _ => Pair::default(),
        }
    }

    /// The requirement of a link by its id; `None` where both houses never recorded the same.
    pub(crate) fn requirement_of(&self, link: &LinkId) -> Option<v1::Requirement> {
        Some(self.requirement(self.registry.terms_on(link, self.date)?))
    }

    pub(super) fn basis<'a>(&'a self, terms: &'a LinkTerms) -> Basis<'a> {
        let figures = match &self.source {
            Source::Claim(leaves) => leaves.get(&terms.link).map(Figures::Joint),
            Source::OwnLeg(leaves) => leaves.get(&terms.link).map(Figures::OwnLeg),
            Source::Nowhere(why) => Some(Figures::Unknown(why)),
        };
        let figures = figures.unwrap_or(Figures::Unknown("the link was not in force when they were computed"));
        let mode = match figures {
            Figures::Joint(leaf) | Figures::OwnLeg(leaf) => mode_of(leaf),
            Figures::Unknown(_) => None,
        };
        let by_registry = self.registry.link_on(&terms.link, self.date).map(|(_, mode)| mode);
        let mode = match (mode, figures) {
            // A round may have been agreed before a house took the link back: then nothing is charged by it.
            (Some(LinkMode::Live), Figures::Joint(leaf) | Figures::OwnLeg(leaf)) => {
                let is_limited = self.registry.cap_bp(terms, self.date) < leaf.applied_factor_bp;
                by_registry.filter(|_| !is_limited).unwrap_or(LinkMode::Suspended)
            }
            (mode, _) => mode.or(by_registry).unwrap_or(LinkMode::Rehearsal),
        };
        let advance = self.grounds.as_ref().zip(self.cycle).map(|(grounds, cycle)| {
            let override_bp = self.registry.cap_bp(terms, cycle.business_date);
            grounds.advance(
                &terms.link,
                link_now(&self.registry, terms, mode, cycle.business_date),
                override_bp,
                &self.bounds,
            )
        });
        Basis {
            us: self.us,
            kind: self.cycle.map(|cycle| cycle.kind),
            round: self.round,
            arrangement: self.parties.arrangement.as_str(),
            arrangement_mode: self.parties.mode,
            terms,
            mode,
            figures,
            standing: self.standing,
            break_cause: cause_of(&self.breaks, &terms.link),
            advance,
        }
    }

    /// The links of the round that the caller may see, after `after`, ascending.
    pub(crate) fn links<'a>(
        &'a self,
        after: Option<&'a LinkId>,
        visibility: &'a Visibility,
    ) -> impl Iterator<Item = &'a LinkTerms> {
        let links: BTreeSet<&LinkId> = match &self.source {
            Source::Claim(leaves) | Source::OwnLeg(leaves) => leaves.keys().chain(self.breaks.keys()).collect(),
            Source::Nowhere(_) => self.registry.links_on(self.date).map(|(terms, _)| &terms.link).collect(),
        };
        links
            .into_iter()
            .filter(move |link| after.is_none_or(|after| *link > after))
            .filter_map(|link| self.registry.terms_on(link, self.date))
            .filter(|terms| {
                // A link that moved shows its past to whom it moved.
                let is_theirs_now =
                    || self.registry_now.terms_on(&terms.link, self.newest).is_some_and(|now| visibility.shows(now));
                visibility.shows(terms) || is_theirs_now()
            })
    }

    /// The round that the requirements rest on.
    pub(crate) fn round(&self) -> Option<Round> {
        self.round
    }
}

/// The mode of a leaf; `None` where it names none.
pub(super) fn mode_of(leaf: &v1::MarginLeaf) -> Option<LinkMode> {
    match leaf.mode() {
        v1::LinkMode::Live => Some(LinkMode::Live),
        v1::LinkMode::Rehearsal => Some(LinkMode::Rehearsal),
        v1::LinkMode::Suspended => Some(LinkMode::Suspended),
        v1::LinkMode::Unspecified => None,
    }
}
