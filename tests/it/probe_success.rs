//! Genuine answers: scenario in, success out, with what was learned.

use defender_exporter::catalog::{BodyKind, Evidence, Expectation, HostPattern, Method};
use defender_exporter::config::Family;
use defender_exporter::observation::Observation;

use crate::scenario::Scenario;
use crate::scenario::dns::{Answer, Dns};
use crate::scenario::origin::{Origin, Script, Step, response};
use crate::scenario::pki::{self, Leaf};

const HOST: &str = "maps.genuine.example";
const TLS: &str = "https://maps.genuine.example/";
const PLAIN: &str = "http://maps.genuine.example/";
/// The shape that three parsers of the version feed agree on; the values are made up.
const FEED: &str = r#"<?xml version="1.0"?><versions><engine>1.1.1.1</engine><platform>4.18.1.1</platform><signatures date="2026-11-23 10:00:00Z">1.400.1.0</signatures></versions>"#;

async fn check(
    scenario: Scenario,
    tls: bool,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Observation {
    let script = Script::answer(vec![Step::Write(response(status, headers, body))]);
    let origin = Origin::start(tls.then(|| pki::server(Leaf::Good, &[HOST])), script).await;
    let observation = scenario.at(origin.address).probe().await;
    assert_eq!(observation.failure, None);
    assert_eq!(observation.facts.http.as_ref().unwrap().status, status);
    observation
}

#[tokio::test]
async fn evidence_of_each_kind_holds() {
    let header =
        |name: &str, prefix: &str| Evidence::Header { name: name.to_owned(), prefix: prefix.to_owned() };
    let plain = |kind| Scenario::new(PLAIN).evidence(Evidence::Body(kind));
    check(plain(BodyKind::Crl), false, 200, &[], &pki::crl()).await;
    check(plain(BodyKind::Certificate), false, 200, &[], &pki::root()).await;
    check(plain(BodyKind::Cabinet), false, 200, &[], b"MSCF\0\0\0\0").await;
    check(plain(BodyKind::Xml("versions".to_owned())), false, 200, &[], FEED.as_bytes()).await;
    check(plain(BodyKind::Text("OK".to_owned())), false, 200, &[], b"\r\nOK\r\n").await;
    check(Scenario::new(PLAIN).evidence(Evidence::Status), false, 200, &[], b"").await;
    // A proof in the body outweighs a mark of a filter that only passed the answer on.
    check(plain(BodyKind::Crl), false, 200, &[("X-Lab-Filter", "passed")], &pki::crl()).await;
    let blob = Scenario::new(TLS)
        .evidence(header("x-ms-request-id", ""))
        .evidence(header("server", "Windows-Azure-Blob/"));
    check(blob, true, 400, &[("x-ms-request-id", "1"), ("Server", "Windows-Azure-Blob/1.0")], b"").await;
    let redirect =
        Scenario::new(PLAIN).evidence(Evidence::Redirect(HostPattern("*.genuine.example".to_owned())));
    check(redirect, false, 302, &[("Location", "https://www.genuine.example/")], b"").await;
}

#[tokio::test]
async fn any_status_over_a_verified_chain_is_genuine() {
    for status in [200, 403, 404, 500, 503] {
        let observation = check(Scenario::new(TLS), true, status, &[], b"").await;
        let tls = observation.facts.tls.unwrap();
        assert!(tls.verified);
        assert_eq!(tls.version, Some("TLSv1_3"));
        assert!(tls.root.unwrap().contains("Lab Microsoft Root 2011"));
        assert_eq!(tls.chain.len(), 2);
    }
}

#[tokio::test]
async fn the_request_is_one_of_a_plain_client() {
    let script = Script::answer(vec![Step::Write(response(200, &[], b""))]);
    let origin = Origin::start(None, script).await;
    let mut scenario = Scenario::new("http://maps.genuine.example:8080/a?b=c").at(origin.address);
    scenario.method = Method::Head;
    scenario.probe().await;
    let heads = origin.heads();
    assert_eq!(heads.len(), 1, "one attempt per probe");
    assert!(heads[0].starts_with("HEAD /a?b=c HTTP/1.1\r\n"), "{heads:?}");
    assert!(heads[0].contains("\r\nhost: maps.genuine.example:8080\r\n"), "{heads:?}");
    assert!(heads[0].contains("\r\nuser-agent: defender-exporter/"), "{heads:?}");
}

#[tokio::test]
async fn redirects_are_followed_where_the_catalog_says_so() {
    let script = Script {
        raw: Vec::new(),
        answer: std::sync::Arc::new(|head| {
            let answer = if head.starts_with("GET /link") {
                response(302, &[("Location", "/target")], b"")
            } else {
                response(200, &[], b"OK")
            };
            vec![Step::Write(answer)]
        }),
    };
    for (follow, status, requests) in [(0, 302, 1), (1, 200, 2)] {
        let origin = Origin::start(Some(pki::server(Leaf::Good, &[HOST])), script.clone()).await;
        let mut scenario = Scenario::new("https://maps.genuine.example/link").at(origin.address);
        scenario.follow_redirects = follow;
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None);
        let http = observation.facts.http.unwrap();
        assert_eq!((http.status, origin.heads().len()), (status, requests));
    }
}

#[tokio::test]
async fn configured_loopback_addresses_are_no_sinkhole() {
    let origin = Origin::start(None, Script::answer(vec![Step::Write(response(200, &[], b""))])).await;
    let url = format!("http://maps.genuine.example:{}/", origin.address.port());
    let mut scenario = Scenario::new(&url);
    scenario.config.resolver.overrides.insert(HOST.to_owned(), vec![origin.address.ip()]);
    assert_eq!(scenario.probe().await.failure, None);
}

#[tokio::test]
async fn the_family_decides_which_addresses_count() {
    let dns = Dns::start().await;
    let both = ["203.0.113.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
    dns.set(HOST, Answer::Addresses(both.to_vec()));
    for (family, expected) in
        [(Family::Any, both.to_vec()), (Family::Ipv4, both[..1].to_vec()), (Family::Ipv6, both[1..].to_vec())]
    {
        let mut scenario = Scenario::new(TLS).dns(dns.address);
        scenario.expect = Expectation::Any;
        scenario.timeout = std::time::Duration::from_millis(200);
        scenario.config.resolver.family = family;
        let observation = scenario.probe().await;
        assert_eq!(observation.facts.addresses, expected, "{family:?}");
    }
}
