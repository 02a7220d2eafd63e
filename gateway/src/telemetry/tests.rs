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
fn every_line_of_a_nodes_log_names_arrangement_and_house_whatever_the_level() {
    let parties = crate::arrangement::evidence::tests::parties();
    let work = || {
        for us in Leg::BOTH {
            node_span(&parties, us).in_scope(|| tracing::error!("lost"));
        }
    };
    for log in ["error", "gateway=error", "off,gateway::telemetry=error"] {
        let text = written(&TelemetryConfig { log: log.into(), ..TelemetryConfig::default() }, work);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{log}: {text}");
        assert!(lines[0].contains("node{arrangement=A-B house=A}"), "{log}: {text}");
        assert!(lines[1].contains("node{arrangement=A-B house=B}"), "{log}: {text}");
    }
    let json = written(&TelemetryConfig { log_format: LogFormat::Json, ..TelemetryConfig::default() }, work);
    let line: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((line["span"]["arrangement"].as_str(), line["span"]["house"].as_str()), (Some("A-B"), Some("A")));
}

#[test]
fn exported_spans_name_arrangement_and_house_and_the_nodes_own_span_is_no_parent_of_theirs() {
    let parties = crate::arrangement::evidence::tests::parties();
    let spans = exported(&TelemetryConfig { traces: "trace".into(), ..TelemetryConfig::default() }, || {
        node_span(&parties, Leg::Futures).in_scope(|| {
            let span = info_span!("call");
            name_node(&span, &parties, Leg::Futures);
        });
    });
    let [call] = &spans[..] else { panic!("one span: {spans:?}") };
    assert_eq!((call.name.as_ref(), call.parent_span_id), ("call", SpanId::INVALID));
    for (key, value) in [("crossmargin.arrangement", "A-B"), ("crossmargin.house", "B")] {
        let found = call.attributes.iter().find(|attribute| attribute.key.as_str() == key);
        assert_eq!(found.map(|attribute| attribute.value.to_string()).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn work_that_blocks_stays_within_the_span_of_who_asks_for_it() {
    let parties = crate::arrangement::evidence::tests::parties();
    let written = Written::default();
    let writer = written.clone();
    let dispatch = dispatch(&TelemetryConfig::default(), None, move || writer.clone()).unwrap();
    let _default = tracing::dispatcher::set_default(&dispatch);
    let inside = node_span(&parties, Leg::Treasury).in_scope(|| {
        let dispatch = dispatch.clone();
        // The thread has no subscriber of its own in a test.
        spawn_blocking(move || tracing::dispatcher::with_default(&dispatch, || info!("far away")))
    });
    inside.await.unwrap();
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("node{arrangement=A-B house=A}") && text.contains("far away"), "{text}");
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

    let provider = otlp(&endpoint).unwrap();
    let dispatch = dispatch(&TelemetryConfig::default(), Some(&provider), io::sink).unwrap();
    tracing::dispatcher::with_default(&dispatch, claim);
    assert_eq!(collector.calls(), [""; 0], "spans are batched");
    Telemetry { provider: Some(provider) }.stop(Duration::from_secs(20)).await;
    assert_eq!(collector.calls(), ["/opentelemetry.proto.collector.trace.v1.TraceService/Export"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_does_not_hold_up_a_stop() {
    let provider = otlp("http://127.0.0.1:1").unwrap();
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
