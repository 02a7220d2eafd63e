//! A process with one node, or with several: each with its own configuration, arrangement, data directory, listener and
//! stop. What they share is the log, the collector of traces, the processors, and their end.

use std::{path::PathBuf, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    plan::{self, Plan, setup},
    start::{NodeError, Parts, Running, open_data, start},
};
use crate::{
    api,
    blobs::BlobStore,
    identity::{self, NodeTls, TcpDial},
    ledger::Ledger,
    seam::{Executor, SystemClock},
    telemetry::{self, Telemetry},
};

/// A node whose files are open and whose address is taken; nothing of it runs yet.
struct Opened {
    plan: Plan,
    ledger: Arc<dyn Ledger>,
    blobs: Arc<dyn BlobStore>,
    tls: NodeTls,
    listener: TcpListener,
}

/// A node that runs and is to be served.
struct Started {
    plan: Plan,
    tls: NodeTls,
    listener: TcpListener,
    running: Running,
}

/// Runs a node for each configuration until `shutdown` completes; then stops all of them.
///
/// Everything is opened before anything runs. A node that does not start, or that stops by itself, stops the others too:
/// whoever watches over the process sees it end, and starts it again.
///
/// # Errors
/// Something in a configuration or a data directory cannot be used, or two of them cannot be used together; the message
/// names the configuration, says what is wrong and where. Or a node has stopped by itself.
pub async fn run(configs: &[PathBuf], shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
    let plans = plan::read(configs)?;
    let Some(first) = plans.first() else { return Err(setup(&"no configuration is given: one is needed")) };
    let deadline = plans.iter().map(|plan| plan.config.shutdown()).max().unwrap_or_default();
    crossmargin::bounded::set_message_decoded_bytes_max(first.config.limits.message_decoded_bytes_max);
    let telemetry = Telemetry::start(&first.config.telemetry).map_err(|error| setup(&error))?;
    let result = match start_all(plans).await {
        Ok(nodes) => serve_all(nodes, shutdown).await,
        Err(error) => Err(error),
    };
    telemetry.stop(deadline).await;
    result
}

async fn start_all(plans: Vec<Plan>) -> Result<Vec<Started>, NodeError> {
    let mut opened = Vec::new();
    for plan in plans {
        let span = telemetry::node_span(&plan.arrangement.parties, plan.us);
        opened.push(open(plan).instrument(span).await?);
    }
    let mut started: Vec<Started> = Vec::new();
    for node in opened {
        let span = telemetry::node_span(&node.plan.arrangement.parties, node.plan.us);
        match start_one(node).instrument(span).await {
            Ok(node) => started.push(node),
            Err(error) => {
                for node in started {
                    node.running.stop(node.plan.config.shutdown()).await;
                }
                return Err(error);
            }
        }
    }
    Ok(started)
}

async fn open(plan: Plan) -> Result<Opened, NodeError> {
    let opened = async {
        let config = &plan.config;
        let (ledger, blobs) =
            open_data(config, plan.arrangement.parties.party(plan.us), &plan.signing_key, &plan.verifying_keys).await?;
        let tls = NodeTls::load(config.server_files(), config.peer_files()).map_err(|error| setup(&error))?;
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.map_err(|error| setup(&format!("cannot listen at {}: {error}", config.listen)))?;
        Ok((ledger, blobs, tls, listener))
    };
    match opened.await {
        Ok((ledger, blobs, tls, listener)) => Ok(Opened { plan, ledger, blobs, tls, listener }),
        Err(reason) => Err(plan.error(reason)),
    }
}

async fn start_one(node: Opened) -> Result<Started, NodeError> {
    let Opened { plan, ledger, blobs, tls, listener } = node;
    let config = &plan.config;
    let peer = identity::channel(&config.peer.address, tls.peer.subscribe(), TcpDial, &config.limits);
    let running = start(Parts {
        us: plan.us,
        arrangement: Arc::clone(&plan.arrangement),
        clock: Arc::new(SystemClock),
        executor: Executor::Threads,
        ledger,
        blobs,
        signing_key: plan.signing_key.clone(),
        verifying_keys: plan.verifying_keys.clone(),
        peer: peer.map_err(|error| plan.error(setup(&error)))?,
        limits: config.limits.clone(),
    });
    match running.await {
        Ok(running) => Ok(Started { plan, tls, listener, running }),
        Err(reason) => Err(plan.error(reason)),
    }
}

/// Serves every node until `shutdown` completes or one of them ends; answers with the first error.
async fn serve_all(nodes: Vec<Started>, shutdown: impl Future<Output = ()> + Send) -> Result<(), NodeError> {
    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    for node in nodes {
        let span = telemetry::node_span(&node.plan.arrangement.parties, node.plan.us);
        serving.spawn(serve(node, stop.clone()).instrument(span));
    }
    tokio::pin!(shutdown);
    let mut first_error = Ok(());
    loop {
        let ended = tokio::select! {
            () = &mut shutdown, if !stop.is_cancelled() => {
                stop.cancel();
                continue;
            }
            ended = serving.join_next() => ended,
        };
        let Some(ended) = ended else { return first_error };
        stop.cancel();
        let ended = ended.unwrap_or_else(|error| Err(setup(&format!("a node has failed: {error}"))));
        first_error = first_error.and(ended);
    }
}

/// Serves a node until `stop` is cancelled, then stops it.
async fn serve(node: Started, stop: CancellationToken) -> Result<(), NodeError> {
    let Started { plan, tls, listener, running } = node;
    let config = &plan.config;
    tracing::info!(house = %config.house, listen = %config.listen, "the node runs");
    let by_itself = running.stop.clone();
    let wanted = stop.clone();
    let tls = (tls, api::Reload::OnHangup);
    let served = api::serve(running.handle.clone(), listener, tls, &config.limits, config.shutdown(), async move {
        tokio::select! {
            () = wanted.cancelled() => {}
            () = by_itself.cancelled() => {}
        }
    });
    let served = served.await.map_err(|error| plan.error(setup(&error)));
    let was_wanted = stop.is_cancelled();
    let failure = running.handle.context.failure.get().cloned();
    running.stop(config.shutdown()).await;
    tracing::info!("the node has stopped");
    served?;
    if was_wanted {
        Ok(())
    } else {
        let reason = failure.unwrap_or_else(|| "its last errors in the log say why".to_owned());
        Err(plan.error(setup(&format!("it stopped by itself: {reason}"))))
    }
}
