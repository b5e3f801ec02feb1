//! A stream that records the first bytes that its peer sent, for messages about a peer that speaks another protocol.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::PeerProtocol;

/// The bytes of the first read, as far as [`PeerProtocol::recognize`] needs them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstBytes(Arc<OnceLock<Vec<u8>>>);

impl FirstBytes {
    /// The protocol that the peer speaks. `None` if it sent nothing yet, or nothing that is recognised.
    pub(crate) fn protocol(&self) -> Option<PeerProtocol> {
        PeerProtocol::recognize(self.0.get()?)
    }
}

/// A stream that records them.
pub(crate) struct RecordingStream<S> {
    stream: S,
    first: FirstBytes,
}

impl<S> RecordingStream<S> {
    /// Nothing may have been read of `stream` yet.
    pub(crate) fn new(stream: S) -> (Self, FirstBytes) {
        let first = FirstBytes::default();
        (Self { stream, first: first.clone() }, first)
    }

    /// Returns the stream.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            let kept = &read[..read.len().min(PeerProtocol::FIRST_BYTES)];
            self.first.0.get_or_init(|| kept.to_vec());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RecordingStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
