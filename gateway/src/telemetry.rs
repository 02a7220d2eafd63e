//! Logs and traces.
//!
//! Logs go to standard error, traces to an OTLP collector when one is configured. All that belongs to a cycle is one
//! trace at both nodes: its id follows from the cycle's name ([`cycle_context`]), so neither node has to believe an id
//! that the other sends. What a caller sends as W3C trace context is untrusted and becomes a link, never a parent
//! ([`link`]).
//!
//! Logs and traces are the process's, and a process can run several nodes: everything that a node does happens within
//! its own span ([`node_span`]), so that every line of the log names arrangement and house, and exported spans carry both
//! as attributes ([`name_node`]).

use std::{io, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider},
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::task::JoinHandle;
use tonic::metadata::{Ascii, KeyRef, MetadataKey, MetadataMap, MetadataValue};
use tracing::{Dispatch, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt, registry::LookupSpan};

use crate::{
    arrangement::{leg::Leg, parties::Parties},
    config::{LogFormat, TelemetryConfig},
};

/// The target of the spans that name a node. No event has it, so that it can be let through every filter of logs.
const NODE_TARGET: &str = "crossmargin::node";

/// Libraries whose spans would flood the collector, and the exporter's own.
const NEVER_EXPORTED: [&str; 9] =
    ["h2", "hyper", "hyper_util", "tower", "tonic", "rustls", "tokio_rustls", "opentelemetry", "opentelemetry_otlp"];

/// How long an export may take.
const EXPORT: Duration = Duration::from_secs(5);

/// How long the last export may take when nobody asked for a [`Telemetry::stop`].
const LAST_EXPORT: Duration = Duration::from_secs(2);

/// Logs and traces in force. Dropping it exports what is left.
#[derive(Debug)]
#[must_use = "dropping it stops the export of traces"]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logs and traces for the whole process. Call it once, on a Tokio runtime.
    ///
    /// # Errors
    /// [`TelemetryError`] when a filter or the collector's address cannot be used, or telemetry is in force already.
    pub fn start(config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let provider = config.otlp_endpoint.as_deref().map(otlp).transpose()?;
        let dispatch = dispatch(config, provider.as_ref(), io::stderr)?;
        tracing::dispatcher::set_global_default(dispatch).map_err(|_| TelemetryError::Twice)?;
        Ok(Self { provider })
    }

    /// Exports what is left, for at most `deadline`.
    pub async fn stop(mut self, deadline: Duration) {
        if let Some(provider) = self.provider.take() {
            // The exporter's thread needs this runtime to send, so the wait must not take one of its workers.
            let stopped = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(deadline));
            report(stopped.await.map_err(|error| error.to_string()).and_then(|r| r.map_err(|error| error.to_string())));
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = self.provider.take() {
            report(provider.shutdown_with_timeout(LAST_EXPORT).map_err(|error| error.to_string()));
        }
    }
}

/// The span within which a node does everything: it names arrangement and house in each line of the log.
#[must_use]
pub fn node_span(parties: &Parties, us: Leg) -> Span {
    let (arrangement, house) = (&parties.arrangement, &parties.houses[us]);
    tracing::error_span!(target: NODE_TARGET, "node", %arrangement, %house)
}

/// Names arrangement and house in an exported span.
pub fn name_node(span: &Span, parties: &Parties, us: Leg) {
    span.set_attribute("crossmargin.arrangement", parties.arrangement.to_string());
    span.set_attribute("crossmargin.house", parties.houses[us].to_string());
}

/// Runs work that blocks on a thread for it, within the span of who asks for it.
pub(crate) fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
}

/// The context that every span of a cycle has as its parent: trace id and root span id are the first 16 and the next 8
/// bytes of the BLAKE3 digest of the cycle's full name (arrangement, business date, kind, run). Equal at every house.
#[must_use]
pub fn cycle_context(cycle: &str) -> Context {
    let digest = blake3::hash(cycle.as_bytes());
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    trace.copy_from_slice(&digest.as_bytes()[..16]);
    span.copy_from_slice(&digest.as_bytes()[16..24]);
    let context = SpanContext::new(
        TraceId::from_bytes(trace),
        SpanId::from_bytes(span),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    Context::new().with_remote_span_context(context)
}

/// Makes a new span part of a cycle's trace. Call it before the span is entered.
pub fn join_cycle(span: &Span, cycle: &str) {
    // Without an exporter there is no trace to join.
    let _ = span.set_parent(cycle_context(cycle));
}

/// Writes the current span's W3C trace context into a call's metadata.
pub fn inject(metadata: &mut MetadataMap) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Outgoing(metadata));
}

/// Links a span to what the caller says its own span is. It is untrusted: it can name any trace, so it is never a parent.
pub fn link(span: &Span, metadata: &MetadataMap) {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Incoming(metadata));
    let claimed = context.span().span_context().clone();
    if claimed.is_valid() {
        span.add_link(claimed);
    }
}

/// Telemetry that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// A filter cannot be read.
    #[error("telemetry.{key}: {directives:?}: {problem}")]
    Filter {
        /// The key of the configuration.
        key: &'static str,
        /// Its value.
        directives: String,
        /// The reason.
        problem: String,
    },
    /// The collector's address cannot be used.
    #[error("telemetry.otlp_endpoint: {endpoint:?}: {problem}")]
    Endpoint {
        /// The address.
        endpoint: String,
        /// The reason.
        problem: String,
    },
    /// Telemetry is in force already.
    #[error("logs and traces are started twice in one process")]
    Twice,
}

fn otlp(endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT)
        .build()
        .map_err(|error| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), problem: error.to_string() })?;
    let resource = Resource::builder_empty()
        .with_service_name("crossmargin")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn dispatch<W>(
    config: &TelemetryConfig,
    provider: Option<&SdkTracerProvider>,
    writer: W,
) -> Result<Dispatch, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let logs = tracing_subscriber::fmt::layer().with_writer(writer);
    let logs = match config.log_format {
        LogFormat::Text => logs.with_ansi(false).boxed(),
        LogFormat::Json => logs.json().flatten_event(true).boxed(),
    };
    let logs = logs.with_filter(log_filter(&config.log)?);
    let traces = match provider {
        Some(provider) => Some(traces(provider.tracer("crossmargin")).with_filter(export_filter(&config.traces)?)),
        None => None,
    };
    Ok(Dispatch::new(tracing_subscriber::registry().with(logs).with(traces)))
}

fn traces<S: Subscriber + for<'s> LookupSpan<'s>>(tracer: SdkTracer) -> impl Layer<S> {
    tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false)
}

fn filter(key: &'static str, directives: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(directives).map_err(|error| TelemetryError::Filter {
        key,
        directives: directives.to_owned(),
        problem: error.to_string(),
    })
}

/// Lets the spans that name nodes through, whatever the level: a warning must say whose it is.
fn log_filter(directives: &str) -> Result<EnvFilter, TelemetryError> {
    filter("log", &format!("{directives},{NODE_TARGET}=error"))
}

fn export_filter(directives: &str) -> Result<EnvFilter, TelemetryError> {
    // Nor is the span that names a node: it lives as long as the node, and would hold every other one in one trace.
    let never: Vec<String> = NEVER_EXPORTED.iter().chain(&[NODE_TARGET]).map(|name| format!("{name}=off")).collect();
    // The last directive for a target counts.
    filter("traces", &format!("{directives},{}", never.join(",")))
}

fn report(stopped: Result<(), String>) {
    if let Err(error) = stopped {
        tracing::warn!(%error, "the last traces could not be exported");
    }
}

struct Outgoing<'a>(&'a mut MetadataMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (MetadataKey::<Ascii>::from_bytes(key.as_bytes()), MetadataValue::try_from(value))
        {
            self.0.insert(key, value);
        }
    }
}

struct Incoming<'a>(&'a MetadataMap);

impl Extractor for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        let ascii = |key| match key {
            KeyRef::Ascii(key) => Some(key.as_str()),
            KeyRef::Binary(_) => None,
        };
        self.0.keys().filter_map(ascii).collect()
    }
}

#[cfg(test)]
mod tests;
