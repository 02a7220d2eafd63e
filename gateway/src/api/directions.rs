//! What members' administrations and the house call about directed positions.

mod news;
mod view;

use std::sync::Arc;

use crossmargin::v1::{self, direction_service_server::DirectionService};
use futures_util::stream::BoxStream;
use jiff::civil::Date;
use prost::Message;
use tonic::{Request, Response, Status};

use self::view::Viewer;
use super::{
    page::Page,
    status::{blocking, invalid, other_request, unreadable, wrong_cycle},
};
use crate::{
    arrangement::{
        cycle_id::CycleId,
        name::{AccountId, MemberId},
    },
    book::direction::{
        Direction,
        account::{AccountDirectory, AccountFacts},
        item::ItemId,
    },
    identity::{ClientIdentity, Role, caller},
    node::{Handle, accounts::Accounts, catalog::Answer, context::Context},
    reading::ReadError,
    wire,
};

/// Rows on a page where none is asked for.
const PAGE_DEFAULT: usize = 1_000;
/// Rows on a page, at most.
const PAGE_MAX: usize = 10_000;

/// Directed positions.
pub(super) struct DirectionApi {
    pub(super) handle: Handle,
}

#[tonic::async_trait]
impl DirectionService for DirectionApi {
    async fn direct_positions(
        &self,
        request: Request<v1::DirectPositionsRequest>,
    ) -> Result<Response<v1::DirectPositionsResponse>, Status> {
        let identity = Arc::clone(caller(&request)?);
        let request = request.into_inner();
        let member = member_of(&identity);
        let (answer, is_replay) = self.handle.direct(&request, member, who(&identity)).await?;
        let Answer::Direction { number, recorded_at, expected } = answer else {
            return Err(other_request(&request.request_id));
        };
        let arrangement = self.handle.context.parties.arrangement.as_str();
        Ok(Response::new(v1::DirectPositionsResponse {
            number,
            recorded_at: recorded_at.map(wire::to_timestamp),
            expected_cycle: expected.map(|cycle| cycle.to_wire(arrangement)),
            explanation: explanation(expected),
            is_replay,
        }))
    }

    async fn list_directions(
        &self,
        request: Request<v1::ListDirectionsRequest>,
    ) -> Result<Response<v1::ListDirectionsResponse>, Status> {
        let viewer = Viewer::of(&request)?;
        let request = request.into_inner();
        let page = Page::<u64>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let filter = Filter::read(&request)?;
        let context = Arc::clone(&self.handle.context);
        let listed = blocking(&self.handle.context.executor, move || {
            let (rows, last_number) = wanted(&context, &viewer, &filter, &page);
            let (directions, next_page_token) = page.take(rows.into_iter(), |direction| direction.number);
            Ok::<_, Status>(v1::ListDirectionsResponse { directions, next_page_token, last_number })
        });
        listed.await.map(Response::new)
    }

    async fn get_composed_positions(
        &self,
        request: Request<v1::GetComposedPositionsRequest>,
    ) -> Result<Response<v1::GetComposedPositionsResponse>, Status> {
        let viewer = Viewer::of(&request)?;
        let account: AccountId = request.into_inner().account.parse().map_err(|error| invalid("account", error))?;
        let context = &self.handle.context;
        let catalog = context.catalog.read();
        let directions = &catalog.directions;
        let date = directions.base().map_or_else(|| context.today(), |book| book.business_date);
        let facts = Accounts { registry: &catalog.registry, leg: context.us, date }.facts(&account);
        let unknown = || Status::not_found(format!("this house shows no account {account} to this caller"));
        let is_held = directions.base().is_some_and(|book| book.accounts.contains_key(&account));
        let is_shown = facts
            .as_ref()
            .map_or(is_held && viewer.sees_all(), |AccountFacts { member, .. }| viewer.sees_member(member));
        if !is_shown {
            return Err(unknown());
        }
        let book =
            directions.base().ok_or_else(|| Status::not_found("this house has no book yet: submit a snapshot"))?;
        Ok(Response::new(view::composed(directions, book, &account)))
    }

    async fn list_reconciliation_items(
        &self,
        request: Request<v1::ListReconciliationItemsRequest>,
    ) -> Result<Response<v1::ListReconciliationItemsResponse>, Status> {
        let viewer = Viewer::of(&request)?;
        let request = request.into_inner();
        let page = Page::<ItemId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let catalog = self.handle.context.catalog.read();
        let items = catalog.directions.items_after(page.after.unwrap_or(ItemId(0)));
        let items = items.filter(|(item, resolution)| {
            viewer.sees_member(&item.member) && !(request.open_only && resolution.is_some())
        });
        let (items, next_page_token) = page.take(items, |(item, _)| item.id);
        let items = items.into_iter().map(|(item, resolution)| view::state(item, resolution)).collect();
        Ok(Response::new(v1::ListReconciliationItemsResponse { items, next_page_token }))
    }

    async fn resolve_reconciliation_item(
        &self,
        request: Request<v1::ResolveReconciliationItemRequest>,
    ) -> Result<Response<v1::ResolveReconciliationItemResponse>, Status> {
        let by = who(caller(&request)?);
        let request = request.into_inner();
        let request_id = request.request_id.clone();
        let (answer, is_replay) = self.handle.resolve(request, by).await?;
        let Answer::Resolution(id) = answer else { return Err(other_request(&request_id)) };
        let catalog = self.handle.context.catalog.read();
        let item = catalog.directions.item(id).map(|(item, resolution)| view::state(item, resolution));
        Ok(Response::new(v1::ResolveReconciliationItemResponse { item, is_replay }))
    }

    async fn list_exclusions(
        &self,
        request: Request<v1::ListExclusionsRequest>,
    ) -> Result<Response<v1::ListExclusionsResponse>, Status> {
        let viewer = Viewer::of(&request)?;
        let context = Arc::clone(&self.handle.context);
        let arrangement = context.parties.arrangement.as_str();
        let cycle = CycleId::from_wire(request.into_inner().cycle.as_ref(), arrangement);
        let cycle = cycle.map_err(|error| wrong_cycle(&error))?;
        blocking(&self.handle.context.executor, move || exclusions(&context, cycle, &viewer)).await.map(Response::new)
    }

    type WatchDirectionsStream = BoxStream<'static, Result<v1::WatchDirectionsResponse, Status>>;

    async fn watch_directions(
        &self,
        request: Request<v1::WatchDirectionsRequest>,
    ) -> Result<Response<Self::WatchDirectionsStream>, Status> {
        let viewer = Viewer::of(&request)?;
        let request = request.into_inner();
        let after_item = match request.after_item_id.as_str() {
            "" => ItemId(0),
            text => text.parse().map_err(|error| invalid("after_item_id", error))?,
        };
        let after = news::After { number: request.after_number, item: after_item };
        Ok(Response::new(Box::pin(news::stream(&self.handle.context, viewer, after))))
    }
}

/// Which directions a caller asks for.
struct Filter {
    member: Option<MemberId>,
    account: Option<AccountId>,
    business_date: Option<Date>,
}

impl Filter {
    fn read(request: &v1::ListDirectionsRequest) -> Result<Self, Status> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let member = given(&request.member).map(|text| text.parse()).transpose();
        let account = given(&request.account).map(|text| text.parse()).transpose();
        let date = given(&request.business_date).map(|text| wire::date("business_date", &text)).transpose();
        Ok(Self {
            member: member.map_err(|error| invalid("member", error))?,
            account: account.map_err(|error| invalid("account", error))?,
            business_date: date.map_err(unreadable)?,
        })
    }

    fn takes(&self, direction: &Direction) -> bool {
        self.business_date.is_none_or(|date| date == direction.business_date)
            && direction.legs.iter().any(|leg| {
                self.member.as_ref().is_none_or(|member| *member == leg.member)
                    && self.account.as_ref().is_none_or(|account| [&leg.from, &leg.to].contains(&account))
            })
    }
}

/// Directions that are looked at before others may go on: a day can have a million.
const LOOKED_AT_ONCE: usize = 10_000;

/// The directions of a page and one more where there is one, and the number of the last direction of the house.
fn wanted(context: &Context, viewer: &Viewer, filter: &Filter, page: &Page<u64>) -> (Vec<v1::Direction>, u64) {
    let arrangement = context.parties.arrangement.as_str();
    let mut after = page.after.unwrap_or(0);
    let mut rows = Vec::new();
    loop {
        let catalog = context.catalog.read();
        let directions = &catalog.directions;
        let looked_at = directions.after(after).take(LOOKED_AT_ONCE);
        let last_looked_at = looked_at.clone().last().map(|direction| direction.number);
        let found = looked_at.filter(|direction| viewer.sees(direction) && filter.takes(direction));
        let room = page.size + 1 - rows.len();
        rows.extend(found.take(room).map(|direction| viewer.direction(direction, directions, arrangement)));
        match last_looked_at {
            Some(last) if rows.len() <= page.size => after = last,
            _ => return (rows, directions.last()),
        }
    }
}

/// What this house left out of the newest frozen book of a cycle.
fn exclusions(context: &Context, cycle: CycleId, viewer: &Viewer) -> Result<v1::ListExclusionsResponse, Status> {
    let frozen = {
        let catalog = context.catalog.read();
        let manifest = catalog.cycles.get(&cycle).and_then(|view| view.record.manifests[context.us]);
        let held = manifest.and_then(|manifest| catalog.by_digest(context.us, manifest.revision.digest));
        held.and_then(|held| Some((held.position_manifest()?.revision, held.keeping.attachment)))
    };
    let (revision, attachment) = frozen.ok_or_else(|| {
        Status::not_found(format!(
            "this house has frozen no book for cycle {cycle}: `crossmargin cycle status` says more"
        ))
    })?;
    let all = match attachment {
        None => v1::Exclusions::default(),
        Some(digest) => {
            let damaged = |reason: String| Status::from(ReadError::Damaged(format!("content {digest}: {reason}")));
            let bytes = context.blobs.get(&digest).map_err(|error| damaged(error.to_string()))?;
            let bytes = bytes.ok_or_else(|| damaged("is not in the store".to_owned()))?;
            v1::Exclusions::decode(bytes).map_err(|error| damaged(error.to_string()))?
        }
    };
    let registry = Arc::clone(&context.catalog.read().registry);
    let accounts = Accounts { registry: &registry, leg: context.us, date: cycle.business_date };
    let is_shown = |exclusion: &v1::Exclusion| {
        viewer.sees_all()
            || exclusion.account.parse().is_ok_and(|account: AccountId| {
                accounts.facts(&account).is_some_and(|facts| viewer.sees_member(&facts.member))
            })
    };
    let exclusions = all.exclusions.into_iter().filter(is_shown).collect();
    Ok(v1::ListExclusionsResponse { revision, exclusions })
}

/// The member whose administration calls; `None` for the house's own.
fn member_of(identity: &ClientIdentity) -> Option<MemberId> {
    match &identity.role {
        Role::MemberAdministrator(member) => Some(member.clone()),
        _ => None,
    }
}

/// Role and certificate of a caller, as records name it.
fn who(identity: &ClientIdentity) -> String {
    format!("{}, {}", identity.role, identity.subject)
}

/// When a direction counts, in words.
fn explanation(expected: Option<CycleId>) -> String {
    let next = expected.map_or_else(|| "the next cycle that this house opens".to_owned(), |cycle| cycle.to_string());
    format!("counts from {next} on, and in no cycle that is open now")
}
