//! Common parts of signed objects in DER: frame with signature, algorithm, times, extensions.

use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, SigningKey};
use yasna::models::{GeneralizedTime, ObjectIdentifier, UTCTime};
use yasna::{DERWriter, DERWriterSeq, Tag};

use super::keys;

const SHA256_WITH_RSA: [u64; 7] = [1, 2, 840, 113_549, 1, 1, 11];
const ECDSA_WITH_SHA256: [u64; 7] = [1, 2, 840, 10045, 4, 3, 2];
const ECDSA_WITH_SHA384: [u64; 7] = [1, 2, 840, 10045, 4, 3, 3];

const COMMON_NAME: [u64; 4] = [2, 5, 4, 3];
const ORGANIZATION: [u64; 4] = [2, 5, 4, 10];

/// The signer of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// By that one.
    #[default]
    Sound,
    /// By that one, with the last bit turned.
    Broken,
    /// With another key of the same kind.
    OtherKey,
}

/// `SEQUENCE { tbs, signatureAlgorithm, signature }`.
pub(super) fn signed(tbs: &[u8], key: &KeyPair, signature: Signature) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_der(tbs);
            sign(writer, tbs, key, signature);
        });
    })
}

/// The last two members of such a frame.
pub(super) fn sign(writer: &mut DERWriterSeq<'_>, tbs: &[u8], key: &KeyPair, signature: Signature) {
    let mut bits = match signature {
        Signature::OtherKey => keys::another_like(key).sign(tbs),
        Signature::Sound | Signature::Broken => key.sign(tbs),
    }
    .unwrap();
    if signature == Signature::Broken {
        *bits.last_mut().unwrap() ^= 1;
    }
    algorithm(writer.next(), key);
    writer.next().write_bitvec_bytes(&bits, bits.len() * 8);
}

/// The AlgorithmIdentifier of a key's signatures.
pub(super) fn algorithm(writer: DERWriter<'_>, key: &KeyPair) {
    writer.write_sequence(|writer| {
        if keys::is_rsa(key) {
            writer.next().write_oid(&ObjectIdentifier::from_slice(&SHA256_WITH_RSA));
            writer.next().write_null();
        } else if key.algorithm() == &PKCS_ECDSA_P384_SHA384 {
            writer.next().write_oid(&ObjectIdentifier::from_slice(&ECDSA_WITH_SHA384));
        } else {
            writer.next().write_oid(&ObjectIdentifier::from_slice(&ECDSA_WITH_SHA256));
        }
    });
}

/// A Time up to 2049 (RFC 5280, section 5.1.2.4).
pub(super) fn utc_time(writer: DERWriter<'_>, at: SystemTime) {
    writer.write_utctime(&UTCTime::from_datetime(whole_seconds(at).into()));
}

/// A GeneralizedTime.
pub(super) fn generalized_time(writer: DERWriter<'_>, at: SystemTime) {
    writer.write_generalized_time(&GeneralizedTime::from_datetime(whole_seconds(at).into()));
}

fn whole_seconds(at: SystemTime) -> SystemTime {
    let since = at.duration_since(UNIX_EPOCH).unwrap();
    UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs())
}

/// An Extension with this content.
pub(super) fn extension(
    writer: DERWriter<'_>,
    oid: &[u64],
    critical: bool,
    content: impl FnOnce(DERWriter<'_>),
) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
        if critical {
            writer.next().write_bool(true);
        }
        writer.next().write_bytes(&yasna::construct_der(content));
    });
}

/// The name of an authority of the lab, as rcgen writes it.
pub(super) fn name(writer: DERWriter<'_>, common_name: &str) {
    writer.write_sequence(|writer| {
        for (kind, value) in [(ORGANIZATION, "Lab"), (COMMON_NAME, common_name)] {
            writer.next().write_set(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(&kind));
                    writer.next().write_utf8_string(value);
                });
            });
        }
    });
}

/// `DistributionPointName` with a fullName of URLs (RFC 5280, section 4.2.1.13), tagged `[0]`.
pub(super) fn full_name(writer: DERWriter<'_>, urls: &[String]) {
    writer.write_tagged(Tag::context(0), |writer| {
        writer.write_tagged_implicit(Tag::context(0), |writer| {
            writer.write_sequence(|writer| {
                for url in urls {
                    writer
                        .next()
                        .write_tagged_implicit(Tag::context(6), |writer| writer.write_ia5_string(url));
                }
            });
        });
    });
}
