//! Two nodes in this process over real TLS and files, of which the futures house knows a regular account.

use std::{sync::Arc, time::Duration};

use crossmargin::v1;
use gateway::{
    api,
    arrangement::{
        leg::{Leg, Pair},
        name::AccountId,
        registry::Registry,
        terms::Arrangement,
    },
    blobs::FileBlobStore,
    book::direction::account::{AccountFacts, Purpose},
    config::Config,
    identity::{NodeTls, TcpDial, channel},
    ledger::SqliteLedger,
    node::{
        self, Parts, Running,
        accounts::{AccountSource, OfRegistry},
    },
    seam::SystemClock,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::support::{Houses, clients::Clients};

/// The regular account of the owner of the first link of the sample.
pub(crate) const REGULAR: &str = "REG-1001";
/// The administration of the member of that link, as its certificate's file is named.
pub(crate) const MEMBER_ROLE: &str = "member-administrator-alder-point";
/// The administration of another member.
pub(crate) const OTHER_MEMBER: &str = "member-administrator-brightwater";

/// Accounts of the registry, and one regular account beside them.
struct WithRegular;

impl AccountSource for WithRegular {
    fn facts(&self, registry: &Registry, leg: Leg, account: &AccountId) -> Option<AccountFacts> {
        if leg == Leg::Futures && account.as_str() == REGULAR {
            let (member, owner) = ("alder-point".parse().unwrap(), "alder-point".parse().unwrap());
            return Some(AccountFacts { member, owner, purpose: Purpose::Regular });
        }
        OfRegistry.facts(registry, leg, account)
    }
}

/// Both nodes.
pub(crate) struct Nodes {
    houses: Houses,
    running: Pair<Option<Node>>,
}

struct Node {
    running: Running,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        let houses = Houses::new(env!("CARGO_BIN_EXE_crossmargin"));
        let mut nodes = Self { houses, running: Pair::default() };
        for leg in Leg::BOTH {
            nodes.running[leg] = Some(start(&nodes.houses, leg).await);
        }
        nodes
    }

    pub(crate) fn clients(&self, leg: Leg) -> Clients {
        self.houses.clients(leg)
    }

    /// Stops a node and starts it again on its files.
    pub(crate) async fn restart(&mut self, leg: Leg) {
        let Node { running, stop, server } = self.running[leg].take().unwrap();
        // A server that has ended already needs no word.
        let _ = stop.send(());
        server.await.unwrap();
        running.stop(Duration::from_secs(10)).await;
        self.running[leg] = Some(start(&self.houses, leg).await);
    }

    /// The futures house takes positions of the regular account: it stands in a link that the other house never records.
    pub(crate) async fn record_regular_account(&self) {
        let link = v1::LinkTerms {
            link_id: "LNK-REGULAR".into(),
            kind: v1::LinkKind::House.into(),
            member: "alder-point".into(),
            owner: "alder-point".into(),
            treasury_account: "GSD-REGULAR".into(),
            futures_account: REGULAR.into(),
        };
        let request = v1::RecordLinksRequest { request_id: "regular".into(), links: vec![link] };
        self.clients(Leg::Futures).programme().record_links(request).await.unwrap();
    }
}

async fn start(houses: &Houses, leg: Leg) -> Node {
    let config = Config::load(&houses.config(leg)).unwrap();
    let tls = NodeTls::load(config.server_files(), config.peer_files()).unwrap();
    let signing_key = config.signing_key().unwrap();
    let verifying_keys = config.verifying_keys(&signing_key).unwrap();
    let arrangement = Arrangement::from_toml(&std::fs::read_to_string(&config.arrangement).unwrap()).unwrap();
    std::fs::create_dir_all(&config.data_directory).unwrap();
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let ledger = SqliteLedger::open(node::ledger_options(&config, &signing_key, &verifying_keys)).unwrap();
    let limits = config.limits.clone();
    let running = node::start(Parts {
        us: leg,
        arrangement: Arc::new(arrangement),
        clock: Arc::new(SystemClock),
        ledger: Arc::new(ledger),
        blobs: Arc::new(FileBlobStore::open(config.data_directory.join("blobs")).unwrap()),
        signing_key,
        verifying_keys,
        peer: channel(&config.peer.address, tls.peer.subscribe(), TcpDial, &limits).unwrap(),
        limits: limits.clone(),
        accounts: Arc::new(WithRegular),
    })
    .await
    .unwrap();
    let handle = running.handle.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let stopped = async move { drop(stopped.await) };
        api::serve(handle, listener, tls, &limits, Duration::from_secs(5), stopped).await.unwrap();
    });
    Node { running, stop, server }
}
