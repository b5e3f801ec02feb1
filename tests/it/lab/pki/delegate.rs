//! Delegated OCSP responders (RFC 6960, section 4.2.2.2).

use rcgen::{
    CertificateParams, CertifiedIssuer, CustomExtension, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};

use super::ca::{Signer, distinguished};
use super::ocsp::By;
use super::{DAY, Issuer, Pki, leaf};

const OCSP_NO_CHECK: [u64; 10] = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];

/// The delegate that signs in an issuer's place; none where the issuer does itself.
pub(super) fn of(pki: &Pki, issuer: Issuer, by: By) -> Option<Signer> {
    let (issuer, purpose, age) = match by {
        By::Issuer => return None,
        By::Delegate => (issuer, ExtendedKeyUsagePurpose::OcspSigning, 30),
        By::DelegateWithoutPurpose => (issuer, ExtendedKeyUsagePurpose::ServerAuth, 30),
        By::ExpiredDelegate => (issuer, ExtendedKeyUsagePurpose::OcspSigning, 61),
        By::DelegateOf(other) => (other, ExtendedKeyUsagePurpose::OcspSigning, 30),
    };
    let name = format!("Lab OCSP responder of {}", issuer.name());
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(&name);
    params.serial_number = Some(leaf::serial(&name).into());
    params.not_before = (pki.now() - age * DAY).into();
    params.not_after = (pki.now() - age * DAY + 60 * DAY).into();
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    let null = vec![5, 0];
    params.custom_extensions = vec![CustomExtension::from_oid_content(&OCSP_NO_CHECK, null)];
    Some(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), pki.signer(issuer)).unwrap())
}
