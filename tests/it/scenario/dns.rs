//! A name server on UDP and TCP, with an answer to order for each name. Messages are written by hand (RFC 1035), so
//! that broken ones can be.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

const A: u16 = 1;
const AAAA: u16 = 28;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

/// How a name is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    Addresses(Vec<IpAddr>),
    Nxdomain,
    NoData,
    Servfail,
    Refused,
    Silence,
    /// The right header, then bytes that can't be a message.
    Garbage,
    /// Cut short on UDP, whole on TCP.
    Truncated(Vec<IpAddr>),
    After(Duration, Box<Answer>),
}

/// The server; it ends with the value.
pub struct Dns {
    pub address: SocketAddr,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    _tasks: JoinSet<()>,
}

impl Dns {
    /// Every name that isn't set is NXDOMAIN.
    pub async fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (Arc::new(udp), tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(HashMap::new()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&answers)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&answers)));
        Self { address, answers, _tasks: tasks }
    }

    pub fn set(&self, name: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(name.to_ascii_lowercase(), answer);
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, answers: Arc<Mutex<HashMap<String, Answer>>>) {
    let mut tasks = JoinSet::new();
    let mut buffer = [0; 1500];
    while let Ok((len, peer)) = socket.recv_from(&mut buffer).await {
        let query = buffer[..len].to_vec();
        let (socket, answers) = (Arc::clone(&socket), Arc::clone(&answers));
        tasks.spawn(async move {
            if let Some(reply) = reply(&query, &answers, false).await {
                socket.send_to(&reply, peer).await.unwrap();
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, answers: Arc<Mutex<HashMap<String, Answer>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let Ok(len) = stream.read_u16().await else { continue };
        let mut query = vec![0; usize::from(len)];
        if stream.read_exact(&mut query).await.is_err() {
            continue;
        }
        if let Some(reply) = reply(&query, &answers, true).await {
            let len = u16::try_from(reply.len()).unwrap();
            let _gone = stream.write_all(&[&len.to_be_bytes(), reply.as_slice()].concat()).await;
        }
    }
}

async fn reply(query: &[u8], answers: &Mutex<HashMap<String, Answer>>, tcp: bool) -> Option<Vec<u8>> {
    let (name, kind, end) = question(query)?;
    let mut answer = answers.lock().unwrap().get(&name).cloned().unwrap_or(Answer::Nxdomain);
    while let Answer::After(delay, then) = answer {
        tokio::time::sleep(delay).await;
        answer = *then;
    }
    let of =
        |code, truncated, addresses: &[IpAddr]| Some(message(query, end, kind, code, truncated, addresses));
    match answer {
        Answer::Addresses(addresses) => of(0, false, &addresses),
        Answer::Truncated(addresses) if tcp => of(0, false, &addresses),
        Answer::Truncated(_) => of(0, true, &[]),
        Answer::Nxdomain => of(NXDOMAIN, false, &[]),
        Answer::NoData => of(0, false, &[]),
        Answer::Servfail => of(SERVFAIL, false, &[]),
        Answer::Refused => of(REFUSED, false, &[]),
        Answer::Garbage => {
            Some([&query[..2], &[0x81, 0x80, 0, 1, 0, 9, 0, 0, 0, 0, 0xff, 0xff][..]].concat())
        }
        Answer::Silence | Answer::After(..) => None,
    }
}

/// The name asked for, the record type, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + len)?).to_ascii_lowercase());
        at += len;
    }
    let kind = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

fn message(query: &[u8], end: usize, kind: u16, code: u8, truncated: bool, addresses: &[IpAddr]) -> Vec<u8> {
    let records: Vec<&IpAddr> = addresses
        .iter()
        .filter(|address| matches!((address, kind), (IpAddr::V4(_), A) | (IpAddr::V6(_), AAAA)))
        .collect();
    let mut reply = query[..2].to_vec();
    reply.extend([0x81 | if truncated { 2 } else { 0 }, 0x80 | code, 0, 1, 0]);
    reply.push(u8::try_from(records.len()).unwrap());
    reply.extend([0; 4]);
    reply.extend(&query[12..end]);
    for address in records {
        reply.extend([0xc0, 0x0c]); // the name of the question
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 60]); // class IN, a minute
        let data = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        reply.extend(data);
    }
    reply
}
