//! Mutual TLS on loopback, with certificates made here.

mod floods;
mod http2;
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

#[tokio::test]
async fn a_client_with_an_admitted_role_is_served_under_its_identity() {
    let world = World::start().await;
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
}

#[tokio::test]
async fn a_role_that_the_method_does_not_admit_is_told_so() {
    let world = World::start().await;
    let refused = world.check(&world.ficc.client("crossmargin://FICC/role/position-source")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for part in ["/grpc.health.v1.Health/Check", "position-source", "peer, operator"] {
        assert!(refused.message().contains(part), "{part}: {refused}");
    }
}

#[tokio::test]
async fn a_certificate_whose_uri_gives_no_role_is_told_what_was_found_and_what_is_needed() {
    let world = World::start().await;
    for uris in [
        &["crossmargin://FICC/role/operater"][..],
        &["crossmargin://FICC/role/operator", "crossmargin://FICC/role/auditor"],
        &["crossmargin://LCH/role/operator"],
        &[],
    ] {
        let mut leaf = leaf(Usage::Client);
        leaf.uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        let refused = world.check(&world.ficc.authority.issue(&leaf).unwrap()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{uris:?}: {refused}");
        for uri in uris {
            assert!(refused.message().contains(uri), "{uri}: {refused}");
        }
    }
}

#[tokio::test]
async fn no_house_can_vouch_for_the_roles_of_another() {
    let world = World::start().await;
    // The URI names a house, and the certificate is another house's: the chain does not hold.
    let forged =
        [world.ficc.client("crossmargin://CME/role/peer/CME"), world.cme.client("crossmargin://FICC/role/operator")];
    for client in &forged {
        assert_handshake_refused(world.check(client).await);
    }
    // The chain holds, and the house cannot give this role here.
    let misissued = [
        world.ficc.client("crossmargin://FICC/role/peer/CME"),
        world.ficc.client("crossmargin://FICC/role/peer/FICC"),
        world.cme.client("crossmargin://CME/role/operator"),
        world.cme.client("crossmargin://CME/role/peer/LCH"),
    ];
    for client in &misissued {
        let refused = world.check(client).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        assert!(refused.message().contains("takes role peer/<house> from that house alone"), "{refused}");
    }
}

#[tokio::test]
async fn a_client_without_a_valid_certificate_is_refused_in_the_handshake() {
    let world = World::start().await;
    let operator = "crossmargin://FICC/role/operator";
    let now = SystemTime::now();
    let with = |change: &dyn Fn(&mut Leaf)| {
        let mut leaf = Leaf { uris: vec![operator.into()], ..leaf(Usage::Client) };
        change(&mut leaf);
        world.ficc.authority.issue(&leaf).unwrap()
    };
    world.check(&with(&|_| {})).await.unwrap();

    let expired = with(&|leaf| leaf.period = Period { from: now - 2 * DAY, until: now - DAY });
    assert_handshake_refused(world.raw(Some(&expired)).await);
    let early = with(&|leaf| leaf.period = Period { from: now + DAY, until: now + 2 * DAY });
    assert_handshake_refused(world.raw(Some(&early)).await);
    assert_handshake_refused(world.check(&with(&|leaf| leaf.usage = Usage::Server)).await);
    let stranger = House::new("FICC").client(operator);
    assert_handshake_refused(world.check(&stranger).await);
    assert_handshake_refused(world.raw(None).await);
}

#[tokio::test]
async fn a_client_of_tls_1_2_is_refused() {
    let world = World::start().await;
    let mut tcp = TcpStream::connect(world.address).await.unwrap();
    tcp.write_all(&client_hello_of_tls_1_2()).await.unwrap();
    let mut alert = [0; 7];
    tcp.read_exact(&mut alert).await.unwrap();
    // A fatal alert, protocol_version (RFC 8446, section 6).
    assert_eq!((alert[0], &alert[5..]), (21, &[2, 70][..]));
}

#[tokio::test]
async fn the_hybrid_post_quantum_key_exchange_is_chosen_and_no_session_is_resumed() {
    let world = World::start().await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let config = Arc::new(raw_config(&world, Some(&client)));
    for _ in 0..2 {
        let tcp = TcpStream::connect(world.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut io = TlsConnector::from(Arc::clone(&config)).connect(name, tcp).await.unwrap();
        io.write_all(PREFACE).await.unwrap();
        io.read_exact(&mut [0; 9]).await.unwrap();
        let session = io.get_ref().1;
        assert_eq!(session.handshake_kind(), Some(rustls::HandshakeKind::Full));
        assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), rustls::NamedGroup::X25519MLKEM768);
        assert_eq!(session.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn a_client_believes_the_node_of_the_expected_house_alone() {
    let world = World::start().await;
    // The certificate is the own house's and its name is right, but it is not a node's.
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    for uris in [&["crossmargin://CME/node"][..], &["crossmargin://FICC/role/operator"], &[]] {
        let mut leaf = leaf(Usage::Server);
        leaf.uris = uris.iter().map(|&uri| uri.to_owned()).collect();
        let issued = world.ficc.authority.issue(&leaf).unwrap();
        let refused = check(serve_plainly(&issued).await, &world.client_tls(&operator)).await.unwrap_err();
        assert!(format!("{refused:?}").contains("needed is exactly one, crossmargin://FICC/node"), "{refused:?}");
    }
    // Another authority's node.
    let tls = Tls::client(ClientFiles {
        certificate: world.file("c.pem", &operator.certificate_pem),
        key: world.file("c.key", &operator.key_pem),
        server: world.authority_files(&world.cme),
    })
    .unwrap();
    let refused = check(world.address, &tls).await.unwrap_err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
}

#[tokio::test]
async fn a_client_leaves_a_node_whose_certificate_is_revoked() {
    let world = World::start().await;
    let tls = world.client_tls(&world.ficc.client("crossmargin://FICC/role/operator"));
    let address = format!("localhost:{}", world.address.port());
    let channel = channel(&address, tls.subscribe(), TcpDial, &Limits::default()).unwrap();
    let mut client = HealthClient::new(channel);
    client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    world.file("FICC.crl", &world.ficc.revocation_list(&[vec![1]]));
    tls.reload().unwrap();
    client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(world.connections.count(), 1, "the same connection: its certificate still holds");

    world.file("FICC.crl", &world.ficc.revocation_list(std::slice::from_ref(&world.node.serial)));
    tls.reload().unwrap();
    assert_handshake_refused(client.check(Request::new(HealthCheckRequest::default())).await);
}

#[tokio::test]
async fn a_revocation_closes_the_revoked_connection_and_no_other() {
    let world = World::start().await;
    let revoked = world.ficc.client("crossmargin://FICC/role/operator");
    let other = world.cme.client("crossmargin://CME/role/peer/CME");
    let mut revoked_client = world.health(&revoked);
    let mut other_client = world.health(&other);
    revoked_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    other_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(world.connections.count(), 2);

    // A list that cannot be read changes nothing.
    world.file("FICC.crl", "nonsense");
    assert!(world.tls.reload().unwrap_err().to_string().contains("FICC.crl"));
    revoked_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();

    world.file("FICC.crl", &world.ficc.revocation_list(std::slice::from_ref(&revoked.serial)));
    world.tls.reload().unwrap();
    assert_eq!(world.connections.verify_again(&world.tls.current()), 1);
    let refused = revoked_client.check(Request::new(HealthCheckRequest::default())).await.unwrap_err();
    assert_ne!(refused.code(), Code::PermissionDenied, "closed, not answered: {refused}");
    assert_handshake_refused(world.check(&revoked).await);
    other_client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    assert_eq!(world.connections.identities().len(), 1);
}

#[tokio::test]
async fn a_reload_of_a_node_takes_both_sides_or_neither() {
    let world = World::start().await;
    let peer = world.ficc.client("crossmargin://FICC/role/peer/FICC");
    let files = ClientFiles {
        certificate: world.file("peer.pem", &peer.certificate_pem),
        key: world.file("peer.key", &peer.key_pem),
        server: world.authority_files(&world.cme),
    };
    let tls = NodeTls::load(world.server_files(), files).unwrap();
    let before = (tls.server.current(), tls.peer.current());
    world.file("peer.pem", "nonsense");
    assert!(tls.reload(&world.connections).unwrap_err().to_string().contains("peer.pem"));
    assert!(Arc::ptr_eq(&before.0, &tls.server.current()) && Arc::ptr_eq(&before.1, &tls.peer.current()));
    world.file("peer.pem", &peer.certificate_pem);
    assert_eq!(tls.reload(&world.connections).unwrap(), 0);
    assert!(!Arc::ptr_eq(&before.0, &tls.server.current()) && !Arc::ptr_eq(&before.1, &tls.peer.current()));
}

#[tokio::test]
async fn a_renewed_server_certificate_serves_new_connections_and_live_ones_stay() {
    let world = World::start().await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let mut live = world.health(&client);
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    let before = world.server_serial(&client).await;

    let renewed = world.ficc.node();
    world.file("node.pem", &renewed.certificate_pem);
    let error = world.tls.reload().unwrap_err().to_string();
    assert!(error.contains("node.pem"), "a certificate without its key is not published: {error}");
    assert_eq!(world.server_serial(&client).await, before);

    world.file("node.key", &renewed.key_pem);
    world.tls.reload().unwrap();
    assert_eq!(world.connections.verify_again(&world.tls.current()), 0);
    assert_eq!(world.server_serial(&client).await, renewed.certificate);
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let world = World::with(Limits { handshake_ms_max: 50, ..Limits::default() }).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0, "the node closes the connection");
}

#[tokio::test]
async fn a_connection_that_never_speaks_http2_is_given_up() {
    let world = World::with(Limits { preface_ms_max: 50, ..Limits::default() }).await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let config = raw_config(&world, Some(&client));
    let tcp = TcpStream::connect(world.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut io = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    io.write_all(&PREFACE[..10]).await.unwrap();
    let mut rest = Vec::new();
    let _ = io.read_to_end(&mut rest).await;
    assert_eq!(world.connections.count(), 0);
}

#[tokio::test]
async fn silent_sockets_do_not_keep_others_out() {
    let world = World::with(Limits {
        handshakes_max: 4,
        handshakes_per_address_max: 4,
        handshake_ms_max: 100,
        ..Limits::default()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn one_identity_cannot_hold_more_than_its_connections() {
    let world = World::with(Limits { connections_per_identity_max: 2, ..Limits::default() }).await;
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = world.health(&operator);
        client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
        held.push(client);
    }
    assert_handshake_refused(world.check(&operator).await);
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
}

#[tokio::test]
async fn a_stopped_listener_takes_nobody_and_keeps_whom_it_has() {
    let world = World::start().await;
    let client = world.ficc.client("crossmargin://FICC/role/operator");
    let mut live = world.health(&client);
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    world.stop.cancel();
    // The listener closes when its task has ended.
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    live.check(Request::new(HealthCheckRequest::default())).await.unwrap();
}

#[test]
fn one_authority_cannot_stand_for_two_houses() {
    let world = Files::new();
    let mut peer = world.authority_files(&world.cme);
    peer.certificates = world.authority_files(&world.ficc).certificates;
    let error = ServerTls::load(&ServerFiles { peers: vec![peer], ..world.server_files() }).unwrap_err().to_string();
    assert!(error.contains("CME") && error.contains("FICC"), "{error}");
}

#[test]
fn a_node_does_not_start_with_another_houses_certificate() {
    let world = Files::new();
    let issued = world.cme.node();
    world.file("node.pem", &issued.certificate_pem);
    world.file("node.key", &issued.key_pem);
    let error = ServerTls::load(&world.server_files()).unwrap_err().to_string();
    for part in ["node.pem", "crossmargin://CME/node", "crossmargin://FICC/node"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

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
