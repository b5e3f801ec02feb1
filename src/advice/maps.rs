//! Describes why clients can't connect to MAPS on a route: the failure, its effect for each value of `SSLOptions`, and
//! what to change first. `verdict` decides whether they can connect.

use super::{Advice, RevocationCase, at_proxy, for_component, for_detail};
use crate::catalog::Component;
use crate::observation::{FailureReason, Phase};
use crate::revocation::UndeterminedCause;
use crate::text::clean;

/// The state of MAPS on one route. Texts may come from the network; they are cleaned and truncated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapsCase<'a> {
    /// Clients with the default `SSLOptions` (3) connect, and so do those with any other value.
    Connected,
    /// The answer is genuine, but the revocation status of its certificates is unknown.
    RevocationUnknown {
        /// Why.
        case: RevocationCase<'a>,
        /// Whether clients with `SSLOptions` 2 (pinning only) connect, and so those with 0 (no checks).
        unchecked_connects: bool,
    },
    /// A certificate of the chain is revoked.
    Revoked {
        /// Its distinguished name.
        certificate: &'a str,
    },
    /// The chain ends at a root that isn't genuine.
    Intercepted {
        /// The distinguished name of the presented leaf's issuer.
        issuer: &'a str,
        /// Whether clients with `SSLOptions` 1 (revocation only) connect, and so those with 0 (no checks).
        without_pinning_connects: bool,
    },
    /// No endpoint sends a genuine answer.
    Unreachable {
        /// One of the endpoints, as in the catalog.
        endpoint: &'a str,
        /// The phase in which its probe failed.
        phase: Phase,
        /// The reason.
        reason: FailureReason,
        /// Whether the route's proxy could not be reached.
        at_proxy: bool,
        /// The failure's detail.
        detail: &'a str,
    },
}

/// The hosts of a MAPS need that isn't served while others are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedHosts<'a> {
    /// The need's name in the catalog.
    pub need: &'a str,
    /// Its hosts that are probed.
    pub hosts: Vec<&'a str>,
    /// Remarks about wildcards above the hosts; see [`super::apex_rule`].
    pub apex_rules: Vec<String>,
}

/// Describes the case: what fails, what to change, and the effect of other values of `SSLOptions`. With `of`, describes
/// the hosts of one need.
#[must_use]
pub fn maps_sentence(case: &MapsCase<'_>, of: Option<&NeedHosts<'_>>) -> String {
    let Some(of) = of else { return sentence(case, None) };
    let mut text = sentence(case, Some(of));
    for rule in &of.apex_rules {
        text.push(' ');
        text.push_str(rule);
    }
    text
}

impl NeedHosts<'_> {
    /// "default hosts (a.example, b.example)".
    fn named(&self) -> String {
        format!("{} ({})", self.need.replace('_', " "), self.hosts.join(", "))
    }
}

fn sentence(case: &MapsCase<'_>, of: Option<&NeedHosts<'_>>) -> String {
    let about = of.map(|of| format!("Of the {}: ", of.named())).unwrap_or_default();
    match *case {
        MapsCase::Connected => {
            "MAPS is connected with the default SSLOptions (3), and so with every other value.".to_owned()
        }
        MapsCase::RevocationUnknown { case, unchecked_connects } => {
            about + &revocation_unknown(&case, unchecked_connects)
        }
        MapsCase::Revoked { certificate } => format!(
            "{about}The certificate {} has been revoked: with the default SSLOptions MAPS will fail{}; {}.",
            clean(certificate),
            shown(Phase::Tls, FailureReason::Revoked),
            first_step(Phase::Tls, FailureReason::Revoked),
        ),
        MapsCase::Intercepted { issuer, without_pinning_connects } => {
            about + &intercepted(&clean(issuer), without_pinning_connects)
        }
        MapsCase::Unreachable { endpoint, phase, reason, at_proxy: proxy, detail } => {
            let detail = if detail.is_empty() { String::new() } else { format!(" ({})", clean(detail)) };
            let (none, clients) = match of {
                None => ("No MAPS endpoint gives".to_owned(), ""),
                Some(of) => (format!("None of the {} gives", of.named()), " for clients that query them"),
            };
            format!(
                "{none} a genuine answer, so MAPS will fail{}{clients} with every value of SSLOptions: {} fails in \
                 {phase}: {reason}{detail}; {}.",
                shown(phase, reason),
                clean(endpoint),
                if proxy {
                    first_remedy_step(&at_proxy(phase, reason))
                } else {
                    first_remedy_step(&for_detail(Component::Maps, phase, reason, &detail))
                },
            )
        }
    }
}

fn revocation_unknown(case: &RevocationCase<'_>, unchecked_connects: bool) -> String {
    let tail = if unchecked_connects {
        "(SSLOptions 2 and 0, which don't check revocation, connect.)"
    } else {
        "(SSLOptions 2, which doesn't check revocation, would not help.)"
    };
    let change = case.change();
    if case.cause == Some(UndeterminedCause::Pending) {
        return format!("HTTP answers, and the revocation check is still pending; {change}. {tail}");
    }
    let (detail, shown) = (clean(case.detail), shown(Phase::Tls, FailureReason::RevocationUnknown));
    let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
    match (case.fault(), case.meaning()) {
        (Some(fault), _) if case.cause.is_some_and(UndeterminedCause::is_inconclusive) => format!(
            "HTTP answers, but {fault}{detail}, so it is unknown whether clients with the default SSLOptions connect; \
             {change}. {tail}"
        ),
        (Some(fault), _) => format!(
            "HTTP answers, but {fault}{detail}: with the default SSLOptions MAPS will fail{shown}; {change}. {tail}"
        ),
        (None, means) => format!(
            "HTTP answers, but the revocation status is unknown{}: with the default SSLOptions MAPS will \
             fail{shown}; {change}. {tail}",
            means.map(|means| format!(" ({means})")).unwrap_or_default(),
        ),
    }
}

fn intercepted(issuer: &str, without_pinning_connects: bool) -> String {
    let shown = shown(Phase::Tls, FailureReason::Intercepted);
    let tail = if without_pinning_connects {
        "(SSLOptions 1 and 0, which don't pin, connect.)"
    } else {
        "(SSLOptions 1, which doesn't pin, would not help.)"
    };
    format!(
        "TLS is inspected, the chain is issued by {issuer}: with the default SSLOptions MAPS will fail{shown}; exempt the \
         MAPS hosts from TLS inspection. {tail}"
    )
}

/// " with 0x…", the error that a Windows client shows.
fn shown(phase: Phase, reason: FailureReason) -> String {
    let code = for_component(Component::Maps, phase, reason).hresult;
    code.map_or_else(String::new, |code| format!(" with 0x{code:08X}"))
}

/// The first step of the first remedy, to follow a semicolon.
fn first_step(phase: Phase, reason: FailureReason) -> String {
    first_remedy_step(&for_component(Component::Maps, phase, reason))
}

fn first_remedy_step(advice: &Advice) -> String {
    let first = advice.remedies.first().map_or("", String::as_str);
    let end = [": ", ". "].iter().filter_map(|end| first.find(end)).min();
    let step = end.map_or_else(|| first.trim_end_matches('.'), |end| &first[..end]);
    let mut letters = step.chars();
    letters.next().map_or_else(String::new, |letter| letter.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FAILURE_CODES, FailureCode};
    use crate::text::MAX_TEXT;

    const CRL: &str = "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl";

    fn unknown<'a>(source: Option<&'a str>, cause: UndeterminedCause, detail: &'a str) -> MapsCase<'a> {
        MapsCase::RevocationUnknown {
            case: RevocationCase { source, cause: Some(cause), detail, ..RevocationCase::default() },
            unchecked_connects: true,
        }
    }

    fn refused(source: &str) -> MapsCase<'_> {
        let case = RevocationCase {
            source: Some(source),
            cause: Some(UndeterminedCause::Unreachable),
            fetch: Some(FailureCode::new(Phase::Connect, FailureReason::Refused)),
            detail: "connect: refused: connection refused",
            clock: None,
        };
        MapsCase::RevocationUnknown { case, unchecked_connects: true }
    }

    #[test]
    fn each_case_has_its_sentence() {
        let ocsp = "http://oneocsp.microsoft.com/ocsp";
        let cases = [
            (
                MapsCase::Connected,
                "MAPS is connected with the default SSLOptions (3), and so with every other value.",
            ),
            (
                refused("http://c.test/a.crl"),
                "HTTP answers, but the CRL http://c.test/a.crl can't be fetched (connect: refused: connection refused): with \
                 the default SSLOptions MAPS will fail with 0x80072F8F; allow c.test on port 80 in the firewall for the \
                 machine, or set its WinHTTP proxy if a proxy is required. (SSLOptions 2 and 0, which don't check \
                 revocation, connect.)",
            ),
            (
                MapsCase::RevocationUnknown {
                    case: RevocationCase {
                        source: Some("http://c.test/OCSP 02.crl"),
                        cause: Some(UndeterminedCause::Expired),
                        detail: "since 2026-01-01T00:00:00Z",
                        ..RevocationCase::default()
                    },
                    unchecked_connects: false,
                },
                "HTTP answers, but the CRL http://c.test/OCSP 02.crl has expired (since 2026-01-01T00:00:00Z): with the \
                 default SSLOptions MAPS will fail with 0x80072F8F; allow http://c.test/OCSP 02.crl uncached for the \
                 machine. (SSLOptions 2, which doesn't check revocation, would not help.)",
            ),
            (
                unknown(Some(ocsp), UndeterminedCause::OcspError, ""),
                "HTTP answers, but the OCSP responder http://oneocsp.microsoft.com/ocsp answers with an error: with the \
                 default SSLOptions MAPS will fail with 0x80072F8F; wait, and find out what answers in place of \
                 http://oneocsp.microsoft.com/ocsp if the error persists. (SSLOptions 2 and 0, which don't check revocation, connect.)",
            ),
            (
                unknown(None, UndeterminedCause::NoSource, ""),
                "HTTP answers, but the revocation status is unknown (the certificate names neither a \
                 CRL nor an OCSP responder, which is common for inspecting devices): with the default SSLOptions MAPS \
                 will fail with 0x80072F8F; check the certificate's issuer (`issuer` of defender_tls_info): usually a TLS \
                 inspector. (SSLOptions 2 and 0, which don't check revocation, connect.)",
            ),
            (
                unknown(Some(CRL), UndeterminedCause::Pending, ""),
                "HTTP answers, and the revocation check is still pending; wait for the next probes. \
                 (SSLOptions 2 and 0, which don't check revocation, connect.)",
            ),
            (
                unknown(Some(CRL), UndeterminedCause::NoNextUpdate, ""),
                "HTTP answers, but the CRL http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl has no \
                 nextUpdate, so it is unknown whether clients with the default SSLOptions connect; report it to the \
                 issuer: the list at http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl needs a \
                 nextUpdate. (SSLOptions 2 and 0, which don't check revocation, connect.)",
            ),
            (
                MapsCase::Revoked { certificate: "CN=leaf" },
                "The certificate CN=leaf has been revoked: with the default SSLOptions MAPS will fail with 0x80072F8A; find \
                 out whose certificate it is.",
            ),
            (
                MapsCase::Intercepted { issuer: "CN=Proxy CA", without_pinning_connects: true },
                "TLS is inspected, the chain is issued by CN=Proxy CA: with the default SSLOptions MAPS will fail with \
                 0x80072F8F; exempt the MAPS hosts from TLS inspection. (SSLOptions 1 and 0, which don't pin, connect.)",
            ),
            (
                MapsCase::Intercepted { issuer: "CN=Proxy CA", without_pinning_connects: false },
                "TLS is inspected, the chain is issued by CN=Proxy CA: with the default SSLOptions MAPS will fail with \
                 0x80072F8F; exempt the MAPS hosts from TLS inspection. (SSLOptions 1, which doesn't pin, would not help.)",
            ),
            (
                MapsCase::Unreachable {
                    endpoint: "https://wdcp.microsoft.com/",
                    phase: Phase::Connect,
                    reason: FailureReason::Refused,
                    at_proxy: false,
                    detail: "10.0.0.1:443",
                },
                "No MAPS endpoint gives a genuine answer, so MAPS will fail with 0x80072EFD with every value of SSLOptions: \
                 https://wdcp.microsoft.com/ fails in connect: refused (10.0.0.1:443); allow this host and port in the \
                 firewall, from the machines' networks.",
            ),
            (
                MapsCase::Unreachable {
                    endpoint: "https://wdcp.microsoft.com/",
                    phase: Phase::Connect,
                    reason: FailureReason::Refused,
                    at_proxy: true,
                    detail: "on the way to the proxy",
                },
                "No MAPS endpoint gives a genuine answer, so MAPS will fail with 0x80072EFD with every value of SSLOptions: \
                 https://wdcp.microsoft.com/ fails in connect: refused (on the way to the proxy); check that the proxy \
                 runs, that the route has its name and port, and that no firewall or resolver on the path blocks it.",
            ),
        ];
        for (case, expected) in cases {
            assert_eq!(maps_sentence(&case, None), expected, "{case:?}");
        }
    }

    #[test]
    fn one_need_alone_is_named_with_its_hosts() {
        let of = NeedHosts {
            need: "default_hosts",
            hosts: vec!["wdcp.microsoft.com", "wdcpalt.microsoft.com"],
            apex_rules: vec!["Mind the apex.".to_owned()],
        };
        let unreachable = MapsCase::Unreachable {
            endpoint: "https://wdcp.microsoft.com/",
            phase: Phase::Connect,
            reason: FailureReason::Refused,
            at_proxy: false,
            detail: "",
        };
        assert_eq!(
            maps_sentence(&unreachable, Some(&of)),
            "None of the default hosts (wdcp.microsoft.com, wdcpalt.microsoft.com) gives a genuine answer, so MAPS will fail \
             with 0x80072EFD for clients that query them with every value of SSLOptions: https://wdcp.microsoft.com/ fails in \
             connect: refused; allow this host and port in the firewall, from the machines' networks. Mind the apex."
        );
        let inspected = MapsCase::Intercepted { issuer: "CN=Proxy CA", without_pinning_connects: true };
        let said = maps_sentence(&inspected, Some(&of));
        let start = "Of the default hosts (wdcp.microsoft.com, wdcpalt.microsoft.com): TLS is inspected";
        assert!(said.starts_with(start) && said.ends_with(" Mind the apex."), "{said}");
    }

    #[test]
    fn every_cause_and_every_failure_says_what_to_change() {
        for cause in UndeterminedCause::ALL {
            let said = maps_sentence(&unknown(Some(CRL), *cause, ""), None);
            assert!(said.contains("; ") && !said.contains("{}"), "{said}");
            assert!(*cause == UndeterminedCause::Pending || said.contains(CRL), "{said}");
        }
        for FailureCode { phase, reason } in FAILURE_CODES {
            let case = MapsCase::Unreachable {
                endpoint: "e",
                phase: *phase,
                reason: *reason,
                at_proxy: false,
                detail: "",
            };
            let (_, step) = maps_sentence(&case, None)
                .split_once("; ")
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .unwrap();
            assert!(step.len() > 20 && step.starts_with(char::is_lowercase), "{phase}.{reason}: {step}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_texts_are_cleaned_and_cut(text in "\\PC{0,20}[\\x00-\\x1f\u{202e}]{1,4}.{0,600}") {
            let cases = [
                unknown(Some(&text), UndeterminedCause::Unreachable, &text),
                unknown(None, UndeterminedCause::NoSource, &text),
                MapsCase::Revoked { certificate: &text },
                MapsCase::Intercepted { issuer: &text, without_pinning_connects: false },
                MapsCase::Unreachable { endpoint: &text, phase: Phase::Tls, reason: FailureReason::Alert, at_proxy: false, detail: &text },
            ];
            for case in cases {
                let said = maps_sentence(&case, None);
                proptest::prop_assert!(!said.contains(|c: char| c.is_control() || c == '\u{202e}'), "{said:?}");
                proptest::prop_assert!(said.chars().count() < 3 * MAX_TEXT + 600, "{said}");
            }
        }
    }
}
