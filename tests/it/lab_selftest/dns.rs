//! Each kind of DNS answer, over UDP and TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::client::TEST_TIMEOUT;
use crate::lab::dns::{Answer, Dns, Transport};
use crate::load::{Disturbance, with_timeout};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7));
const ID: u16 = 4711;

/// What came back: id, code, TC bit and addresses; or bytes that are no message; or nothing.
#[derive(Debug, PartialEq)]
enum Saw {
    Answer(u16, ResponseCode, bool, Vec<IpAddr>),
    Undecodable,
    Nothing,
}

fn question(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(ID, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    message.to_vec().unwrap()
}

async fn ask(dns: &Dns, transport: Transport, name: &str, record_type: RecordType) -> Saw {
    let question = question(name, record_type);
    let answer = match transport {
        Transport::Udp => with_timeout(TEST_TIMEOUT, ask_udp(dns, &question)).await,
        Transport::Tcp => with_timeout(TEST_TIMEOUT, ask_tcp(dns, &question)).await,
    };
    let Some(bytes) = answer else { return Saw::Nothing };
    let Ok(message) = Message::from_vec(&bytes) else { return Saw::Undecodable };
    let address = |data: &RData| data.ip_addr();
    let addresses = message.answers.iter().filter_map(|record| address(&record.data)).collect();
    let head = message.metadata;
    Saw::Answer(head.id, head.response_code, head.truncation, addresses)
}

async fn ask_udp(dns: &Dns, question: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(dns.addr()).await.unwrap();
    socket.send(question).await.unwrap();
    let mut buffer = vec![0; 4096];
    let length = socket.recv(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

async fn ask_tcp(dns: &Dns, question: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(dns.addr()).await.unwrap();
    stream.write_u16(u16::try_from(question.len()).unwrap()).await.unwrap();
    stream.write_all(question).await.unwrap();
    let mut answer = vec![0; usize::from(stream.read_u16().await.unwrap())];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn answers_as_ordered() {
    use RecordType::{A, AAAA};
    use ResponseCode::{NXDomain, NoError, Refused, ServFail};
    let both = || vec![V4, V6];
    let sound = |addresses: &[IpAddr]| Saw::Answer(ID, NoError, false, addresses.to_vec());
    let coded = |code| Saw::Answer(ID, code, false, vec![]);
    let truncated = || Saw::Answer(ID, NoError, true, vec![]);
    // Configured answer, record type, result over UDP and over TCP.
    let cases = [
        (Answer::Addresses(both()), A, sound(&[V4]), sound(&[V4])),
        (Answer::Addresses(both()), AAAA, sound(&[V6]), sound(&[V6])),
        (Answer::address(V4), AAAA, sound(&[]), sound(&[])),
        (Answer::Alias("edge.lab.", both()), A, sound(&[V4]), sound(&[V4])),
        (Answer::Nxdomain, A, coded(NXDomain), coded(NXDomain)),
        (Answer::NoData, A, sound(&[]), sound(&[])),
        (Answer::Servfail, A, coded(ServFail), coded(ServFail)),
        (Answer::Refused, A, coded(Refused), coded(Refused)),
        (Answer::Silence, A, Saw::Nothing, Saw::Nothing),
        (Answer::Garbage, A, Saw::Undecodable, Saw::Undecodable),
        (Answer::Truncated(both()), A, truncated(), sound(&[V4])),
        (Answer::TruncatedBoth, A, truncated(), truncated()),
        (
            Answer::WrongId(both()),
            A,
            Saw::Answer(!ID, NoError, false, vec![V4]),
            Saw::Answer(!ID, NoError, false, vec![V4]),
        ),
    ];
    let dns = Dns::start().await;
    for (order, record_type, udp, tcp) in cases {
        dns.set("host.lab", order.clone());
        assert_eq!(ask(&dns, Transport::Udp, "Host.LAB.", record_type).await, udp, "{order:?} over UDP");
        assert_eq!(ask(&dns, Transport::Tcp, "Host.LAB.", record_type).await, tcp, "{order:?} over TCP");
    }
}

#[tokio::test]
async fn a_delay_delays_one_name_only() {
    let dns = Dns::start().await;
    let delay = Duration::from_millis(200);
    dns.set("late.lab", Answer::address(V4).after(delay));
    let (start, disturbance) = (Instant::now(), Disturbance::here());
    let took = async |name| {
        let saw = ask(&dns, Transport::Udp, name, RecordType::A).await;
        (saw, start.elapsed())
    };
    let ((late, late_after), (other, other_after)) = tokio::join!(took("late.lab."), took("other.lab."));
    assert_eq!(late, Saw::Answer(ID, ResponseCode::NoError, false, vec![V4]));
    assert_eq!(other, Saw::Answer(ID, ResponseCode::NXDomain, false, vec![]));
    let limit = delay + disturbance.so_far();
    assert!(late_after >= delay && other_after < limit, "{late_after:?}, {other_after:?}, {disturbance}");
}

#[tokio::test]
async fn unknown_names_are_answered_by_default_and_all_are_counted() {
    let dns = Dns::start().await;
    dns.set_default(Answer::Servfail);
    let servfail = Saw::Answer(ID, ResponseCode::ServFail, false, vec![]);
    assert_eq!(ask(&dns, Transport::Udp, "Any.Lab.", RecordType::A).await, servfail);
    assert_eq!(ask(&dns, Transport::Tcp, "any.lab.", RecordType::AAAA).await, servfail);
    let asked: Vec<_> = dns.asked().into_iter().map(|q| (q.name, q.record_type, q.transport)).collect();
    let expected = [
        ("any.lab".to_owned(), RecordType::A, Transport::Udp),
        ("any.lab".to_owned(), RecordType::AAAA, Transport::Tcp),
    ];
    assert_eq!(asked, expected);
    assert_eq!((dns.count("any.lab"), dns.count("other.lab")), (2, 0));
}

#[tokio::test]
async fn stops_and_restarts_on_its_port() {
    let dns = Dns::start().await;
    dns.stop().await;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(dns.addr()).await.unwrap();
    socket.send(&question("host.lab.", RecordType::A)).await.unwrap();
    let refused = timeout(TEST_TIMEOUT, socket.recv(&mut [0; 16])).await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(TcpStream::connect(dns.addr()).await.is_err());

    dns.restart().await;
    let nxdomain = Saw::Answer(ID, ResponseCode::NXDomain, false, vec![]);
    assert_eq!(ask(&dns, Transport::Udp, "host.lab.", RecordType::A).await, nxdomain);
    assert_eq!(ask(&dns, Transport::Tcp, "host.lab.", RecordType::A).await, nxdomain);
}
