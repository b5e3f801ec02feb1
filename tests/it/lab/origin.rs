//! An origin server on loopback, plain or TLS, with any number of virtual hosts. Faults can change at any time;
//! connections and requests are recorded.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;

use super::faults::{Accept, Fault, Handshake, MOMENT};
use super::http::{self, Request};
use super::listener::SwitchableListener;
use super::pki::{Authority, Flaw, Pki};
use super::reply::{End, Reply, Response};
use super::tls;

/// The default host: its settings apply to hosts without their own.
pub const ALL_HOSTS: &str = "*";

/// What is wrong with a host at the moment.
#[derive(Default)]
struct Faults {
    handshake: Option<Handshake>,
    certificate: Option<(Authority, Flaw)>,
    reply: Option<Reply>,
}

struct Settings {
    accept: Accept,
    faults: HashMap<String, Faults>,
    authorities: HashMap<String, Authority>,
    /// Per host, path prefixes in the order of their setting.
    routes: HashMap<String, Vec<(String, Reply)>>,
    identities: HashMap<(String, Authority, Flaw), Arc<CertifiedKey>>,
    /// What is presented for a host whatever its authority and faults.
    presented: HashMap<String, Arc<CertifiedKey>>,
    /// OCSP answers, in DER.
    staples: HashMap<String, Vec<u8>>,
    connections: usize,
    requests: Vec<Request>,
}

/// What the tasks of an origin share.
pub(super) struct Shared {
    pki: Option<Arc<Pki>>,
    settings: Mutex<Settings>,
}

/// The server. It ends on drop.
pub struct Origin {
    shared: Arc<Shared>,
    listener: SwitchableListener,
}

impl Origin {
    /// Starts a TLS server with leaves of this PKI (Microsoft 2011 by default).
    pub fn start_tls(at: impl Into<std::net::IpAddr>, pki: Arc<Pki>) -> Self {
        Self::start(SocketAddr::new(at.into(), 0), Some(pki))
    }

    /// Starts a server that speaks plain HTTP.
    pub fn start_plain(at: impl Into<std::net::IpAddr>) -> Self {
        Self::start(SocketAddr::new(at.into(), 0), None)
    }

    fn start(at: SocketAddr, pki: Option<Arc<Pki>>) -> Self {
        let settings = Settings {
            accept: Accept::Normal,
            faults: HashMap::new(),
            authorities: HashMap::new(),
            routes: HashMap::new(),
            identities: HashMap::new(),
            presented: HashMap::new(),
            staples: HashMap::new(),
            connections: 0,
            requests: Vec::new(),
        };
        let shared = Arc::new(Shared { pki, settings: Mutex::new(settings) });
        let serving = Arc::clone(&shared);
        let listener = SwitchableListener::open(at, move |stream| serve(stream, Arc::clone(&serving)));
        Self { shared, listener }
    }

    /// Where it listens, or listened before it was stopped.
    pub const fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Orders the reply to requests for a host whose path starts with `prefix`; the longest prefix wins.
    pub fn set(&self, host: &str, prefix: &str, reply: impl Into<Reply>) {
        let mut settings = self.shared.settings();
        let routes = settings.routes.entry(host.to_owned()).or_default();
        routes.retain(|(known, _)| known != prefix);
        routes.push((prefix.to_owned(), reply.into()));
    }

    /// Orders which authority issues a host's sound certificate.
    pub fn set_authority(&self, host: &str, authority: Authority) {
        self.shared.settings().authorities.insert(host.to_owned(), authority);
    }

    /// Sets the chain and the key of a host. Takes precedence over other settings.
    pub fn present(&self, host: &str, identity: Arc<CertifiedKey>) {
        self.shared.settings().presented.insert(host.to_owned(), identity);
    }

    /// Orders the OCSP answer that goes with a host's certificate (RFC 6066, section 8), of any bytes.
    pub fn set_staple(&self, host: &str, answer: Vec<u8>) {
        self.shared.settings().staples.insert(host.to_owned(), answer);
    }

    /// Orders what happens to new connections before a byte is read, for all hosts: they aren't known yet.
    pub fn set_accept(&self, accept: Accept) {
        self.shared.settings().accept = accept;
    }

    /// Orders a fault for a host; faults of different kinds add up, of the same kind the last one counts.
    pub fn break_host(&self, host: &str, fault: impl Into<Fault>) {
        let mut settings = self.shared.settings();
        let faults = settings.faults.entry(host.to_owned()).or_default();
        match fault.into() {
            Fault::Handshake(handshake) => faults.handshake = Some(handshake),
            Fault::Certificate(authority, flaw) => faults.certificate = Some((authority, flaw)),
            Fault::Reply(reply) => faults.reply = Some(reply),
        }
    }

    /// Takes back the faults of one host.
    pub fn heal_host(&self, host: &str) {
        self.shared.settings().faults.remove(host);
    }

    /// Takes back the faults of all hosts and the order for new connections. What was [`Self::set`] stays.
    pub fn heal(&self) {
        let mut settings = self.shared.settings();
        settings.faults.clear();
        settings.accept = Accept::Normal;
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.settings().connections
    }

    /// The requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.settings().requests.clone()
    }

    /// Ends all connections and refuses new ones.
    pub async fn stop(&self) {
        self.listener.shut().await;
    }

    /// Ends all connections and lets new ones hang in their TCP handshake (Linux: the backlog is full).
    pub async fn jam(&self) {
        self.listener.jam().await;
    }

    /// Opens the same port again, whether stopped or jammed. A connection that hung is made when its SYN is next
    /// repeated, on Linux a second after its first.
    pub async fn restart(&self) {
        self.listener.reopen().await;
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    stream.set_nodelay(true).unwrap();
    let order = {
        let mut settings = shared.settings();
        settings.connections += 1;
        settings.accept
    };
    match order {
        Accept::Reset => {
            tokio::time::sleep(MOMENT).await;
            http::end(stream, End::Reset).await;
        }
        Accept::Close => http::end(stream, End::Close).await,
        Accept::Silent => http::until_gone(&mut stream).await,
        Accept::Normal if shared.pki.is_none() => {
            http::serve(stream, None, |request| shared.reply(&request)).await;
        }
        Accept::Normal => {
            if let Some((stream, sni)) = tls::shake_hands(stream, &shared).await {
                http::serve(stream, sni.as_deref(), |request| shared.reply(&request)).await;
            }
        }
    }
}

impl Shared {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do after the ClientHello that names `host`.
    pub(super) fn handshake(&self, host: &str) -> Handshake {
        self.settings().fault(host, |faults| faults.handshake.clone()).unwrap_or(Handshake::Normal)
    }

    /// What to present for `host`: chain, key, and the OCSP answer stapled to it.
    pub(super) fn identity(&self, host: &str) -> Arc<CertifiedKey> {
        let mut settings = self.settings();
        let presented = settings.presented.get(host).cloned();
        let identity = presented.unwrap_or_else(|| self.made(&mut settings, host));
        match settings.staples.get(host) {
            None => identity,
            Some(answer) => Arc::new(CertifiedKey { ocsp: Some(answer.clone()), ..(*identity).clone() }),
        }
    }

    /// The chain and key of `host`; made on first use.
    fn made(&self, settings: &mut Settings, host: &str) -> Arc<CertifiedKey> {
        let pki = self.pki.as_ref().unwrap(); // only TLS origins present anything
        let sound = settings.authorities.get(host).or_else(|| settings.authorities.get(ALL_HOSTS));
        let sound = (sound.copied().unwrap_or(Authority::Microsoft2011), Flaw::None);
        let (authority, flaw) = settings.fault(host, |faults| faults.certificate).unwrap_or(sound);
        let key = (host.to_owned(), authority, flaw);
        let identity = settings.identities.entry(key);
        Arc::clone(identity.or_insert_with(|| pki.identity(host, authority, flaw)))
    }

    fn reply(&self, request: &Request) -> Reply {
        let reply = {
            let mut settings = self.settings();
            let fault = settings.fault(&request.host, |faults| faults.reply.clone());
            let reply = fault.or_else(|| settings.route(&request.host, &request.path));
            settings.requests.push(request.clone());
            reply
        };
        let nothing = || Response::new(404).body("The lab has no such page.\n").into();
        reply.unwrap_or_else(nothing).to(request)
    }
}

impl Settings {
    fn fault<T>(&self, host: &str, part: impl Fn(&Faults) -> Option<T>) -> Option<T> {
        [host, ALL_HOSTS].iter().filter_map(|host| self.faults.get(*host)).find_map(part)
    }

    fn route(&self, host: &str, path: &str) -> Option<Reply> {
        let routes = [host, ALL_HOSTS].into_iter().filter_map(|host| self.routes.get(host));
        let longest = |routes: &Vec<(String, Reply)>| {
            let fitting = routes.iter().filter(|(prefix, _)| path.starts_with(prefix));
            fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, reply)| reply.clone())
        };
        routes.into_iter().find_map(longest)
    }
}
