//! The attacks: each goes on until it is dropped, begins anew whenever the node has ended it, and counts.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossmargin::v1::{
    self, analysis_service_client::AnalysisServiceClient, margin_service_client::MarginServiceClient,
};
use prost::{Message, bytes::Bytes};
use tokio::{io::AsyncWriteExt, task::JoinSet, time::sleep};
use tonic::{Code, Status, transport::Channel};

use super::raw::{
    CONTINUATION, Certificate, DATA, END_HEADERS, END_STREAM, HEADERS, Node, PING, Pieces, RST_STREAM, SETTINGS, call,
    drain, frame, headers, message, requirements,
};

/// What the attackers have: the node, a member's certificate, and channels with it and with the other house's.
#[derive(Clone)]
pub(crate) struct Attackers {
    pub(crate) node: Node,
    pub(crate) member: Certificate,
    pub(crate) member_channel: Channel,
    pub(crate) peer_channel: Channel,
    pub(crate) cycle: v1::CycleId,
    /// Blows struck, and those that the node answered with its limit.
    pub(crate) struck: Arc<AtomicU64>,
    pub(crate) refused: Arc<AtomicU64>,
}

type Attack = fn(Attackers) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Each attack with its name and how many do it at once.
pub(crate) fn all() -> Vec<(&'static str, usize, Attack)> {
    vec![
        ("sockets without a handshake", 40, |a| Box::pin(a.silent())),
        ("handshakes without a certificate", 4, |a| Box::pin(a.strangers())),
        ("calls reset at once", 2, |a| Box::pin(a.resets())),
        ("pings, settings, empty data", 3, |a| Box::pin(a.small_frames())),
        ("headers without an end, headers that unpack", 2, |a| Box::pin(a.header_bombs())),
        ("calls as fast as they go", 8, |a| Box::pin(a.calls())),
        ("answers that nobody reads", 8, |a| Box::pin(a.unread())),
        ("uploads a byte at a time", 32, |a| Box::pin(a.slow_uploads())),
        ("messages that are large decoded, a member's", 2, |a| Box::pin(a.member_amplification())),
        ("messages that are large decoded, the other house's", 2, |a| Box::pin(a.peer_amplification())),
        ("heavy analyses", 8, |a| Box::pin(a.analyses())),
    ]
}

/// Strikes with as many attackers as wanted until it is dropped.
pub(crate) fn begin(attackers: &Attackers, count: usize, attack: Attack) -> JoinSet<()> {
    let mut striking = JoinSet::new();
    for _ in 0..count {
        let attackers = attackers.clone();
        striking.spawn(async move {
            loop {
                attackers.struck.fetch_add(1, Ordering::Relaxed);
                attack(attackers.clone()).await;
                // The attacker's own machine is the node's here: it must not starve itself.
                sleep(Duration::from_millis(2)).await;
            }
        });
    }
    striking
}

impl Attackers {
    async fn silent(self) {
        if let Ok(mut socket) = self.node.socket().await {
            // The beginning of a ClientHello that never comes.
            drop(socket.write_all(&[22, 3, 1, 2, 0, 1]).await);
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn strangers(self) {
        if let Ok(mut io) = self.node.connect(None).await {
            // In TLS 1.3 the client hears of its refusal when it reads.
            drain(&mut io).await;
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    async fn resets(self) {
        let call = headers("/crossmargin.v1.MarginService/ListRequirements");
        let blow = (0..500).flat_map(|call_number| {
            let stream = 2 * call_number + 1;
            [frame(HEADERS, END_HEADERS, stream, &call), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
        });
        self.write(65_535, blow.collect()).await;
    }

    async fn small_frames(self) {
        let call = frame(HEADERS, END_HEADERS, 1, &headers("/crossmargin.v1.MarginService/ListRequirements"));
        let pings = frame(PING, 0, 0, &[1; 8]).repeat(20_000);
        let settings = frame(SETTINGS, 0, 0, &[]).repeat(20_000);
        let empty = [call, frame(DATA, 0, 1, &[]).repeat(20_000)].concat();
        for blow in [pings, settings, empty] {
            self.write(65_535, blow).await;
        }
    }

    async fn header_bombs(self) {
        let endless = [frame(HEADERS, 0, 1, &[0x83]), frame(CONTINUATION, 0, 1, &[]).repeat(1_000)].concat();
        self.write(65_535, endless).await;
        // A field of 4,000 bytes into the dynamic table, and 12,000 references to it.
        let field = [&b"\x83\x87\x84\x40\x01x\x7f\xa1\x1e"[..], &[b'y'; 4_000], &[0x80 | 62; 12_000]].concat();
        let bombs = (0..20).flat_map(|call| frame(HEADERS, END_HEADERS, 2 * call + 1, &field));
        self.write(65_535, bombs.collect()).await;
    }

    async fn calls(self) {
        let mut client = MarginServiceClient::new(self.member_channel.clone());
        let calls = (0..50).map(|_| {
            let (mut client, request) = (client.clone(), requirements(&self.cycle));
            async move { client.list_requirements(request).await }
        });
        for answer in futures_util::future::join_all(calls).await {
            self.note(answer.map(drop));
        }
        let answer = client.list_requirements(requirements(&self.cycle)).await;
        self.note(answer.map(drop));
    }

    async fn unread(self) {
        // A window of nothing: each answer is held until the connection is ended.
        let request = message(&requirements(&self.cycle).encode_to_vec());
        let path = headers("/crossmargin.v1.MarginService/ListRequirements");
        let calls = (0..32).flat_map(|call| {
            let stream = 2 * call + 1;
            [frame(HEADERS, END_HEADERS, stream, &path), frame(DATA, END_STREAM, stream, &request)].concat()
        });
        self.write(0, calls.collect()).await;
    }

    async fn slow_uploads(self) {
        let head = Bytes::from_static(&[0, 0, 0x10, 0, 0]);
        let bytes = std::iter::once(head).chain(std::iter::repeat(Bytes::from_static(&[0])));
        let body = Pieces::slowly(bytes, Duration::from_millis(100));
        let status = call(&self.member_channel, "/crossmargin.v1.MarginService/ListRequirements", body).await;
        self.note(status.map_or(Ok(()), Err));
    }

    async fn member_amplification(self) {
        // Changes, each of two bytes on the wire.
        let changes = message(&[2 << 3 | 2, 0].repeat((4 << 20) / 2 - 100));
        self.send(&self.member_channel, "/crossmargin.v1.AnalysisService/TryPositions", changes).await;
        // Positions of one byte, to a method that does not admit the caller.
        let quantities =
            [&[2 << 3 | 2, 0x84, 0x80, 0x80, 1, 5 << 3 | 2, 0x80, 0x80, 0x80, 1][..], &[1; 2 << 20]].concat();
        let path = "/crossmargin.v1.PositionKeepingService/SubmitSnapshot";
        self.send(&self.member_channel, path, message(&quantities)).await;
    }

    async fn peer_amplification(self) {
        let envelopes = message(&[1 << 3 | 2, 0].repeat((4 << 20) / 2 - 100));
        for path in ["Deliver", "FetchBlobs", "ReadNodes"] {
            let path = format!("/crossmargin.v1.PeerService/{path}");
            self.send(&self.peer_channel, &path, envelopes.clone()).await;
        }
    }

    async fn analyses(self) {
        let mut client = AnalysisServiceClient::new(self.member_channel.clone());
        let request = v1::TryPathRequest {
            positions: Some(v1::TryPositionsRequest { account: "GSD-1001".to_owned(), ..Default::default() }),
            days: vec![v1::CurveMove::default(); 60],
        };
        let answer = client.try_path(request).await;
        self.note(answer.map(drop));
    }

    async fn send(&self, channel: &Channel, path: &str, bytes: Bytes) {
        let status = call(channel, path, Pieces::once(bytes)).await;
        self.note(status.map_or(Ok(()), Err));
    }

    /// Writes on a connection of its own, and then waits for the node to end it.
    async fn write(&self, window: u32, bytes: Vec<u8>) {
        let Ok(mut io) = self.node.speak(&self.member, window).await else { return };
        drop(io.write_all(&bytes).await);
        drop(io.flush().await);
        // What the node does not end is left after a moment, for the next blow.
        if tokio::time::timeout(Duration::from_millis(500), drain(&mut io)).await.is_ok() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note(&self, answer: Result<(), Status>) {
        let is_limit = answer.is_err_and(|status| {
            matches!(status.code(), Code::ResourceExhausted | Code::PermissionDenied | Code::DeadlineExceeded)
        });
        self.refused.fetch_add(u64::from(is_limit), Ordering::Relaxed);
    }
}
