//! Clients that misuse HTTP/2, written frame by frame.

use tokio_rustls::client::TlsStream;

use super::*;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// END_HEADERS alone: the stream stays open.
pub(super) const END_HEADERS: u8 = 4;
/// The last frame of a call.
const END_STREAM: u8 = 1;

/// `:method POST`, `:scheme https`, `:path /` from the static table (RFC 7541, appendix A).
pub(super) const REQUEST: &[u8] = &[0x83, 0x87, 0x84];

/// ENHANCE_YOUR_CALM (RFC 9113, section 7).
pub(super) const CALM: u32 = 11;

#[tokio::test]
async fn the_server_announces_its_limits() {
    let world = World::start().await;
    let mut client = Http2::connect(&world).await;
    let settings = client.read_frame().await.unwrap();
    assert_eq!(settings.kind, SETTINGS);
    let announced: Vec<(u16, u32)> = settings
        .payload
        .chunks_exact(6)
        .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
        .collect();
    let limits = Limits::default();
    // RFC 9113, section 6.5.2: concurrent streams, initial window, frame size, header list size.
    for needed in [
        (3, limits.streams_per_connection_max),
        (4, limits.stream_window_bytes),
        (5, limits.frame_bytes_max),
        (6, limits.header_list_bytes_max),
    ] {
        assert!(announced.contains(&needed), "{needed:?} in {announced:?}");
    }
}

#[tokio::test]
async fn a_client_that_resets_its_calls_at_once_is_sent_away() {
    let world = World::start().await;
    let mut client = Http2::connect(&world).await;
    let mut flood = Vec::new();
    for stream in (1..4_000).step_by(2) {
        flood.extend(frame(HEADERS, END_HEADERS, stream, REQUEST));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    assert_eq!(client.flood(flood).await, Some(CALM));
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn a_client_whose_errors_make_the_server_reset_its_calls_is_sent_away() {
    let world = World::start().await;
    let mut client = Http2::connect(&world).await;
    let mut flood = Vec::new();
    for stream in (1..4_000).step_by(2) {
        // A field that no HTTP/2 request may have (RFC 9113, section 8.2.2), as a literal of its own.
        let malformed = [REQUEST, b"\x00\x0aconnection\x05close"].concat();
        flood.extend(frame(HEADERS, END_HEADERS, stream, &malformed));
    }
    assert_eq!(client.flood(flood).await, Some(CALM));
    world.check(&world.ficc.client("crossmargin://FICC/role/operator")).await.unwrap();
}

#[tokio::test]
async fn a_call_with_too_many_headers_is_refused_and_the_node_serves_on() {
    let world = World::start().await;
    let mut client = world.health(&world.ficc.client("crossmargin://FICC/role/operator"));
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("x-long", "x".repeat(20_000).parse().unwrap());
    assert!(client.check(request).await.is_err());
    client.check(Request::new(HealthCheckRequest::default())).await.unwrap();
}

pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The headers of a call of `/grpc.health.v1.Health/Check`.
pub(super) fn check_headers() -> Vec<u8> {
    // POST and https; then as literals without indexing (RFC 7541, section 6.2.2) the path, 4 in the static table, and the
    // content type, 31.
    let literal = |name: &[u8], value: &str| [name, &[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let path = literal(&[4], "/grpc.health.v1.Health/Check");
    [&[0x83, 0x87][..], &path, &literal(&[0x0f, 16], "application/grpc")].concat()
}

/// A whole call of it, with an empty message.
pub(super) fn check_call(stream: u32) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, &check_headers()), frame(DATA, END_STREAM, stream, &[0; 5])].concat()
}

pub(super) struct Http2 {
    io: TlsStream<TcpStream>,
}

impl Http2 {
    pub(super) async fn connect(world: &World) -> Self {
        Self::connect_with(world, &[]).await
    }

    /// With settings: of each the number, two bytes, and the value, four.
    pub(super) async fn connect_with(world: &World, settings: &[u8]) -> Self {
        let client = world.ficc.client("crossmargin://FICC/role/operator");
        let connector = TlsConnector::from(Arc::new(raw_config(world, Some(&client))));
        let tcp = TcpStream::connect(world.address).await.unwrap();
        let mut io = connector.connect(ServerName::try_from("localhost").unwrap(), tcp).await.unwrap();
        // The preface without its empty settings.
        io.write_all(&PREFACE[..24]).await.unwrap();
        io.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
        Self { io }
    }

    pub(super) async fn send(&mut self, frames: Vec<u8>) -> std::io::Result<()> {
        self.io.write_all(&frames).await?;
        self.io.flush().await
    }

    /// The next frame of one of these kinds; nothing once the server has closed the connection.
    pub(super) async fn read_until(&mut self, kinds: &[u8]) -> Option<Frame> {
        loop {
            let frame = self.read_frame().await?;
            if kinds.contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// Nothing once the server has closed the connection.
    pub(super) async fn read_frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.io.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]).try_into().unwrap()];
        self.io.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], stream, payload })
    }

    /// Sends frames while reading what comes, and answers with the error code of the server's farewell.
    pub(super) async fn flood(&mut self, frames: Vec<u8>) -> Option<u32> {
        // The server may close before it has taken everything.
        let _ = self.io.write_all(&frames).await;
        let _ = self.io.flush().await;
        while let Some(frame) = self.read_frame().await {
            if frame.kind == GOAWAY {
                return Some(u32::from_be_bytes(frame.payload[4..8].try_into().unwrap()));
            }
        }
        None
    }
}
