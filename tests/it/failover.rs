//! Addresses and DNS servers that fail before another one works: the probe succeeds where a client would, and says what
//! clients lose.

use std::net::IpAddr;
use std::time::Duration;

use defender_exporter::observation::{
    AttemptTarget, FailureReason as R, Observation, Phase as S, PhaseOutcome,
};
use defender_exporter::verdict::{self, ConcernKind, Verdict};

use crate::lab::Lab;
use crate::lab::dns::{Answer, Dns};
use crate::lab::reply::Response;
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const PLAIN: &str = "http://maps.genuine.example/";

/// How often servers that disagree are queried: the answer must not depend on which is faster.
const REPEATED: usize = 30;

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// The verdict and, if it isn't good, the concern.
fn judged(scenario: &Scenario, observation: &Observation) -> (Option<Verdict>, Option<ConcernKind>) {
    let judgement = verdict::endpoint(&scenario.target.endpoint, observation, None, false);
    (judgement.verdict(), judgement.concern().map(verdict::Concern::kind))
}

const GOOD: (Option<Verdict>, Option<ConcernKind>) = (Some(Verdict::Good), None);
const FAILED_OVER: (Option<Verdict>, Option<ConcernKind>) =
    (Some(Verdict::Degraded), Some(ConcernKind::Failover));

/// The addresses in order, the reasons of those that fail beside the one that counts, and the probe's own failure.
type AddressCase<'a> = (&'a [&'a str], &'a [R], Option<(S, R)>);

#[tokio::test]
async fn a_second_address_is_tried() {
    let lab = Lab::start().await;
    lab.plain.set(HOST, "/", Response::new(200));
    let cases: [AddressCase; 6] = [
        (&["127.0.0.1", "127.0.0.2"], &[], None),
        (&["127.0.0.2", "127.0.0.1"], &[R::Refused], None),
        (&["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.1"], &[R::Refused; 4], None),
        (
            &["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.1"],
            &[R::Refused; 4],
            Some((S::Connect, R::Refused)),
        ),
        (&["127.0.0.2", "127.0.0.3"], &[R::Refused], Some((S::Connect, R::Refused))),
        (&["127.0.0.2"], &[], Some((S::Connect, R::Refused))),
    ];
    for (addresses, failed, failure) in cases {
        let mut scenario = Scenario::new(&lab, PLAIN).through("origin.lab", lab.plain.addr().port());
        scenario.config.resolver.overrides.insert("origin.lab".to_owned(), ips(addresses));
        let observation = scenario.probe().await;
        assert_eq!(observation.failure.as_ref().map(|f| (f.phase, f.reason)), failure, "{addresses:?}");
        let facts = &observation.facts;
        let reasons: Vec<_> = facts.failed_attempts.iter().map(|attempt| attempt.failure.reason).collect();
        assert_eq!(reasons, failed, "{addresses:?}");
        let lost = facts.timings.outcome(S::Failover);
        let expected = if failed.is_empty() { PhaseOutcome::NotApplicable } else { PhaseOutcome::Done };
        assert_eq!(lost, expected, "{addresses:?}");
        if failure.is_none() {
            let expected = if failed.is_empty() { GOOD } else { FAILED_OVER };
            assert_eq!(judged(&scenario, &observation), expected, "{addresses:?}");
            assert_eq!(facts.peer.map(|peer| peer.ip().to_string()).as_deref(), Some("127.0.0.1"));
        } else {
            // The first address is the one that is told; the others are kept.
            assert_eq!(facts.peer.map(|peer| peer.ip()), Some(ips(addresses)[0]), "{addresses:?}");
            assert_eq!(observation.by_address().count(), addresses.len().min(5), "{addresses:?}");
            let detail = &observation.failure.as_ref().unwrap().detail;
            let others = detail.contains("the other addresses failed too");
            assert_eq!(others, addresses.len() > 1, "{detail}");
        }
    }
}

/// Two servers, in order, whose first answers decide as for every other program of the machine.
#[tokio::test]
async fn the_servers_are_queried_in_order() {
    let lab = Lab::start().await;
    lab.plain.set(HOST, "/", Response::new(200));
    let (first, second) = (Dns::start().await, Dns::start().await);
    let good = || Answer::address([127, 0, 0, 1]);
    let timeout = Duration::from_secs(4);
    // What each answers, what the first one failed with, the probe's own failure, the judgement, and how often.
    let cases = [
        ("good", good(), good(), None, None, GOOD, 1),
        ("good, then SERVFAIL", good(), Answer::Servfail, None, None, GOOD, REPEATED),
        ("good, then REFUSED", good(), Answer::Refused, None, None, GOOD, REPEATED),
        ("SERVFAIL, then good", Answer::Servfail, good(), Some(R::Servfail), None, GOOD, REPEATED),
        ("REFUSED, then good", Answer::Refused, good(), Some(R::Refused), None, GOOD, REPEATED),
        ("NXDOMAIN, then good", Answer::Nxdomain, good(), None, Some(R::Nxdomain), GOOD, REPEATED),
        ("silence, then good", Answer::Silence, good(), Some(R::Timeout), None, FAILED_OVER, 1),
        ("A alone", Answer::OnlyA(ips(&["127.0.0.1"])), good(), Some(R::Timeout), None, FAILED_OVER, 1),
    ];
    for (name, one, other, failed, failure, judgement, times) in cases {
        first.reset(one);
        second.reset(other);
        for _ in 0..times {
            let mut scenario = Scenario::new(&lab, PLAIN).through("origin.lab", lab.plain.addr().port());
            scenario.config.resolver.servers = vec![first.addr(), second.addr()];
            scenario.target.timeout = timeout;
            let observation = scenario.probe().await;
            assert_eq!(observation.failure.as_ref().map(|f| f.reason), failure, "{name}: {observation:?}");
            let attempts = &observation.facts.failed_attempts;
            assert_eq!(
                attempts.first().map(|attempt| attempt.failure.reason),
                failed,
                "{name}: {attempts:?}"
            );
            for attempt in attempts {
                assert_eq!(attempt.target, AttemptTarget::DnsServer(first.addr()), "{name}");
                assert!(attempt.failure.detail.contains(&first.addr().to_string()), "{name}: {attempt:?}");
            }
            match &observation.failure {
                None => assert_eq!(judged(&scenario, &observation), judgement, "{name}"),
                Some(failure) => {
                    let other = format!("DNS server {} has 1 address for origin.lab", second.addr());
                    assert!(failure.detail.contains(&other), "{name}: {failure:?}");
                }
            }
        }
    }
}
