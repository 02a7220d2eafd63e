//! Mutual TLS on loopback, with certificates made here.

mod admission;
mod bounds;
mod files;
mod floods;
mod handshakes;
mod http2;
mod overlap;
mod renewals;
mod slow;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    acceptor::accept,
    admission::{AdmissionLayer, AdmissionTable},
    calls::CallsLayer,
    connections::Connections,
    connector::{TcpDial, channel},
    limits::Limits,
    name::HouseId,
    role::RoleKind,
    server::server,
    tls::{AuthorityFiles, ClientFiles, NodeTls, ServerFiles, ServerTls, Tls},
};
use crate::command::certs::authority::{Authority, Issued, Leaf, Period, Usage};

const DAY: Duration = Duration::from_secs(86_400);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A refusal before any call is answered: the client sees the connection fail.
fn assert_handshake_refused<T: std::fmt::Debug>(outcome: Result<T, impl Into<Refusal>>) {
    let refusal = outcome.expect_err("the handshake must be refused").into();
    assert!(!matches!(refusal, Refusal::Answered(_)), "{refusal:?}");
}

#[derive(Debug)]
enum Refusal {
    Answered(#[allow(dead_code, reason = "printed when the assertion fails")] Status),
    Broken,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::PermissionDenied | Code::Unimplemented | Code::Internal => Self::Answered(status),
            _ => Self::Broken,
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(_: std::io::Error) -> Self {
        Self::Broken
    }
}

fn leaf(usage: Usage) -> Leaf {
    Leaf {
        common_name: "test".into(),
        uris: vec![],
        hosts: vec!["localhost".into()],
        addresses: vec![[127, 0, 0, 1].into()],
        usage,
        period: Period::starting_at(SystemTime::now(), DAY),
    }
}

struct House {
    name: HouseId,
    authority: Authority,
}

impl House {
    fn new(name: &str) -> Self {
        let name = HouseId::new(name).unwrap();
        let authority = Authority::new(&name, Period::starting_at(SystemTime::now(), DAY)).unwrap();
        Self { name, authority }
    }

    fn client(&self, uri: &str) -> Issued {
        self.authority.issue(&Leaf { uris: vec![uri.into()], ..leaf(Usage::Client) }).unwrap()
    }

    fn node(&self) -> Issued {
        let uris = vec![format!("crossmargin://{}/node", self.name)];
        self.authority.issue(&Leaf { uris, ..leaf(Usage::Server) }).unwrap()
    }

    fn revocation_list(&self, serials: &[Vec<u8>]) -> String {
        self.authority.revocation_list(1, Period::starting_at(SystemTime::now(), DAY), serials).unwrap()
    }
}

/// The files of FICC's node, whose peer is CME.
struct Files {
    folder: TempDir,
    node: Issued,
    ficc: House,
    cme: House,
}

impl Files {
    fn new() -> Self {
        let (ficc, cme) = (House::new("FICC"), House::new("CME"));
        let files = Self { folder: tempfile::tempdir().unwrap(), node: ficc.node(), ficc, cme };
        let node = &files.node;
        files.file("node.pem", &node.certificate_pem);
        files.file("node.key", &node.key_pem);
        for house in [&files.ficc, &files.cme] {
            files.file(&format!("{}.pem", house.name), &house.authority.certificate_pem());
            files.file(&format!("{}.crl", house.name), &house.revocation_list(&[]));
        }
        files
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path
    }

    fn authority_files(&self, house: &House) -> AuthorityFiles {
        AuthorityFiles {
            house: house.name.clone(),
            certificates: self.folder.path().join(format!("{}.pem", house.name)),
            revocation_lists: vec![self.folder.path().join(format!("{}.crl", house.name))],
            enforce_revocation_expiry: true,
        }
    }

    fn server_files(&self) -> ServerFiles {
        ServerFiles {
            certificate: self.folder.path().join("node.pem"),
            key: self.folder.path().join("node.key"),
            own: self.authority_files(&self.ficc),
            peers: vec![self.authority_files(&self.cme)],
        }
    }
}

/// A running node of FICC that serves health to operators and to the peer.
struct World {
    files: Files,
    address: SocketAddr,
    tls: Arc<Tls<ServerTls>>,
    connections: Arc<Connections>,
    stop: CancellationToken,
}

impl std::ops::Deref for World {
    type Target = Files;
    fn deref(&self) -> &Files {
        &self.files
    }
}

impl World {
    async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    async fn with(limits: Limits) -> Self {
        let files = Files::new();
        let tls = Arc::new(Tls::server(files.server_files()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (incoming, connections) = accept(listener, tls.subscribe(), &limits, stop.clone());
        let admitted: &[RoleKind] = &[RoleKind::Operator, RoleKind::Peer];
        let rows = ["Check", "Watch"].map(|method| format!("/grpc.health.v1.Health/{method}"));
        let rows: Vec<_> = rows.iter().map(|path| (path.as_str(), admitted)).collect();
        let table = AdmissionTable::new(&rows, &[tonic_health::pb::FILE_DESCRIPTOR_SET]).unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        let health = health.max_decoding_message_size(limits.message_received_bytes_max);
        let node = server(&limits)
            .layer(CallsLayer::new(&limits))
            .layer(AdmissionLayer::new(table))
            .add_service(health)
            .serve_with_incoming(incoming);
        tokio::spawn(node);
        Self { files, address, tls, connections, stop }
    }

    fn client_tls(&self, client: &Issued) -> Tls<super::tls::ClientTls> {
        Tls::client(ClientFiles {
            certificate: self.file("client.pem", &client.certificate_pem),
            key: self.file("client.key", &client.key_pem),
            server: self.authority_files(&self.ficc),
        })
        .unwrap()
    }

    fn health(&self, client: &Issued) -> HealthClient<tonic::transport::Channel> {
        let address = format!("localhost:{}", self.address.port());
        let tls = self.client_tls(client);
        HealthClient::new(channel(&address, tls.subscribe(), TcpDial, &Limits::default()).unwrap())
    }

    async fn check(&self, client: &Issued) -> Result<(), Status> {
        self.health(client).check(Request::new(HealthCheckRequest::default())).await.map(drop)
    }

    /// Connects with a plain TLS client, and waits for the first byte of the node's HTTP/2.
    async fn raw(&self, client: Option<&Issued>) -> std::io::Result<()> {
        let tcp = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(raw_config(self, client)));
        let mut io = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await?;
        io.write_all(PREFACE).await?;
        io.read_exact(&mut [0; 9]).await.map(drop)
    }

    async fn server_serial(&self, client: &Issued) -> CertificateDer<'static> {
        let config = raw_config(self, Some(client));
        let tcp = TcpStream::connect(self.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let io = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        io.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    }
}

fn raw_config(world: &World, client: Option<&Issued>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let ca = world.ficc.authority.certificate_pem();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(super::tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::from_pem_slice(client.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![client.certificate.clone()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn check(address: SocketAddr, tls: &Tls<super::tls::ClientTls>) -> Result<(), Status> {
    let address = format!("localhost:{}", address.port());
    let channel = channel(&address, tls.subscribe(), TcpDial, &Limits::default()).unwrap();
    HealthClient::new(channel).check(Request::new(HealthCheckRequest::default())).await.map(drop)
}

/// A server with this certificate that asks clients for none, as another product's might.
async fn serve_plainly(issued: &Issued) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(super::tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let _ = tokio_rustls::TlsAcceptor::from(Arc::new(config)).accept(tcp).await;
    });
    address
}

/// A ClientHello of RFC 5246 without the extension that offers TLS 1.3.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..], // supported_groups: secp256r1
        &[0, 13, 0, 4, 0, 2, 4, 3],      // signature_algorithms: ecdsa_secp256r1_sha256
    ]
    .concat();
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    // Version 3.3, random, no session, one suite (ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), no compression.
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0xc0, 0x2b, 1, 0, 0, length(&extensions)], &extensions].concat();
    let handshake = [&[1, 0, 0, length(&body)][..], &body].concat();
    [&[22, 3, 1, 0, length(&handshake)][..], &handshake].concat()
}
