//! What a house's operators call.

use std::{cmp::Reverse, sync::Arc};

use crossmargin::v1::{self, operations_service_server::OperationsService};
use tonic::{Request, Response, Status};

use super::{
    margin::{RowKey, round_of},
    page::Page,
    status::{blocking, unreadable, wrong_cycle},
};
use crate::{
    arrangement::cycle_id::CycleId,
    node::{Handle, heads::UncheckedHead},
    reading::{ReadError, Reader, cycles},
    wire,
};

/// Cycles on a page where none is asked for.
const CYCLES_DEFAULT: usize = 100;
/// Cycles on a page, at most.
const CYCLES_MAX: usize = 1_000;
/// Breaks on a page where none is asked for.
const BREAKS_DEFAULT: usize = 1_000;
/// Breaks on a page, at most.
const BREAKS_MAX: usize = 10_000;

/// Cycles and the node itself.
pub(super) struct OperationsApi {
    pub(super) handle: Handle,
    pub(super) reader: Arc<Reader>,
}

#[tonic::async_trait]
impl OperationsService for OperationsApi {
    async fn open_cycle(
        &self,
        request: Request<v1::OpenCycleRequest>,
    ) -> Result<Response<v1::OpenCycleResponse>, Status> {
        let request = request.into_inner();
        let cycle = self.cycle_id(request.cycle.as_ref())?;
        let cut_off = match &request.cut_off {
            None => None,
            given => Some(wire::timestamp("cut_off", given.as_ref()).map_err(unreadable)?),
        };
        self.handle.open_cycle(cycle, cut_off).await?;
        Ok(Response::new(v1::OpenCycleResponse { cycle: Some(self.cycle(cycle)?) }))
    }

    async fn cut_off_cycle(
        &self,
        request: Request<v1::CutOffCycleRequest>,
    ) -> Result<Response<v1::CutOffCycleResponse>, Status> {
        let cycle = self.cycle_id(request.into_inner().cycle.as_ref())?;
        self.handle.cut_off(cycle).await?;
        Ok(Response::new(v1::CutOffCycleResponse { cycle: Some(self.cycle(cycle)?) }))
    }

    async fn get_cycle(&self, request: Request<v1::GetCycleRequest>) -> Result<Response<v1::GetCycleResponse>, Status> {
        let cycle = self.cycle_id(request.into_inner().cycle.as_ref())?;
        Ok(Response::new(v1::GetCycleResponse { cycle: Some(self.cycle(cycle)?) }))
    }

    async fn list_cycles(
        &self,
        request: Request<v1::ListCyclesRequest>,
    ) -> Result<Response<v1::ListCyclesResponse>, Status> {
        let request = request.into_inner();
        let page = Page::<CycleId>::read(request.page_size, &request.page_token, CYCLES_DEFAULT, CYCLES_MAX)?;
        let context = &self.handle.context;
        let catalog = context.catalog.read();
        let after = page.after.and_then(|id| Some(cycles::began(id, catalog.cycles.get(&id)?)));
        let mut listed: Vec<_> = (catalog.cycles.iter())
            .map(|(id, view)| cycles::began(*id, view))
            .filter(|began| after.is_none_or(|after| *began < after))
            .collect();
        listed.sort_unstable_by_key(|began| Reverse(*began));
        let (rows, next_page_token) = page.take(listed.into_iter(), |(_, id)| *id);
        let cycles = rows.into_iter().filter_map(|(_, id)| {
            let view = catalog.cycles.get(&id)?;
            Some(cycles::to_wire(id, view, context.us, &context.arrangement))
        });
        Ok(Response::new(v1::ListCyclesResponse { cycles: cycles.collect(), next_page_token }))
    }

    async fn list_breaks(
        &self,
        request: Request<v1::ListBreaksRequest>,
    ) -> Result<Response<v1::ListBreaksResponse>, Status> {
        let request = request.into_inner();
        let cycle = self.cycle_id(request.cycle.as_ref())?;
        let page = Page::<RowKey>::read(request.page_size, &request.page_token, BREAKS_DEFAULT, BREAKS_MAX)?;
        let round = page.after.as_ref().map_or(request.round, |after| after.round);
        let reader = Arc::clone(&self.reader);
        let response = blocking(&self.handle.context.executor, move || {
            let (round, breaks) = reader.breaks_of(cycle, round_of(round))?;
            let round = round.map_or(0, |round| round.0);
            let after = page.after.as_ref().map(|after| &after.link);
            let rows = breaks.iter().filter(|(link, _)| after.is_none_or(|after| *link > after));
            let (rows, next_page_token) = page.take(rows, |(link, _)| RowKey { round, link: (*link).clone() });
            let breaks = rows.into_iter().map(|(_, found)| found.clone()).collect();
            Ok::<_, ReadError>(v1::ListBreaksResponse { breaks, round, next_page_token })
        });
        Ok(Response::new(response.await?))
    }

    async fn get_node_status(
        &self,
        _: Request<v1::GetNodeStatusRequest>,
    ) -> Result<Response<v1::GetNodeStatusResponse>, Status> {
        let context = &self.handle.context;
        let catalog = context.catalog.read();
        let (sequence, hash) = catalog.head.map_or((0, [0; 32]), |(sequence, hash)| (sequence.0, hash.0));
        let peer = context.parties.houses[context.us.other()].to_string();
        let is_peer_connected = context.peer.is_connected();
        let contradiction_count = catalog.contradictions.len() as u64;
        let mut explanation: Vec<String> = catalog.refusal_to_sign.clone().into_iter().collect();
        if !is_peer_connected {
            explanation.push(format!(
                "{peer} does not answer: cycles fall back to stand-alone margin at their cut-offs until it does."
            ));
        }
        let unchecked_head = catalog.unchecked_head.clone();
        if let Some(UncheckedHead { sequence, reason }) = &unchecked_head {
            explanation.push(format!(
                "{peer} names record {sequence} of this house's ledger, and this house cannot check that it signed it: \
                 {reason}. Nothing is concluded from it; after a start claims, statements and declines, and whatever is to \
                 be sent, wait for a head that can be checked. Where a key of this house is not configured, add it; else \
                 ask {peer} where the head is from: docs/operating.md."
            ));
        }
        if contradiction_count > 0 {
            explanation.push(format!(
                "{peer} contradicted what it had signed: both words are on record; `crossmargin ledger verify` shows them."
            ));
        }
        if catalog.book().is_none() {
            explanation.push("No book has been submitted yet.".to_owned());
        }
        Ok(Response::new(v1::GetNodeStatusResponse {
            house: context.parties.houses[context.us].to_string(),
            peer,
            is_peer_connected,
            ledger_sequence: sequence,
            ledger_hash: hex::encode(hash),
            can_sign: catalog.refusal_to_sign.is_none(),
            explanation: explanation.join(" "),
            undelivered_count: context.peer.undelivered() as u64,
            contradiction_count,
            book_version: catalog.book().map_or(0, |book| book.version),
            arrangement: context.parties.arrangement.to_string(),
            leg: context.us.name().to_owned(),
            registry_sequence: catalog.registry.sequence(context.us),
            peer_registry_sequence: catalog.registry.sequence(context.us.other()),
            unchecked_head: unchecked_head
                .map(|UncheckedHead { sequence, reason }| v1::UncheckedHead { sequence, reason }),
        }))
    }
}

impl OperationsApi {
    fn cycle_id(&self, wire: Option<&v1::CycleId>) -> Result<CycleId, Status> {
        let arrangement = &self.handle.context.parties.arrangement;
        CycleId::from_wire(wire, arrangement.as_str()).map_err(|error| wrong_cycle(&error))
    }

    fn cycle(&self, cycle: CycleId) -> Result<v1::Cycle, ReadError> {
        let context = &self.handle.context;
        let catalog = context.catalog.read();
        let view = catalog.cycles.get(&cycle).ok_or_else(|| ReadError::unknown_cycle(cycle))?;
        Ok(cycles::to_wire(cycle, view, context.us, &context.arrangement))
    }
}
