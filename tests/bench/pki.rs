//! A chain of three ECDSA P-256 certificates for the origin's address and name.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the origin presents, and who vouches for it.
pub struct Pki {
    /// The root, as PEM.
    pub root_pem: String,
    /// Leaf, then intermediate.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

impl Pki {
    /// A new one.
    pub fn new() -> Self {
        let root = CertifiedIssuer::self_signed(authority("Bench Root"), key()).unwrap();
        let intermediate = CertifiedIssuer::signed_by(authority("Bench CA"), key(), &root).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Bench Origin");
        let name = crate::names::HOST.try_into().unwrap();
        params.subject_alt_names =
            vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)), SanType::DnsName(name)];
        let own = key();
        let leaf = params.signed_by(&own, &intermediate).unwrap();
        Self {
            root_pem: root.pem(),
            chain: vec![leaf.der().clone(), intermediate.der().clone()],
            key: PrivateKeyDer::try_from(own.serialize_der()).unwrap(),
        }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap() // P-256
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}
