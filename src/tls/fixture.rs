//! Certificates for tests. Validities are in days around a fixed moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, CustomExtension,
    DistinguishedName, DnType, GeneralSubtree, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    NameConstraints, PublicKeyData, SanType, SerialNumber,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use yasna::Tag;
use yasna::models::ObjectIdentifier;

use super::{AiaIssuers, ChainVerifier, Roots};

/// The name in leaf certificates.
pub(crate) const HOST: &str = "wdcp.microsoft.com";

pub(crate) const DAY: i64 = 24 * 60 * 60;

/// 2026-11-24, 00:00 UTC.
const NOW: i64 = 1_795_478_400;

/// The first and last day of a validity, relative to [`NOW`].
pub(crate) type Days = (i64, i64);

/// An authority with its key.
pub(crate) type Ca = CertifiedIssuer<'static, KeyPair>;

/// The time `after` seconds from [`NOW`].
pub(crate) fn moment(after: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW + after).unwrap())
}

/// Like [`moment`], as a [`UnixTime`].
pub(crate) fn unix(after: i64) -> UnixTime {
    UnixTime::since_unix_epoch(moment(after).duration_since(SystemTime::UNIX_EPOCH).unwrap())
}

/// A root.
pub(crate) fn root(name: &str, days: Days) -> Ca {
    CertifiedIssuer::self_signed(params(name, days, true), KeyPair::generate().unwrap()).unwrap()
}

/// An intermediate CA.
pub(crate) fn intermediate_ca(name: &str, days: Days, issuer: &Ca) -> Ca {
    CertifiedIssuer::signed_by(params(name, days, true), KeyPair::generate().unwrap(), issuer).unwrap()
}

/// The certificate of an intermediate CA with these key usages.
pub(crate) fn with_usages(
    ca: &Ca,
    name: &str,
    usages: &[KeyUsagePurpose],
    by: &Ca,
) -> CertificateDer<'static> {
    let mut params = params(name, (-1000, 1000), true);
    params.key_usages = usages.to_vec();
    signed(&params, ca.key(), by)
}

/// An intermediate CA whose names are limited by a directory name, permitted or excluded.
pub(crate) fn limited_to_directory(name: &str, permitted: bool, issuer: &Ca) -> Ca {
    let mut params = params(name, (-1000, 1000), true);
    let mut directory = DistinguishedName::new();
    directory.push(DnType::OrganizationName, "Example");
    let trees = vec![GeneralSubtree::DirectoryName(directory)];
    let (permitted_subtrees, excluded_subtrees) =
        if permitted { (trees, Vec::new()) } else { (Vec::new(), trees) };
    params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees });
    CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), issuer).unwrap()
}

/// A server's certificate that is marked as an authority.
pub(crate) fn authority_leaf(issuer: &Ca) -> CertificateDer<'static> {
    let mut params = params(HOST, (-1000, 1000), false);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    signed(&params, &KeyPair::generate().unwrap(), issuer)
}

/// A renewed root: same name and key, another validity.
pub(crate) fn renewed(root: &Ca, name: &str, days: Days) -> CertificateDer<'static> {
    params(name, days, true).self_signed(root.key()).unwrap().der().clone()
}

/// A CA's name and key, signed by another CA.
pub(crate) fn cross_signed(subject: &Ca, name: &str, days: Days, by: &Ca) -> CertificateDer<'static> {
    signed(&params(name, days, true), subject.key(), by)
}

/// A leaf for [`HOST`].
pub(crate) fn leaf(days: Days, issuer: &Ca) -> CertificateDer<'static> {
    signed(&params(HOST, days, false), &KeyPair::generate().unwrap(), issuer)
}

/// A leaf for another host, with these caIssuers URLs.
pub(crate) fn leaf_for(host: &str, days: Days, issuer: &Ca, urls: &[&str]) -> CertificateDer<'static> {
    let mut params = params(HOST, days, false);
    params.subject_alt_names = vec![SanType::DnsName(host.try_into().unwrap())];
    params.custom_extensions.push(ca_issuers(urls));
    signed(&params, &KeyPair::generate().unwrap(), issuer)
}

/// A leaf for [`HOST`] with the identifier of the key that signed it.
pub(crate) fn leaf_naming_its_issuers_key(days: Days, issuer: &Ca) -> CertificateDer<'static> {
    let mut params = params(HOST, days, false);
    params.use_authority_key_identifier_extension = true;
    signed(&params, &KeyPair::generate().unwrap(), issuer)
}

/// A leaf for [`HOST`] with these caIssuers URLs.
pub(crate) fn leaf_with_ca_issuers(days: Days, issuer: &Ca, urls: &[&str]) -> CertificateDer<'static> {
    let mut params = params(HOST, days, false);
    params.custom_extensions.push(ca_issuers(urls));
    signed(&params, &KeyPair::generate().unwrap(), issuer)
}

/// A CA's name and key, signed by another CA, with these caIssuers URLs.
pub(crate) fn cross_signed_with_ca_issuers(
    subject: &Ca,
    name: &str,
    by: &Ca,
    urls: &[&str],
) -> CertificateDer<'static> {
    let mut params = params(name, (-100, 100), true);
    params.custom_extensions.push(ca_issuers(urls));
    signed(&params, subject.key(), by)
}

/// authorityInfoAccess with these caIssuers (RFC 5280, section 4.2.2.1).
fn ca_issuers(urls: &[&str]) -> CustomExtension {
    let oid = |last: &[u64]| ObjectIdentifier::from_slice(&[&[1, 3, 6, 1, 5, 5, 7], last].concat());
    let content = yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for url in urls {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&oid(&[48, 2]));
                    let uri = |writer: yasna::DERWriter<'_>| writer.write_ia5_string(url);
                    writer.next().write_tagged_implicit(Tag::context(6), uri);
                });
            }
        });
    });
    CustomExtension::from_oid_content(oid(&[1, 1]).components(), content)
}

/// A message of these certificates (RFC 8551, section 3.8).
pub(crate) fn certs_only(certificates: &[&CertificateDer<'static>]) -> Vec<u8> {
    let oid = |last: u64| ObjectIdentifier::from_slice(&[1, 2, 840, 113_549, 1, 7, last]);
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_oid(&oid(2)); // signed data
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_u8(1);
                    writer.next().write_set(|_| {}); // digests
                    writer.next().write_sequence(|writer| writer.next().write_oid(&oid(1))); // data, but none
                    writer.next().write_tagged_implicit(Tag::context(0), |writer| {
                        writer.write_set(|writer| {
                            for certificate in certificates {
                                writer.next().write_der(certificate);
                            }
                        });
                    });
                    writer.next().write_set(|_| {}); // signers
                });
            });
        });
    })
}

/// An empty CRL, one day old and valid for six more.
pub(crate) fn crl(issuer: &Ca) -> Vec<u8> {
    let params = CertificateRevocationListParams {
        this_update: moment(-DAY).into(),
        next_update: moment(6 * DAY).into(),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let issuer: &Issuer<'_, KeyPair> = issuer;
    params.signed_by(issuer).unwrap().der().to_vec()
}

fn signed(params: &CertificateParams, key: &impl PublicKeyData, by: &Ca) -> CertificateDer<'static> {
    let issuer: &Issuer<'_, KeyPair> = by;
    params.signed_by(key, issuer).unwrap().der().clone()
}

fn params(name: &str, (from, to): Days, authority: bool) -> CertificateParams {
    let names = if authority { Vec::new() } else { vec![HOST.to_owned()] };
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (moment(from * DAY).into(), moment(to * DAY).into());
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

/// A verifier with these roots and the embedded intermediates.
pub(crate) fn chain_verifier(roots: Arc<Roots>) -> ChainVerifier {
    verifier_with(roots, Arc::new(AiaIssuers::new(Vec::new())))
}

/// A verifier with these roots and issuers.
pub(crate) fn verifier_with(roots: Arc<Roots>, issuers: Arc<AiaIssuers>) -> ChainVerifier {
    ChainVerifier::new(roots, issuers, ring::default_provider().signature_verification_algorithms)
}
