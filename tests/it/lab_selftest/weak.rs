//! Weak keys and digests in a handshake have no other defect.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::SignatureScheme;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

use super::tls_client::shown;
use super::verifier;
use crate::lab::Lab;
use crate::lab::faults::Fault;
use crate::lab::pki::{Authority, Flaw};

const SHA1: &str = "1.2.840.113549.1.1.5";
const SHA256: &str = "1.2.840.113549.1.1.11";

fn read(der: &[u8]) -> X509Certificate<'_> {
    let (rest, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
    assert!(rest.is_empty());
    certificate
}

/// The size of a key, in bits.
fn bits(certificate: &X509Certificate<'_>) -> usize {
    match certificate.public_key().parsed().unwrap() {
        PublicKey::RSA(key) => key.key_size(),
        PublicKey::EC(point) => point.key_size(),
        other => panic!("an unexpected key: {other:?}"),
    }
}

/// The object identifier of a certificate's signature, once it is verified with whatever strength.
fn signature(of: &X509Certificate<'_>, by: &X509Certificate<'_>) -> String {
    let name = of.signature_algorithm.algorithm.to_id_string();
    assert_eq!(name, of.tbs_certificate.signature.algorithm.to_id_string());
    let algorithm: &dyn VerificationAlgorithm = match name.as_str() {
        SHA1 => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        "1.2.840.10045.4.3.2" => &ECDSA_P256_SHA256_ASN1,
        "1.2.840.10045.4.3.3" => &ECDSA_P384_SHA384_ASN1,
        other => panic!("an unexpected algorithm: {other}"),
    };
    let key = UnparsedPublicKey::new(algorithm, &by.public_key().subject_public_key.data);
    key.verify(of.tbs_certificate.as_ref(), &of.signature_value.data).unwrap();
    assert_eq!(of.issuer(), by.subject());
    name
}

#[tokio::test]
async fn each_is_weak_where_it_says() {
    // Sizes of the leaf's and the intermediate's key, the leaf's signature, and whether webpki minds.
    let cases = [
        (Flaw::None, (2048, 2048), SHA256, false),
        (Flaw::WeakKey, (1024, 2048), SHA256, false),
        (Flaw::WeakIntermediate, (2048, 1024), SHA256, true),
        (Flaw::Sha1, (2048, 2048), SHA1, true),
    ];
    let lab = Lab::start().await;
    for authority in [Authority::Microsoft2011, Authority::DigicertG2] {
        for (flaw, sizes, algorithm, minds) in cases {
            lab.tls.break_host("maps.lab", Fault::Certificate(authority, flaw));
            let chain = shown(&lab, "maps.lab").await.chain;
            let (leaf, intermediate) = (read(&chain[0]), read(&chain[1]));
            assert_eq!((bits(&leaf), bits(&intermediate)), sizes, "{authority:?}, {flaw:?}");
            assert_eq!(signature(&leaf, &intermediate), algorithm, "{authority:?}, {flaw:?}");
            assert_eq!(verifier::chain(&lab, &chain).is_err(), minds, "{authority:?}, {flaw:?}");
            signature(&intermediate, &read(&lab.pki.root(authority)));
        }
    }
}

#[tokio::test]
async fn authorities_have_the_keys_of_their_roles() {
    // Sizes of the root's, the intermediate's and the leaf's key; P-384 counts 384 bits and P-256 256.
    let cases = [
        (Authority::Microsoft2011, [2048; 3], SignatureScheme::RSA_PSS_SHA512),
        (Authority::Microsoft2011Next, [2048; 3], SignatureScheme::RSA_PSS_SHA512),
        (Authority::DigicertG2, [2048; 3], SignatureScheme::RSA_PSS_SHA512),
        (Authority::TlsG2, [2048; 3], SignatureScheme::RSA_PSS_SHA512),
        (Authority::EccProduct2018, [384, 384, 256], SignatureScheme::ECDSA_NISTP256_SHA256),
        (Authority::Inspector, [256; 3], SignatureScheme::ECDSA_NISTP256_SHA256),
    ];
    let lab = Lab::start().await;
    for (authority, sizes, scheme) in cases {
        lab.tls.set_authority("maps.lab", authority);
        let shown = shown(&lab, "maps.lab").await;
        let root = lab.pki.root(authority);
        let of = |der: &[u8]| bits(&read(der));
        assert_eq!([of(&root), of(&shown.chain[1]), of(&shown.chain[0])], sizes, "{authority:?}");
        assert_eq!(shown.scheme, Some(scheme), "{authority:?}");
    }
}

#[tokio::test]
async fn an_intermediate_is_rotated_under_the_same_root() {
    let lab = Lab::start().await;
    let [old, new] = [Authority::Microsoft2011, Authority::Microsoft2011Next];
    assert_eq!(lab.pki.root(old), lab.pki.root(new));
    let [old, new] = [old, new].map(|authority| lab.pki.intermediate(authority));
    let (old, new) = (read(&old), read(&new));
    assert_eq!(old.issuer(), new.issuer());
    assert!(old.subject() != new.subject() && old.public_key() != new.public_key());
}
