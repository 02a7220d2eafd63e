//! Administration of the programme.

pub(super) mod history;
pub(super) mod views;
mod watch;

use std::{pin::Pin, sync::Arc};

use crossmargin::v1::{self, programme_service_server::ProgrammeService};
use futures_util::Stream;
use jiff::civil::Date;
use tonic::{Request, Response, Status};

use self::history::ChangeKey;
use super::{
    page::Page,
    status::{blocking, invalid, other_request, unreadable},
};
use crate::{
    arrangement::{
        leg::{Leg, Pair},
        link::LinkKind,
        name::{LinkId, MemberId},
        registry::{Registry, Stage},
    },
    identity::{caller, caller::ClientIdentity},
    node::{Handle, catalog::Answer},
    reading::{ReadError, Reader, Visibility},
    wire,
};

/// Rows on a page where none is asked for.
const PAGE_DEFAULT: usize = 1_000;
/// Rows on a page, at most.
const PAGE_MAX: usize = 10_000;

/// The programme.
pub(super) struct ProgrammeApi {
    pub(super) handle: Handle,
    pub(super) reader: Arc<Reader>,
}

#[tonic::async_trait]
impl ProgrammeService for ProgrammeApi {
    async fn record_changes(
        &self,
        request: Request<v1::RecordChangesRequest>,
    ) -> Result<Response<v1::RecordChangesResponse>, Status> {
        let by = who(caller(&request)?);
        let request = request.into_inner();
        let request_id = request.request_id.clone();
        let is_checked_only = request.validate_only;
        let (answer, is_replay) = self.handle.record_changes(request, by).await?;
        let Answer::Changes { sequence } = answer else { return Err(other_request(&request_id)) };
        let suspension_ids = if is_checked_only { Vec::new() } else { self.suspensions_of(sequence) };
        Ok(Response::new(v1::RecordChangesResponse { sequence, is_replay, suspension_ids }))
    }

    async fn list_links(
        &self,
        request: Request<v1::ListLinksRequest>,
    ) -> Result<Response<v1::ListLinksResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let request = request.into_inner();
        let page = Page::<LinkId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let date = self.date(&request.date)?;
        let member = match request.member.as_str() {
            "" => None,
            name => Some(name.parse::<MemberId>().map_err(|error| invalid("member", error))?),
        };
        let kind = LinkKind::from_wire(request.kind());
        let stage = Stage::ALL.into_iter().find(|stage| v1::LinkStage::from(*stage) == request.stage());
        let (us, registry) = self.registry();
        let rows = registry.joined(page.after.as_ref()).filter_map(|(link, joined)| {
            let terms = registry.terms_on(link, date).or(joined.terms[us]).or(joined.terms[us.other()])?;
            let is_wanted = visibility.shows(terms)
                && member.as_ref().is_none_or(|member| terms.member == *member)
                && kind.is_none_or(|kind| terms.kind == kind);
            if !is_wanted {
                return None;
            }
            let standing = registry.standing(link, date)?;
            let is_at = stage.is_none_or(|stage| standing.stage == stage);
            is_at.then(|| (link.clone(), views::link(&registry, terms, &standing, date)))
        });
        let (rows, next_page_token) = page.take(rows, |(link, _)| link.clone());
        let links = rows.into_iter().map(|(_, link)| link).collect();
        Ok(Response::new(v1::ListLinksResponse { links, next_page_token }))
    }

    async fn get_link(&self, request: Request<v1::GetLinkRequest>) -> Result<Response<v1::GetLinkResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let request = request.into_inner();
        let link: LinkId = request.link_id.parse().map_err(|error| invalid("link_id", error))?;
        let date = self.date(&request.date)?;
        let (us, registry) = self.registry();
        let unknown = || Status::not_found(format!("there is no link {link}: see `crossmargin links list`"));
        let joined = registry.joined_link(&link).ok_or_else(unknown)?;
        let terms = registry.terms_on(&link, date).or(joined.terms[us]).or(joined.terms[us.other()]);
        let terms = terms.filter(|terms| visibility.shows(terms)).ok_or_else(unknown)?;
        let standing = registry.standing(&link, date).ok_or_else(unknown)?;
        let view = views::link(&registry, terms, &standing, date);
        let catalog = self.handle.context.catalog.read();
        // A member that a link left does not read what became of it.
        let today = registry.terms_on(&link, self.handle.context.today());
        let history = match today.is_none_or(|now| visibility.shows(now)) {
            true => history::of_link(&catalog, &self.handle.context.parties, &link, joined.entries),
            false => Vec::new(),
        };
        Ok(Response::new(v1::GetLinkResponse { link: Some(view), history }))
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let request = request.into_inner();
        let page = Page::<MemberId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let date = self.date(&request.date)?;
        let (_, registry) = self.registry();
        let rows = registry.members(page.after.as_ref()).filter(|(member, _)| visibility.shows_member(member));
        let (rows, next_page_token) = page.take(rows, |(member, _)| (*member).clone());
        let members = rows.into_iter().map(|(member, records)| views::member(&registry, member, records, date));
        Ok(Response::new(v1::ListMembersResponse { members: members.collect(), next_page_token }))
    }

    async fn list_approvals(
        &self,
        request: Request<v1::ListApprovalsRequest>,
    ) -> Result<Response<v1::ListApprovalsResponse>, Status> {
        let date = self.date(&request.into_inner().date)?;
        let (_, registry) = self.registry();
        let approvals = registry.approvals().map(|joined| views::approval(&registry, &joined, date)).collect();
        Ok(Response::new(v1::ListApprovalsResponse { approvals }))
    }

    async fn list_suspensions(
        &self,
        request: Request<v1::ListSuspensionsRequest>,
    ) -> Result<Response<v1::ListSuspensionsResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let in_force_only = request.into_inner().in_force_only;
        let (_, registry) = self.registry();
        let today = self.handle.context.today();
        let is_shown = |scope: &crate::arrangement::registry::Scope| {
            use crate::arrangement::registry::Scope;
            match scope {
                Scope::Everything => true,
                Scope::Member(member) => visibility.shows_member(member),
                Scope::Link(link) => {
                    registry.terms_on(link, today).map_or(visibility.is_all(), |t| visibility.shows(t))
                }
            }
        };
        let catalog = self.handle.context.catalog.read();
        let suspensions = registry
            .suspensions()
            .filter(|joined| !in_force_only || joined.is_in_force())
            .filter(|joined| is_shown(&joined.suspension.scope))
            .map(|joined| {
                let recorded = history::recorded(&catalog, joined.id.by, joined.id.sequence);
                views::suspension(&registry, &joined, recorded)
            });
        Ok(Response::new(v1::ListSuspensionsResponse { suspensions: suspensions.collect() }))
    }

    async fn list_ports(
        &self,
        request: Request<v1::ListPortsRequest>,
    ) -> Result<Response<v1::ListPortsResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let wanted = match request.into_inner().link_id.as_str() {
            "" => None,
            link => Some(link.parse::<LinkId>().map_err(|error| invalid("link_id", error))?),
        };
        let (_, registry) = self.registry();
        let reader = Arc::clone(&self.reader);
        let ports = blocking(move || {
            let mut ports = Vec::new();
            for (link, joined) in registry.joined(None) {
                let moves = registry.ports_of(link);
                let recorded = joined.terms.iter().filter_map(|(_, terms)| *terms);
                let mut terms = recorded.chain(moves.iter().map(|port| port.to));
                let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted == link);
                if is_wanted && !moves.is_empty() && terms.any(|terms| visibility.shows(terms)) {
                    let views = reader.ports(&registry, link)?;
                    ports.extend(views.into_iter().map(|view| views::port_for(view, &visibility)));
                }
            }
            Ok::<_, ReadError>(ports)
        });
        Ok(Response::new(v1::ListPortsResponse { ports: ports.await? }))
    }

    async fn list_changes(
        &self,
        request: Request<v1::ListChangesRequest>,
    ) -> Result<Response<v1::ListChangesResponse>, Status> {
        let request = request.into_inner();
        let page = Page::<ChangeKey>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let parties = &self.handle.context.parties;
        let only = match request.house.as_str() {
            "" => None,
            house => {
                let unknown = || invalid("house", format!("{house:?} is not a party: see the arrangement"));
                Some(parties.leg_of(house).ok_or_else(unknown)?)
            }
        };
        let catalog = self.handle.context.catalog.read();
        let rows = history::changes(&catalog, parties, only, page.after);
        let (rows, next_page_token) = page.take(rows, |(key, _)| *key);
        let changes = rows.into_iter().map(|(_, change)| change).collect();
        Ok(Response::new(v1::ListChangesResponse { changes, next_page_token }))
    }

    type WatchChangesStream = Pin<Box<dyn Stream<Item = Result<v1::WatchChangesResponse, Status>> + Send>>;

    async fn watch_changes(
        &self,
        request: Request<v1::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        let request = request.into_inner();
        let after = Pair { treasury: request.after_treasury_sequence, futures: request.after_futures_sequence };
        Ok(Response::new(Box::pin(watch::changes(&self.handle.context, after))))
    }
}

impl ProgrammeApi {
    fn registry(&self) -> (Leg, Arc<Registry>) {
        let context = &self.handle.context;
        (context.us, Arc::clone(&context.catalog.read().registry))
    }

    /// The suspensions of an entry of this house's log, by id.
    fn suspensions_of(&self, sequence: u64) -> Vec<String> {
        let (us, registry) = self.registry();
        let own = registry.suspensions().filter(|joined| joined.id.by == us && joined.id.sequence == sequence);
        let mut ids: Vec<_> = own.map(|joined| joined.id).collect();
        ids.sort_unstable();
        ids.iter().map(|id| id.text(registry.programme())).collect()
    }

    /// The date of a request; today by the house's clock where none is given.
    fn date(&self, text: &str) -> Result<Date, Status> {
        match text {
            "" => Ok(self.handle.context.today()),
            text => wire::date("date", text).map_err(unreadable),
        }
    }
}

/// Who asks, as a log keeps it: role and certificate.
pub(super) fn who(identity: &ClientIdentity) -> String {
    let subject: String = identity.subject.chars().take(256).collect();
    format!("{}, {subject}, certificate {}", identity.role, identity.serial)
}
