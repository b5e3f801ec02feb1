//! The part of a presented chain that issuers' names link to its leaf: servers also send what belongs to no path.
//! Pure.

use der::asn1::AnyRef;
use der::{Decode as _, Encode as _, Tag};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use super::signature::Signed;

/// The leaf and the certificates that issuers' names link to it, leaf first, each before its issuers. Omits what
/// can't be parsed; empty if that is the leaf.
pub(super) fn linked<'a>(
    leaf: &'a CertificateDer<'_>,
    others: impl IntoIterator<Item = &'a CertificateDer<'static>>,
) -> Vec<X509Certificate<'a>> {
    let mut linked = Vec::from_iter(parse(leaf));
    let mut rest: Vec<_> = others.into_iter().filter_map(|der| parse(der)).collect();
    let mut next = 0;
    while let Some(issuer) = linked.get(next).map(|link| link.tbs_certificate.issuer.as_raw()) {
        linked.extend(rest.extract_if(.., |other| other.subject().as_raw() == issuer));
        next += 1;
    }
    linked
}

/// The leaf and the links above it that signatures confirm, leaf first.
pub(super) fn signed<'a, 'b>(links: &'b [X509Certificate<'a>]) -> Vec<&'b X509Certificate<'a>> {
    let mut signed = Vec::from_iter(links.first());
    let mut next = 0;
    while let Some(link) = signed.get(next).copied() {
        let is_new = |other: &&X509Certificate<'_>| !signed.iter().any(|known| std::ptr::eq(*known, *other));
        let signers = links.iter().filter(is_new).filter(|other| is_issued_by(link, other));
        let signers: Vec<_> = signers.collect();
        signed.extend(signers);
        next += 1;
    }
    signed
}

/// Whether a certificate is its own issuer's: what a root's store holds.
pub(crate) fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    is_issued_by(certificate, certificate)
}

fn is_issued_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && is_signed_by(certificate, issuer.public_key().raw)
}

/// Whether a certificate is signed by a key, given as DER of its `SubjectPublicKeyInfo`.
pub(super) fn is_signed_by(certificate: &X509Certificate<'_>, spki: &[u8]) -> bool {
    let signed = AnyRef::from_der(certificate.as_raw()).and_then(|whole| whole.sequence(Signed::read));
    signed.is_ok_and(|signed| signed.verify(spki).is_ok())
}

/// DER of a SEQUENCE with these contents, as trust anchors have them. Empty if they are too long for DER (256 MiB).
pub(super) fn sequence(contents: &[u8]) -> Vec<u8> {
    AnyRef::new(Tag::Sequence, contents).and_then(|value| value.to_der()).unwrap_or_default()
}

/// The identifier of a certificate's key, if it has one.
pub(super) fn key_id<'a>(certificate: &X509Certificate<'a>) -> Option<&'a [u8]> {
    certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
        _ => None,
    })
}

/// The identifier of the key that signed a certificate, if it names one.
pub(super) fn issuer_key_id<'a>(certificate: &X509Certificate<'a>) -> Option<&'a [u8]> {
    certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0),
        _ => None,
    })
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::fixture::{cross_signed, intermediate_ca, leaf, root};

    const LONG: (i64, i64) = (-100, 100);

    #[test]
    fn only_what_names_link_to_the_leaf_belongs_to_its_chain() {
        let (root, other) = (root("Root", LONG), root("Other", LONG));
        let (ca, stranger) = (intermediate_ca("CA", LONG, &root), intermediate_ca("Stranger", LONG, &other));
        let forged = cross_signed(&stranger, "CA", LONG, &other);
        let leaf = leaf(LONG, &ca);
        let garbage = CertificateDer::from(vec![0x30, 0]);
        let all = [root.der(), stranger.der(), &garbage, ca.der(), &forged, other.der(), &leaf];
        let links = linked(&leaf, all);
        let found: Vec<_> = links.iter().map(X509Certificate::as_raw).collect();
        let expected = [&leaf, ca.der(), &forged, root.der(), other.der()].map(AsRef::as_ref);
        assert_eq!(found, expected);
        let found: Vec<_> = signed(&links).into_iter().map(X509Certificate::as_raw).collect();
        assert_eq!(found, [&leaf, ca.der(), root.der()].map(AsRef::as_ref));
        assert_eq!(links.iter().map(is_self_signed).collect::<Vec<_>>(), [false, false, false, true, true]);
        assert!(linked(&garbage, all).is_empty());
    }
}
