//! Every limit of a connection and of a call, with its default.
//!
//! None is left to a library: tonic turns hyper's guards against stream resets off unless they are set, does not bound
//! what is sent, and has no deadline for a handshake.

mod rates;

use std::time::Duration;

use crossmargin::bounded::MESSAGE_DECODED_BYTES_MAX;
use serde::{Deserialize, Serialize};

pub use rates::{Rate, RoleRates};

/// Tokens that a heavy call of the analysis service costs at least. One that costs more than the burst costs the burst.
pub(crate) const COST_MAX: u32 = 10;

/// Payload of a frame, in bytes, from which on it carries what it costs.
pub const FRAME_SMALL_BYTES: usize = 256;

/// Limits of connections and calls. Times and sizes carry their unit in the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// How long a TLS handshake may take, from the accepted socket on.
    pub handshake_ms_max: u64,
    /// Handshakes in progress; further sockets wait in the kernel's queue.
    pub handshakes_max: usize,
    /// Handshakes in progress from one address; further sockets of that address are closed.
    pub handshakes_per_address_max: usize,
    /// How long a connection may take from the handshake to the end of its HTTP/2 preface.
    pub preface_ms_max: u64,
    /// Connections, without those of the peer, which have their own limit below so that clients cannot crowd it out.
    pub connections_max: usize,
    /// Connections of one house and role (with its id).
    pub connections_per_identity_max: usize,
    /// After this age a connection takes no new calls, so that a rotated or revoked certificate cannot live on.
    pub connection_age_s_max: u64,
    /// After this further time a connection is closed with whatever it still carries.
    pub connection_grace_s_max: u64,
    /// Concurrent calls on one connection.
    pub streams_per_connection_max: u32,
    /// Calls that the client has reset before they were accepted (CVE-2023-44487, rapid reset).
    pub resets_pending_max: usize,
    /// Resets that the client's errors may cause on one connection (RUSTSEC-2024-0003).
    pub resets_local_max: usize,
    /// Size of one call's headers.
    pub header_list_bytes_max: u32,
    /// Size of an HTTP/2 frame; 16,384 to 16,777,215.
    pub frame_bytes_max: u32,
    /// What a sender may have under way on one call.
    pub stream_window_bytes: u32,
    /// What a sender may have under way on one connection.
    pub connection_window_bytes: u32,
    /// Silence after which a ping is sent.
    pub keepalive_interval_ms: u64,
    /// How long the answer to a ping may take before the connection is closed.
    pub keepalive_timeout_ms: u64,
    /// Frames smaller than [`FRAME_SMALL_BYTES`] that one connection may receive in a second, whatever they are: what pings,
    /// settings, empty data, window updates and data a byte at a time have in common is that they cost more than they carry.
    pub small_frames_per_second_max: u32,
    /// How long a client may leave unread what it asked for, by flow control or at its socket, before its connection is
    /// closed. A stream that has nothing to tell does not count.
    pub unread_ms_max: u64,
    /// How long a call may take until the head of its answer, its request included, whatever deadline the client asked for.
    pub request_ms_max: u64,
    /// Size of one message received.
    pub message_received_bytes_max: usize,
    /// What one message received may take decoded, which its size on the wire does not bound. Counted before it is
    /// decoded; also of the other house's answers. It is the process's: equal for all nodes of one.
    pub message_decoded_bytes_max: usize,
    /// Size of one message sent.
    pub message_sent_bytes_max: usize,
    /// How long it may take to connect to another node, handshake included.
    pub connect_ms_max: u64,
    /// How long the other house may take to begin its answer to a call, and then for each further piece of a stream.
    pub peer_answer_ms_max: u64,
    /// Calls of one caller that are open at once, over all its connections: streams, and answers that are not read yet.
    pub calls_open_per_caller_max: usize,
    /// Members, their administrations and customers whose calls are counted at once; more are refused until some have
    /// been quiet.
    pub callers_max: usize,
    /// Tokens that one caller of the analysis service gains in a second. A trial of positions costs one, a path,
    /// suggestions and a backtest ten and more.
    pub analysis_calls_per_second: u32,
    /// Tokens that one caller can have at once.
    pub analysis_burst: u32,
    /// Callers that are counted at once; more are refused until some have been quiet.
    pub analysis_callers_max: usize,
    /// Analyses that compute at once, of each caller one: what they leave of the machine is the cycles'.
    pub analysis_computing_max: usize,
    /// Analyses that wait for their turn; further ones are refused.
    pub analysis_waiting_max: usize,
    /// Analyses of one caller that wait for their turn; further ones are refused.
    pub analysis_waiting_per_caller_max: usize,
    /// How often one caller may call any method, by its role.
    pub calls: RoleRates,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_ms_max: 5_000,
            handshakes_max: 64,
            handshakes_per_address_max: 32,
            preface_ms_max: 5_000,
            connections_max: 1_024,
            connections_per_identity_max: 32,
            connection_age_s_max: 3_600,
            connection_grace_s_max: 300,
            streams_per_connection_max: 128,
            resets_pending_max: 20,
            resets_local_max: 256,
            header_list_bytes_max: 16 * 1024,
            frame_bytes_max: 64 * 1024,
            stream_window_bytes: 1024 * 1024,
            connection_window_bytes: 4 * 1024 * 1024,
            keepalive_interval_ms: 10_000,
            keepalive_timeout_ms: 5_000,
            small_frames_per_second_max: 10_000,
            unread_ms_max: 30_000,
            request_ms_max: 60_000,
            message_received_bytes_max: 4 * 1024 * 1024,
            message_decoded_bytes_max: MESSAGE_DECODED_BYTES_MAX,
            message_sent_bytes_max: 4 * 1024 * 1024,
            connect_ms_max: 5_000,
            peer_answer_ms_max: 10_000,
            calls_open_per_caller_max: 256,
            callers_max: 10_000,
            analysis_calls_per_second: 20,
            analysis_burst: 100,
            analysis_callers_max: 10_000,
            analysis_computing_max: 2,
            analysis_waiting_max: 64,
            analysis_waiting_per_caller_max: 4,
            calls: RoleRates::default(),
        }
    }
}

impl Limits {
    /// Checks what no single value shows.
    ///
    /// # Errors
    /// The key and the reason, for the first value that is out of its range.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let zero = [
            ("handshake_ms_max", self.handshake_ms_max == 0),
            ("handshakes_max", self.handshakes_max == 0),
            ("handshakes_per_address_max", self.handshakes_per_address_max == 0),
            ("preface_ms_max", self.preface_ms_max == 0),
            ("connections_max", self.connections_max == 0),
            ("connections_per_identity_max", self.connections_per_identity_max == 0),
            ("connection_age_s_max", self.connection_age_s_max == 0),
            ("connection_grace_s_max", self.connection_grace_s_max == 0),
            ("streams_per_connection_max", self.streams_per_connection_max == 0),
            ("resets_pending_max", self.resets_pending_max == 0),
            ("resets_local_max", self.resets_local_max == 0),
            ("header_list_bytes_max", self.header_list_bytes_max == 0),
            ("keepalive_interval_ms", self.keepalive_interval_ms == 0),
            ("keepalive_timeout_ms", self.keepalive_timeout_ms == 0),
            ("small_frames_per_second_max", self.small_frames_per_second_max == 0),
            ("unread_ms_max", self.unread_ms_max == 0),
            ("request_ms_max", self.request_ms_max == 0),
            ("message_received_bytes_max", self.message_received_bytes_max == 0),
            ("message_decoded_bytes_max", self.message_decoded_bytes_max == 0),
            ("message_sent_bytes_max", self.message_sent_bytes_max == 0),
            ("connect_ms_max", self.connect_ms_max == 0),
            ("peer_answer_ms_max", self.peer_answer_ms_max == 0),
            ("calls_open_per_caller_max", self.calls_open_per_caller_max == 0),
            ("callers_max", self.callers_max == 0),
            ("analysis_calls_per_second", self.analysis_calls_per_second == 0),
            ("analysis_callers_max", self.analysis_callers_max == 0),
            ("analysis_computing_max", self.analysis_computing_max == 0),
        ];
        if let Some((key, _)) = zero.into_iter().find(|&(_, is_zero)| is_zero) {
            return Err((key, "0 would let nothing through; a limit is at least 1".into()));
        }
        // RFC 9113, sections 6.5.2 and 6.9.1.
        let ranges = [
            ("frame_bytes_max", self.frame_bytes_max, 16_384, 16_777_215),
            ("stream_window_bytes", self.stream_window_bytes, 65_535, i32::MAX.unsigned_abs()),
            ("connection_window_bytes", self.connection_window_bytes, 65_535, i32::MAX.unsigned_abs()),
            // A smaller burst would never let a heavy call through.
            ("analysis_burst", self.analysis_burst, COST_MAX, u32::MAX),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err((key, format!("{value} is outside {least} to {most}")));
            }
        }
        Ok(())
    }

    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_millis(self.handshake_ms_max)
    }

    pub(crate) fn preface(&self) -> Duration {
        Duration::from_millis(self.preface_ms_max)
    }

    pub(crate) fn connection_age(&self) -> Duration {
        Duration::from_secs(self.connection_age_s_max)
    }

    /// The age at which a connection is closed with whatever it carries.
    pub(crate) fn connection_end(&self) -> Duration {
        Duration::from_secs(self.connection_age_s_max.saturating_add(self.connection_grace_s_max))
    }

    pub(crate) fn keepalive_interval(&self) -> Duration {
        Duration::from_millis(self.keepalive_interval_ms)
    }

    pub(crate) fn keepalive_timeout(&self) -> Duration {
        Duration::from_millis(self.keepalive_timeout_ms)
    }

    pub(crate) fn unread(&self) -> Duration {
        Duration::from_millis(self.unread_ms_max)
    }

    pub(crate) fn request(&self) -> Duration {
        Duration::from_millis(self.request_ms_max)
    }

    pub(crate) fn peer_answer(&self) -> Duration {
        Duration::from_millis(self.peer_answer_ms_max)
    }

    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass_their_own_check() {
        assert_eq!(Limits::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_out_of_range_is_named() {
        let zero = Limits { handshakes_max: 0, ..Limits::default() };
        assert_eq!(zero.check().unwrap_err().0, "handshakes_max");
        let burst = Limits { analysis_burst: COST_MAX - 1, ..Limits::default() };
        assert_eq!(burst.check().unwrap_err().0, "analysis_burst");
        let frame = Limits { frame_bytes_max: 100, ..Limits::default() };
        assert_eq!(frame.check().unwrap_err().0, "frame_bytes_max");
    }
}
