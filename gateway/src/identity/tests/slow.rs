//! Clients that do not read, do not write, or do not end: each is ended by its limit, and holds no more than it may.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use futures_util::future::{join_all, poll_fn};
use http_body::{Body as _, Frame};
use prost::bytes::Bytes;
use tokio::time::{Interval, interval};
use tonic::{body::Body, transport::Channel};
use tonic_types::StatusExt;
use tower::ServiceExt;

use super::{
    http2::{DATA, Http2, WINDOW_UPDATE, check_call, frame},
    *,
};
use crate::identity::limits::{Rate, RoleRates};

const QUICK: u64 = 400;

#[tokio::test]
async fn a_client_that_gives_no_window_for_its_answer_is_ended() {
    let world = World::with(Limits { unread_ms_max: QUICK, ..Limits::default() }).await;
    // Settings: an initial window of 0.
    let mut client = Http2::connect_with(&world, &[0, 4, 0, 0, 0, 0]).await;
    client.send(check_call(1)).await.unwrap();
    let begun = Instant::now();
    while client.read_frame().await.is_some() {}
    assert!(begun.elapsed() >= Duration::from_millis(QUICK), "it has its time");
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn a_client_that_gives_its_window_late_and_reads_then_is_served() {
    let world = World::with(Limits { unread_ms_max: QUICK, ..Limits::default() }).await;
    let mut client = Http2::connect_with(&world, &[0, 4, 0, 0, 0, 0]).await;
    client.send(check_call(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(QUICK / 4)).await;
    client.send(frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0])).await.unwrap();
    client.read_until(&[DATA]).await.expect("its answer");
    // Longer than it may leave an answer unread: there is none.
    tokio::time::sleep(Duration::from_millis(2 * QUICK)).await;
    client.send(check_call(3)).await.unwrap();
    client.send(frame(WINDOW_UPDATE, 0, 3, &[0, 0, 1, 0])).await.unwrap();
    client.read_until(&[DATA]).await.expect("its second answer");
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_tell_is_not_ended_for_being_unread() {
    let world = World::with(Limits { unread_ms_max: QUICK, ..Limits::default() }).await;
    let mut client = world.health(&world.ficc.client("crossmargin://FICC/role/operator"));
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    watch.message().await.unwrap().expect("what stands");
    let next = tokio::time::timeout(Duration::from_millis(3 * QUICK), watch.message()).await;
    assert!(next.is_err(), "it still waits: {next:?}");
    client.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_its_socket_is_ended_though_it_goes_on_sending() {
    let limits = Limits { unread_ms_max: QUICK, keepalive_interval_ms: 60_000, ..Limits::default() };
    let world = World::with(limits).await;
    let mut client = Http2::connect(&world).await;
    // Pings are answered, and the answers are not read: they fill the sockets' buffers. Few enough for the limit of frames.
    let begun = Instant::now();
    let pings = frame(http2::PING, 0, 0, &[7; 8]).repeat(2_000);
    while client.send(pings.clone()).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not ended");
        if world.connections.count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_comes_a_byte_at_a_time_has_until_the_deadline_of_the_call() {
    let world = World::with(Limits { request_ms_max: QUICK, ..Limits::default() }).await;
    // A message of 100,000 bytes.
    let head = Bytes::from_static(&[0, 0, 1, 0x86, 0xa0]);
    let byte = std::iter::repeat(Bytes::from_static(b"x"));
    let late = raw_call(&world, &[], Pieces::new(std::iter::once(head).chain(byte), 20)).await;
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late}");
    assert!(late.message().contains("limits.request_ms_max"), "{late}");
}

#[tokio::test]
async fn a_caller_that_calls_too_often_is_told_when_to_come_back_and_others_are_served() {
    let once = Rate { per_second: 1.try_into().unwrap(), burst: 3.try_into().unwrap() };
    let calls = RoleRates { operator: once, without_role: once, ..RoleRates::default() };
    let world = World::with(Limits { calls, ..Limits::default() }).await;
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    for _ in 0..3 {
        world.check(&operator).await.unwrap();
    }
    // Another connection is the same caller.
    let refused = world.check(&operator).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("limits.calls") && refused.message().contains("try again in"), "{refused}");
    let retry = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(retry > Duration::ZERO && retry <= Duration::from_secs(1), "{retry:?}");
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
    // Who has no role is refused for that three times, and then for calling too often.
    let nobody = world.ficc.client("crossmargin://FICC/role/nobody");
    let codes = join_all((0..5).map(|_| world.check(&nobody))).await;
    let count = |code| codes.iter().filter(|outcome| outcome.as_ref().unwrap_err().code() == code).count();
    assert_eq!((count(Code::PermissionDenied), count(Code::ResourceExhausted)), (3, 2));
}

#[tokio::test]
async fn a_caller_has_a_bounded_number_of_calls_open_over_all_its_connections() {
    let world = World::with(Limits { calls_open_per_caller_max: 2, ..Limits::default() }).await;
    let operator = world.ficc.client("crossmargin://FICC/role/operator");
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = world.health(&operator);
        let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap().expect("what stands");
        open.push(watch);
    }
    let refused = world.check(&operator).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(refused.message().contains("limits.calls_open_per_caller_max"), "{refused}");
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
    open.pop();
    // The node hears of the end a moment later.
    let begun = Instant::now();
    while world.check(&operator).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "a place is given back");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_compressed_message_is_refused_and_never_unpacked() {
    let world = World::start().await;
    // The flag of a compressed message, its length, and the head of gzip.
    let message = || Pieces::new(std::iter::once(Bytes::from_static(&[1, 0, 0, 0, 4, 0x1f, 0x8b, 8, 0])), 1);
    let named = raw_call(&world, &[("grpc-encoding", "gzip")], message()).await;
    assert_eq!(named.code(), Code::Unimplemented, "{named}");
    // As gRPC has it for the flag without an encoding.
    let unnamed = raw_call(&world, &[], message()).await;
    assert_eq!(unnamed.code(), Code::Internal, "{unnamed}");
}

#[tokio::test]
async fn a_message_that_announces_more_than_one_may_have_is_refused_before_it_comes() {
    let world = World::with(Limits { message_received_bytes_max: 1_000, ..Limits::default() }).await;
    let announced = Pieces::new(std::iter::once(Bytes::from_static(&[0, 0, 0, 3, 0xe9])), 1);
    let refused = raw_call(&world, &[], announced).await;
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
    for part in ["1001", "1000"] {
        assert!(refused.message().contains(part), "{part}: {refused}");
    }
}

/// Calls `Health.Check` with bytes of one's own, and gives the status of the answer.
async fn raw_call(world: &World, headers: &[(&str, &str)], body: Pieces) -> Status {
    let address = format!("localhost:{}", world.address.port());
    let tls = world.client_tls(&world.ficc.client("crossmargin://FICC/role/operator"));
    let channel: Channel = channel(&address, tls.subscribe(), TcpDial, &Limits::default()).unwrap();
    let mut request = http::Request::post("/grpc.health.v1.Health/Check").header("content-type", "application/grpc");
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    let answer = channel.oneshot(request.body(Body::new(body)).unwrap()).await.unwrap();
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return status;
    }
    let mut body = std::pin::pin!(answer.into_body());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        if let Ok(trailers) = frame.unwrap().into_trailers() {
            return Status::from_header_map(&trailers).unwrap();
        }
    }
    panic!("the answer has no status");
}

/// A request's body, a piece at a time.
struct Pieces {
    pieces: Box<dyn Iterator<Item = Bytes> + Send>,
    pause: Interval,
}

impl Pieces {
    fn new(pieces: impl Iterator<Item = Bytes> + Send + 'static, pause_ms: u64) -> Self {
        Self { pieces: Box::new(pieces), pause: interval(Duration::from_millis(pause_ms)) }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        ready!(self.pause.poll_tick(cx));
        Poll::Ready(self.pieces.next().map(|piece| Ok(Frame::data(piece))))
    }
}
