//! Parser for CRLs. It parses the header once, and entries one by one without copies, so that a list of many
//! megabytes needs no memory beyond its bytes. `crl.rs` evaluates lists, `large.rs` reads those that aren't kept.

use std::time::SystemTime;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{
    Decode, DecodeValue, FixedTag, Header, Reader, Sequence, SliceReader, Tag, TagMode, TagNumber,
    Tagged as _,
};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlReason, IssuingDistributionPoint};
use x509_cert::time::Time;

use super::problem::CrlProblem;
use crate::revocation::Revocation;
use crate::tls::certificate_urls::{DistributionPoint, points};
use crate::tls::signature::Signed;

/// The maximum size of a list's own extensions, in bytes. Real lists have a few hundred.
const MAX_EXTENSIONS: usize = 64 * 1024;

/// id-ce-issuerAltName (RFC 5280 section 5.2.2).
const ISSUER_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.18");
/// id-ce-cRLNumber (section 5.2.3).
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
/// id-ce-cRLReasons (section 5.3.1).
const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
/// id-ce-invalidityDate (section 5.3.2).
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");
/// id-ce-deltaCRLIndicator (section 5.2.4).
const DELTA_INDICATOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
/// id-ce-issuingDistributionPoint (section 5.2.5).
const ISSUING_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
/// id-ce-authorityKeyIdentifier (section 5.2.1).
const AUTHORITY_KEY_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
/// id-ce-freshestCRL (section 5.2.6).
const FRESHEST_CRL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");

/// A CRL number. Longer numbers are greater; for equal lengths the bytes decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CrlNumber {
    length: usize,
    bytes: Vec<u8>,
}

/// Parses the outer layer only, to verify the signature before anything else is parsed.
pub(super) fn signed(der: &[u8]) -> Result<Signed<'_>, CrlProblem> {
    Ok(AnyRef::from_der(der)?.sequence(Signed::read)?)
}

/// The times and deltas that a list declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it was issued.
    pub this_update: SystemTime,
    /// When it ends.
    pub next_update: Option<SystemTime>,
    /// The distribution points of its deltas.
    pub freshest: Vec<DistributionPoint>,
}

/// A parsed CRL.
pub(super) struct ParsedCrl<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) this_update: SystemTime,
    pub(super) next_update: Option<SystemTime>,
    pub(super) number: Option<CrlNumber>,
    /// In a delta: the number of its base list.
    pub(super) base: Option<CrlNumber>,
    pub(super) scope: Option<IssuingDistributionPoint>,
    pub(super) key_id: Option<Vec<u8>>,
    /// The distribution points of its deltas.
    pub(super) freshest: Vec<DistributionPoint>,
    /// The first unsupported critical extension.
    pub(super) unknown: Option<ObjectIdentifier>,
    entries: &'a [u8],
}

impl<'a> ParsedCrl<'a> {
    /// Parses `TBSCertList` (RFC 5280 section 5.1), except for the entries. `algorithm` is that of its signature.
    pub(super) fn read(tbs: &'a [u8], algorithm: &[u8]) -> Result<Self, CrlProblem> {
        Ok(AnyRef::from_der(tbs)?.sequence(|reader| {
            let mut list = Self::head(reader, algorithm)?;
            let extensions = reader.context_specific::<Body<'a>>(TagNumber::N0, TagMode::Explicit)?;
            list.read_extensions(extensions.unwrap_or(Body(&[])).0)?;
            Ok(list)
        })?)
    }

    /// The times and deltas that it declares.
    pub(super) fn freshness(self) -> Freshness {
        let Self { this_update, next_update, freshest, .. } = self;
        Freshness { this_update, next_update, freshest }
    }

    fn head(reader: &mut SliceReader<'a>, algorithm: &[u8]) -> der::Result<Self> {
        // v2 is encoded as 1, v1 is omitted.
        if reader.decode::<Option<u8>>()?.is_some_and(|version| version != 1) {
            return Err(Tag::Integer.value_error());
        }
        // Both algorithm identifiers must agree (section 5.1.2.2).
        if reader.decode::<Body<'a>>()?.0 != algorithm {
            return Err(Tag::Sequence.value_error());
        }
        Ok(Self {
            issuer: reader.tlv_bytes()?,
            this_update: reader.decode::<Time>()?.to_system_time(),
            next_update: reader.decode::<Option<Time>>()?.map(|time| time.to_system_time()),
            entries: reader.decode::<Option<Body<'a>>>()?.unwrap_or(Body(&[])).0,
            number: None,
            base: None,
            scope: None,
            key_id: None,
            freshest: Vec::new(),
            unknown: None,
        })
    }

    fn read_extensions(&mut self, extensions: &'a [u8]) -> der::Result<()> {
        if extensions.len() > MAX_EXTENSIONS {
            return Err(Tag::Sequence.length_error());
        }
        let mut seen = Vec::new();
        each(extensions, |extension: Extension<'a>| {
            if seen.contains(&extension.id) {
                return Err(Tag::Sequence.value_error());
            }
            seen.push(extension.id);
            self.read_extension(&extension)
        })
    }

    fn read_extension(&mut self, extension: &Extension<'a>) -> der::Result<()> {
        let value = extension.value.as_bytes();
        match extension.id {
            CRL_NUMBER => self.number = Some(number(value)?),
            DELTA_INDICATOR => self.base = Some(number(value)?),
            ISSUING_POINT => self.scope = Some(IssuingDistributionPoint::from_der(value)?),
            AUTHORITY_KEY_ID => {
                let id = AuthorityKeyIdentifier::from_der(value)?.key_identifier;
                self.key_id = id.map(|id| id.as_bytes().to_vec());
            }
            FRESHEST_CRL => self.freshest = points(value),
            ISSUER_ALT_NAME => {}
            other if extension.critical => self.unknown = self.unknown.or(Some(other)),
            _ => {}
        }
        Ok(())
    }

    /// Finds the entry of a serial number (the contents of its INTEGER). Reads all entries: an unsupported
    /// critical extension in any of them makes the whole list unusable (RFC 5280 section 5.3).
    pub(super) fn find(&self, serial: &[u8]) -> Result<Option<EntryStatus>, CrlProblem> {
        let mut found: Option<EntryStatus> = None;
        let mut unknown = None;
        each(self.entries, |entry: CrlEntry<'a>| {
            let status = entry.status(&mut unknown)?;
            if entry.serial.0 == serial {
                found = EntryStatus::worse(found, status);
            }
            Ok(())
        })?;
        match unknown {
            Some(id) => Err(CrlProblem::CriticalExtension { id: id.to_string() }),
            None => Ok(found),
        }
    }
}

/// An entry's statement about its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryStatus {
    /// Revoked.
    Revoked(Revocation),
    /// In a delta: no longer revoked (`removeFromCRL`).
    Removed,
}

impl EntryStatus {
    /// If a list contradicts itself, the first revocation counts.
    pub(super) fn worse(known: Option<Self>, other: Self) -> Option<Self> {
        known.filter(|known| matches!(known, Self::Revoked(_))).or(Some(other))
    }

    fn new(reason: Option<CrlReason>, at: SystemTime) -> Self {
        match reason {
            Some(CrlReason::RemoveFromCRL) => Self::Removed,
            other => Self::Revoked(Revocation { reason: other.unwrap_or(CrlReason::Unspecified).into(), at }),
        }
    }
}

/// CRL numbers have at most 20 octets (RFC 5280 section 5.2.3), and one more for the sign.
fn number(value: &[u8]) -> der::Result<CrlNumber> {
    let number = UintRef::from_der(value)?;
    let bytes = number.as_bytes();
    if bytes.len() > 20 {
        return Err(Tag::Integer.length_error());
    }
    Ok(CrlNumber { length: bytes.len(), bytes: bytes.to_vec() })
}

/// Parses consecutive values to the end of the bytes.
fn each<'a, T: Decode<'a>>(bytes: &'a [u8], mut visit: impl FnMut(T) -> der::Result<()>) -> der::Result<()> {
    let mut reader = SliceReader::new(bytes)?;
    while !reader.is_finished() {
        visit(T::decode(&mut reader)?)?;
    }
    Ok(())
}

/// The unparsed contents of a SEQUENCE.
#[derive(Clone, Copy)]
struct Body<'a>(&'a [u8]);

impl FixedTag for Body<'_> {
    const TAG: Tag = Tag::Sequence;
}

impl<'a> DecodeValue<'a> for Body<'a> {
    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        reader.read_slice(header.length).map(Self)
    }
}

/// The encoded contents of an INTEGER: serial numbers are only compared.
struct Serial<'a>(&'a [u8]);

impl<'a> Decode<'a> for Serial<'a> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        let value = AnyRef::decode(reader)?;
        value.tag().assert_eq(Tag::Integer)?;
        Ok(Self(value.value()))
    }
}

/// One of `revokedCertificates`.
pub(super) struct CrlEntry<'a> {
    serial: Serial<'a>,
    date: Time,
    extensions: Option<Body<'a>>,
}

impl<'a> CrlEntry<'a> {
    /// The contents of the serial number's INTEGER.
    pub(super) const fn serial(&self) -> &'a [u8] {
        self.serial.0
    }

    /// What it says of its certificate. Keeps the first unsupported critical extension in `unknown`.
    pub(super) fn status(&self, unknown: &mut Option<ObjectIdentifier>) -> der::Result<EntryStatus> {
        let mut reason = None;
        each(self.extensions.unwrap_or(Body(&[])).0, |extension: Extension<'a>| {
            match extension.id {
                REASON => reason = CrlReason::from_der(extension.value.as_bytes()).ok(),
                INVALIDITY_DATE => {}
                other if extension.critical => *unknown = unknown.or(Some(other)),
                _ => {}
            }
            Ok(())
        })?;
        Ok(EntryStatus::new(reason, self.date.to_system_time()))
    }
}

impl<'a> Decode<'a> for CrlEntry<'a> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        AnyRef::decode(reader)?.sequence(|reader| {
            Ok(Self { serial: reader.decode()?, date: reader.decode()?, extensions: reader.decode()? })
        })
    }
}

/// `Extension` (RFC 5280 section 4.1), without copies.
#[derive(Sequence)]
struct Extension<'a> {
    id: ObjectIdentifier,
    #[asn1(default = "Default::default")]
    critical: bool,
    value: OctetStringRef<'a>,
}
