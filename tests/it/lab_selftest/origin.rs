//! Faults before, in and after the handshake, byte by byte.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::client::{Ending, client_hello, converse, get, request, shake_hands};
use crate::lab::Lab;
use crate::lab::faults::{self, Accept, Handshake};
use crate::lab::origin::{ALL_HOSTS, Origin};
use crate::lab::reply::{End, Framing, Reply, Response};

#[tokio::test]
async fn accepts_as_ordered() {
    let cases =
        [(Accept::Reset, Ending::Reset), (Accept::Silent, Ending::Silent), (Accept::Normal, Ending::Closed)];
    let origin = Origin::start_plain(Ipv4Addr::LOCALHOST);
    for (order, expected) in cases {
        origin.set_accept(order);
        let (text, ending) = get(origin.addr(), "host.lab", "/").await;
        assert_eq!((ending, text.is_empty()), (expected, order != Accept::Normal), "{order:?}");
    }
    origin.set_accept(Accept::Close);
    let stream = TcpStream::connect(origin.addr()).await.unwrap();
    assert_eq!(converse(stream, b"").await, (String::new(), Ending::Closed));
    assert_eq!((origin.connections(), origin.requests().len()), (4, 1));
}

#[tokio::test]
async fn shakes_hands_as_ordered() {
    let bytes_of = |handshake| match handshake {
        Handshake::Raw(bytes) | Handshake::Drip(bytes, _) => String::from_utf8_lossy(&bytes).into_owned(),
        other => panic!("{other:?} sends no bytes of its own"),
    };
    let raw = |handshake: Handshake| (handshake.clone(), (bytes_of(handshake), Ending::Silent));
    let cases = [
        (Handshake::Silent, (String::new(), Ending::Silent)),
        (Handshake::End(End::Close), (String::new(), Ending::Closed)),
        (Handshake::End(End::Reset), (String::new(), Ending::Reset)),
        raw(Handshake::alert(40)),
        raw(Handshake::plain_http()),
        raw(Handshake::bad_server_hello()),
        raw(Handshake::drip(Duration::from_millis(1))),
    ];
    let lab = Lab::start().await;
    for (order, expected) in cases {
        lab.tls.break_host("maps.lab", order.clone());
        let stream = TcpStream::connect(lab.tls.addr()).await.unwrap();
        assert_eq!(converse(stream, &client_hello("maps.lab")).await, expected, "{order:?}");
        assert!(shake_hands(&lab, "other.lab").await.is_ok(), "{order:?} stays with its host");
    }
}

#[tokio::test]
async fn shakes_hands_late_or_in_one_version() {
    let lab = Lab::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        lab.tls.break_host(ALL_HOSTS, Handshake::Only(version));
        let stream = shake_hands(&lab, "maps.lab").await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
    }
    let delay = Duration::from_millis(150);
    lab.tls.break_host(ALL_HOSTS, Handshake::Delay(delay));
    let start = Instant::now();
    shake_hands(&lab, "maps.lab").await.unwrap();
    assert!(start.elapsed() >= delay);
}

/// What a reply must look like: the first bytes, and how it ends without and with TLS.
fn replies() -> Vec<(&'static str, Reply, &'static str, Ending, Ending)> {
    use Ending::{Closed, Cut, Endless, Reset, Silent};
    let ok = "HTTP/1.1 200 OK\r\n";
    vec![
        ("silent", faults::silent(), "", Silent, Silent),
        ("close", faults::end(End::Close), "", Closed, Closed),
        ("cut", faults::end(End::Cut), "", Closed, Cut),
        ("reset", faults::end(End::Reset), "", Reset, Reset),
        ("garbage", faults::garbage_head(), "\0", Closed, Closed),
        ("endless headers", faults::endless_headers(), ok, Endless, Endless),
        ("huge head", faults::huge_head(300_000), ok, Endless, Endless),
        ("flood", faults::flood_1xx(103), "HTTP/1.1 103 Lab\r\n\r\nHTTP/1.1 103 ", Endless, Endless),
        ("dripped head", faults::drip_head(Duration::from_millis(1)), ok, Silent, Silent),
        ("dripped body", faults::drip_body(b"lab", Duration::from_millis(9)), ok, Silent, Silent),
        ("silent mid-body", faults::silent_mid_body(), ok, Silent, Silent),
        ("close mid-body", faults::end_mid_body(End::Close), ok, Closed, Closed),
        ("cut mid-body", faults::end_mid_body(End::Cut), ok, Closed, Cut),
        ("reset mid-body", faults::end_mid_body(End::Reset), ok, Reset, Reset),
        ("endless body", faults::endless_body(), ok, Endless, Endless),
        ("100 MB", faults::big_body(100_000_000), ok, Endless, Endless),
        ("bad chunk", faults::bad_chunk(), ok, Silent, Silent),
        ("two lengths", faults::two_lengths(), ok, Silent, Silent),
        ("407", faults::proxy_authentication(), "HTTP/1.1 407 ", Closed, Closed),
    ]
}

#[tokio::test]
async fn replies_as_ordered() {
    let lab = Arc::new(Lab::start().await);
    let mut checks = JoinSet::new(); // at once, each on its own host: most of them wait
    for (n, (name, reply, start, plain, tls)) in replies().into_iter().enumerate() {
        let (lab, host) = (Arc::clone(&lab), format!("host{n}.lab"));
        lab.plain.break_host(&host, reply.clone());
        lab.tls.break_host(&host, reply);
        checks.spawn(async move {
            let check = |(text, ending): (String, Ending), expected, how| {
                assert!(text.starts_with(start) && start.is_empty() == text.is_empty(), "{name}: {text:.80}");
                assert_eq!(ending, expected, "{name}, {how}");
            };
            check(get(lab.plain.addr(), &host, "/").await, plain, "plain");
            let stream = shake_hands(&lab, &host).await.unwrap();
            check(converse(stream, &request("GET", &host, "/")).await, tls, "TLS");
        });
    }
    while let Some(check) = checks.join_next().await {
        check.unwrap();
    }
}

#[tokio::test]
async fn responses_have_the_framing_and_delays_that_were_asked_for() {
    let origin = Origin::start_plain(Ipv4Addr::LOCALHOST);
    let page = Response::new(200).header("Server", "lab").body("four");
    let head = "HTTP/1.1 200 Lab\r\nServer: lab\r\n";
    let cases = [
        (Framing::Length, "Content-Length: 4\r\n\r\nfour"),
        (Framing::Chunked, "Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"),
        (Framing::UntilClose, "Connection: close\r\n\r\nfour"),
    ];
    let delay = Duration::from_millis(60);
    for (framing, rest) in cases {
        origin.set("host.lab", "/", page.clone().framing(framing).before_head(delay).before_body(delay));
        let start = Instant::now();
        assert_eq!(get(origin.addr(), "host.lab", "/").await, (format!("{head}{rest}"), Ending::Closed));
        assert!(start.elapsed() >= 2 * delay);
    }
    origin.set("host.lab", "/", page);
    let stream = TcpStream::connect(origin.addr()).await.unwrap();
    let (text, _) = converse(stream, &request("HEAD", "host.lab", "/")).await;
    assert_eq!(text, format!("{head}Content-Length: 4\r\n\r\n"), "HEAD");
}

#[tokio::test]
async fn hosts_and_paths_are_told_apart_and_requests_written_down() {
    let lab = Lab::start().await;
    lab.tls.set("a.lab", "/", Response::new(201));
    lab.tls.set("a.lab", "/deep/", Response::new(202));
    lab.tls.set(ALL_HOSTS, "/", Response::new(203));
    let cases = [("a.lab", "/", 201), ("a.lab", "/deep/er", 202), ("b.lab", "/deep/", 203)];
    for (host, path, status) in cases {
        let stream = shake_hands(&lab, host).await.unwrap();
        let (text, _) = converse(stream, &request("GET", &format!("{host}:443"), path)).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{host}{path}: {text}");
        let last = lab.tls.requests().pop().unwrap();
        assert_eq!((last.method.as_str(), last.host.as_str(), last.path.as_str()), ("GET", host, path));
        assert_eq!(last.sni.as_deref(), Some(host));
        assert_eq!(last.header("HOST"), Some(format!("{host}:443").as_str()));
    }
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let origin = Origin::start_plain(Ipv4Addr::LOCALHOST);
    let stream = TcpStream::connect(origin.addr()).await.unwrap();
    let two = b"GET /1 HTTP/1.1\r\nHost: host.lab\r\n\r\nGET /2 HTTP/1.1\r\nHost: host.lab\r\n\r\n";
    let (text, ending) = converse(stream, two).await;
    assert_eq!((text.matches("HTTP/1.1 404 ").count(), ending), (2, Ending::Silent));
    assert_eq!((origin.connections(), origin.requests().len()), (1, 2));
}

#[tokio::test]
async fn an_origin_may_listen_on_ipv6() {
    let lab = Lab::start().await;
    let origin = Origin::start_tls(Ipv6Addr::LOCALHOST, Arc::clone(&lab.pki));
    let stream = TcpStream::connect(origin.addr()).await.unwrap();
    let (hello, _) = converse(stream, &client_hello("v6.lab")).await;
    assert!(hello.starts_with('\u{16}'), "a handshake record");
}
