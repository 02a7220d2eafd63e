//! A collector of traces that keeps every byte that it is sent.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::Service,
    server::{Grpc, NamedService, UnaryService},
    transport::{Server, server::TcpIncoming},
};

use crate::support::raw::Raw;

/// The collector; it ends with the test's runtime.
pub struct Collector {
    address: std::net::SocketAddr,
    kept: Kept,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Collector {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Kept::default();
        let server = Server::builder().add_service(kept.clone());
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, kept }
    }

    /// Its address, as the configuration names it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it was sent.
    pub fn bytes(&self) -> Vec<u8> {
        self.kept.0.lock().unwrap().clone()
    }
}

impl NamedService for Kept {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl Service<http::Request<Body>> for Kept {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let keep = Keep(self.clone());
        Box::pin(async move {
            let mut grpc = Grpc::new(Raw).max_decoding_message_size(64 << 20);
            Ok(grpc.unary(keep, request).await)
        })
    }
}

struct Keep(Kept);

impl UnaryService<Bytes> for Keep {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        self.0.0.lock().unwrap().extend_from_slice(request.get_ref());
        ready(Ok(Response::new(Bytes::new())))
    }
}
