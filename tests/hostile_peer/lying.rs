//! A house that lies: proxies with the keys of the other house stand in both ways between two real nodes, and change
//! what passes.
//!
//! What the honest house sees is exactly what a gateway could show it that somebody else than its maker has written, or
//! whose keys are in the wrong hands: the certificates are right, and every signature verifies that the lie wants to.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use crossmargin::v1::{self, peer_service_client::PeerServiceClient, peer_service_server::*};
use futures_util::Stream;
use gateway::{
    arrangement::{envelope, evidence::Evidence, leg::Leg, parties::Parties, terms::Arrangement},
    config::Config,
    identity::{self, Limits, NodeTls, SigningKey},
};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, transport::Channel};

use crate::support::{Houses, NAMES};

/// The house that lies.
pub(crate) const LIAR: Leg = Leg::Futures;
/// The house that is lied to.
pub(crate) const HONEST: Leg = Leg::Treasury;

/// What the liar does with what passes; nothing unless it says so.
pub(crate) trait Lie: Send + Sync {
    /// What it delivers in place of an envelope of its own.
    fn deliver(&self, _: &Signer, envelope: v1::SignedEnvelope) -> Vec<v1::SignedEnvelope> {
        vec![envelope]
    }

    /// What it answers to what is delivered to it.
    fn receipts(&self, receipts: Vec<v1::Receipt>) -> Result<Vec<v1::Receipt>, Status> {
        Ok(receipts)
    }

    /// What it shows of its content.
    fn content(&self, pieces: Vec<v1::FetchBlobsResponse>) -> Vec<v1::FetchBlobsResponse> {
        pieces
    }

    /// Which head of the honest house's ledger it says that it holds.
    fn known_head(&self, head: Option<v1::LedgerHead>) -> Option<v1::LedgerHead> {
        head
    }

    /// Of which claim the liar's node is asked for the tree of this one.
    fn claim(&self, digest: Bytes) -> Bytes {
        digest
    }

    /// What it shows of its claim's tree.
    fn nodes(&self, nodes: Vec<v1::TreeNode>) -> Vec<v1::TreeNode> {
        nodes
    }
}

/// Tells the truth.
pub(crate) struct Truth;

impl Lie for Truth {}

/// The liar's statement key.
pub(crate) struct Signer {
    key: SigningKey,
    parties: Parties,
}

impl Signer {
    /// What an envelope of the liar says.
    pub(crate) fn read(&self, envelope: &v1::SignedEnvelope) -> Evidence {
        Evidence::decode(envelope.kind(), &envelope.payload, &self.parties, LIAR).unwrap()
    }

    /// Something else, signed.
    pub(crate) fn sign(&self, evidence: &Evidence) -> v1::SignedEnvelope {
        let key_id = self.key.id().to_string();
        envelope::seal(evidence, &self.parties, LIAR, &key_id, |bytes| self.key.sign(bytes))
    }
}

/// The lie of the moment.
#[derive(Clone)]
pub(crate) struct Mouth(Arc<Mutex<Arc<dyn Lie>>>);

impl Mouth {
    /// From now on, this lie.
    pub(crate) fn tell(&self, lie: Arc<dyn Lie>) {
        *self.0.lock().unwrap() = lie;
    }

    fn lie(&self) -> Arc<dyn Lie> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

/// Two nodes that run, everything between them in the liar's hands.
pub(crate) async fn houses(binary: &str) -> (Houses, Mouth) {
    let mut houses = Houses::new(binary);
    let mouth = Mouth(Arc::new(Mutex::new(Arc::new(Truth))));
    let text = std::fs::read_to_string(houses.directory().join("arrangement.toml")).unwrap();
    let key = SigningKey::load(&houses.directory().join("pki").join(NAMES[LIAR]).join("statement.key")).unwrap();
    let signer = Arc::new(Signer { key, parties: Arrangement::from_toml(&text).unwrap().parties });
    for to in Leg::BOTH {
        // In front of each house stands a proxy with that house's server certificate, which calls it as the other does.
        let config = Config::load(&houses.config(to)).unwrap();
        let pki = houses.directory().join("pki").join(NAMES[to.other()]);
        let channel = houses.clients(to).channel_with(pki.join("peer.pem"), pki.join("peer.key"));
        let proxy = Proxy { to, node: PeerServiceClient::new(channel), mouth: mouth.clone(), signer: signer.clone() };
        let port = serve(proxy, &config).await;
        let path = houses.config(to.other());
        let text = std::fs::read_to_string(&path).unwrap();
        let direct = format!("127.0.0.1:{}", houses.port(to));
        assert!(text.contains(&direct), "{text}");
        std::fs::write(&path, text.replace(&direct, &format!("127.0.0.1:{port}"))).unwrap();
    }
    houses.start_both().await;
    (houses, mouth)
}

async fn serve(proxy: Proxy, config: &Config) -> u16 {
    let limits = Limits::default();
    let tls = NodeTls::load(config.server_files(), config.peer_files()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (incoming, _) = identity::accept(listener, tls.server.subscribe(), &limits, CancellationToken::new());
    let server = identity::server::server(&limits).add_service(PeerServiceServer::new(proxy));
    tokio::spawn(async move {
        let _tls = tls;
        server.serve_with_incoming(incoming).await.unwrap();
    });
    port
}

struct Proxy {
    /// The house that it stands before.
    to: Leg,
    node: PeerServiceClient<Channel>,
    mouth: Mouth,
    signer: Arc<Signer>,
}

#[tonic::async_trait]
impl PeerService for Proxy {
    async fn greet(&self, request: Request<v1::GreetRequest>) -> Result<Response<v1::GreetResponse>, Status> {
        let (lie, mut request) = (self.mouth.lie(), request.into_inner());
        if self.to == HONEST {
            request.known_head = lie.known_head(request.known_head);
            return self.node.clone().greet(request).await;
        }
        let mut answer = self.node.clone().greet(request).await?.into_inner();
        answer.known_head = lie.known_head(answer.known_head);
        Ok(Response::new(answer))
    }

    async fn deliver(&self, request: Request<v1::DeliverRequest>) -> Result<Response<v1::DeliverResponse>, Status> {
        let (lie, request) = (self.mouth.lie(), request.into_inner());
        if self.to == LIAR {
            let answer = self.node.clone().deliver(request).await?.into_inner();
            return Ok(Response::new(v1::DeliverResponse { receipts: lie.receipts(answer.receipts)? }));
        }
        let mut receipts = Vec::new();
        for envelope in request.envelopes.clone() {
            let digest = Bytes::copy_from_slice(blake3::hash(&envelope.payload).as_bytes());
            let envelopes = lie.deliver(&self.signer, envelope);
            let told = v1::DeliverRequest { envelopes, ..request.clone() };
            // Whatever the honest house says of it, the liar's own node is to go on.
            if !told.envelopes.is_empty() {
                self.node.clone().deliver(told).await?;
            }
            let disposition = v1::Disposition::Recorded.into();
            receipts.push(v1::Receipt { digest, disposition, reason: String::new() });
        }
        Ok(Response::new(v1::DeliverResponse { receipts }))
    }

    type FetchBlobsStream = Pin<Box<dyn Stream<Item = Result<v1::FetchBlobsResponse, Status>> + Send>>;

    async fn fetch_blobs(
        &self,
        request: Request<v1::FetchBlobsRequest>,
    ) -> Result<Response<Self::FetchBlobsStream>, Status> {
        let mut stream = self.node.clone().fetch_blobs(request.into_inner()).await?.into_inner();
        let mut pieces = Vec::new();
        while let Some(piece) = stream.message().await? {
            pieces.push(piece);
        }
        if self.to == LIAR {
            pieces = self.mouth.lie().content(pieces);
        }
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces.into_iter().map(Ok)))))
    }

    type ReadSharedStream = Pin<Box<dyn Stream<Item = Result<v1::ReadSharedResponse, Status>> + Send>>;

    async fn read_shared(
        &self,
        request: Request<v1::ReadSharedRequest>,
    ) -> Result<Response<Self::ReadSharedStream>, Status> {
        let story = self.node.clone().read_shared(request.into_inner()).await?.into_inner();
        Ok(Response::new(Box::pin(story)))
    }

    async fn read_nodes(
        &self,
        request: Request<v1::ReadNodesRequest>,
    ) -> Result<Response<v1::ReadNodesResponse>, Status> {
        let mut request = request.into_inner();
        if self.to != LIAR {
            return self.node.clone().read_nodes(request).await;
        }
        let lie = self.mouth.lie();
        request.claim = lie.claim(request.claim);
        let answer = self.node.clone().read_nodes(request).await?.into_inner();
        Ok(Response::new(v1::ReadNodesResponse { nodes: lie.nodes(answer.nodes) }))
    }
}
