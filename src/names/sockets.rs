//! The sockets that DNS goes by, and what is noted of them: the resolver's own errors don't tell that a question was rejected,
//! why an answer that needs TCP can't be had, that this machine has no socket left, or that what came over TCP is no DNS message,
//! which it would wait past.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::io::{AsyncRead, AsyncWrite};
use hickory_resolver::net::runtime::{
    DnsTcpStream, DnsUdpSocket, RuntimeProvider, TokioRuntimeProvider, TokioTime,
};
use hickory_resolver::proto::op::Message;
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

use crate::shortage::{self, Shortage};

type TokioTcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

/// What happened on the way to the name servers during one lookup.
#[derive(Clone, Debug, Default)]
pub(super) struct Noted {
    /// A server that rejects questions: ICMP says so (RFC 1122, section 4.1.3.3).
    pub(super) rejected: Option<SocketAddr>,
    /// Why no connection was made: TCP is asked only for an answer that UDP truncates.
    pub(super) no_tcp: Option<String>,
    /// Whether something else than a DNS message came over TCP.
    pub(super) garbage: bool,
    /// What this machine ran out of, so that a question wasn't put.
    pub(super) shortage: Option<String>,
}

/// Makes the sockets of one lookup, and notes what becomes of them.
#[derive(Clone)]
pub(super) struct Sockets {
    tokio: TokioRuntimeProvider,
    noted: Arc<Mutex<Noted>>,
    /// The longest that a TCP connection may take, so that a lookup ends by saying that there is none.
    patience: Duration,
}

impl Sockets {
    pub(super) fn new(patience: Duration) -> Self {
        Self { tokio: TokioRuntimeProvider::default(), noted: Arc::default(), patience }
    }

    /// What was noted so far.
    pub(super) fn noted(&self) -> Noted {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(noted: &Mutex<Noted>, change: impl FnOnce(&mut Noted)) {
    change(&mut noted.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Notes what this machine has run out of. That an address can't be had means `ports` where the system was to choose one:
/// the library tries ports of its own first, and without IPv6 there is no address to reach an IPv6 server from.
fn short(noted: &Mutex<Noted>, error: io::Error, ports: bool) -> io::Error {
    if Shortage::of(&error).is_some_and(|shortage| ports || shortage != Shortage::Ports) {
        note(noted, |noted| noted.shortage = Some(shortage::words(&error)));
    }
    error
}

impl RuntimeProvider for Sockets {
    type Handle = <TokioRuntimeProvider as RuntimeProvider>::Handle;
    type Timer = TokioTime;
    type Udp = Questions;
    type Tcp = Messages;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        from: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Messages>>>> {
        let limit = limit.map_or(self.patience, |limit| limit.min(self.patience));
        let connecting = self.tokio.connect_tcp(server, from, Some(limit));
        let noted = Arc::clone(&self.noted);
        Box::pin(async move {
            match connecting.await {
                Ok(stream) => Ok(Messages { stream, frames: Frames::default(), noted }),
                Err(error) => {
                    note(&noted, |noted| noted.no_tcp = Some(format!("{server}: {error}")));
                    Err(short(&noted, error, server.is_ipv4()))
                }
            }
        })
    }

    /// Connected, although the library advises against it: only so does the system tell of ICMP's answers. Each socket is for
    /// one question to one server, and what others send was to be thrown away.
    fn bind_udp(
        &self,
        from: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Questions>>>> {
        let noted = Arc::clone(&self.noted);
        Box::pin(async move {
            let socket =
                UdpSocket::bind(from).await.map_err(|error| short(&noted, error, from.port() == 0))?;
            socket.connect(server).await.map_err(|error| short(&noted, error, false))?;
            Ok(Questions { socket, server, noted })
        })
    }
}

/// A UDP socket for one server.
pub(super) struct Questions {
    socket: UdpSocket,
    server: SocketAddr,
    noted: Arc<Mutex<Noted>>,
}

impl Questions {
    /// Windows says of a port that is closed that the connection was reset.
    fn watch<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.inspect_err(|error| {
            if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) {
                note(&self.noted, |noted| noted.rejected = Some(self.server));
            }
        })
    }
}

impl DnsUdpSocket for Questions {
    type Time = TokioTime;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buf = ReadBuf::new(buf);
        let received = ready!(self.socket.poll_recv(cx, &mut buf));
        Poll::Ready(self.watch(received.map(|()| (buf.filled().len(), self.server))))
    }

    /// An error alone makes the socket ready for nothing that `poll_recv` waits for.
    fn recv_from<'a, 'b, 'c>(
        &'a self,
        buf: &'b mut [u8],
    ) -> Pin<Box<dyn Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(async move {
            let receive = || match self.socket.take_error()? {
                Some(error) => Err(error),
                None => self.socket.try_recv(buf),
            };
            let received = self.socket.async_io(Interest::READABLE | Interest::ERROR, receive).await;
            self.watch(received.map(|length| (length, self.server)))
        })
    }

    /// `_to` is the one server: BSD systems refuse an address where the socket is connected.
    fn poll_send_to(&self, cx: &mut Context<'_>, buf: &[u8], _to: SocketAddr) -> Poll<io::Result<usize>> {
        let sent = ready!(self.socket.poll_send(cx, buf));
        Poll::Ready(self.watch(sent))
    }
}

/// A TCP connection that ends where something else than a DNS message comes: the library would pass over that, and wait.
pub(super) struct Messages {
    stream: TokioTcp,
    frames: Frames,
    noted: Arc<Mutex<Noted>>,
}

impl AsyncRead for Messages {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let read = ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        if !this.frames.take(&buf[..read]) {
            note(&this.noted, |noted| noted.garbage = true);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "no DNS message")));
        }
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for Messages {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(cx)
    }
}

impl DnsTcpStream for Messages {
    type Time = TokioTime;
}

/// What has come of the message that is under way: its length in two bytes, then the message (RFC 1035, section 4.2.2).
#[derive(Debug, Default)]
struct Frames(Vec<u8>);

impl Frames {
    /// Whether all messages that are complete with these bytes are DNS messages.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.0.extend_from_slice(bytes);
        while let Some((length, rest)) = self.0.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some(message) = rest.get(..length) else { break };
            if Message::from_vec(message).is_err() {
                return false;
            }
            self.0.drain(..2 + length);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Frames;

    /// An empty answer, framed.
    const MESSAGE: [u8; 14] = [0, 12, 0, 7, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];

    #[test]
    fn messages_are_told_from_what_is_none_however_they_are_cut() {
        let two = [MESSAGE, MESSAGE].concat();
        let garbage = [&MESSAGE[..], &[0, 3, 1, 2, 3]].concat();
        for size in 1..=two.len() {
            let mut frames = Frames::default();
            assert!(two.chunks(size).all(|bytes| frames.take(bytes)), "{size} bytes at once");
            assert!(frames.0.is_empty(), "{size} bytes at once");
            let mut frames = Frames::default();
            assert!(!garbage.chunks(size).all(|bytes| frames.take(bytes)), "{size} bytes at once");
        }
        assert!(!Frames::default().take(&[0, 0]), "an empty message is none");
    }
}
