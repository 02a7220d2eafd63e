//! Accepts connections: TLS 1.3 with a client certificate, within limits, each with the identity it proved.
//!
//! An own acceptor, because tonic's has no reload, no revocation lists, no deadline for handshakes and no limit of
//! connections.

use std::{
    collections::HashMap,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use tracing::{Instrument, debug, warn};

use super::{
    caller::{ClientIdentity, NotAdmitted, Presented},
    connections::{Connections, Crowded, Registration},
    frames::{FrameMeter, PREFACE_BYTES},
    limits::Limits,
    quiet,
    tls::ServerTls,
    unread::Reader,
};

/// Where connections come from: a socket, or a simulated network.
pub trait Listen: Send + 'static {
    /// A connection before TLS.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, SocketAddr)>> + Send;
}

impl Listen for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let (io, remote) = TcpListener::accept(self).await?;
        // With Nagle's algorithm the first call of a connection waits for a delayed acknowledgement: 24 ms against 1 ms.
        io.set_nodelay(true)?;
        Ok((io, remote))
    }
}

/// Accepts from `listener` until `stop` is cancelled, and gives the connections to serve and the register of those that
/// live. The listener is closed at once when it stops; live connections go on.
pub fn accept<L: Listen>(
    listener: L,
    tls: watch::Receiver<Arc<ServerTls>>,
    limits: &Limits,
    stop: CancellationToken,
) -> (Incoming<L::Io>, Arc<Connections>) {
    let connections = Connections::new(limits);
    // One slot: a connection that is not yet taken over by the server waits here with its handshake's permit released.
    let (ready, incoming) = mpsc::channel(1);
    let acceptor = Acceptor {
        tls,
        limits: limits.clone(),
        connections: Arc::clone(&connections),
        handshakes: Arc::new(Semaphore::new(limits.handshakes_max)),
        by_address: Arc::default(),
        ready,
    };
    tokio::spawn(acceptor.run(listener, stop).in_current_span());
    (ReceiverStream::new(incoming), connections)
}

/// Who a connection's client is, and where.
struct Client {
    identity: Result<Arc<ClientIdentity>, Arc<NotAdmitted>>,
    remote: SocketAddr,
}

/// The connections to serve, ready for tonic.
pub type Incoming<Io> = ReceiverStream<io::Result<Connection<Io>>>;

/// A connection whose client has proved an identity.
pub struct Connection<Io> {
    io: TlsStream<Io>,
    presented: Presented,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    /// First the deadline of the HTTP/2 preface, then the age at which the connection ends.
    deadline: Pin<Box<Sleep>>,
    preface_missing: usize,
    end: Instant,
    meter: FrameMeter,
    reader: Reader,
    _registration: Registration,
}

impl<Io> Connection<Io> {
    fn new(io: TlsStream<Io>, client: Client, registration: Registration, limits: &Limits) -> Self {
        let now = Instant::now();
        let reader = Reader::new(limits.unread());
        let Client { identity, remote } = client;
        let presented = Presented { identity, remote, unread: reader.unread() };
        Self {
            io,
            presented,
            closed: Box::pin(registration.close().cancelled_owned()),
            deadline: Box::pin(tokio::time::sleep_until(now + limits.preface())),
            // The server waits for it without a deadline.
            preface_missing: PREFACE_BYTES,
            meter: FrameMeter::of_client(limits),
            reader,
            end: now + limits.connection_end(),
            _registration: registration,
        }
    }

    fn say_closed(&self, reason: &io::Error) {
        if let Some(unsaid) = quiet::say() {
            warn!(remote = %self.presented.remote, %reason, unsaid, "a connection was closed");
        }
    }

    /// Ready with the reason when the connection must close.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.closed.as_mut().poll(cx).is_ready() {
            return Poll::Ready(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "closed by this node: the client's certificate no longer holds, or the node stops",
            ));
        }
        if let Poll::Ready(error) = self.reader.poll_gone(cx) {
            self.say_closed(&error);
            return Poll::Ready(error);
        }
        ready!(self.deadline.as_mut().poll(cx));
        let reason = if self.preface_missing > 0 { "no HTTP/2 preface in time" } else { "the connection is too old" };
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, reason))
    }
}

impl<Io> Connected for Connection<Io> {
    type ConnectInfo = Presented;

    fn connect_info(&self) -> Presented {
        self.presented.clone()
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(error) = this.poll_end(cx) {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        if let Err(error) = this.meter.pass(&buf.filled()[before..]) {
            this.say_closed(&error);
            return Poll::Ready(Err(error));
        }
        if this.preface_missing > 0 {
            this.preface_missing = this.preface_missing.saturating_sub(buf.filled().len() - before);
            if this.preface_missing == 0 {
                this.deadline.as_mut().reset(this.end);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(error) = this.poll_end(cx) {
            return Poll::Ready(Err(error));
        }
        let outcome = Pin::new(&mut this.io).poll_write(cx, buf);
        this.reader.wrote(&outcome);
        outcome
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(cx);
        this.reader.wrote(&outcome);
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(error) = this.poll_end(cx) {
            return Poll::Ready(Err(error));
        }
        let outcome = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.reader.wrote(&outcome);
        outcome
    }
}

/// Why a socket did not become a connection.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the TLS handshake failed: {0}")]
    Handshake(#[from] io::Error),
    #[error("the TLS handshake took longer than limits.handshake_ms_max")]
    Deadline,
    #[error("the client does not speak HTTP/2 (ALPN h2)")]
    NotHttp2,
    #[error(transparent)]
    Crowded(#[from] Crowded),
}

struct Acceptor<Io> {
    tls: watch::Receiver<Arc<ServerTls>>,
    limits: Limits,
    connections: Arc<Connections>,
    handshakes: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    ready: mpsc::Sender<io::Result<Connection<Io>>>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static> Acceptor<Io> {
    async fn run<L: Listen<Io = Io>>(self, mut listener: L, stop: CancellationToken) {
        let acceptor = Arc::new(self);
        while let Some(Some(permit)) = stop.run_until_cancelled(acceptor.permit()).await {
            let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { return };
            match accepted {
                Ok((io, remote)) => acceptor.spawn_handshake(io, remote, permit),
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    // Out of file descriptors, most often: the next attempt fails as well until some are given back.
                    let pause = sleep(Duration::from_millis(50));
                    if stop.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// A handshake's permit; none when the server is gone.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.handshakes).acquire_owned();
        tokio::select! {
            biased;
            permit = permit => permit.ok(),
            () = self.ready.closed() => None,
        }
    }

    fn spawn_handshake(self: &Arc<Self>, io: Io, remote: SocketAddr, permit: OwnedSemaphorePermit) {
        let Some(address) = AddressPermit::take(&self.by_address, remote.ip(), self.limits.handshakes_per_address_max)
        else {
            debug!(%remote, "closed: too many handshakes from one address (limits.handshakes_per_address_max)");
            return;
        };
        let acceptor = Arc::clone(self);
        let handshake = async move {
            let outcome = acceptor.handshake(io, remote).await;
            drop((permit, address));
            match outcome {
                // The server is gone when nobody receives: the connection closes as it is dropped.
                Ok(connection) => drop(acceptor.ready.send(Ok(connection)).await),
                Err(refused) => {
                    if let Some(unsaid) = quiet::say() {
                        warn!(%remote, reason = %refused, unsaid, "a connection was refused");
                    }
                }
            }
        };
        tokio::spawn(handshake.in_current_span());
    }

    async fn handshake(&self, io: Io, remote: SocketAddr) -> Result<Connection<Io>, Refused> {
        let tls = Arc::clone(&self.tls.borrow());
        let handshake = TlsAcceptor::from(Arc::clone(&tls.config)).accept(io);
        let io = timeout(self.limits.handshake(), handshake).await.map_err(|_| Refused::Deadline)??;
        let session = io.get_ref().1;
        if session.alpn_protocol() != Some(b"h2") {
            return Err(Refused::NotHttp2);
        }
        let chain: Vec<_> =
            session.peer_certificates().unwrap_or_default().iter().map(|cert| cert.clone().into_owned()).collect();
        let identity = tls.identify(&chain).map(Arc::new).map_err(Arc::new);
        if let Err(reason) = &identity
            && let Some(unsaid) = quiet::say()
        {
            warn!(%remote, %reason, unsaid, "a client has no role; each of its calls is refused");
        }
        let registration = self.connections.admit(identity.as_ref().ok().cloned(), chain)?;
        Ok(Connection::new(io, Client { identity, remote }, registration, &self.limits))
    }
}

/// One address's share of the handshakes, given back when dropped.
struct AddressPermit {
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl AddressPermit {
    fn take(by_address: &Arc<Mutex<HashMap<IpAddr, usize>>>, address: IpAddr, most: usize) -> Option<Self> {
        let mut counts = by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { by_address: Arc::clone(by_address), address })
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
