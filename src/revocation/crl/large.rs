//! CRLs that are too large to be kept. They are parsed and hashed as they arrive. What stays are the entries of the serial
//! numbers that are asked for, and four bytes of each other entry, a tenth of the list at most: they tell which serial
//! numbers the list doesn't contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier};
use der::{Decode as _, Encode as _, ErrorKind, Header, Reader as _, SliceReader, Tag, TagNumber};
use ring::digest;

use super::problem::{CrlProblem, MAX_LARGE};
use super::reader::{CrlEntry, EntryStatus, ParsedCrl};
use crate::tls::signature::{SignatureError, SignedDigest, algorithm};

/// The maximum size of one value besides the entries, and of one entry, in bytes.
const MAX_VALUE: usize = 128 * 1024;

/// A large CRL, after all of it has arrived.
#[derive(Debug)]
pub struct LargeCrl {
    /// `TBSCertList` without its entries.
    tbs: Vec<u8>,
    signature: SignedDigest,
    /// The serial numbers that the list was searched for, with what it says of them.
    statuses: BTreeMap<Vec<u8>, Option<EntryStatus>>,
    /// Hashes of all serial numbers in the list, sorted.
    hashes: Vec<u32>,
    /// The first unsupported critical extension of an entry.
    unknown: Option<ObjectIdentifier>,
}

impl LargeCrl {
    /// The serial numbers that the list was searched for.
    pub fn searched(&self) -> impl Iterator<Item = &[u8]> {
        self.statuses.keys().map(Vec::as_slice)
    }

    /// Whether it is known what the list says of a serial number.
    #[must_use]
    pub fn knows(&self, serial: &[u8]) -> bool {
        self.statuses.contains_key(serial) || !self.may_contain(serial)
    }

    /// The memory that it takes, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let statuses = self.statuses.keys().map(|serial| serial.len() + size_of::<EntryStatus>());
        self.tbs.len() + self.hashes.len() * size_of::<u32>() + statuses.sum::<usize>()
    }

    fn may_contain(&self, serial: &[u8]) -> bool {
        self.hashes.binary_search(&hash(serial)).is_ok()
    }

    /// The list without its entries.
    pub(super) fn head(&self) -> Result<ParsedCrl<'_>, CrlProblem> {
        ParsedCrl::read(&self.tbs, &self.signature.algorithm)
    }

    /// See [`SignedDigest::verify`].
    pub(super) fn verify(&self, spki: &[u8]) -> Result<(), SignatureError> {
        self.signature.verify(spki)
    }

    /// The entry of a serial number.
    pub(super) fn find(&self, serial: &[u8]) -> Result<Option<EntryStatus>, CrlProblem> {
        if let Some(id) = self.unknown {
            return Err(CrlProblem::CriticalExtension { id: id.to_string() });
        }
        match self.statuses.get(serial) {
            Some(status) => Ok(*status),
            None if self.may_contain(serial) => Err(CrlProblem::NotSearched),
            None => Ok(None),
        }
    }
}

/// What the next value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CrlPart {
    /// The header of `CertificateList`.
    List,
    /// The header of `TBSCertList`.
    Tbs,
    /// A value before the entries, or the header of their SEQUENCE.
    Head,
    /// An entry.
    Entries,
    /// The extensions.
    Extensions,
    /// The algorithm, then the signature.
    Algorithm,
    Signature,
    /// Nothing: the list is complete.
    End,
}

/// Reads a large CRL as it arrives.
pub struct LargeCrlReader {
    part: CrlPart,
    /// Bytes that arrived and aren't a whole value yet.
    pending: Vec<u8>,
    /// What is left of the list, of `TBSCertList`, of the entries, in bytes.
    left: usize,
    left_in_tbs: usize,
    left_in_entries: usize,
    /// Whether `thisUpdate` has arrived: the next SEQUENCE is that of the entries.
    has_time: bool,
    /// The values of `TBSCertList` besides the entries.
    values: Vec<u8>,
    /// Bytes of `TBSCertList` before the algorithm that tells how to hash them.
    unhashed: Vec<u8>,
    hasher: Option<digest::Context>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
    statuses: BTreeMap<Vec<u8>, Option<EntryStatus>>,
    hashes: Vec<u32>,
    unknown: Option<ObjectIdentifier>,
}

impl fmt::Debug for LargeCrlReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeCrlReader")
            .field("part", &self.part)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl LargeCrlReader {
    /// Will search for these serial numbers (the contents of their INTEGERs).
    #[must_use]
    pub fn new(serials: BTreeSet<Vec<u8>>) -> Self {
        Self {
            part: CrlPart::List,
            pending: Vec::new(),
            left: 0,
            left_in_tbs: 0,
            left_in_entries: 0,
            has_time: false,
            values: Vec::new(),
            unhashed: Vec::new(),
            hasher: None,
            algorithm: Vec::new(),
            signature: Vec::new(),
            statuses: serials.into_iter().map(|serial| (serial, None)).collect(),
            hashes: Vec::new(),
            unknown: None,
        }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// If they can't be those of a CRL, or one that can't be verified by a digest.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), CrlProblem> {
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(bytes);
        let mut read = 0;
        while let Some(length) = self.step(&pending[read..])? {
            read += length;
        }
        pending.drain(..read);
        self.pending = pending;
        Ok(())
    }

    /// The memory that it takes besides its result, in bytes.
    #[cfg(test)]
    pub(super) fn buffered(&self) -> usize {
        self.pending.capacity() + self.unhashed.capacity() + self.values.capacity()
    }

    /// The list, after its last bytes.
    ///
    /// # Errors
    /// If it is incomplete, or its parts contradict each other.
    pub fn finish(self) -> Result<LargeCrl, CrlProblem> {
        let is_whole = self.part == CrlPart::End && self.left == 0 && self.pending.is_empty();
        let digest = self.hasher.filter(|_| is_whole).map(digest::Context::finish);
        let digest = digest.ok_or_else(|| malformed(Tag::Sequence.length_error()))?;
        let tbs = AnyRef::new(Tag::Sequence, &self.values)?.to_der()?;
        let signature = SignedDigest { algorithm: self.algorithm, digest, signature: self.signature };
        let mut hashes = self.hashes;
        hashes.sort_unstable();
        hashes.dedup();
        hashes.shrink_to_fit();
        let list = LargeCrl { tbs, signature, statuses: self.statuses, hashes, unknown: self.unknown };
        list.head()?;
        Ok(list)
    }

    /// Reads the next value or header from the first bytes, and returns its length. `None` if it isn't complete yet.
    fn step(&mut self, bytes: &[u8]) -> Result<Option<usize>, CrlProblem> {
        self.enter();
        let Some(next) = ValueHeader::read(bytes)? else { return Ok(None) };
        let is_container = match self.part {
            CrlPart::List | CrlPart::Tbs => true,
            CrlPart::Head => next.tag == Tag::Sequence && self.has_time,
            _ => false,
        };
        if is_container {
            self.open(&next)?;
            self.consume(&bytes[..next.header])?;
            return Ok(Some(next.header));
        }
        let length = next.header + next.content;
        if length > MAX_VALUE {
            return Err(malformed(next.tag.length_error()));
        }
        let Some(value) = bytes.get(..length) else { return Ok(None) };
        self.value(next.tag, value)?;
        self.consume(value)?;
        Ok(Some(length))
    }

    /// Goes on to the next part if this one has ended.
    fn enter(&mut self) {
        if self.part == CrlPart::Entries && self.left_in_entries == 0 {
            self.part = CrlPart::Extensions;
        }
        if matches!(self.part, CrlPart::Head | CrlPart::Extensions) && self.left_in_tbs == 0 {
            self.part = CrlPart::Algorithm;
        }
    }

    /// The header of a value that is read by parts.
    fn open(&mut self, next: &ValueHeader) -> Result<(), CrlProblem> {
        if next.tag != Tag::Sequence {
            return Err(malformed(next.tag.unexpected_error(Some(Tag::Sequence))));
        }
        match self.part {
            CrlPart::List => {
                self.left = next.header + next.content;
                if self.left > MAX_LARGE {
                    return Err(CrlProblem::TooLarge { bytes: self.left, limit: MAX_LARGE });
                }
                self.part = CrlPart::Tbs;
            }
            CrlPart::Tbs => {
                self.left_in_tbs = next.header + next.content;
                self.part = CrlPart::Head;
            }
            _ => {
                self.left_in_entries = next.content;
                self.part = CrlPart::Entries;
            }
        }
        Ok(())
    }

    /// A whole value.
    fn value(&mut self, tag: Tag, value: &[u8]) -> Result<(), CrlProblem> {
        match self.part {
            CrlPart::Head => {
                self.has_time |= matches!(tag, Tag::UtcTime | Tag::GeneralizedTime);
                let extensions = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
                if tag == extensions {
                    self.part = CrlPart::Extensions;
                }
                self.keep(value)?;
                if tag == Tag::Sequence && self.hasher.is_none() {
                    let named = algorithm(value)?;
                    let hasher = SignedDigest::hasher(named);
                    self.hasher = Some(hasher.ok_or(CrlProblem::Signature(SignatureError::Unsupported))?);
                }
            }
            CrlPart::Extensions => self.keep(value)?,
            CrlPart::Entries => {
                let entry = CrlEntry::from_der(value)?;
                let status = entry.status(&mut self.unknown)?;
                self.hashes.push(hash(entry.serial()));
                if let Some(known) = self.statuses.get_mut(entry.serial()) {
                    *known = EntryStatus::worse(*known, status);
                }
                self.left_in_entries = shortened(self.left_in_entries, value.len())?;
            }
            CrlPart::Algorithm => {
                self.algorithm = algorithm(value)?.to_vec();
                self.part = CrlPart::Signature;
            }
            CrlPart::Signature => {
                let bits = BitStringRef::from_der(value)?;
                let bytes = bits.as_bytes().ok_or_else(|| Tag::BitString.value_error());
                self.signature = bytes?.to_vec();
                self.part = CrlPart::End;
            }
            CrlPart::List | CrlPart::Tbs | CrlPart::End => return Err(malformed(tag.unexpected_error(None))),
        }
        Ok(())
    }

    /// Keeps a value of `TBSCertList`. All of them together are as short as one may be.
    fn keep(&mut self, value: &[u8]) -> Result<(), CrlProblem> {
        if self.values.len() + value.len() > MAX_VALUE {
            return Err(malformed(Tag::Sequence.length_error()));
        }
        self.values.extend_from_slice(value);
        Ok(())
    }

    /// Counts bytes that were read, and hashes those that are signed.
    fn consume(&mut self, bytes: &[u8]) -> Result<(), CrlProblem> {
        self.left = shortened(self.left, bytes.len())?;
        if self.left_in_tbs == 0 {
            return Ok(());
        }
        self.left_in_tbs = shortened(self.left_in_tbs, bytes.len())?;
        match &mut self.hasher {
            Some(hasher) => {
                hasher.update(&std::mem::take(&mut self.unhashed));
                hasher.update(bytes);
            }
            None => self.unhashed.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// A hash of a serial number. Two may have the same, which costs another fetch and no correctness.
fn hash(serial: &[u8]) -> u32 {
    let mut hasher = DefaultHasher::new();
    hasher.write(serial);
    let [.., a, b, c, d] = hasher.finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The next value's header.
struct ValueHeader {
    tag: Tag,
    /// The length of the header and of the content, in bytes.
    header: usize,
    content: usize,
}

impl ValueHeader {
    /// `None` if the header isn't complete yet.
    fn read(bytes: &[u8]) -> Result<Option<Self>, CrlProblem> {
        let mut reader = SliceReader::new(bytes)?;
        let header = match Header::decode(&mut reader) {
            Ok(header) => header,
            Err(error) if matches!(error.kind(), ErrorKind::Incomplete { .. }) => return Ok(None),
            Err(error) => return Err(malformed(error)),
        };
        let length = |length: der::Length| usize::try_from(length).map_err(malformed);
        Ok(Some(Self {
            tag: header.tag,
            header: length(reader.position())?,
            content: length(header.length)?,
        }))
    }
}

fn shortened(left: usize, by: usize) -> Result<usize, CrlProblem> {
    left.checked_sub(by).ok_or_else(|| malformed(Tag::Sequence.length_error()))
}

const fn malformed(error: der::Error) -> CrlProblem {
    CrlProblem::Malformed(error)
}
