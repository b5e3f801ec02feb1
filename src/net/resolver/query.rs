//! One question to one DNS server: over UDP, and over TCP if the response is truncated. The socket stays open between
//! attempts, so that a late response to the first attempt is received by the second.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::message::{self, Content, DnsResponse, Malformed, Question};
use super::server_report::ServerOutcome;
use crate::net::exhaustion::{self, Exhaustion};

/// The largest response over UDP that is read, in bytes. No server sends more than EDNS announces.
const MAX_UDP: usize = 4096;

/// How queries are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transport {
    /// Over TCP only (`options use-vc`).
    pub(super) tcp_only: bool,
    /// With EDNS.
    pub(super) edns: bool,
}

/// One question to one server.
pub(super) struct DnsQuery<'a> {
    server: SocketAddr,
    question: &'a Question,
    id: u16,
    transport: Transport,
    socket: Option<UdpSocket>,
    tcp: TcpProgress,
}

/// How far TCP got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TcpProgress {
    /// No connection was opened.
    None,
    /// A connection is being opened since then.
    Connecting(Instant),
    /// A connection was opened in this or an earlier attempt.
    Connected,
}

impl<'a> DnsQuery<'a> {
    pub(super) const fn new(
        server: SocketAddr,
        question: &'a Question,
        id: u16,
        transport: Transport,
    ) -> Self {
        Self { server, question, id, transport, socket: None, tcp: TcpProgress::None }
    }

    /// Sends the query and waits for its response until `until`.
    pub(super) async fn attempt(&mut self, until: Instant) -> Result<DnsResponse, ServerOutcome> {
        let start = Instant::now();
        loop {
            let Ok(answered) = timeout_at(until, self.ask()).await else {
                return Err(self.timed_out(start.elapsed()));
            };
            let response = answered?;
            match &response.content {
                // A server that doesn't know EDNS says so in one of these ways (RFC 6891, section 7).
                Content::Code(code) if self.transport.edns && is_edns_refusal(*code) => {
                    self.transport.edns = false;
                    self.socket = None;
                }
                _ => return Ok(response),
            }
        }
    }

    /// Repeats the query without EDNS in the next attempt: middleboxes drop what they don't know.
    pub(super) fn drop_edns(&mut self) {
        if self.transport.edns {
            self.transport.edns = false;
            self.socket = None;
        }
    }

    /// The outcome of an attempt that ran out of time. A connection is blamed only if it took most of the time: on a busy
    /// machine it may just have begun.
    fn timed_out(&self, after: Duration) -> ServerOutcome {
        let why = || "TCP connection timed out".to_owned();
        match self.tcp {
            TcpProgress::Connecting(since) if since.elapsed() > after / 2 => {
                if self.transport.tcp_only {
                    ServerOutcome::NoTcp(why())
                } else {
                    ServerOutcome::Truncated(why())
                }
            }
            _ => ServerOutcome::Silent(after),
        }
    }

    async fn ask(&mut self) -> Result<DnsResponse, ServerOutcome> {
        if self.transport.tcp_only {
            return self.over_tcp().await.map_err(|error| match error {
                TcpError::Connect(error) => connect_outcome(&error, self.server),
                TcpError::Stream(why) => ServerOutcome::NoTcp(why),
                TcpError::Malformed => ServerOutcome::Malformed,
            });
        }
        let response = self.over_udp().await?;
        if response.content != Content::Truncated {
            return Ok(response);
        }
        let response = self.over_tcp().await.map_err(|error| match error {
            TcpError::Connect(error) => match Exhaustion::from_io(&error) {
                Some(_) if self.server.is_ipv4() => ServerOutcome::Exhausted(exhaustion::describe(&error)),
                _ => ServerOutcome::Truncated(exhaustion::describe(&error)),
            },
            TcpError::Stream(why) => ServerOutcome::Truncated(why),
            TcpError::Malformed => ServerOutcome::Malformed,
        })?;
        if response.content == Content::Truncated {
            return Err(ServerOutcome::Truncated("truncated there as well".to_owned()));
        }
        Ok(response)
    }

    /// The socket is connected, so that the system reports ICMP errors and discards packets from others.
    #[expect(
        clippy::disallowed_methods,
        reason = "DNS queries have sockets of their own, one for each question"
    )]
    async fn over_udp(&mut self) -> Result<DnsResponse, ServerOutcome> {
        let query = self.query()?;
        if self.socket.is_none() {
            let any = match self.server {
                SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            };
            let socket = UdpSocket::bind(any).await.map_err(|error| udp_outcome(&error, true))?;
            socket.connect(self.server).await.map_err(|error| udp_outcome(&error, false))?;
            self.socket = Some(socket);
        }
        let Some(socket) = &self.socket else { return Err(ServerOutcome::Rejected) }; // unreachable: set above
        socket.send(&query).await.map_err(|error| udp_outcome(&error, false))?;
        let mut buffer = vec![0; MAX_UDP]; // not in the probe's future, which it would enlarge
        loop {
            // Waits for errors as well: an ICMP error alone doesn't make a socket readable.
            let receive = || match socket.take_error()? {
                Some(error) => Err(error),
                None => socket.try_recv(&mut buffer),
            };
            let received = socket.async_io(Interest::READABLE | Interest::ERROR, receive).await;
            let length = received.map_err(|error| udp_outcome(&error, false))?;
            match message::parse(&buffer[..length], self.question, self.id) {
                Some(Ok(response)) => return Ok(response),
                Some(Err(Malformed)) => return Err(ServerOutcome::Malformed),
                None => {} // for another query: forged, or late
            }
        }
    }

    /// RFC 7766: each message follows its length in two bytes.
    #[expect(clippy::disallowed_methods, reason = "DNS queries have connections of their own")]
    async fn over_tcp(&mut self) -> Result<DnsResponse, TcpError> {
        let query = self.query().map_err(|_| TcpError::Malformed)?;
        if self.tcp != TcpProgress::Connected {
            self.tcp = TcpProgress::Connecting(Instant::now());
        }
        let mut stream = TcpStream::connect(self.server).await.map_err(TcpError::Connect)?;
        self.tcp = TcpProgress::Connected;
        let length = u16::try_from(query.len()).map_err(|_| TcpError::Malformed)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend(query);
        stream.write_all(&framed).await.map_err(|error| stream_error(&error))?;
        loop {
            let length = stream.read_u16().await.map_err(|error| stream_error(&error))?;
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.map_err(|error| stream_error(&error))?;
            match message::parse(&bytes, self.question, self.id) {
                Some(Ok(response)) => return Ok(response),
                Some(Err(Malformed)) => return Err(TcpError::Malformed),
                None if !message::is_message(&bytes) => return Err(TcpError::Malformed),
                None => {}
            }
        }
    }

    fn query(&self) -> Result<Vec<u8>, ServerOutcome> {
        message::query(self.question, self.id, self.transport.edns)
            .map_err(|Malformed| ServerOutcome::Malformed)
    }
}

/// Why a query over TCP failed.
enum TcpError {
    Connect(io::Error),
    Stream(String),
    Malformed,
}

fn stream_error(error: &io::Error) -> TcpError {
    TcpError::Stream(match error.kind() {
        io::ErrorKind::UnexpectedEof => "connection closed without an answer".to_owned(),
        _ => exhaustion::describe(error),
    })
}

/// An error of a UDP socket. `binds` is whether it was being bound: only then does an address error mean that the
/// ports are exhausted. Windows reports a closed port as a connection reset.
fn udp_outcome(error: &io::Error, binds: bool) -> ServerOutcome {
    match Exhaustion::from_io(error) {
        Some(exhausted) if binds || exhausted != Exhaustion::Ports => {
            ServerOutcome::Exhausted(exhaustion::describe(error))
        }
        _ => match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => ServerOutcome::Rejected,
            _ => ServerOutcome::Unreachable(exhaustion::describe(error)),
        },
    }
}

/// An error of a TCP connection to a server.
fn connect_outcome(error: &io::Error, server: SocketAddr) -> ServerOutcome {
    match Exhaustion::from_io(error) {
        Some(_) if server.is_ipv4() => ServerOutcome::Exhausted(exhaustion::describe(error)),
        _ => ServerOutcome::NoTcp(exhaustion::describe(error)),
    }
}

const fn is_edns_refusal(code: hickory_proto::op::ResponseCode) -> bool {
    use hickory_proto::op::ResponseCode as Code;
    matches!(code, Code::FormErr | Code::NotImp | Code::BADVERS | Code::BADSIG)
}
