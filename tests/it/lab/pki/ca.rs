//! Roots, intermediates and the cross-signed certificate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
};
use rustls::pki_types::CertificateDer;

use super::keys::{Owner, rsa};
use super::pointers::Pointers;
use super::{Authority, DAY, Issuer, leaf};

/// A key with the certificate that lets it sign.
pub(super) type Signer = CertifiedIssuer<'static, KeyPair>;

/// A root with its one intermediate.
pub(super) struct Ca {
    pub root: Arc<Signer>,
    pub intermediate: Signer,
}

/// Every authority.
pub(super) fn all(now: SystemTime, pointers: &BTreeMap<Issuer, Pointers>) -> BTreeMap<Authority, Ca> {
    let mut authorities = BTreeMap::<Authority, Ca>::new();
    for authority in Authority::ALL {
        let issuer = Issuer::root_of(authority);
        let (root_key, key) = keys(authority);
        let root = match authorities.get(&Authority::Microsoft2011) {
            Some(shared) if issuer != Issuer::Root(authority) => Arc::clone(&shared.root),
            _ => Arc::new(CertifiedIssuer::self_signed(root_params(issuer, now), root_key).unwrap()),
        };
        let name = Issuer::Intermediate(authority).name();
        let params = intermediate_params(name, now - 365 * DAY, now + 365 * DAY, &pointers[&issuer]);
        let intermediate = CertifiedIssuer::signed_by(params, key, &root).unwrap();
        authorities.insert(authority, Ca { root, intermediate });
    }
    authorities
}

/// Keys of the root and of the intermediate.
fn keys(authority: Authority) -> (KeyPair, KeyPair) {
    let made = |algorithm| KeyPair::generate_for(algorithm).unwrap();
    match authority {
        Authority::Microsoft2011 => (rsa(Owner::MicrosoftRoot), rsa(Owner::Microsoft)),
        Authority::Microsoft2011Next => (rsa(Owner::MicrosoftRoot), rsa(Owner::MicrosoftNext)),
        Authority::EccProduct2018 => (made(&PKCS_ECDSA_P384_SHA384), made(&PKCS_ECDSA_P384_SHA384)),
        Authority::DigicertG2 => (rsa(Owner::DigicertRoot), rsa(Owner::Digicert)),
        Authority::TlsG2 => (rsa(Owner::TlsRoot), rsa(Owner::Tls)),
        Authority::Inspector => (made(&PKCS_ECDSA_P256_SHA256), made(&PKCS_ECDSA_P256_SHA256)),
    }
}

/// The root of `TlsG2` as `DigicertG2` signed it.
pub(super) fn cross_sign(
    now: SystemTime,
    authorities: &BTreeMap<Authority, Ca>,
    pointers: &BTreeMap<Issuer, Pointers>,
) -> CertificateDer<'static> {
    let by = Issuer::Root(Authority::DigicertG2);
    let mut params = root_params(Issuer::Root(Authority::TlsG2), now);
    params.not_before = (now - 1000 * DAY).into();
    params.not_after = (now + 1000 * DAY).into();
    params.serial_number = Some(leaf::serial("the cross-sign").into());
    params.use_authority_key_identifier_extension = true;
    pointers[&by].put_into(&mut params);
    let subject = authorities[&Authority::TlsG2].root.key();
    params.signed_by(subject, &authorities[&Authority::DigicertG2].root).unwrap().der().clone()
}

/// A root again, with the same key: valid from one moment to another.
pub(super) fn reissued(
    root: &Signer,
    issuer: Issuer,
    (from, to): (SystemTime, SystemTime),
) -> CertificateDer<'static> {
    let params = ca_params(issuer.name(), BasicConstraints::Unconstrained, from, to);
    params.self_signed(root.key()).unwrap().der().clone()
}

/// A root's certificate.
pub(super) fn root_params(issuer: Issuer, now: SystemTime) -> CertificateParams {
    ca_params(issuer.name(), BasicConstraints::Unconstrained, now - 3650 * DAY, now + 3650 * DAY)
}

/// An intermediate's certificate; its serial number is of its name.
pub(super) fn intermediate_params(
    name: &str,
    from: SystemTime,
    to: SystemTime,
    pointers: &Pointers,
) -> CertificateParams {
    let mut params = ca_params(name, BasicConstraints::Constrained(0), from, to);
    params.use_authority_key_identifier_extension = true;
    pointers.put_into(&mut params);
    params
}

fn ca_params(name: &str, limit: BasicConstraints, from: SystemTime, to: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(name);
    params.serial_number = Some(leaf::serial(name).into());
    params.not_before = from.into();
    params.not_after = to.into();
    params.is_ca = IsCa::Ca(limit);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A name of the lab.
pub(super) fn distinguished(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Lab");
    name.push(DnType::CommonName, common_name);
    name
}
