//! The floor: the minimum work of any prober (TCP, TLS with full verification, GET, reading the response), with the
//! exporter's crypto library and runtime. Runs in a tight loop, with a lookup of the name if wanted, or on an even schedule.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::names;
use crate::process::own_cpu;

/// TLS, first byte, body.
type Phases = [Duration; 3];

/// `tight|named ROOT ADDRESS COUNT CONCURRENCY` or `spread ROOT ADDRESS TARGETS INTERVAL SECONDS LATE`.
pub async fn main(words: &[String]) {
    let connector = connector(&words[1]);
    let address = words[2].parse().unwrap();
    let number = |n: usize| words[n].parse::<usize>().unwrap();
    if words[0] != "spread" {
        return tight(connector, address, number(3), number(4), words[0] == "named").await;
    }
    let spread = Spread {
        targets: number(3),
        interval: Duration::from_secs(number(4) as u64),
        watched: Duration::from_secs(number(5) as u64),
        late: words[6].parse().unwrap(),
    };
    spread.run(connector, address).await;
}

fn connector(root: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// One probe.
async fn probe(connector: &TlsConnector, address: SocketAddr, path: usize) -> std::io::Result<Phases> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let start = Instant::now();
    let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
    let mut stream = connector.connect(name, stream).await?;
    let unverified = Instant::now();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 1024];
    let mut length = stream.read(&mut answer).await?;
    let first = Instant::now();
    while length > 0 {
        length = stream.read(&mut answer).await?;
    }
    Ok([unverified - start, first - unverified, first.elapsed()])
}

async fn tight(connector: TlsConnector, address: SocketAddr, count: usize, concurrency: usize, named: bool) {
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, start) = (own_cpu(), Instant::now());
    let workers = (0..concurrency).map(|_| {
        let (connector, next) = (connector.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let ip = if named { names::lookup().await.unwrap() } else { address.ip() };
                probe(&connector, (ip, address.port()).into(), 0).await.unwrap();
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let (cpu, wall) = (own_cpu() - cpu, start.elapsed().as_secs_f64());
    println!("{}", serde_json::json!({ "cpu": cpu, "wall": wall, "count": count }));
}

/// So many targets, one after another, evenly over an interval.
struct Spread {
    targets: usize,
    interval: Duration,
    watched: Duration,
    /// Where each twentieth is.
    late: SocketAddr,
}

impl Spread {
    async fn run(&self, connector: TlsConnector, prompt: SocketAddr) {
        let phases = Arc::new(Mutex::new(HashMap::<usize, Phases>::new()));
        let (cpu, start) = (own_cpu(), tokio::time::Instant::now());
        let mut count = 0_usize;
        loop {
            let due = start + self.interval.mul_f64(count as f64 / self.targets as f64);
            if due > start + self.watched {
                break;
            }
            tokio::time::sleep_until(due).await;
            let (path, connector, phases) = (count % self.targets, connector.clone(), Arc::clone(&phases));
            let late = path.is_multiple_of(crate::exporter::LATE_EVERY);
            let address = if late { self.late } else { prompt };
            tokio::spawn(async move {
                let took = probe(&connector, address, path).await.unwrap();
                if late {
                    phases.lock().unwrap().insert(path, took);
                }
            });
            count += 1;
        }
        tokio::time::sleep(Duration::from_secs(1)).await; // the last ones end
        let cpu = own_cpu() - cpu;
        let phases: Vec<_> = phases
            .lock()
            .unwrap()
            .iter()
            .map(|(path, took)| (*path, took.map(|took| took.as_secs_f64())))
            .collect();
        println!("{}", serde_json::json!({ "cpu": cpu, "count": count, "phases": phases }));
    }
}
