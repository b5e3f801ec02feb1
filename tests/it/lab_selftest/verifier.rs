//! Verifies chains and CRLs with webpki at the lab's time against the lab's roots. Shares no code with the lab.

use std::collections::BTreeMap;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::ConnectTo;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{
    ALL_VERIFICATION_ALGS, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage,
    OwnedCertRevocationList, RevocationOptionsBuilder, UnknownStatusPolicy, anchor_from_trusted_cert,
};
use x509_parser::prelude::{DistributionPointName, FromDer, GeneralName, ParsedExtension, X509Certificate};

use super::client::download;
use crate::lab::{self, Lab, host_port};

/// Whether the chain leads to a root and every certificate in it is on the sound side of a list.
pub fn with_lists(lab: &Lab, chain: &[CertificateDer<'_>], lists: &[Vec<u8>]) -> Result<(), webpki::Error> {
    let read = |der: &Vec<u8>| OwnedCertRevocationList::from_der(der).map(CertRevocationList::from);
    let lists = lists.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let lists: Vec<_> = lists.iter().collect();
    let revocation = RevocationOptionsBuilder::new(&lists)
        .unwrap()
        .with_status_policy(UnknownStatusPolicy::Deny)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    path(lab, chain, Some(revocation))
}

/// Whether the chain leads to a root.
pub fn chain(lab: &Lab, chain: &[CertificateDer<'_>]) -> Result<(), webpki::Error> {
    path(lab, chain, None)
}

fn path(
    lab: &Lab,
    chain: &[CertificateDer<'_>],
    revocation: Option<webpki::RevocationOptions<'_>>,
) -> Result<(), webpki::Error> {
    let now = lab::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let roots = lab.pki.roots();
    let anchors: Vec<_> = roots.iter().map(|root| anchor_from_trusted_cert(root).unwrap()).collect();
    EndEntityCert::try_from(&chain[0])?
        .verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            &chain[1..],
            UnixTime::since_unix_epoch(now),
            KeyUsage::server_auth(),
            revocation,
            None,
        )
        .map(|_| ())
}

/// The URLs in a certificate.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Urls {
    /// Of each distribution point.
    pub crls: Vec<Vec<String>>,
    /// `caIssuers`.
    pub issuers: Vec<String>,
    /// OCSP.
    pub ocsp: Vec<String>,
}

/// What a certificate points at, as x509-parser reads it.
pub fn urls(certificate: &[u8]) -> Urls {
    let (rest, certificate) = X509Certificate::from_der(certificate).unwrap();
    assert!(rest.is_empty());
    let mut urls = Urls::default();
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::CRLDistributionPoints(points) => {
                let names = points.iter().map(|point| match &point.distribution_point {
                    Some(DistributionPointName::FullName(names)) => names.iter().map(url).collect(),
                    other => panic!("no full name: {other:?}"),
                });
                urls.crls = names.collect();
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                let of = |method: &str| -> Vec<String> {
                    let by =
                        access.accessdescs.iter().filter(|one| one.access_method.to_id_string() == method);
                    by.map(|one| url(&one.access_location)).collect()
                };
                urls.issuers = of("1.3.6.1.5.5.7.48.2");
                urls.ocsp = of("1.3.6.1.5.5.7.48.1");
            }
            _ => {}
        }
    }
    urls
}

fn url(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::URI(url) => (*url).to_owned(),
        other => panic!("no URL: {other}"),
    }
}

/// What the lab serves at a URL that a certificate points at, by the way that `connect_to` describes.
pub async fn fetch(lab: &Lab, url: &str) -> Vec<u8> {
    let url = ProbeUrl::parse(url).unwrap();
    let connect_to: BTreeMap<_, _> = lab.connect_to_forwarders().collect();
    match &connect_to[&host_port(&url)] {
        ConnectTo::Address(addr) => download(*addr, &url).await,
        ConnectTo::Name(name) => panic!("{name} is no address"),
    }
}

/// The first list of every certificate of a chain, fetched.
pub async fn lists(lab: &Lab, chain: &[CertificateDer<'_>]) -> Vec<Vec<u8>> {
    let mut lists = Vec::new();
    for certificate in chain {
        lists.push(fetch(lab, &urls(certificate).crls[0][0]).await);
    }
    lists
}
