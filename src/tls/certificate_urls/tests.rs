//! Which URLs are read from certificates.

use std::str::FromStr as _;

use der::Encode as _;
use proptest::prelude::*;
use x509_cert::ext::pkix::crl::dp::Reasons;

use super::*;
use crate::revocation::fixture::{Authority, access, crls, damage, distribution_point, freshest};
use crate::revocation::{Certificate, Issuer};

/// The sources of a certificate with these extensions.
fn sources(extensions: Vec<rcgen::CustomExtension>) -> RevocationSources {
    Certificate::read(&Authority::new("Test CA").issue(1, extensions)).unwrap().sources
}

fn uri_name(uri: &str) -> PointName {
    PointName::Uri(uri.to_owned())
}

/// The URLs of each point.
fn texts(points: &[DistributionPoint]) -> Vec<Vec<&str>> {
    points.iter().map(|point| point.urls.iter().map(ProbeUrl::as_str).collect()).collect()
}

#[test]
fn a_certificate_without_sources_has_none() {
    assert_eq!(sources(Vec::new()), RevocationSources::default());
}

#[test]
fn points_and_urls_are_read_in_order() {
    let found = sources(vec![crls(vec![
        distribution_point(&["http://a.test/1.crl", "http://b.test/1.crl", "http://a.test/1.crl"]),
        distribution_point(&["ldap:///CN=x?certificateRevocationList", "HTTP://C.test/a%20b.crl"]),
        distribution_point(&["ldap:///CN=x"]),
    ])]);
    assert_eq!(
        texts(&found.points),
        [vec!["http://a.test/1.crl", "http://b.test/1.crl"], vec!["HTTP://C.test/a%20b.crl"]]
    );
    let names = ["ldap:///cn=x?certificaterevocationlist", "http://c.test/a%20b.crl"];
    assert_eq!(found.points[1].names, names.map(uri_name));
    assert!(found.points.iter().all(|point| !point.some_reasons && point.crl_issuers.is_none()));
}

#[test]
fn a_space_in_a_url_is_sent_encoded() {
    let found = sources(vec![crls(vec![distribution_point(&["http://a.test/Corp CA.crl"])])]);
    assert_eq!(texts(&found.points), [vec!["http://a.test/Corp%20CA.crl"]]);
    assert_eq!(found.points[0].names, [uri_name("http://a.test/corp%20ca.crl")]);
}

#[test]
fn points_for_some_reasons_or_of_another_signer_are_marked() {
    let mut some_reasons = distribution_point(&["http://a.test/1.crl"]);
    some_reasons.reasons = Some(Reasons::KeyCompromise.into());
    let mut other_signer = distribution_point(&["http://a.test/1.crl"]);
    let name = Name::from_str("CN=Other CA,O=Lab").unwrap();
    other_signer.crl_issuer = Some(vec![GeneralName::DirectoryName(name)]);
    let found = sources(vec![crls(vec![some_reasons, other_signer])]);
    let limits: Vec<_> =
        found.points.iter().map(|point| (point.some_reasons, point.crl_issuers.clone())).collect();
    let other = PointName::Directory("cn=other ca,o=lab".to_owned());
    assert_eq!(limits, [(true, None), (false, Some(vec![other]))]);
}

#[test]
fn deltas_responders_and_issuers_are_separate() {
    let found = sources(vec![
        freshest(vec![distribution_point(&["http://a.test/delta.crl"])]),
        access(
            &["http://ocsp.test/", "https://ocsp.test/", "http://user:pass@ocsp.test/", "x", ""],
            &["http://aia.test/ca.crt"],
        ),
    ]);
    assert_eq!(texts(&found.freshest), [["http://a.test/delta.crl"]]);
    let urls = |urls: &[ProbeUrl]| urls.iter().map(ProbeUrl::to_string).collect::<Vec<_>>();
    assert_eq!(urls(&found.ocsp), ["http://ocsp.test/"]);
    assert_eq!(urls(&found.issuers), ["http://aia.test/ca.crt"]);
}

#[test]
fn other_extensions_are_ignored() {
    let known = vec![
        crls(vec![distribution_point(&["http://a.test/1.crl"])]),
        freshest(vec![distribution_point(&["http://a.test/delta.crl"])]),
        access(&["http://ocsp.test/"], &["http://aia.test/ca.crt"]),
    ];
    let other = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0x30, 0]);
    assert_eq!(sources([known.clone(), vec![other]].concat()), sources(known));
}

#[test]
fn numbers_and_lengths_are_bounded() {
    let many: Vec<String> = (0..50).map(|n| format!("http://crl.test/{n}.crl")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = format!("http://crl.test/{}", "x".repeat(ProbeUrl::MAX_LEN));
    let points = (0..50).map(|_| distribution_point(&many)).collect();
    let found = sources(vec![crls(points), access(&many, &[&long])]);
    assert_eq!(found.points.len(), MAX_URLS);
    assert_eq!(found.points[0].urls.len(), MAX_URLS);
    assert_eq!(found.ocsp.len(), MAX_URLS);
    assert_eq!(found.issuers.len(), 0);
    let longest = &long[..ProbeUrl::MAX_LEN];
    let found = sources(vec![crls(vec![distribution_point(&[many[0], longest, &long])])]);
    assert_eq!(found.points[0].names, [many[0], longest].map(uri_name));
}

#[test]
fn unreadable_extensions_are_ignored() {
    let garbage = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 31], b"garbage".to_vec());
    assert_eq!(sources(vec![garbage]).points, []);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_certificates_never_panic(kind in 0..4u8, at: prop::sample::Index, with: u8) {
        thread_local!(static CERTIFICATE: Vec<u8> = {
            let point = || vec![distribution_point(&["http://a.test/1.crl"])];
            let extensions = vec![crls(point()), freshest(point()), access(&["http://a.test/"], &["http://b.test/"])];
            Authority::below(&Authority::new("Root"), "Test CA", 1, extensions).der().to_vec()
        });
        let mut der = CERTIFICATE.with(Clone::clone);
        damage(&mut der, kind, at, with);
        let _ = Issuer::from_certificate(&der);
        if let Ok(certificate) = Certificate::read(&der) {
            assert!(certificate.sources.points.len() <= MAX_URLS);
        }
    }

    #[test]
    fn damaged_points_never_panic(at: prop::sample::Index, with: u8, cut: prop::sample::Index) {
        let mut der = CrlDistributionPoints(vec![distribution_point(&["http://a.test/1.crl", "http://b.test/"])])
            .to_der()
            .unwrap();
        let at = at.index(der.len());
        der[at] = with;
        for point in points(&der).iter().chain(&points(&der[..cut.index(der.len())])) {
            assert!(point.urls.iter().all(|url| url.scheme() == Scheme::Http));
        }
    }
}
