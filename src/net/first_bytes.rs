//! A stream that records the first bytes that its peer sent, for messages about a peer that speaks another protocol.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::{PeerProtocol, quote};

/// The number of bytes to keep: as far as the `Location` of a redirect, usually.
const MAX_KEPT: usize = 512;

/// The first bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstBytes(Arc<Mutex<KeptBytes>>);

#[derive(Debug, Default)]
struct KeptBytes {
    bytes: Vec<u8>,
    /// How many of them came with the first read.
    first_read: usize,
}

impl FirstBytes {
    /// The protocol that the peer speaks. `None` if it sent nothing yet, or nothing that is recognised.
    pub(crate) fn protocol(&self) -> Option<PeerProtocol> {
        let kept = self.0.lock();
        PeerProtocol::recognize(&kept.bytes[..kept.first_read])
    }

    /// The bytes in words. `None` if there are none.
    pub(crate) fn quote(&self) -> Option<String> {
        quote(&self.0.lock().bytes)
    }
}

/// A stream that records them.
pub(crate) struct RecordingStream<S> {
    stream: S,
    first: FirstBytes,
    /// How many bytes are to be kept yet.
    left: usize,
}

impl<S> RecordingStream<S> {
    /// Nothing may have been read of `stream` yet.
    pub(crate) fn new(stream: S) -> (Self, FirstBytes) {
        let first = FirstBytes::default();
        (Self { stream, first: first.clone(), left: MAX_KEPT }, first)
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
        let kept = &read[..read.len().min(self.left)];
        if !kept.is_empty() {
            self.left -= kept.len();
            let mut first = self.first.0.lock();
            if first.bytes.is_empty() {
                first.first_read = kept.len();
            }
            first.bytes.extend_from_slice(kept);
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
