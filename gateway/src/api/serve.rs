//! The server of a node: every service behind one listener, with its limits, its health and its contract.

use std::{future::Future, sync::Arc, time::Duration};

use crossmargin::v1::{
    analysis_service_server::AnalysisServiceServer, default_service_server::DefaultServiceServer,
    direction_service_server::DirectionServiceServer, margin_service_server::MarginServiceServer,
    market_data_service_server::MarketDataServiceServer, operations_service_server::OperationsServiceServer,
    peer_service_server::PeerServiceServer, position_keeping_service_server::PositionKeepingServiceServer,
    programme_service_server::ProgrammeServiceServer,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tonic::{server::NamedService, service::Routes};
use tonic_health::{ServingStatus, server::HealthReporter};
use tracing::{Instrument, Span};

use super::{
    admission, analysis::AnalysisApi, default::DefaultApi, directions::DirectionApi, gate::Gate, margin::MarginApi,
    market_data::MarketDataApi, operations::OperationsApi, position_keeping::PositionKeepingApi,
    programme::ProgrammeApi,
};
use crate::{
    analysis::Analyst,
    identity::{self, AdmissionLayer, CallsLayer, Connections, Limits, Listen, NodeTls},
    node::Handle,
    peer::service::PeerApi,
    reading::Reader,
};

/// Why the services cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A method without an entry in the admission table, or an entry without a method.
    #[error(transparent)]
    Admission(#[from] identity::admission::TableError),
    /// The server failed.
    #[error("the server failed: {0}")]
    Transport(#[from] tonic::transport::Error),
    /// Reflection cannot be offered.
    #[error("reflection: {0}")]
    Reflection(String),
}

/// When certificates and revocation lists are loaded anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// At each SIGHUP of the process.
    OnHangup,
    /// Never: where there are no signals.
    Never,
}

/// Serves until `stop` completes, then lets calls under way finish up to `deadline`.
///
/// # Errors
/// [`ServeError`].
pub async fn serve<L: Listen>(
    handle: Handle,
    listener: L,
    (tls, reload): (NodeTls, Reload),
    limits: &Limits,
    deadline: Duration,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let table = admission::table()?;
    let accepting = CancellationToken::new();
    let (incoming, connections) = identity::accept(listener, tls.server.subscribe(), limits, accepting.clone());
    let stopping = handle.context.stop.clone();
    let keep = async move {
        match reload {
            Reload::OnHangup => reload_on_hangup(tls, connections, stopping).await,
            // Dropped, they would close what is watched and what lives.
            Reload::Never => {
                stopping.cancelled().await;
                drop((tls, connections));
            }
        }
    };
    handle.context.tasks.spawn(keep.in_current_span());
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let (routes, names) = services(&handle, limits)?;
    for name in &names {
        health_reporter.set_service_status(name, ServingStatus::Serving).await;
    }
    // The server answers each connection in a task of its own, which knows nothing of this one's span.
    let span = Span::current();
    let server = identity::server::server(limits).trace_fn(move |_| span.clone());
    let router =
        server.layer(CallsLayer::new(limits)).layer(AdmissionLayer::new(table)).add_routes(routes.add_service(health));
    // Cancelled, it also ends streams that would go on for ever.
    let draining = handle.context.farewell.clone();
    let server = router.serve_with_incoming_shutdown(incoming, draining.clone().cancelled_owned());
    tokio::pin!(server, stop);
    tokio::select! {
        biased;
        result = &mut server => return Ok(result?),
        () = &mut stop => {}
    }
    say_farewell(&health_reporter, &names).await;
    accepting.cancel();
    draining.cancel();
    match tokio::time::timeout(deadline, server).await {
        Ok(result) => Ok(result?),
        Err(_) => {
            tracing::warn!("calls were still open at the deadline of the shutdown and are cut");
            Ok(())
        }
    }
}

/// Every service but health, and their names.
fn services(handle: &Handle, limits: &Limits) -> Result<(Routes, Vec<&'static str>), ServeError> {
    let (received, sent) = (limits.message_received_bytes_max, limits.message_sent_bytes_max);
    let mut routes = Routes::default();
    let mut names = Vec::new();
    // Each service is a type of its own: no function can stand in for the same four lines.
    macro_rules! offer {
        ($server:ident, $api:expr) => {{
            let service = $server::new($api).max_decoding_message_size(received).max_encoding_message_size(sent);
            names.push(name_of(&service));
            routes = routes.add_service(service);
        }};
    }
    let context = &handle.context;
    let reader = Arc::new(Reader::new(Arc::clone(context)));
    offer!(PeerServiceServer, PeerApi { context: Arc::clone(context), requests: handle.requests.clone() });
    offer!(PositionKeepingServiceServer, PositionKeepingApi { handle: handle.clone() });
    offer!(MarketDataServiceServer, MarketDataApi { handle: handle.clone() });
    offer!(DirectionServiceServer, DirectionApi { handle: handle.clone() });
    offer!(ProgrammeServiceServer, ProgrammeApi { handle: handle.clone(), reader: Arc::clone(&reader) });
    offer!(DefaultServiceServer, DefaultApi { handle: handle.clone(), reader: Arc::clone(&reader) });
    let analyst = Arc::new(Analyst::new(Arc::clone(context), Arc::clone(&reader)));
    offer!(
        AnalysisServiceServer,
        AnalysisApi { context: Arc::clone(context), analyst, gate: Gate::new(limits, context.executor.clone()) }
    );
    offer!(MarginServiceServer, MarginApi { context: Arc::clone(context), reader: Arc::clone(&reader) });
    offer!(OperationsServiceServer, OperationsApi { handle: handle.clone(), reader });
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(crossmargin::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let refused = |error: tonic_reflection::server::Error| ServeError::Reflection(error.to_string());
    let v1 = reflection().build_v1().map_err(refused)?.max_decoding_message_size(received);
    let v1alpha = reflection().build_v1alpha().map_err(refused)?.max_decoding_message_size(received);
    names.extend([name_of(&v1), name_of(&v1alpha)]);
    let routes =
        routes.add_service(v1.max_encoding_message_size(sent)).add_service(v1alpha.max_encoding_message_size(sent));
    Ok((routes, names))
}

fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}

/// Tells who watches the node's health that it stops, while it still answers.
async fn say_farewell(health: &HealthReporter, names: &[&'static str]) {
    // The empty name is the node as a whole.
    for name in names.iter().chain(&[""]) {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
}

/// Loads certificates and revocation lists anew at each SIGHUP, and closes the connections that no longer hold. What
/// does not load leaves what is in force.
async fn reload_on_hangup(tls: NodeTls, connections: Arc<Connections>, stop: CancellationToken) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened to: certificates are reloaded by a restart only");
        return stop.cancelled().await;
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            received = hangup.recv() => if received.is_none() { return },
        }
        match tls.reload(&connections) {
            Ok(closed) => tracing::info!(closed, "certificates reloaded"),
            Err(error) => tracing::error!(%error, "certificates not reloaded; those in force stay"),
        }
    }
}
