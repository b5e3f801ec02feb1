//! URLs in a certificate: CRLs, OCSP responders and the issuer's certificate. Only plain HTTP is used: fetching
//! what TLS verification needs can't itself depend on TLS (RFC 5280 section 4.2.1.13), and LDAP only works
//! inside a domain.

use der::Decode as _;
use der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::crl::dp;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};
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
    /// Its URIs as written, of any scheme. A CRL identifies its point by one of them.
    pub names: Vec<String>,
    /// Whether the list covers only some reasons, or is signed by another issuer. Such lists aren't evaluated.
    pub limited: bool,
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
    let names = names(point.distribution_point.as_ref()?);
    let urls = urls(names.iter().copied());
    (!urls.is_empty()).then(|| DistributionPoint {
        urls,
        names: names.into_iter().map(str::to_owned).collect(),
        limited: point.reasons.is_some() || point.crl_issuer.is_some(),
    })
}

/// The URIs of a distribution point's name, of any scheme.
pub(crate) fn names(name: &DistributionPointName) -> Vec<&str> {
    match name {
        DistributionPointName::FullName(names) => names.iter().filter_map(uri).take(MAX_URLS).collect(),
        DistributionPointName::NameRelativeToCRLIssuer(_) => Vec::new(),
    }
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
    let parsed = texts.filter_map(|text| ProbeUrl::parse(&text.replace(' ', "%20")).ok());
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

#[cfg(test)]
mod tests;
