//! Connections that are written byte by byte, and calls with bytes of one's own.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crossmargin::v1;
use http_body::Frame;
use prost::bytes::Bytes;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Interval, interval},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{Status, body::Body, transport::Channel};
use tower::ServiceExt;

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Certificate {
    pub(crate) pem: PathBuf,
    pub(crate) key: PathBuf,
}

/// A node to attack: where it listens, and the authority of its certificate.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) port: u16,
    pub(crate) ca: PathBuf,
}

impl Node {
    /// A socket without a byte of TLS, from an address that is not that of those who behave: who shares an address shares
    /// its handshakes.
    pub(crate) async fn socket(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 2], 0).into())?;
        socket.connect(([127, 0, 0, 1], self.port).into()).await
    }

    /// A connection of TLS with a certificate, or without one; HTTP/2 has not begun.
    pub(crate) async fn connect(&self, certificate: Option<&Certificate>) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let builder = builder.unwrap().with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(Certificate { pem, key }) => {
                let chain = CertificateDer::pem_file_iter(pem).unwrap().collect::<Result<_, _>>().unwrap();
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, self.socket().await?).await
    }

    /// A connection whose HTTP/2 has begun, with an initial window.
    pub(crate) async fn speak(&self, certificate: &Certificate, window: u32) -> std::io::Result<TlsStream<TcpStream>> {
        let mut io = self.connect(Some(certificate)).await?;
        io.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
        io.write_all(&frame(SETTINGS, 0, 0, &[&[0, 4][..], &window.to_be_bytes()].concat())).await?;
        Ok(io)
    }
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call (RFC 7541): POST and https from the static table, path and content type as literals.
pub(crate) fn headers(path: &str) -> Vec<u8> {
    let literal = |name: &[u8], value: &str| [name, &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    [&[0x83, 0x87][..], &literal(&[4], path), &literal(&[0x0f, 16], "application/grpc")].concat()
}

/// A message behind its head of gRPC.
pub(crate) fn message(bytes: &[u8]) -> Bytes {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0][..], &length, bytes].concat().into()
}

/// Reads and forgets until the node closes.
pub(crate) async fn drain(io: &mut TlsStream<TcpStream>) {
    let mut buffer = vec![0; 1 << 16];
    while matches!(io.read(&mut buffer).await, Ok(1..)) {}
}

/// Calls with any bytes; the status where the node gave one.
pub(crate) async fn call(channel: &Channel, path: &str, body: Pieces) -> Option<Status> {
    let request = http::Request::post(path).header("content-type", "application/grpc").body(Body::new(body)).unwrap();
    let answer = channel.clone().oneshot(request).await.ok()?;
    Status::from_header_map(answer.headers())
}

/// A request's body, a piece at a time.
pub(crate) struct Pieces {
    pieces: Box<dyn Iterator<Item = Bytes> + Send>,
    pause: Option<Interval>,
}

impl Pieces {
    pub(crate) fn once(bytes: Bytes) -> Self {
        Self { pieces: Box::new(std::iter::once(bytes)), pause: None }
    }

    pub(crate) fn slowly(pieces: impl Iterator<Item = Bytes> + Send + 'static, pause: Duration) -> Self {
        Self { pieces: Box::new(pieces), pause: Some(interval(pause)) }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.poll_tick(cx));
        }
        std::task::Poll::Ready(self.pieces.next().map(|piece| Ok(Frame::data(piece))))
    }
}

/// A request for the requirements of a cycle.
pub(crate) fn requirements(cycle: &v1::CycleId) -> v1::ListRequirementsRequest {
    v1::ListRequirementsRequest { cycle: Some(cycle.clone()), page_size: i32::MAX, ..Default::default() }
}
