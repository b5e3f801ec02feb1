//! The trusted roots: the system's store, embedded Microsoft roots that no Mozilla bundle contains, and the
//! configuration's. Records each root's kind and validity. `chain.rs` builds paths to them, `parts.rs` takes them apart
//! for records.

mod parts;

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::digest::sha256;
use super::links::{is_signed_by, issuer_key_id, key_id, sequence};
use super::microsoft::{microsoft_intermediates, microsoft_roots};
use super::refusal;
use super::validity::Validity;
use crate::catalog::{Fingerprint, KnownRoot, Trust};
use crate::config::TlsConfig;
use crate::observation::Anchor;
use crate::text::clean;
pub use parts::RootParts;

/// A configured certificate that can't be a trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {position} of `tls.{key}` can't be a trust anchor: {}", refusal::describe(.source, &[]))]
pub struct RootsError {
    /// The configuration's key.
    pub key: &'static str,
    /// Its place in the list, from 1.
    pub position: usize,
    /// The error.
    pub source: webpki::Error,
}

/// The kind of a root: it decides for which endpoints the root is genuine. Ordered from the most genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RootKind {
    /// Listed in the catalog or in `tls.genuine_roots`.
    Microsoft,
    /// In Mozilla's bundle.
    Public,
    /// Only in this machine's store or in `tls.extra_roots`: a private root.
    Private,
}

/// Whether a root is the expected one for an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootFit {
    /// A root that the genuine service's chains end at.
    Genuine,
    /// A public root that isn't expected here. TLS inspectors have no public roots, so the service may have
    /// moved to it.
    Unexpected,
    /// A private root: a TLS inspector's.
    Foreign,
}

impl RootKind {
    /// All kinds, most genuine first.
    pub const ALL: [Self; 3] = [Self::Microsoft, Self::Public, Self::Private];

    /// Whether a root of this kind is the expected one for an endpoint of this trust.
    #[must_use]
    pub const fn fit(self, trust: Trust) -> RootFit {
        match (trust, self) {
            (Trust::Microsoft, Self::Public) => RootFit::Unexpected,
            (Trust::Microsoft | Trust::Public, Self::Private) => RootFit::Foreign,
            // Plain HTTP has no chain. For endpoints that the configuration adds, any trusted root is genuine.
            _ => RootFit::Genuine,
        }
    }
}

/// A root's properties besides its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its distinguished name, cleaned.
    pub name: String,
    /// Its kind.
    pub kind: RootKind,
    /// Its validity.
    pub validity: Validity,
}

/// Trust anchors with their properties.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    known: Vec<Root>,
    /// The identifiers of the anchors' keys, of those that have one.
    key_ids: Vec<Option<Vec<u8>>>,
}

/// The lists that determine a root's kind.
struct RootLists<'a> {
    /// SHA-256 of the certificates of Microsoft's roots.
    microsoft: BTreeSet<Fingerprint>,
    /// Microsoft's roots by name and key.
    cross_signed: Vec<TrustAnchor<'a>>,
    /// The public roots by name and key.
    public: &'a [TrustAnchor<'a>],
}

impl Roots {
    /// Loads the system's store, the embedded Microsoft roots and those of `config`. Roots in `known` are
    /// genuine from any source. Logs and skips entries of the system's store that can't be read.
    ///
    /// # Errors
    /// If a configured root isn't a certificate.
    pub fn load(known: &[KnownRoot], config: &TlsConfig) -> Result<Arc<Self>, RootsError> {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "failed to read part of the system's certificate store");
        }
        Self::from_lists(&system.certs, known, config)
    }

    /// Like [`Self::load`], with `system` instead of the system's store.
    ///
    /// # Errors
    /// If a configured root isn't a certificate.
    pub fn from_lists(
        system: &[CertificateDer<'_>],
        known: &[KnownRoot],
        config: &TlsConfig,
    ) -> Result<Arc<Self>, RootsError> {
        Self::with_public(system, webpki_roots::TLS_SERVER_ROOTS, known, config)
    }

    /// Like [`Self::from_lists`], with `public` instead of Mozilla's bundle.
    ///
    /// # Errors
    /// If a configured root isn't a certificate.
    pub fn with_public(
        system: &[CertificateDer<'_>],
        public: &[TrustAnchor<'_>],
        known: &[KnownRoot],
        config: &TlsConfig,
    ) -> Result<Arc<Self>, RootsError> {
        let listed = known.iter().map(|root| root.sha256);
        let configured = config.genuine_roots.iter().map(|der| fingerprint(der));
        let lists = RootLists {
            microsoft: listed.chain(configured).collect(),
            cross_signed: microsoft_intermediates().iter().filter_map(|der| anchor(der).ok()).collect(),
            public,
        };
        let mut roots = Self::default();
        for certificate in system.iter().chain(microsoft_roots()) {
            if let Err(error) = roots.add(certificate, &lists) {
                tracing::debug!(%error, "ignoring a certificate of the system's store that can't be a trust anchor");
            }
        }
        roots.add_all("genuine_roots", &config.genuine_roots, &lists)?;
        roots.add_all("extra_roots", &config.extra_roots, &lists)?;
        tracing::debug!(count = roots.anchors.len(), "trusted roots");
        Ok(Arc::new(roots))
    }

    fn add_all(
        &mut self,
        key: &'static str,
        certificates: &[CertificateDer<'static>],
        lists: &RootLists<'_>,
    ) -> Result<(), RootsError> {
        for (n, certificate) in certificates.iter().enumerate() {
            let added = self.add(certificate, lists);
            added.map_err(|source| RootsError { key, position: n + 1, source })?;
        }
        Ok(())
    }

    fn add(&mut self, certificate: &CertificateDer<'_>, lists: &RootLists<'_>) -> Result<(), webpki::Error> {
        let anchor = anchor(certificate)?;
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| webpki::Error::BadDer)?;
        self.known.push(Root {
            name: clean(&parsed.subject().to_string()),
            kind: lists.root_kind(certificate, &anchor),
            validity: Validity::from(&parsed),
        });
        self.key_ids.push(key_id(&parsed).map(<[u8]>::to_vec));
        self.anchors.push(anchor.to_owned());
        Ok(())
    }

    /// The anchors, for path building.
    #[must_use]
    pub fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The root of an anchor, or `None` if it isn't in this set. Stores may hold several certificates of one
    /// key: the most genuine one determines the kind, and the one that is valid longest determines the
    /// validity.
    #[must_use]
    pub fn find(&self, anchor: &TrustAnchor<'_>, now: UnixTime) -> Option<Root> {
        let same = self.anchors.iter().zip(&self.known).filter(|(known, _)| is_same_key(known, anchor));
        let same: Vec<&Root> = same.map(|(_, root)| root).collect();
        let kind = same.iter().map(|root| root.kind).min()?;
        let longest =
            same.iter().max_by_key(|root| (root.validity.contains(now), root.validity.not_after()))?;
        Some(Root { kind, ..(*longest).clone() })
    }

    /// Whether a certificate's issuer has the name of a root.
    pub(super) fn knows_issuer(&self, certificate: &X509Certificate<'_>) -> bool {
        self.anchors.iter().any(|known| sequence(&known.subject) == certificate.issuer().as_raw())
    }

    /// Whether a certificate's issuer has the name of a root, but neither a root's key nor its identifier.
    pub(super) fn knows_issuer_by_another_key(&self, certificate: &X509Certificate<'_>) -> bool {
        let issuer = certificate.issuer().as_raw();
        let same_name = self.anchors.iter().zip(&self.key_ids);
        let mut same_name = same_name.filter(|(known, _)| sequence(&known.subject) == issuer).peekable();
        let is_issuer = |known: &TrustAnchor<'_>, key_id: Option<&[u8]>| {
            key_id.is_some_and(|id| issuer_key_id(certificate) == Some(id))
                || is_signed_by(certificate, &sequence(&known.subject_public_key_info))
        };
        same_name.peek().is_some() && !same_name.any(|(known, key_id)| is_issuer(known, key_id.as_deref()))
    }

    /// The kind of the root at the end of a verified path. `None` if it isn't in this set.
    #[must_use]
    pub fn kind(&self, anchor: &Anchor) -> Option<RootKind> {
        let is_same = |known: &TrustAnchor<'_>| {
            known.subject.as_ref() == anchor.subject && known.subject_public_key_info.as_ref() == anchor.spki
        };
        let same = self.anchors.iter().zip(&self.known).filter(|(known, _)| is_same(known));
        same.map(|(_, root)| root.kind).min()
    }
}

impl RootLists<'_> {
    fn root_kind(&self, certificate: &CertificateDer<'_>, anchor: &TrustAnchor<'_>) -> RootKind {
        // A cross-signed root is also recognised by its key. Windows' store has Microsoft TLS ECC Root G2, for
        // which only the cross-signed certificate has a published fingerprint.
        let is_cross_signed = self.cross_signed.iter().any(|known| is_same_key(known, anchor));
        if is_cross_signed || self.microsoft.contains(&fingerprint(certificate)) {
            RootKind::Microsoft
        } else if self.public.iter().any(|known| is_same_key(known, anchor)) {
            RootKind::Public
        } else {
            RootKind::Private
        }
    }
}

/// An anchor is identified by name and key (RFC 5280, section 6.1.1).
fn is_same_key(one: &TrustAnchor<'_>, other: &TrustAnchor<'_>) -> bool {
    one.subject == other.subject && one.subject_public_key_info == other.subject_public_key_info
}

fn anchor<'a>(certificate: &'a CertificateDer<'_>) -> Result<TrustAnchor<'a>, webpki::Error> {
    webpki::anchor_from_trusted_cert(certificate)
}

/// SHA-256 over the DER.
pub(super) fn fingerprint(certificate: &[u8]) -> Fingerprint {
    Fingerprint(sha256(certificate))
}

#[cfg(test)]
mod tests;
