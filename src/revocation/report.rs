//! The revocation status of paths and the state of CRLs. `checker.rs` determines them.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::UndeterminedCause;
use crate::observation::{Failure, FailureCode, FailureReason, Phase, VerifiedPath};
use crate::string_enum::string_enum;

string_enum! {
    /// A revocation status.
    RevocationStatus {
        /// Not revoked, according to its issuer.
        Good = "good",
        /// Revoked by its issuer.
        Revoked = "revoked",
        /// Not determined.
        Unknown = "unknown",
    }
}

/// The revocation status of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CertificateStatus {
    /// Distinguished name of its subject, cleaned.
    pub subject: String,
    /// The status.
    pub status: RevocationStatus,
    /// Why the status is unknown.
    pub cause: Option<UndeterminedCause>,
    /// The URL of the CRL or OCSP responder that determined the status, or that failed to. `stapled` for a
    /// response from the handshake.
    pub source: Option<String>,
    /// Details in words, cleaned.
    pub detail: String,
    /// Why the source can't be fetched, as for a probe; null if it was fetched, or not yet.
    pub failure: Option<Failure>,
}

impl CertificateStatus {
    /// Phase and reason of the source's fetch, if that failed.
    #[must_use]
    pub fn fetch(&self) -> Option<FailureCode> {
        self.failure.as_ref().map(Failure::code)
    }
}

/// How this machine's clock is probably wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFault {
    /// Ahead: everything has expired at once.
    Ahead,
    /// Behind: what was fetched is not valid yet.
    Behind,
}

/// The revocation status of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RevocationReport {
    /// Good if all certificates are good, revoked if one is revoked.
    pub status: RevocationStatus,
    /// The status of each certificate, leaf first. The root isn't checked, since no issuer can revoke it.
    pub certificates: Vec<CertificateStatus>,
}

/// A path with its revocation status.
#[derive(Clone, Debug, PartialEq)]
pub struct PathReport {
    /// The path.
    pub path: Arc<VerifiedPath>,
    /// Its revocation status.
    pub report: Arc<RevocationReport>,
}

impl RevocationReport {
    /// Merges the reports on several paths. The worst status counts, and shared certificates are listed once.
    #[must_use]
    pub fn merged(reports: &[&Arc<Self>]) -> Arc<Self> {
        if let [only] = reports {
            return Arc::clone(only);
        }
        let mut certificates: Vec<CertificateStatus> = Vec::new();
        for certificate in reports.iter().flat_map(|report| &report.certificates) {
            if !certificates.contains(certificate) {
                certificates.push(certificate.clone());
            }
        }
        Arc::new(Self::new(certificates))
    }

    /// Creates the report on a path of these certificates.
    #[must_use]
    pub fn new(certificates: Vec<CertificateStatus>) -> Self {
        let has = |status| certificates.iter().any(|certificate| certificate.status == status);
        let worst =
            [RevocationStatus::Revoked, RevocationStatus::Unknown].into_iter().find(|status| has(*status));
        Self { status: worst.unwrap_or(RevocationStatus::Good), certificates }
    }

    /// The first certificate that causes the path's status, unless that is good. Certificates that Windows
    /// can't check either come first.
    #[must_use]
    pub fn blamed(&self) -> Option<&CertificateStatus> {
        let is_good = self.status == RevocationStatus::Good;
        let mut blamed = self.certificates.iter().filter(|of| !is_good && of.status == self.status);
        let conclusive = blamed.clone().find(|of| !of.cause.is_some_and(UndeterminedCause::is_inconclusive));
        conclusive.or_else(|| blamed.next())
    }

    /// This machine's clock, if it is the likely cause of the unknown status. Of a clock that is ahead, one expired source
    /// is no sign: a cache may serve an old list.
    #[must_use]
    pub fn suspected_clock(&self) -> Option<ClockFault> {
        if self.cause() == Some(UndeterminedCause::NotYetValid) {
            return Some(ClockFault::Behind);
        }
        let has_expired = |certificate: &CertificateStatus| {
            certificate.cause == Some(UndeterminedCause::Expired) && certificate.failure.is_none()
        };
        let all = self.certificates.len() > 1 && self.certificates.iter().all(has_expired);
        all.then_some(ClockFault::Ahead)
    }

    /// Why the status is unknown.
    #[must_use]
    pub fn cause(&self) -> Option<UndeterminedCause> {
        self.blamed()?.cause
    }

    /// The failure of a probe whose chain is revoked.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let CertificateStatus { subject, source, detail, .. } =
            self.blamed().filter(|blamed| blamed.status == RevocationStatus::Revoked)?;
        let source = source.as_deref().unwrap_or_default();
        let detail = format!("{subject} is revoked according to {source}: {detail}");
        Some(Failure::new(Phase::Tls, FailureReason::Revoked, detail))
    }
}

/// The state of one CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlState {
    /// Its URL, from a verified chain, cleaned and truncated.
    pub url: String,
    /// The result of the last fetch, `None` before the first.
    pub fetch: Option<Result<(), Failure>>,
    /// When the last fetch ended.
    pub fetched: Option<SystemTime>,
    /// When the cached list was issued.
    pub this_update: Option<SystemTime>,
    /// When it ends.
    pub next_update: Option<SystemTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    use RevocationStatus::{Good, Revoked, Unknown};

    fn certificate(status: RevocationStatus) -> CertificateStatus {
        CertificateStatus {
            subject: format!("CN={status}"),
            status,
            cause: (status == Unknown).then_some(UndeterminedCause::Unreachable),
            source: Some("http://crl.test/".to_owned()),
            detail: "so it says".to_owned(),
            failure: None,
        }
    }

    #[test]
    fn a_wrong_clock_shows_in_all_sources_at_once() {
        let of = |causes: &[Option<UndeterminedCause>], failed: bool| {
            let of = |cause: &Option<UndeterminedCause>| CertificateStatus {
                cause: *cause,
                failure: failed.then(|| Failure::new(Phase::Connect, FailureReason::Refused, "")),
                ..certificate(if cause.is_some() { Unknown } else { Good })
            };
            RevocationReport::new(causes.iter().map(of).collect()).suspected_clock()
        };
        let (expired, early) = (Some(UndeterminedCause::Expired), Some(UndeterminedCause::NotYetValid));
        assert_eq!(of(&[expired, expired], false), Some(ClockFault::Ahead));
        assert_eq!(of(&[expired, expired], true), None, "blocked, and the cached lists have expired");
        assert_eq!(of(&[expired], false), None);
        assert_eq!(of(&[expired, None], false), None);
        assert_eq!(of(&[early, None], false), Some(ClockFault::Behind));
        assert_eq!(of(&[None, early], false), Some(ClockFault::Behind));
        assert_eq!(of(&[None, None], false), None);
    }

    #[test]
    fn the_worst_certificate_determines_the_path_status() {
        let check = |path: &[RevocationStatus], status: RevocationStatus, blamed: Option<usize>| {
            let report = RevocationReport::new(path.iter().copied().map(certificate).collect());
            assert_eq!(report.status, status, "{path:?}");
            let expected = blamed.map(|n| &report.certificates[n]);
            assert!(report.blamed().map(std::ptr::from_ref) == expected.map(std::ptr::from_ref), "{path:?}");
            assert_eq!(
                report.cause(),
                (status == Unknown).then_some(UndeterminedCause::Unreachable),
                "{path:?}"
            );
            let failure = report.failure().map(|failure| (failure.phase, failure.reason, failure.detail));
            let detail = "CN=revoked is revoked according to http://crl.test/: so it says".to_owned();
            let revoked = (Phase::Tls, FailureReason::Revoked, detail);
            assert_eq!(failure, (status == Revoked).then_some(revoked), "{path:?}");
        };
        check(&[], Good, None);
        check(&[Good, Good], Good, None);
        check(&[Good, Unknown, Unknown], Unknown, Some(1));
        check(&[Unknown, Good, Revoked], Revoked, Some(2));
        check(&[Revoked, Unknown], Revoked, Some(0));
    }

    #[test]
    fn merged_reports_have_the_worst_status() {
        let report = |path: &[RevocationStatus]| {
            Arc::new(RevocationReport::new(path.iter().copied().map(certificate).collect()))
        };
        let (good, unknown) = (report(&[Good]), report(&[Unknown, Good]));
        assert!(Arc::ptr_eq(&RevocationReport::merged(&[&good]), &good));
        let merged = RevocationReport::merged(&[&good, &unknown, &good]);
        assert_eq!((merged.status, merged.certificates.len()), (Unknown, 2));
    }
}
