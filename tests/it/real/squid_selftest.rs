//! Tests of the Squid setup with a plain client, so that a failed probe is the exporter's fault.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use defender_exporter_needs::needs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::squid::{PASSWORD, Policy, Squid, USER};
use crate::lab::Lab;
use crate::lab::reply::Response;
use crate::lab_selftest::client::{connector, converse, request};
use crate::lab_selftest::tls_client::shown_over;

const HOST: &str = "maps.genuine.example";
const BASIC_WANTED: &str = "Proxy-Authenticate: Basic realm=\"Lab network\"\r\n";
const DELAY: Duration = Duration::from_millis(400);
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// How a client sends requests to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    ToConnect,
    ForUrl,
}

impl Asks {
    const BOTH: [Self; 2] = [Self::ToConnect, Self::ForUrl];

    /// The bytes; `with` are lines of the head.
    fn request(self, with: &str) -> String {
        match self {
            Self::ToConnect => format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{with}\r\n"),
            Self::ForUrl => format!("GET http://{HOST}/x%20y HTTP/1.1\r\nHost: {HOST}\r\n{with}\r\n"),
        }
    }
}

/// Sends a request; the head of the answer, and the connection that it came by.
async fn ask(squid: SocketAddr, request: &str) -> (String, TcpStream) {
    let queries = async {
        let mut stream = TcpStream::connect(squid).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (String::from_utf8(head).unwrap(), stream)
    };
    timeout(TEST_TIMEOUT, queries).await.unwrap_or_else(|_| panic!("{request:?} is not answered"))
}

fn basic(password: &str) -> String {
    let credentials = STANDARD.encode(format!("{USER}:{password}"));
    format!("Proxy-Authorization: Basic {credentials}\r\n")
}

/// The lab with a response.
async fn lab() -> Lab {
    let lab = Lab::start().await;
    lab.tls.set(HOST, "/", Response::new(200));
    lab.plain.set(HOST, "/x%20y", Response::new(200).body("behind the proxy"));
    lab
}

/// What Squid answers to CONNECT and to a request for a URL: its status, and a word of the head.
struct Case {
    policy: Policy,
    /// Lines of the request's head.
    with: String,
    answers: [(u16, &'static str); 2],
}

fn cases() -> Vec<Case> {
    let case = |policy, with: &str, answers| Case { policy, with: with.to_owned(), answers };
    let (right, wrong) = (basic(PASSWORD), basic("guess"));
    let through = [(200, "Connection established"), (200, "Via: 1.1 squid.lab")];
    let asks_basic = [(407, BASIC_WANTED); 2];
    vec![
        case(Policy::Open, "", through),
        case(Policy::Basic, "", asks_basic),
        case(Policy::Basic, &wrong, asks_basic),
        case(Policy::Basic, &right, through),
        case(Policy::Ntlm, "", [(407, "Proxy-Authenticate: NTLM\r\n"); 2]),
        case(Policy::Ntlm, &right, [(407, "Proxy-Authenticate: NTLM\r\n"); 2]),
        case(Policy::Denying, "", [(403, "X-Squid-Error: ERR_ACCESS_DENIED 0"); 2]),
        case(Policy::Denying, &right, [(403, "X-Squid-Error: ERR_ACCESS_DENIED 0"); 2]),
        case(
            Policy::DeadParent,
            "",
            [(500, "X-Squid-Error: ERR_CANNOT_FORWARD 0"), (502, "X-Squid-Error: ERR_READ_ERROR 0")],
        ),
        case(Policy::LostParent, "", [(503, "X-Squid-Error: ERR_CONNECT_FAIL 111"); 2]),
    ]
}

/// Holds the answers to both kinds of request, over IPv4 and IPv6, and what reaches the lab, to what is expected.
async fn check(lab: &Lab, squid: &Squid, case: &Case) {
    let reached = || [lab.tls.connections(), lab.plain.requests().len()];
    for addr in squid.addrs() {
        for (n, (status, word)) in case.answers.into_iter().enumerate() {
            let before = reached();
            let (head, connection) = ask(addr, &Asks::BOTH[n].request(&case.with)).await;
            let name = format!("{:?}, {:?} at {addr}", case.policy, Asks::BOTH[n]);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {head}");
            assert!(head.contains(word), "{name}: {word:?} is not in: {head}");
            if (Asks::BOTH[n], status) == (Asks::ToConnect, 200) {
                assert!(issuer(connection).await.contains("Lab "), "{name}: who is at the other end?");
            }
            let mut expected = before;
            expected[n] += usize::from(status == 200);
            assert_eq!(reached(), expected, "{name}: {}", squid.log());
        }
    }
}

#[needs("squid-openssl")]
#[tokio::test]
async fn what_it_does_with_requests_is_as_ordered() {
    let lab = lab().await;
    let mut squid: Option<(Policy, Squid)> = None;
    for case in cases() {
        if squid.as_ref().is_none_or(|(policy, _)| *policy != case.policy) {
            squid = Some((case.policy, Squid::start(&lab, case.policy).await));
        }
        check(&lab, &squid.as_ref().unwrap().1, &case).await;
    }
}

#[needs("squid-openssl")]
#[tokio::test]
async fn what_is_let_through_reaches_the_lab_under_its_own_name() {
    let lab = lab().await;
    let squid = Squid::start(&lab, Policy::Open).await;
    let (head, mut stream) = ask(squid.addrs()[0], &Asks::ForUrl.request("Connection: close\r\n")).await;
    let mut body = String::new();
    stream.read_to_string(&mut body).await.unwrap();
    assert_eq!(body, "behind the proxy", "{head}");
    let request = lab.plain.requests().pop().unwrap();
    assert_eq!((request.host.as_str(), request.path.as_str()), (HOST, "/x%20y"));
    assert!(request.header("via").unwrap().contains("squid"), "{request:?}");

    let (_, stream) = ask(squid.addrs()[0], &Asks::ToConnect.request("")).await;
    assert_eq!(issuer(stream).await, "O=Lab, CN=Lab Microsoft Secure Server CA");
    let logged = format!("GET http://{HOST}/x%20y 200");
    assert!(squid.log().lines().any(|line| line.starts_with(&logged)), "{}", squid.log());
}

/// Who issued the leaf that is shown at the other end of a tunnel.
async fn issuer(tunnel: TcpStream) -> String {
    let shown = timeout(TEST_TIMEOUT, shown_over(tunnel, HOST)).await.unwrap();
    let (_, leaf) = X509Certificate::from_der(&shown.chain[0]).unwrap();
    leaf.issuer().to_string()
}

#[needs("squid-openssl")]
#[tokio::test]
async fn it_thinks_for_as_long_as_ordered() {
    let lab = lab().await;
    let squid = Squid::start(&lab, Policy::Late(DELAY)).await;
    for asks in Asks::BOTH {
        let start = Instant::now();
        let (head, _) = ask(squid.addrs()[0], &asks.request("")).await;
        assert!(start.elapsed() >= DELAY, "{asks:?}: took {:?}", start.elapsed());
        assert!(head.starts_with("HTTP/1.1 200 "), "{asks:?}: {head}");
    }
}

#[needs("squid-openssl")]
#[tokio::test]
async fn it_looks_into_tls() {
    let lab = lab().await;
    let squid = Squid::start(&lab, Policy::Inspecting).await;
    let authority = CertificateDer::from_pem_file(squid.authority()).unwrap();
    for addr in squid.addrs() {
        let (head, tunnel) = ask(addr, &Asks::ToConnect.request("")).await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let name = ServerName::try_from(HOST).unwrap();
        let unverified = connector(vec![authority.clone()]).connect(name, tunnel).await;
        let stream = unverified.unwrap_or_else(|error| panic!("{error}: {}", squid.said()));
        let (answer, _) = converse(stream, &request("GET", HOST, "/")).await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Via: 1.1 squid.lab"), "{answer}");
    }
    // An exporter of another test may still connect to this port, which its lab used before.
    let mut requests = lab.tls.requests();
    requests.retain(|request| request.head.contains("Via: 1.1 squid.lab"));
    assert_eq!(requests.len(), squid.addrs().len(), "{requests:?}");
    assert!(requests.iter().all(|request| request.host == HOST), "{requests:?}");
}
