//! What is proven to be public: the chains of the catalog's hosts to a root of Microsoft or of the public web, and the lists,
//! certificates and OCSP responses that their issuers signed. Nothing is public because nothing speaks against it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::names::Pseudonyms;
use crate::observation::{Anchor, HopFacts, VerifiedPath};
use crate::probe::HopConclusion;
use crate::revocation::{Certificate, FetchKey, Issuer, SignedObjects, ocsp};
use crate::tls::certificate_urls::RevocationSources;
use crate::tls::digest::sha256;
use crate::tls::links::is_self_signed;
use crate::tls::{RootKind, Roots, certificate_facts};

/// A certificate of a public path with its issuer.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    certificate: Certificate,
    issuer: Issuer,
}

impl Link {
    /// The certificate at a place of a path.
    fn of(path: &VerifiedPath, place: usize) -> Option<Self> {
        let issuer = match path.certificates.get(place + 1) {
            Some(next) => Issuer::from_certificate(next),
            None => Issuer::from_anchor(&path.anchor.subject, &path.anchor.spki),
        };
        let certificate = Certificate::read(path.certificates.get(place)?).ok()?;
        Some(Self { certificate, issuer: issuer.ok()? })
    }

    /// What a revocation check of the certificate requests.
    fn requests(&self) -> Vec<FetchKey> {
        let RevocationSources { points, freshest, ocsp, .. } = &self.certificate.sources;
        let lists = points.iter().chain(freshest).flat_map(|point| &point.urls);
        let mut keys: Vec<_> = lists.map(|url| FetchKey { url: url.clone(), body: None }).collect();
        if let Some(query) = ocsp::request(&self.certificate, &self.issuer) {
            for responder in ocsp {
                let get = ocsp::get_url(responder, &query);
                keys.extend(get.map(|url| FetchKey { url, body: None }));
                keys.push(FetchKey { url: responder.clone(), body: Some(sha256(&query)) });
            }
        }
        keys
    }
}

/// The public paths of a record, and what they prove.
#[derive(Debug)]
pub(super) struct Public {
    signers: SignedObjects,
    links: Vec<Link>,
    requests: HashSet<FetchKey>,
}

impl Public {
    /// Knows these roots: Microsoft's and those of the public web.
    pub(super) fn new(roots: &Arc<Roots>) -> Self {
        Self { signers: SignedObjects::new(roots), links: Vec::new(), requests: HashSet::new() }
    }

    /// Adds a public path, and makes known what its certificates name.
    pub(super) fn add(&mut self, path: &VerifiedPath, names: &mut Pseudonyms) {
        self.signers.add_issuers(path);
        for (place, der) in path.certificates.iter().enumerate() {
            if let Some(facts) = certificate_facts(der) {
                names.add_public_name(&facts.subject);
                names.add_public_name(&facts.issuer);
            }
            let Some(link) = Link::of(path, place) else { continue };
            if self.links.contains(&link) {
                continue;
            }
            let RevocationSources { points, freshest, ocsp, issuers } = &link.certificate.sources;
            let lists = points.iter().chain(freshest).flat_map(|point| &point.urls);
            lists.chain(ocsp).chain(issuers).for_each(|url| names.add_public_url(url));
            self.requests.extend(link.requests());
            self.links.push(link);
        }
    }

    /// Whether the check of a public path makes this request.
    pub(super) fn is_requested(&self, key: &FetchKey) -> bool {
        self.requests.contains(key)
    }

    /// Whether a public issuer signed a list or the certificate of an authority.
    pub(super) fn proves_object(&self, body: &[u8]) -> bool {
        self.signers.proves_crl(body) || self.signers.proves_authority(body)
    }

    /// Whether a public issuer signed what a revocation check fetched.
    pub(super) fn proves(&self, body: &[u8], at: SystemTime) -> bool {
        let is_of = |link: &Link| ocsp::is_proven(&link.certificate, &link.issuer, body, at);
        self.proves_object(body) || self.links.iter().any(is_of)
    }
}

/// Whether the stapled OCSP response of a path is its issuer's.
pub(super) fn has_proven_staple(path: &VerifiedPath, at: SystemTime) -> bool {
    let leaf = Link::of(path, 0);
    leaf.is_some_and(|leaf| ocsp::is_proven(&leaf.certificate, &leaf.issuer, &path.stapled, at))
}

/// The path of a chain that is proven to be that of a public host, and judged the same without an unproven stapled response.
pub(super) fn public_path(
    roots: &Roots,
    names: &Pseudonyms,
    hop: &HopFacts,
    conclusion: &HopConclusion,
) -> Option<Arc<VerifiedPath>> {
    let chain = hop.evidence.as_ref()?.chain.as_ref()?;
    let path = conclusion.tls.as_ref().filter(|tls| tls.verified)?.path.as_ref()?;
    let is_public = matches!(roots.kind(&path.anchor), Some(RootKind::Microsoft | RootKind::Public));
    let belongs =
        |der: &CertificateDer<'static>| path.certificates.contains(der) || is_root(der, &path.anchor);
    let is_whole = chain.certificates.iter().all(belongs);
    let needs_staple = Link::of(path, 0).is_none_or(|leaf| {
        let sources = &leaf.certificate.sources;
        sources.points.is_empty() && sources.ocsp.is_empty()
    });
    let is_stapled = || path.stapled.is_empty() || has_proven_staple(path, chain.verified_at);
    let is_known = is_public && is_whole && names.is_public(conclusion.url.host());
    (is_known && (!needs_staple || is_stapled())).then(|| Arc::clone(path))
}

/// Whether a certificate is that of a root, which its own signature proves: others can copy its name and key.
fn is_root(der: &CertificateDer<'_>, root: &Anchor) -> bool {
    let is_its_key = |certificate: &X509Certificate<'_>| {
        certificate.subject().as_raw().ends_with(&root.subject)
            && certificate.public_key().raw.ends_with(&root.spki)
    };
    let certificate = X509Certificate::from_der(der);
    certificate.is_ok_and(|(rest, certificate)| {
        rest.is_empty() && is_its_key(&certificate) && is_self_signed(&certificate)
    })
}
