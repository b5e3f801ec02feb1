//! What is known of the revocation of a path, and of the lists that it names. How it is found out is elsewhere.

use std::time::SystemTime;

use serde::Serialize;

use super::Cause;
use crate::observation::{Failure, FailureReason, Stage};
use crate::words::words;

words! {
    /// Whether something is revoked.
    Status {
        /// Its issuer says that it isn't.
        Good = "good",
        /// Its issuer says so.
        Revoked = "revoked",
        /// It can't be found out.
        Unknown = "unknown",
    }
}

/// What is known of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CertificateStatus {
    /// Distinguished name of its holder, cleaned.
    pub subject: String,
    /// Whether it is revoked.
    pub status: Status,
    /// Why that isn't known.
    pub cause: Option<Cause>,
    /// The URL of the list or responder that says so, or that should; `stapled` for an answer that came with the handshake.
    pub source: Option<String>,
    /// More of it, for people; cleaned.
    pub detail: String,
}

/// What is known of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RevocationReport {
    /// Good where every certificate is; revoked where one is.
    pub status: Status,
    /// Of each certificate, leaf first; the root is nobody's to revoke.
    pub certificates: Vec<CertificateStatus>,
}

impl RevocationReport {
    /// The report on a path of these certificates.
    #[must_use]
    pub fn of(certificates: Vec<CertificateStatus>) -> Self {
        let has = |status| certificates.iter().any(|certificate| certificate.status == status);
        let worst = [Status::Revoked, Status::Unknown].into_iter().find(|status| has(*status));
        Self { status: worst.unwrap_or(Status::Good), certificates }
    }

    /// The first certificate that gives the path its status, unless that is good.
    #[must_use]
    pub fn blamed(&self) -> Option<&CertificateStatus> {
        let is_good = self.status == Status::Good;
        self.certificates.iter().find(|certificate| !is_good && certificate.status == self.status)
    }

    /// Why the status isn't known.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.blamed()?.cause
    }

    /// The failure of a probe whose chain is revoked.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        let CertificateStatus { subject, source, detail, .. } =
            self.blamed().filter(|blamed| blamed.status == Status::Revoked)?;
        let source = source.as_deref().unwrap_or_default();
        let detail = format!("{subject} is revoked, says {source}: {detail}");
        Some(Failure::new(Stage::Tls, FailureReason::Revoked, detail))
    }
}

/// What is known of one revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlState {
    /// Where it is; from a verified chain, cleaned and cut.
    pub url: String,
    /// How the last fetch ended; none: not fetched yet.
    pub fetch: Option<Result<(), Failure>>,
    /// When the list in use was made.
    pub this_update: Option<SystemTime>,
    /// When it ends.
    pub next_update: Option<SystemTime>,
}

#[cfg(test)]
mod tests {
    use super::*;

    use Status::{Good, Revoked, Unknown};

    fn certificate(status: Status) -> CertificateStatus {
        CertificateStatus {
            subject: format!("CN={status}"),
            status,
            cause: (status == Unknown).then_some(Cause::Unreachable),
            source: Some("http://crl.test/".to_owned()),
            detail: "so it says".to_owned(),
        }
    }

    #[test]
    fn a_path_is_as_its_worst_certificate_and_the_first_of_these_is_blamed() {
        let check = |path: &[Status], status: Status, blamed: Option<usize>| {
            let report = RevocationReport::of(path.iter().copied().map(certificate).collect());
            assert_eq!(report.status, status, "{path:?}");
            let expected = blamed.map(|n| &report.certificates[n]);
            assert!(report.blamed().map(std::ptr::from_ref) == expected.map(std::ptr::from_ref), "{path:?}");
            assert_eq!(report.cause(), (status == Unknown).then_some(Cause::Unreachable), "{path:?}");
            let failure = report.failure().map(|failure| (failure.stage, failure.reason, failure.detail));
            let detail = "CN=revoked is revoked, says http://crl.test/: so it says".to_owned();
            let revoked = (Stage::Tls, FailureReason::Revoked, detail);
            assert_eq!(failure, (status == Revoked).then_some(revoked), "{path:?}");
        };
        check(&[], Good, None);
        check(&[Good, Good], Good, None);
        check(&[Good, Unknown, Unknown], Unknown, Some(1));
        check(&[Unknown, Good, Revoked], Revoked, Some(2));
        check(&[Revoked, Unknown], Revoked, Some(0));
    }
}
