//! Incomplete chains can be completed by following `caIssuers`.

use rustls::pki_types::CertificateDer;
use webpki::Error;

use super::verifier;
use crate::lab::Lab;
use crate::lab::pki::pointers::Pointers;
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf};
use crate::lab::revocation::certificate_response;

/// Adds issuer after issuer until the chain leads to a root, at most three.
async fn complete(lab: &Lab, chain: &mut Vec<CertificateDer<'static>>) -> Result<usize, Error> {
    for added in 0..=3 {
        let verdict = verifier::chain(lab, chain);
        if verdict != Err(Error::UnknownIssuer) {
            return verdict.map(|()| added);
        }
        let Some(url) = verifier::urls(chain.last().unwrap()).issuers.into_iter().next() else { break };
        chain.push(verifier::fetch(lab, &url).await.into());
    }
    Err(Error::UnknownIssuer)
}

#[tokio::test]
async fn what_servers_leave_out_is_to_be_had() {
    // How many certificates are missing.
    let cases = [
        (Authority::Microsoft2011, Flaw::None, Ok(0)),
        (Authority::Microsoft2011, Flaw::WithoutIntermediate, Ok(1)),
        (Authority::Microsoft2011Next, Flaw::WithoutIntermediate, Ok(1)),
        (Authority::EccProduct2018, Flaw::WithoutIntermediate, Ok(1)),
        (Authority::DigicertG2, Flaw::WithoutIntermediate, Ok(1)),
        (Authority::TlsG2, Flaw::None, Ok(0)),
        (Authority::TlsG2, Flaw::WithoutCrossSign, Ok(1)),
        (Authority::TlsG2, Flaw::WithoutIntermediate, Ok(2)),
        (Authority::Microsoft2011, Flaw::SelfSigned, Err(Error::UnknownIssuer)),
        (Authority::Inspector, Flaw::None, Err(Error::UnknownIssuer)),
        (Authority::Inspector, Flaw::WithoutIntermediate, Err(Error::UnknownIssuer)),
    ];
    let lab = Lab::start().await;
    for (authority, flaw, expected) in cases {
        let mut chain = lab.pki.identity("maps.lab", authority, flaw).cert.clone();
        assert_eq!(complete(&lab, &mut chain).await, expected, "{authority:?}, {flaw:?}");
    }
}

#[tokio::test]
async fn some_chains_can_not_be_completed() {
    let lab = Lab::start().await;
    let leaf = Leaf::new("maps.lab", Authority::Microsoft2011).flaw(Flaw::WithoutIntermediate);
    let mut chain = lab.pki.issue(&leaf.clone().pointers(Pointers::none())).cert.clone();
    assert_eq!(complete(&lab, &mut chain).await, Err(Error::UnknownIssuer), "nothing to follow");
    let issuer = Issuer::Intermediate(Authority::Microsoft2011);
    let other = lab.pki.intermediate(Authority::DigicertG2).to_vec();
    lab.serve_issuer_reply(issuer, certificate_response(other));
    let mut chain = lab.pki.issue(&leaf).cert.clone();
    assert_eq!(complete(&lab, &mut chain).await, Err(Error::UnknownIssuer), "another's certificate");
}

#[tokio::test]
async fn a_cross_sign_is_the_same_root_under_another() {
    let lab = Lab::start().await;
    let (root, cross) = (lab.pki.root(Authority::TlsG2), lab.pki.cross_sign());
    let (_, root) = x509_parser::parse_x509_certificate(&root).unwrap();
    let (_, cross) = x509_parser::parse_x509_certificate(&cross).unwrap();
    assert_eq!((root.subject(), root.public_key()), (cross.subject(), cross.public_key()));
    assert_eq!(root.issuer(), root.subject());
    let digicert = lab.pki.root(Authority::DigicertG2);
    let (_, digicert) = x509_parser::parse_x509_certificate(&digicert).unwrap();
    assert_eq!(cross.issuer(), digicert.subject());
    assert!(!lab.pki.roots().contains(&lab.pki.root(Authority::TlsG2)));
}
