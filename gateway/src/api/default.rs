//! What the houses do about a member in default.

use std::{pin::Pin, sync::Arc};

use crossmargin::v1::{self, default_service_server::DefaultService, programme_change::Change};
use futures_util::Stream;
use prost::bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{
    programme::{history, views, who},
    status::{blocking, invalid, other_request},
};
use crate::{
    arrangement::{
        default_package::LossPool,
        default_settlement::record_of,
        digest::Digest,
        name::OwnerId,
        registry::{JoinedSuspension, Registry, SuspensionId, change::Package},
    },
    identity::caller,
    node::{Handle, catalog::Answer},
    problem::Collector,
    reading::{
        Reader,
        defaults::{allocation_record, member_in_default, package_record},
    },
    request::{CallerRequest, check_id},
};

/// Bytes of a package in one answer.
const PIECE_BYTES: usize = 1 << 20;

/// Members in default.
pub(super) struct DefaultApi {
    pub(super) handle: Handle,
    pub(super) reader: Arc<Reader>,
}

#[tonic::async_trait]
impl DefaultService for DefaultApi {
    async fn make_package(
        &self,
        request: Request<v1::MakePackageRequest>,
    ) -> Result<Response<v1::MakePackageResponse>, Status> {
        let by = who(caller(&request)?);
        let v1::MakePackageRequest { request_id, suspension_id } = request.into_inner();
        let asked = v1::MakePackageRequest { suspension_id, ..Default::default() };
        let request = CallerRequest::of(request_id, "MakePackage", &asked);
        let mut problems = Collector::default();
        problems.check(|| "request_id".into(), check_id(&request.id));
        let suspension = problems.check(|| "suspension_id".into(), self.suspension(&asked.suspension_id));
        let suspension = finish(problems, suspension)?;
        if self.handle.answered(&request)?.is_none() {
            let reader = Arc::clone(&self.reader);
            let package = blocking(&self.handle.context.executor, move || reader.make_package(suspension)).await?;
            let package = Package { digest: package.digest, size_bytes: package.bytes.len() as u64 };
            let record = package_record(&self.registry(), suspension, package);
            self.record(&request, Change::DefaultPackage(record), by).await?;
            return self.made_package(&request, suspension, false).map(Response::new);
        }
        self.made_package(&request, suspension, true).map(Response::new)
    }

    type GetPackageStream = Pin<Box<dyn Stream<Item = Result<v1::GetPackageResponse, Status>> + Send>>;

    async fn get_package(
        &self,
        request: Request<v1::GetPackageRequest>,
    ) -> Result<Response<Self::GetPackageStream>, Status> {
        let suspension = self.suspension_of(&request.into_inner().suspension_id)?;
        let registry = self.registry();
        member_in_default(&registry, suspension)?;
        let context = &self.handle.context;
        let made = registry.packages(suspension)[context.us].ok_or_else(|| {
            let id = suspension.text(registry.programme());
            Status::not_found(format!("this house has made no package of {id}: call MakePackage"))
        })?;
        let blobs = Arc::clone(&context.blobs);
        let bytes =
            blocking(&self.handle.context.executor, move || stored(made.digest, blobs.get(&made.digest))).await?;
        let pieces = (0..bytes.len()).step_by(PIECE_BYTES);
        let pieces: Vec<_> = pieces
            .map(|begin| bytes.slice(begin..bytes.len().min(begin + PIECE_BYTES)))
            .map(|data| Ok(v1::GetPackageResponse { data }))
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn record_loss_allocation(
        &self,
        request: Request<v1::RecordLossAllocationRequest>,
    ) -> Result<Response<v1::RecordLossAllocationResponse>, Status> {
        let by = who(caller(&request)?);
        let asked = request.into_inner();
        let v1::RecordLossAllocationRequest { request_id, .. } = asked;
        let asked = v1::RecordLossAllocationRequest { request_id: String::new(), ..asked };
        let request = CallerRequest::of(request_id, "RecordLossAllocation", &asked);
        let mut problems = Collector::default();
        problems.check(|| "request_id".into(), check_id(&request.id));
        let suspension = problems.check(|| "suspension_id".into(), self.suspension(&asked.suspension_id));
        let pool = match asked.customer.as_str() {
            "" => Some(LossPool::Proprietary),
            name => problems.check(|| "customer".into(), name.parse::<OwnerId>()).map(LossPool::Customer),
        };
        let (suspension, pool) = finish(problems, suspension.zip(pool))?;
        if self.handle.answered(&request)?.is_some() {
            return self.recorded_allocation(&request, suspension, &pool, true).map(Response::new);
        }
        let (reader, of_pool) = (Arc::clone(&self.reader), pool.clone());
        let allocation =
            blocking(&self.handle.context.executor, move || reader.loss_allocation(suspension, &of_pool)).await?;
        let record = allocation_record(&self.registry(), suspension, &pool, &record_of(&allocation));
        self.record(&request, Change::LossAllocation(record), by).await?;
        self.recorded_allocation(&request, suspension, &pool, false).map(Response::new)
    }

    async fn get_default(
        &self,
        request: Request<v1::GetDefaultRequest>,
    ) -> Result<Response<v1::GetDefaultResponse>, Status> {
        let suspension = self.suspension_of(&request.into_inner().suspension_id)?;
        let reader = Arc::clone(&self.reader);
        let found = blocking(&self.handle.context.executor, move || reader.member_default(suspension)).await?;
        let registry = self.registry();
        let joined = registry.suspension(suspension).map(|joined| self.suspension_view(&registry, &joined));
        let default = Some(v1::MemberDefault { suspension: joined, ..found });
        Ok(Response::new(v1::GetDefaultResponse { default }))
    }

    async fn list_defaults(
        &self,
        _request: Request<v1::ListDefaultsRequest>,
    ) -> Result<Response<v1::ListDefaultsResponse>, Status> {
        let registry = self.registry();
        let mut defaults = Vec::new();
        for joined in registry.suspensions().filter(|joined| joined.suspension.is_default) {
            let (reader, id) = (Arc::clone(&self.reader), joined.id);
            let mut found = blocking(&self.handle.context.executor, move || reader.member_default(id)).await?;
            found.suspension = Some(self.suspension_view(&registry, &joined));
            found.pools.iter_mut().filter_map(|pool| pool.allocation.as_mut()).for_each(|all| all.steps.clear());
            defaults.push(found);
        }
        Ok(Response::new(v1::ListDefaultsResponse { defaults }))
    }
}

impl DefaultApi {
    fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.handle.context.catalog.read().registry)
    }

    fn suspension(&self, id: &str) -> Result<SuspensionId, String> {
        SuspensionId::parse(id, self.registry().programme())
    }

    fn suspension_of(&self, id: &str) -> Result<SuspensionId, Status> {
        self.suspension(id).map_err(|reason| invalid("suspension_id", reason))
    }

    fn suspension_view(&self, registry: &Registry, joined: &JoinedSuspension<'_>) -> v1::SuspensionView {
        let recorded = history::recorded(&self.handle.context.catalog.read(), joined.id.by, joined.id.sequence);
        views::suspension(registry, joined, recorded)
    }

    /// Records a change that follows from what is on record.
    async fn record(&self, request: &CallerRequest, change: Change, by: String) -> Result<(), Status> {
        let change = v1::ProgrammeChange { reason: String::new(), change: Some(change) };
        self.handle.record_derived(request.clone(), change, by).await?;
        Ok(())
    }

    /// What a request recorded: the entry of this house's log, and its first change.
    fn recorded(&self, request: &CallerRequest) -> Option<(u64, Change)> {
        let Ok(Some(Answer::Changes { sequence })) = self.handle.answered(request) else { return None };
        let catalog = self.handle.context.catalog.read();
        let batch = history::batch(&catalog, self.handle.context.us, sequence)?;
        Some((sequence, batch.changes.first()?.change.clone()?))
    }

    fn made_package(
        &self,
        request: &CallerRequest,
        suspension: SuspensionId,
        is_replay: bool,
    ) -> Result<v1::MakePackageResponse, Status> {
        let registry = self.registry();
        let id = suspension.text(registry.programme());
        match self.recorded(request) {
            Some((sequence, Change::DefaultPackage(record))) if record.suspension_id == id => {
                let packages = registry.packages(suspension);
                let is_this = |package: &Package| record.package[..] == *package.digest.as_bytes();
                let is_signed_by_both = packages.iter().all(|(_, package)| package.as_ref().is_some_and(is_this));
                Ok(v1::MakePackageResponse { record: Some(record), sequence, is_replay, is_signed_by_both })
            }
            _ => Err(other_request(&request.id)),
        }
    }

    fn recorded_allocation(
        &self,
        request: &CallerRequest,
        suspension: SuspensionId,
        pool: &LossPool,
        is_replay: bool,
    ) -> Result<v1::RecordLossAllocationResponse, Status> {
        let registry = self.registry();
        let id = suspension.text(registry.programme());
        let customer = pool.customer().map(OwnerId::as_str).unwrap_or_default();
        match self.recorded(request) {
            Some((sequence, Change::LossAllocation(record)))
                if record.suspension_id == id && record.customer == customer =>
            {
                let recorded = registry.loss_allocations(suspension, pool.customer());
                let is_this = |recorded| allocation_record(&registry, suspension, pool, recorded) == record;
                let is_signed_by_both = recorded.iter().all(|(_, recorded)| recorded.is_some_and(is_this));
                Ok(v1::RecordLossAllocationResponse { record: Some(record), sequence, is_replay, is_signed_by_both })
            }
            _ => Err(other_request(&request.id)),
        }
    }
}

fn finish<T>(problems: Collector, value: Option<T>) -> Result<T, Status> {
    let value = problems.finish(value).map_err(crate::node::RequestError::from)?;
    // Invariant: a value is missing only where its problem was reported.
    value.ok_or_else(|| invalid("request", "is incomplete"))
}

fn stored(digest: Digest, blob: Result<Option<Bytes>, crate::blobs::BlobError>) -> Result<Bytes, Status> {
    let missing = || Status::data_loss(format!("package {digest} is not in the store"));
    blob.map_err(|error| Status::data_loss(error.to_string()))?.ok_or_else(missing)
}
