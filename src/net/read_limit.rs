//! A stream that fails once its peer has sent more than a byte limit. Parsers bound what they store; this
//! bounds what they read and discard.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The peer sent more bytes than any response has, in pieces that are each small enough: interim responses
/// without end, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("response exceeded {limit} bytes without a complete answer")]
pub(crate) struct ReadLimitExceeded {
    /// The limit, in bytes.
    pub(crate) limit: u64,
}

/// Counts and limits the bytes read.
pub(crate) struct ReadLimited<S> {
    stream: S,
    limit: Arc<AtomicU64>,
    read: u64,
}

/// Raises the limit of a stream that is no longer at hand.
pub(crate) struct ReadAllowance(Arc<AtomicU64>);

impl ReadAllowance {
    /// Allows so many more bytes to be read.
    pub(crate) fn raise(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl<S> ReadLimited<S> {
    /// Allows `limit` bytes to be read.
    pub(crate) fn new(stream: S, limit: u64) -> Self {
        Self { stream, limit: Arc::new(AtomicU64::new(limit)), read: 0 }
    }

    /// What raises the limit.
    pub(crate) fn allowance(&self) -> ReadAllowance {
        ReadAllowance(Arc::clone(&self.limit))
    }

    /// The number of bytes read so far.
    pub(crate) const fn read(&self) -> u64 {
        self.read
    }

    /// Returns the stream, without the limit.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.read += (buf.filled().len() - before) as u64;
        let limit = self.limit.load(Ordering::Relaxed);
        if self.read > limit {
            return Poll::Ready(Err(io::Error::other(ReadLimitExceeded { limit })));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadLimited<S> {
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
