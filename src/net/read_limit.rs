//! A stream that fails once its peer has sent more than a byte limit. Parsers bound what they store; this
//! bounds what they read and discard.

use std::io;
use std::pin::Pin;
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
    limit: u64,
    left: u64,
}

impl<S> ReadLimited<S> {
    /// Allows `limit` bytes to be read.
    pub(crate) const fn new(stream: S, limit: u64) -> Self {
        Self { stream, limit, left: limit }
    }

    /// The number of bytes read so far.
    pub(crate) const fn read(&self) -> u64 {
        self.limit - self.left
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
        let read = (buf.filled().len() - before) as u64;
        let limit = self.limit;
        self.left =
            self.left.checked_sub(read).ok_or_else(|| io::Error::other(ReadLimitExceeded { limit }))?;
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
