//! Proxies on loopback: HTTP (CONNECT and absolute form), HTTP over TLS, and SOCKS 5. Their behaviour can change at
//! any time. They resolve names with their own table and record requests. `proxy/socks.rs` implements SOCKS.

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

use super::http::{self, Request, Wire};
use super::listener::SwitchableListener;
use super::reply::{End, Reply, Response, Step};

/// The type of the records that a TLS handshake begins with (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// The response to CONNECT.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// The behaviour of a proxy.
#[derive(Clone, Debug)]
pub enum Order {
    /// Passes it on.
    Pass,
    /// Passes it on, after so long.
    Late(Duration),
    /// Forwards requests with this `Proxy-Authorization`, or this user and password; others get a 407.
    Demand(&'static str, &'static str),
    /// Says this instead.
    Reply(Reply),
    /// Passes CONNECT on with this head in place of the usual one, and other requests as ever.
    Establish(&'static [u8]),
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
    /// It has received user and password (RFC 1929).
    Login,
    /// It has received a connect request (RFC 1928, section 6).
    Request,
}

/// A proxy; gone on drop.
pub struct Proxy {
    listener: SwitchableListener,
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
        let listener = SwitchableListener::open((at, 0).into(), move |stream| {
            serve(stream, speaker.clone(), Arc::clone(&serving))
        });
        Self { listener, shared }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Ends all connections and refuses new ones.
    pub async fn shut(&self) {
        self.listener.shut().await;
    }

    /// Opens the same port again.
    pub async fn reopen(&self) {
        self.listener.reopen().await;
    }

    /// What it does from now on.
    pub fn order(&self, order: Order) {
        self.shared.state().order = order;
    }

    /// The requested `host:port` values.
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

    /// Records a request, and returns the behaviour for it.
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
        Order::Establish(head) => {
            drop(pass(wire, shared, &request, Asked { to: &to, established: connect.then_some(head) }).await);
            return;
        }
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
    let asked = Asked { to: &to, established: connect.then_some(ESTABLISHED) };
    match reply {
        Some(reply) => match http::answer(&mut wire, &reply, &request.method).await {
            Ok(ControlFlow::Break(how)) => http::end(wire, how).await,
            _ => http::until_gone(&mut wire).await,
        },
        None => drop(pass(wire, shared, &request, asked).await),
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

/// What is asked for: where it leads, and how CONNECT is answered.
struct Asked<'a> {
    to: &'a str,
    established: Option<&'a [u8]>,
}

async fn pass(
    mut wire: impl Wire,
    shared: &Shared,
    request: &Request,
    asked: Asked<'_>,
) -> std::io::Result<()> {
    let Some(address) = shared.names.get(asked.to) else {
        let _ = http::answer(&mut wire, &Response::new(502).into(), &request.method).await?; // it goes on
        http::until_gone(&mut wire).await;
        return Ok(());
    };
    let mut origin = TcpStream::connect(address).await?;
    if let Some(head) = asked.established {
        wire.write_all(head).await?;
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
