//! Verification of signatures over DER: CRLs and OCSP responses. webpki verifies certificates. The algorithms
//! are webpki's, so SHA-1 and short RSA keys are refused as in chains.

use der::asn1::{AnyRef, BitStringRef};
use der::{Decode as _, Reader, Tag, Tagged as _};

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
