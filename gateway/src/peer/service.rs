//! What the other house may call here.

use std::{pin::Pin, sync::Arc};

use crossmargin::v1::{self, peer_service_server::PeerService};
use futures_util::Stream;
use prost::bytes::Bytes;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tracing::{Instrument, Span};

use super::shared;
use crate::{
    arrangement::digest::Digest,
    node::{
        context::Context,
        heads::OwnWord,
        input::{Input, Receipt},
        trees,
    },
    telemetry, wire,
};

/// Bytes of content in one answer.
const PIECE_BYTES: usize = 1 << 20;
/// Digests and paths of one request, at most.
const KEYS_MAX: usize = 4_096;
/// Envelopes of one request, at most.
const ENVELOPES_MAX: usize = 1_024;

/// Calls for content that are answered at once; further ones wait. Each holds a thread and one content, however slowly it
/// is read.
const FETCHES_MAX: usize = 16;

/// The service for the other house's gateway.
pub(crate) struct PeerApi {
    context: Arc<Context>,
    requests: mpsc::Sender<Input>,
    fetches: Arc<Semaphore>,
    /// One reading of both houses' story at a time: each holds a part of the ledger in memory.
    stories: Arc<Semaphore>,
}

impl PeerApi {
    pub(crate) fn new(context: Arc<Context>, requests: mpsc::Sender<Input>) -> Self {
        Self { context, requests, fetches: Arc::new(Semaphore::new(FETCHES_MAX)), stories: Arc::new(Semaphore::new(1)) }
    }
}

#[tonic::async_trait]
impl PeerService for PeerApi {
    async fn greet(&self, request: Request<v1::GreetRequest>) -> Result<Response<v1::GreetResponse>, Status> {
        let request = request.into_inner();
        let context = &self.context;
        let parties = &context.parties;
        if request.arrangement != parties.arrangement.as_str() {
            let (house, arrangement) = (request.house, request.arrangement);
            return Err(Status::failed_precondition(format!(
                "house {house:?} of arrangement {arrangement:?} greets, but this node knows {} of {}",
                parties.houses[context.us.other()],
                parties.arrangement
            )));
        }
        self.check_caller(&request.house, &request.arrangement_digest)?;
        let own_word = context.own_word(request.known_head).await;
        let own_word = own_word.map_err(|error| Status::internal(error.to_string()))?;
        // A head counts once its house has compared its ledger with what this house holds: what an old copy has grown must
        // not take the place of the head that shows the loss. The caller compares what it is answered here, so its own head
        // comes with what it delivers then.
        let own_head = (own_word == OwnWord::Held).then(|| context.own_head());
        let told = Input::Greeted {
            own_word,
            peer_head: None,
            known_registry_sequence: request.known_registry_sequence,
            taken: None,
        };
        let response = {
            let catalog = context.catalog.read();
            v1::GreetResponse {
                house: parties.houses[context.us].to_string(),
                arrangement_digest: wire::bytes_of(context.arrangement.digest()),
                own_head,
                known_head: catalog.peer_head.clone(),
                known_registry_sequence: catalog.registry.sequence(context.us.other()),
            }
        };
        self.requests.send(told).await.map_err(|_| stopping())?;
        Ok(Response::new(response))
    }

    async fn deliver(&self, request: Request<v1::DeliverRequest>) -> Result<Response<v1::DeliverResponse>, Status> {
        let span = call_span(&self.context, "deliver", &request);
        let v1::DeliverRequest { envelopes, own_head } = request.into_inner();
        if envelopes.len() > ENVELOPES_MAX {
            let count = envelopes.len();
            return Err(Status::invalid_argument(format!("{count} envelopes, at most {ENVELOPES_MAX} are allowed")));
        }
        if let Some(reason) = &self.context.catalog.read().refusal_to_sign {
            return Err(Status::unavailable(format!("this house takes no records: {reason}")));
        }
        let peer_head = self.context.believed_head(self.context.us.other(), own_head);
        let mut receipts = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            receipts.push(self.receive(envelope, peer_head.clone()).instrument(span.clone()).await?);
        }
        Ok(Response::new(v1::DeliverResponse { receipts }))
    }

    type FetchBlobsStream = Pin<Box<dyn Stream<Item = Result<v1::FetchBlobsResponse, Status>> + Send>>;

    async fn fetch_blobs(
        &self,
        request: Request<v1::FetchBlobsRequest>,
    ) -> Result<Response<Self::FetchBlobsStream>, Status> {
        let span = call_span(&self.context, "fetch blobs", &request);
        let digests = request.into_inner().digests;
        if digests.len() > KEYS_MAX {
            return Err(Status::invalid_argument(format!("{} digests, at most {KEYS_MAX} are allowed", digests.len())));
        }
        let digests = digests.iter().map(|bytes| Digest::try_from(&bytes[..])).collect::<Result<Vec<_>, _>>();
        let digests = digests.map_err(|error| Status::invalid_argument(format!("digests: {error}")))?;
        let blobs = Arc::clone(&self.context.blobs);
        // Only what a manifest of either house names, or a statement of both, is for the other house.
        let digests: Vec<(Digest, bool)> = {
            let catalog = self.context.catalog.read();
            digests.into_iter().map(|digest| (digest, catalog.is_shared(&digest))).collect()
        };
        let permit = Arc::clone(&self.fetches).acquire_owned().await.map_err(|_| stopping())?;
        let (sender, receiver) = mpsc::channel(4);
        let executor = self.context.executor.clone();
        let send = async move {
            let _permit = permit;
            for (digest, is_shared) in digests {
                let blobs = Arc::clone(&blobs);
                let read = move || if is_shared { blobs.get(&digest) } else { Ok(None) };
                let bytes = match executor.run(read).await {
                    Ok(Ok(Some(bytes))) => Ok(bytes),
                    Ok(Ok(None)) => Err(Status::not_found(format!("content {digest} is not here"))),
                    Ok(Err(error)) => Err(Status::data_loss(error.to_string())),
                    Err(error) => Err(Status::internal(error.to_string())),
                };
                let bytes = match bytes {
                    Ok(bytes) => bytes,
                    // A reader that has gone away needs no reason.
                    Err(status) => return drop(sender.send(Err(status)).await),
                };
                for piece in pieces(digest, &bytes) {
                    if sender.send(Ok(piece)).await.is_err() {
                        return;
                    }
                }
            }
        };
        // It ends with the stream: a reader that goes away closes the channel.
        self.context.tasks.spawn(send.instrument(span));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    type ReadSharedStream = Pin<Box<dyn Stream<Item = Result<v1::ReadSharedResponse, Status>> + Send>>;

    async fn read_shared(
        &self,
        request: Request<v1::ReadSharedRequest>,
    ) -> Result<Response<Self::ReadSharedStream>, Status> {
        let span = call_span(&self.context, "read shared", &request);
        let request = request.into_inner();
        self.check_caller(&request.house, &request.arrangement_digest)?;
        let busy = |_| Status::resource_exhausted("the story is being read already: one reader at a time");
        let permit = Arc::clone(&self.stories).try_acquire_owned().map_err(busy)?;
        let (sender, receiver) = mpsc::channel(4);
        let context = Arc::clone(&self.context);
        let read = async move {
            shared::stream(context, sender).await;
            drop(permit);
        };
        self.context.tasks.spawn(read.instrument(span));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn read_nodes(
        &self,
        request: Request<v1::ReadNodesRequest>,
    ) -> Result<Response<v1::ReadNodesResponse>, Status> {
        let span = call_span(&self.context, "read nodes", &request);
        let request = request.into_inner();
        if request.paths.len() > KEYS_MAX {
            let count = request.paths.len();
            return Err(Status::invalid_argument(format!("{count} paths, at most {KEYS_MAX} are allowed")));
        }
        let claim = Digest::try_from(&request.claim[..]);
        let claim = claim.map_err(|error| Status::invalid_argument(format!("claim: {error}")))?;
        let context = Arc::clone(&self.context);
        let tree = self.context.executor.run(move || span.in_scope(|| trees::of_claim(&context, claim))).await;
        let tree = tree.map_err(|error| Status::internal(error.to_string()))?;
        let tree = tree.map_err(|error| Status::not_found(error.to_string()))?;
        let nodes = request.paths.iter().map(|path| {
            // A path that leads nowhere is an empty node.
            tree.node(path).unwrap_or_else(|| v1::TreeNode { path: path.clone(), ..Default::default() })
        });
        Ok(Response::new(v1::ReadNodesResponse { nodes: nodes.collect() }))
    }
}

impl PeerApi {
    /// The caller must be the other house, under the same arrangement.
    fn check_caller(&self, house: &str, arrangement_digest: &[u8]) -> Result<(), Status> {
        let context = &self.context;
        let expected = &context.parties.houses[context.us.other()];
        if house != expected.as_str() {
            return Err(Status::failed_precondition(format!(
                "house {house:?} calls, but this node knows {expected} of {}",
                context.parties.arrangement
            )));
        }
        if *arrangement_digest != *context.arrangement.digest().as_bytes() {
            return Err(Status::failed_precondition(format!(
                "the arrangements differ: this house adopted {}; compare the two documents",
                context.arrangement.digest()
            )));
        }
        Ok(())
    }

    async fn receive(
        &self,
        envelope: v1::SignedEnvelope,
        peer_head: Option<v1::LedgerHead>,
    ) -> Result<v1::Receipt, Status> {
        let digest = Bytes::copy_from_slice(Digest::of(&envelope.payload).as_bytes());
        let receipt = match self.context.open(envelope) {
            Ok(held) => {
                let (reply, answer) = oneshot::channel();
                let input = Input::Received { held: Box::new(held), peer_head, reply };
                self.requests.send(input).await.map_err(|_| stopping())?;
                answer.await.map_err(|_| not_taken())?
            }
            Err(error) => {
                tracing::warn!(%error, "evidence of the other house is refused");
                Receipt::Refused(error.to_string())
            }
        };
        let (disposition, reason) = match receipt {
            Receipt::Recorded => (v1::Disposition::Recorded, String::new()),
            Receipt::Duplicate => (v1::Disposition::Duplicate, String::new()),
            Receipt::Contradiction => (v1::Disposition::Contradiction, String::new()),
            Receipt::Refused(reason) => (v1::Disposition::Refused, reason),
        };
        Ok(v1::Receipt { digest, disposition: disposition.into(), reason })
    }
}

fn pieces(digest: Digest, bytes: &Bytes) -> impl Iterator<Item = v1::FetchBlobsResponse> {
    let bytes = bytes.clone();
    let count = bytes.len().div_ceil(PIECE_BYTES).max(1);
    (0..count).map(move |piece| {
        let start = piece * PIECE_BYTES;
        let end = (start + PIECE_BYTES).min(bytes.len());
        v1::FetchBlobsResponse {
            digest: wire::bytes_of(digest),
            offset: start as u64,
            data: bytes.slice(start..end),
            is_last: piece + 1 == count,
        }
    })
}

/// A span of a call. The other house's trace context is not trusted: it becomes a link, not the parent.
fn call_span<T>(context: &Context, method: &'static str, request: &Request<T>) -> Span {
    let span = tracing::info_span!("peer call", method);
    telemetry::name_node(&span, &context.parties, context.us);
    telemetry::link(&span, request.metadata());
    span
}

fn not_taken() -> Status {
    Status::unavailable("the node stops, or its ledger takes no appends: its status says why; deliver again later")
}

fn stopping() -> Status {
    Status::unavailable("the node is stopping")
}
