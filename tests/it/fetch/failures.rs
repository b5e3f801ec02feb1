//! Failed fetches: phase and reason as for probes, in time, with bounded reads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::observation::{FailureReason as R, Phase as S};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::{HOST, LIST, LONG, V4, check, fetcher, get, list, listen, post, read_request, url};
use crate::lab::blackhole::{Hanging, Refusing, Resetting, UNREACHABLE};
use crate::lab::dns::{Answer, Dns};
use crate::lab::faults::{self, Accept};
use crate::lab::origin::Origin;
use crate::lab::reply::{End, Framing, Reply, Response};

#[tokio::test]
async fn names_fail_as_in_a_probe() {
    let v4 = |text: &str| Answer::Addresses(vec![text.parse().unwrap()]);
    let cases = [
        ("nxdomain", Answer::Nxdomain, R::Nxdomain),
        ("no data", Answer::NoData, R::NoData),
        ("servfail", Answer::Servfail, R::Servfail),
        ("refused", Answer::Refused, R::Refused),
        ("silence", Answer::Silence, R::Timeout),
        ("garbage", Answer::Garbage, R::Protocol),
        ("a sinkhole", v4("0.0.0.0"), R::Sinkhole),
        ("this machine", v4("127.0.0.1"), R::Sinkhole),
    ];
    let dns = Dns::start().await;
    let fetcher = fetcher(dns.addr(), &[]);
    for (name, answer, reason) in cases {
        dns.set(HOST, answer);
        check(name, &fetcher, get(&url(LIST)), (S::Resolve, reason)).await;
    }
}

#[tokio::test]
async fn connections_fail_as_in_a_probe() {
    let dns = Dns::start().await;
    let (refusing, hanging) = (Refusing::new(), Hanging::new().await);
    let cases = [
        ("a closed port", refusing.addr(), R::Refused),
        ("no route", UNREACHABLE, R::Unreachable),
        ("a dropped SYN", hanging.addr(), R::Timeout),
    ];
    for (name, there, reason) in cases {
        let fetcher = fetcher(dns.addr(), &[(HOST, there)]);
        check(name, &fetcher, get(&url(LIST)), (S::Connect, reason)).await;
    }
    let resetting = Resetting::new();
    let fetcher = fetcher(dns.addr(), &[(HOST, resetting.addr())]);
    let list = url(LIST);
    resetting.while_running(check("a reset", &fetcher, get(&list), (S::Connect, R::Reset))).await;
}

#[tokio::test]
async fn connections_that_end_before_an_answer_fail_in_the_request() {
    let (dns, origin) = (Dns::start().await, Origin::start_plain(V4));
    let fetcher = fetcher(dns.addr(), &[(HOST, origin.addr())]);
    let cases = [(Accept::Close, R::Closed), (Accept::Reset, R::Reset), (Accept::Silent, R::Timeout)];
    for (order, reason) in cases {
        origin.set_accept(order);
        check(&format!("{order:?}"), &fetcher, get(&url(LIST)), (S::Request, reason)).await;
    }
}

/// Answers that are none, or none that is wanted.
fn answers() -> Vec<(&'static str, Reply, (S, R))> {
    let to = |location: &str| Response::redirect(302, location).into();
    vec![
        ("silence", faults::silent(), (S::Request, R::Timeout)),
        ("the end", faults::end(End::Close), (S::Request, R::Closed)),
        ("a reset", faults::end(End::Reset), (S::Request, R::Reset)),
        ("garbage", faults::garbage_head(), (S::Request, R::Protocol)),
        ("endless headers", faults::endless_headers(), (S::Request, R::TooLarge)),
        ("a huge head", faults::huge_head(1_000_000), (S::Request, R::TooLarge)),
        ("interim answers without end", faults::flood_1xx(103), (S::Request, R::TooLarge)),
        ("a slow head", faults::drip_head(Duration::from_millis(100)), (S::Request, R::Timeout)),
        ("two lengths", faults::two_lengths(), (S::Request, R::Protocol)),
        ("404", Response::new(404).into(), (S::Request, R::Status)),
        ("206", Response::new(206).into(), (S::Request, R::Status)),
        ("304 unasked", Response::new(304).into(), (S::Request, R::Status)),
        ("407", faults::proxy_authentication(), (S::Request, R::AuthRequired)),
        ("a redirect to itself", to("/list.crl"), (S::Request, R::Protocol)),
        ("a redirect to https", to("https://crl.genuine.example/list.crl"), (S::Request, R::Protocol)),
        ("a redirect to a file", to("file:///etc/passwd"), (S::Request, R::Protocol)),
        ("a redirect with a password", to("http://me:secret@other.example/"), (S::Request, R::Protocol)),
        ("a redirect to nowhere", Response::new(302).into(), (S::Request, R::Protocol)),
        ("a redirect to no name", to("http://gone.genuine.example/"), (S::Resolve, R::Nxdomain)),
        ("a redirect to this machine", to("http://127.0.0.1/"), (S::Resolve, R::Sinkhole)),
        ("a redirect to this machine by IPv6", to("http://[::ffff:127.0.0.1]/"), (S::Resolve, R::Sinkhole)),
        ("no body", faults::silent_mid_body(), (S::Transfer, R::Timeout)),
        (
            "a slow body",
            faults::drip_body(&[b'x'; 99], Duration::from_millis(100)),
            (S::Transfer, R::Timeout),
        ),
        ("half a body", faults::end_mid_body(End::Close), (S::Transfer, R::Closed)),
        ("a reset in the body", faults::end_mid_body(End::Reset), (S::Transfer, R::Reset)),
        ("a bad chunk", faults::bad_chunk(), (S::Transfer, R::Protocol)),
        ("100 MB", faults::big_body(100_000_000), (S::Transfer, R::TooLarge)),
        ("a body without end", faults::endless_body(), (S::Transfer, R::TooLarge)),
        ("a byte too many", list(65_537).framing(Framing::Chunked).into(), (S::Transfer, R::TooLarge)),
    ]
}

#[tokio::test]
async fn answers_fail_as_in_a_probe() {
    let (dns, origin) = (Dns::start().await, Arc::new(Origin::start_plain(V4)));
    let mut checks = JoinSet::new(); // at once, each on its own host: most of them wait
    for (n, (name, reply, expected)) in answers().into_iter().enumerate() {
        let (dns, origin) = (dns.addr(), Arc::clone(&origin));
        checks.spawn(async move {
            let host = format!("crl{n}.genuine.example");
            origin.break_host(&host, reply);
            let fetcher = fetcher(dns, &[(&host, origin.addr())]);
            check(name, &fetcher, get(&url(&format!("http://{host}/list.crl"))), expected).await;
        });
    }
    while let Some(check) = checks.join_next().await {
        check.unwrap();
    }
}

#[tokio::test]
async fn some_urls_are_not_even_tried() {
    let dns = Dns::start().await;
    let fetcher = fetcher(dns.addr(), &[]);
    let cases = [
        ("https://crl.genuine.example/list.crl", (S::Request, R::Protocol)),
        ("http://127.0.0.1:9/", (S::Resolve, R::Sinkhole)),
        ("http://0.0.0.0:9/", (S::Resolve, R::Sinkhole)),
        ("http://[::1]:9/", (S::Resolve, R::Sinkhole)),
    ];
    for (text, expected) in cases {
        check(text, &fetcher, get(&url(text)), expected).await;
    }
    assert_eq!(dns.asked(), []);
}

#[tokio::test]
async fn a_question_is_not_turned_into_a_page_view() {
    let dns = Dns::start().await;
    let (there, _requests) =
        listen(&["HTTP/1.1 303 Lab\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"]).await;
    let fetcher = fetcher(dns.addr(), &[(HOST, there)]);
    check("303", &fetcher, post(&url(LIST)), (S::Request, R::Status)).await;
}

/// A server that sends `head` once and `rest` until the client disconnects; returns the number of bytes sent.
async fn flood(head: &'static str, rest: Vec<u8>) -> (SocketAddr, JoinHandle<usize>) {
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0;
        while !rest.is_empty() && stream.write_all(&rest).await.is_ok() {
            sent += rest.len();
        }
        // With nothing to send, it waits for the client to go.
        while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
        sent
    };
    (addr, tokio::spawn(serve))
}

/// What the kernel takes off a server's hands on loopback, both ends together, in bytes.
const SOCKET_BUFFERS: usize = 64 * 1024 * 1024;

#[tokio::test]
async fn a_failed_fetch_reads_no_further_and_leaves_nothing_behind() {
    let ok = "HTTP/1.1 200 Lab\r\n";
    let long = "HTTP/1.1 200 Lab\r\nContent-Length: 100000000\r\n\r\n";
    let unbounded = "HTTP/1.1 200 Lab\r\n\r\n";
    let chunks = "HTTP/1.1 200 Lab\r\nTransfer-Encoding: chunked\r\n\r\n";
    let half = "HTTP/1.1 200 Lab\r\nContent-Length: 9\r\n\r\nhalf";
    let interim = format!("HTTP/1.1 103 Lab\r\nX-Lab: {}\r\n\r\n", "x".repeat(9999)).into_bytes();
    let cases = [
        ("silence", "", vec![], (S::Request, R::Timeout), SOCKET_BUFFERS),
        ("half a body", half, vec![], (S::Transfer, R::Timeout), SOCKET_BUFFERS),
        ("headers", ok, b"X-Lab: again\r\n".repeat(500), (S::Request, R::TooLarge), SOCKET_BUFFERS),
        ("the promise of 100 MB", long, vec![], (S::Transfer, R::TooLarge), SOCKET_BUFFERS),
        ("a body of 100 MB", long, vec![b'x'; 9999], (S::Transfer, R::TooLarge), SOCKET_BUFFERS),
        ("a body without end", unbounded, vec![b'x'; 9999], (S::Transfer, R::TooLarge), SOCKET_BUFFERS),
        ("chunks", chunks, b"1\r\nx\r\n".repeat(999), (S::Transfer, R::TooLarge), SOCKET_BUFFERS),
        ("interim answers", "", interim, (S::Request, R::TooLarge), SOCKET_BUFFERS),
    ];
    let dns = Dns::start().await;
    for (name, head, rest, expected, most) in cases {
        let (there, server) = flood(head, rest).await;
        let fetcher = fetcher(dns.addr(), &[(HOST, there)]);
        check(name, &fetcher, get(&url(LIST)), expected).await;
        let sent = timeout(LONG, server).await.unwrap_or_else(|_| panic!("{name}: still connected")).unwrap();
        assert!(sent <= most, "{name}: {sent} bytes were taken");
    }
}
