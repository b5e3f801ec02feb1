//! Remarks about an endpoint regardless of its verdict: the notes of its judgement, addresses that fail or are
//! private, and certificates that no chain needs.

use crate::alert_thresholds::CERTIFICATE_EXPIRES_SOON;
use crate::catalog::embedded;
use crate::clock::rfc3339;
use crate::net::resolver::is_private;
use crate::observation::{AddressSource, CertificateFacts, Facts, Failure, Observation};
use crate::plan::Target;
use crate::state::TargetState;
use crate::verdict::Note;

/// The maximum number of private addresses to list.
const MAX_NAMED: usize = 3;

/// The remarks; empty if there are none.
#[must_use]
pub fn notes(target: &Target, state: &TargetState) -> Vec<String> {
    let Some(last) = state.last.as_deref() else { return Vec::new() };
    let of_addresses = [failing(last), unprobed(&last.facts), private(target, &last.facts), dns(&last.facts)];
    let others = of_addresses.into_iter().flatten().chain(unused(last));
    state.notes.iter().map(describe).chain(others).collect()
}

/// A presented certificate that the verified chain doesn't need, and that has expired or will soon: clients with
/// other roots may need it.
fn unused(last: &Observation) -> Option<String> {
    let soon = last.at + CERTIFICATE_EXPIRES_SOON;
    let mut unused = last.facts.tls_by_hop().flatten().flat_map(|tls| &tls.unused);
    let CertificateFacts { subject, not_after, .. } = unused.find(|one| one.not_after < soon)?;
    let ends = if *not_after < last.at { "expired" } else { "expires" };
    Some(format!(
        "the server also presents {subject}, which {ends} at {}: this machine doesn't need it; a machine with other roots may",
        rfc3339(*not_after)
    ))
}

fn describe(note: &Note) -> String {
    match note {
        Note::UnexpectedStatus { status, expected, confidence } => format!(
            "the status is {status}, the catalog expects {expected} (confidence {confidence}: doesn't affect the verdict)"
        ),
        Note::Unproven { confidence } => format!(
            "the answer lacks what the catalog expects of its content (confidence {confidence}: doesn't affect the verdict)"
        ),
        Note::UnexpectedRoot { root, redirect } => format!(
            "{}the chain ends at {}, a public root that isn't a known root of Microsoft's services. That is not TLS inspection: Microsoft may have \
             changed its root; confirm it, then name it in `tls.genuine_roots` (explain unexpected-root)",
            redirect.as_ref().map(|host| format!("after a redirect to {host}: ")).unwrap_or_default(),
            root.as_deref().unwrap_or("a root")
        ),
        Note::UncleanClose => {
            "the server closed TLS without close_notify: its answer has no length and may have been cut off; clients \
             accept it"
                .to_owned()
        }
        Note::Retired => {
            "DNS does not know the name while other hosts of its region answer: Microsoft may have retired it"
                .to_owned()
        }
    }
}

/// The addresses that fail, out of several. A single address's failure is that of the probe.
fn failing(last: &Observation) -> Option<String> {
    if last.facts.others.is_empty() {
        return None;
    }
    let failed: Vec<_> = last
        .by_address()
        .filter_map(|result| {
            let Failure { phase, reason, .. } = result.failure?;
            Some(format!("{} ({phase}: {reason})", result.address))
        })
        .collect();
    let fail = if failed.len() == 1 { "fails" } else { "fail" };
    let of = last.by_address().count();
    (!failed.is_empty()).then(|| format!("{} of {of} addresses {fail}: {}", failed.len(), failed.join(", ")))
}

/// DNS servers that answered with an error before another one knew the name.
fn dns(facts: &Facts) -> Option<String> {
    let failed = facts.failed_attempts.iter().filter(|attempt| !attempt.delays_clients());
    let words: Vec<_> = failed.map(|attempt| attempt.failure.detail.as_str()).collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn unprobed(facts: &Facts) -> Option<String> {
    let are = if facts.unprobed == 1 { "is" } else { "are" };
    (facts.unprobed > 0).then(|| format!("{} more of its addresses {are} not probed", facts.unprobed))
}

/// Private addresses of a host documented by Microsoft. Endpoints added by the user may have private addresses.
fn private(target: &Target, facts: &Facts) -> Option<String> {
    let count = facts.private.filter(|count| *count > 0 && is_documented(target))?;
    // In a record without names, all addresses are others: any of them may stand for a private one.
    let all_replaced = !facts.addresses.iter().any(|address| is_private(*address));
    let private = facts.addresses.iter().filter(|address| all_replaced || is_private(**address));
    let named: Vec<_> = private.take(count.min(MAX_NAMED)).map(ToString::to_string).collect();
    let (named, more) = (named.join(", "), if count > MAX_NAMED { ", …" } else { "" });
    let gives = match facts.source {
        Some(AddressSource::HostsFile) => "the hosts file of this machine pins the name to",
        Some(AddressSource::Dns) | None => "DNS gives",
    };
    Some(match count {
        1 => format!("{gives} a private address: {named}"),
        _ => format!("{gives} {count} private addresses: {named}{more}"),
    })
}

fn is_documented(target: &Target) -> bool {
    embedded().endpoints.iter().any(|known| known.url == target.endpoint.url)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::catalog::Component;
    use crate::metrics::fixture;
    use crate::observation::{AddressFacts, FailureReason, HttpFacts, Phase, TlsFacts};
    use crate::plan::TargetId;
    use crate::report::why;

    const DOCUMENTED: &str = "https://wdcp.microsoft.com/";
    const ADDED: &str = "https://maps.genuine.example/";

    /// The probe's result, those of the name's other addresses, and the addresses from DNS.
    struct Case {
        url: &'static str,
        ends: Vec<Option<FailureReason>>,
        unprobed: usize,
        dns: &'static [&'static str],
        source: AddressSource,
    }

    const NONE: Case =
        Case { url: DOCUMENTED, ends: Vec::new(), unprobed: 0, dns: &[], source: AddressSource::Dns };

    fn check(case: &Case, expected: &str) {
        let failure = |reason: &Option<FailureReason>| {
            reason.map(|reason| Failure::new(Phase::Connect, reason, "in detail"))
        };
        let others = case.ends.iter().skip(1).zip(2..).map(|(end, n)| AddressFacts {
            address: [192, 0, 2, n].into(),
            failure: failure(end),
            duration: Duration::ZERO,
        });
        let addresses: Vec<_> = case.dns.iter().map(|text| text.parse().unwrap()).collect();
        let facts = Facts {
            peer: Some(SocketAddr::from(([192, 0, 2, 1], 443))),
            others: others.collect(),
            unprobed: case.unprobed,
            private: Some(addresses.iter().filter(|address| is_private(**address)).count()),
            addresses,
            source: Some(case.source),
            http: Some(HttpFacts { status: 503, genuine: true, ..HttpFacts::default() }),
            ..Facts::default()
        };
        let failure = case.ends.first().and_then(failure);
        let at = SystemTime::UNIX_EPOCH;
        let last = Observation { target: TargetId(0), at, facts, failure };
        let target = fixture::target(Component::Maps, "*.wdcp.microsoft.com", case.url, &[503]);
        let mut state = TargetState { last: Some(last.into()), ..TargetState::default() };
        state.judge(&target.endpoint, false);
        assert_eq!(why(&target, &state), expected);
    }

    #[test]
    fn addresses_that_fail_are_named() {
        let refused = Some(FailureReason::Refused);
        let timeout = Some(FailureReason::Timeout);
        let of = |ends: &[_]| Case { ends: ends.to_vec(), ..NONE };
        check(&of(&[None]), "");
        check(&of(&[None, None]), "");
        check(&of(&[refused]), "connect: refused: in detail");
        check(
            &of(&[None, refused, None]),
            "answers, but 1 of 3 addresses fails: 192.0.2.2 (connect: refused)",
        );
        check(
            &of(&[refused, None, timeout]),
            "connect: refused: in detail; \
             2 of 3 addresses fail: 192.0.2.1 (connect: refused), 192.0.2.3 (connect: timeout)",
        );
        check(
            &Case { unprobed: 4, ..of(&[None, None]) },
            "answers, but 4 more of its addresses are not probed",
        );
    }

    #[test]
    fn unused_certificates_that_expire_are_named() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400);
        let day = Duration::from_secs(86_400);
        let check = |ends: &[SystemTime], expected: &[&str]| {
            let unused = ends.iter().zip(1..).map(|(not_after, n)| CertificateFacts {
                subject: format!("CN=Cross {n}"),
                issuer: "CN=Root".to_owned(),
                not_before: SystemTime::UNIX_EPOCH,
                not_after: *not_after,
            });
            let tls = TlsFacts { verified: true, unused: unused.collect(), ..TlsFacts::default() };
            let facts = Facts { tls: Some(tls), ..Facts::default() };
            let last = Observation { target: TargetId(0), at: now, facts, failure: None };
            let state = TargetState { last: Some(last.into()), ..TargetState::default() };
            let target = fixture::target(Component::Maps, "*.wdcp.microsoft.com", ADDED, &[503]);
            assert_eq!(notes(&target, &state), expected);
        };
        check(&[], &[]);
        check(&[now + day * 15], &[]);
        let said = "the server also presents CN=Cross 2, which expires at 2026-11-27T00:00:00Z: \
                    this machine doesn't need it; a machine with other roots may";
        check(&[now + day * 15, now + day * 3], &[said]);
        let said = "the server also presents CN=Cross 1, which expired at 2026-11-23T00:00:00Z: \
                    this machine doesn't need it; a machine with other roots may";
        check(&[now - day, now + day * 3], &[said]);
    }

    #[test]
    fn private_addresses_of_documented_hosts_are_named() {
        let of = |dns| Case { dns, ..NONE };
        check(&of(&["203.0.113.7"]), "");
        check(&of(&["203.0.113.7", "10.1.2.3"]), "answers, but DNS gives a private address: 10.1.2.3");
        check(&Case { url: ADDED, ..of(&["10.1.2.3"]) }, "");
        check(
            &Case { ends: vec![Some(FailureReason::Timeout)], ..of(&["fd00::1", "10.1.2.3"]) },
            "connect: timeout: in detail; DNS gives 2 private addresses: fd00::1, 10.1.2.3",
        );
        check(
            &of(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]),
            "answers, but DNS gives 4 private addresses: 10.0.0.1, 10.0.0.2, 10.0.0.3, …",
        );
        let pinned = |dns| Case { source: AddressSource::HostsFile, ..of(dns) };
        let words = "answers, but the hosts file of this machine pins the name to";
        check(&pinned(&["203.0.113.7"]), "");
        check(&pinned(&["10.1.2.3"]), &format!("{words} a private address: 10.1.2.3"));
        check(
            &pinned(&["10.0.0.1", "10.0.0.2"]),
            &format!("{words} 2 private addresses: 10.0.0.1, 10.0.0.2"),
        );
    }
}
