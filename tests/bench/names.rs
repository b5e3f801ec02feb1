//! What names cost: a probe of a host name beside the floor and the peer, and a lookup beside getaddrinfo(3). The measurement
//! runs in a network of its own, since getaddrinfo asks the server of /etc/resolv.conf, at port 53, and no other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use defender_exporter::config::ResolverConfig;
use defender_exporter::net::resolver::Resolver;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::net::UdpSocket;

use crate::lab::dns::{Answer, Dns};
use crate::process::own_cpu;

/// The host name of the origin. It has an IPv4 address alone.
pub const HOST: &str = "origin.bench.example";

/// That address (RFC 5737), which the network has on loopback: a loopback address would be taken for a filter's sinkhole.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

/// The only name server: the first of the loopback network's.
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// The argument of the run inside the network.
pub const INSIDE: &str = "names";

/// Measures in a network and with a resolv.conf of its own. Prints the rows; says so if the machine allows none.
pub fn run(arguments: &[String]) {
    let folder = tempfile::TempDir::new().unwrap();
    let resolv_conf = folder.path().join("resolv.conf");
    std::fs::write(&resolv_conf, format!("nameserver {}\n", SERVER.ip())).unwrap();
    let script = "ip link set lo up && ip address add 192.0.2.10/32 dev lo && mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "--net", "--mount", "--", "sh", "-c", script]).arg(resolv_conf);
    inside.arg(std::env::current_exe().unwrap()).arg(INSIDE).args(arguments);
    if !inside.status().is_ok_and(|status| status.success()) {
        println!("skipped: names need unshare(1), ip(8), and the right to make a network namespace");
    }
}

/// Starts the name server.
pub async fn serve() -> Dns {
    let dns = Dns::start_at(SERVER).await;
    dns.set(HOST, Answer::Addresses(vec![IpAddr::V4(ADDRESS)]));
    dns
}

/// `library|getaddrinfo|bare COUNT CONCURRENCY`: lookups of the name, in a loop.
pub async fn main(words: &[String]) {
    let (count, concurrency) = (words[1].parse::<usize>().unwrap(), words[2].parse::<usize>().unwrap());
    let how = words[0].clone();
    let resolver = Arc::new(Resolver::new(&ResolverConfig::default(), &std::collections::BTreeMap::new()));
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, start) = (own_cpu(), Instant::now());
    let workers = (0..concurrency).map(|_| {
        let (how, resolver, next) = (how.clone(), Arc::clone(&resolver), Arc::clone(&next));
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < count {
                let found = match how.as_str() {
                    "library" => resolver.addresses(HOST, Duration::from_secs(5)).await.unwrap()[0],
                    "getaddrinfo" => tokio::net::lookup_host((HOST, 0)).await.unwrap().next().unwrap().ip(),
                    _ => lookup().await.unwrap(),
                };
                assert_eq!(found, ADDRESS);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.unwrap();
    }
    let (cpu, wall) = (own_cpu() - cpu, start.elapsed().as_secs_f64());
    println!("{}", serde_json::json!({ "cpu": cpu, "wall": wall, "count": count }));
}

/// The floor of a lookup: both questions from one new socket, both answers awaited, the first address taken; once more if a
/// packet is lost.
pub async fn lookup() -> std::io::Result<IpAddr> {
    loop {
        if let Ok(found) = tokio::time::timeout(Duration::from_secs(1), ask()).await {
            return found;
        }
    }
}

async fn ask() -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(SERVER).await?;
    let name = Name::from_ascii(HOST).unwrap();
    for (id, kind) in [(1, RecordType::A), (2, RecordType::AAAA)] {
        let mut question = Message::query();
        question.metadata.id = id;
        question.metadata.recursion_desired = true;
        question.add_query(Query::query(name.clone(), kind));
        socket.send(&question.to_vec().unwrap()).await?;
    }
    let mut found = None;
    for _ in 0..2 {
        let mut bytes = [0; 1500];
        let length = socket.recv(&mut bytes).await?;
        let answer = Message::from_vec(&bytes[..length]).unwrap();
        found = found.or(answer.answers.iter().find_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        }));
    }
    found.ok_or_else(|| std::io::Error::other("no address"))
}
