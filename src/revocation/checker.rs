//! Checks the certificates of a path for revocation, in Windows' order: the stapled OCSP response, then the
//! OCSP responders, then the CRLs. One checker per route. Checks are never part of a probe's time and never
//! delay a probe.

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::join_all;

use super::lookup::{CertificateLink, Determined, StatusLookup, Undetermined};
use super::lookup_context::{CheckerSettings, Fetch, LookupContext};
use super::report::{CertificateStatus, CrlState, RevocationReport, RevocationStatus};
use super::store::PathId;
use super::{Certificate, Issuer, UndeterminedCause};
use crate::catalog::ProbeUrl;
use crate::observation::VerifiedPath;
use crate::text::clean;

/// The maximum number of certificates checked per path. webpki builds no longer paths.
const MAX_PATH: usize = 8;

/// The status of one certificate.
struct CheckedCertificate {
    status: CertificateStatus,
    /// When the check is due again. `None` for a certificate that can't be read.
    until: Option<SystemTime>,
    /// The lists that the check needed.
    lists: Vec<ProbeUrl>,
}

/// Checks paths over one route.
#[derive(Debug)]
pub struct RevocationChecker<F> {
    context: LookupContext<F>,
}

impl<F: Fetch> RevocationChecker<F> {
    /// Creates a checker with an empty cache.
    #[must_use]
    pub fn new(fetcher: F, settings: CheckerSettings) -> Self {
        Self { context: LookupContext::new(fetcher, settings) }
    }

    /// What fetches.
    pub const fn fetcher(&self) -> &F {
        &self.context.fetcher
    }

    /// The cached report on a path, if it is still current at `now`. Fetches nothing.
    #[must_use]
    pub fn known(&self, path: &VerifiedPath, now: SystemTime) -> Option<Arc<RevocationReport>> {
        self.context.store().report(PathId::from_path(path), now)
    }

    /// Checks a path at `now`. Repeated checks of a path use the cached report until one of its sources is due
    /// for a fetch.
    pub async fn check(&self, path: &VerifiedPath, now: SystemTime) -> Arc<RevocationReport> {
        let id = PathId::from_path(path);
        if let Some(report) = self.context.store().report(id, now) {
            return report;
        }
        // Concurrently, each within the timeout.
        let lookups =
            (0..path.certificates.len().min(MAX_PATH)).map(|n| self.check_certificate(path, n, now));
        let checked = join_all(lookups).await;
        let until = checked
            .iter()
            .filter_map(|checked| checked.until)
            .fold(now + self.context.settings.fetch_intervals.refresh, SystemTime::min);
        let lists = checked.iter().flat_map(|checked| checked.lists.iter().cloned()).collect();
        let certificates = checked.into_iter().map(|checked| checked.status).collect();
        let report = Arc::new(RevocationReport::new(certificates));
        self.context.store().insert_report(id, Arc::clone(&report), lists, until);
        report
    }

    /// Checks the certificate at position `n` of a path.
    async fn check_certificate(&self, path: &VerifiedPath, n: usize, now: SystemTime) -> CheckedCertificate {
        let Some(link) = path_link(path, n) else {
            let detail = "the certificate can't be read".to_owned();
            let unreadable =
                Undetermined { cause: UndeterminedCause::Malformed, source: None, detail, failure: None };
            return CheckedCertificate {
                status: status(String::new(), Err(unreadable)),
                until: None,
                lists: Vec::new(),
            };
        };
        let lookup = StatusLookup::new(&self.context, &link, now);
        let status = status(link.certificate.subject.clone(), lookup.resolve().await);
        CheckedCertificate { status, until: Some(lookup.until()), lists: lookup.into_lists() }
    }

    /// The state of each list that the last check of a path needed, by URL.
    #[must_use]
    pub fn lists(&self, path: &VerifiedPath) -> Vec<CrlState> {
        self.context.store().lists(PathId::from_path(path))
    }
}

/// The certificate at position `n` of a path, with its issuer. `None` if either can't be parsed, which
/// verification precludes.
fn path_link(path: &VerifiedPath, n: usize) -> Option<CertificateLink> {
    let issuer = match path.certificates.get(n + 1) {
        Some(next) => Issuer::from_certificate(next),
        None => Issuer::from_anchor(&path.anchor.subject, &path.anchor.spki),
    };
    let stapled = if n == 0 { path.stapled.clone() } else { Vec::new() };
    Some(CertificateLink {
        certificate: Arc::new(Certificate::read(path.certificates.get(n)?).ok()?),
        issuer: Arc::new(issuer.ok()?),
        stapled,
    })
}

fn status(subject: String, determined: Result<Determined, Undetermined>) -> CertificateStatus {
    let (status, cause, source, detail, failure) = match determined {
        Ok(Determined { revoked: None, source, .. }) => {
            (RevocationStatus::Good, None, Some(source), String::new(), None)
        }
        Ok(Determined { revoked: Some(revoked), source, .. }) => {
            let at = humantime::format_rfc3339_seconds(revoked.at);
            (
                RevocationStatus::Revoked,
                None,
                Some(source),
                format!("revoked at {at}: {}", revoked.reason),
                None,
            )
        }
        Err(Undetermined { cause, source, detail, failure }) => {
            (RevocationStatus::Unknown, Some(cause), source, clean(&detail), failure)
        }
    };
    // URLs in certificates are untrusted text, like names.
    CertificateStatus { subject, status, cause, source: source.map(|source| clean(&source)), detail, failure }
}

#[cfg(test)]
mod tests;
