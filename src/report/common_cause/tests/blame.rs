//! What must not be blamed, and what is named in its place: one line for each round of probes.

use super::*;
use crate::catalog::Scheme;
use crate::observation::{CertificateFacts, HopFacts, TlsFacts};

const PROXY: &str = "http://10.0.0.8:8080";
const PUBLIC: &str = "CN=Microsoft TLS G2 ECC CA OCSP 02, O=Microsoft Corporation";
const DNS_SERVER: &str = "10.0.0.53:53";

/// Changes the facts of a probe.
type Change = fn(&mut Facts);

/// What is named on a route.
fn check_on(route: &str, why: &str, snapshot: &Snapshot, expected: &[&str]) {
    let causes = common_causes(snapshot);
    let own = causes.iter().filter(|cause| cause.route == route);
    let named: Vec<_> = own.map(|cause| format!("{} {}", cause.kind, cause.value)).collect();
    assert_eq!(named, expected, "{why}");
}

/// The hosts of MAPS, those of sample storage, and one host that has two endpoints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Maps,
    Submission,
    Host,
}

/// A host with two endpoints over TLS.
const HOST: &str = "fe3cr.delivery.mp.microsoft.com";

impl Who {
    fn has(self, target: &Target) -> bool {
        match self {
            Self::Maps => is_maps(target),
            Self::Submission => target.endpoint.component == Component::Submission,
            Self::Host => target.endpoint.url.host() == HOST,
        }
    }
}

/// A round on one route in which these fail, after their facts were changed.
fn failing(cases: &[(Who, Change, (S, R))]) -> Snapshot {
    round(&["direct"], |target, facts| {
        let (_, change, code) = cases.iter().find(|(who, ..)| who.has(target))?;
        change(facts);
        Some(*code)
    })
}

fn issued(facts: &mut Facts, issuer: &str) {
    let leaf = CertificateFacts {
        subject: "CN=leaf".to_owned(),
        issuer: issuer.to_owned(),
        not_before: simulation::at(0),
        not_after: simulation::at(86_400),
    };
    facts.http = None;
    facts.tls = facts.tls.take().map(|tls| TlsFacts { chain: [leaf].into(), ..tls });
}

fn with_public_issuer(facts: &mut Facts) {
    issued(facts, PUBLIC);
}

fn behind_inspector(facts: &mut Facts) {
    issued(facts, "CN=Filter CA");
    facts.tls = facts.tls.take().map(|tls| TlsFacts { intercepted: true, verified: false, ..tls });
}

fn with_old_version(facts: &mut Facts) {
    facts.http = None;
    facts.tls = facts.tls.take().map(|tls| TlsFacts { version: Some("TLSv1.2"), ..tls });
}

fn at_own_network(facts: &mut Facts) {
    facts.http = None;
    facts.peer = Some(([10, 9, 30, 5], 443).into());
}

fn behind_own_alias(facts: &mut Facts) {
    at_own_network(facts);
    facts.aliases = vec!["service.trafficmanager.example".to_owned()];
}

fn without_address(facts: &mut Facts) {
    let aliases = std::mem::take(&mut facts.aliases);
    *facts = Facts { aliases, ..Facts::default() };
    facts.lookup.resolver = Some(DNS_SERVER.parse().expect("an address"));
}

fn resolved(facts: &mut Facts) {
    facts.http = None;
    facts.lookup.resolver = Some(DNS_SERVER.parse().expect("an address"));
}

fn alias_without_address(facts: &mut Facts) {
    *facts = Facts { aliases: vec!["service.trafficmanager.example".to_owned()], ..Facts::default() };
}

fn behind_proxy(facts: &mut Facts) {
    *facts = Facts { proxy: Some(PROXY.to_owned()), ..Facts::default() };
}

/// The redirect through the proxy worked, and the next host isn't reached.
fn redirected_through_proxy(facts: &mut Facts) {
    let hop = |name: &str| HopFacts {
        url: format!("http://{name}.example/"),
        authority: format!("{name}.example"),
        proxy: Some(PROXY.to_owned()),
        ..HopFacts::default()
    };
    *facts = Facts::redirected(vec![hop("own"), hop("cdn")], facts.timings.clone(), true);
}

#[test]
fn what_a_failure_went_past_is_not_blamed() {
    use Who::{Host, Maps, Submission};
    let check = |why: &str, cases: &[(Who, Change, (S, R))], expected: &[&str]| {
        check_on("direct", why, &failing(cases), expected);
    };
    let request = |reason| (S::Request, reason);
    for reason in [R::Timeout, R::Closed, R::Reset] {
        check("a genuine chain", &[(Maps, with_public_issuer, request(reason))], &["phase request"]);
        check("a version that worked", &[(Maps, with_old_version, request(reason))], &["phase request"]);
    }
    let tls = |reason| (S::Tls, reason);
    check(
        "no answer of an inspector",
        &[(Maps, behind_inspector, request(R::Reset))],
        &["issuer CN=Filter CA"],
    );
    for reason in
        [R::Intercepted, R::UnknownIssuer, R::Expired, R::NotYetValid, R::WeakKey, R::IncompleteChain]
    {
        check("a bad chain", &[(Maps, with_public_issuer, tls(reason))], &[&format!("issuer {PUBLIC}")]);
    }
    for reason in [R::Reset, R::Alert, R::NameMismatch] {
        check("not the chain's fault", &[(Maps, with_public_issuer, tls(reason))], &["phase tls"]);
    }
    check("a version", &[(Maps, with_old_version, tls(R::Reset))], &["tls_version TLSv1.2"]);
    let host = format!("host {HOST}");
    check("a stopped server", &[(Host, at_own_network, (S::Connect, R::Refused))], &[&host]);
    check("a server's name in TLS", &[(Host, at_own_network, tls(R::Reset))], &[&host]);
    check("TCP worked: not the network", &[(Maps, at_own_network, tls(R::Reset))], &["phase tls"]);
    check(
        "others connected to the same network",
        &[(Maps, at_own_network, (S::Connect, R::Timeout)), (Submission, at_own_network, tls(R::Reset))],
        &[],
    );
    check(
        "a DNS server that has other names",
        &[(Maps, without_address, (S::Resolve, R::Nxdomain)), (Submission, resolved, tls(R::Reset))],
        &[],
    );
    let redirected: (Who, Change, _) = (Maps, redirected_through_proxy, (S::Connect, R::Timeout));
    check("a proxy that carried a redirect", &[redirected], &["phase connect"]);
}

#[test]
fn the_phase_decides_between_an_alias_and_its_network() {
    let check = |why: &str, change: Change, code: (S, R), expected: &str| {
        check_on("direct", why, &failing(&[(Who::Maps, change, code)]), &[expected]);
    };
    let (alias, network) = ("cname_target service.trafficmanager.example", "address_prefix 10.9.30.0/24");
    check("blocked by address", behind_own_alias, (S::Connect, R::Timeout), network);
    check("a name without address", alias_without_address, (S::Resolve, R::Nxdomain), alias);
    check("after TCP", behind_own_alias, (S::Tls, R::Reset), alias);
    check("after TLS", behind_own_alias, (S::Request, R::Timeout), alias);
}

#[test]
fn a_dns_server_is_proven_by_its_silence_alone() {
    let check = |reason, expected: &[&str]| {
        let all = round(&["direct"], |_, facts| {
            without_address(facts);
            Some((S::Resolve, reason))
        });
        check_on("direct", "without contrast", &all, expected);
    };
    check(R::Timeout, &["resolver 10.0.0.53"]);
    check(R::Refused, &["resolver 10.0.0.53"]);
    for reason in [R::Unreachable, R::Servfail, R::Nxdomain, R::NoData, R::Sinkhole, R::Truncated] {
        check(reason, &[]);
    }
    let maps = failing(&[(Who::Maps, without_address, (S::Resolve, R::Servfail))]);
    check_on("direct", "others have another server", &maps, &["resolver 10.0.0.53"]);
    // Nobody answered for the proxy's name: that is no fault of the proxy.
    let maps = failing(&[(Who::Maps, behind_proxy, (S::Resolve, R::Timeout))]);
    check_on("direct", "no DNS server answers", &maps, &["phase resolve"]);
}

#[test]
fn two_phases_are_two_symptoms_and_no_cause() {
    let cases: [(Who, Change, (S, R)); 2] = [
        (Who::Maps, |_| {}, (S::Connect, R::Timeout)),
        (Who::Submission, |_| {}, (S::Request, R::BlockPage)),
    ];
    check_on("direct", "two phases", &failing(&cases), &[]);
}

#[test]
fn a_failure_of_another_kind_hides_no_proven_machine() {
    let lost = |bypasses: fn(&Target) -> bool, on: &'static [&'static str]| {
        round(&["direct", "corp"], move |target, facts| {
            facts.http = None;
            if bypasses(target) && on.contains(&target.route.name.as_str()) {
                return Some((S::Connect, R::Timeout));
            }
            (target.route.name == "corp").then(|| {
                behind_proxy(facts);
                (S::Connect, R::Refused)
            })
        })
    };
    let one = |target: &Target| target.endpoint.url.as_str() == simulation::MAPS;
    let proxy = format!("proxy {PROXY}");
    check_on("corp", "a host is down on both routes", &lost(one, &["direct", "corp"]), &[&proxy]);
    check_on("corp", "a host is down on this route", &lost(one, &["corp"]), &[&proxy]);
    check_on("direct", "a single failure", &lost(one, &["direct", "corp"]), &[]);
    let both = round(&["direct", "corp"], |target, facts| {
        facts.http = None;
        let is_plain = target.endpoint.url.scheme() == Scheme::Http;
        let is_reset = target.route.name == "direct" && Who::Host.has(target);
        is_plain.then_some((S::Connect, R::Refused)).or_else(|| is_reset.then_some((S::Tls, R::Reset)))
    });
    check_on("corp", "what most have is not left out", &both, &["port 80"]);
    check_on("direct", "what most have is not left out", &both, &["port 80", "phase tls"]);
    check_on("corp", "too many for chance", &lost(is_maps, &["corp"]), &["route corp"]);
}

#[test]
fn a_success_from_before_the_outage_clears_nothing() {
    let mut snapshot = round(&["direct"], |_, facts| {
        resolved(facts);
        None
    });
    let check = |snapshot: &Snapshot, expected: &[&str]| check_on("direct", "the server", snapshot, expected);
    let plan = snapshot.plan.clone();
    let fails = |target: &Target| target.endpoint.url.scheme() == Scheme::Https;
    for second in [80, 7200] {
        for n in (0..plan.targets.len()).filter(|n| fails(&plan.targets[*n])) {
            simulation::observe(&mut snapshot, TargetId(n), second, |facts| {
                without_address(facts);
                Some(Failure::new(S::Resolve, R::Timeout, ""))
            });
        }
        check(&snapshot, if second == 80 { &["phase resolve"] } else { &["resolver 10.0.0.53"] });
    }
}

#[test]
fn sentences_count_two_as_both() {
    let host = |target: &Target| target.endpoint.url.as_str() == simulation::MAPS;
    let snapshot = round(&["direct", "other"], |target, facts| {
        host(target).then(|| {
            at_own_network(facts);
            (S::Connect, R::Refused)
        })
    });
    let words = "Both failures via direct, other share the host wdcp.microsoft.com.";
    assert_eq!(common_cause_sentences(&snapshot), [words]);
}

/// Each fact is compared with its own failures alone: ten times the failures cost ten times as much.
#[test]
fn each_fact_is_compared_with_its_own_failures() {
    let looked_at = |count: usize| {
        let networks: Vec<_> = (0..count / 2).map(|n| format!("host-{n}.example")).collect();
        let failures: Vec<_> = (0..count)
            .map(|n| FailedProbe {
                route: "direct",
                own: None,
                facts: vec![Fact::Route("direct"), Fact::Phase(S::Connect), Fact::Host(&networks[n / 2])],
                proven: None,
            })
            .collect();
        let mut looked_at = 0;
        let found = candidates(&failures.iter().collect::<Vec<_>>(), |candidate| {
            looked_at += candidate.failures.len();
            true
        });
        assert_eq!(found.len(), 2 + count / 2);
        assert_eq!(pair(&found, count, |_| true), None);
        looked_at
    };
    assert_eq!((looked_at(1_000), looked_at(10_000)), (3_000, 30_000));
}

#[test]
fn common_elements_are_counted() {
    for (one, other, expected) in [
        (&[][..], &[1, 2][..], 0),
        (&[1, 2, 5], &[2, 3, 5, 9], 2),
        (&[7], &[0, 1, 2, 7], 1),
        (&[1, 2, 3], &[1, 2, 3], 3),
    ] {
        assert_eq!((count_both(one, other), count_both(other, one)), (expected, expected));
    }
}
