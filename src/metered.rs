//! A stream that ends in an error once its peer has sent more than any answer has. Parsers bound what they keep; this bounds
//! what they can be made to read and throw away.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More bytes than any answer has, in pieces that each are small enough: interim responses without end, for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer sends without end: over {limit} bytes, and no answer")]
pub(crate) struct Flood {
    /// The cap, in bytes.
    pub(crate) limit: u64,
}

/// Counts what is read.
pub(crate) struct Metered<S> {
    stream: S,
    limit: u64,
    left: u64,
}

impl<S> Metered<S> {
    /// Lets `limit` bytes be read.
    pub(crate) const fn new(stream: S, limit: u64) -> Self {
        Self { stream, limit, left: limit }
    }

    /// How many bytes have been read.
    pub(crate) const fn read(&self) -> u64 {
        self.limit - self.left
    }

    /// The stream, unmetered again.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        let limit = self.limit;
        self.left = self.left.checked_sub(read).ok_or_else(|| io::Error::other(Flood { limit }))?;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
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
