//! Intermediates that servers leave out: fetched from where the chain says (AIA `caIssuers`, RFC 5280, section 4.2.2.1),
//! as Windows does, and kept. Whether a chain that was completed so is believed is decided in `chain.rs`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::chain::{ChainError, Presented};
use super::revocation::sources::Sources;
use crate::catalog::{HostPattern, ProbeUrl};
use crate::fetch::{Fetched, Fetcher, Wanted};
use crate::text::clean;

/// The most certificates that one chain may lack.
const MAX_STEPS: usize = 4;

/// The most that one certificate may take, in bytes.
const MAX_CERTIFICATE: u64 = 64 * 1024;

/// The most certificates that are kept.
const MAX_KEPT: usize = 256;

/// The longest that one certificate is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The intermediates fetched so far, by the URL that named them.
#[derive(Debug)]
pub struct Issuers {
    hosts: Vec<HostPattern>,
    kept: Mutex<BTreeMap<String, CertificateDer<'static>>>,
}

/// The last certificate of a chain that can be followed, where that isn't a root.
struct Top {
    issuer: String,
    issuer_der: Vec<u8>,
    urls: Vec<ProbeUrl>,
}

impl Issuers {
    /// None yet; to be fetched from these hosts alone, since an unverified chain may name any.
    #[must_use]
    pub fn new(hosts: Vec<HostPattern>) -> Self {
        Self { hosts, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, CertificateDer<'static>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificates that are known to follow the presented ones, nearest first.
    #[must_use]
    pub fn known(&self, presented: &Presented) -> Vec<CertificateDer<'static>> {
        let mut more = Vec::new();
        while more.len() < MAX_STEPS
            && let Some(top) = top_of(presented, &more)
            && let Some(next) = top.urls.iter().find_map(|url| self.kept().get(url.as_str()).cloned())
        {
            more.push(next);
        }
        more
    }

    /// Fetches what the presented chain lacks, up to a certificate that names no place of its issuer, nearest first.
    ///
    /// # Errors
    /// When a certificate can't be had, or may not be asked for.
    pub async fn fetch(
        &self,
        fetcher: &Fetcher,
        presented: &Presented,
        deadline: Instant,
    ) -> Result<Vec<CertificateDer<'static>>, ChainError> {
        let mut found = Vec::new();
        while found.len() < MAX_STEPS
            && let Some(top) = top_of(presented, &found)
            && let Some(first) = top.urls.first()
        {
            let Some(url) = self.allowed(&top.urls) else {
                return Err(ChainError::Foreign { issuer: top.issuer, url: clean(first.as_str()) });
            };
            match fetch(fetcher, &top, url, deadline).await {
                Ok(certificate) => found.push(certificate),
                Err(why) => {
                    return Err(ChainError::Incomplete { issuer: top.issuer, url: clean(url.as_str()), why });
                }
            }
        }
        Ok(found)
    }

    /// The first URL that may be asked.
    fn allowed<'a>(&self, urls: &'a [ProbeUrl]) -> Option<&'a ProbeUrl> {
        urls.iter().find(|url| self.hosts.iter().any(|host| host.matches(url.host())))
    }

    /// Keeps what completed the presented chain, once that was believed: nothing else vouches for it.
    pub fn keep(&self, presented: &Presented, found: &[CertificateDer<'static>]) {
        for (n, certificate) in found.iter().enumerate() {
            let Some(top) = top_of(presented, &found[..n]) else { return };
            let mut kept = self.kept();
            for url in top.urls {
                if kept.len() >= MAX_KEPT {
                    kept.pop_first(); // any: what is needed again is fetched again
                }
                kept.insert(url.as_str().to_owned(), certificate.clone());
            }
        }
    }
}

/// One certificate in DER, held to be the issuer that was missing.
async fn fetch(
    fetcher: &Fetcher,
    top: &Top,
    url: &ProbeUrl,
    deadline: Instant,
) -> Result<CertificateDer<'static>, String> {
    let timeout = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
    let wanted = Wanted::of(url, MAX_CERTIFICATE, timeout);
    let answer = fetcher.fetch(wanted).await;
    let Fetched::Body { bytes, .. } =
        answer.map_err(|failure| format!("{}: {}: {}", failure.stage, failure.reason, failure.detail))?
    else {
        return Err("not modified, although nothing was known of it".to_owned());
    };
    match X509Certificate::from_der(&bytes) {
        Ok((_, found)) if found.subject().as_raw() == top.issuer_der => Ok(bytes.to_vec().into()),
        Ok((_, found)) => Err(format!("the certificate there is that of {}", found.subject())),
        Err(_) => Err("what is there is no certificate in DER".to_owned()),
    }
}

/// Follows the chain from the leaf as far as it goes; none where it ends at a root or can't be read.
fn top_of(presented: &Presented, more: &[CertificateDer<'static>]) -> Option<Top> {
    let all = presented.certificates.iter().chain(more);
    let mut rest: Vec<X509Certificate<'_>> =
        all.filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, parsed)| parsed).collect();
    if rest.is_empty() {
        return None;
    }
    let mut top = rest.remove(0);
    while top.subject() != top.issuer()
        && let Some(next) = rest.iter().position(|link| link.subject().as_raw() == top.issuer().as_raw())
    {
        top = rest.remove(next);
    }
    (top.subject().as_raw() != top.issuer().as_raw()).then(|| Top {
        issuer: clean(&top.issuer().to_string()),
        issuer_der: top.issuer().as_raw().to_vec(),
        urls: ca_issuers(&top),
    })
}

/// Where a certificate says that its issuer's can be had.
fn ca_issuers(certificate: &X509Certificate<'_>) -> Vec<ProbeUrl> {
    let urls = Sources::of(certificate).issuers;
    urls.iter().filter_map(|url| ProbeUrl::parse(url.as_str()).ok()).collect()
}
