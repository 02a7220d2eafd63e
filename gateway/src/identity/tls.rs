//! TLS configurations of the server and the client side, loaded from files and reloaded while connections live.
//!
//! TLS 1.3 alone, a certificate on both sides, no session resumption (a resumed session would skip the verification of
//! the client's certificate), the hybrid X25519MLKEM768 key exchange first. A new configuration is validated in full
//! before it is published; new connections use it, live ones are verified again under it (see
//! [`Connections::verify_again`](super::Connections::verify_again)).

use std::{fmt, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, ServerConfig,
    client::{Resumption, danger::ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, danger::ClientCertVerifier},
    version::TLS13,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::sync::watch;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    caller::{ClientIdentity, NotAdmitted},
    connections::Connections,
    name::HouseId,
    pem::{self, FileError},
    role::Role,
    verifier::{self, ClientVerifier, HouseAuthorities, NodeError, NodeVerifier, VerifierError},
};

/// The application protocol that is spoken, and the only one.
const ALPN_H2: &[u8] = b"h2";

/// Where the authorities of one house are.
#[derive(Debug, Clone)]
pub struct AuthorityFiles {
    /// The house that these authorities vouch for.
    pub house: HouseId,
    /// PEM file of its certificate authorities.
    pub certificates: PathBuf,
    /// PEM files of their revocation lists; may be none.
    pub revocation_lists: Vec<PathBuf>,
    /// Whether a revocation list that is past its next update refuses everybody.
    pub enforce_revocation_expiry: bool,
}

impl AuthorityFiles {
    fn load(&self) -> Result<HouseAuthorities, TlsError> {
        let mut revocation_lists = Vec::new();
        for path in &self.revocation_lists {
            revocation_lists.extend(pem::revocation_lists(path)?);
        }
        Ok(HouseAuthorities {
            house: self.house.clone(),
            roots: pem::certificates(&self.certificates)?,
            revocation_lists,
            enforce_revocation_expiry: self.enforce_revocation_expiry,
        })
    }
}

/// Where a node's server identity and the authorities of its clients are.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    /// PEM file of the node's server certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// The authorities of the own house: they vouch for every role but the peer's.
    pub own: AuthorityFiles,
    /// The authorities of the other houses: each vouches for its own gateway alone.
    pub peers: Vec<AuthorityFiles>,
}

/// Where a client's identity and the authorities of the node that it calls are.
#[derive(Debug, Clone)]
pub struct ClientFiles {
    /// PEM file of the client certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// The house that is called, and its authorities.
    pub server: AuthorityFiles,
}

/// The server side of TLS: what a node proves and whom it believes.
#[derive(Debug)]
pub struct ServerTls {
    pub(crate) config: Arc<ServerConfig>,
    clients: Arc<ClientVerifier>,
    own: HouseId,
    peers: Vec<HouseId>,
}

impl ServerTls {
    /// Loads and validates the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn load(files: &ServerFiles) -> Result<Self, TlsError> {
        let provider = provider();
        let mut houses = vec![files.own.load()?];
        for peer in &files.peers {
            houses.push(peer.load()?);
        }
        let clients = Arc::new(ClientVerifier::new(&houses, &provider)?);

        let chain = pem::certificates(&files.certificate)?;
        let key = pem::private_key(&files.key)?;
        if let Some(leaf) = chain.first() {
            check_valid_now(leaf).map_err(|problem| FileError::new(&files.certificate, problem))?;
            verifier::check_node(leaf, &files.own.house)
                .map_err(|source| TlsError::Node { path: files.certificate.clone(), source })?;
        }
        let verifier = Arc::clone(&clients) as Arc<dyn ClientCertVerifier>;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| builder.with_client_cert_verifier(verifier).with_single_cert(chain, key))
            .map_err(|source| TlsError::Pair { path: files.certificate.clone(), source })?;
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            config: Arc::new(config),
            clients,
            own: files.own.house.clone(),
            peers: files.peers.iter().map(|peer| peer.house.clone()).collect(),
        })
    }

    /// Verifies a client's chain, end entity first, at this moment.
    ///
    /// # Errors
    /// The reason why no configured authority vouches for it (expired, revoked, unknown issuer).
    pub fn verify(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let (leaf, intermediates) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        self.clients.verify_client_cert(leaf, intermediates, UnixTime::now()).map(drop)
    }

    /// Reads the identity that a verified chain gives: its role, bound to the house that vouches for it.
    ///
    /// # Errors
    /// [`NotAdmitted`] when the URI names give no role, or one that their issuing house cannot give here.
    pub fn identify(&self, chain: &[CertificateDer<'_>]) -> Result<ClientIdentity, NotAdmitted> {
        let (leaf, _) = chain.split_first().ok_or(NotAdmitted::NoCertificate)?;
        let uri = verifier::role_uri(leaf)?;
        let may_give = match &uri.role {
            Role::Peer(peer) => *peer == uri.house && self.peers.contains(peer),
            _ => uri.house == self.own,
        };
        if !may_give {
            return Err(NotAdmitted::Issuer { uri, own: self.own.clone(), peers: self.peers.clone() });
        }
        let (serial, subject) = serial_and_subject(leaf);
        Ok(ClientIdentity { role: uri.role, house: uri.house, serial, subject })
    }
}

/// The client side of TLS: what a client proves and which node it believes.
#[derive(Debug)]
pub struct ClientTls {
    pub(crate) config: Arc<ClientConfig>,
    nodes: Arc<NodeVerifier>,
}

impl ClientTls {
    /// Loads and validates the files.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn load(files: &ClientFiles) -> Result<Self, TlsError> {
        let provider = provider();
        let nodes = Arc::new(NodeVerifier::new(&files.server.load()?, &provider)?);
        let chain = pem::certificates(&files.certificate)?;
        let key = pem::private_key(&files.key)?;
        if let Some(leaf) = chain.first() {
            check_valid_now(leaf).map_err(|problem| FileError::new(&files.certificate, problem))?;
        }
        let verifier = Arc::clone(&nodes) as Arc<dyn ServerCertVerifier>;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .and_then(|builder| {
                let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
                builder.with_client_auth_cert(chain, key)
            })
            .map_err(|source| TlsError::Pair { path: files.certificate.clone(), source })?;
        config.alpn_protocols = vec![ALPN_H2.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), nodes })
    }

    /// Verifies a node's chain, end entity first, at this moment.
    ///
    /// # Errors
    /// The reason why it is not the expected node (expired, revoked, unknown issuer, another house or host).
    pub fn verify(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Result<(), rustls::Error> {
        let (leaf, intermediates) = chain.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        self.nodes.verify_server_cert(leaf, intermediates, name, &[], UnixTime::now()).map(drop)
    }
}

/// A TLS configuration in force, and how to load it anew.
pub struct Tls<T> {
    current: watch::Sender<Arc<T>>,
    load: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
}

impl<T> Tls<T> {
    fn new(load: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static) -> Result<Self, TlsError> {
        let (current, _) = watch::channel(Arc::new(load()?));
        Ok(Self { current, load: Box::new(load) })
    }

    /// The configuration in force.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.borrow())
    }

    /// Follows the configuration in force.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<T>> {
        self.current.subscribe()
    }

    /// Loads the files anew, validates them, and only then puts them in force for new connections.
    ///
    /// # Errors
    /// [`TlsError`]; the configuration in force stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.publish(self.load_anew()?);
        Ok(())
    }

    /// Loads the files anew and validates them; nothing comes into force.
    fn load_anew(&self) -> Result<T, TlsError> {
        (self.load)()
    }

    fn publish(&self, next: T) {
        self.current.send_replace(Arc::new(next));
    }
}

/// Both sides of a node's TLS: what it proves and believes as a server, and as the peer's client.
#[derive(Debug)]
pub struct NodeTls {
    /// The server side.
    pub server: Tls<ServerTls>,
    /// The client side, for calls to the peer.
    pub peer: Tls<ClientTls>,
}

impl NodeTls {
    /// Loads both sides.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn load(server: ServerFiles, peer: ClientFiles) -> Result<Self, TlsError> {
        Ok(Self { server: Tls::server(server)?, peer: Tls::client(peer)? })
    }

    /// Loads every file anew, and puts both sides in force only when both are valid. Live connections whose certificate no
    /// longer holds are closed, the others go on. Answers with how many accepted connections were closed.
    ///
    /// # Errors
    /// [`TlsError`]; both sides stay as they were.
    pub fn reload(&self, accepted: &Connections) -> Result<usize, TlsError> {
        let (server, peer) = (self.server.load_anew()?, self.peer.load_anew()?);
        self.server.publish(server);
        self.peer.publish(peer);
        Ok(accepted.verify_again(&self.server.current()))
    }
}

impl Tls<ServerTls> {
    /// Loads the server side.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn server(files: ServerFiles) -> Result<Self, TlsError> {
        Self::new(move || ServerTls::load(&files))
    }
}

impl Tls<ClientTls> {
    /// Loads the client side.
    ///
    /// # Errors
    /// [`TlsError`] names the file and what is wrong with it.
    pub fn client(files: ClientFiles) -> Result<Self, TlsError> {
        Self::new(move || ClientTls::load(&files))
    }
}

impl<T: fmt::Debug> fmt::Debug for Tls<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.current()).finish()
    }
}

/// Certificates, keys or lists that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Authorities or revocation lists cannot be used.
    #[error(transparent)]
    Authorities(#[from] VerifierError),
    /// The node's certificate is not the node's.
    #[error("{}: {source}", path.display())]
    Node {
        /// The certificate's file.
        path: PathBuf,
        /// What its URI names are and what is needed.
        source: NodeError,
    },
    /// Certificate and key cannot be used together.
    #[error("{}: certificate and private key cannot be used: {source}", path.display())]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// The reason.
        source: rustls::Error,
    },
}

/// The cryptography of every connection: aws-lc-rs, post-quantum hybrid key exchange first. Never a process default, so
/// that no other library can change it.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn check_valid_now(certificate: &CertificateDer<'_>) -> Result<(), String> {
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|error| format!("not X.509: {error}"))?;
    let validity = certificate.validity();
    if validity.is_valid() {
        return Ok(());
    }
    Err(format!("the certificate is valid from {} to {}, which is not now", validity.not_before, validity.not_after))
}

/// Serial number in hexadecimal and subject; both empty for what is not X.509, which TLS has refused before.
fn serial_and_subject(certificate: &CertificateDer<'_>) -> (String, String) {
    match X509Certificate::from_der(certificate) {
        Ok((_, certificate)) => (hex::encode(certificate.raw_serial()), certificate.subject().to_string()),
        Err(_) => (String::new(), String::new()),
    }
}
