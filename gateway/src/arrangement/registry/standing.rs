//! Where a link stands on a date: a pure function of both logs, with what keeps it from going further.

use std::fmt;

use crossmargin::v1;
use jiff::civil::Date;

use super::{
    Registry,
    change::{Scope, Step, Suspension, SuspensionId},
    log::{OwnLink, document_name},
    stage::Stage,
};
use crate::arrangement::{
    leg::{Leg, Pair},
    link::{LinkKind, LinkTerms},
    name::{HouseId, LinkId, MemberId},
    parties::ArrangementMode,
};

/// Where a link stands on a date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The stage.
    pub stage: Stage,
    /// What keeps it from going further; empty for a live link.
    pub obstacles: Vec<Obstacle>,
}

/// Something that keeps a link from going further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A house has not recorded it.
    NotRecorded(Leg),
    /// The houses recorded different terms: the fields.
    TermsDiffer(Vec<&'static str>),
    /// A house does not hold a document.
    Document(Leg, v1::DocumentKind),
    /// A house has not consented to a step.
    Consent(Leg, Step),
    /// A suspension is in force.
    Suspended(SuspensionId, Suspension),
    /// A house has not recorded the member.
    MemberUnknown(Leg),
    /// The member is not a clearing member of a house on the date.
    Membership(Leg),
    /// A house does not record the member as a broker-dealer on the date.
    BrokerDealer(Leg),
    /// A house does not record the member as a futures commission merchant on the date.
    Merchant(Leg),
    /// A house does not record the affiliate as eligible on the date.
    Affiliate(Leg),
    /// A house does not record that the customer has opted in at the member on the date.
    Customer(Leg),
    /// A house's account is not designated as a cross-margin account.
    Undesignated(Leg),
    /// No approval of this kind is effective on the date.
    Approval(v1::ApprovalKind),
    /// The arrangement as a whole is in rehearsal.
    ArrangementRehearsed,
    /// A house is closing it.
    ClosedBy(Leg),
}

impl Registry {
    /// Where a link stands on a date; `None` where neither house recorded it.
    #[must_use]
    pub fn standing(&self, link: &LinkId, date: Date) -> Option<Standing> {
        let own = Pair::from_fn(|leg| self.logs[leg].links.get(link).map(AsRef::as_ref));
        let missing: Vec<Leg> = Leg::BOTH.into_iter().filter(|leg| own[*leg].is_none()).collect();
        let Some(both) = own.both() else {
            let [absent] = missing[..] else { return None };
            let (stage, obstacle) = match own[absent.other()].and_then(|own| own.word) {
                Some(Step::End) => (Stage::Closed, Obstacle::ClosedBy(absent.other())),
                _ => (Stage::Proposed, Obstacle::NotRecorded(absent)),
            };
            return Some(Standing { stage, obstacles: vec![obstacle] });
        };
        Some(self.joined_standing(link, both, date))
    }

    fn joined_standing(&self, link: &LinkId, own: Pair<&OwnLink>, date: Date) -> Standing {
        let words = own.map(|own| own.word);
        let said =
            |step: Step| Leg::BOTH.into_iter().filter(move |leg| words[*leg] == Some(step)).map(Obstacle::ClosedBy);
        let ended: Vec<Obstacle> = said(Step::End).collect();
        if !ended.is_empty() {
            // A house that has ended it freezes its account no more: there is nothing left to margin jointly.
            return Standing { stage: Stage::Closed, obstacles: ended };
        }
        if own.treasury.terms != own.futures.terms {
            let fields = differing_fields(&own.treasury.terms, &own.futures.terms);
            return Standing { stage: Stage::Proposed, obstacles: vec![Obstacle::TermsDiffer(fields)] };
        }
        let mut obstacles: Vec<Obstacle> = said(Step::Close).collect();
        // Where a house never consented, the link was in no cycle: no positions leave it.
        if !obstacles.is_empty() && words.both().is_some() {
            return Standing { stage: Stage::Closing, obstacles };
        }
        let before_documents = obstacles.len();
        for (leg, own) in own.iter() {
            obstacles.extend(own.missing_documents(&self.rules).map(|kind| Obstacle::Document(leg, kind)));
        }
        if obstacles.len() > before_documents {
            return Standing { stage: Stage::Proposed, obstacles };
        }
        let lacks = |step: Step| {
            let legs = Leg::BOTH.into_iter().filter(move |leg| words[*leg].is_none_or(|word| word < step));
            legs.map(move |leg| Obstacle::Consent(leg, step))
        };
        obstacles.extend(lacks(Step::Rehearse));
        if !obstacles.is_empty() {
            return Standing { stage: Stage::Documented, obstacles };
        }
        // Invariant: both houses recorded the same terms.
        let terms = self.terms_on(link, date).unwrap_or(&own.treasury.terms);
        obstacles
            .extend(self.suspensions_of(terms).map(|(id, suspension)| Obstacle::Suspended(id, suspension.clone())));
        self.ineligibilities(terms, date, &mut obstacles);
        if !obstacles.is_empty() {
            return Standing { stage: Stage::Suspended, obstacles };
        }
        obstacles.extend(lacks(Step::GoLive));
        obstacles.extend(self.missing_approvals(terms.kind, date).map(Obstacle::Approval));
        if self.rules.mode == ArrangementMode::Rehearsal {
            obstacles.push(Obstacle::ArrangementRehearsed);
        }
        let stage = if obstacles.is_empty() { Stage::Live } else { Stage::Rehearsing };
        Standing { stage, obstacles }
    }

    /// Why a link of these terms cannot be charged reduced on a date, apart from suspensions, consents and approvals.
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
            let account = log.own_accounts.get(&terms.accounts[leg]);
            if account.is_some_and(|account| account.usage != v1::AccountUse::CrossMargin) {
                obstacles.push(Obstacle::Undesignated(leg));
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
        let holds = |period: Option<super::super::programme::Period>| period.is_some_and(|p| p.contains(date));
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

    /// The suspensions in force that touch a link of these terms, of either house.
    fn suspensions_of(&self, terms: &LinkTerms) -> impl Iterator<Item = (SuspensionId, &Suspension)> {
        let (link, member) = (terms.link.clone(), terms.member.clone());
        self.suspensions_in_force().filter(move |(_, suspension)| match &suspension.scope {
            Scope::Link(suspended) => *suspended == link,
            Scope::Member(suspended) => *suspended == member,
            Scope::Everything => true,
        })
    }

    /// The suspensions that not both houses have consented to lift.
    pub(super) fn suspensions_in_force(&self) -> impl Iterator<Item = (SuspensionId, &Suspension)> {
        let all = Leg::BOTH.into_iter().flat_map(|leg| self.logs[leg].suspensions.iter());
        all.filter(|(id, _)| !self.is_lifted(**id)).map(|(id, suspension)| (*id, suspension))
    }

    pub(super) fn is_lifted(&self, id: SuspensionId) -> bool {
        Leg::BOTH.into_iter().all(|leg| self.logs[leg].lifts.contains(&id))
    }

    /// The approvals that a kind of link requires and of which none is effective on a date.
    pub(super) fn missing_approvals(&self, kind: LinkKind, date: Date) -> impl Iterator<Item = v1::ApprovalKind> {
        let required = self.rules.requires(kind).approvals.iter();
        required.copied().filter(move |approval| {
            !self.approvals().any(|joined| {
                joined.record.kind == *approval && joined.record.scope.contains(&kind) && joined.is_effective(date)
            })
        })
    }

    /// The most that both houses' overrides let be granted for a link on a date, in basis points; 10,000 without one.
    #[must_use]
    pub fn cap_bp(&self, terms: &LinkTerms, date: Date) -> u32 {
        let scopes = [Scope::Link(terms.link.clone()), Scope::Member(terms.member.clone()), Scope::Everything];
        let limits = Leg::BOTH.into_iter().flat_map(|leg| {
            let overrides = &self.logs[leg].overrides;
            scopes.iter().filter_map(|scope| overrides.get(scope)).filter(|limit| limit.in_force.contains(date))
        });
        limits.map(|limit| limit.max_factor_bp).min().unwrap_or(10_000)
    }
}

impl Obstacle {
    /// The house that can remove it alone; `None` where it takes both, or neither can.
    #[must_use]
    pub fn left_to(&self) -> Option<Leg> {
        match self {
            Self::NotRecorded(leg)
            | Self::Document(leg, _)
            | Self::Consent(leg, _)
            | Self::MemberUnknown(leg)
            | Self::Membership(leg)
            | Self::BrokerDealer(leg)
            | Self::Merchant(leg)
            | Self::Affiliate(leg)
            | Self::Customer(leg)
            | Self::Undesignated(leg) => Some(*leg),
            Self::TermsDiffer(_)
            | Self::Suspended(..)
            | Self::Approval(_)
            | Self::ArrangementRehearsed
            | Self::ClosedBy(_) => None,
        }
    }

    /// What is in the way and what would help, for a reader of either house.
    #[must_use]
    pub fn text(&self, registry: &Registry) -> String {
        let programme = registry.programme();
        let house = |leg: &Leg| -> &HouseId { &programme.houses[*leg] };
        match self {
            Self::NotRecorded(leg) => format!("{} has not recorded it: it has to record the same terms", house(leg)),
            Self::TermsDiffer(fields) => {
                format!("the houses recorded different terms ({}): one of them has to amend its own", fields.join(", "))
            }
            Self::Document(leg, kind) => {
                format!("{} holds no {}: it has to record the document", house(leg), document_name(*kind))
            }
            Self::Consent(leg, step) => {
                format!("{} has not consented to {}: it has to record the stage", house(leg), step.stage())
            }
            Self::Suspended(id, suspension) => format!(
                "{} suspended {} ({}): {}; both houses have to lift it",
                house(&id.by),
                suspension.scope,
                id.text(programme),
                suspension.reason
            ),
            Self::MemberUnknown(leg) => format!("{} has not recorded the member", house(leg)),
            Self::Membership(leg) => format!("the member is not a clearing member of {} on the date", house(leg)),
            Self::BrokerDealer(leg) => {
                format!("{} does not record the member as a registered broker-dealer on the date", house(leg))
            }
            Self::Merchant(leg) => {
                format!(
                    "{} does not record the member as a registered futures commission merchant on the date",
                    house(leg)
                )
            }
            Self::Affiliate(leg) => format!("{} does not record the affiliate as eligible on the date", house(leg)),
            Self::Customer(leg) => {
                format!("{} does not record that the customer has opted in at the member on the date", house(leg))
            }
            Self::Undesignated(leg) => {
                format!("{} has recorded its account as a regular one: it has to designate it", house(leg))
            }
            Self::Approval(kind) => format!(
                "no {} is effective on the date: both houses have to record the same approval",
                kind.as_str_name().trim_start_matches("APPROVAL_KIND_")
            ),
            Self::ArrangementRehearsed => "the arrangement as a whole is in rehearsal".to_owned(),
            Self::ClosedBy(leg) => format!("{} closes it", house(leg)),
        }
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

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stage().fmt(f)
    }
}
