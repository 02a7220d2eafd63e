//! The HTTP/2 server with every limit set.

use tonic::transport::Server;

use super::limits::Limits;

/// A server builder in which no limit is left to a library's default. Add the layer of calls, which has their deadline, that
/// of admission, and the services.
///
/// The sizes of messages are limited at each service: give it [`Limits::message_received_bytes_max`] and
/// [`Limits::message_sent_bytes_max`].
#[must_use]
pub fn server(limits: &Limits) -> Server {
    Server::builder()
        .accept_http1(false)
        .max_concurrent_streams(limits.streams_per_connection_max)
        .http2_max_pending_accept_reset_streams(Some(limits.resets_pending_max))
        .http2_max_local_error_reset_streams(Some(limits.resets_local_max))
        .http2_max_header_list_size(limits.header_list_bytes_max)
        .max_frame_size(limits.frame_bytes_max)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .http2_adaptive_window(Some(false))
        .http2_keepalive_interval(Some(limits.keepalive_interval()))
        .http2_keepalive_timeout(Some(limits.keepalive_timeout()))
        // Without tonic's grace, which would cut without a farewell: the connection itself ends at its own deadline.
        .max_connection_age(limits.connection_age())
}
