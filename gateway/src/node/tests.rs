//! Two nodes in one process, over real mutual TLS on loopback.

mod directions;
mod refusal;
mod requests;
mod starting;

use std::{sync::Arc, time::Duration};

use crossmargin::v1;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{Parts, Running, catalog::CycleView, start};
use crate::{
    api,
    arrangement::{
        cycle::Phase,
        cycle_id::CycleId,
        evidence::Evidence,
        leg::{Leg, Pair},
        parties::Party,
        terms::{Arrangement, DEFAULT_TOML},
    },
    blobs::MemoryBlobStore,
    book::intake::Snapshot,
    command::certs::{CertsArgs, make},
    csv_book::Book,
    identity::{self, Limits, NodeTls, SigningKey, TcpDial, VerifyingKeys, signing::Validity},
    ledger::{Ledger, MemoryLedger},
    sample,
    seam::{Executor, SystemClock},
};

const NAMES: Pair<&str> = Pair { treasury: "FICC", futures: "CME" };

/// The header of a full snapshot of the sample's date, of no version yet.
fn header() -> v1::SnapshotHeader {
    v1::SnapshotHeader {
        business_date: sample::BUSINESS_DATE.to_string(),
        as_of: Some(crate::wire::to_timestamp(Timestamp::now())),
        scope: v1::SnapshotScope::Full.into(),
        ..Default::default()
    }
}

fn snapshot(header: v1::SnapshotHeader, book: Book) -> Snapshot {
    let mut snapshot = Snapshot { header, ..Snapshot::default() };
    for part in book.into_wire(1_000) {
        match part {
            v1::submit_snapshot_request::Part::Positions(columns) => snapshot.positions.push(columns),
            v1::submit_snapshot_request::Part::Repos(columns) => snapshot.repos.push(columns),
            v1::submit_snapshot_request::Part::Header(_) => unreachable!("a book has no header"),
        }
    }
    snapshot
}

/// Whose ledger a house keeps in the default arrangement.
fn party(leg: Leg) -> Party {
    Arrangement::default().parties.party(leg)
}

/// Both houses' nodes with everything that they were given.
struct Houses {
    nodes: Pair<Option<House>>,
    _pki: TempDir,
}

struct House {
    running: Running,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), api::ServeError>>,
}

impl Houses {
    async fn new() -> Self {
        let ledger = |leg: Leg| Arc::new(MemoryLedger::unsigned(party(leg))) as Arc<dyn Ledger>;
        Self::with_ledgers(Pair::from_fn(ledger)).await
    }

    async fn with_ledgers(ledgers: Pair<Arc<dyn Ledger>>) -> Self {
        drop(tracing_subscriber::fmt().with_env_filter("gateway=debug").with_test_writer().try_init());
        let pki = tempfile::tempdir().unwrap();
        let args = <CertsArgs as clap_args::Defaults>::defaults(pki.path().join("pki"));
        make(&args).unwrap();
        let arrangement = Arc::new(Arrangement::from_toml(DEFAULT_TOML).unwrap());
        let listeners = Pair {
            treasury: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            futures: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let addresses = Pair::from_fn(|leg| listeners[leg].local_addr().unwrap().to_string());
        let names = NAMES;
        let mut nodes = Pair::default();
        let Pair { treasury, futures } = listeners;
        for (leg, listener) in [(Leg::Treasury, treasury), (Leg::Futures, futures)] {
            let file = pki.path().join(format!("{}.toml", names[leg]));
            let text = crate::config::EXAMPLE
                .replace("house = \"CME\"", &format!("house = \"{}\"", names[leg.other()]))
                .replacen("house = \"FICC\"", &format!("house = \"{}\"", names[leg]), 1)
                .replace("pki/FICC", &format!("pki/#{}", names[leg]))
                .replace("pki/CME", &format!("pki/{}", names[leg.other()]))
                .replace("pki/#", "pki/");
            std::fs::write(&file, text).unwrap();
            let config = crate::config::Config::load(&file).unwrap();
            let tls = NodeTls::load(config.server_files(), config.peer_files()).unwrap();
            let mut keys = VerifyingKeys::new();
            let key =
                |leg: Leg| SigningKey::load(&pki.path().join("pki").join(names[leg]).join("statement.key")).unwrap();
            for leg in Leg::BOTH {
                keys.insert(names[leg].parse().unwrap(), key(leg).public().clone(), Validity::default()).unwrap();
            }
            let limits = Limits::default();
            let channel = identity::channel(&addresses[leg.other()], tls.peer.subscribe(), TcpDial, &limits).unwrap();
            let running = start(Parts {
                us: leg,
                arrangement: Arc::clone(&arrangement),
                clock: Arc::new(SystemClock),
                executor: Executor::Threads,
                ledger: Arc::clone(&ledgers[leg]),
                blobs: Arc::new(MemoryBlobStore::new()),
                signing_key: key(leg),
                verifying_keys: keys,
                peer: channel,
                limits: limits.clone(),
            })
            .await
            .unwrap();
            let (stop, stopped) = oneshot::channel();
            let handle = running.handle.clone();
            let server = tokio::spawn(async move {
                let stopped = async move { drop(stopped.await) };
                api::serve(handle, listener, (tls, api::Reload::Never), &limits, Duration::from_secs(1), stopped).await
            });
            nodes[leg] = Some(House { running, stop, server });
        }
        Self { nodes, _pki: pki }
    }

    fn house(&self, leg: Leg) -> &House {
        self.nodes[leg].as_ref().unwrap()
    }

    async fn record_sample_links(&self) {
        for leg in Leg::BOTH {
            let request = v1::RecordChangesRequest {
                request_id: format!("links-{leg:?}"),
                changes: sample::programme::onboarding(&sample::book::links()),
                validate_only: false,
            };
            self.house(leg).running.handle.record_changes(request, "administrator".to_owned()).await.unwrap();
        }
    }

    async fn submit_sample_market(&self, leg: Leg) {
        let request = v1::SubmitMarketDataRequest {
            request_id: format!("market-{leg:?}"),
            business_date: sample::BUSINESS_DATE.to_string(),
            items: sample::market().into_items(leg),
        };
        self.house(leg).running.handle.submit_market(request).await.unwrap();
    }

    async fn submit_book(&self, leg: Leg, book: Book, version: u64, scope: v1::SnapshotScope) {
        self.submit_book_through(leg, book, version, scope, 0).await;
    }

    async fn submit_book_through(
        &self,
        leg: Leg,
        book: Book,
        version: u64,
        scope: v1::SnapshotScope,
        directions_through: u64,
    ) {
        let header = v1::SnapshotHeader {
            request_id: format!("book-{leg:?}-{version}"),
            book_version: version,
            scope: scope.into(),
            directions_through,
            ..header()
        };
        self.house(leg).running.handle.submit_snapshot(snapshot(header, book)).await.unwrap();
    }

    async fn open(&self, cycle: CycleId) {
        for leg in Leg::BOTH {
            let cut_off = Timestamp::now() + Duration::from_secs(120);
            self.house(leg).running.handle.open_cycle(cycle, Some(cut_off)).await.unwrap();
        }
    }

    fn view(&self, leg: Leg, cycle: CycleId) -> CycleView {
        let catalog = self.house(leg).running.handle.context.catalog.read();
        catalog.cycles.get(&cycle).cloned().unwrap_or_default()
    }

    async fn wait(&self, cycle: CycleId, what: &str, is_there: impl Fn(&CycleView) -> bool) {
        for _ in 0..600 {
            if Leg::BOTH.into_iter().all(|leg| is_there(&self.view(leg, cycle))) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let views = Leg::BOTH.map(|leg| self.view(leg, cycle));
        panic!("{cycle} did not come to: {what}\n{views:#?}");
    }
}

mod clap_args {
    use std::path::PathBuf;

    use clap::Parser;

    use crate::command::certs::CertsArgs;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: CertsArgs,
    }

    pub(super) trait Defaults {
        fn defaults(out: PathBuf) -> Self;
    }

    impl Defaults for CertsArgs {
        fn defaults(out: PathBuf) -> Self {
            Self { out, ..Wrapper::parse_from(["certs"]).args }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_houses_agree_on_the_sample_book() {
    let houses = Houses::new().await;
    houses.record_sample_links().await;
    for leg in Leg::BOTH {
        houses.submit_sample_market(leg).await;
        houses.submit_book(leg, sample::book::book(leg).unwrap(), 1, v1::SnapshotScope::Full).await;
    }
    let cycle: CycleId = "2026-02-13/ITD/1".parse().unwrap();
    houses.open(cycle).await;
    houses.wait(cycle, "an agreement", |view| view.phase == Some(Phase::Agreed)).await;

    let agreements = Leg::BOTH.map(|leg| houses.view(leg, cycle).record.agreement().unwrap());
    assert_eq!(agreements[0], agreements[1], "both houses hold the same agreement");
    for leg in Leg::BOTH {
        let catalog = houses.house(leg).running.handle.context.catalog.read();
        let statement = catalog.by_digest(leg, agreements[0].1).unwrap();
        let Evidence::Statement(statement) = &statement.evidence else { panic!("not a statement") };
        assert_eq!(statement.live_count + statement.rehearsal_count, 28);
        assert!(statement.break_counts.is_empty());
        let totals = statement.live_totals;
        assert!(totals.requirement_cents.treasury < totals.standalone_cents.treasury, "{totals:?}");
    }
    let Pair { treasury, futures } = houses.nodes;
    for house in [treasury, futures].into_iter().flatten() {
        house.running.stop(Duration::from_secs(5)).await;
        drop(house.stop);
        house.server.await.unwrap().unwrap();
    }
}
