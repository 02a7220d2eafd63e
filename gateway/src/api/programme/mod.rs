//! Administration of the programme.

pub(super) mod history;
mod ports;
mod sight;
pub(super) mod views;
mod watch;

use std::{pin::Pin, sync::Arc};

use crossmargin::v1::{self, programme_service_server::ProgrammeService};
use futures_util::Stream;
use tonic::{Request, Response, Status};

use self::{history::ChangeKey, ports::PortKey, sight::Sight};
use super::{
    page::Page,
    status::{blocking, invalid, other_request},
};
use crate::{
    arrangement::{
        leg::{Leg, Pair},
        link::LinkKind,
        name::{ApprovalId, LinkId, MemberId},
        registry::{Registry, Scope, Stage},
    },
    identity::{caller, caller::ClientIdentity},
    node::{Handle, catalog::Answer},
    reading::{ReadError, Reader},
};

/// Rows on a page where none is asked for.
const PAGE_DEFAULT: usize = 1_000;
/// Rows on a page, at most.
const PAGE_MAX: usize = 10_000;
/// Moves on a page where none is asked for: each has two requirements.
const PORTS_DEFAULT: usize = 500;
/// Moves on a page, at most.
const PORTS_MAX: usize = 2_000;

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
        let sight = self.sight(&request)?;
        let request = request.into_inner();
        let page = Page::<LinkId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let date = sight.date(&request.date)?;
        let member = member_filter(&request.member)?;
        let kind = LinkKind::from_wire(request.kind());
        let stage = Stage::ALL.into_iter().find(|stage| v1::LinkStage::from(*stage) == request.stage());
        let registry = &sight.registry;
        let on = registry.on(date);
        let rows = registry.joined(page.after.as_ref()).filter_map(|(link, joined)| {
            let (terms, seen_on) = sight.link(link, &joined, date)?;
            let is_wanted = member.as_ref().is_none_or(|member| terms.member == *member)
                && kind.is_none_or(|kind| terms.kind == kind);
            if !is_wanted {
                return None;
            }
            let standing = if seen_on == date { on.standing(link) } else { registry.standing(link, seen_on) }?;
            let is_at = stage.is_none_or(|stage| standing.stage == stage);
            is_at.then(|| (link.clone(), views::link(&sight, terms, &standing, seen_on)))
        });
        let (rows, next_page_token) = page.take(rows, |(link, _)| link.clone());
        let links = rows.into_iter().map(|(_, link)| link).collect();
        Ok(Response::new(v1::ListLinksResponse { links, next_page_token }))
    }

    async fn get_link(&self, request: Request<v1::GetLinkRequest>) -> Result<Response<v1::GetLinkResponse>, Status> {
        let sight = self.sight(&request)?;
        let request = request.into_inner();
        let link: LinkId = request.link_id.parse().map_err(|error| invalid("link_id", error))?;
        let date = sight.date(&request.date)?;
        let context = Arc::clone(&self.handle.context);
        let found = blocking(&self.handle.context.executor, move || {
            let found = || {
                let joined = sight.registry.joined_link(&link)?;
                let (terms, date) = sight.link(&link, &joined, date)?;
                let standing = sight.registry.standing(&link, date)?;
                let view = views::link(&sight, terms, &standing, date);
                let entries = history::entries_of(&context.catalog.read(), joined.entries);
                let history = history::of_link(&sight, &context.parties, &link, &entries);
                Some(v1::GetLinkResponse { link: Some(view), history })
            };
            found().ok_or_else(|| Status::not_found(format!("there is no link {link}: see `crossmargin links list`")))
        });
        Ok(Response::new(found.await?))
    }

    async fn list_members(
        &self,
        request: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        let sight = self.sight(&request)?;
        let request = request.into_inner();
        let page = Page::<MemberId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let date = sight.date(&request.date)?;
        let rows = sight.registry.members(page.after.as_ref()).filter(|(member, _)| sight.shows_member(member));
        let (rows, next_page_token) = page.take(rows, |(member, _)| (*member).clone());
        let members = rows.into_iter().map(|(member, records)| views::member(&sight, member, records, date));
        Ok(Response::new(v1::ListMembersResponse { members: members.collect(), next_page_token }))
    }

    async fn list_approvals(
        &self,
        request: Request<v1::ListApprovalsRequest>,
    ) -> Result<Response<v1::ListApprovalsResponse>, Status> {
        let sight = self.sight(&request)?;
        let request = request.into_inner();
        let page = Page::<ApprovalId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let date = sight.date(&request.date)?;
        let rows = sight.registry.approvals();
        let rows = rows.filter(|joined| page.after.as_ref().is_none_or(|after| joined.record.approval > *after));
        let (rows, next_page_token) = page.take(rows, |joined| joined.record.approval.clone());
        let approvals = rows.iter().map(|joined| views::approval(&sight.registry, joined, date)).collect();
        Ok(Response::new(v1::ListApprovalsResponse { approvals, next_page_token }))
    }

    async fn list_suspensions(
        &self,
        request: Request<v1::ListSuspensionsRequest>,
    ) -> Result<Response<v1::ListSuspensionsResponse>, Status> {
        let sight = self.sight(&request)?;
        let request = request.into_inner();
        let page = Page::<ChangeKey>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let wanted = match (member_filter(&request.member)?, link_filter(&request.link_id)?) {
            (None, None) => None,
            (Some(member), None) => Some(Scope::Member(member)),
            (None, Some(link)) => Some(Scope::Link(link)),
            (Some(_), Some(_)) => {
                return Err(invalid("link_id", "a member is given too: a suspension is about one or the other"));
            }
        };
        let rows = sight
            .registry
            .suspensions()
            .filter(|joined| page.after.is_none_or(|after| ChangeKey::from(joined.id).is_after_newest_first(after)))
            .filter(|joined| !request.in_force_only || joined.is_in_force())
            .filter(|joined| wanted.as_ref().is_none_or(|wanted| joined.suspension.scope == *wanted))
            .filter(|joined| sight.shows_scope(&joined.suspension.scope));
        let (rows, next_page_token) = page.take(rows, |joined| joined.id.into());
        let catalog = self.handle.context.catalog.read();
        let suspensions = rows.iter().map(|joined| {
            let recorded = history::recorded(&catalog, joined.id.by, joined.id.sequence);
            sight.suspension(joined, recorded)
        });
        Ok(Response::new(v1::ListSuspensionsResponse { suspensions: suspensions.collect(), next_page_token }))
    }

    async fn list_ports(
        &self,
        request: Request<v1::ListPortsRequest>,
    ) -> Result<Response<v1::ListPortsResponse>, Status> {
        let sight = self.sight(&request)?;
        let request = request.into_inner();
        let page = Page::<PortKey>::read(request.page_size, &request.page_token, PORTS_DEFAULT, PORTS_MAX)?;
        let (link, member) = (link_filter(&request.link_id)?, member_filter(&request.member)?);
        let reader = Arc::clone(&self.reader);
        let response = blocking(&self.handle.context.executor, move || {
            let rows = ports::after(&sight, page.after.as_ref(), link.as_ref(), member.as_ref());
            let (rows, next_page_token) = page.take(rows, |(key, _)| key.clone());
            let moves: Vec<_> = rows.iter().map(|(key, port)| (&key.link, port)).collect();
            let views = reader.moves(&sight.registry, &moves)?;
            let ports = views.into_iter().zip(moves).map(|(view, (_, port))| sight.port(port.effective_from, view));
            Ok::<_, ReadError>(v1::ListPortsResponse { ports: ports.collect(), next_page_token })
        });
        Ok(Response::new(response.await?))
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

    /// What the caller of a request sees.
    fn sight<T>(&self, request: &Request<T>) -> Result<Sight, Status> {
        Ok(Sight::of(&self.handle.context, &caller(request)?.role))
    }
}

/// The member of a filter; `None` where it is empty.
fn member_filter(name: &str) -> Result<Option<MemberId>, Status> {
    (!name.is_empty()).then(|| name.parse().map_err(|error| invalid("member", error))).transpose()
}

/// The link of a filter; `None` where it is empty.
fn link_filter(name: &str) -> Result<Option<LinkId>, Status> {
    (!name.is_empty()).then(|| name.parse().map_err(|error| invalid("link_id", error))).transpose()
}

/// Who asks, as a log keeps it: role and certificate.
pub(super) fn who(identity: &ClientIdentity) -> String {
    let subject: String = identity.subject.chars().take(256).collect();
    format!("{}, {subject}, certificate {}", identity.role, identity.serial)
}
