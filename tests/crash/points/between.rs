//! The link to the other house with a post in between, which sees each call before it leaves the house and each answer
//! before the node does.

use std::{io, sync::Arc};

use crossmargin::v1::{
    self,
    peer_service_client::PeerServiceClient,
    peer_service_server::{PeerService, PeerServiceServer},
};
use gateway::arrangement::digest::Digest;
use hyper_util::rt::TokioIo;
use prost::{Message, bytes::Bytes};
use tokio::{io::DuplexStream, sync::mpsc};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{
    Request, Response, Status, Streaming,
    transport::{Channel, Endpoint, Server},
};

use super::{
    node::{Trap, kind_of},
    table::{Call, Manner, Point, Side},
};

const MESSAGE_BYTES: usize = 64 << 20;
const PIPE_BYTES: usize = 1 << 20;

/// A channel for a node, over the post, to the other house.
pub(crate) fn channel(peer: Channel, trap: Arc<Trap>, manner: Manner) -> Channel {
    let client =
        PeerServiceClient::new(peer).max_decoding_message_size(MESSAGE_BYTES).max_encoding_message_size(MESSAGE_BYTES);
    let service = PeerServiceServer::new(Between { client, trap, manner })
        .max_decoding_message_size(MESSAGE_BYTES)
        .max_encoding_message_size(MESSAGE_BYTES);
    let (connections, incoming) = mpsc::unbounded_channel::<io::Result<DuplexStream>>();
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(UnboundedReceiverStream::new(incoming)));
    let connect = tower::service_fn(move |_| {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let sent = connections.send(Ok(far)).map_err(io::Error::other);
        async move { sent.map(|()| TokioIo::new(near)) }
    });
    Endpoint::from_static("http://between").connect_with_connector_lazy(connect)
}

struct Between {
    client: PeerServiceClient<Channel>,
    trap: Arc<Trap>,
    manner: Manner,
}

impl Between {
    /// Whether an envelope is kept back: a book that was amended, while the houses are to claim on different ones.
    fn is_kept_back(&self, envelope: &v1::SignedEnvelope) -> bool {
        self.manner != Manner::Plain
            && envelope.kind() == v1::EvidenceKind::PositionManifest
            && v1::PositionManifest::decode(&envelope.payload[..]).unwrap().revision > 1
    }
}

#[tonic::async_trait]
impl PeerService for Between {
    async fn greet(&self, request: Request<v1::GreetRequest>) -> Result<Response<v1::GreetResponse>, Status> {
        self.trap.pass(Point::Sent(Call::Greet, Side::Before));
        let answer = self.client.clone().greet(request.into_inner()).await?;
        self.trap.pass(Point::Sent(Call::Greet, Side::After));
        Ok(Response::new(answer.into_inner()))
    }

    async fn deliver(&self, request: Request<v1::DeliverRequest>) -> Result<Response<v1::DeliverResponse>, Status> {
        let v1::DeliverRequest { envelopes, own_head } = request.into_inner();
        let (kept_back, sent): (Vec<_>, Vec<_>) =
            envelopes.iter().cloned().partition(|envelope| self.is_kept_back(envelope));
        for envelope in &sent {
            self.trap.pass(Point::Sent(Call::Deliver(kind_of(envelope)), Side::Before));
        }
        let mut answer = v1::DeliverResponse::default();
        if !sent.is_empty() {
            let request = v1::DeliverRequest { envelopes: sent.clone(), own_head };
            answer = self.client.clone().deliver(request).await?.into_inner();
        }
        for envelope in &sent {
            self.trap.pass(Point::Sent(Call::Deliver(kind_of(envelope)), Side::After));
        }
        // Receipts come in the order of the envelopes.
        let mut receipts = answer.receipts.into_iter();
        let receipt = |envelope: &v1::SignedEnvelope| {
            if !kept_back.contains(envelope) {
                return receipts.next().ok_or_else(|| Status::internal("a receipt is missing"));
            }
            let digest = Bytes::copy_from_slice(Digest::of(&envelope.payload).as_bytes());
            let disposition = v1::Disposition::Recorded.into();
            Ok(v1::Receipt { digest, disposition, reason: String::new() })
        };
        let receipts = envelopes.iter().map(receipt).collect::<Result<_, _>>()?;
        Ok(Response::new(v1::DeliverResponse { receipts }))
    }

    type FetchBlobsStream = Streaming<v1::FetchBlobsResponse>;

    async fn fetch_blobs(
        &self,
        request: Request<v1::FetchBlobsRequest>,
    ) -> Result<Response<Self::FetchBlobsStream>, Status> {
        self.trap.pass(Point::Sent(Call::Fetch, Side::Before));
        let answer = self.client.clone().fetch_blobs(request.into_inner()).await?;
        self.trap.pass(Point::Sent(Call::Fetch, Side::After));
        Ok(Response::new(answer.into_inner()))
    }

    type ReadSharedStream = Streaming<v1::ReadSharedResponse>;

    async fn read_shared(
        &self,
        request: Request<v1::ReadSharedRequest>,
    ) -> Result<Response<Self::ReadSharedStream>, Status> {
        let story = self.client.clone().read_shared(request.into_inner()).await?;
        Ok(Response::new(story.into_inner()))
    }

    async fn read_nodes(
        &self,
        request: Request<v1::ReadNodesRequest>,
    ) -> Result<Response<v1::ReadNodesResponse>, Status> {
        self.trap.pass(Point::Sent(Call::ReadNodes, Side::Before));
        let mut answer = self.client.clone().read_nodes(request.into_inner()).await?.into_inner();
        self.trap.pass(Point::Sent(Call::ReadNodes, Side::After));
        if self.manner == Manner::Misreading {
            // A node that is no node of any tree.
            answer
                .nodes
                .iter_mut()
                .for_each(|node| *node = v1::TreeNode { path: node.path.clone(), ..Default::default() });
        }
        Ok(Response::new(answer))
    }
}
