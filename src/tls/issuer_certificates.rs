//! What a `caIssuers` URL serves (RFC 5280, section 4.2.2.1): a certificate in DER, or several in a "certs-only"
//! message (RFC 8551, section 3.8; files with the suffix `.p7c`). Pure.

use cms::cert::CertificateChoices;
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The maximum number of certificates that are read of a message.
const MAX_CERTIFICATES: usize = 32;

/// id-signedData (RFC 5652, section 5.1).
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// The bytes are neither a certificate nor a message of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a DER certificate nor a certs-only message (.p7c)")]
pub struct NoCertificates;

/// The certificates in a response's body. A message isn't signed, and neither kind proves anything.
///
/// # Errors
/// If there are none.
pub fn read(body: &[u8]) -> Result<Vec<CertificateDer<'static>>, NoCertificates> {
    if let Ok((_, certificate)) = X509Certificate::from_der(body) {
        return Ok(vec![certificate.as_raw().to_vec().into()]);
    }
    let message = ContentInfo::from_der(body).ok().filter(|message| message.content_type == SIGNED_DATA);
    let message = message.and_then(|message| message.content.decode_as::<SignedData>().ok());
    let certificates = message.and_then(|message| message.certificates).ok_or(NoCertificates)?;
    let der = |choice: &CertificateChoices| match choice {
        CertificateChoices::Certificate(certificate) => certificate.to_der().ok().map(CertificateDer::from),
        CertificateChoices::Other(_) => None,
    };
    let found: Vec<_> = certificates.0.iter().filter_map(der).take(MAX_CERTIFICATES).collect();
    if found.is_empty() { Err(NoCertificates) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::fixture::{certs_only, intermediate_ca, root};

    /// Made by `openssl crl2pkcs7 -nocrl`, which sorts nothing.
    const BUNDLE: &[u8] = include_bytes!("../../tests/fuzz/seeds/certificate/bundle.p7c");

    #[test]
    fn certificates_come_alone_or_in_a_message() {
        let root = root("Root", (-100, 100));
        let ca = intermediate_ca("CA", (-100, 100), &root);
        let check = |what: &str, body: &[u8], expected: &[&CertificateDer<'static>]| {
            let mut found = read(body).unwrap_or_default();
            let mut expected: Vec<_> = expected.iter().map(|der| (*der).clone()).collect();
            found.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
            expected.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
            assert_eq!(found, expected, "{what}");
        };
        check("one", ca.der(), &[ca.der()]);
        check("one, and a line end", &[ca.der(), b"\n".as_slice()].concat(), &[ca.der()]);
        check("a message of two", &certs_only(&[ca.der(), root.der()]), &[ca.der(), root.der()]);
        check("a message of one", &certs_only(&[ca.der()]), &[ca.der()]);
        check("an empty message", &certs_only(&[]), &[]);
        check("half a message", &certs_only(&[ca.der()])[..100], &[]);
        check("a block page", b"<html>blocked</html>", &[]);
        check("nothing", b"", &[]);
        let (int, leaf) = (
            include_bytes!("../../tests/fuzz/seeds/certificate/int.der").as_slice().into(),
            include_bytes!("../../tests/fuzz/seeds/certificate/leaf.der").as_slice().into(),
        );
        check("OpenSSL's", BUNDLE, &[&int, &leaf]);
        let many: Vec<_> = (0..=MAX_CERTIFICATES)
            .map(|n| intermediate_ca(&format!("CA {n}"), (-100, 100), &root).der().clone())
            .collect();
        assert_eq!(read(&certs_only(&many.iter().collect::<Vec<_>>())).unwrap().len(), MAX_CERTIFICATES);
    }
}
