//! Successful probes of genuine responses, and their facts.

use std::net::IpAddr;

use defender_exporter::catalog::{BodyKind, ExpectedEvidence, HostPattern, Method};
use defender_exporter::config::Family;
use defender_exporter::observation::Observation;

use crate::lab::dns::Answer;
use crate::lab::faults::Handshake;
use crate::lab::origin::ALL_HOSTS;
use crate::lab::pki::Authority;
use crate::lab::reply::{End, Reply, Response, Step};
use crate::lab::{Lab, genuine};
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const TLS: &str = "https://maps.genuine.example/";
const PLAIN: &str = "http://maps.genuine.example/";

/// Makes both origins answer so, and holds that all the evidence is found in it.
async fn check(lab: &Lab, url: &str, evidence: &[ExpectedEvidence], response: Response) -> Observation {
    lab.tls.set(HOST, "/", response.clone());
    lab.plain.set(HOST, "/", response.clone());
    let mut scenario = Scenario::new(lab, url);
    scenario.target.endpoint.evidence = evidence.to_vec();
    let observation = scenario.probe().await;
    assert_eq!(observation.failure, None, "{url} {evidence:?} {response:?}");
    observation
}

/// Lines of a head that no standard allows and clients read all the same (curl, WinHTTP), each with the value that is read
/// of the header `X-Lab`.
const HEADERS: &[(&str, Option<&str>)] = &[
    ("X-Lab: one,\r\n two\r\n", Some("one, two")), // RFC 9112, section 5.2
    ("X-Lab: one,\r\n\t \r\n  two\r\n", Some("one,  two")), // a space for each fold
    ("X-Lab : one\r\n", Some("one")),
    ("X Lab: one\r\n", None),
    (": one\r\n", None),
];

#[tokio::test]
async fn an_answer_may_have_hundreds_of_headers() {
    let lab = Lab::start().await;
    for url in [TLS, PLAIN] {
        let many = (0..500).fold(Response::new(200), |response, n| response.header(&format!("X-{n}"), "lab"));
        check(
            &lab,
            url,
            &[ExpectedEvidence::Header { name: "x-499".to_owned(), prefix: "lab".to_owned() }],
            many,
        )
        .await;
    }
}

#[tokio::test]
async fn headers_are_read_as_clients_read_them() {
    let lab = Lab::start().await;
    for (header, value) in HEADERS {
        let head = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\n\r\n");
        let steps = vec![Step::Send(head.into_bytes()), Step::End(End::Close)];
        for (origin, url) in [(&lab.tls, TLS), (&lab.plain, PLAIN)] {
            origin.break_host(HOST, Reply::Script(steps.clone()));
            let mut scenario = Scenario::new(&lab, url);
            let evidence = |prefix: &&str| ExpectedEvidence::Header {
                name: "x-lab".to_owned(),
                prefix: (*prefix).to_owned(),
            };
            scenario.target.endpoint.evidence = value.iter().map(evidence).collect();
            assert_eq!(scenario.probe().await.failure, None, "{url} {header:?}");
        }
    }
}

#[tokio::test]
async fn evidence_of_each_kind_holds() {
    let lab = Lab::start().await;
    let authority = Authority::Microsoft2011;
    let crl = lab.pki.crl(authority);
    let feed = genuine::version_feed("1.1.1.1", "4.18.1.1", "1.400.1.0", lab.pki.now());
    let ok = || Response::new(200);
    let cases = [
        (BodyKind::Crl, ok().body(crl.clone())),
        (BodyKind::Certificate, ok().body(lab.pki.intermediate(authority).to_vec())),
        (BodyKind::Cabinet, ok().body(genuine::cabinet())),
        (BodyKind::Gif, ok().body("GIF89a and more")),
        (BodyKind::WebService, ok().body("<a href=\"client.asmx?WSDL\">Service Description</a>")),
        (
            BodyKind::WebService,
            ok().body("<wsdl:definitions xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\"/>"),
        ),
        (BodyKind::Xml("versions".to_owned()), ok().body(feed)),
        (BodyKind::Text("OK".to_owned()), ok().body("\r\nOK\r\n")),
        // A proof in the body outweighs a mark of a filter that only passed the answer on.
        (BodyKind::Crl, ok().header("X-Lab-Filter", "passed").body(crl)),
    ];
    for (kind, response) in cases {
        check(&lab, PLAIN, &[ExpectedEvidence::Body(kind)], response).await;
    }
    check(&lab, PLAIN, &[ExpectedEvidence::Status], ok()).await;
    let header = |name: &str, prefix: &str| ExpectedEvidence::Header {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
    };
    let blob = Response::new(400).header("x-ms-request-id", "1").header("Server", "Windows-Azure-Blob/1.0");
    check(&lab, TLS, &[header("x-ms-request-id", ""), header("server", "Windows-Azure-Blob/")], blob).await;
    let to_www = ExpectedEvidence::Redirect(HostPattern("*.genuine.example".to_owned()));
    check(&lab, PLAIN, &[to_www], Response::redirect(302, "https://www.genuine.example/")).await;
}

#[tokio::test]
async fn any_status_over_a_verified_chain_is_genuine() {
    let lab = Lab::start().await;
    for status in [200, 403, 404, 500, 503] {
        let facts = check(&lab, TLS, &[], Response::new(status)).await.facts;
        assert_eq!(facts.http.unwrap().status, status);
        let tls = facts.tls.unwrap();
        assert!(tls.verified);
        assert!(tls.root.unwrap().contains("Lab Microsoft Root 2011"));
        assert_eq!(tls.chain.len(), 2);
    }
}

#[tokio::test]
async fn both_tls_versions_are_reported() {
    let lab = Lab::start().await;
    let versions = [
        (&rustls::version::TLS12, "TLSv1.2", "TLS_ECDHE_"),
        (&rustls::version::TLS13, "TLSv1.3", "TLS_AES_"),
    ];
    for (version, name, cipher) in versions {
        lab.tls.break_host(ALL_HOSTS, Handshake::Only(version));
        let tls = check(&lab, TLS, &[], Response::new(200)).await.facts.tls.unwrap();
        assert_eq!(tls.version, Some(name));
        assert!(tls.cipher.unwrap().starts_with(cipher), "{tls:?}"); // as IANA registers them
    }
}

#[tokio::test]
async fn the_request_is_one_of_a_plain_client() {
    let lab = Lab::start().await;
    let mut scenario = Scenario::new(&lab, "http://maps.genuine.example:8080/a?b=c");
    scenario.target.endpoint.method = Method::Head;
    scenario.probe().await;
    let requests = lab.plain.requests();
    assert_eq!((requests.len(), lab.plain.connections()), (1, 1), "one attempt per probe");
    let head = &requests[0].head;
    assert!(head.starts_with("HEAD /a?b=c HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nhost: maps.genuine.example:8080\r\n"), "{head}");
    assert!(head.contains("\r\nuser-agent: defender-exporter/"), "{head}");
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
}

#[tokio::test]
async fn redirects_are_followed_where_the_catalog_says_so() {
    for (follow, status, requests) in [(0, 302, 1), (1, 200, 2)] {
        let lab = Lab::start().await;
        lab.tls.set(HOST, "/link", Response::redirect(302, "/target"));
        lab.tls.set(HOST, "/target", Response::new(200).body("OK"));
        let mut scenario = Scenario::new(&lab, "https://maps.genuine.example/link");
        scenario.target.endpoint.follow_redirects = follow;
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None);
        let http = observation.facts.http.unwrap();
        assert_eq!((http.status, lab.tls.requests().len()), (status, requests));
    }
}

#[tokio::test]
async fn configured_loopback_addresses_are_no_sinkhole() {
    let lab = Lab::start().await;
    let port = lab.plain.addr().port();
    let url = format!("http://maps.genuine.example:{port}/");
    let mut overridden = Scenario::new(&lab, &url).by_name();
    overridden.config.resolver.overrides.insert(HOST.to_owned(), vec![lab.plain.addr().ip()]);
    lab.dns.set("origin.lab", Answer::address(lab.plain.addr().ip()));
    for scenario in [overridden, Scenario::new(&lab, PLAIN).through("origin.lab", port)] {
        assert_eq!(scenario.probe().await.failure, None);
    }
    assert_eq!(lab.dns.count(HOST), 0, "what is configured is not asked for");
}

#[tokio::test]
async fn the_aliases_of_the_host_are_known() {
    let lab = Lab::start().await;
    let address = lab.tls.addr().ip();
    for (answer, expected) in
        [(Answer::Alias("cdn.lab", vec![address]), &["cdn.lab"][..]), (Answer::address(address), &[])]
    {
        lab.dns.set("origin.lab", answer);
        let scenario = Scenario::new(&lab, TLS).through("origin.lab", lab.tls.addr().port());
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None);
        assert_eq!(observation.facts.aliases, expected);
    }
}

#[tokio::test]
async fn the_family_decides_which_addresses_count() {
    let lab = Lab::start().await;
    let both: [IpAddr; 2] = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    lab.dns.set("origin.lab", Answer::Addresses(both.to_vec()));
    for (family, expected) in
        [(Family::Any, &both[..]), (Family::Ipv4, &both[..1]), (Family::Ipv6, &both[1..])]
    {
        let mut scenario = Scenario::new(&lab, TLS).through("origin.lab", lab.tls.addr().port());
        scenario.config.resolver.family = family;
        let mut found = scenario.probe().await.facts.addresses;
        found.sort(); // their order depends on the machine's routes
        assert_eq!(found, expected, "{family:?}");
    }
}
