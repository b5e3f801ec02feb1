//! Proxies on loopback: HTTP (CONNECT and absolute form), the same over TLS, and SOCKS 5, with orders that change while they
//! run. They resolve names themselves, by a table of their own, and write down what they were asked. SOCKS is spoken in
//! `proxy/socks.rs`.

pub mod socks;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::HandshakeKind;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::door::Door;
use super::http::{self, Request, Wire};
use super::reply::{End, Reply, Response, Step};

/// The type of the records that a TLS handshake begins with (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// What a proxy does with what it is asked.
#[derive(Clone, Debug)]
pub enum Order {
    /// Passes it on.
    Pass,
    /// Passes it on, after so long.
    Late(Duration),
    /// Passes it on for whoever says this as `Proxy-Authorization`, or as user and password; others get a 407.
    Demand(&'static str, &'static str),
    /// Says this instead.
    Reply(Reply),
    /// SOCKS: answers the request with this code (RFC 1928, section 6).
    Socks(u8),
    /// SOCKS: accepts none of the methods that are offered.
    NoMethod,
    /// SOCKS: plays these steps in place of its answer in this part.
    Say(Part, Vec<Step>),
}

/// The parts of a SOCKS conversation in which the proxy answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It chooses a method (RFC 1928, section 3).
    Method,
    /// It has been told user and password (RFC 1929): its choice, where an order is for this part.
    Login,
    /// It has been asked for a connection (RFC 1928, section 6).
    Request,
}

/// A proxy; gone on drop.
pub struct Proxy {
    door: Door,
    shared: Arc<Shared>,
}

struct Shared {
    names: BTreeMap<String, SocketAddr>,
    state: Mutex<State>,
}

struct State {
    order: Order,
    asked: Vec<String>,
    heads: Vec<String>,
    clients: Vec<IpAddr>,
    handshakes: Vec<HandshakeKind>,
}

/// How a proxy is spoken to.
#[derive(Clone)]
pub enum Kind {
    Http,
    /// With this certificate.
    Https(Arc<CertifiedKey>),
    Socks,
}

/// The same, ready for connections. TLS sessions may be resumed, as by most servers.
#[derive(Clone)]
enum Speaker {
    Http,
    Https(TlsAcceptor),
    Socks,
}

impl Speaker {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Http => Self::Http,
            Kind::Socks => Self::Socks,
            Kind::Https(identity) => {
                let provider = rustls::crypto::ring::default_provider();
                let config = rustls::ServerConfig::builder_with_provider(provider.into())
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_no_client_auth()
                    .with_cert_resolver(Arc::new(SingleCertAndKey::from((*identity).clone())));
                Self::Https(TlsAcceptor::from(Arc::new(config)))
            }
        }
    }
}

impl Proxy {
    /// A proxy that knows where `host:port` is, for each of `names`.
    pub fn start(kind: Kind, names: impl IntoIterator<Item = (String, SocketAddr)>) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), kind, names)
    }

    /// The same at another address of this machine.
    pub fn start_at(at: IpAddr, kind: Kind, names: impl IntoIterator<Item = (String, SocketAddr)>) -> Self {
        let state = State {
            order: Order::Pass,
            asked: Vec::new(),
            heads: Vec::new(),
            clients: Vec::new(),
            handshakes: Vec::new(),
        };
        let shared = Arc::new(Shared { names: names.into_iter().collect(), state: Mutex::new(state) });
        let serving = Arc::clone(&shared);
        let speaker = Speaker::of(kind);
        let door =
            Door::open((at, 0).into(), move |stream| serve(stream, speaker.clone(), Arc::clone(&serving)));
        Self { door, shared }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.door.addr()
    }

    /// Ends all connections and refuses new ones.
    pub async fn shut(&self) {
        self.door.shut().await;
    }

    /// Opens the same port again.
    pub async fn reopen(&self) {
        self.door.reopen().await;
    }

    /// What it does from now on.
    pub fn order(&self, order: Order) {
        self.shared.state().order = order;
    }

    /// The `host:port` of everything that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.shared.state().asked.clone()
    }

    /// The heads of all requests.
    pub fn heads(&self) -> Vec<String> {
        self.shared.state().heads.clone()
    }

    /// Where connections came from, in their order.
    pub fn clients(&self) -> Vec<IpAddr> {
        self.shared.state().clients.clone()
    }

    /// How the TLS handshakes that ended well were made.
    pub fn handshakes(&self) -> Vec<HandshakeKind> {
        self.shared.state().handshakes.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is asked, and says what to do.
    fn asked(&self, to: String, head: String) -> Order {
        let mut state = self.state();
        state.asked.push(to);
        state.heads.push(head);
        state.order.clone()
    }
}

async fn serve(stream: TcpStream, speaker: Speaker, shared: Arc<Shared>) {
    stream.set_nodelay(true).unwrap();
    let Ok(client) = stream.peer_addr() else { return }; // it has gone
    shared.state().clients.push(client.ip());
    match speaker {
        Speaker::Http if speaks_tls(&stream).await => {
            let mut stream = stream;
            drop(http::answer(&mut stream, &Response::new(400).into(), "").await); // the peer may go at any time
            http::end(stream, End::Close).await;
        }
        Speaker::Http => http_proxy(stream, &shared).await,
        Speaker::Https(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                shared.state().handshakes.extend(stream.get_ref().1.handshake_kind());
                http_proxy(stream, &shared).await;
            }
        }
        Speaker::Socks => drop(socks::serve(stream, &shared).await), // 〃
    }
}

/// Whether the client takes this for a proxy over TLS.
async fn speaks_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0] == HANDSHAKE
}

async fn http_proxy(mut wire: impl Wire, shared: &Shared) {
    let Some(request) = http::read(&mut wire, None).await else { return };
    let connect = request.method == "CONNECT";
    let to = if connect { request.path.clone() } else { target(&request.path).0 };
    let reply = match shared.asked(to.clone(), request.head.clone()) {
        Order::Pass => None,
        Order::Late(delay) => {
            tokio::time::sleep(delay).await;
            None
        }
        Order::Demand(user, password)
            if request.header("proxy-authorization") == Some(&basic(user, password)) =>
        {
            None
        }
        Order::Demand(..) => Some(demand()),
        Order::Reply(reply) => Some(reply),
        Order::Socks(_) | Order::NoMethod | Order::Say(..) => unreachable!("an order for SOCKS"),
    };
    match reply {
        Some(reply) => match http::answer(&mut wire, &reply, &request.method).await {
            Ok(ControlFlow::Break(how)) => http::end(wire, how).await,
            _ => http::until_gone(&mut wire).await,
        },
        None => drop(pass(wire, shared, &request, &to, connect).await),
    }
}

/// What every proxy that demands offers.
pub fn demand() -> Reply {
    let offered = ["Negotiate", "NTLM", "Basic realm=\"lab\""];
    offered.iter().fold(Response::new(407), |reply, scheme| reply.header("Proxy-Authenticate", scheme)).into()
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// `host:port` and path of an absolute `http` URL.
fn target(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (if has_port(host) { host.to_owned() } else { format!("{host}:80") }, path.to_owned())
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) // an IPv6 address is in brackets
}

async fn pass(
    mut wire: impl Wire,
    shared: &Shared,
    request: &Request,
    to: &str,
    connect: bool,
) -> std::io::Result<()> {
    let Some(address) = shared.names.get(to) else {
        let _ = http::answer(&mut wire, &Response::new(502).into(), &request.method).await?; // it goes on
        http::until_gone(&mut wire).await;
        return Ok(());
    };
    let mut origin = TcpStream::connect(address).await?;
    if connect {
        wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    } else {
        let (_, path) = target(&request.path);
        let line = format!("{} {path} HTTP/1.1\r\n", request.method);
        let headers =
            request.head.lines().skip(1).filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
        let head = headers.fold(String::new(), |head, line| head + line + "\r\n");
        origin.write_all(&[(line + &head).as_bytes(), &request.body].concat()).await?;
    }
    wire.flush().await?;
    copy_bidirectional(&mut wire, &mut origin).await.map(drop)
}
