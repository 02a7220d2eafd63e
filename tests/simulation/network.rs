//! The simulated network under the product's own listener, connector, TLS and HTTP/2.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use gateway::{identity, identity::Dial};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use turmoil::net::{TcpListener, TcpStream};

/// The port at which every node listens.
pub const PORT: u16 = 7443;

/// Which hosts live: a killed process's connections are reset by its kernel, and whoever holds their other end learns it.
///
/// A runtime drops the tasks of a killed host in an order that does not repeat. So the network is cut while it does, and
/// the resets come from here.
#[derive(Clone, Debug, Default)]
pub struct Lives(Arc<Mutex<BTreeMap<String, CancellationToken>>>);

impl Lives {
    fn of(&self, host: &str) -> CancellationToken {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(host.to_owned()).or_default().clone()
    }

    /// Resets every connection of a host.
    pub fn end(&self, host: &str) {
        let life = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
        if let Some(life) = life {
            life.cancel();
        }
    }

    /// Forgets every connection of a host: who holds their other end hears nothing.
    pub fn end_unheard(&self, host: &str) {
        // A token that is dropped cancels nobody.
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(host));
    }
}

/// Listens at the host of the simulation that runs now.
pub struct Listener {
    inner: TcpListener,
    lives: Lives,
}

impl Listener {
    pub async fn bind(lives: &Lives) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::bind(("0.0.0.0", PORT)).await?, lives: lives.clone() })
    }
}

impl identity::Listen for Listener {
    type Io = Stream;

    async fn accept(&mut self) -> io::Result<(Stream, SocketAddr)> {
        let (inner, remote) = self.inner.accept().await?;
        let host = turmoil::reverse_lookup(remote.ip()).unwrap_or_default();
        Ok((Stream::new(inner, &self.lives, &host), remote))
    }
}

/// Connects from the host of the simulation that runs now.
#[derive(Clone, Debug)]
pub struct Dialler(pub Lives);

impl Dial for Dialler {
    type Io = Stream;

    async fn dial(&self, host: String, port: u16) -> io::Result<Stream> {
        let inner = TcpStream::connect((host.as_str(), port)).await?;
        Ok(Stream::new(inner, &self.0, &host))
    }
}

/// A connection that is reset when the host at its other end is killed.
pub struct Stream {
    inner: TcpStream,
    reset: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Stream {
    fn new(inner: TcpStream, lives: &Lives, host: &str) -> Self {
        Self { inner, reset: Box::pin(lives.of(host).cancelled_owned()) }
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.reset.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
