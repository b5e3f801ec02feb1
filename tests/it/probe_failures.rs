//! Every failure reason, produced on real sockets: scenario in, stage and reason out.

use std::collections::BTreeSet;
use std::time::Duration;

use defender_exporter::catalog::{BodyKind, Evidence, Expectation};
use defender_exporter::config::{ConnectTo, HostPort};
use defender_exporter::observation::FailureReason as R;
use defender_exporter::observation::Stage as S;
use defender_exporter::observation::{FAILURE_PAIRS, Observation, Stage, StageOutcome};
use tokio::task::JoinSet;

use crate::scenario::dns::{Answer, Dns};
use crate::scenario::origin::{Origin, Script, Step, response};
use crate::scenario::pki::{self, Leaf};
use crate::scenario::{Blackhole, Scenario, refusing, unreachable};

const HOST: &str = "maps.genuine.example";
const TLS: &str = "https://maps.genuine.example/";
const PLAIN: &str = "http://maps.genuine.example/";

/// Pairs that loopback can't produce, and why.
const NOT_HERE: &[(Stage, R, &str)] =
    &[(S::Connect, R::Reset, "a reset before connect(2) has returned is a race that loopback loses")];

type Pair = (Stage, R);

#[tokio::test]
async fn every_pair_has_a_scenario() {
    let mut seen: BTreeSet<Pair> = BTreeSet::new();
    let mut tasks = JoinSet::new();
    names(&mut tasks);
    connections(&mut tasks).await;
    handshakes(&mut tasks);
    certificates(&mut tasks);
    answers(&mut tasks);
    bodies(&mut tasks);
    while let Some(pair) = tasks.join_next().await {
        seen.insert(pair.unwrap());
    }
    let excused = |pair: &Pair| NOT_HERE.iter().any(|(stage, reason, _)| (*stage, *reason) == *pair);
    let missing: Vec<_> = FAILURE_PAIRS
        .iter()
        .filter(|pair| pair.1 != R::Internal && !seen.contains(pair) && !excused(pair))
        .collect();
    assert!(missing.is_empty(), "no scenario produces {missing:?}");
}

/// Probes, and holds the observation to what is expected and to what every failure keeps.
async fn check(name: &str, scenario: &Scenario, expected: Pair) -> Pair {
    let start = std::time::Instant::now();
    let observation = scenario.probe().await;
    let took = start.elapsed();
    let failure =
        observation.failure.as_ref().unwrap_or_else(|| panic!("{name}: no failure: {observation:?}"));
    assert_eq!((failure.stage, failure.reason), expected, "{name}: {failure:?}");
    assert!(took < scenario.timeout + Duration::from_millis(400), "{name}: took {took:?}");
    keeps_its_evidence(name, &observation, failure.stage);
    expected
}

/// Stages before the failure are done or don't apply, with a time where they are done; the failed one has a time.
fn keeps_its_evidence(name: &str, observation: &Observation, failed: Stage) {
    for stage in Stage::ALL.iter().copied() {
        let outcome = observation.facts.timings.outcome(stage);
        let good = match stage.cmp(&failed) {
            std::cmp::Ordering::Less => matches!(outcome, StageOutcome::Done | StageOutcome::NotApplicable),
            std::cmp::Ordering::Equal => outcome == StageOutcome::Failed,
            // The answer's head can be refused after its body was read.
            std::cmp::Ordering::Greater if failed == Stage::Request => true,
            std::cmp::Ordering::Greater => outcome == StageOutcome::NotReached,
        };
        assert!(good, "{name}: {stage} is {outcome:?} although {failed} failed");
    }
}

fn names(tasks: &mut JoinSet<Pair>) {
    let v4 = |text: &str| Answer::Addresses(vec![text.parse().unwrap()]);
    let cases = [
        ("nxdomain", Answer::Nxdomain, R::Nxdomain),
        ("no data", Answer::NoData, R::NoData),
        ("servfail", Answer::Servfail, R::Servfail),
        ("refused", Answer::Refused, R::Refused),
        ("silence", Answer::Silence, R::Timeout),
        ("garbage", Answer::Garbage, R::Protocol),
        ("0.0.0.0", v4("0.0.0.0"), R::Sinkhole),
        ("127.0.0.1", v4("127.0.0.1"), R::Sinkhole),
        ("::", v4("::"), R::Sinkhole),
        ("a sinkhole over TCP", Answer::Truncated(vec!["127.0.0.2".parse().unwrap()]), R::Sinkhole),
    ];
    for (name, answer, reason) in cases {
        tasks.spawn(async move {
            let dns = Dns::start().await;
            dns.set(HOST, answer);
            check(name, &Scenario::new(TLS).dns(dns.address), (S::Resolve, reason)).await
        });
    }
    tasks.spawn(async {
        let scenario = Scenario::new(TLS).dns(refusing().await);
        check("no name server at the address", &scenario, (S::Resolve, R::Timeout)).await
    });
    tasks.spawn(async {
        let scenario = Scenario::new(TLS).dns(unreachable());
        check("no route to the name server", &scenario, (S::Resolve, R::Unreachable)).await
    });
}

async fn connections(tasks: &mut JoinSet<Pair>) {
    for (name, address, reason) in
        [("closed port", refusing().await, R::Refused), ("no route", unreachable(), R::Unreachable)]
    {
        tasks.spawn(async move { check(name, &Scenario::new(TLS).at(address), (S::Connect, reason)).await });
    }
    for url in [TLS, PLAIN] {
        tasks.spawn(async move {
            let blackhole = Blackhole::new();
            let scenario = Scenario::new(url).at(blackhole.address());
            check("dropped SYN", &scenario, (S::Connect, R::Timeout)).await
        });
    }
}

/// A scenario against an origin that lives as long as the probe.
fn spawn(
    tasks: &mut JoinSet<Pair>,
    name: &'static str,
    leaf: Option<Leaf>,
    script: Script,
    scenario: Scenario,
    pair: Pair,
) {
    tasks.spawn(async move {
        let origin = Origin::start(leaf.map(|leaf| pki::server(leaf, &[HOST])), script).await;
        let scenario = scenario.at(origin.address);
        check(name, &scenario, pair).await
    });
}

fn handshakes(tasks: &mut JoinSet<Pair>) {
    let alert = vec![0x15, 3, 3, 0, 2, 2, 40]; // fatal, handshake_failure (RFC 8446, section 6)
    let broken = vec![0x16, 3, 3, 0, 8, 2, 0, 0, 4, 3, 3, 0, 0]; // a ServerHello that ends too soon
    let cases = [
        ("silent", vec![Step::Hang], R::Timeout),
        (
            "a byte at a time",
            vec![
                Step::Read,
                Step::Drip(vec![0x16, 3, 3, 0x0f, 0xff, 2, 0, 0, 9, 9, 9, 9, 9], Duration::from_millis(100)),
            ],
            R::Timeout,
        ),
        ("closed after the hello", vec![Step::Read, Step::Close], R::Closed),
        ("reset after the hello", vec![Step::Read, Step::Reset], R::Reset),
        (
            "plain HTTP",
            vec![Step::Read, Step::Write(response(400, &[], b"speak HTTP")), Step::Hang],
            R::NotTls,
        ),
        ("an alert", vec![Step::Read, Step::Write(alert), Step::Hang], R::Alert),
        ("a broken hello", vec![Step::Read, Step::Write(broken), Step::Hang], R::Protocol),
    ];
    for (name, steps, reason) in cases {
        spawn(tasks, name, None, Script::raw(steps), Scenario::new(TLS), (S::Tls, reason));
    }
}

fn certificates(tasks: &mut JoinSet<Pair>) {
    let cases = [
        (Leaf::Expired, R::Expired),
        (Leaf::NotYetValid, R::NotYetValid),
        (Leaf::WrongName, R::NameMismatch),
        (Leaf::UnknownRoot, R::UnknownIssuer),
        (Leaf::NoIntermediate, R::UnknownIssuer),
        (Leaf::NotForServers, R::Invalid),
        (Leaf::Garbage, R::Invalid),
    ];
    for (leaf, reason) in cases {
        tasks.spawn(async move {
            let origin = Origin::start(Some(pki::server(leaf, &[HOST])), Script::raw(Vec::new())).await;
            let scenario = Scenario::new(TLS).at(origin.address);
            let pair = check(&format!("{leaf:?}"), &scenario, (S::Tls, reason)).await;
            let tls = scenario.probe().await.facts.tls.unwrap();
            assert!(!tls.verified, "{leaf:?}");
            assert!(leaf == Leaf::Garbage || tls.chain[0].subject.contains("lab leaf"), "{leaf:?}: {tls:?}");
            pair
        });
    }
}

fn answers(tasks: &mut JoinSet<Pair>) {
    let ok = || response(200, &[], b"hello");
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "a".repeat(200_000));
    let cases: [(&str, Vec<Step>, R); 11] = [
        ("no answer", vec![Step::Hang], R::Timeout),
        ("a head a byte at a time", vec![Step::Drip(ok(), Duration::from_millis(100))], R::Timeout),
        ("endless 1xx", vec![Step::Endless(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec())], R::Timeout),
        ("closed", vec![Step::Close], R::Closed),
        ("reset", vec![Step::Reset], R::Reset),
        ("garbage", vec![Step::Write(b"\x00\x01\x02 nonsense\r\n\r\n".to_vec()), Step::Hang], R::Protocol),
        ("a huge head", vec![Step::Write(long.into_bytes()), Step::Hang], R::TooLarge),
        (
            "endless headers",
            vec![Step::Write(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Endless(b"X-A: b\r\n".repeat(1000))],
            R::TooLarge,
        ),
        ("407", vec![Step::Write(response(407, &[], b""))], R::AuthRequired),
        ("511", vec![Step::Write(response(511, &[], b""))], R::BlockPage),
        (
            "a filter's header",
            vec![Step::Write(response(403, &[("X-Lab-Filter", "yes")], b""))],
            R::BlockPage,
        ),
    ];
    for (name, steps, reason) in cases {
        let script = Script::answer(steps);
        spawn(tasks, name, Some(Leaf::Good), script.clone(), Scenario::new(TLS), (S::Request, reason));
        spawn(tasks, name, None, script, Scenario::new(PLAIN), (S::Request, reason));
    }
    let portal =
        Script::answer(vec![Step::Write(response(302, &[("Location", "http://portal.example/")], b""))]);
    spawn(
        tasks,
        "a captive portal",
        None,
        portal.clone(),
        Scenario::new(PLAIN),
        (S::Request, R::RedirectOffSite),
    );
    let mut follows = Scenario::new(TLS);
    follows.follow_redirects = 2;
    spawn(tasks, "a redirect off site", Some(Leaf::Good), portal, follows, (S::Request, R::RedirectOffSite));
    let other = Script::answer(vec![Step::Write(response(404, &[], b""))]);
    let status = Scenario::new(PLAIN).evidence(Evidence::Status);
    spawn(tasks, "another status", None, other, status, (S::Request, R::Status));
    let header = Evidence::Header { name: "x-ms-request-id".to_owned(), prefix: String::new() };
    let without = Scenario::new(TLS).evidence(header);
    spawn(
        tasks,
        "no header",
        Some(Leaf::Good),
        Script::answer(vec![Step::Write(ok())]),
        without,
        (S::Request, R::WrongContent),
    );
}

fn bodies(tasks: &mut JoinSet<Pair>) {
    let head = |rest: &str| Step::Write(format!("HTTP/1.1 200 OK\r\n{rest}\r\n\r\n").into_bytes());
    let known = "Content-Length: 1000";
    let chunked = "Transfer-Encoding: chunked";
    let cases: [(&str, Vec<Step>, R); 7] = [
        ("no body", vec![head(known), Step::Hang], R::Timeout),
        (
            "a body a byte at a time",
            vec![head(known), Step::Drip(vec![b'a'; 1000], Duration::from_millis(100))],
            R::Timeout,
        ),
        ("half a body", vec![head(known), Step::Write(vec![b'a'; 500]), Step::Close], R::Closed),
        (
            "reset in the body",
            vec![
                head(known),
                Step::Write(vec![b'a'; 500]),
                Step::Wait(Duration::from_millis(50)),
                Step::Reset,
            ],
            R::Reset,
        ),
        ("a bad chunk", vec![head(chunked), Step::Write(b"xyz\r\n".to_vec()), Step::Hang], R::Protocol),
        ("100 MB", vec![head("Content-Length: 100000000"), Step::Endless(vec![b'a'; 65536])], R::TooLarge),
        ("an endless body", vec![head("Connection: close"), Step::Endless(vec![b'a'; 65536])], R::TooLarge),
    ];
    for (name, steps, reason) in cases {
        let script = Script::answer(steps);
        spawn(tasks, name, Some(Leaf::Good), script.clone(), Scenario::new(TLS), (S::Transfer, reason));
        spawn(tasks, name, None, script, Scenario::new(PLAIN), (S::Transfer, reason));
    }
    let portal = b"<html>Blocked by the LAB'S portal</html>";
    let page = Script::answer(vec![Step::Write(response(200, &[], portal))]);
    let wants_crl = || Scenario::new(PLAIN).evidence(Evidence::Body(BodyKind::Crl));
    spawn(tasks, "a portal's page", None, page.clone(), Scenario::new(PLAIN), (S::Transfer, R::BlockPage));
    spawn(tasks, "a portal's page for a CRL", None, page, wants_crl(), (S::Transfer, R::BlockPage));
    for (name, kind) in [
        ("no CRL", BodyKind::Crl),
        ("no certificate", BodyKind::Certificate),
        ("no cabinet", BodyKind::Cabinet),
        ("no feed", BodyKind::Xml("versions".to_owned())),
        ("no OK", BodyKind::Text("OK".to_owned())),
    ] {
        let html =
            Script::answer(vec![Step::Write(response(200, &[], b"<html><body>Welcome</body></html>"))]);
        let scenario = Scenario::new(PLAIN).evidence(Evidence::Body(kind));
        spawn(tasks, name, None, html, scenario, (S::Transfer, R::WrongContent));
    }
}

#[tokio::test]
async fn a_redirect_that_fails_keeps_the_first_hop() {
    let to = Script::answer(vec![Step::Write(response(
        302,
        &[("Location", "https://cdn.genuine.example/x")],
        b"",
    ))]);
    let origin = Origin::start(Some(pki::server(Leaf::Good, &[HOST])), to).await;
    let mut scenario = Scenario::new(TLS).at(origin.address);
    scenario.follow_redirects = 1;
    scenario.expect = Expectation::OneOf(vec![200]);
    let next = HostPort { host: "cdn.genuine.example".to_owned(), port: 443 };
    scenario.config.connect_to.insert(next, ConnectTo::Address(refusing().await));
    let observation = scenario.probe().await;
    let failure = observation.failure.unwrap();
    assert_eq!((failure.stage, failure.reason), (S::Connect, R::Refused));
    assert!(observation.facts.tls.unwrap().verified);
    assert_eq!(observation.facts.http.unwrap().status, 302);
}
