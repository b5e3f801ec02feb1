//! Chain verification: a presented chain → a verified path to a trusted root, or an error. Pure. Missing
//! certificates come from `aia.rs`, roots from `roots.rs`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::chain_error::{ChainError, InvalidRoot, chain_error, weakness};
use super::links::{is_self_signed, linked};
use super::validity::Validity;
use super::{Root, RootKind, Roots, refusal};
use crate::observation::VerifiedPath;

/// The certificates that a server presented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresentedChain {
    /// Leaf first, in the server's order.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The stapled OCSP response. Empty if there is none.
    pub stapled: Vec<u8>,
}

/// A chain that was verified against the trusted roots.
#[derive(Clone, Debug)]
pub struct TrustedChain {
    /// The verified path.
    pub path: Arc<VerifiedPath>,
    /// The root at its end.
    pub root: Root,
    /// The period in which every certificate of the path is valid, including the root.
    pub validity: Validity,
    /// The validity of the certificate that expires first, which may be the root.
    pub first_to_expire: Validity,
    /// Whether the path contains a certificate that the server didn't present.
    pub completed: bool,
}

/// Parameters of a verification besides the presented chain.
pub(super) struct Verification<'a> {
    pub(super) roots: &'a Roots,
    pub(super) algorithms: &'a WebPkiSupportedAlgorithms,
    /// Additional intermediates.
    pub(super) extra: &'a [CertificateDer<'static>],
    /// The name that the leaf must be valid for.
    pub(super) name: &'a ServerName<'a>,
    pub(super) now: UnixTime,
}

impl Verification<'_> {
    /// Finds a path from the leaf to a root over the presented and additional certificates. Of several paths it
    /// prefers the one with the most genuine root: the machine's store may contain a self-signed copy of a root
    /// that a genuine one has cross-signed.
    ///
    /// # Errors
    /// If there is no valid path, with the most specific reason.
    pub(super) fn verify(&self, presented: &PresentedChain) -> Result<TrustedChain, ChainError> {
        let issuers = presented.certificates.iter().skip(1).chain(self.extra).cloned().collect::<Vec<_>>();
        let found = match self.path(presented, &issuers, RootKind::Private) {
            Ok(found) => found,
            Err(fault) => self.verify_links(presented, &issuers, fault)?,
        };
        let mut better = RootKind::ALL.into_iter().take_while(|kind| *kind < found.root.kind);
        Ok(better.find_map(|kind| self.path(presented, &issuers, kind).ok()).unwrap_or(found))
    }

    /// Verifies without what belongs to no path, since it may have caused the fault: certificates that no name
    /// links to the leaf, and copies of roots, which add no trust.
    fn verify_links(
        &self,
        presented: &PresentedChain,
        issuers: &[CertificateDer<'static>],
        fault: PathFault,
    ) -> Result<TrustedChain, ChainError> {
        let links = presented.certificates.first().map(|leaf| linked(leaf, issuers)).unwrap_or_default();
        let above = links.iter().skip(1).filter(|link| !is_self_signed(link));
        let above: Vec<_> = above.map(|link| CertificateDer::from(link.as_raw().to_vec())).collect();
        let fault = if links.is_empty() || above.len() == issuers.len() {
            fault
        } else {
            match self.path(presented, &above, RootKind::Private) {
                Ok(found) => return Ok(found), // the rest was too much for path building
                Err(fault) => fault,
            }
        };
        let error = match fault {
            PathFault::Webpki(error, root) => chain_error(error, root.map(|root| *root), &links, self.roots),
            PathFault::WeakLeaf(words) => ChainError::Weak { words, of_leaf: true },
        };
        Err(self.with_other_name(error, presented))
    }

    /// Adds the leaf's names to an error of the chain if it is for another host, which path building doesn't look at:
    /// a captive portal or a block page presents a certificate of its own, an inspecting proxy one for the host.
    fn with_other_name(&self, error: ChainError, presented: &PresentedChain) -> ChainError {
        let leaf = presented.certificates.first().and_then(|leaf| EndEntityCert::try_from(leaf).ok());
        let fault = leaf.and_then(|leaf| leaf.verify_is_valid_for_subject_name(self.name).err());
        match (fault, &error) {
            (_, ChainError::Refused { error: webpki::Error::CertNotValidForName(_), .. }) => error,
            (Some(webpki::Error::CertNotValidForName(context)), _) => {
                error.and(&refusal::wrong_name(&context.expected, &context.presented))
            }
            _ => error,
        }
    }

    /// Finds a path over these issuers to a root of this kind or a more genuine one.
    fn path(
        &self,
        presented: &PresentedChain,
        issuers: &[CertificateDer<'static>],
        kind: RootKind,
    ) -> Result<TrustedChain, PathFault> {
        let unread = || PathFault::Webpki(webpki::Error::BadDer, None);
        let leaf_der = presented.certificates.first().ok_or_else(unread)?;
        let invalid_root = RefCell::new(None);
        let refused = |error| PathFault::Webpki(error, invalid_root.take().map(Box::new));
        let check_path = |path: &webpki::VerifiedPath<'_>| {
            if !path.intermediate_certificates().all(|issuer| may_sign_certificates(&issuer.der())) {
                return Err(webpki::Error::EndEntityUsedAsCa);
            }
            let fits = |root: &Root| root.kind <= kind;
            let root = self.roots.find(path.anchor(), self.now).filter(fits);
            let root = root.ok_or(webpki::Error::UnknownIssuer)?;
            check_validity(&root, self.now).inspect_err(|error| {
                invalid_root.replace(Some(InvalidRoot { error: error.clone(), root: root.clone() }));
            })
        };
        let leaf = EndEntityCert::try_from(leaf_der).map_err(refused)?;
        let found = leaf
            .verify_for_usage(
                self.algorithms.all,
                self.roots.anchors(),
                issuers,
                self.now,
                KeyUsage::server_auth(),
                None,
                Some(&check_path),
            )
            .map_err(refused)?;
        leaf.verify_is_valid_for_subject_name(self.name).map_err(refused)?;
        let (_, parsed) = X509Certificate::from_der(leaf_der).map_err(|_| unread())?;
        if let Some(why) = weakness(&parsed) {
            return Err(PathFault::WeakLeaf(why)); // path building ignores the leaf's own key
        }
        let mut certificates = vec![leaf_der.clone()];
        certificates.extend(found.intermediate_certificates().map(|link| link.der().into_owned()));
        let completed = certificates.iter().any(|link| !presented.certificates.contains(link));
        // Unreachable: the anchor is one of `self.roots`, and webpki has parsed the certificates.
        let root = self.roots.find(found.anchor(), self.now).ok_or_else(unread)?;
        let validities = validities(&certificates).ok_or_else(unread)?;
        let all = validities.into_iter().chain([root.validity]);
        let validity = all.clone().fold(root.validity, Validity::intersection);
        // Of several, the one with the longest lifetime: its renewal is due the longest.
        let first_to_expire =
            all.min_by_key(|one| (one.not_after(), one.not_before())).unwrap_or(root.validity);
        let anchor = found.anchor().into();
        let path = Arc::new(VerifiedPath { certificates, anchor, stapled: presented.stapled.clone() });
        Ok(TrustedChain { path, root, validity, first_to_expire, completed })
    }
}

/// Why there is no path, not yet in words: most faults are of paths that are tried and given up.
enum PathFault {
    /// An error of path building, and the last root that was out of its validity.
    Webpki(webpki::Error, Option<Box<InvalidRoot>>),
    /// The leaf's weak key or digest, in words.
    WeakLeaf(String),
}

/// Whether an issuer's key usage, if it has one, allows it to sign certificates (RFC 5280, section 6.1.4 (n)). webpki doesn't look at
/// it; Windows and OpenSSL do.
fn may_sign_certificates(issuer: &CertificateDer<'_>) -> bool {
    let Ok((_, issuer)) = X509Certificate::from_der(issuer) else { return false };
    let usage = issuer.key_usage();
    usage.is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()))
}

/// Checks a root's validity, with the errors that path building has for other certificates.
fn check_validity(root: &Root, now: UnixTime) -> Result<(), webpki::Error> {
    let (time, validity) = (now, root.validity);
    let seconds = |at: SystemTime| {
        UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    };
    if validity.contains(now) {
        Ok(())
    } else if validity.has_ended(now) {
        Err(webpki::Error::CertExpired { time, not_after: seconds(validity.not_after()) })
    } else {
        Err(webpki::Error::CertNotValidYet { time, not_before: seconds(validity.not_before()) })
    }
}

/// The validity of each certificate. `None` if one can't be parsed.
fn validities(certificates: &[CertificateDer<'_>]) -> Option<Vec<Validity>> {
    let validity =
        |der| X509Certificate::from_der(der).ok().map(|(_, certificate)| Validity::from(&certificate));
    certificates.iter().map(|der| validity(der)).collect()
}

#[cfg(test)]
mod tests;
