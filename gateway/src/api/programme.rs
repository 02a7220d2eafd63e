//! Administration of the programme.

use std::sync::Arc;

use crossmargin::v1::{self, programme_service_server::ProgrammeService};
use tonic::{Request, Response, Status};

use super::{page::Page, status::other_request};
use crate::{
    arrangement::{leg::Leg, name::LinkId, registry::JoinedLink},
    node::{Handle, catalog::Answer},
};

/// Links on a page where none is asked for.
const PAGE_DEFAULT: usize = 1_000;
/// Links on a page, at most.
const PAGE_MAX: usize = 10_000;

/// The programme.
pub(super) struct ProgrammeApi {
    pub(super) handle: Handle,
}

#[tonic::async_trait]
impl ProgrammeService for ProgrammeApi {
    async fn record_links(
        &self,
        request: Request<v1::RecordLinksRequest>,
    ) -> Result<Response<v1::RecordLinksResponse>, Status> {
        let request = request.into_inner();
        let request_id = request.request_id.clone();
        let (answer, is_replay) = self.handle.record_links(request).await?;
        let Answer::Links { sequence } = answer else { return Err(other_request(&request_id)) };
        Ok(Response::new(v1::RecordLinksResponse { sequence, is_replay }))
    }

    async fn list_links(
        &self,
        request: Request<v1::ListLinksRequest>,
    ) -> Result<Response<v1::ListLinksResponse>, Status> {
        let request = request.into_inner();
        let page = Page::<LinkId>::read(request.page_size, &request.page_token, PAGE_DEFAULT, PAGE_MAX)?;
        let us = self.handle.context.us;
        let registry = Arc::clone(&self.handle.context.catalog.read().registry);
        let rows = registry.joined(page.after.as_ref()).filter_map(|joined| to_wire(us, &joined));
        let (rows, next_page_token) = page.take(rows, |(link, _)| link.clone());
        let links = rows.into_iter().map(|(_, link)| link).collect();
        Ok(Response::new(v1::ListLinksResponse { links, next_page_token }))
    }
}

fn to_wire(us: Leg, joined: &JoinedLink<'_>) -> Option<(LinkId, v1::Link)> {
    let terms = joined.terms[us].or(joined.terms[us.other()])?;
    let link = v1::Link {
        terms: Some(terms.to_wire()),
        mode: v1::LinkMode::from(joined.mode).into(),
        is_linked: joined.is_in_force,
        explanation: joined.explanation(us),
    };
    Some((terms.link.clone(), link))
}
