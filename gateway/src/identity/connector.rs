//! Connects to a node: TLS 1.3 with an own certificate, the node's house and authority pinned.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::Service;

use super::{limits::Limits, outgoing::Outgoing, tls::ClientTls};

/// How connections to a host are made: a socket, or a simulated network.
pub trait Dial: Clone + Send + Sync + 'static {
    /// A connection before TLS.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Connects to a host, a name or an address without brackets.
    fn dial(&self, host: String, port: u16) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// Connects over TCP, without Nagle's algorithm.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDial;

impl Dial for TcpDial {
    type Io = TcpStream;

    async fn dial(&self, host: String, port: u16) -> io::Result<TcpStream> {
        let io = TcpStream::connect((host.as_str(), port)).await?;
        io.set_nodelay(true)?;
        Ok(io)
    }
}

/// A channel to the node at `address` (`host:port`; brackets around an IPv6 address). It connects at the first call and
/// again at the next call after a connection was lost. Every new connection uses the TLS configuration then in force, and a
/// live one closes when a later configuration no longer holds the node's certificate valid.
///
/// The sizes of messages are limited at each client stub: give it [`Limits::message_received_bytes_max`] and
/// [`Limits::message_sent_bytes_max`].
///
/// # Errors
/// [`AddressError`] when `address` is not `host:port`.
pub fn channel<D: Dial>(
    address: &str,
    tls: watch::Receiver<Arc<ClientTls>>,
    dial: D,
    limits: &Limits,
) -> Result<Channel, AddressError> {
    let uri = check_address(address)?;
    let endpoint = Endpoint::from(uri.connect)
        .origin(uri.origin)
        .connect_timeout(limits.connect())
        .http2_keep_alive_interval(limits.keepalive_interval())
        .keep_alive_timeout(limits.keepalive_timeout())
        .keep_alive_while_idle(true)
        .initial_stream_window_size(limits.stream_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .max_frame_size(limits.frame_bytes_max)
        .http2_max_header_list_size(limits.header_list_bytes_max)
        .http2_max_local_error_reset_streams(limits.resets_local_max);
    Ok(endpoint.connect_with_connector_lazy(Connector { tls, dial, limits: limits.clone() }))
}

/// The URIs of a node's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeUris {
    /// To connect to. The connector speaks TLS itself, so tonic must see a scheme for which it adds none.
    connect: Uri,
    /// To name in requests.
    origin: Uri,
}

/// Checks that `address` is `host:port`.
///
/// # Errors
/// [`AddressError`] when it is not.
pub fn check_address(address: &str) -> Result<NodeUris, AddressError> {
    let refuse = || AddressError { address: address.to_owned() };
    let connect: Uri = format!("http://{address}").parse().map_err(|_| refuse())?;
    let origin: Uri = format!("https://{address}").parse().map_err(|_| refuse())?;
    let bare = connect.authority().is_some_and(|authority| authority.as_str() == address);
    if !bare || address.contains('@') || connect.port_u16().is_none() || connect.host().is_none_or(str::is_empty) {
        return Err(refuse());
    }
    Ok(NodeUris { connect, origin })
}

/// An address that cannot be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address:?} is not host:port, for example node.example.org:7443 or [::1]:7443")]
pub struct AddressError {
    address: String,
}

#[derive(Clone)]
struct Connector<D> {
    tls: watch::Receiver<Arc<ClientTls>>,
    dial: D,
    limits: Limits,
}

impl<D: Dial> Service<Uri> for Connector<D> {
    type Response = TokioIo<Outgoing<D::Io>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let mut tls = self.tls.clone();
        let config = Arc::clone(&tls.borrow_and_update().config);
        let dial = self.dial.clone();
        let limits = self.limits.clone();
        Box::pin(async move {
            let (host, port) = host_and_port(&uri)?;
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            let connector = TlsConnector::from(config);
            let connect = async { connector.connect(name.clone(), dial.dial(host, port).await?).await };
            let elapsed =
                |_| io::Error::new(io::ErrorKind::TimedOut, "the node did not answer within limits.connect_ms_max");
            let io = timeout(limits.connect(), connect).await.map_err(elapsed)??;
            if io.get_ref().1.alpn_protocol() != Some(b"h2") {
                return Err(io::Error::other("the node does not speak HTTP/2 (ALPN h2)"));
            }
            Ok(TokioIo::new(Outgoing::new(io, name, tls, &limits)))
        })
    }
}

/// The host, without the brackets of an IPv6 address, and the port.
fn host_and_port(uri: &Uri) -> io::Result<(String, u16)> {
    let missing = || io::Error::new(io::ErrorKind::InvalidInput, "the node's address has no host or port");
    let host = uri.host().ok_or_else(missing)?;
    let port = uri.port_u16().ok_or_else(missing)?;
    Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_and_nothing_else() {
        for address in ["localhost:7401", "node.example.org:1", "127.0.0.1:7401", "[::1]:7401"] {
            assert!(check_address(address).is_ok(), "{address}");
        }
        for address in
            ["", "localhost", ":7401", "localhost:x", "localhost:70000", "a:1/b", "u@a:1", "http://a:1", "a b:1"]
        {
            let error = check_address(address).unwrap_err().to_string();
            assert!(error.contains(&format!("{address:?}")), "{error}");
        }
    }

    #[test]
    fn an_ipv6_address_is_dialled_without_its_brackets() {
        let uris = check_address("[::1]:7401").unwrap();
        assert_eq!(host_and_port(&uris.connect).unwrap(), ("::1".to_owned(), 7401));
    }
}
