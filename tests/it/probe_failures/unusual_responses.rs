//! Unusual and malformed responses: each failure is one of `FAILURE_CODES`, and none is `internal`.

use std::sync::Arc;
use std::time::Duration;

use defender_exporter::observation::{FAILURE_CODES, FailureReason};
use tokio::task::JoinSet;

use crate::lab::dns::Answer;
use crate::lab::faults::{self, Fault, Handshake, MOMENT};
use crate::lab::reply::{End, Reply, Response, Step};
use crate::lab::{Lab, named};
use crate::scenario::Scenario;
use defender_exporter::config::ConnectTo;

/// Heads with an invalid status line, invalid headers, or a wrong length.
const HEADS: &[&[u8]] = &[
    b"<html>no head at all</html>",
    b"220 mail.lab ESMTP\r\n",
    b"HTTP/2.0 200 OK\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\0\0\0\x04\0\0\0\0\0",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: lab\r\n\r\nlab",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 000 OK\r\n\r\n",
    b"HTTP/1.1 099 OK\r\n\r\n",
    b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 None\r\nContent-Length: 3\r\n\r\nlab",
    b"HTTP/1.1 200 OK\r\nX La",
    b"HTTP/1.1 200 OK\r\nX Lab: lab\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Lab: \0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Lab: folded\r\n like this\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551613\r\n\r\nlab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nlab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nlab",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nlab",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nlab",
];

/// Invalid chunks.
const CHUNKS: &[&[u8]] = &[
    b"",
    b"-1\r\n",
    b"fffffffffffffffff\r\nlab",
    b"ffffffffffffffff\r\nlab",
    b"3\nlab",
    b"3\r\nlabX",
    b"5\r\nlab",
    b"0\r\nno trailer",
    b"0\r\n\0: lab\r\n\r\n",
    b"0\r\nno colon\r\n\r\n",
];

/// Addresses that no host has.
const ADDRESSES: &[&str] =
    &["fe80::1", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:224.0.0.1", "::ffff:0.0.0.0"];

#[tokio::test]
async fn nothing_from_the_network_is_called_internal() {
    let lab = Arc::new(Lab::start().await);
    let mut checks = JoinSet::new(); // at once, each on its own host
    for (n, (name, reply)) in replies().into_iter().enumerate() {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://case{n}.genuine.example/");
            let scenario = Scenario::new(&lab, &url);
            let url = &scenario.target.endpoint.url;
            lab.origin(url).break_host(url.host(), reply.clone());
            checks.spawn(check(format!("{name} over {scheme}"), scenario));
        }
    }
    for (n, address) in ADDRESSES.iter().enumerate() {
        let host = format!("address{n}.genuine.example");
        lab.dns.set(&host, Answer::Addresses(vec![address.parse().unwrap()]));
        let scenario = Scenario::new(&lab, &format!("https://{host}/")).by_name();
        checks.spawn(check((*address).to_owned(), scenario));
    }
    while let Some(check) = checks.join_next().await {
        check.unwrap();
    }
}

async fn check(name: String, mut scenario: Scenario) {
    scenario.target.timeout = Duration::from_millis(500);
    let Some(failure) = scenario.probe().await.failure else { return }; // odd, and good enough
    assert_ne!(failure.reason, FailureReason::Internal, "{name}: {failure:?}");
    assert!(FAILURE_CODES.contains(&failure.code()), "{name}: {failure:?}");
}

fn replies() -> Vec<(String, Reply)> {
    let chunked = |chunks: &[u8]| [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunks].concat();
    let mut all: Vec<Vec<u8>> = HEADS.iter().map(|head| head.to_vec()).collect();
    all.extend(CHUNKS.iter().map(|chunks| chunked(chunks)));
    all.push(chunked(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(100_000)).as_bytes()));
    all.push(chunked(&b"1;lab\r\na\r\n".repeat(10_000)));
    all.push(chunked(format!("0\r\n{}\r\n", "X: lab\r\n".repeat(10_000)).as_bytes()));
    all.push(format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: lab\r\n".repeat(1000)).into_bytes());
    let name = |bytes: &[u8]| format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    all.into_iter()
        .map(|bytes| (name(&bytes), Reply::Script(vec![Step::Send(bytes), Step::End(End::Close)])))
        .collect()
}

/// Handshakes that end well and go on badly.
#[tokio::test]
async fn tls_that_breaks_after_the_handshake_has_a_seeded_pair() {
    let lab = Lab::start().await;
    let late = Reply::Script(vec![
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".to_vec()),
        Step::Wait(MOMENT),
        Step::Beneath(b"\x00\xff\x01 lab \x80".to_vec()),
        Step::Hang,
    ]);
    let demand = Handshake::DemandsCertificate(&rustls::version::TLS13);
    let faults: [(&str, Fault); 3] = [
        ("a demand for a certificate in TLS 1.3", demand.into()),
        ("garbage instead of a head", faults::garbage_beneath().into()),
        ("garbage instead of a body", late.into()),
    ];
    for (n, (name, fault)) in faults.into_iter().enumerate() {
        let host = format!("case{n}.genuine.example");
        lab.tls.break_host(&host, fault);
        check(name.to_owned(), Scenario::new(&lab, &format!("https://{host}/"))).await;
    }
}

/// A redirect to a name that DNS knows and TLS can't.
#[tokio::test]
async fn a_redirect_to_no_name_for_tls_is_not_internal() {
    let lab = Lab::start().await;
    lab.tls.set("maps.genuine.example", "/", Response::redirect(302, "https://odd-.genuine.example/"));
    lab.dns.set("origin.lab", Answer::address(lab.tls.addr().ip()));
    let mut scenario = Scenario::new(&lab, "https://maps.genuine.example/");
    scenario.target.endpoint.follow_redirects = 1;
    let to = ConnectTo::Name(named("origin.lab", lab.tls.addr().port()));
    scenario.config.connect_to.insert(named("odd-.genuine.example", 443), to);
    check("a redirect to odd-.genuine.example".to_owned(), scenario).await;
}
