//! Successful fetches, and the requests that servers receive.

use defender_exporter::config::{Config, ConnectTo, HostPort, ResolverConfig};
use defender_exporter::net::fetch::{FetchRequest, Fetched, PostRequest, RequestBody, Validators};
use defender_exporter::observation::{Failure, FailureReason as R, Phase as S};
use defender_exporter::plan::Route;

use super::{HOST, LIMIT, LIST, V4, check, fetcher, get, list, listen, post, url};
use crate::lab::dns::Dns;
use crate::lab::origin::Origin;
use crate::lab::reply::{Framing, Response};

/// The body of a fetch that must come to an answer.
fn body(fetched: Result<Fetched, Failure>) -> (Vec<u8>, Validators) {
    match fetched {
        Ok(Fetched::Body { bytes, validators, .. }) => (bytes.to_vec(), validators),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bodies_come_as_they_were_sent() {
    let (dns, origin) = (Dns::start().await, Origin::start_plain(V4));
    let fetcher = fetcher(dns.addr(), &[(HOST, origin.addr())]);
    let as_large_as_may_be = vec![b'x'; usize::try_from(LIMIT).unwrap()];
    let zipped = vec![0x1f, 0x8b, 8, 0];
    let cases = [
        (Framing::Length, vec![]),
        (Framing::Length, as_large_as_may_be.clone()),
        (Framing::Chunked, as_large_as_may_be),
        (Framing::UntilClose, vec![b'x'; 5000]),
        (Framing::Length, zipped),
    ];
    for (framing, sent) in cases {
        let response = Response::new(200).header("Content-Encoding", "gzip").body(sent.clone());
        origin.set(HOST, "/", response.framing(framing));
        let (bytes, _) = body(fetcher.fetch(get(&url(LIST))).await);
        assert!(bytes == sent, "{framing:?}, {} bytes: {} came", sent.len(), bytes.len());
    }
}

/// The environment's proxy is the user's; only the configuration defines routes.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "fetch::answers::bodies_come_as_they_were_sent"]);
    let nowhere = "http://127.0.0.1:1";
    let output = again.envs([("http_proxy", nowhere), ("all_proxy", nowhere)]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn requests_say_no_more_than_they_must() {
    let (dns, origin) = (Dns::start().await, Origin::start_plain(V4));
    let fetcher = fetcher(dns.addr(), &[(HOST, origin.addr())]);
    origin.set(HOST, "/", list(1).header("Set-Cookie", "a=b"));
    for _ in 0..2 {
        body(fetcher.fetch(get(&url("http://crl.genuine.example/a%20b.crl?c=d"))).await);
    }
    let agent = format!("defender-exporter/{}", env!("CARGO_PKG_VERSION"));
    let mut expected = [
        "GET /a%20b.crl?c=d HTTP/1.1".to_owned(),
        "accept: */*".to_owned(),
        "accept-encoding: identity".to_owned(),
        "connection: close".to_owned(),
        format!("host: {HOST}"),
        format!("user-agent: {agent}"),
    ];
    expected.sort();
    for request in origin.requests() {
        let mut lines: Vec<_> = request.head.lines().filter(|line| !line.is_empty()).collect();
        lines.sort_unstable();
        assert_eq!(lines, expected);
    }
    assert_eq!((origin.requests().len(), origin.connections()), (2, 2), "nothing is kept between fetches");
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let (dns, origin) = (Dns::start().await, Origin::start_plain(V4));
    let fetcher = fetcher(dns.addr(), &[(HOST, origin.addr())]);
    let (etag, date) = ("\"2026-11-24\"", "Tue, 24 Nov 2026 00:00:00 GMT");
    let cases = [
        (Some(etag), Some(date)),
        (Some(etag), None),
        (None, Some(date)),
        (None, None), // a server that answers 304 all the same is believed
    ];
    for (etag, date) in cases {
        let mut response = list(9);
        for (name, value) in [("ETag", etag), ("Last-Modified", date)] {
            response = value.into_iter().fold(response, |response, value| response.header(name, value));
        }
        origin.set(HOST, "/", response);
        let wanted = url(LIST);
        let (_, known) = body(fetcher.fetch(get(&wanted)).await);
        origin.set(HOST, "/", Response::new(304));
        let again = fetcher.fetch(FetchRequest { known: Some(&known), ..get(&wanted) }).await;
        assert_eq!(again, Ok(Fetched::NotModified));
        let last = origin.requests().pop().unwrap();
        assert_eq!((last.header("If-None-Match"), last.header("If-Modified-Since")), (etag, date));
    }
    origin.set(HOST, "/", list(9).header("ETag", &"x".repeat(9000)));
    let (_, known) = body(fetcher.fetch(get(&url(LIST))).await);
    assert_eq!(known, Validators::default(), "a validator of 9 kB is not kept");
}

#[tokio::test]
async fn three_redirects_are_followed_to_other_hosts_and_ports() {
    let (dns, origin) = (Dns::start().await, Origin::start_plain(V4));
    let hosts = ["a.example", "b.example", "c.example", "d.example"];
    let diverted = hosts.map(|host| (host, origin.addr()));
    let fetcher = fetcher(dns.addr(), &diverted);
    for (from, to) in hosts.iter().zip(&hosts[1..]) {
        origin.set(from, "/", Response::redirect(301, &format!("http://{to}/#part")).body("moved"));
    }
    origin.set("d.example", "/", Response::new(200).body("here"));
    let (bytes, _) = body(fetcher.fetch(get(&url("http://a.example/"))).await);
    let asked: Vec<_> = origin.requests().into_iter().map(|request| request.host).collect();
    assert_eq!((bytes.as_slice(), asked), (&b"here"[..], hosts.map(str::to_owned).to_vec()));

    origin.set("d.example", "/", Response::redirect(307, "http://a.example/"));
    let start = url("http://a.example/");
    check("a fourth redirect", &fetcher, get(&start), (S::Request, R::Protocol)).await;
    assert_eq!(origin.connections(), 8);
}

#[tokio::test]
async fn addresses_of_either_family_and_ports_hold() {
    let dns = Dns::start().await;
    for at in ["127.0.0.1", "::1"] {
        let origin = Origin::start_plain(at.parse::<std::net::IpAddr>().unwrap());
        origin.set("origin.example", "/", Response::new(200).body(at));
        origin.set("[2001:db8::1]", "/", Response::new(200).body(at));
        let config = Config {
            resolver: ResolverConfig {
                overrides: [("origin.example".to_owned(), vec![origin.addr().ip()])].into(),
                ..ResolverConfig::default()
            },
            connect_to: [(
                HostPort { host: "[2001:db8::1]".to_owned(), port: 8080 },
                ConnectTo::Address(origin.addr()),
            )]
            .into(),
            ..Config::default()
        };
        let fetcher = super::by(&Route::direct(), &config);
        let port = origin.addr().port();
        for authority in [format!("origin.example:{port}"), "[2001:db8::1]:8080".to_owned()] {
            let (bytes, _) = body(fetcher.fetch(get(&url(&format!("http://{authority}/")))).await);
            assert_eq!(bytes, at.as_bytes(), "{authority} at {at}");
            assert_eq!(origin.requests().pop().unwrap().header("Host"), Some(authority.as_str()));
        }
    }
    assert_eq!(dns.asked(), []);
}

#[tokio::test]
async fn questions_are_posted_and_repeated_as_they_are() {
    let dns = Dns::start().await;
    let (moved, answer) = (
        "HTTP/1.1 307 Lab\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 Lab\r\nContent-Length: 6\r\n\r\nanswer",
    );
    let (there, requests) = listen(Box::leak(Box::new([moved, answer]))).await;
    let fetcher = fetcher(dns.addr(), &[(HOST, there)]);
    let responder = url("http://crl.genuine.example/here");
    let known = Validators::default();
    let (bytes, _) = body(fetcher.fetch(FetchRequest { known: Some(&known), ..post(&responder) }).await);
    assert_eq!(bytes, b"answer");
    for (request, path) in requests.await.unwrap().iter().zip(["/here", "/there"]) {
        assert!(request.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{request}");
        assert!(request.contains("content-type: application/ocsp-request\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\nquestion"), "{request}");
    }
}

/// RFC 6960 lets responders accept POSTs alone, and some filters limit the length of a URL.
#[tokio::test]
async fn a_get_that_is_not_accepted_is_sent_as_a_post() {
    const ANSWER: &str = "HTTP/1.1 200 Lab\r\nContent-Length: 6\r\n\r\nanswer";
    let dns = Dns::start().await;
    let (get_url, post_url) =
        (url("http://crl.genuine.example/ocsp/AAAA"), url("http://crl.genuine.example/ocsp"));
    let body_sent = RequestBody { content_type: "application/ocsp-request", bytes: "question".into() };
    for (status, is_posted) in
        [(404, true), (405, true), (414, true), (400, false), (403, false), (503, false)]
    {
        let refusal: &str =
            Box::leak(format!("HTTP/1.1 {status} Lab\r\nContent-Length: 0\r\n\r\n").into_boxed_str());
        let replies: &[&str] =
            if is_posted { Box::leak(Box::new([refusal, ANSWER])) } else { Box::leak(Box::new([refusal])) };
        let (there, requests) = listen(replies).await;
        let fetcher = fetcher(dns.addr(), &[(HOST, there)]);
        let known = Validators::default();
        let fallback = Some(PostRequest { url: &post_url, body: body_sent.clone() });
        let answer = fetcher.fetch(FetchRequest { fallback, known: Some(&known), ..get(&get_url) }).await;
        let requests = requests.await.unwrap();
        assert!(requests[0].starts_with("GET /ocsp/AAAA HTTP/1.1\r\n"), "{requests:?}");
        if is_posted {
            assert_eq!(body(answer).0, b"answer");
            assert!(requests[1].starts_with("POST /ocsp HTTP/1.1\r\n"), "{requests:?}");
            assert!(requests[1].ends_with("\r\n\r\nquestion"), "{requests:?}");
        } else {
            let failure = answer.unwrap_err();
            assert_eq!((failure.phase, failure.reason), (S::Request, R::Status), "{failure:?}");
        }
    }
    // Where the POST isn't accepted either, that is the failure.
    let (there, requests) = listen(&["HTTP/1.1 405 Lab\r\nContent-Length: 0\r\n\r\n"; 2]).await;
    let fallback = Some(PostRequest { url: &post_url, body: body_sent });
    let fetcher = fetcher(dns.addr(), &[(HOST, there)]);
    check("405 twice", &fetcher, FetchRequest { fallback, ..get(&get_url) }, (S::Request, R::Status)).await;
    assert_eq!(requests.await.unwrap().len(), 2);
}
