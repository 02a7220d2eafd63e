//! What a house's reference and market data systems call.

use std::{collections::BTreeSet, sync::Arc};

use crossmargin::v1::{self, market_data_service_server::MarketDataService};
use jiff::civil::Date;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::status::{blocking, invalid, other_request, unreadable};
use crate::{
    arrangement::{digest::Digest, evidence::MarketManifest, leg::Leg},
    market,
    node::{Handle, catalog::Answer, catalog::Catalog, context::Context},
    reading::ReadError,
    wire,
};

/// Market and reference data.
pub(super) struct MarketDataApi {
    pub(super) handle: Handle,
}

#[tonic::async_trait]
impl MarketDataService for MarketDataApi {
    async fn submit_market_data(
        &self,
        request: Request<v1::SubmitMarketDataRequest>,
    ) -> Result<Response<v1::SubmitMarketDataResponse>, Status> {
        let request = request.into_inner();
        let context = &self.handle.context;
        refuse_foreign_items(context, &request)?;
        let request_id = request.request_id.clone();
        let (answer, is_replay) = self.handle.submit_market(request).await?;
        let Answer::Market(digest) = answer else { return Err(other_request(&request_id)) };
        let catalog = context.catalog.read();
        let manifest = catalog.by_digest(context.us, digest).and_then(|held| held.market_manifest());
        // Invariant: the answer came from the record of this manifest.
        let manifest = manifest.ok_or_else(|| Status::internal("the accepted manifest is not on record"))?;
        Ok(Response::new(v1::SubmitMarketDataResponse {
            version: manifest.version,
            manifest_digest: digest.to_string(),
            missing: missing(&catalog, manifest.business_date).map(Into::into).collect(),
            is_replay,
        }))
    }

    async fn get_market_data(
        &self,
        request: Request<v1::GetMarketDataRequest>,
    ) -> Result<Response<v1::GetMarketDataResponse>, Status> {
        let request = request.into_inner();
        let kind = request.kind();
        let context = Arc::clone(&self.handle.context);
        let authority = context.arrangement.authority_of(kind).ok_or_else(|| {
            let kinds = market::KINDS.map(market::kind_name).join(", ");
            invalid("kind", format!("{} is not a kind of market data: {kinds} are", request.kind))
        })?;
        let date = match request.business_date.as_str() {
            "" => None,
            text => Some(wire::date("business_date", text).map_err(unreadable)?),
        };
        let house = context.parties.houses[authority].to_string();
        let found = {
            let catalog = context.catalog.read();
            newest(&catalog, authority, date).and_then(|manifest| {
                let item = manifest.items.iter().find(|item| item.kind == kind)?;
                Some((item.digest, manifest.business_date, manifest.version))
            })
        };
        let (digest, business_date, version) = found.ok_or_else(|| {
            let on = date.map(|date| format!(" for {date}")).unwrap_or_default();
            Status::not_found(format!("{house} has not given {}{on} yet", market::kind_name(kind)))
        })?;
        let item = blocking(&self.handle.context.executor, move || read_item(&context, digest)).await?;
        Ok(Response::new(v1::GetMarketDataResponse {
            item: Some(item),
            house,
            business_date: business_date.to_string(),
            version,
        }))
    }
}

/// Items of which the other house is the authority are a matter of permission, not of form.
fn refuse_foreign_items(context: &Context, request: &v1::SubmitMarketDataRequest) -> Result<(), Status> {
    let mut details = ErrorDetails::new();
    let mut message = Vec::new();
    for (index, item) in request.items.iter().enumerate() {
        let Some(item) = &item.item else { continue };
        let kind = market::kind_of(item);
        let Some(authority) = context.arrangement.authority_of(kind).filter(|leg| *leg != context.us) else { continue };
        let field = format!("items[{index}]");
        let house = &context.parties.houses[authority];
        let reason = format!("{house} is the authority of {}: submit it there", market::kind_name(kind));
        message.push(format!("{field}: {reason}"));
        details.add_bad_request_violation(field, reason);
    }
    if message.is_empty() {
        return Ok(());
    }
    Err(Status::with_error_details(Code::PermissionDenied, message.join("\n"), details))
}

/// The kinds that neither house holds for a business date.
fn missing(catalog: &Catalog, business_date: Date) -> impl Iterator<Item = v1::MarketItemKind> {
    let held: BTreeSet<i32> = Leg::BOTH
        .into_iter()
        .filter_map(|leg| newest(catalog, leg, Some(business_date)))
        .flat_map(|manifest| manifest.items.iter().map(|item| item.kind.into()))
        .collect();
    market::KINDS.into_iter().filter(move |kind| !held.contains(&i32::from(*kind)))
}

/// The newest manifest of exactly the date, or of any.
fn newest(catalog: &Catalog, by: Leg, date: Option<Date>) -> Option<&MarketManifest> {
    match date {
        None => catalog.newest_market(by),
        Some(date) => catalog.market_manifest(by, date).filter(|manifest| manifest.business_date == date),
    }
}

fn read_item(context: &Context, digest: Digest) -> Result<v1::MarketItem, ReadError> {
    let bytes = context.blobs.get(&digest).map_err(|error| ReadError::Damaged(error.to_string()))?;
    let bytes = bytes.ok_or_else(|| {
        ReadError::NotFound(format!("content {digest} is named by its house but has not been fetched yet; ask again"))
    })?;
    wire::decode(bytes).map_err(|error| ReadError::Damaged(format!("content {digest}: {error}")))
}
