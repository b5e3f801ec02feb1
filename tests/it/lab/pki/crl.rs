//! CRLs (RFC 5280, section 5) in DER: valid ones, and variants with any field changed.

use std::time::SystemTime;

use rcgen::{KeyPair, PublicKeyData};
use ring::digest::{SHA256, digest};
use yasna::{DERWriter, DERWriterSeq, Tag};

use super::der::{self, Signature};
use super::{DAY, Issuer, Serial};

const REASON_CODE: [u64; 4] = [2, 5, 29, 21];
const CERTIFICATE_ISSUER: [u64; 4] = [2, 5, 29, 29];
const AUTHORITY_KEY_IDENTIFIER: [u64; 4] = [2, 5, 29, 35];
const CRL_NUMBER: [u64; 4] = [2, 5, 29, 20];
const DELTA_CRL_INDICATOR: [u64; 4] = [2, 5, 29, 27];
const ISSUING_DISTRIBUTION_POINT: [u64; 4] = [2, 5, 29, 28];
pub(super) const FRESHEST_CRL: [u64; 4] = [2, 5, 29, 46];
/// An unassigned arc for examples (RFC 5612: private enterprises).
const UNKNOWN: [u64; 8] = [1, 3, 6, 1, 4, 1, 32473, 1];

/// The reason "removeFromCRL", for entries of a delta list.
pub const REMOVE_FROM_CRL: u8 = 8;
/// The reason "certificateHold".
pub const ON_HOLD: u8 = 6;
/// The reason "keyCompromise".
pub const KEY_COMPROMISE: u8 = 1;

/// A list to order.
#[derive(Clone, Debug)]
pub struct Crl {
    /// When it was made.
    pub this_update: SystemTime,
    /// nextUpdate; `None` omits it.
    pub next_update: Option<SystemTime>,
    /// Its number.
    pub number: u8,
    /// What it lists.
    pub revoked: Vec<Revoked>,
    /// What it is for (issuingDistributionPoint); none: everything of its issuer.
    pub scope: Option<Scope>,
    /// The number of the list that this one is a delta to (deltaCRLIndicator); none: it is complete.
    pub delta_to: Option<u8>,
    /// Where deltas to it are to be had (freshestCRL).
    pub freshest: Vec<String>,
    /// Whether it has an unknown critical extension.
    pub unknown_critical: bool,
    /// The number of entries for other certificates, each a kilobyte long.
    pub long_entries: u32,
    /// How it is signed.
    pub signature: Signature,
}

/// An entry of a list.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// Of the certificate.
    pub serial: Serial,
    /// When it was revoked.
    pub at: SystemTime,
    /// CRLReason; none: unspecified.
    pub reason: Option<u8>,
    /// Who issued the certificate, on an indirect list; holds for the entries that follow as well.
    pub certificate_issuer: Option<Issuer>,
}

/// What a list is for (RFC 5280, section 5.2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The names of its distribution point; without any it has none.
    pub names: Vec<String>,
    /// The kind of certificates.
    pub only: Only,
    /// Whether other issuers' certificates may be on it.
    pub indirect: bool,
}

/// A kind of certificates that a list is limited to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// Not limited.
    #[default]
    All,
    /// onlyContainsUserCerts.
    Users,
    /// onlyContainsCACerts.
    Authorities,
    /// onlyContainsAttributeCerts.
    Attributes,
    /// onlySomeReasons: keyCompromise alone.
    KeyCompromise,
}

impl Crl {
    /// A day old, good for six more, without an entry.
    pub fn sound(now: SystemTime) -> Self {
        Self {
            this_update: now - DAY,
            next_update: Some(now + 6 * DAY),
            number: 1,
            revoked: Vec::new(),
            scope: None,
            delta_to: None,
            freshest: Vec::new(),
            unknown_critical: false,
            long_entries: 0,
            signature: Signature::Sound,
        }
    }

    /// Adds an entry: revoked when the list was made, for a key that was compromised.
    #[must_use]
    pub fn revoking(self, serial: Serial) -> Self {
        self.revoking_for(serial, Some(KEY_COMPROMISE))
    }

    /// Adds an entry with this reason.
    #[must_use]
    pub fn revoking_for(mut self, serial: Serial, reason: Option<u8>) -> Self {
        self.revoked.push(Revoked { serial, at: self.this_update, reason, certificate_issuer: None });
        self
    }

    /// Adds an entry for another issuer's certificate.
    #[must_use]
    pub fn revoking_of(mut self, issuer: Issuer, serial: Serial) -> Self {
        self = self.revoking(serial);
        self.revoked.last_mut().unwrap().certificate_issuer = Some(issuer);
        self
    }

    /// A week older: a sound one has expired a day ago.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.this_update -= 7 * DAY;
        self.next_update = self.next_update.map(|next| next - 7 * DAY);
        self
    }

    /// Two days younger: a sound one begins in a day.
    #[must_use]
    pub fn not_yet_valid(mut self) -> Self {
        self.this_update += 2 * DAY;
        self.next_update = self.next_update.map(|next| next + 2 * DAY);
        self
    }

    /// Sets how it is signed.
    #[must_use]
    pub const fn signed(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    /// Sets what it is for.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// The list, of the issuer with this name and this key.
    pub(super) fn sign(&self, name: &str, key: &KeyPair) -> Vec<u8> {
        let tbs = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(1); // version 2
                der::algorithm(writer.next(), key);
                der::name(writer.next(), name);
                der::utc_time(writer.next(), self.this_update);
                if let Some(next_update) = self.next_update {
                    der::utc_time(writer.next(), next_update);
                }
                if !self.revoked.is_empty() || self.long_entries > 0 {
                    writer.next().write_sequence(|writer| {
                        (0..self.long_entries).for_each(|number| self.long_entry(writer.next(), number));
                        self.revoked.iter().for_each(|entry| entry.write(writer.next()));
                    });
                }
                writer.next().write_tagged(Tag::context(0), |writer| {
                    writer.write_sequence(|writer| self.extensions(writer, key));
                });
            });
        });
        der::signed(&tbs, key, self.signature)
    }

    fn long_entry(&self, writer: DERWriter<'_>, number: u32) {
        writer.write_sequence(|writer| {
            writer.next().write_u32(number);
            der::utc_time(writer.next(), self.this_update);
            writer.next().write_sequence(|writer| {
                der::extension(writer.next(), &UNKNOWN, false, |writer| writer.write_bytes(&[7; 1024]));
            });
        });
    }

    fn extensions(&self, writer: &mut DERWriterSeq<'_>, key: &KeyPair) {
        der::extension(writer.next(), &AUTHORITY_KEY_IDENTIFIER, false, |writer| {
            writer.write_sequence(|writer| {
                let id = key_identifier(key);
                writer.next().write_tagged_implicit(Tag::context(0), |writer| writer.write_bytes(&id));
            });
        });
        der::extension(writer.next(), &CRL_NUMBER, false, |writer| writer.write_u8(self.number));
        if let Some(base) = self.delta_to {
            der::extension(writer.next(), &DELTA_CRL_INDICATOR, true, |writer| writer.write_u8(base));
        }
        if let Some(scope) = &self.scope {
            der::extension(writer.next(), &ISSUING_DISTRIBUTION_POINT, true, |writer| scope.write(writer));
        }
        if !self.freshest.is_empty() {
            der::extension(writer.next(), &FRESHEST_CRL, false, |writer| {
                writer.write_sequence(|writer| {
                    writer.next().write_sequence(|writer| der::full_name(writer.next(), &self.freshest));
                });
            });
        }
        if self.unknown_critical {
            der::extension(writer.next(), &UNKNOWN, true, |writer| writer.write_u8(1));
        }
    }
}

/// As rcgen derives it by default (RFC 7093, section 2, method 1).
fn key_identifier(key: &KeyPair) -> Vec<u8> {
    digest(&SHA256, &key.subject_public_key_info()).as_ref()[..20].to_vec()
}

impl Revoked {
    fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            writer.next().write_bigint_bytes(&self.serial, true);
            der::utc_time(writer.next(), self.at);
            if self.reason.is_none() && self.certificate_issuer.is_none() {
                return;
            }
            writer.next().write_sequence(|writer| {
                if let Some(reason) = self.reason {
                    der::extension(writer.next(), &REASON_CODE, false, |writer| {
                        writer.write_enum(reason.into());
                    });
                }
                if let Some(issuer) = self.certificate_issuer {
                    der::extension(writer.next(), &CERTIFICATE_ISSUER, true, |writer| {
                        writer.write_sequence(|writer| {
                            // directoryName
                            let name = |writer: DERWriter<'_>| der::name(writer, issuer.name());
                            writer.next().write_tagged(Tag::context(4), name);
                        });
                    });
                }
            });
        });
    }
}

impl Scope {
    fn write(&self, writer: DERWriter<'_>) {
        let yes = |writer: &mut DERWriterSeq<'_>, tag| {
            writer.next().write_tagged_implicit(Tag::context(tag), |writer| writer.write_bool(true));
        };
        writer.write_sequence(|writer| {
            if !self.names.is_empty() {
                der::full_name(writer.next(), &self.names);
            }
            match self.only {
                Only::Users => yes(writer, 1),
                Only::Authorities => yes(writer, 2),
                Only::KeyCompromise => writer
                    .next()
                    .write_tagged_implicit(Tag::context(3), |writer| writer.write_bitvec_bytes(&[0x40], 2)),
                Only::All | Only::Attributes => {}
            }
            if self.indirect {
                yes(writer, 4);
            }
            if self.only == Only::Attributes {
                yes(writer, 5);
            }
        });
    }
}
