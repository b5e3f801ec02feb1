//! What keeps clients from MAPS by a route, as a sentence: what fails, what it means for each value of `SSLOptions`, and
//! what to change first. Whether they are connected is decided in `verdict`.

use super::{Advice, RevocationCause, at_proxy, for_component, revocation_causes};
use crate::catalog::Component;
use crate::observation::{FailureReason, Stage};
use crate::text::clean;

/// What was found of MAPS by one route. Texts may come from the network: they are cleaned and cut here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapsCase<'a> {
    /// A client gets through with the default `SSLOptions` (3), and so with every other value.
    Connected,
    /// A genuine answer came, and it can't be found out whether the certificates are revoked.
    RevocationUnknown {
        /// The URL of the CRL or OCSP responder that fails; none if the certificate names none.
        source: Option<&'a str>,
        /// Why: a word of [`super::revocation_causes`], with or without ": detail", or a fetch's "stage: reason".
        why: &'a str,
        /// Whether a client that pins and doesn't check revocation (2) gets through, and so one that does neither (0).
        unchecked_connects: bool,
    },
    /// A certificate of the chain is revoked.
    Revoked {
        /// Its distinguished name.
        certificate: &'a str,
    },
    /// The chain ends at a root that isn't genuine.
    Intercepted {
        /// Distinguished name of who issued the presented leaf.
        issuer: &'a str,
        /// Whether a client that checks revocation and doesn't pin (1) gets through, and so one that does neither (0).
        without_pinning_connects: bool,
    },
    /// No endpoint gives a genuine answer.
    Unreachable {
        /// One of them, as in the catalog.
        endpoint: &'a str,
        /// Where its probe failed.
        stage: Stage,
        /// Why.
        reason: FailureReason,
        /// Whether it is the route's proxy that was not reached.
        at_proxy: bool,
        /// The failure's detail.
        detail: &'a str,
    },
}

/// The case in words for an administrator: what fails, what to change, what other values of `SSLOptions` would do.
#[must_use]
pub fn maps_sentence(case: &MapsCase<'_>) -> String {
    match *case {
        MapsCase::Connected => {
            "MAPS is connected with the default SSLOptions (3), and so with every other value.".to_owned()
        }
        MapsCase::RevocationUnknown { source, why, unchecked_connects } => {
            revocation_unknown(source.map(clean).as_deref(), &clean(why), unchecked_connects)
        }
        MapsCase::Revoked { certificate } => format!(
            "The certificate {} has been revoked: with the default SSLOptions MAPS will fail{}; {}.",
            clean(certificate),
            shown(Stage::Tls, FailureReason::Revoked),
            first_step(Stage::Tls, FailureReason::Revoked),
        ),
        MapsCase::Intercepted { issuer, without_pinning_connects } => {
            intercepted(&clean(issuer), without_pinning_connects)
        }
        MapsCase::Unreachable { endpoint, stage, reason, at_proxy: proxy, detail } => {
            let detail = if detail.is_empty() { String::new() } else { format!(" ({})", clean(detail)) };
            format!(
                "No MAPS endpoint gives a genuine answer, so MAPS will fail{} with every value of SSLOptions: {} fails in \
                 {stage}: {reason}{detail}; {}.",
                shown(stage, reason),
                clean(endpoint),
                if proxy { step_of(&at_proxy(stage, reason)) } else { first_step(stage, reason) },
            )
        }
    }
}

fn revocation_unknown(source: Option<&str>, why: &str, unchecked_connects: bool) -> String {
    let (cause, detail) = cause_of(why);
    let tail = if unchecked_connects {
        "(SSLOptions 2 and 0, which don't check revocation, connect.)"
    } else {
        "(SSLOptions 2, which doesn't check revocation, would not help.)"
    };
    let Some(cause) = cause else { return unknown_because(why, "explain revocation says more", tail) };
    let change = cause.change.replace("{}", source.unwrap_or("the revocation data"));
    match source {
        _ if cause.cause == PENDING => {
            format!(
                "HTTP answers, and whether the certificates are revoked is not looked up yet; {change}. {tail}"
            )
        }
        None => unknown_because(&cause.means, &change, tail),
        Some(url) => {
            let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
            format!(
                "HTTP answers, but {} {url} {}{detail}: with the default SSLOptions MAPS will fail{}; {change}. {tail}",
                kind_of(url),
                cause.fault,
                shown(Stage::Tls, FailureReason::RevocationUnknown),
            )
        }
    }
}

/// Nothing is known to be wrong before the first lookup.
const PENDING: &str = "pending";

/// The cause that the first word names, and the rest; a fetch's failure ("connect: refused") is named by its stage.
fn cause_of(why: &str) -> (Option<&'static RevocationCause>, &str) {
    let named = |word: &str| revocation_causes().iter().find(|cause| cause.cause == word);
    let (word, rest) = why.split_once(':').unwrap_or((why, ""));
    match named(word.trim()) {
        Some(cause) => (Some(cause), rest.trim()),
        None => (named("unreachable"), why.trim()),
    }
}

fn unknown_because(why: &str, change: &str, tail: &str) -> String {
    let shown = shown(Stage::Tls, FailureReason::RevocationUnknown);
    format!(
        "HTTP answers, but whether the certificates are revoked can't be found out ({why}): with the default SSLOptions \
         MAPS will fail{shown}; {change}. {tail}"
    )
}

/// What a URL is of, by its looks: names of lists can have OCSP in them.
fn kind_of(url: &str) -> &'static str {
    let url = url.to_ascii_lowercase();
    let is_list = url.rsplit('.').next() == Some("crl");
    if url.contains("ocsp") && !is_list { "the OCSP responder" } else { "the CRL" }
}

fn intercepted(issuer: &str, without_pinning_connects: bool) -> String {
    let shown = shown(Stage::Tls, FailureReason::Intercepted);
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

/// " with 0x…", what a Windows client would show.
fn shown(stage: Stage, reason: FailureReason) -> String {
    let code = for_component(Component::Maps, stage, reason).hresult;
    code.map_or_else(String::new, |code| format!(" with 0x{code:08X}"))
}

/// The first step of the first remedy, as words that follow a semicolon.
fn first_step(stage: Stage, reason: FailureReason) -> String {
    step_of(&for_component(Component::Maps, stage, reason))
}

fn step_of(advice: &Advice) -> String {
    let first = advice.remedies.first().map_or("", String::as_str);
    let end = [": ", ". "].iter().filter_map(|end| first.find(end)).min();
    let step = end.map_or_else(|| first.trim_end_matches('.'), |end| &first[..end]);
    let mut letters = step.chars();
    letters.next().map_or_else(String::new, |letter| letter.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FAILURE_PAIRS;
    use crate::text::MAX_TEXT;

    const CRL: &str = "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl";

    fn unknown<'a>(source: Option<&'a str>, why: &'a str) -> MapsCase<'a> {
        MapsCase::RevocationUnknown { source, why, unchecked_connects: true }
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
                unknown(Some("http://c.test/a.crl"), "connect: refused"),
                "HTTP answers, but the CRL http://c.test/a.crl can't be fetched (connect: refused): with the default \
                 SSLOptions MAPS will fail with 0x80072F8F; allow http://c.test/a.crl for the machine. (SSLOptions 2 and 0, \
                 which don't check revocation, connect.)",
            ),
            (
                MapsCase::RevocationUnknown {
                    source: Some("http://c.test/OCSP 02.crl"),
                    why: "expired: since 2026-01-01T00:00:00Z",
                    unchecked_connects: false,
                },
                "HTTP answers, but the CRL http://c.test/OCSP 02.crl has expired (since 2026-01-01T00:00:00Z): with the \
                 default SSLOptions MAPS will fail with 0x80072F8F; let http://c.test/OCSP 02.crl through uncached, for the \
                 machine. (SSLOptions 2, which doesn't check revocation, would not help.)",
            ),
            (
                unknown(Some(ocsp), "ocsp_error"),
                "HTTP answers, but the OCSP responder http://oneocsp.microsoft.com/ocsp answers with an error: with the \
                 default SSLOptions MAPS will fail with 0x80072F8F; wait, and look at what answers in place of \
                 http://oneocsp.microsoft.com/ocsp if it stays. (SSLOptions 2 and 0, which don't check revocation, connect.)",
            ),
            (
                unknown(None, "no_source"),
                "HTTP answers, but whether the certificates are revoked can't be found out (the certificate names neither a \
                 CRL nor an OCSP responder, as those of inspecting devices often don't): with the default SSLOptions MAPS \
                 will fail with 0x80072F8F; look at who issued the certificate (`issuer` of defender_tls_info): a TLS \
                 inspector most often. (SSLOptions 2 and 0, which don't check revocation, connect.)",
            ),
            (
                unknown(Some(CRL), "pending"),
                "HTTP answers, and whether the certificates are revoked is not looked up yet; wait for the next probes. \
                 (SSLOptions 2 and 0, which don't check revocation, connect.)",
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
                    stage: Stage::Connect,
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
                    stage: Stage::Connect,
                    reason: FailureReason::Refused,
                    at_proxy: true,
                    detail: "on the way to the proxy",
                },
                "No MAPS endpoint gives a genuine answer, so MAPS will fail with 0x80072EFD with every value of SSLOptions: \
                 https://wdcp.microsoft.com/ fails in connect: refused (on the way to the proxy); look at the proxy itself \
                 and at the way to it.",
            ),
        ];
        for (case, expected) in cases {
            assert_eq!(maps_sentence(&case), expected, "{case:?}");
        }
    }

    #[test]
    fn every_cause_and_every_failure_says_what_to_change() {
        for cause in revocation_causes() {
            let said = maps_sentence(&unknown(Some(CRL), &cause.cause));
            assert!(said.contains("; ") && !said.contains("{}"), "{said}");
            assert!(cause.cause == PENDING || (said.contains(CRL) && said.contains(&cause.fault)), "{said}");
        }
        for (stage, reason) in FAILURE_PAIRS {
            let case = MapsCase::Unreachable {
                endpoint: "e",
                stage: *stage,
                reason: *reason,
                at_proxy: false,
                detail: "",
            };
            let (_, step) =
                maps_sentence(&case).split_once("; ").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            assert!(step.len() > 20 && step.starts_with(char::is_lowercase), "{stage}.{reason}: {step}");
        }
    }

    proptest::proptest! {
        #[test]
        fn hostile_texts_are_cleaned_and_cut(text in "\\PC{0,20}[\\x00-\\x1f\u{202e}]{1,4}.{0,600}") {
            let cases = [
                unknown(Some(&text), &text),
                unknown(None, &text),
                MapsCase::Revoked { certificate: &text },
                MapsCase::Intercepted { issuer: &text, without_pinning_connects: false },
                MapsCase::Unreachable { endpoint: &text, stage: Stage::Tls, reason: FailureReason::Alert, at_proxy: false, detail: &text },
            ];
            for case in cases {
                let said = maps_sentence(&case);
                proptest::prop_assert!(!said.contains(|c: char| c.is_control() || c == '\u{202e}'), "{said:?}");
                proptest::prop_assert!(said.chars().count() < 3 * MAX_TEXT + 600, "{said}");
            }
        }
    }
}
