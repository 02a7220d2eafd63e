//! Attacks on a whole server, written frame by frame, each with the limit that ends it. Meanwhile and afterwards the
//! other house's gateway is served.

use super::{
    http2::{
        CALM, CONTINUATION, DATA, END_HEADERS, GOAWAY, HEADERS, Http2, PING, REQUEST, RST_STREAM, SETTINGS,
        WINDOW_UPDATE, check_headers, frame,
    },
    *,
};

const PRIORITY: u8 = 2;
/// A kind that RFC 9113 does not know: it is to be ignored.
const UNKNOWN: u8 = 0xbb;

/// A flood by its name.
type Flood = (&'static str, Vec<u8>);

fn floods() -> [Flood; 9] {
    let many = |frame: Vec<u8>| frame.repeat(40_000);
    // A call whose message is of four mebibytes and never comes.
    let call =
        [frame(HEADERS, END_HEADERS, 1, &check_headers()), frame(DATA, 0, 1, &[0, 0, 0x3f, 0xff, 0xff])].concat();
    let on_a_call = |frame: Vec<u8>| [call.clone(), many(frame)].concat();
    [
        ("pings", many(frame(PING, 0, 0, &[7; 8]))),
        ("empty settings", many(frame(SETTINGS, 0, 0, &[]))),
        ("changing settings", many(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]))),
        ("window updates", many(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]))),
        ("priorities", many(frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 9]))),
        ("unknown frames", many(frame(UNKNOWN, 0, 0, &[]))),
        ("empty data", on_a_call(frame(DATA, 0, 1, &[]))),
        ("data a byte at a time", on_a_call(frame(DATA, 0, 1, &[0]))),
        // Never an end of the headers, and no byte of them.
        ("continuations", [frame(HEADERS, 0, 1, REQUEST), many(frame(CONTINUATION, 0, 1, &[]))].concat()),
    ]
}

#[tokio::test]
async fn every_flood_ends_with_its_connection_and_the_other_house_is_served() {
    // Lower than in production, so that a slow machine too sends that many within a second.
    let world = World::with(Limits { small_frames_per_second_max: 2_000, ..Limits::default() }).await;
    let peer = world.cme.client("crossmargin://CME/role/peer/CME");
    let mut served = world.health(&peer);
    served.check(Request::new(HealthCheckRequest::default())).await.unwrap();
    for (name, frames) in floods() {
        let mut client = Http2::connect(&world).await;
        let (farewell, calls) = tokio::join!(client.flood(frames), calls(&mut served, 20));
        calls.unwrap_or_else(|status| panic!("during {name}: {status}"));
        // Some of them h2 ends first, and says so where the client still hears it.
        assert!(matches!(farewell, None | Some(CALM)), "{name}: {farewell:?}");
    }
    assert_eq!(world.connections.count(), 1, "the other house's alone");
}

#[tokio::test]
async fn as_many_small_frames_as_a_busy_client_sends_are_taken() {
    let world = World::start().await;
    let mut client = Http2::connect(&world).await;
    let pings = usize::try_from(Limits::default().small_frames_per_second_max).unwrap() - 10;
    client.send(frame(PING, 0, 0, &[7; 8]).repeat(pings)).await.unwrap();
    let mut answered = 0;
    while answered < pings {
        let frame = client.read_frame().await.expect("the connection lives");
        answered += usize::from(frame.kind == PING);
    }
}

#[tokio::test]
async fn a_header_that_is_named_again_and_again_is_not_unpacked_without_end() {
    let world = World::start().await;
    let mut client = Http2::connect(&world).await;
    // A field of 4,000 bytes into the dynamic table (RFC 7541, section 6.2.1), then a reference of one byte to it, 62, as
    // often as a frame of 16 KiB holds: 64 MB of headers.
    let mut block = REQUEST.to_vec();
    block.extend(b"\x40\x01x\x7f");
    // The length with a prefix of seven bits: 127 + 3,873.
    block.extend([0xa1, 0x1e]);
    block.extend([b'y'; 4_000]);
    block.extend(vec![0x80 | 62; 12_000]);
    client.send(frame(HEADERS, END_HEADERS, 1, &block)).await.unwrap();
    // Refused with a status of HTTP, 431, or with the call or the connection: not one of its headers is kept.
    let refused = client.read_until(&[HEADERS, RST_STREAM, GOAWAY, DATA]).await.expect("an answer");
    assert_ne!(refused.kind, DATA);
    assert!(refused.payload.len() < 100, "an HTTP status alone: {:x?}", refused.payload);
    world.check(&world.cme.client("crossmargin://CME/role/peer/CME")).await.unwrap();
}

#[tokio::test]
async fn a_connection_has_a_bounded_number_of_calls_and_one_more_is_reset() {
    let world = World::with(Limits { streams_per_connection_max: 3, ..Limits::default() }).await;
    let mut client = Http2::connect(&world).await;
    let calls = (0..4).flat_map(|call| frame(HEADERS, END_HEADERS, 2 * call + 1, &check_headers()));
    client.send(calls.collect()).await.unwrap();
    let reset = client.read_until(&[RST_STREAM]).await.unwrap();
    // REFUSED_STREAM (RFC 9113, section 7), of the fourth call.
    assert_eq!((reset.stream, reset.payload.as_slice()), (7, &[0, 0, 0, 7][..]));
}

/// Calls one after another.
async fn calls(client: &mut HealthClient<tonic::transport::Channel>, count: usize) -> Result<(), Status> {
    for _ in 0..count {
        client.check(Request::new(HealthCheckRequest::default())).await?;
    }
    Ok(())
}
