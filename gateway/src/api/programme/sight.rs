//! What a caller sees of the programme. A member sees the links that it carries now, a customer those that it owns.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1;
use jiff::civil::Date;
use tonic::Status;

use super::history::before_moves_to;
use crate::{
    api::status::unreadable,
    arrangement::{
        leg::Leg,
        link::LinkTerms,
        name::{LinkId, MemberId},
        registry::{JoinedLink, JoinedPort, JoinedSuspension, Obstacle, Registry, Scope, SuspensionId},
    },
    identity::Role,
    node::context::Context,
    reading::Visibility,
    wire,
};

/// What a caller sees, by the registry as it is now.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) registry: Arc<Registry>,
    visibility: Visibility,
    /// The leg of the house that answers.
    us: Leg,
    /// Today by the house's clock.
    today: Date,
    /// The date on which a member has to carry a link to see it: today, or the newest business date of which this house
    /// has opened a cycle, whichever is later.
    now: Date,
    /// The suspensions of which the caller is not told why: those of links that moved to it afterwards.
    unexplained: BTreeSet<SuspensionId>,
}

impl Sight {
    /// What a role sees now.
    pub(super) fn of(context: &Context, role: &Role) -> Self {
        let today = context.today();
        let catalog = context.catalog.read();
        let opened = catalog.newest_opened_date();
        let visibility = Visibility::of(role);
        let unexplained = match &visibility {
            Visibility::Member(member) => before_moves_to(&catalog, member),
            Visibility::All | Visibility::Owner(_) => BTreeSet::new(),
        };
        Self {
            registry: Arc::clone(&catalog.registry),
            visibility,
            unexplained,
            us: context.us,
            today,
            now: opened.map_or(today, |date| today.max(date)),
        }
    }

    /// Whether the caller sees everything.
    pub(super) fn is_all(&self) -> bool {
        self.visibility.is_all()
    }

    /// Whether the caller is a member.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.visibility, Visibility::Member(_))
    }

    /// Whether the caller may see a member.
    pub(super) fn shows_member(&self, member: &MemberId) -> bool {
        self.visibility.shows_member(member)
    }

    /// The date of a request; today by the house's clock where none is given.
    pub(super) fn date(&self, text: &str) -> Result<Date, Status> {
        match text {
            "" => Ok(self.today),
            text => wire::date("date", text).map_err(unreadable),
        }
    }

    /// Whether the caller may see terms.
    pub(super) fn shows(&self, terms: &LinkTerms) -> bool {
        self.visibility.shows(terms)
    }

    /// The terms of a link as the caller sees it on a date, and the date of which it is told; `None` where the link
    /// does not exist for the caller. Who carries it now sees it, whatever the date; a date on which another carries it
    /// is answered as of now, so that nothing is told of the other one. Until both houses recorded it alike, this
    /// house's own terms say whose it is.
    pub(super) fn link<'a>(
        &'a self,
        link: &LinkId,
        joined: &JoinedLink<'a>,
        date: Date,
    ) -> Option<(&'a LinkTerms, Date)> {
        let on = |date| self.registry.terms_on(link, date).or(joined.terms[self.us]);
        if self.is_all() {
            return Some((on(date).or(joined.terms[self.us.other()])?, date));
        }
        let now = on(self.now).filter(|terms| self.shows(terms))?;
        match on(date).filter(|terms| self.shows(terms)) {
            Some(terms) => Some((terms, date)),
            None => Some((now, self.now)),
        }
    }

    fn shows_link(&self, link: &LinkId) -> bool {
        self.registry.joined_link(link).is_some_and(|joined| self.link(link, &joined, self.now).is_some())
    }

    /// Whether the caller sees a move: its owner and the members on both sides do once both houses signed it; before
    /// that it is a proposal, for who carries the link.
    pub(super) fn shows_port(&self, link: &LinkId, port: &JoinedPort<'_>) -> bool {
        if self.is_all() {
            return true;
        }
        let is_signed = port.by.treasury && port.by.futures;
        match self.registry.terms_on(link, port.effective_from).filter(|_| is_signed) {
            None => self.shows_link(link),
            Some(_) => self.shows(port.to) || self.before(link, port).is_some_and(|terms| self.shows(terms)),
        }
    }

    /// The member that carries a link before a move.
    pub(super) fn giver(&self, link: &LinkId, port: &JoinedPort<'_>) -> Option<&MemberId> {
        self.before(link, port).map(|terms| &terms.member)
    }

    fn before(&self, link: &LinkId, port: &JoinedPort<'_>) -> Option<&LinkTerms> {
        self.registry.terms_on(link, port.effective_from.yesterday().ok()?)
    }

    /// A move that the caller sees, with the figures of it that it sees: who receives a link receives its past once the
    /// move has come, and who gives it away never sees what follows.
    pub(super) fn port(&self, effective_from: Date, view: v1::PortView) -> v1::PortView {
        let is_own = |requirement: &v1::Requirement| {
            let terms = requirement.link.as_ref().and_then(|terms| LinkTerms::from_wire(terms).ok());
            terms.is_some_and(|terms| self.shows(&terms))
        };
        let is_receiver = match &self.visibility {
            Visibility::All => return view,
            Visibility::Owner(_) => view.is_signed_by_both,
            Visibility::Member(member) => view.is_signed_by_both && view.to_member == member.as_str(),
        };
        let has_come = effective_from <= self.now;
        v1::PortView {
            before: view.before.filter(|before| is_own(before) || (is_receiver && has_come)),
            after: view.after.filter(|after| is_own(after) && is_receiver),
            ..view
        }
    }

    /// Whether the caller sees a suspension of a scope.
    pub(super) fn shows_scope(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Everything => true,
            Scope::Member(member) => self.visibility.shows_member(member),
            Scope::Link(link) => self.is_all() || self.shows_link(link),
        }
    }

    /// A suspension as the caller sees it.
    pub(super) fn suspension(
        &self,
        joined: &JoinedSuspension<'_>,
        recorded: Option<v1::Recorded>,
    ) -> v1::SuspensionView {
        let recorded = recorded.map(|recorded| self.recorded(recorded));
        let mut view = super::views::suspension(&self.registry, joined, recorded);
        if self.unexplained.contains(&joined.id) {
            view.reason.clear();
        }
        view
    }

    /// Who recorded something, as the caller sees it: members and customers are told the role alone.
    pub(super) fn recorded(&self, recorded: v1::Recorded) -> v1::Recorded {
        if self.is_all() {
            return recorded;
        }
        let role = recorded.by.split(',').next().unwrap_or_default().to_owned();
        v1::Recorded { by: role, ..recorded }
    }

    /// What is in the way of a link, for the caller. A customer is not told what ails its member, nor why a house
    /// suspended more than the customer's link.
    pub(super) fn obstacles(&self, obstacles: &[Obstacle]) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for obstacle in obstacles {
            let text = match &self.visibility {
                Visibility::Owner(_) => for_customer(obstacle).map(str::to_owned),
                Visibility::All | Visibility::Member(_) => None,
            };
            let text = text.unwrap_or_else(|| match obstacle {
                Obstacle::Suspended(id, suspension) if self.unexplained.contains(id) => {
                    let programme = self.registry.programme();
                    let (house, id, scope) = (&programme.houses[id.by], id.text(programme), &suspension.scope);
                    format!("{house} suspended {scope} ({id}) before it moved here; both houses have to lift it")
                }
                obstacle => obstacle.text(&self.registry),
            });
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }
}

/// What a customer is told of what is not about its own link alone; `None` for what is.
fn for_customer(obstacle: &Obstacle) -> Option<&'static str> {
    const OF_MEMBER: &str = "the member's links are suspended";
    match obstacle {
        Obstacle::Suspended(_, suspension) => match suspension.scope {
            Scope::Link(_) => None,
            Scope::Member(_) => Some(OF_MEMBER),
            Scope::Everything => Some("every link is suspended"),
        },
        Obstacle::MemberUnknown(_) | Obstacle::Membership(_) | Obstacle::BrokerDealer(_) | Obstacle::Merchant(_) => {
            Some(OF_MEMBER)
        }
        _ => None,
    }
}
