//! Calls to the other house's gateway.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crossmargin::v1::{self, peer_service_client::PeerServiceClient};
use prost::bytes::{Bytes, BytesMut};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Code, Request, Status, transport::Channel};

use crate::{arrangement::digest::Digest, blobs::BlobStore, identity::Limits, seam::Executor, telemetry};

/// Digests asked for in one call.
const DIGESTS_MAX: usize = 4_096;
/// Bytes that are kept in memory before they go to the store.
const BATCH_BYTES: usize = 32 << 20;
/// Bytes of one piece of content, at most: what a market item may have.
const BLOB_BYTES_MAX: usize = 64 << 20;

/// The link to the other house. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Link {
    client: PeerServiceClient<Channel>,
    outgoing: mpsc::UnboundedSender<v1::SignedEnvelope>,
    executor: Executor,
    state: Arc<State>,
    /// How long a call may take until its answer begins, and then until each further piece.
    patience: Duration,
}

#[derive(Debug, Default)]
struct State {
    is_connected: AtomicBool,
    undelivered: AtomicUsize,
}

/// Why content of the other house is not here yet.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The call failed; asking again may help.
    #[error("the other house did not answer: {0}")]
    Call(#[from] Status),
    /// What came is not what was asked for.
    #[error("the other house sent content that does not have the digest {0}")]
    Tampered(Digest),
    /// The answer ended before everything had come.
    #[error("the other house's answer ended before content {0} had come")]
    Incomplete(Digest),
    /// It cannot be stored.
    #[error("{0}")]
    Store(String),
}

impl FetchError {
    /// Whether asking again may help: not where the other house says that the content is gone or damaged there, or sends
    /// other content.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Call(status) => !matches!(status.code(), Code::NotFound | Code::DataLoss),
            Self::Tampered(_) => false,
            Self::Incomplete(_) | Self::Store(_) => true,
        }
    }
}

impl Link {
    /// A link over `channel` that reads and writes the store by `executor`; envelopes to deliver come out of the receiver.
    #[must_use]
    pub fn new(
        channel: Channel,
        limits: &Limits,
        executor: Executor,
    ) -> (Self, mpsc::UnboundedReceiver<v1::SignedEnvelope>) {
        let (outgoing, receiver) = mpsc::unbounded_channel();
        let client = PeerServiceClient::new(channel)
            .max_decoding_message_size(limits.message_received_bytes_max)
            .max_encoding_message_size(limits.message_sent_bytes_max);
        (Self { client, outgoing, executor, state: Arc::default(), patience: limits.peer_answer() }, receiver)
    }

    /// Delivers an envelope, after those before it, until there is a receipt.
    pub fn send(&self, envelope: v1::SignedEnvelope) {
        self.state.undelivered.fetch_add(1, Ordering::Relaxed);
        // The delivery ends with the node: then nobody waits for it.
        drop(self.outgoing.send(envelope));
    }

    /// Whether the other house answered last.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state.is_connected.load(Ordering::Relaxed)
    }

    /// Envelopes without a receipt.
    #[must_use]
    pub fn undelivered(&self) -> usize {
        self.state.undelivered.load(Ordering::Relaxed)
    }

    pub(super) fn set_connected(&self, is_connected: bool) {
        self.state.is_connected.store(is_connected, Ordering::Relaxed);
    }

    pub(super) fn delivered(&self, count: usize) {
        self.state.undelivered.fetch_sub(count, Ordering::Relaxed);
    }

    /// Fetches what is missing of `digests` and stores it, each blob checked against its digest. What had come before a
    /// break is kept, so that a second call resumes.
    ///
    /// # Errors
    /// The call broke off, or content was tampered with.
    pub async fn fetch(&self, digests: &[Digest], blobs: &Arc<dyn BlobStore>) -> Result<(), FetchError> {
        let missing = self.missing(digests, blobs).await?;
        for part in missing.chunks(DIGESTS_MAX) {
            // What is still to come: content that came is not taken again, or a stream of it would have no end.
            let mut asked = HashSet::new();
            let digests = part.iter().filter(|digest| asked.insert(**digest));
            let digests = digests.map(|digest| crate::wire::bytes_of(*digest)).collect();
            let request = self.traced(v1::FetchBlobsRequest { digests });
            let mut stream = self.client.clone().fetch_blobs(request).await?.into_inner();
            // One at a time: content of which all had begun would all be kept.
            let mut begun: Option<(Digest, BytesMut)> = None;
            let mut whole: Vec<Bytes> = Vec::new();
            let result = loop {
                let piece = match timeout(self.patience, stream.message()).await {
                    Ok(Ok(Some(piece))) => piece,
                    Ok(Ok(None)) => break Ok(()),
                    Ok(Err(status)) => break Err(FetchError::Call(status)),
                    Err(_) => {
                        let ms = self.patience.as_millis();
                        let text = format!("no further content came within {ms} ms (limits.peer_answer_ms_max)");
                        break Err(FetchError::Call(Status::deadline_exceeded(text)));
                    }
                };
                let digest = Digest::try_from(&piece.digest[..]);
                let digest = digest.map_err(|error| FetchError::Store(error.to_string()))?;
                if !asked.contains(&digest) {
                    break Err(FetchError::Tampered(digest));
                }
                let (of, mut part) = begun.take().unwrap_or_else(|| (digest, BytesMut::new()));
                if of != digest
                    || part.len() as u64 != piece.offset
                    || part.len() + piece.data.len() > BLOB_BYTES_MAX
                    || (piece.data.is_empty() && !piece.is_last)
                {
                    break Err(FetchError::Tampered(digest));
                }
                part.extend_from_slice(&piece.data);
                if !piece.is_last {
                    begun = Some((digest, part));
                } else {
                    let bytes = part.freeze();
                    asked.remove(&digest);
                    if Digest::of(&bytes) != digest {
                        break Err(FetchError::Tampered(digest));
                    }
                    whole.push(bytes);
                    if whole.iter().map(Bytes::len).sum::<usize>() > BATCH_BYTES {
                        self.store(std::mem::take(&mut whole), blobs).await?;
                    }
                }
            };
            self.store(whole, blobs).await?;
            result?;
            // A stream may end in peace and yet too early.
            if let Some(digest) = self.missing(part, blobs).await?.first() {
                return Err(FetchError::Incomplete(*digest));
            }
        }
        Ok(())
    }

    async fn missing(&self, digests: &[Digest], blobs: &Arc<dyn BlobStore>) -> Result<Vec<Digest>, FetchError> {
        let (digests, blobs) = (digests.to_vec(), Arc::clone(blobs));
        let missing = move || -> Result<Vec<Digest>, FetchError> {
            let mut missing = Vec::new();
            for digest in digests {
                if !blobs.has(&digest).map_err(|error| FetchError::Store(error.to_string()))? {
                    missing.push(digest);
                }
            }
            Ok(missing)
        };
        self.executor.run(missing).await.map_err(|error| FetchError::Store(error.to_string()))?
    }

    async fn store(&self, whole: Vec<Bytes>, blobs: &Arc<dyn BlobStore>) -> Result<(), FetchError> {
        if whole.is_empty() {
            return Ok(());
        }
        let blobs = Arc::clone(blobs);
        let stored = self.executor.run(move || blobs.put_many(&whole).map(drop)).await;
        let failed = |reason: String| FetchError::Store(reason);
        stored.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }

    /// Reads nodes of the tree behind one of the other house's claims.
    ///
    /// # Errors
    /// The call failed.
    pub async fn read_nodes(&self, claim: Digest, paths: Vec<Bytes>) -> Result<Vec<v1::TreeNode>, Status> {
        let request = self.traced(v1::ReadNodesRequest { claim: crate::wire::bytes_of(claim), paths });
        Ok(self.client.clone().read_nodes(request).await?.into_inner().nodes)
    }

    fn traced<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.patience);
        telemetry::inject(request.metadata_mut());
        request
    }

    /// Reads the evidence of both houses that the other house holds. How long the answer may take is the reader's to bound:
    /// the deadline here ends with its head.
    ///
    /// # Errors
    /// The call failed.
    pub async fn read_shared(
        &self,
        request: v1::ReadSharedRequest,
    ) -> Result<tonic::Streaming<v1::ReadSharedResponse>, Status> {
        let request = self.traced(request);
        Ok(self.client.clone().read_shared(request).await?.into_inner())
    }

    pub(super) async fn greet(&self, request: v1::GreetRequest) -> Result<v1::GreetResponse, Status> {
        Ok(self.client.clone().greet(self.traced(request)).await?.into_inner())
    }

    pub(super) async fn deliver(
        &self,
        envelopes: Vec<v1::SignedEnvelope>,
        own_head: Option<v1::LedgerHead>,
    ) -> Result<Vec<v1::Receipt>, Status> {
        let request = self.traced(v1::DeliverRequest { envelopes, own_head });
        Ok(self.client.clone().deliver(request).await?.into_inner().receipts)
    }
}
