//! Describes revocation data that is unusable, and what to change: by its cause, and by the failure of its fetch, as
//! for a probe.

use super::texts::{ADVICE, FetchRemedy};
use super::{Advice, RevocationCause, for_component, revocation_causes};
use crate::catalog::{Component, ProbeUrl};
use crate::observation::{FailureCode, FailureReason, Phase};
use crate::revocation::{ClockFault, STAPLED, UndeterminedCause};
use crate::text::clean;

/// Why the revocation status of a certificate is unknown. Texts may come from the network; they are cleaned and
/// truncated here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevocationCase<'a> {
    /// The URL of the CRL or OCSP responder, or [`STAPLED`]. `None` if the certificate names none.
    pub source: Option<&'a str>,
    /// The cause. `None` if it isn't known.
    pub cause: Option<UndeterminedCause>,
    /// Phase and reason of the fetch, if that failed.
    pub fetch: Option<FailureCode>,
    /// Details in words; may be empty.
    pub detail: &'a str,
    /// This machine's clock, if it is the likely cause.
    pub clock: Option<ClockFault>,
}

impl RevocationCase<'_> {
    /// What is wrong with the source: "the CRL http://… has expired". `None` if the certificate names no source.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let source = clean(self.source?);
        let kind = source_kind(&source);
        let fault = self.texts().map_or("is unusable", |texts| &texts.fault);
        Some(if source == STAPLED { format!("{kind} {fault}") } else { format!("{kind} {source} {fault}") })
    }

    /// What the cause means.
    pub(super) fn meaning(&self) -> Option<&'static str> {
        self.texts().map(|texts| texts.means.as_str())
    }

    /// What to change, to follow a semicolon.
    #[must_use]
    pub fn change(&self) -> String {
        let Some(change) = self.template() else { return "explain revocation says more".to_owned() };
        let url = self.source.map(clean);
        let parsed = url.as_deref().and_then(|url| ProbeUrl::parse(url).ok());
        let url = url.as_deref().unwrap_or("the revocation data");
        let host = parsed.as_ref().map_or(url, ProbeUrl::host);
        let port = parsed.as_ref().map_or(80, ProbeUrl::port).to_string();
        change.replace("{host}", host).replace("{port}", &port).replace("{}", url)
    }

    /// What to change as a sentence without the source's name.
    pub(super) fn action(&self) -> String {
        let change = self
            .template()
            .unwrap_or("find out why revocation is unknown: defender-exporter explain revocation");
        sentence(&change.replace("{host}", "the CRL host").replace("{port}", "80").replace("{}", "the CRL"))
    }

    /// Whether what to change follows from the failed fetch.
    pub(super) fn has_fetch_remedy(&self) -> bool {
        self.fetch_remedy().is_some()
    }

    fn fetch_remedy(&self) -> Option<&'static FetchRemedy> {
        let fetch = self.fetch?;
        ADVICE.unusable_revocation.fetch.iter().find(|remedy| remedy.applies(fetch))
    }

    /// What to change, with placeholders for the source.
    fn template(&self) -> Option<&'static str> {
        let texts = &ADVICE.unusable_revocation;
        let change = match self.clock {
            Some(ClockFault::Ahead) => Some(&texts.clock_ahead),
            Some(ClockFault::Behind) => Some(&texts.clock_behind),
            None if self.source == Some(STAPLED) => Some(&texts.stapled),
            None => self.fetch_remedy().map(|remedy| &remedy.change),
        };
        change.or(self.texts().map(|texts| &texts.change)).map(String::as_str)
    }

    /// The advice on an unknown status, with what to change here first, and Microsoft's preferred solution second if
    /// a machine without it fails so.
    #[must_use]
    pub fn advice(&self, component: Component) -> Advice {
        let mut advice = for_component(component, Phase::Tls, FailureReason::RevocationUnknown);
        let by_proxy = self.fetch_remedy().is_some_and(|remedy| remedy.winhttp_proxy);
        let mut first = vec![sentence(&self.change())];
        if by_proxy && self.clock.is_none() {
            first.extend(ADVICE.remedies.get("winhttp_proxy").cloned());
        }
        advice.remedies.retain(|remedy| !first.contains(remedy));
        advice.remedies.splice(..0, first);
        advice
    }

    fn texts(&self) -> Option<&'static RevocationCause> {
        let cause = self.cause?.as_str();
        revocation_causes().iter().find(|known| known.cause == cause)
    }
}

impl FetchRemedy {
    /// Whether it is about this failure. An empty list means any.
    fn applies(&self, FailureCode { phase, reason }: FailureCode) -> bool {
        (self.phases.is_empty() || self.phases.contains(&phase))
            && (self.reasons.is_empty() || self.reasons.contains(&reason))
    }
}

/// The kind of a source, from its text. Names of CRLs may contain OCSP.
fn source_kind(source: &str) -> &'static str {
    if source == STAPLED {
        return "the OCSP response that the server staples";
    }
    let url = source.to_ascii_lowercase();
    let is_list = url.rsplit('.').next() == Some("crl");
    if url.contains("ocsp") && !is_list { "the OCSP responder" } else { "the CRL" }
}

/// A clause as a sentence.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FAILURE_CODES;

    const CRL: &str = "http://crl.microsoft.com/pki/a.crl";

    /// The first cause of Microsoft's page, as it is met on networks: the failure of the fetch, the words that say what
    /// to change, and whether the machine's WinHTTP proxy is next.
    #[test]
    fn what_to_change_follows_from_the_failed_fetch() {
        use FailureReason as R;
        let check = |fetch: (Phase, R), cause: UndeterminedCause, words: &[&str], names_proxy: bool| {
            let case = RevocationCase {
                source: Some(CRL),
                cause: Some(cause),
                fetch: Some(fetch.into()),
                ..Default::default()
            };
            let change = case.change();
            assert!(words.iter().all(|word| change.contains(word)), "{fetch:?}: {change}");
            let remedies = case.advice(Component::Maps).remedies;
            assert_eq!(remedies[0], sentence(&change), "{fetch:?}");
            assert_eq!(remedies[1].contains("WinHTTP proxy"), names_proxy, "{fetch:?}: {remedies:?}");
        };
        let host = "crl.microsoft.com";
        check(
            (Phase::Connect, R::Refused),
            UndeterminedCause::Unreachable,
            &["firewall", host, "port 80"],
            true,
        );
        check(
            (Phase::Connect, R::Timeout),
            UndeterminedCause::Unreachable,
            &["firewall", host, "port 80"],
            true,
        );
        check((Phase::Resolve, R::Nxdomain), UndeterminedCause::Unreachable, &["name servers", host], true);
        check((Phase::Resolve, R::Timeout), UndeterminedCause::Unreachable, &["name servers", host], true);
        check((Phase::Resolve, R::Sinkhole), UndeterminedCause::Unreachable, &["DNS filter", host], false);
        check(
            (Phase::Request, R::AuthRequired),
            UndeterminedCause::Unreachable,
            &["proxy", "without authentication", CRL],
            false,
        );
        check((Phase::Request, R::Denied), UndeterminedCause::Unreachable, &["at the proxy", CRL], false);
        check(
            (Phase::Request, R::BadGateway),
            UndeterminedCause::Unreachable,
            &["at the proxy", host],
            false,
        );
        check((Phase::Request, R::Status), UndeterminedCause::Unreachable, &["in place of", CRL], false);
        check((Phase::Transfer, R::BlockPage), UndeterminedCause::Malformed, &["page", CRL], false);
        check((Phase::Request, R::Protocol), UndeterminedCause::Unreachable, &["in place of", CRL], false);
        check((Phase::Request, R::Timeout), UndeterminedCause::Unreachable, &["slow", CRL], false);
        check((Phase::Transfer, R::Reset), UndeterminedCause::Unreachable, &["cuts", CRL], false);
    }

    #[test]
    fn every_failure_and_cause_says_what_to_change() {
        for fetch in FAILURE_CODES {
            for cause in UndeterminedCause::ALL {
                let unusable = RevocationCase {
                    source: Some(CRL),
                    cause: Some(*cause),
                    fetch: Some(*fetch),
                    ..Default::default()
                };
                let change = unusable.change();
                assert!(change.len() > 20 && !change.contains('{'), "{fetch:?} {cause}: {change}");
            }
        }
    }

    #[test]
    fn a_clock_or_a_staple_is_not_a_source_to_allow() {
        let stale = |source, clock| RevocationCase {
            source: Some(source),
            cause: Some(UndeterminedCause::Expired),
            clock,
            ..Default::default()
        };
        let check = |case: RevocationCase<'_>, fault: &str, words: &str| {
            let change = case.change();
            assert_eq!(case.fault().as_deref(), Some(fault));
            assert!(change.contains(words) && !change.contains("allow"), "{change}");
        };
        let fault = format!("the CRL {CRL} has expired");
        check(stale(CRL, Some(ClockFault::Ahead)), &fault, "this machine's clock");
        check(stale(CRL, Some(ClockFault::Behind)), &fault, "this machine's clock");
        check(stale(STAPLED, None), "the OCSP response that the server staples has expired", "the server");
    }
}
