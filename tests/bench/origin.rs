//! The probed TLS origin on loopback: 64-byte responses, without delay at one port and with known delays at
//! another. Counts requests and records its actual delays.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::server::{Acceptor, NoServerSessionStorage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::LazyConfigAcceptor;

use crate::pki::Pki;

/// What is slept in the handshake, before the head, and within the body.
const DELAYS: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(100), Duration::from_millis(30)];

/// The actual delay of a response, and when it ended.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    /// In the handshake, before the head, and within the body.
    pub slept: [Duration; 3],
    /// The moment after the last byte.
    pub ended: Instant,
}

/// The origin; it runs until the program ends.
pub struct Origin {
    /// Where answers come at once.
    pub prompt: SocketAddr,
    /// Where they come late.
    pub late: SocketAddr,
    arrivals: Arc<Mutex<Vec<Instant>>>,
    truths: Arc<Mutex<HashMap<usize, Truth>>>,
}

impl Origin {
    /// Starts on two free ports of an address.
    pub fn start(pki: &Pki, address: Ipv4Addr) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(pki.chain.clone(), pki.key.clone_key())
            .unwrap();
        config.send_tls13_tickets = 0; // nothing is resumed
        config.session_storage = Arc::new(NoServerSessionStorage {});
        let config = Arc::new(config);
        let (arrivals, truths) = (Arc::default(), Arc::default());
        let (prompt, late) = (listen(address), listen(address));
        let origin = Self {
            prompt: prompt.local_addr().unwrap(),
            late: late.local_addr().unwrap(),
            arrivals: Arc::clone(&arrivals),
            truths: Arc::clone(&truths),
        };
        tokio::spawn(serve(prompt, Arc::clone(&config), Arc::clone(&arrivals), None));
        tokio::spawn(serve(late, config, arrivals, Some(truths)));
        origin
    }

    /// The prompt port by the origin's host name.
    pub fn named(&self) -> String {
        format!("{}:{}", crate::names::HOST, self.prompt.port())
    }

    /// When connections came in since the last call.
    pub fn take_arrivals(&self) -> Vec<Instant> {
        std::mem::take(&mut self.arrivals.lock().unwrap())
    }

    /// What is known of the last late answer by its path's number.
    pub fn truths(&self) -> HashMap<usize, Truth> {
        self.truths.lock().unwrap().clone()
    }
}

fn listen(address: Ipv4Addr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    socket.listen(4096).unwrap()
}

type Truths = Arc<Mutex<HashMap<usize, Truth>>>;

async fn serve(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
    truths: Option<Truths>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        arrivals.lock().unwrap().push(Instant::now());
        let (config, truths) = (Arc::clone(&config), truths.clone());
        tokio::spawn(async move {
            // A client that goes away is none of the origin's business.
            let _ = answer(stream, config, truths).await;
        });
    }
}

async fn answer(stream: TcpStream, config: Arc<ServerConfig>, truths: Option<Truths>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let late = truths.is_some();
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let mut slept = [sleep(DELAYS[0], late).await, Duration::ZERO, Duration::ZERO];
    let mut stream = start.into_stream(config).await?;
    let mut head = [0; 1024];
    let length = stream.read(&mut head).await?;
    slept[1] = sleep(DELAYS[1], late).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\nConnection: close\r\n\r\n").await?;
    if late {
        stream.flush().await?;
    }
    slept[2] = sleep(DELAYS[2], late).await;
    stream.write_all(&[b'.'; 64]).await?;
    stream.shutdown().await?;
    if let (Some(truths), Some(n)) = (truths, number(&head[..length])) {
        truths.lock().unwrap().insert(n, Truth { slept, ended: Instant::now() });
    }
    Ok(())
}

/// Sleeps if requested, and returns the actual duration.
async fn sleep(delay: Duration, wanted: bool) -> Duration {
    let start = Instant::now();
    if wanted {
        tokio::time::sleep(delay).await;
    }
    start.elapsed()
}

/// The number that the path of a request is.
fn number(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    head.split(' ').nth(1)?.trim_start_matches('/').parse().ok()
}
