//! Why a chain is refused, in words for a person: webpki's own texts are the names of its types. Pure.

use std::time::{Duration, SystemTime};

use rustls::pki_types::{ServerName, UnixTime};
use x509_parser::der_parser::der::parse_der_oid;
use x509_parser::prelude::{X509Certificate, X509Name};

use super::inspectors::inspector;
use crate::clock::rfc3339;
use crate::text::clean;

/// The most names of a certificate that are listed.
const MAX_NAMES: usize = 5;

/// The most characters of one of them.
const MAX_NAME: usize = 64;

/// The most characters of a distinguished name, so that three of them and the names of a certificate fit into a message.
const MAX_SHORT: usize = 48;

/// What is wrong with a chain of these certificates, leaf first.
pub(crate) fn describe(error: &webpki::Error, chain: &[X509Certificate<'_>]) -> String {
    use webpki::Error;
    let subject = |found: Option<&X509Certificate<'_>>| found.map(|link| clean(&link.subject().to_string()));
    let fault = match error {
        Error::CertExpired { not_after, .. } => {
            let ends = |link: &&X509Certificate<'_>| is_at(link.validity().not_after.timestamp(), *not_after);
            expired(subject(chain.iter().find(ends)).as_deref(), *not_after)
        }
        Error::CertNotValidYet { not_before, .. } => {
            let begins =
                |link: &&X509Certificate<'_>| is_at(link.validity().not_before.timestamp(), *not_before);
            not_yet_valid(subject(chain.iter().find(begins)).as_deref(), *not_before)
        }
        Error::CertNotValidForName(context) => wrong_name(&context.expected, &context.presented),
        Error::UnknownIssuer => unknown_issuer(chain),
        Error::InvalidSignatureForPublicKey => BAD_SIGNATURE.to_owned(),
        Error::UnsupportedSignatureAlgorithmContext(context) => {
            unsupported_algorithm(&context.signature_algorithm_id)
        }
        Error::UnsupportedSignatureAlgorithmForPublicKeyContext(context) => {
            unfit_algorithm(&context.signature_algorithm_id, &context.public_key_algorithm_id)
        }
        Error::SignatureAlgorithmMismatch => {
            "a certificate names two different signature algorithms".to_owned()
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => WRONG_PURPOSE.to_owned(),
        Error::NameConstraintViolation => {
            "an issuer in the chain may not issue certificates for this name (name constraints)".to_owned()
        }
        Error::PathLenConstraintViolated => {
            "an issuer in the chain may not have another issuer below it (path length constraint)".to_owned()
        }
        Error::CaUsedAsEndEntity => "the server presents the certificate of an issuer as its own".to_owned(),
        Error::EndEntityUsedAsCa => "the chain contains a certificate whose issuer is not a CA".to_owned(),
        Error::CertDistrusted => "a certificate of the chain is distrusted".to_owned(),
        Error::CertRevoked => "a certificate of the chain is revoked".to_owned(),
        Error::InvalidCertValidity => "a certificate of the chain has notAfter before notBefore".to_owned(),
        Error::UnsupportedCertVersion => "a certificate of the chain is not of X.509 version 3".to_owned(),
        Error::UnsupportedCriticalExtension => CRITICAL_EXTENSION.to_owned(),
        Error::MaximumNameConstraintComparisonsExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded => {
            "the chain is too long or too complex to verify".to_owned()
        }
        _ => return "certificate chain rejected (invalid encoding)".to_owned(),
    };
    format!("certificate: {fault}")
}

/// The signature of a certificate or of the handshake does not verify with the key of its signer.
pub(crate) const BAD_SIGNATURE: &str = "a signature does not match the key of its signer";

/// No certificate for servers.
pub(crate) const WRONG_PURPOSE: &str =
    "invalid purpose: a certificate of the chain is not for TLS servers (extended key usage)";

/// RFC 5280, section 4.2.
pub(crate) const CRITICAL_EXTENSION: &str =
    "a certificate of the chain has a critical extension that is not supported";

/// The certificate with this subject, if it is known which, has ended.
pub(crate) fn expired(subject: Option<&str>, not_after: UnixTime) -> String {
    format!("{} expired at {}", subject.unwrap_or("a certificate of the chain"), rfc3339(moment(not_after)))
}

/// The certificate with this subject, if it is known which, has not begun.
pub(crate) fn not_yet_valid(subject: Option<&str>, not_before: UnixTime) -> String {
    let subject = subject.unwrap_or("a certificate of the chain");
    format!("{subject} is not valid before {}", rfc3339(moment(not_before)))
}

/// The words before the requested name.
const NOT_FOR: &str = "the certificate is not for ";

/// The words before the certificate's own names.
const BUT_FOR: &str = ", but for ";

/// The first name of the certificate, from the words of [`wrong_name`]. `None` if they name no other host.
pub(crate) fn other_host(words: &str) -> Option<&str> {
    let (_, rest) = words.split_once(NOT_FOR)?;
    let (_, names) = rest.split_once(BUT_FOR)?;
    let end = names.find(|c: char| !c.is_ascii_alphanumeric() && !"-._*:".contains(c));
    Some(end.map_or(names, |end| &names[..end])).filter(|name| !name.is_empty())
}

/// The certificate has these names (formatted by the library), but not the requested one.
pub(crate) fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let names: Vec<_> = presented.iter().filter_map(|name| bare(name)).collect();
    let shown: Vec<_> = names.iter().take(MAX_NAMES).map(|name| cut(name)).collect();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        1 => " and 1 more name".to_owned(),
        more => format!(" and {more} more names"),
    };
    let expected = clean(&expected.to_str());
    if shown.is_empty() {
        return format!("{NOT_FOR}{expected}: it names no host (subjectAltName)");
    }
    format!("{NOT_FOR}{expected}{BUT_FOR}{}{more}", shown.join(", "))
}

/// Nothing here verifies signatures by this algorithm, in DER.
pub(crate) fn unsupported_algorithm(algorithm: &[u8]) -> String {
    format!("a certificate of the chain is signed by an algorithm that is not supported ({})", oid(algorithm))
}

/// The algorithm of a signature, in DER, doesn't belong to the key that should have made it.
pub(crate) fn unfit_algorithm(signature: &[u8], key: &[u8]) -> String {
    let (signature, key) = (oid(signature), oid(key));
    format!("the algorithm of a certificate's signature ({signature}) does not fit the issuer's key ({key})")
}

/// Where the presented chain ends, which is where trust should begin, with the names of the server's certificate.
fn unknown_issuer(chain: &[X509Certificate<'_>]) -> String {
    let Some(leaf) = chain.first() else { return "the issuer is unknown".to_owned() };
    let mut top = leaf;
    for _ in chain {
        let is_next = |link: &&X509Certificate<'_>| link.subject() == top.issuer() && *link != top;
        match chain.iter().find(is_next) {
            Some(next) if top.subject() != top.issuer() => top = next,
            _ => break,
        }
    }
    let [subject, issuer, last] = [leaf.subject(), leaf.issuer(), top.issuer()].map(short);
    let by = inspector([leaf.issuer(), top.issuer()].map(ToString::to_string).iter().map(String::as_str));
    let by = by.map(|by| format!(" (TLS inspection by {by})")).unwrap_or_default();
    let untrusted = if top.subject() == top.issuer() {
        "which this machine does not trust"
    } else {
        "an issuer that this machine does not know"
    };
    match (leaf.subject() == leaf.issuer(), issuer == last) {
        (true, _) => format!("{subject} is self-signed{by} and not one of this machine's trusted roots"),
        (false, true) => format!("{subject} is issued by {issuer}{by}, {untrusted}"),
        (false, false) => format!("{subject} is issued by {issuer}, below {last}{by}, {untrusted}"),
    }
}

/// A distinguished name, or its common name alone if it is long.
fn short(name: &X509Name<'_>) -> String {
    let whole = name.to_string();
    let common = name.iter_common_name().next().and_then(|common| common.as_str().ok());
    match common.filter(|_| whole.chars().count() > MAX_SHORT) {
        Some(common) => cut_to(&format!("CN={common}"), MAX_SHORT),
        None => cut_to(&whole, MAX_SHORT),
    }
}

/// The chain ends at a root of this name, and this machine trusts another one of that name.
pub(super) fn other_root(name: &str) -> String {
    format!(
        "certificate: the issuer {name} is unknown: this machine trusts a root of that name with another key"
    )
}

/// A name out of `DnsName("a.example")` or `IpAddress(192.0.2.1)`; returns None if it is a name of another kind.
fn bare(name: &str) -> Option<&str> {
    let inner = name.strip_prefix("DnsName(").or_else(|| name.strip_prefix("IpAddress("))?;
    Some(inner.strip_suffix(')')?.trim_matches('"'))
}

/// A name fit to show.
fn cut(name: &str) -> String {
    cut_to(name, MAX_NAME)
}

fn cut_to(name: &str, length: usize) -> String {
    let mut shown: String = clean(name).chars().take(length).collect();
    if name.chars().nth(length).is_some() {
        shown.push('…');
    }
    shown
}

/// The dotted object identifier that an algorithm's DER begins with.
fn oid(algorithm: &[u8]) -> String {
    let parsed = parse_der_oid(algorithm).ok();
    let oid = parsed.as_ref().and_then(|(_, object)| Some(object.as_oid().ok()?.to_id_string()));
    oid.map_or_else(|| "of no known encoding".to_owned(), |oid| format!("OID {}", clean(&oid)))
}

fn moment(at: UnixTime) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(at.as_secs())
}

fn is_at(timestamp: i64, at: UnixTime) -> bool {
    u64::try_from(timestamp) == Ok(at.as_secs())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use webpki::{Error, InvalidNameContext, KeyUsage, RequiredEkuNotFoundContext};
    use webpki::{UnsupportedSignatureAlgorithmContext, UnsupportedSignatureAlgorithmForPublicKeyContext};

    use x509_parser::prelude::FromDer as _;

    use super::*;
    use crate::text::is_plain;
    use crate::tls::fixture::{DAY, HOST, intermediate_ca, leaf, root, unix};

    /// OIDs in DER: SHA-1 with RSA, and RSA.
    const SHA1_WITH_RSA: [u8; 11] = [6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 5];
    const RSA: [u8; 11] = [6, 9, 42, 134, 72, 134, 247, 13, 1, 1, 1];

    fn check(error: &Error, presented: &[CertificateDer<'_>], expected: &str) {
        let parsed: Vec<_> = presented.iter().map(|der| X509Certificate::from_der(der).unwrap().1).collect();
        let said = describe(error, &parsed);
        assert!(is_plain(&said), "{said}");
        assert_eq!(said, expected, "{error:?}");
    }

    fn for_names(presented: &[&str]) -> Error {
        let expected = ServerName::try_from(HOST).unwrap();
        let presented = presented.iter().map(|name| (*name).to_owned()).collect();
        Error::CertNotValidForName(InvalidNameContext { expected, presented })
    }

    #[test]
    fn a_refusal_names_the_certificate_and_its_dates() {
        let (zscaler, root) = (root("Zscaler Root CA", (-10, 10)), root("Root", (-10, 10)));
        let ca = intermediate_ca("CA", (-5, 5), &root);
        let inspected = leaf((1, 3), &zscaler);
        let leaf = leaf((1, 3), &ca);
        let chain = [leaf.clone(), ca.der().clone()];
        let (time, not_before, not_after) = (unix(0), unix(DAY), unix(5 * DAY));
        let early = Error::CertNotValidYet { time, not_before };
        check(&early, &chain, "certificate: CN=wdcp.microsoft.com is not valid before 2026-11-25T00:00:00Z");
        let late = Error::CertExpired { time, not_after };
        check(&late, &chain, "certificate: CN=CA expired at 2026-11-29T00:00:00Z");
        check(&late, &[], "certificate: a certificate of the chain expired at 2026-11-29T00:00:00Z");
        let unknown =
            |presented: &[CertificateDer<'_>], expected| check(&Error::UnknownIssuer, presented, expected);
        unknown(&[], "certificate: the issuer is unknown");
        unknown(
            slice_of(&leaf),
            "certificate: CN=wdcp.microsoft.com is issued by CN=CA, an issuer that this machine does not know",
        );
        unknown(
            &chain,
            "certificate: CN=wdcp.microsoft.com is issued by CN=CA, below CN=Root, an issuer that this machine does not know",
        );
        unknown(
            &[leaf, root.der().clone(), ca.der().clone()],
            "certificate: CN=wdcp.microsoft.com is issued by CN=CA, below CN=Root, which this machine does not trust",
        );
        unknown(
            slice_of(root.der()),
            "certificate: CN=Root is self-signed and not one of this machine's trusted roots",
        );
        unknown(
            &[inspected, zscaler.der().clone()],
            "certificate: CN=wdcp.microsoft.com is issued by CN=Zscaler Root CA (TLS inspection by Zscaler), which this machine does not trust",
        );
    }

    #[test]
    fn long_names_are_shown_by_their_common_name() {
        let name = |parts: &[(rcgen::DnType, &str)]| {
            let mut params = rcgen::CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            for (kind, value) in parts {
                params.distinguished_name.push(kind.clone(), *value);
            }
            let der = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            short(X509Certificate::from_der(der.der()).unwrap().1.subject())
        };
        let (organization, common) = (rcgen::DnType::OrganizationName, rcgen::DnType::CommonName);
        assert_eq!(name(&[(organization.clone(), "Zscaler"), (common.clone(), "CA")]), "O=Zscaler, CN=CA");
        let long = "Zscaler Incorporated, of a place with a long name, in a state";
        assert_eq!(name(&[(organization.clone(), long), (common.clone(), "CA")]), "CN=CA");
        assert_eq!(
            name(&[(organization, long), (common, &"x".repeat(80))]),
            format!("CN={}…", "x".repeat(45))
        );
    }

    fn slice_of<T>(one: &T) -> &[T] {
        std::slice::from_ref(one)
    }

    #[test]
    fn a_certificate_for_another_host_is_reported_with_its_names() {
        let not_for = "certificate: the certificate is not for wdcp.microsoft.com";
        check(&for_names(&[]), &[], &format!("{not_for}: it names no host (subjectAltName)"));
        check(&for_names(&["DirectoryName"]), &[], &format!("{not_for}: it names no host (subjectAltName)"));
        let two = ["DnsName(\"*.portal.example\")", "IpAddress(192.0.2.1)"];
        check(&for_names(&two), &[], &format!("{not_for}, but for *.portal.example, 192.0.2.1"));
        let many: Vec<_> = (0..8).map(|n| format!("DnsName(\"{n}.example\")")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let five = "0.example, 1.example, 2.example, 3.example, 4.example";
        check(&for_names(&many), &[], &format!("{not_for}, but for {five} and 3 more names"));
        check(&for_names(&many[..6]), &[], &format!("{not_for}, but for {five} and 1 more name"));
        let hostile = format!("DnsName(\"a\u{202e}\n{}\")", "x".repeat(300));
        let cut = format!("{not_for}, but for a  {}…", "x".repeat(61));
        check(&for_names(&[&hostile]), &[], &cut);
        for (names, expected) in [
            (&two[..], Some("*.portal.example")),
            (&two[1..], Some("192.0.2.1")),
            (&many, Some("0.example")),
            (&["DnsName(\"a b\")"], Some("a")),
            (&[], None),
        ] {
            assert_eq!(other_host(&describe(&for_names(names), &[])), expected);
        }
        assert_eq!(other_host("certificate: CN=a expired"), None);
    }

    #[test]
    fn every_refusal_is_in_words() {
        let algorithm = UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: SHA1_WITH_RSA.to_vec(),
            supported_algorithms: Vec::new(),
        };
        let unfit = UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: SHA1_WITH_RSA.to_vec(),
            public_key_algorithm_id: RSA.to_vec(),
        };
        let purpose = RequiredEkuNotFoundContext { required: KeyUsage::server_auth(), present: Vec::new() };
        let rest = "certificate chain rejected (invalid encoding)";
        for (error, expected) in [
            (
                Error::InvalidSignatureForPublicKey,
                "certificate: a signature does not match the key of its signer",
            ),
            (
                Error::UnsupportedSignatureAlgorithmContext(algorithm),
                "certificate: a certificate of the chain is signed by an algorithm that is not supported (OID 1.2.840.113549.1.1.5)",
            ),
            (
                Error::UnsupportedSignatureAlgorithmForPublicKeyContext(unfit),
                "certificate: the algorithm of a certificate's signature (OID 1.2.840.113549.1.1.5) does not fit the issuer's key (OID 1.2.840.113549.1.1.1)",
            ),
            (
                Error::RequiredEkuNotFoundContext(purpose),
                "certificate: invalid purpose: a certificate of the chain is not for TLS servers (extended key usage)",
            ),
            (
                Error::NameConstraintViolation,
                "certificate: an issuer in the chain may not issue certificates for this name (name constraints)",
            ),
            (
                Error::MaximumPathBuildCallsExceeded,
                "certificate: the chain is too long or too complex to verify",
            ),
            (Error::BadDer, rest),
            (Error::MalformedExtensions, rest),
            (Error::UnsupportedNameType, rest),
        ] {
            check(&error, &[], expected);
        }
        for error in [
            Error::SignatureAlgorithmMismatch,
            Error::EmptyEkuExtension,
            Error::PathLenConstraintViolated,
            Error::CaUsedAsEndEntity,
            Error::EndEntityUsedAsCa,
            Error::CertDistrusted,
            Error::CertRevoked,
            Error::InvalidCertValidity,
            Error::UnsupportedCertVersion,
            Error::UnsupportedCriticalExtension,
            Error::MaximumNameConstraintComparisonsExceeded,
            Error::MaximumPathDepthExceeded,
            Error::MaximumSignatureChecksExceeded,
        ] {
            let said = describe(&error, &[]);
            assert!(said.starts_with("certificate: ") && is_plain(&said), "{error:?}: {said}");
        }
    }
}
