//! A PKI with roots like Microsoft's and DigiCert's: same roles, lab names, lab keys (all ECDSA: ring makes no RSA keys).
//! Leaves are made on order, sound or with one flaw. Who presents them is in `origin.rs`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A root with its one intermediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Authority {
    /// In the role of Microsoft Root Certificate Authority 2011.
    Microsoft2011,
    /// In the role of Microsoft ECC Product Root Certificate Authority 2018, on P-384 as that one.
    EccProduct2018,
    /// In the role of DigiCert Global Root G2.
    DigicertG2,
    /// A TLS inspector's own: not among [`Pki::roots`], so its chains end at an unknown root.
    Inspector,
}

impl Authority {
    /// Those that stand for the genuine services.
    pub const GENUINE: [Self; 3] = [Self::Microsoft2011, Self::EccProduct2018, Self::DigicertG2];

    /// Common names of the root and of its intermediate.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Microsoft2011 => ("Lab Microsoft Root 2011", "Lab Microsoft Secure Server CA"),
            Self::EccProduct2018 => ("Lab ECC Product Root 2018", "Lab ECC Update Secure Server CA"),
            Self::DigicertG2 => ("Lab DigiCert Global Root G2", "Lab TLS G2 CA OCSP 02"),
            Self::Inspector => ("Lab Inspection Root", "Lab Inspection CA"),
        }
    }
}

/// What is wrong with a certificate chain. One flaw at a time, so that it has one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Nothing.
    None,
    /// The leaf ended a day ago.
    Expired,
    /// The leaf begins in a day.
    NotYetValid,
    /// The leaf is for another host.
    WrongName,
    /// The leaf is its own issuer.
    SelfSigned,
    /// Issued by [`Authority::Inspector`], whatever the authority asked for.
    UnknownRoot,
    /// The leaf alone, as servers that rely on AIA send it.
    WithoutIntermediate,
    /// The intermediate ended a day ago.
    ExpiredIntermediate,
    /// Extended key usage: client authentication alone.
    NotForServers,
    /// The last bit of the leaf's signature is turned.
    BadSignature,
    /// The leaf's DER is cut in half.
    Malformed,
}

struct Ca {
    root: CertifiedIssuer<'static, KeyPair>,
    intermediate: CertifiedIssuer<'static, KeyPair>,
}

/// All authorities, with validities relative to one moment.
pub struct Pki {
    now: SystemTime,
    microsoft: Ca,
    ecc: Ca,
    digicert: Ca,
    inspector: Ca,
}

impl Pki {
    /// New keys and certificates, sound at `now`: roots for ten years either way, intermediates one, leaves thirty days.
    pub fn new(now: SystemTime) -> Self {
        let ca = |authority| Ca::new(authority, now);
        Self {
            now,
            microsoft: ca(Authority::Microsoft2011),
            ecc: ca(Authority::EccProduct2018),
            digicert: ca(Authority::DigicertG2),
            inspector: ca(Authority::Inspector),
        }
    }

    /// The roots of the genuine authorities.
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        Authority::GENUINE.iter().map(|authority| self.root(*authority)).collect()
    }

    /// One authority's root.
    pub fn root(&self, authority: Authority) -> CertificateDer<'static> {
        self.ca(authority).root.der().clone()
    }

    /// One authority's intermediate.
    pub fn intermediate(&self, authority: Authority) -> CertificateDer<'static> {
        self.ca(authority).intermediate.der().clone()
    }

    /// The same roots as a PEM file's text.
    pub fn roots_pem(&self) -> String {
        Authority::GENUINE.iter().map(|authority| self.ca(*authority).root.pem()).collect()
    }

    /// An empty CRL of the authority's intermediate, in DER: a day old, good for six more.
    pub fn crl(&self, authority: Authority) -> Vec<u8> {
        let params = CertificateRevocationListParams {
            this_update: (self.now - DAY).into(),
            next_update: (self.now + 6 * DAY).into(),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.ca(authority).intermediate).unwrap().der().to_vec()
    }

    /// What a server presents for `host`: a chain and the leaf's key.
    pub fn identity(&self, host: &str, authority: Authority, flaw: Flaw) -> Arc<CertifiedKey> {
        let authority = if flaw == Flaw::UnknownRoot { Authority::Inspector } else { authority };
        let ca = self.ca(authority);
        let key = KeyPair::generate().unwrap();
        let leaf = self.leaf(host, ca, &key, flaw);
        let chain = match flaw {
            Flaw::SelfSigned | Flaw::WithoutIntermediate => vec![leaf],
            Flaw::ExpiredIntermediate => vec![leaf, self.expired_intermediate(authority)],
            _ => vec![leaf, ca.intermediate.der().clone()],
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // `CertifiedKey::from_der` would read the leaf, and refuse a malformed one.
        Arc::new(CertifiedKey::new(chain, any_supported_type(&key).unwrap()))
    }

    fn leaf(&self, host: &str, ca: &Ca, key: &KeyPair, flaw: Flaw) -> CertificateDer<'static> {
        let params = self.leaf_params(host, flaw);
        let certificate = match flaw {
            Flaw::SelfSigned => params.self_signed(key),
            _ => params.signed_by(key, &ca.intermediate),
        };
        let mut der = certificate.unwrap().der().to_vec();
        match flaw {
            Flaw::BadSignature => *der.last_mut().unwrap() ^= 1,
            Flaw::Malformed => der.truncate(der.len() / 2),
            _ => {}
        }
        der.into()
    }

    fn leaf_params(&self, host: &str, flaw: Flaw) -> CertificateParams {
        let name = if flaw == Flaw::WrongName { "elsewhere.lab" } else { host };
        let (from, to) = match flaw {
            Flaw::Expired => (self.now - 60 * DAY, self.now - DAY),
            Flaw::NotYetValid => (self.now + DAY, self.now + 60 * DAY),
            _ => (self.now - 30 * DAY, self.now + 30 * DAY),
        };
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name = distinguished(name);
        params.not_before = from.into();
        params.not_after = to.into();
        params.use_authority_key_identifier_extension = flaw != Flaw::SelfSigned;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match flaw {
            Flaw::NotForServers => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        params
    }

    /// The intermediate's name and key in a certificate that has ended.
    fn expired_intermediate(&self, authority: Authority) -> CertificateDer<'static> {
        let ca = self.ca(authority);
        let (_, name) = authority.names();
        let params = intermediate_params(name, self.now - 400 * DAY, self.now - DAY);
        params.signed_by(ca.intermediate.key(), &ca.root).unwrap().der().clone()
    }

    const fn ca(&self, authority: Authority) -> &Ca {
        match authority {
            Authority::Microsoft2011 => &self.microsoft,
            Authority::EccProduct2018 => &self.ecc,
            Authority::DigicertG2 => &self.digicert,
            Authority::Inspector => &self.inspector,
        }
    }
}

impl Ca {
    fn new(authority: Authority, now: SystemTime) -> Self {
        let algorithm = match authority {
            Authority::EccProduct2018 => &rcgen::PKCS_ECDSA_P384_SHA384,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        };
        let key = || KeyPair::generate_for(algorithm).unwrap();
        let (root, intermediate) = authority.names();
        let params = ca_params(root, BasicConstraints::Unconstrained, now - 3650 * DAY, now + 3650 * DAY);
        let root = CertifiedIssuer::self_signed(params, key()).unwrap();
        let params = intermediate_params(intermediate, now - 365 * DAY, now + 365 * DAY);
        let intermediate = CertifiedIssuer::signed_by(params, key(), &root).unwrap();
        Self { root, intermediate }
    }
}

fn intermediate_params(name: &str, from: SystemTime, to: SystemTime) -> CertificateParams {
    let mut params = ca_params(name, BasicConstraints::Constrained(0), from, to);
    params.use_authority_key_identifier_extension = true;
    params
}

fn ca_params(name: &str, limit: BasicConstraints, from: SystemTime, to: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished(name);
    params.not_before = from.into();
    params.not_after = to.into();
    params.is_ca = IsCa::Ca(limit);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn distinguished(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Lab");
    name.push(DnType::CommonName, common_name);
    name
}
