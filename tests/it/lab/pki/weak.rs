//! Weak keys and digests, with which ring can't sign: RSA with 1024 bits, in certificates and handshakes, and
//! SHA-1.

use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::sha2::Sha256;
use rsa::{Pkcs1v15Sign, PrivateKey};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm as Kind, SignatureScheme};

use super::{der, keys};

/// An RSA key of 1024 bits.
#[derive(Clone, Debug)]
pub(super) struct WeakKey {
    private: PrivateKey,
    public: Vec<u8>,
}

impl WeakKey {
    /// The one of leaves.
    pub(super) fn of_leaves() -> Self {
        Self::read(keys::weak(false))
    }

    /// The one of an intermediate.
    pub(super) fn of_intermediate() -> Self {
        Self::read(keys::weak(true))
    }

    fn read(pkcs8: &[u8]) -> Self {
        let private = PrivateKey::from_pkcs8_der(pkcs8).unwrap();
        let public = private.to_public_key().to_pkcs1_der().unwrap().as_bytes().to_vec();
        Self { private, public }
    }
}

impl PublicKeyData for WeakKey {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for WeakKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.private.pkcs1v15_sign::<Sha256>(message).unwrap())
    }
}

impl SigningKey for WeakKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        // The one scheme with SHA-256 that both versions of TLS have.
        offered.contains(&SignatureScheme::RSA_PSS_SHA256).then(|| Box::new(self.clone()) as _)
    }

    fn algorithm(&self) -> Kind {
        Kind::RSA
    }
}

impl Signer for WeakKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(self.private.pss_sign::<Sha256>(message).unwrap())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}

/// The same certificate, signed anew with SHA-1 in place of SHA-256 by the RSA key that signed it.
pub(super) fn with_sha1(certificate: &[u8], key: &KeyPair) -> Vec<u8> {
    assert!(keys::is_rsa(key), "an authority with RSA keys");
    let (_, read) = x509_parser::parse_x509_certificate(certificate).unwrap();
    let tbs = naming_sha1(read.tbs_certificate.as_ref());
    // DigestInfo for SHA-1 up to the digest (RFC 8017, section 9.2, note 1).
    let prefix = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";
    let padding = Pkcs1v15Sign { hash_len: Some(20), prefix: Box::from(prefix.as_slice()) };
    let private = PrivateKey::from_pkcs8_der(key.serialized_der()).unwrap();
    let signature = private.sign(padding, digest(&SHA1_FOR_LEGACY_USE_ONLY, &tbs).as_ref()).unwrap();
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(&tbs);
            writer
                .next()
                .write_der(&naming_sha1(&yasna::construct_der(|writer| der::algorithm(writer, key))));
            writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
        });
    })
}

/// The same bytes with sha1WithRSAEncryption in place of the first sha256WithRSAEncryption (RFC 8017, appendix C):
/// their last arcs are 5 and 11.
fn naming_sha1(der: &[u8]) -> Vec<u8> {
    let sha256 = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
    let at = der.windows(sha256.len()).position(|window| window == sha256).unwrap();
    let mut der = der.to_vec();
    der[at + sha256.len() - 1] = 5;
    der
}
