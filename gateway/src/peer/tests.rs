//! The other house as a server that means harm: what it answers is bounded before it is kept.

use std::{pin::Pin, sync::Arc, time::Duration};

use crossmargin::v1::{
    self,
    peer_service_server::{PeerService, PeerServiceServer},
};
use futures_util::{Stream, StreamExt, stream};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Request, Response, Status,
    transport::{Endpoint, Server},
};

use super::{
    delivery::{BATCH_BYTES, BATCH_ENVELOPES, batch_length},
    link::{FetchError, Link},
};
use crate::{
    arrangement::digest::Digest,
    blobs::{BlobStore, MemoryBlobStore},
    identity::Limits,
    seam::Executor,
    wire,
};

/// A gateway that answers with what it was given.
struct Hostile {
    nodes: usize,
    pieces: Vec<v1::FetchBlobsResponse>,
    goes_on: bool,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<v1::FetchBlobsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl PeerService for Hostile {
    type ReadSharedStream = Pin<Box<dyn Stream<Item = Result<v1::ReadSharedResponse, Status>> + Send>>;

    async fn read_shared(&self, _: Request<v1::ReadSharedRequest>) -> Result<Response<Self::ReadSharedStream>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    type FetchBlobsStream = Pieces;

    async fn greet(&self, _: Request<v1::GreetRequest>) -> Result<Response<v1::GreetResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn deliver(&self, _: Request<v1::DeliverRequest>) -> Result<Response<v1::DeliverResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }

    async fn fetch_blobs(&self, _: Request<v1::FetchBlobsRequest>) -> Result<Response<Pieces>, Status> {
        let pieces = stream::iter(self.pieces.clone()).map(Ok);
        Ok(Response::new(if self.goes_on { pieces.boxed() } else { pieces.chain(stream::pending()).boxed() }))
    }

    async fn read_nodes(&self, _: Request<v1::ReadNodesRequest>) -> Result<Response<v1::ReadNodesResponse>, Status> {
        Ok(Response::new(v1::ReadNodesResponse { nodes: vec![v1::TreeNode::default(); self.nodes] }))
    }
}

async fn link_to(hostile: Hostile, limits: &Limits) -> Link {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = PeerServiceServer::new(hostile).max_encoding_message_size(usize::MAX);
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
    Link::new(Endpoint::from_shared(address).unwrap().connect_lazy(), limits, Executor::Threads).0
}

fn piece(content: &[u8], from: usize, to: usize) -> v1::FetchBlobsResponse {
    v1::FetchBlobsResponse {
        digest: wire::bytes_of(Digest::of(content)),
        offset: from as u64,
        data: Bytes::copy_from_slice(&content[from..to]),
        is_last: to == content.len(),
    }
}

async fn fetch(pieces: Vec<v1::FetchBlobsResponse>, asked: &[&[u8]]) -> (Result<(), FetchError>, Arc<dyn BlobStore>) {
    let link = link_to(Hostile { nodes: 0, pieces, goes_on: true }, &Limits::default()).await;
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new());
    let digests: Vec<Digest> = asked.iter().map(|content| Digest::of(content)).collect();
    (link.fetch(&digests, &blobs).await, blobs)
}

#[test]
fn a_call_carries_so_many_envelopes_and_bytes_and_a_larger_one_goes_alone() {
    let envelope = |bytes: usize| v1::SignedEnvelope { payload: vec![7; bytes].into(), ..Default::default() };
    let (small, half, large) = (envelope(10), envelope(BATCH_BYTES / 2), envelope(BATCH_BYTES + 1));
    for (name, envelopes, length) in [
        ("none", vec![], 0),
        ("all that there are", vec![small.clone(); 3], 3),
        ("so many at most", vec![small.clone(); BATCH_ENVELOPES + 1], BATCH_ENVELOPES),
        ("two halves are more than a whole, by what goes with each payload", vec![half.clone(); 3], 1),
        ("a large one waits for its own call", vec![small.clone(), large.clone(), small.clone()], 1),
        ("and goes alone", vec![large, small], 1),
    ] {
        assert_eq!(batch_length(&envelopes), length, "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_would_be_large_decoded_is_refused_before_it_is_decoded() {
    let link = link_to(Hostile { nodes: 300_000, pieces: Vec::new(), goes_on: true }, &Limits::default()).await;
    let refused = link.read_nodes(Digest::of(b"claim"), Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    let message = refused.message();
    assert!(message.contains("ReadNodesResponse") && message.contains("message_decoded_bytes_max"), "{message}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_on_the_wire_is_refused() {
    let limits = Limits { message_received_bytes_max: 1_000, ..Limits::default() };
    let link = link_to(Hostile { nodes: 501, pieces: Vec::new(), goes_on: true }, &limits).await;
    let refused = link.read_nodes(Digest::of(b"claim"), Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
}

#[tokio::test]
async fn content_comes_one_after_the_other_in_order_and_only_what_was_asked_for() {
    let (a, b) = (&b"content of the first"[..], &b"content of the second"[..]);
    let (whole, blobs) = fetch(vec![piece(a, 0, 7), piece(a, 7, a.len()), piece(b, 0, b.len())], &[a, b]).await;
    whole.unwrap();
    assert!(blobs.has(&Digest::of(a)).unwrap() && blobs.has(&Digest::of(b)).unwrap());

    let forged = v1::FetchBlobsResponse { data: Bytes::from_static(b"another content"), ..piece(b, 0, b.len()) };
    let empty = v1::FetchBlobsResponse { data: Bytes::new(), ..piece(a, 0, 7) };
    for (name, pieces) in [
        ("a second content begins before the first has ended", vec![piece(a, 0, 7), piece(b, 0, b.len())]),
        ("a piece comes twice", vec![piece(a, 0, 7), piece(a, 0, 7)]),
        ("content comes again, and could for ever", vec![piece(a, 0, a.len()), piece(a, 0, a.len())]),
        ("a piece is left out", vec![piece(a, 7, a.len())]),
        ("a piece of nothing, which could come for ever", vec![empty]),
        ("content that was not asked for", vec![piece(b"something else", 0, 14)]),
        ("content without its digest", vec![forged]),
    ] {
        let (refused, blobs) = fetch(pieces, &[a, b]).await;
        assert!(matches!(refused, Err(FetchError::Tampered(_))), "{name}: {refused:?}");
        assert!(!blobs.has(&Digest::of(b)).unwrap(), "{name}");
    }
    // A digest that is asked for twice comes once.
    fetch(vec![piece(a, 0, a.len()), piece(b, 0, b.len())], &[a, b, a]).await.0.unwrap();
    let (early, _) = fetch(vec![piece(a, 0, 7)], &[a, b]).await;
    assert!(matches!(early, Err(FetchError::Incomplete(_))), "{early:?}");
}

#[tokio::test]
async fn an_answer_that_begins_and_does_not_go_on_is_given_up_and_what_had_come_is_kept() {
    let limits = Limits { peer_answer_ms_max: 300, ..Limits::default() };
    let (a, b) = (&b"content of the first"[..], &b"content of the second"[..]);
    let link = link_to(Hostile { nodes: 0, pieces: vec![piece(a, 0, a.len())], goes_on: false }, &limits).await;
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new());
    let digests = [Digest::of(a), Digest::of(b)];
    let fetch = link.fetch(&digests, &blobs);
    let given_up = tokio::time::timeout(Duration::from_secs(30), fetch).await.expect("it ends").unwrap_err();
    assert!(given_up.to_string().contains("limits.peer_answer_ms_max"), "{given_up}");
    assert!(blobs.has(&digests[0]).unwrap());
}
