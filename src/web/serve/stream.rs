//! The bytes of one connection: whichever kind of socket, with its first bytes looked at and its activity noted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::activity::Activity;

/// A socket of any kind.
pub(in crate::web) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// As many of the first bytes as tell HTTP from TLS.
const SNIFFED: usize = 5;

/// A socket that tells when bytes come.
pub(super) struct Watched {
    stream: Box<dyn Stream>,
    activity: Arc<Activity>,
    /// Read already, and to be read again.
    first: Vec<u8>,
}

impl Watched {
    pub(super) fn new(stream: Box<dyn Stream>, activity: Arc<Activity>) -> Self {
        Self { stream, activity, first: Vec::new() }
    }

    /// Whether what comes first is a request in the clear: a method, where TLS would begin with its number of a handshake.
    /// What was looked at is read again afterwards.
    pub(super) async fn speaks_http(&mut self) -> io::Result<bool> {
        let mut first = Vec::with_capacity(SNIFFED);
        while first.len() < SNIFFED && first.iter().all(u8::is_ascii_uppercase) {
            let mut byte = [0];
            if self.read(&mut byte).await? == 0 {
                break;
            }
            first.extend(byte);
        }
        // As Go tells it: the methods that a client is likely to begin with.
        let http = [b"GET /".as_slice(), b"HEAD ", b"POST ", b"PUT /", b"OPTIO"].contains(&first.as_slice());
        self.first = first;
        Ok(http)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first[..length]);
            self.first.drain(..length);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
