//! The bytes of one connection over any kind of socket. Inspects the first bytes and reports activity.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::activity::Activity;
use crate::web::listen::Stream;

/// The number of first bytes that distinguish HTTP from TLS.
const SNIFFED: usize = 5;

/// The time for a client that is still sending to read why the connection is closed.
const LINGER: Duration = Duration::from_secs(1);

/// The maximum bytes read during that time.
const LINGER_BYTES: usize = 256 * 1024;

/// A socket that reports received bytes. Closing waits briefly for a client that is still sending, because closing with
/// unread bytes would discard the last response (RFC 9112, section 9.6).
pub(super) struct MonitoredStream {
    stream: Box<dyn Stream>,
    activity: Arc<Activity>,
    /// Bytes read already, to be read again.
    first: Vec<u8>,
    /// Our half is closed; the other half is read until this time.
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl MonitoredStream {
    pub(super) fn new(stream: Box<dyn Stream>, activity: Arc<Activity>) -> Self {
        Self { stream, activity, first: Vec::new(), lingering: None }
    }

    /// Whether the connection starts with a plain HTTP method rather than a TLS record. The inspected bytes are read
    /// again afterwards.
    pub(super) async fn speaks_http(&mut self) -> io::Result<bool> {
        let mut first = Vec::with_capacity(SNIFFED);
        while first.len() < SNIFFED && first.first().is_none_or(u8::is_ascii_uppercase) {
            let mut byte = [0];
            if self.read(&mut byte).await? == 0 {
                break;
            }
            first.extend(byte);
        }
        // As in Go's server: the methods that clients are likely to send.
        let http = [b"GET /".as_slice(), b"HEAD ", b"POST ", b"PUT /", b"OPTIO"].contains(&first.as_slice());
        self.first = first;
        Ok(http)
    }
}

impl MonitoredStream {
    /// Reads until the client has closed its half, or its time is up.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (time, left) = self.lingering.get_or_insert_with(|| (Box::pin(sleep(LINGER)), LINGER_BYTES));
        let mut bytes = [0; 4096];
        while time.as_mut().poll(cx).is_pending() && *left > 0 {
            let mut buf = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf));
            if read.is_err() || buf.filled().is_empty() {
                break;
            }
            *left = left.saturating_sub(buf.filled().len());
        }
        Poll::Ready(())
    }
}

impl AsyncRead for MonitoredStream {
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

impl AsyncWrite for MonitoredStream {
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
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.activity.may_be_sending() {
                return Poll::Ready(Ok(()));
            }
        }
        self.poll_linger(cx).map(Ok)
    }
}
