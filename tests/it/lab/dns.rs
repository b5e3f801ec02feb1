//! A DNS server on loopback, UDP and TCP on one port. Answers are set per name and can change at any time; queries
//! are recorded.

mod response;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::task::JoinSet;

use super::port;
use response::bytes;

/// How a name is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With these addresses: A questions get the IPv4 ones, AAAA the IPv6 ones, NODATA where there are none.
    Addresses(Vec<IpAddr>),
    /// With a CNAME to this name and its addresses, as content networks do.
    Alias(&'static str, Vec<IpAddr>),
    /// Like an alias, with the addresses before the alias itself.
    Unordered(&'static str, Vec<IpAddr>),
    /// With the addresses of another name alone.
    Foreign(&'static str, Vec<IpAddr>),
    /// A questions with these addresses, AAAA questions not at all.
    OnlyA(Vec<IpAddr>),
    /// The name does not exist.
    Nxdomain,
    /// The name exists, without an address.
    NoData,
    /// RCODE 2.
    Servfail,
    /// RCODE 5.
    Refused,
    /// Not at all.
    Silence,
    /// Late.
    Delay(Duration, Box<Answer>),
    /// With the question's id, then bytes that are no message.
    Garbage,
    /// Over UDP with the TC bit alone, over TCP in full.
    Truncated(Vec<IpAddr>),
    /// With the TC bit alone, over TCP too.
    TruncatedBoth,
    /// With these addresses and another question's id.
    WrongId(Vec<IpAddr>),
    /// Over UDP with the TC bit alone, over TCP like this.
    OverTcp(Box<Answer>),
    /// Over a connection: by its end.
    HangUp,
    /// With a message that is never complete, over a connection; in a datagram the half of one.
    Half(Vec<IpAddr>),
}

impl Answer {
    /// One address.
    pub fn address(address: impl Into<IpAddr>) -> Self {
        Self::Addresses(vec![address.into()])
    }

    /// This answer, over TCP alone.
    pub fn over_tcp(self) -> Self {
        Self::OverTcp(Box::new(self))
    }

    /// This answer, late.
    pub fn after(self, delay: Duration) -> Self {
        Self::Delay(delay, Box::new(self))
    }
}

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// A received query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name, in lower case, without the dot at the end.
    pub name: String,
    /// A, AAAA, ….
    pub record_type: RecordType,
    /// UDP or TCP.
    pub transport: Transport,
}

struct Zone {
    answers: HashMap<String, Answer>,
    default: Answer,
    asked: Vec<Question>,
}

/// What happens to queries.
enum ListenerState {
    /// Answered by these tasks.
    Open(JoinSet<()>),
    /// UDP is answered, TCP refused. The socket reserves the port.
    TcpShut(JoinSet<()>, TcpSocket),
    /// Refused. The sockets reserve the port.
    Shut(UdpSocket, TcpSocket),
}

/// The server. It ends on drop.
pub struct Dns {
    addr: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    state: tokio::sync::Mutex<ListenerState>,
}

impl Dns {
    /// Starts on a free port. Names without an order get NXDOMAIN.
    pub async fn start() -> Self {
        Self::serve(bind_pair().await)
    }

    /// Starts at an address, in a network of the test's own.
    pub async fn start_at(addr: SocketAddr) -> Self {
        Self::serve((UdpSocket::bind(addr).await.unwrap(), listen(addr).unwrap()))
    }

    fn serve((udp, tcp): (UdpSocket, TcpListener)) -> Self {
        let zone = Zone { answers: HashMap::new(), default: Answer::Nxdomain, asked: Vec::new() };
        let zone = Arc::new(Mutex::new(zone));
        let addr = udp.local_addr().unwrap();
        let state = tokio::sync::Mutex::new(ListenerState::Open(serve(udp, tcp, &zone)));
        Self { addr, zone, state }
    }

    /// Where it listens, UDP and TCP.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Orders how a name is answered from now on.
    pub fn set(&self, name: &str, answer: Answer) {
        self.zone().answers.insert(name.to_ascii_lowercase(), answer);
    }

    /// Orders how names without an order of their own are answered.
    pub fn set_default(&self, answer: Answer) {
        self.zone().default = answer;
    }

    /// Forgets all orders and questions; every name is answered like this from now on.
    pub fn reset(&self, default: Answer) {
        *self.zone() = Zone { answers: HashMap::new(), default, asked: Vec::new() };
    }

    /// Every question so far, in order of arrival.
    pub fn asked(&self) -> Vec<Question> {
        self.zone().asked.clone()
    }

    /// The number of queries for a name, over both transports and all record types.
    pub fn count(&self, name: &str) -> usize {
        self.zone().asked.iter().filter(|question| question.name.eq_ignore_ascii_case(name)).count()
    }

    /// Closes the port: UDP queries get ICMP "port unreachable", TCP connections are refused.
    pub async fn stop(&self) {
        let mut state = self.state.lock().await;
        if let ListenerState::Open(tasks) | ListenerState::TcpShut(tasks, _) = &mut *state {
            tasks.shutdown().await;
            *state = ListenerState::Open(JoinSet::new()); // lets go of what it held
            *state = ListenerState::Shut(deaf(self.addr).await, port::again(async || bind(self.addr)).await);
        }
    }

    /// Refuses connections from now on, and answers datagrams as before: as behind a firewall that knows DNS by UDP alone.
    pub async fn refuse_tcp(&self) {
        self.stop().await;
        let mut state = self.state.lock().await;
        if let ListenerState::Shut(deaf, tcp) =
            std::mem::replace(&mut *state, ListenerState::Open(JoinSet::new()))
        {
            drop(deaf);
            let udp = port::again(async || UdpSocket::bind(self.addr).await).await;
            let mut tasks = JoinSet::new();
            tasks.spawn(serve_udp(Arc::new(udp), Arc::clone(&self.zone)));
            *state = ListenerState::TcpShut(tasks, tcp);
        }
    }

    /// Opens the same port again.
    pub async fn restart(&self) {
        self.stop().await;
        let mut state = self.state.lock().await;
        if let ListenerState::Shut(deaf, tcp) =
            std::mem::replace(&mut *state, ListenerState::Open(JoinSet::new()))
        {
            drop(deaf);
            let udp = port::again(async || UdpSocket::bind(self.addr).await).await;
            *state = ListenerState::Open(serve(udp, tcp.listen(BACKLOG).unwrap(), &self.zone));
        }
    }

    fn zone(&self) -> std::sync::MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port that is free for UDP may be taken for TCP: then another is tried.
async fn bind_pair() -> (UdpSocket, TcpListener) {
    for _ in 0..64 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if let Ok(tcp) = listen(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
    panic!("no port is free for both UDP and TCP");
}

const BACKLOG: u32 = 64;

fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    bind(addr)?.listen(BACKLOG)
}

fn bind(addr: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?; // connections of before may linger
    socket.bind(addr)?;
    Ok(socket)
}

/// A socket connected to itself receives nothing: datagrams of others get ICMP "port unreachable".
async fn deaf(addr: SocketAddr) -> UdpSocket {
    let socket = port::again(async || UdpSocket::bind(addr).await).await;
    socket.connect(addr).await.unwrap();
    socket
}

fn serve(udp: UdpSocket, tcp: TcpListener, zone: &Arc<Mutex<Zone>>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(serve_udp(Arc::new(udp), Arc::clone(zone)));
    tasks.spawn(serve_tcp(tcp, Arc::clone(zone)));
    tasks
}

async fn serve_udp(socket: Arc<UdpSocket>, zone: Arc<Mutex<Zone>>) {
    let mut answers = JoinSet::new(); // aborted with this task
    let mut buffer = [0; 4096];
    loop {
        // An ICMP error for an earlier response: the client had closed its socket.
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let (question, socket, zone) = (buffer[..length].to_vec(), Arc::clone(&socket), Arc::clone(&zone));
        answers.spawn(async move {
            if let Said::Whole(bytes) | Said::Half(bytes) = answer(&question, Transport::Udp, &zone).await {
                drop(socket.send_to(&bytes, from).await); // the client may have closed its socket
            }
        });
        while answers.try_join_next().is_some() {}
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Mutex<Zone>>) {
    let mut connections = JoinSet::new(); // aborted with this task
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        connections.spawn(serve_connection(stream, Arc::clone(&zone)));
        while connections.try_join_next().is_some() {}
    }
}

/// RFC 1035, section 4.2.2: each message after its length in two bytes.
async fn serve_connection(mut stream: TcpStream, zone: Arc<Mutex<Zone>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut question = vec![0; usize::from(length)];
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        let (length, bytes) = match answer(&question, Transport::Tcp, &zone).await {
            Said::Nothing => continue,
            Said::Goodbye => return,
            Said::Whole(bytes) => (bytes.len(), bytes),
            Said::Half(bytes) => (bytes.len() * 2, bytes),
        };
        let mut framed = u16::try_from(length).unwrap().to_be_bytes().to_vec();
        framed.extend(bytes);
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

/// What goes out.
enum Said {
    Nothing,
    Goodbye,
    Whole(Vec<u8>),
    Half(Vec<u8>),
}

/// Records the query, waits for the configured delay, and makes the response.
async fn answer(question: &[u8], transport: Transport, zone: &Mutex<Zone>) -> Said {
    let Ok(query) = Message::from_vec(question) else { return Said::Nothing };
    let Some(asked) = query.queries.first() else { return Said::Nothing };
    let name = asked.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
    let mut order = {
        let mut zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
        zone.asked.push(Question { name: name.clone(), record_type: asked.query_type(), transport });
        zone.answers.get(&name).unwrap_or(&zone.default).clone()
    };
    loop {
        order = match order {
            Answer::Delay(delay, then) => {
                tokio::time::sleep(delay).await;
                *then
            }
            Answer::OverTcp(_) if transport == Transport::Udp => Answer::TruncatedBoth,
            Answer::OverTcp(then) => *then,
            _ => break,
        };
    }
    match (&order, bytes(&query, &order, transport)) {
        (Answer::HangUp, _) => Said::Goodbye,
        (Answer::Half(_), Some(mut bytes)) => {
            bytes.truncate(bytes.len() / 2);
            Said::Half(bytes)
        }
        (_, Some(bytes)) => Said::Whole(bytes),
        (_, None) => Said::Nothing,
    }
}
