//! URLs in a certificate: CRLs, OCSP responders and the issuer's certificate. Only plain HTTP is used: fetching
//! what TLS verification needs can't itself depend on TLS (RFC 5280 section 4.2.1.13), and LDAP only works
//! inside a domain.

use der::Decode as _;
use der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::crl::dp;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};
use x509_cert::name::Name;
use x509_parser::prelude::X509Certificate;

use crate::catalog::{ProbeUrl, Scheme};

/// The maximum number of distribution points, of names per point, and of URLs of one kind.
pub const MAX_URLS: usize = 8;

/// id-ce-cRLDistributionPoints (RFC 5280 section 4.2.1.13).
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
/// id-ce-freshestCRL (RFC 5280 section 4.2.1.15).
const FRESHEST_CRL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");
/// id-pe-authorityInfoAccess (RFC 5280 section 4.2.2.1).
const AUTHORITY_INFO_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
/// id-ad-ocsp (RFC 5280 section 4.2.2.1).
const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
/// id-ad-caIssuers (RFC 5280 section 4.2.2.1).
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// A CRL distribution point: one list, at one or more URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistributionPoint {
    /// Its URLs in the certificate's order, without duplicates. Never empty.
    pub urls: Vec<ProbeUrl>,
    /// Its names, of any scheme and kind. A CRL identifies its point by one of them.
    pub names: Vec<PointName>,
    /// Whether the list covers only some reasons. Such lists aren't evaluated.
    pub some_reasons: bool,
    /// The list's signers, if the certificate names them (`cRLIssuer`).
    pub crl_issuers: Option<Vec<PointName>>,
}

/// A name of a distribution point or of a list's signer, normalized: CAs spell it differently in certificates and
/// lists, and no CA has two lists whose names differ only so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointName {
    /// A URI, in lower case.
    Uri(String),
    /// A distinguished name, or the part of one that follows the issuer's (`nameRelativeToCRLIssuer`): as in RFC 4514,
    /// in lower case and without repeated spaces (RFC 5280, section 7.1).
    Directory(String),
}

impl PointName {
    /// A distinguished name in DER. `None` if it can't be parsed.
    #[must_use]
    pub fn from_name(der: &[u8]) -> Option<Self> {
        Some(Self::directory(&Name::from_der(der).ok()?))
    }

    fn directory(name: &impl ToString) -> Self {
        let text = name.to_string().to_lowercase();
        Self::Directory(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn from_general_name(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::DirectoryName(name) => Some(Self::directory(name)),
            other => Some(Self::Uri(encoded(uri(other)?).to_lowercase())),
        }
    }
}

/// All URLs in a certificate. Omits what can't be parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevocationSources {
    /// Complete CRLs, each point an alternative to the others.
    pub points: Vec<DistributionPoint>,
    /// Delta CRLs.
    pub freshest: Vec<DistributionPoint>,
    /// OCSP responders.
    pub ocsp: Vec<ProbeUrl>,
    /// URLs of the issuer's certificate.
    pub issuers: Vec<ProbeUrl>,
}

impl RevocationSources {
    /// Reads the URLs of a certificate.
    #[must_use]
    pub fn from_certificate(certificate: &X509Certificate<'_>) -> Self {
        let mut sources = Self::default();
        for extension in certificate.iter_extensions() {
            match extension.oid.as_bytes() {
                oid if oid == CRL_DISTRIBUTION_POINTS.as_bytes() => sources.points = points(extension.value),
                oid if oid == FRESHEST_CRL.as_bytes() => sources.freshest = points(extension.value),
                oid if oid == AUTHORITY_INFO_ACCESS.as_bytes() => {
                    let access = AuthorityInfoAccessSyntax::from_der(extension.value).unwrap_or_default();
                    sources.ocsp = locations(&access, OCSP);
                    sources.issuers = locations(&access, CA_ISSUERS);
                }
                _ => {}
            }
        }
        sources
    }
}

/// The points of a CRLDistributionPoints or FreshestCRL extension that have a URL to fetch. Empty if it can't
/// be parsed.
#[must_use]
pub fn points(extension: &[u8]) -> Vec<DistributionPoint> {
    let Ok(CrlDistributionPoints(points)) = CrlDistributionPoints::from_der(extension) else {
        return Vec::new();
    };
    points.iter().filter_map(point).take(MAX_URLS).collect()
}

fn point(point: &dp::DistributionPoint) -> Option<DistributionPoint> {
    let name = point.distribution_point.as_ref()?;
    let DistributionPointName::FullName(full) = name else { return None };
    let urls = urls(full.iter().filter_map(uri).take(MAX_URLS));
    (!urls.is_empty()).then(|| DistributionPoint {
        urls,
        names: names(name),
        some_reasons: point.reasons.is_some(),
        crl_issuers: point.crl_issuer.as_deref().map(point_names),
    })
}

/// The names in a distribution point's name.
pub(crate) fn names(name: &DistributionPointName) -> Vec<PointName> {
    match name {
        DistributionPointName::FullName(names) => point_names(names),
        DistributionPointName::NameRelativeToCRLIssuer(name) => vec![PointName::directory(name)],
    }
}

fn point_names(names: &[GeneralName]) -> Vec<PointName> {
    names.iter().filter_map(PointName::from_general_name).take(MAX_URLS).collect()
}

fn locations(access: &AuthorityInfoAccessSyntax, method: ObjectIdentifier) -> Vec<ProbeUrl> {
    let of_method = access.0.iter().filter(|description| description.access_method == method);
    urls(of_method.filter_map(|description| uri(&description.access_location)))
}

fn uri(name: &GeneralName) -> Option<&str> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) if uri.as_str().len() <= ProbeUrl::MAX_LEN => {
            Some(uri.as_str())
        }
        _ => None,
    }
}

/// The URLs that can be fetched, without duplicates. Some CAs leave spaces as they are; Windows fetches from such URLs.
fn urls<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<ProbeUrl> {
    let mut urls: Vec<ProbeUrl> = Vec::new();
    let parsed = texts.filter_map(|text| ProbeUrl::parse(&encoded(text)).ok());
    for url in parsed.filter(|url| url.scheme() == Scheme::Http) {
        if urls.len() == MAX_URLS {
            break;
        }
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

fn encoded(uri: &str) -> String {
    uri.replace(' ', "%20")
}

#[cfg(test)]
mod tests;
