//! A small PKI for revocation tests: CAs, certificates that name sources, and CRLs and OCSP responses with one
//! flaw. Certificates are made by rcgen; what it can't express uses the types of x509-cert.

use std::time::{Duration, SystemTime};

use der::asn1::{BitString, GeneralizedTime, Ia5String, ObjectIdentifier, OctetString};
use der::{Any, Decode as _, Encode as _};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair,
    KeyUsagePurpose, SerialNumber, SigningKey as _,
};
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax, CrlDistributionPoints, CrlReason};
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

pub(crate) mod net;
pub(crate) mod ocsp;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// ecdsa-with-SHA256 (RFC 5758 section 3.2).
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
/// sha256WithRSAEncryption (RFC 8017, appendix C).
const RSA_SHA256: &str = "1.2.840.113549.1.1.11";
/// The CRL that every certificate here names.
pub(crate) const CRL_URL: &str = "http://crl.test/pki/a%20list.crl";

/// The time of every test: 2026-03-01.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_323_200)
}

/// A CA with its key.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A root that may sign lists.
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// A modified root.
    pub(crate) fn with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        change(&mut params);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A root with an RSA key: the lab's of this number.
    pub(crate) fn rsa(name: &str, number: usize) -> Self {
        let keys = include_str!("../../tests/data/lab/rsa-2048.pem");
        let begin = "-----BEGIN PRIVATE KEY-----";
        let key = keys.split(begin).nth(number + 1).expect("the file has that many");
        let key = key.split_inclusive("-----END PRIVATE KEY-----").next().expect("it ends");
        let key = KeyPair::from_pem_and_sign_algo(&format!("{begin}{key}\n"), &rcgen::PKCS_RSA_SHA256);
        let key = key.expect("an RSA key");
        Self(CertifiedIssuer::self_signed(authority(name), key).unwrap())
    }

    /// Whether its key is an RSA key.
    pub(crate) fn is_rsa(&self) -> bool {
        self.key().algorithm() == &rcgen::PKCS_RSA_SHA256
    }

    /// An intermediate CA, with extensions that name its own sources.
    pub(crate) fn below(issuer: &Self, name: &str, serial: u8, extensions: Vec<CustomExtension>) -> Self {
        let mut params = authority(name);
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        params.custom_extensions = extensions;
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &issuer.0).unwrap())
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.der()
    }

    /// A server's certificate.
    pub(crate) fn issue(&self, serial: u8, extensions: Vec<CustomExtension>) -> Vec<u8> {
        self.issue_with(|params| {
            params.serial_number = Some(SerialNumber::from_slice(&[serial]));
            params.custom_extensions = extensions;
        })
        .0
    }

    /// A modified certificate, and its key.
    pub(crate) fn issue_with(&self, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, KeyPair) {
        let mut params = CertificateParams::new(["server.test".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "server.test");
        params.not_before = (now() - DAY).into();
        params.not_after = (now() + 30 * DAY).into();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().der().to_vec(), key)
    }

    pub(crate) fn issuer(&self) -> &CertifiedIssuer<'static, KeyPair> {
        &self.0
    }

    pub(crate) fn key(&self) -> &KeyPair {
        self.0.key()
    }

    /// A list for this CA to sign: empty, one day old, valid for six more, number 5.
    pub(crate) fn list(&self) -> Crl {
        let certificate = x509_cert::Certificate::from_der(self.der()).unwrap().tbs_certificate;
        let algorithm = if self.is_rsa() {
            AlgorithmIdentifierOwned { parameters: Some(Any::null()), ..algorithm(RSA_SHA256) }
        } else {
            algorithm(ECDSA_SHA256)
        };
        let mut list = Crl {
            tbs: TbsCertList {
                version: x509_cert::Version::V2,
                signature: algorithm.clone(),
                issuer: certificate.subject,
                this_update: time(now() - DAY),
                next_update: Some(time(now() + 6 * DAY)),
                revoked_certificates: None,
                crl_extensions: None,
            },
            algorithm,
        };
        list.extend("2.5.29.20", false, &5u8);
        list
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = (now() - 365 * DAY).into();
    params.not_after = (now() + 365 * DAY).into();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// An unsigned CRL.
#[derive(Clone)]
pub(crate) struct Crl {
    pub(crate) tbs: TbsCertList,
    /// The outer algorithm identifier.
    pub(crate) algorithm: AlgorithmIdentifierOwned,
}

impl Crl {
    /// Adds an extension.
    pub(crate) fn extend(&mut self, oid: &str, critical: bool, value: &impl der::Encode) -> &mut Self {
        self.tbs.crl_extensions.get_or_insert_default().push(extension(oid, critical, value));
        self
    }

    /// Removes an extension.
    pub(crate) fn without(&mut self, oid: &str) -> &mut Self {
        let id = ObjectIdentifier::new_unwrap(oid);
        self.tbs.crl_extensions.as_mut().unwrap().retain(|extension| extension.extn_id != id);
        self
    }

    /// Makes it a delta to the list with the number `base`.
    pub(crate) fn delta(&mut self, base: u8, number: u8) -> &mut Self {
        self.without("2.5.29.20").extend("2.5.29.20", false, &number).extend("2.5.29.27", true, &base)
    }

    /// Sets its scope.
    pub(crate) fn scope(&mut self, change: impl FnOnce(&mut IssuingDistributionPoint)) -> &mut Self {
        let mut scope = IssuingDistributionPoint {
            distribution_point: Some(full_name(&[CRL_URL])),
            only_contains_user_certs: false,
            only_contains_ca_certs: false,
            only_some_reasons: None,
            indirect_crl: false,
            only_contains_attribute_certs: false,
        };
        change(&mut scope);
        self.extend("2.5.29.28", true, &scope)
    }

    /// Adds an entry, an hour old.
    pub(crate) fn revoke(&mut self, serial: u8, reason: Option<CrlReason>) -> &mut Self {
        let extensions = reason.map(|reason| vec![extension("2.5.29.21", false, &reason)]);
        self.entry(serial, extensions)
    }

    /// Adds an entry with these extensions.
    pub(crate) fn entry(&mut self, serial: u8, extensions: Option<Vec<Extension>>) -> &mut Self {
        self.tbs.revoked_certificates.get_or_insert_default().push(RevokedCert {
            serial_number: x509_cert::serial_number::SerialNumber::new(&[serial]).unwrap(),
            revocation_date: time(now() - Duration::from_secs(3600)),
            crl_entry_extensions: extensions,
        });
        self
    }

    /// Signs the list and returns DER.
    pub(crate) fn sign(&self, authority: &Authority) -> Vec<u8> {
        let signature = authority.key().sign(&self.tbs.to_der().unwrap()).unwrap();
        CertificateList {
            tbs_cert_list: self.tbs.clone(),
            signature_algorithm: self.algorithm.clone(),
            signature: BitString::from_bytes(&signature).unwrap(),
        }
        .to_der()
        .unwrap()
    }
}

/// A distribution point name of URIs.
pub(crate) fn full_name(uris: &[&str]) -> DistributionPointName {
    DistributionPointName::FullName(uris.iter().map(|uri| name(uri)).collect())
}

fn name(uri: &str) -> GeneralName {
    GeneralName::UniformResourceIdentifier(Ia5String::new(uri).unwrap())
}

/// A distribution point of URIs.
pub(crate) fn distribution_point(uris: &[&str]) -> DistributionPoint {
    DistributionPoint { distribution_point: Some(full_name(uris)), reasons: None, crl_issuer: None }
}

/// The extension of a certificate that names CRLs.
pub(crate) fn crls(points: Vec<DistributionPoint>) -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 5, 29, 31], CrlDistributionPoints(points).to_der().unwrap())
}

/// The extension of a certificate that names delta CRLs.
pub(crate) fn freshest(points: Vec<DistributionPoint>) -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 5, 29, 46], CrlDistributionPoints(points).to_der().unwrap())
}

/// The extension of a certificate that names responders and issuers.
pub(crate) fn access(ocsp: &[&str], issuers: &[&str]) -> CustomExtension {
    let description = |method: &str, uri: &&str| AccessDescription {
        access_method: ObjectIdentifier::new_unwrap(method),
        access_location: name(uri),
    };
    let ocsp = ocsp.iter().map(|uri| description("1.3.6.1.5.5.7.48.1", uri));
    let issuers = issuers.iter().map(|uri| description("1.3.6.1.5.5.7.48.2", uri));
    let all = AuthorityInfoAccessSyntax(ocsp.chain(issuers).collect());
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], all.to_der().unwrap())
}

/// An extension of a list, an entry or a response.
pub(crate) fn extension(oid: &str, critical: bool, value: &impl der::Encode) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new_unwrap(oid),
        critical,
        extn_value: OctetString::new(value.to_der().unwrap()).unwrap(),
    }
}

/// An algorithm identifier without parameters.
pub(crate) fn algorithm(oid: &str) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap(oid), parameters: None::<Any> }
}

pub(crate) fn time(at: SystemTime) -> Time {
    GeneralizedTime::from_system_time(at).unwrap().into()
}

/// Damages bytes as a network could: flips, truncates, inserts, removes.
pub(crate) fn damage(bytes: &mut Vec<u8>, kind: u8, at: proptest::sample::Index, with: u8) {
    let at = at.index(bytes.len());
    match kind {
        0 => bytes[at] ^= with.max(1),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, with),
        _ => _ = bytes.remove(at),
    }
}
