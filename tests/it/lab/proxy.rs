//! Proxies on loopback: HTTP (CONNECT and absolute form), the same over TLS, and SOCKS 5, with orders that change while they
//! run. They resolve names themselves, by a table of their own, and write down what they were asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::door::Door;
use super::http::{self, Request, Wire};
use super::reply::{Reply, Response};

/// What a proxy does with what it is asked.
#[derive(Clone, Debug)]
pub enum Order {
    /// Passes it on.
    Pass,
    /// Passes it on for whoever says this as `Proxy-Authorization`, or as user and password; others get a 407.
    Demand(&'static str, &'static str),
    /// Says this instead.
    Reply(Reply),
    /// SOCKS: answers the request with this code (RFC 1928, section 6).
    Socks(u8),
    /// SOCKS: accepts none of the methods that are offered.
    NoMethod,
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
}

/// How a proxy is spoken to.
#[derive(Clone)]
pub enum Kind {
    Http,
    /// With this certificate.
    Https(Arc<CertifiedKey>),
    Socks,
}

impl Proxy {
    /// A proxy that knows where `host:port` is, for each of `names`.
    pub fn start(kind: Kind, names: impl IntoIterator<Item = (String, SocketAddr)>) -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), kind, names)
    }

    /// The same at another address of this machine.
    pub fn start_at(at: IpAddr, kind: Kind, names: impl IntoIterator<Item = (String, SocketAddr)>) -> Self {
        let state = State { order: Order::Pass, asked: Vec::new(), heads: Vec::new() };
        let shared = Arc::new(Shared { names: names.into_iter().collect(), state: Mutex::new(state) });
        let serving = Arc::clone(&shared);
        let door =
            Door::open((at, 0).into(), move |stream| serve(stream, kind.clone(), Arc::clone(&serving)));
        Self { door, shared }
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.door.addr()
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

async fn serve(stream: TcpStream, kind: Kind, shared: Arc<Shared>) {
    stream.set_nodelay(true).unwrap();
    match kind {
        Kind::Http => http_proxy(stream, &shared).await,
        Kind::Https(identity) => {
            let config =
                rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_no_client_auth()
                    .with_cert_resolver(Arc::new(SingleCertAndKey::from((*identity).clone())));
            if let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
                http_proxy(stream, &shared).await;
            }
        }
        Kind::Socks => drop(socks(stream, &shared).await), // the peer may go at any time
    }
}

async fn http_proxy(mut wire: impl Wire, shared: &Shared) {
    let Some(request) = http::read(&mut wire, None).await else { return };
    let connect = request.method == "CONNECT";
    let to = if connect { request.path.clone() } else { target(&request.path).0 };
    let reply = match shared.asked(to.clone(), request.head.clone()) {
        Order::Pass => None,
        Order::Demand(user, password)
            if request.header("proxy-authorization") == Some(&basic(user, password)) =>
        {
            None
        }
        Order::Demand(..) => Some(demand()),
        Order::Reply(reply) => Some(reply),
        Order::Socks(_) | Order::NoMethod => unreachable!("an order for SOCKS"),
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
    (if host.contains(':') { host.to_owned() } else { format!("{host}:80") }, path.to_owned())
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

/// RFC 1928 and RFC 1929.
async fn socks(mut wire: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut greeting = [0; 2];
    wire.read_exact(&mut greeting).await?;
    let mut methods = vec![0; greeting[1].into()];
    wire.read_exact(&mut methods).await?;
    let order = shared.state().order.clone();
    match order {
        Order::NoMethod => return wire.write_all(&[5, 0xff]).await,
        Order::Reply(reply) => {
            return match http::answer(&mut wire, &reply, "GET").await? {
                ControlFlow::Break(how) => {
                    http::end(wire, how).await;
                    Ok(())
                }
                ControlFlow::Continue(()) => Ok(()),
            };
        }
        Order::Demand(user, password) => {
            wire.write_all(&[5, 2]).await?;
            let said = (read_text(&mut wire, true).await?, read_text(&mut wire, false).await?);
            let right = said == (user.to_owned(), password.to_owned());
            wire.write_all(&[1, u8::from(!right)]).await?;
            if !right {
                return Ok(());
            }
        }
        Order::Pass | Order::Socks(_) => wire.write_all(&[5, 0]).await?,
    }
    let mut request = [0; 4];
    wire.read_exact(&mut request).await?;
    assert_eq!(request[3], 3, "the name is the proxy's to resolve");
    let host = read_text(&mut wire, false).await?;
    let to = format!("{host}:{}", wire.read_u16().await?);
    let code = match (shared.asked(to.clone(), String::new()), shared.names.get(&to)) {
        (Order::Socks(code), _) => code,
        (_, None) => 4,
        (_, Some(address)) => {
            let mut origin = TcpStream::connect(address).await?;
            wire.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
            return copy_bidirectional(&mut wire, &mut origin).await.map(drop);
        }
    };
    wire.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    http::until_gone(&mut wire).await;
    Ok(())
}

/// A text behind its length, and behind a version where there is one.
async fn read_text(wire: &mut TcpStream, version: bool) -> std::io::Result<String> {
    if version {
        wire.read_u8().await?;
    }
    let mut text = vec![0; wire.read_u8().await?.into()];
    wire.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
