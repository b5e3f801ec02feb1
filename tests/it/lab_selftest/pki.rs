//! Each certificate defect as rustls sees it with the genuine roots at the lab's time, and the lab's signed
//! objects.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::client::shake_hands;
use crate::lab::pki::{Authority, Flaw, Pki};
use crate::lab::{self, Lab};

/// rustls' verdict on a certificate, without the context that some carry.
async fn verdict(lab: &Lab, host: &str) -> Result<(), String> {
    let Err(error) = shake_hands(lab, host).await else { return Ok(()) };
    let Some(Error::InvalidCertificate(error)) = error.get_ref().and_then(|e| e.downcast_ref()) else {
        panic!("no verdict on a certificate: {error:?}");
    };
    Err(match error {
        CertificateError::ExpiredContext { .. } => "expired".to_owned(),
        CertificateError::NotValidYetContext { .. } => "not yet valid".to_owned(),
        CertificateError::NotValidForNameContext { .. } => "wrong name".to_owned(),
        CertificateError::InvalidPurposeContext { .. } => "wrong purpose".to_owned(),
        CertificateError::UnknownIssuer => "unknown issuer".to_owned(),
        CertificateError::BadEncoding => "bad encoding".to_owned(),
        CertificateError::BadSignature => "bad signature".to_owned(),
        other => format!("{other:?}"),
    })
}

#[tokio::test]
async fn each_flaw_is_the_flaw_that_it_says() {
    let cases = [
        (Flaw::None, Ok(())),
        (Flaw::Expired, Err("expired")),
        (Flaw::NotYetValid, Err("not yet valid")),
        (Flaw::WrongName, Err("wrong name")),
        (Flaw::SelfSigned, Err("unknown issuer")),
        (Flaw::UnknownRoot, Err("unknown issuer")),
        (Flaw::WithoutIntermediate, Err("unknown issuer")),
        (Flaw::ExpiredIntermediate, Err("expired")),
        (Flaw::NotForServers, Err("wrong purpose")),
        (Flaw::BadSignature, Err("bad signature")),
        (Flaw::Malformed, Err("bad encoding")),
        (Flaw::WeakIntermediate, Err("bad signature")), // as ring calls a key that it refuses
    ];
    let lab = Lab::start().await;
    for (flaw, expected) in cases {
        lab.tls.break_host("maps.lab", flaw);
        assert_eq!(verdict(&lab, "maps.lab").await, expected.map_err(str::to_owned), "{flaw:?}");
        assert_eq!(verdict(&lab, "other.lab").await, Ok(()), "{flaw:?} stays with its host");
    }
    lab.tls.heal();
    assert_eq!(verdict(&lab, "maps.lab").await, Ok(()), "healed");
}

#[tokio::test]
async fn each_authority_issues_for_its_hosts() {
    let lab = Lab::start().await;
    let cases = Authority::GENUINE.map(|authority| (authority, true));
    for (authority, trusted) in cases.into_iter().chain([(Authority::Inspector, false)]) {
        lab.tls.set_authority("maps.lab", authority);
        assert_eq!(verdict(&lab, "maps.lab").await.is_ok(), trusted, "{authority:?}");
        let identity = lab.pki.identity("maps.lab", authority, Flaw::None);
        let (_, leaf) = X509Certificate::from_der(&identity.cert[0]).unwrap();
        assert!(leaf.issuer().to_string().contains(authority.names().1), "{}", leaf.issuer());
    }
}

#[test]
fn signs_crls_that_cover_its_leaves() {
    let pki = Pki::new(lab::now());
    let name = ServerName::try_from("maps.lab").unwrap();
    let moment = UnixTime::since_unix_epoch(lab::now().duration_since(std::time::UNIX_EPOCH).unwrap());
    for (crl_of, leaf_of, covered) in [
        (Authority::Microsoft2011, Authority::Microsoft2011, true),
        (Authority::EccProduct2018, Authority::EccProduct2018, true),
        (Authority::EccProduct2018, Authority::DigicertG2, false),
    ] {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(pki.roots());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // A leaf whose issuer's CRL is missing, or badly signed, is refused.
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls([pki.crl(crl_of).into()])
            .only_check_end_entity_revocation()
            .enforce_revocation_expiration()
            .build()
            .unwrap();
        let chain = &pki.identity("maps.lab", leaf_of, Flaw::None).cert;
        let verdict = verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], moment);
        assert_eq!(verdict.is_ok(), covered, "{crl_of:?}, {leaf_of:?}: {verdict:?}");
    }
}
