//! Logs and traces.
//!
//! Logs go to standard error, traces to an OTLP collector when one is configured. All that belongs to a cycle is one
//! trace at both nodes: its id follows from the cycle's name ([`cycle_context`]), so neither node has to believe an id
//! that the other sends. What a caller sends as W3C trace context is untrusted and becomes a link, never a parent
//! ([`link`]).

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
use tonic::metadata::{Ascii, KeyRef, MetadataKey, MetadataMap, MetadataValue};
use tracing::{Dispatch, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, fmt::MakeWriter, layer::SubscriberExt, registry::LookupSpan};

use crate::{
    config::{LogFormat, TelemetryConfig},
    identity::HouseId,
};

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
    pub fn start(config: &TelemetryConfig, house: &HouseId) -> Result<Self, TelemetryError> {
        let provider = config.otlp_endpoint.as_deref().map(|endpoint| otlp(endpoint, house)).transpose()?;
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

fn otlp(endpoint: &str, house: &HouseId) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT)
        .build()
        .map_err(|error| TelemetryError::Endpoint { endpoint: endpoint.to_owned(), problem: error.to_string() })?;
    let resource = Resource::builder_empty()
        .with_service_name("crossmargin")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("crossmargin.house", house.to_string()))
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
    let logs = logs.with_filter(filter("log", &config.log)?);
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

fn export_filter(directives: &str) -> Result<EnvFilter, TelemetryError> {
    let never: Vec<String> = NEVER_EXPORTED.iter().map(|library| format!("{library}=off")).collect();
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
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{SpanData, SpanExporter},
    };
    use tracing::{info, info_span};

    use super::*;

    /// Keeps what is exported.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    /// Keeps what is written.
    #[derive(Debug, Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn exported(config: &TelemetryConfig, work: impl FnOnce()) -> Vec<SpanData> {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
        tracing::dispatcher::with_default(&dispatch(config, Some(&provider), io::sink).unwrap(), work);
        provider.force_flush().unwrap();
        kept.0.lock().unwrap().clone()
    }

    fn written(config: &TelemetryConfig, work: impl FnOnce()) -> String {
        let written = Written::default();
        let writer = written.clone();
        tracing::dispatcher::with_default(&dispatch(config, None, move || writer.clone()).unwrap(), work);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    fn claim() {
        let span = info_span!("claim");
        join_cycle(&span, "XM-1/2026-02-13/ITD/1");
        let _entered = span.entered();
        let _inner = info_span!("sign").entered();
    }

    #[test]
    fn both_houses_give_a_cycle_the_same_trace_without_a_word_to_each_other() {
        let (ficc, cme) = (exported(&TelemetryConfig::default(), claim), exported(&TelemetryConfig::default(), claim));
        let needed = TraceId::from_bytes(blake3::hash(b"XM-1/2026-02-13/ITD/1").as_bytes()[..16].try_into().unwrap());
        assert_eq!((ficc.len(), cme.len()), (2, 2));
        assert!(ficc.iter().chain(&cme).all(|span| span.span_context.trace_id() == needed));
        let parent_of_claim =
            |spans: &[SpanData]| spans.iter().find(|span| span.name == "claim").map(|span| span.parent_span_id);
        assert_eq!(parent_of_claim(&ficc), parent_of_claim(&cme));
        let other = cycle_context("XM-1/2026-02-13/ITD/2");
        assert_ne!(other.span().span_context().trace_id(), needed);
    }

    #[test]
    fn a_callers_context_becomes_a_link_and_never_the_parent() {
        let mut metadata = MetadataMap::new();
        let caller = exported(&TelemetryConfig::default(), || {
            let _span = info_span!("call").entered();
            inject(&mut metadata);
        });
        assert!(metadata.get("traceparent").is_some());
        let served = exported(&TelemetryConfig::default(), || {
            let span = info_span!("serve");
            link(&span, &metadata);
            drop(span);
        });
        assert_ne!(served[0].span_context.trace_id(), caller[0].span_context.trace_id());
        assert_eq!(served[0].parent_span_id, SpanId::INVALID);
        let linked: Vec<_> = served[0].links.iter().map(|link| link.span_context.span_id()).collect();
        assert_eq!(linked, [caller[0].span_context.span_id()]);
    }

    #[test]
    fn a_malformed_context_links_nothing() {
        for traceparent in ["", "00-0-0-01", "00-00000000000000000000000000000000-0000000000000000-01", "zz"] {
            let mut metadata = MetadataMap::new();
            metadata.insert("traceparent", traceparent.parse().unwrap());
            let served = exported(&TelemetryConfig::default(), || link(&info_span!("serve"), &metadata));
            assert_eq!(served[0].links.len(), 0, "{traceparent:?}");
        }
    }

    #[test]
    fn the_spans_of_transport_libraries_are_never_exported() {
        let config = TelemetryConfig { traces: "trace".into(), ..TelemetryConfig::default() };
        let spans = exported(&config, || {
            drop(tracing::trace_span!(target: "h2::proto", "frame").entered());
            drop(tracing::trace_span!(target: "hyper_util::client", "poll").entered());
            drop(tracing::trace_span!(target: "tonic::transport", "poll").entered());
            drop(tracing::trace_span!("own").entered());
        });
        assert_eq!(spans.iter().map(|span| span.name.as_ref()).collect::<Vec<_>>(), ["own"]);
    }

    #[test]
    fn logs_are_text_or_one_json_object_a_line_and_follow_the_filter() {
        let work = || {
            info!(round = 2, "signed");
            tracing::debug!("unseen");
        };
        let text = written(&TelemetryConfig::default(), work);
        assert!(text.contains("signed") && text.contains("round=2") && !text.contains("unseen"), "{text}");
        let json = written(&TelemetryConfig { log_format: LogFormat::Json, ..TelemetryConfig::default() }, work);
        let json: serde_json::Value = serde_json::from_str(json.trim_end()).unwrap();
        assert_eq!((json["message"].as_str(), json["round"].as_u64()), (Some("signed"), Some(2)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stop_exports_what_is_left_to_the_collector() {
        let collector = Collector::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
        let served = tonic::transport::Server::builder().add_service(collector.clone()).serve_with_incoming(incoming);
        tokio::spawn(served);

        let provider = otlp(&endpoint, &HouseId::new("FICC").unwrap()).unwrap();
        let dispatch = dispatch(&TelemetryConfig::default(), Some(&provider), io::sink).unwrap();
        tracing::dispatcher::with_default(&dispatch, claim);
        assert_eq!(collector.calls(), [""; 0], "spans are batched");
        Telemetry { provider: Some(provider) }.stop(Duration::from_secs(20)).await;
        assert_eq!(collector.calls(), ["/opentelemetry.proto.collector.trace.v1.TraceService/Export"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_is_not_there_does_not_hold_up_a_stop() {
        let provider = otlp("http://127.0.0.1:1", &HouseId::new("FICC").unwrap()).unwrap();
        let dispatch = dispatch(&TelemetryConfig::default(), Some(&provider), io::sink).unwrap();
        tracing::dispatcher::with_default(&dispatch, claim);
        let stop = Telemetry { provider: Some(provider) }.stop(Duration::from_millis(200));
        // The bound is a guard against hanging for ever, far from the deadline that is asked for.
        tokio::time::timeout(Duration::from_secs(60), stop).await.unwrap();
    }

    /// A collector that keeps the paths it was called by.
    #[derive(Debug, Clone, Default)]
    struct Collector(Arc<Mutex<Vec<String>>>);

    impl Collector {
        fn calls(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }
    }

    impl tonic::server::NamedService for Collector {
        const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
    }

    impl tower::Service<http::Request<tonic::body::Body>> for Collector {
        type Response = http::Response<tonic::body::Body>;
        type Error = std::convert::Infallible;
        type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
            self.0.lock().unwrap().push(request.uri().path().to_owned());
            // The answer's one field, partial success, is left out: an empty message.
            let answer = tower::service_fn(|_: tonic::Request<()>| async { Ok(tonic::Response::new(())) });
            Box::pin(async move {
                Ok(tonic::server::Grpc::new(tonic_prost::ProstCodec::<(), ()>::default()).unary(answer, request).await)
            })
        }
    }
}
