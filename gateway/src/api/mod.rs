//! The services of a node: who may call what, and the server that answers.

mod admission;
pub(crate) mod status;

use std::{future::Future, sync::Arc, time::Duration};

use crossmargin::v1::peer_service_server::PeerServiceServer;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    identity::{self, AdmissionLayer, Connections, Limits, NodeTls},
    node::Handle,
    peer::service::PeerApi,
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

/// Serves until `stop` completes, then lets calls under way finish up to `deadline`.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    handle: Handle,
    listener: TcpListener,
    tls: NodeTls,
    limits: &Limits,
    deadline: Duration,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let table = admission::table()?;
    let accepting = CancellationToken::new();
    let (incoming, connections) = identity::accept(listener, tls.server.subscribe(), limits, accepting.clone());
    handle.context.tasks.spawn(reload_on_hangup(tls, connections, handle.context.stop.clone()));
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let peer =
        PeerServiceServer::new(PeerApi { context: Arc::clone(&handle.context), requests: handle.requests.clone() })
            .max_decoding_message_size(limits.message_received_bytes_max)
            .max_encoding_message_size(limits.message_sent_bytes_max);
    health_reporter.set_serving::<PeerServiceServer<PeerApi>>().await;
    let router =
        identity::server::server(limits).layer(AdmissionLayer::new(table)).add_service(health).add_service(peer);
    let draining = CancellationToken::new();
    let server = router.serve_with_incoming_shutdown(incoming, draining.clone().cancelled_owned());
    tokio::pin!(server, stop);
    tokio::select! {
        result = &mut server => return Ok(result?),
        () = &mut stop => {}
    }
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

/// Loads certificates and revocation lists anew at each SIGHUP, and closes the connections that no longer hold. What
/// does not load leaves what is in force.
async fn reload_on_hangup(tls: NodeTls, connections: Arc<Connections>, stop: CancellationToken) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened to: certificates are reloaded by a restart only");
        return stop.cancelled().await;
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            received = hangup.recv() => if received.is_none() { return },
        }
        match tls.reload(&connections) {
            Ok(closed) => tracing::info!(closed, "certificates reloaded"),
            Err(error) => tracing::error!(%error, "certificates not reloaded; those in force stay"),
        }
    }
}
