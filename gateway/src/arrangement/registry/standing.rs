//! Where a link stands on a date: a pure function of both logs, with what keeps it from going further.

use std::collections::BTreeMap;

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Registry,
    change::{Scope, Step, Suspension, SuspensionId},
    log::OwnLink,
    obstacle::{Obstacle, Remark, moves_not_in_effect},
    stage::Stage,
};
use crate::arrangement::{
    leg::{Leg, Pair},
    link::{LinkKind, LinkMode, LinkTerms},
    name::{LinkId, MemberId},
    parties::ArrangementMode,
    programme::Period,
};

/// Where a link stands on a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The stage.
    pub stage: Stage,
    /// What keeps it from going further; empty for a live link.
    pub obstacles: Vec<Obstacle>,
    /// What keeps it from nothing and should be known: moves that are not in effect.
    pub remarks: Vec<Remark>,
}

/// The registry on one date, with what is in force then found once for all links: a history of suspensions that were
/// lifted long ago is walked once and not for each of a hundred thousand links.
#[derive(Debug)]
pub struct OnDate<'a> {
    registry: &'a Registry,
    date: Date,
    of_links: BTreeMap<&'a LinkId, Vec<InForce<'a>>>,
    of_members: BTreeMap<&'a MemberId, Vec<InForce<'a>>>,
    of_everything: Vec<InForce<'a>>,
    /// The approvals that a kind of link requires and of which none is effective.
    missing_approvals: BTreeMap<LinkKind, Vec<v1::ApprovalKind>>,
}

/// A suspension in force.
type InForce<'a> = (SuspensionId, &'a Suspension);

impl Standing {
    fn at(stage: Stage, obstacles: Vec<Obstacle>) -> Self {
        Self { stage, obstacles, remarks: Vec::new() }
    }
}

impl<'a> OnDate<'a> {
    fn new(registry: &'a Registry, date: Date) -> Self {
        let kinds = [LinkKind::House, LinkKind::Affiliate, LinkKind::Customer];
        let missing_approvals = kinds.map(|kind| (kind, registry.missing_approvals(kind, date))).into();
        let mut on = Self {
            registry,
            date,
            of_links: BTreeMap::new(),
            of_members: BTreeMap::new(),
            of_everything: Vec::new(),
            missing_approvals,
        };
        for (id, suspension) in registry.suspensions_in_force() {
            let of_scope = match &suspension.scope {
                Scope::Link(link) => on.of_links.entry(link).or_default(),
                Scope::Member(member) => on.of_members.entry(member).or_default(),
                Scope::Everything => &mut on.of_everything,
            };
            of_scope.push((id, suspension));
        }
        on
    }

    /// A link that takes part in the cycles of the date, with its terms and mode.
    #[must_use]
    pub fn link(&self, link: &LinkId) -> Option<(&'a LinkTerms, LinkMode)> {
        let mode = self.standing(link)?.stage.mode()?;
        Some((self.registry.terms_on(link, self.date)?, mode))
    }

    /// Where a link stands; `None` where neither house recorded it.
    #[must_use]
    pub fn standing(&self, link: &LinkId) -> Option<Standing> {
        let own = Pair::from_fn(|leg| self.registry.logs[leg].links.get(link).map(AsRef::as_ref));
        let missing: Vec<Leg> = Leg::BOTH.into_iter().filter(|leg| own[*leg].is_none()).collect();
        let Some(both) = own.both() else {
            let [absent] = missing[..] else { return None };
            let (stage, obstacle) = match own[absent.other()].and_then(|own| own.word) {
                Some(Step::End) => (Stage::Closed, Obstacle::ClosedBy(absent.other())),
                _ => (Stage::Proposed, Obstacle::NotRecorded(absent)),
            };
            return Some(Standing::at(stage, vec![obstacle]));
        };
        Some(self.joined(link, both))
    }

    fn joined(&self, link: &LinkId, own: Pair<&OwnLink>) -> Standing {
        let words = own.map(|own| own.word);
        let said =
            |step: Step| Leg::BOTH.into_iter().filter(move |leg| words[*leg] == Some(step)).map(Obstacle::ClosedBy);
        let ended: Vec<Obstacle> = said(Step::End).collect();
        if !ended.is_empty() {
            // A house that has ended it freezes its account no more: there is nothing left to margin jointly.
            return Standing::at(Stage::Closed, ended);
        }
        if own.treasury.terms != own.futures.terms {
            let fields = differing_fields(&own.treasury.terms, &own.futures.terms);
            return Standing::at(Stage::Proposed, vec![Obstacle::TermsDiffer(fields)]);
        }
        // Invariant: both houses recorded the same terms.
        let terms = self.registry.terms_on(link, self.date).unwrap_or(&own.treasury.terms);
        let (stage, obstacles) = self.agreed(terms, own);
        Standing { stage, obstacles, remarks: moves_not_in_effect(own, self.date) }
    }

    /// Where a link stands of which both houses recorded the same terms; `terms` are those of the date.
    fn agreed(&self, terms: &LinkTerms, own: Pair<&OwnLink>) -> (Stage, Vec<Obstacle>) {
        let words = own.map(|own| own.word);
        let said = |step: Step| Leg::BOTH.into_iter().filter(move |leg| words[*leg] == Some(step));
        let mut obstacles: Vec<Obstacle> = said(Step::Close).map(Obstacle::ClosedBy).collect();
        // Where a house never consented, the link was in no cycle: no positions leave it.
        let is_consented = words.both().is_some();
        if !obstacles.is_empty() && is_consented {
            return (Stage::Closing, obstacles);
        }
        // Documents bind the member that signed: after a move those of the new one are asked for.
        let rules = &self.registry.rules;
        let documents = own.iter().flat_map(|(leg, own)| {
            let missing = own.missing_documents(rules, &terms.member, self.date);
            missing.map(move |kind| Obstacle::Document(leg, kind))
        });
        let documents: Vec<Obstacle> = documents.collect();
        if !documents.is_empty() && !is_consented {
            obstacles.extend(documents);
            return (Stage::Proposed, obstacles);
        }
        let lacks = |step: Step| {
            let legs = Leg::BOTH.into_iter().filter(move |leg| words[*leg].is_none_or(|word| word < step));
            legs.map(move |leg| Obstacle::Consent(leg, step))
        };
        obstacles.extend(lacks(Step::Rehearse));
        if !obstacles.is_empty() {
            return (Stage::Documented, obstacles);
        }
        obstacles
            .extend(self.suspensions_of(terms).map(|(id, suspension)| Obstacle::Suspended(id, suspension.clone())));
        obstacles.extend(documents);
        self.registry.ineligibilities(terms, self.date, &mut obstacles);
        if !obstacles.is_empty() {
            return (Stage::Suspended, obstacles);
        }
        obstacles.extend(lacks(Step::GoLive));
        let approvals = self.missing_approvals.get(&terms.kind).into_iter().flatten();
        obstacles.extend(approvals.copied().map(Obstacle::Approval));
        if rules.mode == ArrangementMode::Rehearsal {
            obstacles.push(Obstacle::ArrangementRehearsed);
        }
        (if obstacles.is_empty() { Stage::Live } else { Stage::Rehearsing }, obstacles)
    }

    /// The suspensions in force that touch a link of these terms, by id.
    fn suspensions_of(&self, terms: &LinkTerms) -> impl Iterator<Item = InForce<'a>> {
        let of_link = self.of_links.get(&terms.link).into_iter().flatten();
        let of_member = self.of_members.get(&terms.member).into_iter().flatten();
        let mut touching: Vec<InForce<'a>> = of_link.chain(of_member).chain(&self.of_everything).copied().collect();
        touching.sort_by_key(|(id, _)| *id);
        touching.into_iter()
    }
}

impl Registry {
    /// The registry on a date: for whoever asks of many links.
    #[must_use]
    pub fn on(&self, date: Date) -> OnDate<'_> {
        OnDate::new(self, date)
    }

    /// Where a link stands on a date; `None` where neither house recorded it.
    #[must_use]
    pub fn standing(&self, link: &LinkId, date: Date) -> Option<Standing> {
        self.on(date).standing(link)
    }

    /// Why a link of these terms cannot be charged reduced on a date, apart from suspensions, documents, consents and
    /// approvals.
    pub(super) fn ineligibilities(&self, terms: &LinkTerms, date: Date, obstacles: &mut Vec<Obstacle>) {
        let owner = (terms.member.clone(), terms.owner.clone());
        for leg in Leg::BOTH {
            self.member_obstacles(leg, &terms.member, terms.kind, date, obstacles);
            let log = &self.logs[leg];
            match terms.kind {
                LinkKind::House => {}
                LinkKind::Affiliate => {
                    if !log.affiliates.get(&owner).is_some_and(|eligible| eligible.contains(date)) {
                        obstacles.push(Obstacle::Affiliate(leg));
                    }
                }
                LinkKind::Customer => {
                    if !log.customers.get(&owner).is_some_and(|opted_in| opted_in.contains(date)) {
                        obstacles.push(Obstacle::Customer(leg));
                    }
                }
            }
            // An account that no record is about is designated, and at the link's member, by the record of the link.
            let Some(account) = log.own_accounts.get(&terms.accounts[leg]) else { continue };
            if account.usage != v1::AccountUse::CrossMargin {
                obstacles.push(Obstacle::Undesignated(leg));
            }
            if account.member != terms.member {
                obstacles.push(Obstacle::AccountMember(leg));
            }
        }
    }

    /// What a house's record of a member lacks for links of a kind.
    pub(super) fn member_obstacles(
        &self,
        leg: Leg,
        member: &MemberId,
        kind: LinkKind,
        date: Date,
        obstacles: &mut Vec<Obstacle>,
    ) {
        let Some(record) = self.logs[leg].members.get(member) else {
            obstacles.push(Obstacle::MemberUnknown(leg));
            return;
        };
        let holds = |period: Option<Period>| period.is_some_and(|period| period.contains(date));
        if !holds(record.membership) {
            obstacles.push(Obstacle::Membership(leg));
        }
        if kind == LinkKind::Customer {
            if !holds(record.broker_dealer) {
                obstacles.push(Obstacle::BrokerDealer(leg));
            }
            if !holds(record.futures_commission_merchant) {
                obstacles.push(Obstacle::Merchant(leg));
            }
        }
    }

    /// The suspensions that not both houses have consented to lift.
    pub(super) fn suspensions_in_force(&self) -> impl Iterator<Item = (SuspensionId, &Suspension)> {
        let all = Leg::BOTH.into_iter().flat_map(|leg| self.logs[leg].suspensions.iter());
        all.filter(|(id, _)| !self.is_lifted(**id)).map(|(id, suspension)| (*id, suspension))
    }

    fn is_lifted(&self, id: SuspensionId) -> bool {
        Leg::BOTH.into_iter().all(|leg| self.logs[leg].lifts.contains(&id))
    }

    /// The approvals that a kind of link requires and of which none is effective on a date.
    fn missing_approvals(&self, kind: LinkKind, date: Date) -> Vec<v1::ApprovalKind> {
        let required = self.rules.requires(kind).approvals.iter();
        let missing = required.copied().filter(|approval| {
            !self.approvals().any(|joined| {
                joined.record.kind == *approval && joined.record.scope.contains(&kind) && joined.is_effective(date)
            })
        });
        missing.collect()
    }

    /// The most that both houses' overrides let be granted for a link on a date, in basis points; 10,000 without one.
    #[must_use]
    pub fn cap_bp(&self, terms: &LinkTerms, date: Date) -> u32 {
        let scopes = [Scope::Link(terms.link.clone()), Scope::Member(terms.member.clone()), Scope::Everything];
        let limits = Leg::BOTH.into_iter().flat_map(|leg| {
            let overrides = &self.logs[leg].overrides;
            scopes.iter().filter_map(|scope| overrides.get(scope)).flat_map(|limits| limits.values())
        });
        limits.filter(|limit| limit.in_force.contains(date)).map(|limit| limit.max_factor_bp).min().unwrap_or(10_000)
    }
}

fn differing_fields(ours: &LinkTerms, theirs: &LinkTerms) -> Vec<&'static str> {
    let differs = [
        ("kind", ours.kind != theirs.kind),
        ("member", ours.member != theirs.member),
        ("owner", ours.owner != theirs.owner),
        ("treasury_account", ours.accounts.treasury != theirs.accounts.treasury),
        ("futures_account", ours.accounts.futures != theirs.accounts.futures),
    ];
    differs.iter().filter(|(_, differs)| *differs).map(|(field, _)| *field).collect()
}
