//! CRLs of the lab, parsed by webpki and x509-parser.

use rustls::pki_types::CertificateDer;
use webpki::Error;

use super::verifier;
use crate::lab::pki::crl::Crl;
use crate::lab::pki::pointers::{CRL_HOST, Pointers};
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf, Pki, Signature, serial_of};
use crate::lab::revocation::crl_response;
use crate::lab::{Lab, faults, now};

const LEAVES: Issuer = Issuer::Intermediate(Authority::Microsoft2011);
const INTERMEDIATES: Issuer = Issuer::Root(Authority::Microsoft2011);

fn chain(lab: &Lab, authority: Authority) -> Vec<CertificateDer<'static>> {
    lab.pki.identity("maps.lab", authority, Flaw::None).cert.clone()
}

#[tokio::test]
async fn all_is_good_until_something_is_ordered() {
    let lab = Lab::start().await;
    for authority in Authority::ALL.into_iter().filter(|authority| *authority != Authority::Inspector) {
        let chain = chain(&lab, authority);
        let lists = verifier::lists(&lab, &chain).await;
        assert_eq!(verifier::with_lists(&lab, &chain, &lists), Ok(()), "{authority:?}");
        for n in 0..lists.len() {
            let without: Vec<_> = lists
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != n)
                .map(|(_, list)| list.clone())
                .collect();
            let verdict = verifier::with_lists(&lab, &chain, &without);
            assert_eq!(verdict, Err(Error::UnknownRevocationStatus), "{authority:?} without list {n}");
        }
    }
    assert_eq!(verifier::urls(&chain(&lab, Authority::Inspector)[0]), verifier::Urls::default());
}

#[tokio::test]
async fn every_alternative_and_every_point_has_its_list() {
    let lab = Lab::start().await;
    let counts = [
        (Authority::Microsoft2011, vec![1]),
        (Authority::DigicertG2, vec![1, 1]),
        (Authority::TlsG2, vec![2]),
    ];
    for (authority, counts) in counts {
        let points = verifier::urls(&chain(&lab, authority)[0]).crls;
        assert_eq!(points.iter().map(Vec::len).collect::<Vec<_>>(), counts, "{authority:?}");
        for url in points.iter().flatten() {
            let intermediate = lab.pki.intermediate(authority);
            let list = verifier::fetch(&lab, url).await;
            assert_eq!(issuer_of(&list), subject_of(&intermediate), "{url}");
        }
    }
}

fn issuer_of(list: &[u8]) -> String {
    x509_parser::parse_x509_crl(list).unwrap().1.issuer().to_string()
}

fn subject_of(certificate: &[u8]) -> String {
    x509_parser::parse_x509_certificate(certificate).unwrap().1.subject().to_string()
}

/// webpki's result for a leaf of each kind of CA, with this change of its CRL.
async fn check(name: &str, order: impl Fn(Crl, &Leaf) -> Crl, expected: &Result<(), Error>) {
    let lab = Lab::start().await;
    for authority in [Authority::Microsoft2011, Authority::EccProduct2018, Authority::TlsG2] {
        let issuer = Issuer::Intermediate(authority);
        let leaf = Leaf::new("maps.lab", authority);
        lab.serve_crl(issuer, &order(lab.pki.sound_crl(issuer), &leaf));
        let chain = chain(&lab, authority);
        let found = verifier::with_lists(&lab, &chain, &verifier::lists(&lab, &chain).await);
        let kind = std::mem::discriminant::<Error>;
        assert_eq!(
            found.as_ref().map_err(kind),
            expected.as_ref().map_err(kind),
            "{name}, {authority:?}: {found:?}"
        );
    }
}

#[tokio::test]
async fn each_list_is_what_was_ordered() {
    let at = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::ZERO);
    let expired = Err(Error::CrlExpired { time: at, next_update: at });
    let unsigned = Err(Error::InvalidCrlSignatureForPublicKey);
    check("sound", |crl, _| crl, &Ok(())).await;
    check("revoked", |crl, leaf| crl.revoking(leaf.serial()), &Err(Error::CertRevoked)).await;
    check("others revoked", |crl, _| crl.revoking(vec![7]).revoking(vec![8; 16]), &Ok(())).await;
    check("expired", |crl, _| crl.expired(), &expired).await;
    check("another key", |crl, _| crl.signed(Signature::OtherKey), &unsigned).await;
    check("broken", |crl, _| crl.signed(Signature::Broken), &unsigned).await;
}

#[tokio::test]
async fn leaf_or_intermediate_is_revoked() {
    let lab = Lab::start().await;
    let chain = chain(&lab, Authority::Microsoft2011);
    assert_eq!(serial_of(&chain[0]), Leaf::new("maps.lab", Authority::Microsoft2011).serial());
    for (n, issuer) in [LEAVES, INTERMEDIATES].into_iter().enumerate() {
        lab.revoke(issuer, [serial_of(&chain[n])]);
        let lists = verifier::lists(&lab, &chain).await;
        assert_eq!(verifier::with_lists(&lab, &chain, &lists), Err(Error::CertRevoked), "{issuer:?}");
        lab.revoke(issuer, []);
        let lists = verifier::lists(&lab, &chain).await;
        assert_eq!(verifier::with_lists(&lab, &chain, &lists), Ok(()), "{issuer:?}, taken back");
    }
}

#[tokio::test]
async fn a_list_may_be_anything() {
    let lab = Lab::start().await;
    let chain = chain(&lab, Authority::Microsoft2011);
    let mut half = lab.pki.crl(Authority::Microsoft2011);
    half.truncate(half.len() / 2);
    lab.serve_crl_reply(LEAVES, crl_response(half.clone()));
    assert_eq!(verifier::fetch(&lab, &verifier::urls(&chain[0]).crls[0][0]).await, half);
    assert!(verifier::with_lists(&lab, &chain, &[half]).is_err());
    lab.plain.break_host(CRL_HOST, faults::proxy_authentication());
    let (text, _) = super::client::get(lab.forwarder(CRL_HOST).addr(), CRL_HOST, "/microsoft2011.crl").await;
    assert!(text.starts_with("HTTP/1.1 407 "), "{text}");
}

#[tokio::test]
async fn times_and_entries_are_those_that_were_ordered() {
    let pki = Pki::new(now());
    let seconds = |at: std::time::SystemTime| {
        i64::try_from(at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
    };
    let list = pki.sound_crl(LEAVES).not_yet_valid().revoking(vec![0x55; 16]);
    let der = pki.sign_crl(LEAVES, &list);
    let (rest, crl) = x509_parser::parse_x509_crl(&der).unwrap();
    assert!(rest.is_empty());
    assert_eq!(crl.last_update().timestamp(), seconds(list.this_update));
    assert!(crl.last_update().timestamp() > seconds(now()), "it has not begun");
    assert_eq!(crl.next_update().map(|next| next.timestamp()), list.next_update.map(seconds));
    let entry = crl.iter_revoked_certificates().next().unwrap();
    assert_eq!(entry.raw_serial(), [0x55; 16]);
    assert_eq!(entry.reason_code().unwrap().1.0, 1);
}

#[tokio::test]
async fn a_pki_may_point_anywhere() {
    let genuine = "http://www.microsoft.com/pkiops/crl/Microsoft%20Update%20Secure%20Server%20CA%202.1.crl";
    let points = Pointers::lists([genuine, "ldap:///CN=Lab?certificateRevocationList"]);
    let lab = Lab::start_with(Pki::pointing(now(), [(LEAVES, points.clone())])).await;
    let chain = chain(&lab, Authority::Microsoft2011);
    assert_eq!(verifier::urls(&chain[0]).crls, points.crls);
    let lists = verifier::lists(&lab, &chain).await;
    assert_eq!(verifier::with_lists(&lab, &chain, &lists), Ok(()));
    let own = Leaf::new("maps.lab", Authority::Microsoft2011).pointers(Pointers::none());
    assert_eq!(verifier::urls(&lab.pki.issue(&own).cert[0]), verifier::Urls::default());
}
