//! Verification of signatures over DER: CRLs and OCSP responses. webpki verifies certificates. The algorithms
//! are webpki's, so SHA-1 and short RSA keys are refused as in chains.

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode as _, Reader, Tag, Tagged as _};
use ring::digest::{self, Digest};
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, PublicKey};
use rustls::pki_types::{AlgorithmIdentifier, alg_id};

/// Why a signature isn't valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The algorithm isn't supported for this kind of key, SHA-1 for example.
    #[error("signature algorithm not accepted for the issuer's key")]
    Unsupported,
    /// The signature wasn't made by the issuer's key.
    #[error("signature not made by the issuer")]
    Bad,
}

/// A signed X.509 object: data, algorithm, signature.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The signed data: one DER value with its header.
    pub data: &'a [u8],
    /// The contents of the `AlgorithmIdentifier`, without its header.
    pub algorithm: &'a [u8],
    signature: &'a [u8],
}

/// A signature of data that was hashed as it arrived and isn't kept.
#[derive(Clone, Debug)]
pub struct SignedDigest {
    /// The contents of the `AlgorithmIdentifier`, without its header.
    pub algorithm: Vec<u8>,
    /// The digest that the algorithm signs.
    pub digest: Digest,
    /// The signature.
    pub signature: Vec<u8>,
}

/// An algorithm that can be verified by a digest: RSA with PKCS #1 v1.5, which signs all the large lists of public CAs.
/// ring verifies no digests, so the crate rsa does.
struct DigestAlgorithm {
    id: AlgorithmIdentifier,
    digest: &'static digest::Algorithm,
    /// The DER before the digest in the signature (RFC 8017, section 9.2, note 1).
    prefix: &'static [u8],
}

const DIGEST_ALGORITHMS: [DigestAlgorithm; 3] = [
    DigestAlgorithm {
        id: alg_id::RSA_PKCS1_SHA256,
        digest: &digest::SHA256,
        prefix: b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
    },
    DigestAlgorithm {
        id: alg_id::RSA_PKCS1_SHA384,
        digest: &digest::SHA384,
        prefix: b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
    },
    DigestAlgorithm {
        id: alg_id::RSA_PKCS1_SHA512,
        digest: &digest::SHA512,
        prefix: b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
    },
];

/// The shortest RSA key, in bytes, as in webpki.
const MIN_RSA: usize = 2048 / 8;

impl SignedDigest {
    /// The digest to compute for an algorithm, given by the contents of its `AlgorithmIdentifier`. `None` if it can't be
    /// verified by a digest.
    #[must_use]
    pub fn hasher(algorithm: &[u8]) -> Option<digest::Context> {
        let known = DIGEST_ALGORITHMS.iter().find(|known| known.id.as_ref() == algorithm)?;
        Some(digest::Context::new(known.digest))
    }

    /// Verifies the signature with a key, given as DER of its `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// If the signature wasn't made by the key, or its algorithm isn't supported.
    pub fn verify(&self, spki: &[u8]) -> Result<(), SignatureError> {
        let (key_algorithm, key) = public_key(spki).map_err(|_| SignatureError::Unsupported)?;
        let known = DIGEST_ALGORITHMS.iter().find(|known| known.id.as_ref() == self.algorithm);
        let known = known.filter(|_| key_algorithm == alg_id::RSA_ENCRYPTION.as_ref());
        let known = known.ok_or(SignatureError::Unsupported)?;
        let key = PublicKey::from_pkcs1_der(key).map_err(|_| SignatureError::Unsupported)?;
        if key.size() < MIN_RSA {
            return Err(SignatureError::Unsupported);
        }
        let scheme =
            Pkcs1v15Sign { hash_len: Some(known.digest.output_len()), prefix: Box::from(known.prefix) };
        key.verify(scheme, self.digest.as_ref(), &self.signature).map_err(|_| SignatureError::Bad)
    }
}

impl<'a> Signed<'a> {
    /// Reads the three consecutive values of `CertificateList` (RFC 5280 section 5.1) and `BasicOCSPResponse`
    /// (RFC 6960 section 4.2.1), without the enclosing SEQUENCE.
    ///
    /// # Errors
    /// If the values have other types.
    pub fn read<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        let data = reader.tlv_bytes()?;
        let algorithm = sequence(reader)?;
        let signature = whole_bytes(BitStringRef::decode(reader)?)?;
        Ok(Self { data, algorithm, signature })
    }

    /// Verifies the signature with a key, given as DER of its `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// If the signature wasn't made by the key, or its algorithm isn't supported.
    pub fn verify(&self, spki: &[u8]) -> Result<(), SignatureError> {
        let (key_algorithm, key) = public_key(spki).map_err(|_| SignatureError::Unsupported)?;
        let fitting = webpki::ALL_VERIFICATION_ALGS.iter().filter(|known| {
            known.signature_alg_id().as_ref() == self.algorithm
                && known.public_key_alg_id().as_ref() == key_algorithm
        });
        let mut outcome = Err(SignatureError::Unsupported);
        for algorithm in fitting {
            outcome =
                algorithm.verify_signature(key, self.data, self.signature).map_err(|_| SignatureError::Bad);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

/// The algorithm's contents and the key's bits of a `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
///
/// # Errors
/// If `spki` isn't one.
pub fn public_key(spki: &[u8]) -> der::Result<(&[u8], &[u8])> {
    AnyRef::from_der(spki)?.sequence(|reader| {
        let algorithm = sequence(reader)?;
        Ok((algorithm, whole_bytes(BitStringRef::decode(reader)?)?))
    })
}

/// The contents of an `AlgorithmIdentifier`, given as DER with its header.
///
/// # Errors
/// If it isn't one.
pub fn algorithm(der: &[u8]) -> der::Result<&[u8]> {
    let value = AnyRef::from_der(der)?;
    value.tag().assert_eq(Tag::Sequence)?;
    Ok(value.value())
}

/// The contents of a SEQUENCE.
fn sequence<'a, R: Reader<'a>>(reader: &mut R) -> der::Result<&'a [u8]> {
    let value = AnyRef::decode(reader)?;
    value.tag().assert_eq(Tag::Sequence)?;
    Ok(value.value())
}

fn whole_bytes(bits: BitStringRef<'_>) -> der::Result<&[u8]> {
    bits.as_bytes().ok_or_else(|| Tag::BitString.value_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::microsoft_roots;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    /// A certificate has the layout of [`Signed`], and a root is signed by its own key.
    fn check(change: impl Fn(&mut Vec<u8>), expected: Result<(), SignatureError>) {
        for root in microsoft_roots() {
            let spki = X509Certificate::from_der(root).unwrap().1.public_key().raw.to_vec();
            let mut der = root.to_vec();
            change(&mut der);
            let outcome = AnyRef::from_der(&der).unwrap().sequence(Signed::read).unwrap().verify(&spki);
            assert_eq!(outcome, expected, "{}", X509Certificate::from_der(root).unwrap().1.subject());
        }
    }

    #[test]
    fn microsofts_roots_signed_themselves_with_rsa_and_p384() {
        check(|_| {}, Ok(()));
        check(|der| der[100] ^= 1, Err(SignatureError::Bad));
        check(|der| *der.last_mut().unwrap() ^= 1, Err(SignatureError::Bad));
    }

    /// The signatures of the roots with RSA keys, by their digests. Another key, or one that is too short, fits none.
    #[test]
    fn a_digest_verifies_as_the_data_does() {
        let mut verified = 0;
        for root in microsoft_roots() {
            let signed = AnyRef::from_der(root).unwrap().sequence(Signed::read).unwrap();
            let spki = X509Certificate::from_der(root).unwrap().1.public_key().raw.to_vec();
            let Some(mut hasher) = SignedDigest::hasher(signed.algorithm) else { continue };
            hasher.update(signed.data);
            let good = SignedDigest {
                algorithm: signed.algorithm.to_vec(),
                digest: hasher.finish(),
                signature: signed.signature.to_vec(),
            };
            assert_eq!(good.verify(&spki), Ok(()));
            let mut other = good.clone();
            other.signature[9] ^= 1;
            assert_eq!(other.verify(&spki), Err(SignatureError::Bad));
            let other =
                SignedDigest { digest: digest::digest(&digest::SHA256, b"other data"), ..good.clone() };
            assert_eq!(other.verify(&spki), Err(SignatureError::Bad));
            let ecc = X509Certificate::from_der(&microsoft_roots()[1]).unwrap().1.public_key().raw.to_vec();
            assert_eq!(good.verify(&ecc), Err(SignatureError::Unsupported));
            verified += 1;
        }
        assert!(verified > 0, "no root is signed with RSA");
    }

    #[test]
    fn sha1_is_refused() {
        // sha256WithRSAEncryption and sha384WithRSAEncryption to sha1WithRSAEncryption, ecdsa-with-SHA384 to one that doesn't
        // exist; the signature's algorithm is the last of its kind in the file.
        const SIGNED_WITH: [&[u8]; 3] = [
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c],
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03],
        ];
        let weaken = |der: &mut Vec<u8>| {
            let last = |oid: &&[u8]| {
                der.windows(oid.len()).rposition(|found| found == *oid).map(|at| at + oid.len() - 1)
            };
            let at = SIGNED_WITH.iter().find_map(last).unwrap();
            der[at] = 0x05;
        };
        check(weaken, Err(SignatureError::Unsupported));
    }

    #[test]
    fn another_kind_of_key_fits_no_signature() {
        let [rsa, ecc] = [0, 1].map(|n| &microsoft_roots()[n]);
        let spki = X509Certificate::from_der(ecc).unwrap().1.public_key().raw.to_vec();
        let signed = AnyRef::from_der(rsa).unwrap().sequence(Signed::read).unwrap();
        assert_eq!(signed.verify(&spki), Err(SignatureError::Unsupported));
        assert_eq!(signed.verify(b"no key"), Err(SignatureError::Unsupported));
    }
}
