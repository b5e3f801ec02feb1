//! A CRL as it is read: its head once, its entries one by one and without copies, so that a list of many megabytes costs
//! no more memory than its bytes. What it means for a certificate is said in `crl.rs`.

use std::time::SystemTime;

use der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{
    Decode, DecodeValue, FixedTag, Header, Reader, Sequence, SliceReader, Tag, TagMode, TagNumber,
    Tagged as _,
};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlReason, IssuingDistributionPoint};
use x509_cert::time::Time;

use super::Revocation;
use super::crl::{CrlProblem, Freshness};
use super::sources::{Point, points};
use crate::trust::signature::Signed;

/// The most bytes of extensions that a list may have, its entries' apart: real ones have some hundred.
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

/// A number of the CRLs of one scope: longer ones are greater, then the bytes decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    length: usize,
    bytes: Vec<u8>,
}

/// The outermost layer: enough to hold the signature to a key before anything else is read.
pub(super) fn signed(der: &[u8]) -> Result<Signed<'_>, CrlProblem> {
    Ok(AnyRef::from_der(der)?.sequence(Signed::read)?)
}

/// What a list says of itself.
pub(super) struct List<'a> {
    pub(super) issuer: &'a [u8],
    pub(super) this_update: SystemTime,
    pub(super) next_update: Option<SystemTime>,
    pub(super) number: Option<Number>,
    /// Present in a delta: the number of the list that it adds to.
    pub(super) base: Option<Number>,
    pub(super) scope: Option<IssuingDistributionPoint>,
    pub(super) key_id: Option<Vec<u8>>,
    /// Where deltas to this list can be had.
    pub(super) freshest: Vec<Point>,
    /// The first critical extension that isn't understood.
    pub(super) unknown: Option<ObjectIdentifier>,
    entries: &'a [u8],
}

impl<'a> List<'a> {
    /// Reads `TBSCertList` (RFC 5280 section 5.1), the entries apart.
    pub(super) fn read(signed: &Signed<'a>) -> Result<Self, CrlProblem> {
        Ok(AnyRef::from_der(signed.data)?.sequence(|reader| {
            let mut list = Self::head(reader, signed.algorithm)?;
            let extensions = reader.context_specific::<Body<'a>>(TagNumber::N0, TagMode::Explicit)?;
            list.read_extensions(extensions.unwrap_or(Body(&[])).0)?;
            Ok(list)
        })?)
    }

    /// What it says of its own time.
    pub(super) fn freshness(self) -> Freshness {
        let Self { this_update, next_update, freshest, .. } = self;
        Freshness { this_update, next_update, freshest }
    }

    fn head(reader: &mut SliceReader<'a>, algorithm: &[u8]) -> der::Result<Self> {
        // v2 is written as 1, v1 not at all.
        if reader.decode::<Option<u8>>()?.is_some_and(|version| version != 1) {
            return Err(Tag::Integer.value_error());
        }
        // Both names of the algorithm must agree (section 5.1.2.2).
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

    /// What the list says of a serial number (the contents of its INTEGER). Reads every entry: one with a critical
    /// extension that isn't understood makes the whole list unfit (RFC 5280 section 5.3).
    pub(super) fn find(&self, serial: &[u8]) -> Result<Option<Found>, CrlProblem> {
        let mut found: Option<Found> = None;
        let mut unknown = None;
        each(self.entries, |entry: Entry<'a>| {
            let mut reason = None;
            each(entry.extensions.unwrap_or(Body(&[])).0, |extension: Extension<'a>| {
                match extension.id {
                    REASON => reason = CrlReason::from_der(extension.value.as_bytes()).ok(),
                    INVALIDITY_DATE => {}
                    other if extension.critical => unknown = unknown.or(Some(other)),
                    _ => {}
                }
                Ok(())
            })?;
            // Where a list contradicts itself, the revocation stands.
            if entry.serial.0 == serial && !matches!(found, Some(Found::Revoked(_))) {
                found = Some(Found::new(reason, entry.date.to_system_time()));
            }
            Ok(())
        })?;
        match unknown {
            Some(id) => Err(CrlProblem::CriticalExtension { id: id.to_string() }),
            None => Ok(found),
        }
    }
}

/// What an entry says of its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It was revoked.
    Revoked(Revocation),
    /// In a delta: it is no longer (`removeFromCRL`).
    Removed,
}

impl Found {
    fn new(reason: Option<CrlReason>, at: SystemTime) -> Self {
        match reason {
            Some(CrlReason::RemoveFromCRL) => Self::Removed,
            other => Self::Revoked(Revocation { reason: other.unwrap_or(CrlReason::Unspecified).into(), at }),
        }
    }
}

/// CRL numbers have at most 20 octets (RFC 5280 section 5.2.3), and one more for the sign.
fn number(value: &[u8]) -> der::Result<Number> {
    let number = UintRef::from_der(value)?;
    let bytes = number.as_bytes();
    if bytes.len() > 20 {
        return Err(Tag::Integer.length_error());
    }
    Ok(Number { length: bytes.len(), bytes: bytes.to_vec() })
}

/// Reads values that follow each other until the bytes end.
fn each<'a, T: Decode<'a>>(bytes: &'a [u8], mut use_it: impl FnMut(T) -> der::Result<()>) -> der::Result<()> {
    let mut reader = SliceReader::new(bytes)?;
    while !reader.is_finished() {
        use_it(T::decode(&mut reader)?)?;
    }
    Ok(())
}

/// The contents of a SEQUENCE, not looked into.
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

/// The contents of an INTEGER as written: serial numbers are compared, not counted.
struct Serial<'a>(&'a [u8]);

impl<'a> Decode<'a> for Serial<'a> {
    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        let value = AnyRef::decode(reader)?;
        value.tag().assert_eq(Tag::Integer)?;
        Ok(Self(value.value()))
    }
}

/// One of `revokedCertificates`.
struct Entry<'a> {
    serial: Serial<'a>,
    date: Time,
    extensions: Option<Body<'a>>,
}

impl<'a> Decode<'a> for Entry<'a> {
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
