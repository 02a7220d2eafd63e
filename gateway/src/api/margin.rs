//! What a house's margin call, reporting and members read.

use std::{cmp::Reverse, fmt, pin::Pin, str::FromStr, sync::Arc};

use crossmargin::v1::{self, margin_service_server::MarginService};
use futures_util::Stream;
use tonic::{Request, Response, Status};

use super::{
    page::Page,
    status::{blocking, invalid, wrong_cycle},
    watch,
};
use crate::{
    arrangement::{
        cycle_id::{CycleId, Round},
        link::LinkKind,
        name::{AccountId, LinkId, MemberId},
    },
    identity::caller,
    node::context::Context,
    reading::{ReadError, Reader, Visibility, agreements, cycles},
};

/// Requirements on a page where none is asked for.
const REQUIREMENTS_DEFAULT: usize = 1_000;
/// Requirements on a page, at most: some 400 bytes each, within the limit of a message.
const REQUIREMENTS_MAX: usize = 5_000;
/// Agreements on a page where none is asked for.
const AGREEMENTS_DEFAULT: usize = 100;
/// Agreements on a page, at most.
const AGREEMENTS_MAX: usize = 1_000;

/// Requirements and agreements.
pub(super) struct MarginApi {
    pub(super) context: Arc<Context>,
    pub(super) reader: Arc<Reader>,
}

#[tonic::async_trait]
impl MarginService for MarginApi {
    async fn get_requirement(
        &self,
        request: Request<v1::GetRequirementRequest>,
    ) -> Result<Response<v1::GetRequirementResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let request = request.into_inner();
        let account: AccountId = request.account.parse().map_err(|error| invalid("account", error))?;
        let cycle = match request.cycle {
            None => None,
            Some(cycle) => Some(self.cycle(Some(&cycle))?),
        };
        let reader = Arc::clone(&self.reader);
        let requirement =
            blocking(&self.context.executor, move || reader.of_account(&account, cycle, &visibility)).await?;
        Ok(Response::new(v1::GetRequirementResponse { requirement: Some(requirement) }))
    }

    async fn list_requirements(
        &self,
        request: Request<v1::ListRequirementsRequest>,
    ) -> Result<Response<v1::ListRequirementsResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let request = request.into_inner();
        let cycle = self.cycle(request.cycle.as_ref())?;
        let size = request.page_size;
        let page = Page::<RowKey>::read(size, &request.page_token, REQUIREMENTS_DEFAULT, REQUIREMENTS_MAX)?;
        // A listing stays in the round that it began in, though another may come into force meanwhile.
        let round = page.after.as_ref().map_or(request.round, |after| after.round);
        let kind = LinkKind::from_wire(request.kind());
        let member = request.member;
        let reader = Arc::clone(&self.reader);
        let response = blocking(&self.context.executor, move || {
            let selected = reader.select(cycle, round_of(round))?;
            let round = selected.round().map_or(0, |round| round.0);
            let after = page.after.as_ref().map(|after| &after.link);
            let links = selected.links(after, &visibility).filter(|terms| {
                kind.is_none_or(|kind| terms.kind == kind) && (member.is_empty() || terms.member.as_str() == member)
            });
            let (links, next_page_token) = page.take(links, |terms| RowKey { round, link: terms.link.clone() });
            let requirements = links.into_iter().map(|terms| selected.requirement(terms)).collect();
            Ok::<_, ReadError>(v1::ListRequirementsResponse { requirements, next_page_token })
        });
        Ok(Response::new(response.await?))
    }

    async fn get_member_totals(
        &self,
        request: Request<v1::GetMemberTotalsRequest>,
    ) -> Result<Response<v1::GetMemberTotalsResponse>, Status> {
        let visibility = Visibility::of(&caller(&request)?.role);
        let request = request.into_inner();
        let member: MemberId = request.member.parse().map_err(|error| invalid("member", error))?;
        let place = match (&request.cycle, request.round) {
            (None, 0) => None,
            (None, round) => {
                return Err(invalid("round", format!("is {round}, but no cycle is given: give one, or 0")));
            }
            (Some(cycle), round) => Some((self.cycle(Some(cycle))?, round_of(round))),
        };
        let reader = Arc::clone(&self.reader);
        let totals = blocking(&self.context.executor, move || reader.totals_of(&member, place, &visibility)).await?;
        Ok(Response::new(v1::GetMemberTotalsResponse { totals: Some(totals) }))
    }

    async fn get_agreement(
        &self,
        request: Request<v1::GetAgreementRequest>,
    ) -> Result<Response<v1::GetAgreementResponse>, Status> {
        let request = request.into_inner();
        let cycle = self.cycle(request.cycle.as_ref())?;
        let catalog = self.context.catalog.read();
        let agreement = agreements::of_cycle(&catalog, &self.context.parties, cycle, round_of(request.round))?;
        Ok(Response::new(v1::GetAgreementResponse { agreement: Some(agreement) }))
    }

    async fn list_agreements(
        &self,
        request: Request<v1::ListAgreementsRequest>,
    ) -> Result<Response<v1::ListAgreementsResponse>, Status> {
        let request = request.into_inner();
        let size = request.page_size;
        let page = Page::<CycleId>::read(size, &request.page_token, AGREEMENTS_DEFAULT, AGREEMENTS_MAX)?;
        let catalog = self.context.catalog.read();
        let began = |cycle: CycleId| catalog.cycles.get(&cycle).map(|view| cycles::began(cycle, view));
        let after = page.after.and_then(began);
        let mut agreed: Vec<_> = (catalog.cycles.iter())
            .filter(|(_, view)| view.record.agreement().is_some())
            .map(|(id, view)| cycles::began(*id, view))
            .filter(|began| after.is_none_or(|after| *began < after))
            .collect();
        agreed.sort_unstable_by_key(|began| Reverse(*began));
        let (rows, next_page_token) = page.take(agreed.into_iter(), |(_, id)| *id);
        let agreements =
            rows.into_iter().map(|(_, id)| agreements::of_cycle(&catalog, &self.context.parties, id, None));
        Ok(Response::new(v1::ListAgreementsResponse {
            agreements: agreements.collect::<Result<_, _>>()?,
            next_page_token,
        }))
    }

    type WatchResultsStream = Pin<Box<dyn Stream<Item = Result<v1::WatchResultsResponse, Status>> + Send>>;

    async fn watch_results(
        &self,
        request: Request<v1::WatchResultsRequest>,
    ) -> Result<Response<Self::WatchResultsStream>, Status> {
        let with_requirements = request.into_inner().with_requirements;
        let stream = watch::results(&self.context, &self.reader, with_requirements);
        Ok(Response::new(Box::pin(stream)))
    }
}

impl MarginApi {
    fn cycle(&self, wire: Option<&v1::CycleId>) -> Result<CycleId, Status> {
        CycleId::from_wire(wire, self.context.parties.arrangement.as_str()).map_err(|error| wrong_cycle(&error))
    }
}

/// A round of a request; 0 stands for the one in force.
pub(super) fn round_of(wire: u32) -> Option<Round> {
    (wire != 0).then_some(Round(wire))
}

/// The last row of a page of requirements or breaks: its round and its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowKey {
    pub(super) round: u32,
    pub(super) link: LinkId,
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.round, self.link)
    }
}

impl FromStr for RowKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (round, link) = text.split_once('/').ok_or(())?;
        Ok(Self { round: round.parse().map_err(|_| ())?, link: link.parse().map_err(|_| ())? })
    }
}
