//! A what-if on one account of 60 positions under both houses' models: in process against the kernel's own time, and over
//! mutual TLS on loopback against an empty call.
//!
//! `cargo bench -p gateway --bench what_if -- [CALLS] [PAIRS]`; 3,000 calls and 200 pairs otherwise. Both nodes run in this
//! process and agree on a cycle first, so that the day's instruments are prepared as they are in life. docs/performance.md
//! has the figures and the bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first failure")]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::{
    collections::BTreeSet,
    hint::black_box,
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use crossmargin::v1::{self, TryPositionsRequest};
use gateway::{
    api,
    arrangement::{
        leg::{Leg, Pair},
        terms::Arrangement,
    },
    blobs::MemoryBlobStore,
    config::Config,
    csv_book::Book,
    identity::{
        Limits, NodeTls, Role, TcpDial, channel,
        limits::{Rate, RoleRates},
    },
    ledger::MemoryLedger,
    market::Items,
    node::{self, Handle, Parts, Running},
    sample::{self, large},
    seam::{Executor, SystemClock},
};
use risk::{
    instrument::Instrument,
    kernel::{Legs, Level, Position, ScenarioMatrix},
    market::Market,
    model::{Model, Valuation},
    revaluation::{Revaluer, kernel_units},
    sensitivity::SensitivityRevaluer,
};
use support::{Houses, books::cycle};
use tokio::net::TcpListener;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// How often a caller may call here: as often as it can.
const UNLIMITED: u32 = 1_000_000;
/// Futures that are looked at for suggestions.
const CANDIDATES: usize = 22;
/// Days of the path.
const PATH_DAYS: usize = 60;
/// Heavy calls of each kind.
const HEAVY_RUNS: usize = 3;
/// Contracts that the tried change adds.
const CHANGE_CONTRACTS: i64 = 100;
/// In-process calls may take so many times as long as the kernel.
const KERNEL_RATIO_MAX: f64 = 5.0;
/// Calls over the network may take so many times as long as an empty one.
const EMPTY_RATIO_MAX: f64 = 10.0;

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u32>().ok());
    let calls = numbers.next().unwrap_or(3_000) as usize;
    let pairs = numbers.next().unwrap_or(200);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sample = large::generate(pairs, 1);
    let job = KernelJob::new(&sample);
    let nodes = runtime.block_on(Nodes::agreed(sample));

    let handle = nodes.running.treasury.handle.clone();
    let request =
        TryPositionsRequest { account: job.account.clone(), changes: vec![job.change()], ..Default::default() };
    let in_process = runtime.block_on(async move {
        let work = move || timed(calls, || black_box(handle.try_positions(&request, &Role::Operator).unwrap()));
        tokio::task::spawn_blocking(work).await.unwrap()
    });
    let kernel = timed(calls, || job.run());
    println!(
        "\nin process, {calls} calls, {} scenarios over {} matrices, {}",
        job.scenarios(),
        job.matrices.len(),
        Level::best().name()
    );
    for (name, times) in [("kernel", &kernel), ("what-if", &in_process)] {
        println!("  {name:<8} p50 {:>8.1} us   p99 {:>8.1} us", micros(at(times, 50)), micros(at(times, 99)));
    }
    let [call, kernel] = [at(&in_process, 50), at(&kernel, 50)];
    verdict("p50 of what-if / p50 of the kernel", ratio(call, kernel), KERNEL_RATIO_MAX);

    let (empty, tried) = runtime.block_on(nodes.over_the_network(&job, calls));
    println!("\nover mutual TLS on one connection, {calls} calls each, in turn");
    for (name, times) in [("empty", &empty), ("what-if", &tried)] {
        println!("  {name:<8} p50 {:>8.1} us   p99 {:>8.1} us", micros(at(times, 50)), micros(at(times, 99)));
    }
    verdict("p99 of what-if / p99 of an empty call", ratio(at(&tried, 99), at(&empty, 99)), EMPTY_RATIO_MAX);

    let heavy = runtime.block_on(nodes.heavy_calls(&job));
    println!("\nheavy calls over the same connection, the best of {HEAVY_RUNS}");
    heavy.iter().for_each(|(name, time)| println!("  {name:<40}{:>8.0} ms", micros(*time) / 1e3));
}

/// All margins that a what-if needs, as the kernel's own work: every matrix of both models, before and after.
struct KernelJob {
    account: String,
    matrices: Vec<(usize, ScenarioMatrix)>,
    /// Futures that anyone holds, spread over the products.
    futures: Vec<Instrument>,
    /// The future that the change adds to.
    changed: Instrument,
    /// Positions of both legs, before and after.
    links: [[Vec<Position>; 2]; 2],
}

impl KernelJob {
    /// The job of the first pair, over a dictionary of every instrument that anyone holds.
    fn new(sample: &large::Large) -> Self {
        let link = &sample.links[0];
        let mut items = Items::default();
        let given = Leg::BOTH.into_iter().flat_map(|leg| sample.market.clone().into_items(leg));
        given.filter_map(|item| item.item).for_each(|item| items.insert(item));
        let assembled = items.assemble(sample::BUSINESS_DATE).unwrap();
        let market = &assembled.market;
        let all = Leg::BOTH.into_iter().flat_map(|leg| sample.books[leg].positions());
        let dictionary: Vec<Instrument> =
            all.map(|(_, instrument, _)| instrument).collect::<BTreeSet<_>>().into_iter().collect();
        let arrangement = Arrangement::default();
        let models = [&arrangement.models.treasury, &arrangement.models.futures];
        let mut matrices = Vec::new();
        for model in models.map(|schedule| schedule.in_force(sample::BUSINESS_DATE)) {
            let histories = (&assembled.curve_history, Some(&assembled.overnight_history));
            let sets = model.scenario_sets(histories.0, histories.1, sample::BUSINESS_DATE).unwrap();
            matrices.extend(matrices_of(model, market, &sets, &dictionary));
        }
        let of = |leg: Leg, account: &str| positions(&sample.books[leg], account, market, &dictionary);
        let before = [of(Leg::Treasury, &link.treasury_account), of(Leg::Futures, &link.futures_account)];
        let mut after = before.clone();
        let futures = dictionary.iter().filter(|instrument| matches!(instrument, Instrument::Future(_)));
        let futures = futures.step_by(4).copied().collect();
        let changed = dictionary[after[1][0].row as usize];
        after[1][0].units += kernel_units(market, changed, CHANGE_CONTRACTS).unwrap();
        Self { account: link.treasury_account.clone(), matrices, futures, changed, links: [before, after] }
    }

    /// The change that the job's second link has.
    fn change(&self) -> v1::PositionChange {
        let instrument = self.changed.to_string();
        v1::PositionChange { instrument, kind: v1::ChangeKind::Add.into(), quantity: CHANGE_CONTRACTS }
    }

    fn run(&self) {
        let links = self.links.each_ref().map(|[first, second]| Legs { first, second });
        for (tail, matrix) in &self.matrices {
            black_box(matrix.order_statistics(Level::best(), *tail, &links).unwrap());
        }
    }

    fn scenarios(&self) -> usize {
        self.matrices.iter().map(|(_, matrix)| matrix.scenarios()).sum()
    }
}

/// Nodes of both houses in this process.
struct Nodes {
    houses: Houses,
    running: Pair<Running>,
}

impl Nodes {
    /// Nodes that have agreed on a cycle over the sample.
    async fn agreed(sample: large::Large) -> Self {
        let houses = Houses::new(env!("CARGO_BIN_EXE_crossmargin"));
        let nodes = Self {
            running: Pair {
                treasury: start(&houses, Leg::Treasury).await,
                futures: start(&houses, Leg::Futures).await,
            },
            houses,
        };
        let (date, eod) = (sample::BUSINESS_DATE, cycle(v1::CycleKind::Eod, 1));
        for leg in Leg::BOTH {
            let clients = nodes.houses.clients(leg);
            clients.record_links(sample.links.clone()).await;
            clients.submit_market(date, sample.market.clone().into_items(leg)).await;
        }
        let Pair { treasury, futures } = sample.books;
        for (leg, book) in [(Leg::Treasury, treasury), (Leg::Futures, futures)] {
            nodes.houses.clients(leg).submit_book(book, date, 1, v1::SnapshotScope::Full).await.unwrap();
        }
        for leg in Leg::BOTH {
            nodes.houses.clients(leg).open(&eod, 300).await;
        }
        for leg in Leg::BOTH {
            nodes.houses.clients(leg).wait_agreed(&eod, 1).await;
        }
        nodes
    }

    /// The times of empty calls and of what-ifs on one connection, in turn.
    async fn over_the_network(&self, job: &KernelJob, calls: usize) -> (Vec<Duration>, Vec<Duration>) {
        let channel = self.houses.clients(Leg::Treasury).channel("operator");
        let mut health = HealthClient::new(channel.clone());
        let mut analysis = v1::analysis_service_client::AnalysisServiceClient::new(channel);
        let request =
            TryPositionsRequest { account: job.account.clone(), changes: vec![job.change()], ..Default::default() };
        let (mut empty, mut tried) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
        for call in 0..calls + WARM_UP {
            let begin = Instant::now();
            health.check(HealthCheckRequest::default()).await.unwrap();
            let answered = begin.elapsed();
            let begin = Instant::now();
            black_box(analysis.try_positions(request.clone()).await.unwrap());
            if call >= WARM_UP {
                empty.push(answered);
                tried.push(begin.elapsed());
            }
        }
        (empty, tried)
    }

    /// The best times of suggestions, of a path and of an explanation.
    async fn heavy_calls(&self, job: &KernelJob) -> [(String, Duration); 3] {
        let channel = self.houses.clients(Leg::Treasury).channel("operator");
        let mut analysis = v1::analysis_service_client::AnalysisServiceClient::new(channel);
        let positions = TryPositionsRequest { account: job.account.clone(), ..Default::default() };
        let futures = job.futures.iter().take(CANDIDATES).map(Instrument::to_string).collect();
        let asked =
            v1::SuggestFuturesRequest { positions: Some(positions.clone()), candidates: futures, ..Default::default() };
        let day = v1::CurveMove { overnight_bp: 5.0, curve_bp: vec![10.0] };
        let path = v1::TryPathRequest { positions: Some(positions), days: vec![day; PATH_DAYS] };
        let explained = v1::ExplainMarginRequest { account: job.account.clone(), ..Default::default() };
        let (mut suggested, mut followed, mut explaining) = (Duration::MAX, Duration::MAX, Duration::MAX);
        for _ in 0..HEAVY_RUNS {
            let begin = Instant::now();
            black_box(analysis.suggest_futures(asked.clone()).await.unwrap());
            suggested = suggested.min(begin.elapsed());
            let begin = Instant::now();
            black_box(analysis.try_path(path.clone()).await.unwrap());
            followed = followed.min(begin.elapsed());
            let begin = Instant::now();
            black_box(analysis.explain_margin(explained.clone()).await.unwrap());
            explaining = explaining.min(begin.elapsed());
        }
        let names = [format!("suggestions out of {CANDIDATES} futures"), format!("a path of {PATH_DAYS} days")];
        let [suggestions, path] = names;
        [(suggestions, suggested), (path, followed), ("an explanation".to_owned(), explaining)]
    }
}

/// Starts a node in this process, with everything but its limits as configured and its data in memory.
async fn start(houses: &Houses, leg: Leg) -> Running {
    let config = Config::load(&houses.config(leg)).unwrap();
    let tls = NodeTls::load(config.server_files(), config.peer_files()).unwrap();
    let signing_key = config.signing_key().unwrap();
    let verifying_keys = config.verifying_keys(&signing_key).unwrap();
    let unlimited = NonZeroU32::new(UNLIMITED).unwrap();
    let limits = Limits {
        analysis_calls_per_second: UNLIMITED,
        analysis_burst: UNLIMITED,
        calls: RoleRates::equal(Rate { per_second: unlimited, burst: unlimited }),
        ..Limits::default()
    };
    let listener = TcpListener::bind(config.listen).await.unwrap();
    let arrangement = Arrangement::from_toml(&std::fs::read_to_string(&config.arrangement).unwrap()).unwrap();
    let running = node::start(Parts {
        us: leg,
        ledger: Arc::new(MemoryLedger::unsigned(arrangement.parties.party(leg))),
        arrangement: Arc::new(arrangement),
        clock: Arc::new(SystemClock),
        executor: Executor::Threads,
        blobs: Arc::new(MemoryBlobStore::new()),
        signing_key,
        verifying_keys,
        peer: channel(&config.peer.address, tls.peer.subscribe(), TcpDial, &limits).unwrap(),
        limits: limits.clone(),
    })
    .await
    .unwrap();
    let handle: Handle = running.handle.clone();
    tokio::spawn(async move {
        api::serve(
            handle,
            listener,
            (tls, api::Reload::Never),
            &limits,
            Duration::from_secs(1),
            std::future::pending(),
        )
        .await
        .unwrap();
    });
    running
}

/// The matrices of a model's terms with their tail counts.
fn matrices_of(
    model: &Model,
    market: &Market,
    sets: &[risk::scenario::ScenarioSet],
    dictionary: &[Instrument],
) -> Vec<(usize, ScenarioMatrix)> {
    let matrix = |((_, term), set): ((_, &risk::model::Term), &risk::scenario::ScenarioSet)| {
        let rows: Vec<Vec<i64>> = match term.valuation {
            Valuation::FullRevaluation => {
                let revaluer = Revaluer::new(market, set).unwrap();
                dictionary.iter().map(|instrument| revaluer.row(*instrument).unwrap()).collect()
            }
            Valuation::Sensitivity => {
                let revaluer = SensitivityRevaluer::new(market, set).unwrap();
                dictionary.iter().map(|instrument| revaluer.row(*instrument).unwrap()).collect()
            }
        };
        let tail = term.measure.tail_count(model.confidence, set.len());
        (tail, ScenarioMatrix::new(set.len(), &rows).unwrap())
    };
    model.terms().zip(sets).map(matrix).collect()
}

fn positions(book: &Book, account: &str, market: &Market, dictionary: &[Instrument]) -> Vec<Position> {
    let held = book.positions().filter(|(name, _, _)| *name == account);
    let position = |instrument: Instrument, quantity: i64| {
        let row = dictionary.binary_search(&instrument).unwrap();
        Position { row: row.try_into().unwrap(), units: kernel_units(market, instrument, quantity).unwrap() }
    };
    held.map(|(_, instrument, quantity)| position(instrument, quantity)).collect()
}

/// Calls before the first that counts.
const WARM_UP: usize = 200;

/// How long each of several runs takes.
fn timed<T>(runs: usize, mut run: impl FnMut() -> T) -> Vec<Duration> {
    (0..WARM_UP).for_each(|_| drop(run()));
    (0..runs)
        .map(|_| {
            let begin = Instant::now();
            drop(run());
            begin.elapsed()
        })
        .collect()
}

/// A percentile.
fn at(times: &[Duration], percentile: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percentile / 100).min(sorted.len() - 1)]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn verdict(name: &str, ratio: f64, most: f64) {
    let word = if ratio <= most { "within" } else { "OVER" };
    println!("  {name}: {ratio:.2} times, {word} the bound of {most}");
}
