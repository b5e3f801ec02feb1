//! Partial and delta CRLs of the lab, parsed by x509-parser and evaluated by webpki.

use webpki::Error;
use x509_parser::extensions::{CRLDistributionPoints, GeneralName};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{CertificateRevocationList, FromDer, ParsedExtension};

use super::verifier;
use crate::lab::pki::crl::{Crl, ON_HOLD, Only, REMOVE_FROM_CRL, Scope};
use crate::lab::pki::pointers::{CRL_HOST, Pointers};
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf, Pki};
use crate::lab::revocation::crl_response;
use crate::lab::{Lab, now};

const LEAVES: Issuer = Issuer::Intermediate(Authority::Microsoft2011);
const ANOTHER: Issuer = Issuer::Intermediate(Authority::DigicertG2);
const OF_ANOTHER_PARTITION: &str = "http://crl.pki.lab/partition/other.crl";

fn own_url() -> String {
    Pointers::usual(LEAVES).crls[0][0].clone()
}

fn names(urls: &[&str]) -> Scope {
    Scope { names: urls.iter().map(|url| (*url).to_owned()).collect(), ..Scope::default() }
}

fn only(only: Only) -> Scope {
    Scope { only, ..names(&[&own_url()]) }
}

/// webpki's result for a leaf with this CRL in place of the usual one.
async fn check(name: &str, order: impl Fn(Crl) -> Crl, expected: Result<(), Error>) {
    let lab = Lab::start().await;
    lab.serve_crl(LEAVES, &order(lab.pki.sound_crl(LEAVES)));
    let chain = lab.pki.identity("maps.lab", Authority::Microsoft2011, Flaw::None).cert.clone();
    assert_eq!(verifier::with_lists(&lab, &chain, &verifier::lists(&lab, &chain).await), expected, "{name}");
}

#[tokio::test]
async fn each_scope_is_what_was_ordered() {
    let unknown = || Err(Error::UnknownRevocationStatus);
    let indirect = || Scope { indirect: true, ..names(&[&own_url()]) };
    check("its point", |crl| crl.scope(names(&[&own_url()])), Ok(())).await;
    check("one of two points", |crl| crl.scope(names(&[OF_ANOTHER_PARTITION, &own_url()])), Ok(())).await;
    check("another point", |crl| crl.scope(names(&[OF_ANOTHER_PARTITION])), unknown()).await;
    check("leaves", |crl| crl.scope(only(Only::Users)), Ok(())).await;
    check("authorities", |crl| crl.scope(only(Only::Authorities)), unknown()).await;
    let unsupported = Err(Error::MalformedExtensions);
    check("attributes", |crl| crl.scope(only(Only::Attributes)), unsupported).await;
    let unsupported = Err(Error::UnsupportedRevocationReasonsPartitioning);
    check("one reason", |crl| crl.scope(only(Only::KeyCompromise)), unsupported).await;
    check("indirect", |crl| crl.scope(indirect()), Err(Error::UnsupportedIndirectCrl)).await;
    check("delta", |crl| Crl { delta_to: Some(1), ..crl }, Err(Error::UnsupportedDeltaCrl)).await;
    let critical = Err(Error::UnsupportedCriticalExtension);
    check("unknown", |crl| Crl { unknown_critical: true, ..crl }, critical).await;
    let freshest = || vec![own_url()];
    check("with deltas", |crl| Crl { freshest: freshest(), ..crl }, Ok(())).await;
}

fn read(der: &[u8]) -> CertificateRevocationList<'_> {
    let (rest, crl) = x509_parser::parse_x509_crl(der).unwrap();
    assert!(rest.is_empty());
    crl
}

/// The content of an extension, and whether it is critical.
fn extension<'a>(crl: &'a CertificateRevocationList<'_>, oid: &[u64]) -> Option<(&'a [u8], bool)> {
    let oid = Oid::from(oid).unwrap();
    let found = crl.extensions().iter().find(|extension| extension.oid == oid)?;
    Some((found.value, found.critical))
}

fn points(content: &[u8]) -> String {
    let (rest, points) = CRLDistributionPoints::from_der(content).unwrap();
    assert!(rest.is_empty() && points.len() == 1);
    format!("{:?}", points[0].distribution_point)
}

#[test]
fn a_base_names_its_delta_and_the_delta_its_base() {
    let pki = Pki::new(now());
    let leaf = Leaf::new("maps.lab", Authority::Microsoft2011).serial();
    let url = "http://crl.pki.lab/microsoft2011+.crl";
    let base = pki.sound_crl(LEAVES).revoking_for(leaf.clone(), Some(ON_HOLD));
    let base = pki.sign_crl(LEAVES, &Crl { number: 3, freshest: vec![url.to_owned()], ..base });
    let delta = pki.sound_crl(LEAVES).revoking_for(leaf.clone(), Some(REMOVE_FROM_CRL));
    let delta = pki.sign_crl(LEAVES, &Crl { number: 4, delta_to: Some(3), ..delta });
    let (base, delta) = (read(&base), read(&delta));
    assert_eq!(base.crl_number().unwrap().to_string(), "3");
    assert_eq!(delta.crl_number().unwrap().to_string(), "4");
    let (freshest, critical) = extension(&base, &[2, 5, 29, 46]).unwrap();
    assert!(points(freshest).contains(url) && !critical);
    assert_eq!(extension(&delta, &[2, 5, 29, 27]), Some((&[2, 1, 3][..], true)), "deltaCRLIndicator");
    assert_eq!(extension(&base, &[2, 5, 29, 27]), None);
    for (crl, reason) in [(base, ON_HOLD), (delta, REMOVE_FROM_CRL)] {
        let entry = crl.iter_revoked_certificates().next().unwrap();
        assert_eq!((entry.raw_serial(), entry.reason_code().unwrap().1.0), (&leaf[..], reason));
    }
}

#[test]
fn an_indirect_list_names_the_issuer_of_each_entry() {
    let pki = Pki::new(now());
    let scope = Scope { indirect: true, ..Scope::default() };
    let list = pki.sound_crl(LEAVES).scope(scope).revoking(vec![1]).revoking_of(ANOTHER, vec![2]);
    let der = pki.sign_crl(LEAVES, &list);
    let crl = read(&der);
    let scopes: Vec<_> = crl
        .extensions()
        .iter()
        .filter_map(|extension| match extension.parsed_extension() {
            ParsedExtension::IssuingDistributionPoint(scope) => Some((scope, extension.critical)),
            _ => None,
        })
        .collect();
    let [(scope, critical)] = scopes[..] else { panic!("{scopes:?}") };
    assert!(scope.indirect_crl && scope.distribution_point.is_none() && critical);
    let issuers = crl.iter_revoked_certificates().map(|entry| {
        let oid = Oid::from(&[2, 5, 29, 29]).unwrap();
        let extension = entry.extensions().iter().find(|extension| extension.oid == oid)?;
        assert!(extension.critical);
        let another = pki.certificate(ANOTHER);
        let (_, another) = x509_parser::parse_x509_certificate(&another).unwrap();
        let name = another.subject().as_raw();
        Some(extension.value.windows(name.len()).any(|window| window == name))
    });
    assert_eq!(issuers.collect::<Vec<_>>(), [None, Some(true)]);
}

#[test]
fn a_list_may_be_without_an_end() {
    let pki = Pki::new(now());
    let der = pki.sign_crl(LEAVES, &Crl { next_update: None, ..pki.sound_crl(LEAVES) });
    assert_eq!(read(&der).next_update(), None);
}

#[tokio::test]
async fn certificates_point_at_deltas_and_at_another_issuer_s_list() {
    let url = format!("http://{CRL_HOST}/all+.crl");
    let pointers = Pointers {
        deltas: vec![url.clone()],
        crl_issuer: Some(ANOTHER),
        ..Pointers::lists(["http://crl.pki.lab/all.crl"])
    };
    let lab = Lab::start_with(Pki::pointing(now(), [(LEAVES, pointers)])).await;
    let identity = lab.pki.identity("maps.lab", Authority::Microsoft2011, Flaw::None);
    let (_, leaf) = x509_parser::parse_x509_certificate(&identity.cert[0]).unwrap();
    let value = |oid: &[u64]| leaf.get_extension_unique(&Oid::from(oid).unwrap()).unwrap().unwrap();
    assert!(points(value(&[2, 5, 29, 46]).value).contains(&url));
    let ParsedExtension::CRLDistributionPoints(points) = value(&[2, 5, 29, 31]).parsed_extension() else {
        panic!("no distribution points")
    };
    let another = lab.pki.certificate(ANOTHER);
    let (_, another) = x509_parser::parse_x509_certificate(&another).unwrap();
    let by = points[0].crl_issuer.as_ref().unwrap();
    assert!(matches!(&by[..], [GeneralName::DirectoryName(name)] if name == another.subject()), "{by:?}");
    let delta = lab.pki.sign_crl(ANOTHER, &Crl { delta_to: Some(1), ..lab.pki.sound_crl(ANOTHER) });
    lab.serve_url(&url, crl_response(delta.clone()));
    assert_eq!(verifier::fetch(&lab, &url).await, delta);
}
