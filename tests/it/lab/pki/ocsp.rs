//! OCSP responses (RFC 6960, section 4.2) in DER: valid ones, and variants with any field changed. `responder.rs`
//! serves them.

use std::time::SystemTime;

use rcgen::{KeyPair, PublicKeyData};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rustls::pki_types::CertificateDer;
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag};

use super::der::{self, Signature};
use super::{DAY, Issuer, Pki, Serial, delegate};

const BASIC: [u64; 10] = [1, 3, 6, 1, 5, 5, 7, 48, 1, 1];
const NONCE: [u64; 10] = [1, 3, 6, 1, 5, 5, 7, 48, 1, 2];
const SHA_1: [u64; 6] = [1, 3, 14, 3, 2, 26];

/// The responseStatus "tryLater".
pub const TRY_LATER: u8 = 3;
/// The responseStatus "unauthorized": the responder knows nothing of the certificate (RFC 5019, section 2.2.3).
pub const UNAUTHORIZED: u8 = 6;

/// An answer to order.
#[derive(Clone, Debug)]
pub struct Ocsp {
    /// The status of certificates that aren't in `revoked`.
    pub status: Status,
    /// The revoked certificates.
    pub revoked: Vec<Serial>,
    /// thisUpdate and producedAt.
    pub this_update: SystemTime,
    /// When a newer one is due; none: a newer one is always to be had.
    pub next_update: Option<SystemTime>,
    /// Who signs it.
    pub by: By,
    /// How it is signed.
    pub signature: Signature,
    /// Whether it is for another certificate than requested.
    pub about_another: bool,
}

/// The status of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Good.
    Good,
    /// Revoked, since the answer holds.
    Revoked,
    /// The responder doesn't know it.
    Unknown,
}

/// Who signs an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The issuer of the certificate.
    Issuer,
    /// A responder of its own, whose certificate comes with the answer: made by the issuer, for OCSPSigning.
    Delegate,
    /// The same, made for servers instead.
    DelegateWithoutPurpose,
    /// The same, for OCSPSigning, ended a day ago.
    ExpiredDelegate,
    /// The same, valid, from an issuer that isn't responsible.
    DelegateOf(Issuer),
}

/// Whom an answer is about (CertID), and what it must repeat.
#[derive(Clone, Debug)]
pub struct Question {
    /// The CertIDs, in DER, each with its serial number.
    pub about: Vec<(Vec<u8>, Serial)>,
    /// The nonce extension's content.
    pub nonce: Option<Vec<u8>>,
}

impl Ocsp {
    /// "Good" of everything, by the issuer; a day old, good for six more.
    pub fn good(now: SystemTime) -> Self {
        Self {
            status: Status::Good,
            revoked: Vec::new(),
            this_update: now - DAY,
            next_update: Some(now + 6 * DAY),
            by: By::Issuer,
            signature: Signature::Sound,
            about_another: false,
        }
    }

    /// Says "revoked" of this one.
    #[must_use]
    pub fn revoking(mut self, serial: Serial) -> Self {
        self.revoked.push(serial);
        self
    }

    /// Sets the status of all other certificates.
    #[must_use]
    pub const fn status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// A week older: a good one has expired a day ago.
    #[must_use]
    pub fn stale(mut self) -> Self {
        self.this_update -= 7 * DAY;
        self.next_update = self.next_update.map(|next| next - 7 * DAY);
        self
    }

    /// Two days younger: a good one holds from tomorrow on.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.this_update += 2 * DAY;
        self.next_update = self.next_update.map(|next| next + 2 * DAY);
        self
    }

    /// Sets who signs it.
    #[must_use]
    pub const fn by(mut self, by: By) -> Self {
        self.by = by;
        self
    }

    /// Sets how it is signed.
    #[must_use]
    pub const fn signed(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    /// Makes it a response for another certificate than requested.
    #[must_use]
    pub const fn about_another(mut self) -> Self {
        self.about_another = true;
        self
    }

    /// The answer.
    pub(super) fn sign(&self, pki: &Pki, issuer: Issuer, question: &Question) -> Vec<u8> {
        let delegate = delegate::of(pki, issuer, self.by);
        match &delegate {
            None => self.signed_with(pki.signer(issuer).key(), None, question),
            Some(delegate) => self.signed_with(delegate.key(), Some(delegate.der()), question),
        }
    }

    fn signed_with(
        &self,
        key: &KeyPair,
        certificate: Option<&CertificateDer<'_>>,
        question: &Question,
    ) -> Vec<u8> {
        let tbs = yasna::construct_der(|writer| self.write_data(writer, key, question));
        let basic = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&tbs);
                der::sign(writer, &tbs, key, self.signature);
                if let Some(certificate) = certificate {
                    writer.next().write_tagged(Tag::context(0), |writer| {
                        writer.write_sequence(|writer| writer.next().write_der(certificate));
                    });
                }
            });
        });
        response(0, Some(&basic))
    }

    /// ResponseData.
    fn write_data(&self, writer: DERWriter<'_>, key: &KeyPair, question: &Question) {
        writer.write_sequence(|writer| {
            let id = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.der_bytes());
            writer.next().write_tagged(Tag::context(2), |writer| writer.write_bytes(id.as_ref())); // byKey
            der::generalized_time(writer.next(), self.this_update);
            writer.next().write_sequence(|writer| {
                question.about.iter().for_each(|(id, serial)| self.write_single(writer.next(), id, serial));
            });
            if let Some(nonce) = &question.nonce {
                writer.next().write_tagged(Tag::context(1), |writer| {
                    writer.write_sequence(|writer| {
                        der::extension(writer.next(), &NONCE, false, |writer| writer.write_der(nonce));
                    });
                });
            }
        });
    }

    /// SingleResponse.
    fn write_single(&self, writer: DERWriter<'_>, id: &[u8], serial: &Serial) {
        let status = if self.revoked.contains(serial) { Status::Revoked } else { self.status };
        writer.write_sequence(|writer| {
            writer.next().write_der(&if self.about_another { another(id) } else { id.to_vec() });
            match status {
                Status::Good => write_null(writer.next(), 0),
                Status::Revoked => writer.next().write_tagged_implicit(Tag::context(1), |writer| {
                    writer.write_sequence(|writer| der::generalized_time(writer.next(), self.this_update));
                }),
                Status::Unknown => write_null(writer.next(), 2),
            }
            der::generalized_time(writer.next(), self.this_update);
            if let Some(next_update) = self.next_update {
                writer
                    .next()
                    .write_tagged(Tag::context(0), |writer| der::generalized_time(writer, next_update));
            }
        });
    }
}

impl Question {
    /// For one certificate of this issuer, as a server requests it for stapling.
    pub fn about(pki: &Pki, issuer: Issuer, serial: Serial) -> Self {
        let [name, key] = hashed(pki, issuer).map(|text| digest(&SHA1_FOR_LEGACY_USE_ONLY, &text));
        let id = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(&SHA_1));
                    writer.next().write_null();
                });
                writer.next().write_bytes(name.as_ref());
                writer.next().write_bytes(key.as_ref());
                writer.next().write_bigint_bytes(&serial, true);
            });
        });
        Self { about: vec![(id, serial)], nonce: None }
    }
}

/// Whether the hashes of a CertID are those of this issuer, by SHA-1 or SHA-256.
pub fn is_of(pki: &Pki, issuer: Issuer, name_hash: &[u8], key_hash: &[u8]) -> bool {
    [&SHA1_FOR_LEGACY_USE_ONLY, &SHA256].into_iter().any(|algorithm| {
        let [name, key] = hashed(pki, issuer).map(|text| digest(algorithm, &text));
        (name.as_ref(), key.as_ref()) == (name_hash, key_hash)
    })
}

/// An answer that is an error (OCSPResponseStatus), without more.
pub fn error(status: u8) -> Vec<u8> {
    response(status, None)
}

/// What a CertID has hashes of: the issuer's name and its key.
fn hashed(pki: &Pki, issuer: Issuer) -> [Vec<u8>; 2] {
    let name = yasna::construct_der(|writer| der::name(writer, issuer.name()));
    [name, pki.signer(issuer).key().der_bytes().to_vec()]
}

/// OCSPResponse.
fn response(status: u8, basic: Option<&[u8]>) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_enum(status.into());
            let Some(basic) = basic else { return };
            writer.next().write_tagged(Tag::context(0), |writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_oid(&ObjectIdentifier::from_slice(&BASIC));
                    writer.next().write_bytes(basic);
                });
            });
        });
    })
}

/// An implicitly tagged NULL.
fn write_null(writer: DERWriter<'_>, tag: u64) {
    writer.write_tagged_implicit(Tag::context(tag), |writer| writer.write_bytes(&[])); // an empty content either way
}

/// A CertID with one bit turned in its serial number, which is its end.
fn another(id: &[u8]) -> Vec<u8> {
    let mut id = id.to_vec();
    *id.last_mut().unwrap() ^= 1;
    id
}
