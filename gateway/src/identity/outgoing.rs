//! A connection to a node, closed when the node's certificate no longer holds.

use std::{
    future::{Future, pending},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::future::{MaybeDone, maybe_done};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
};
use tokio_rustls::client::TlsStream;

use super::{frames::FrameMeter, limits::Limits, tls::ClientTls};

/// A connection to a node. It is verified again under every TLS configuration that is put in force while it lives: the
/// node itself might never close it.
pub struct Outgoing<Io> {
    io: TlsStream<Io>,
    meter: FrameMeter,
    refuted: MaybeDone<Pin<Box<dyn Future<Output = rustls::Error> + Send>>>,
}

impl<Io> Outgoing<Io> {
    pub(super) fn new(
        io: TlsStream<Io>,
        name: ServerName<'static>,
        tls: watch::Receiver<Arc<ClientTls>>,
        limits: &Limits,
    ) -> Self {
        let chain = io.get_ref().1.peer_certificates().unwrap_or_default();
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        Self { io, meter: FrameMeter::of_server(limits), refuted: maybe_done(Box::pin(refuted(chain, name, tls))) }
    }

    fn poll_refuted(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        ready!(Pin::new(&mut self.refuted).poll(cx));
        let reason = Pin::new(&mut self.refuted).output_mut().map(|reason| reason.to_string()).unwrap_or_default();
        let message = format!("closed by this side: the node's certificate no longer holds: {reason}");
        Poll::Ready(io::Error::new(io::ErrorKind::ConnectionAborted, message))
    }
}

/// Ends when a configuration comes into force under which the chain does not hold.
async fn refuted(
    chain: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
    mut tls: watch::Receiver<Arc<ClientTls>>,
) -> rustls::Error {
    while tls.changed().await.is_ok() {
        let current = Arc::clone(&tls.borrow_and_update());
        if let Err(reason) = current.verify(&chain, &name) {
            return reason;
        }
    }
    // Nobody can change the configuration any more.
    pending().await
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for Outgoing<Io> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(error) = this.poll_refuted(cx) {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        Poll::Ready(this.meter.pass(&buf.filled()[before..]))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Outgoing<Io> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
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
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }
}
