//! Reads a CRL that exceeds the limit of those that are kept, while it is fetched.

use std::collections::BTreeSet;

use parking_lot::Mutex;

use crate::net::fetch::{BodyReader, Overflow};
use crate::revocation::UndeterminedCause;
use crate::revocation::crl::{CrlProblem, LargeCrl, LargeCrlReader, MAX_LARGE};
use crate::revocation::store::CachedObject;

/// The maximum number of certificates that one list is searched for. A list that was searched for more is fetched again
/// for each of them.
const MAX_SERIALS: usize = 256;

/// A list whose first byte beyond the limit may still arrive.
#[derive(Debug)]
pub(super) struct LargeList {
    state: Mutex<ListProgress>,
}

#[derive(Debug)]
enum ListProgress {
    /// The list is within the limit so far.
    Small(BTreeSet<Vec<u8>>),
    Reading(Box<LargeCrlReader>),
    /// It is of no use.
    Refused(CrlProblem),
}

impl LargeList {
    /// Will search the list for a certificate's serial number, and for those that the cached one was searched for.
    pub(super) fn new(serial: &[u8], cached: Option<&CachedObject>) -> Self {
        let before =
            cached.and_then(|cached| cached.large.as_ref()).into_iter().flat_map(|large| large.searched());
        let mut serials: BTreeSet<_> = before.take(MAX_SERIALS - 1).map(<[u8]>::to_vec).collect();
        serials.insert(serial.to_vec());
        Self { state: Mutex::new(ListProgress::Small(serials)) }
    }

    /// What hands the list over to this one.
    pub(super) fn overflow(&self) -> Overflow<'_> {
        Overflow { limit: MAX_LARGE as u64, reader: self }
    }

    /// Why the list was refused while it arrived.
    pub(super) fn problem(&self) -> Option<UndeterminedCause> {
        match &*self.state.lock() {
            ListProgress::Refused(problem) => Some(problem.cause()),
            ListProgress::Small(_) | ListProgress::Reading(_) => None,
        }
    }

    /// The list, if it was a large one.
    ///
    /// # Errors
    /// If it is of no use.
    pub(super) fn finish(self) -> Result<Option<LargeCrl>, CrlProblem> {
        match self.state.into_inner() {
            ListProgress::Small(_) => Ok(None),
            ListProgress::Reading(reader) => reader.finish().map(Some),
            ListProgress::Refused(problem) => Err(problem),
        }
    }
}

impl BodyReader for LargeList {
    fn push(&self, bytes: &[u8]) -> Result<(), String> {
        let mut state = self.state.lock();
        if let ListProgress::Small(serials) = &mut *state {
            *state = ListProgress::Reading(Box::new(LargeCrlReader::new(std::mem::take(serials))));
        }
        let ListProgress::Reading(reader) = &mut *state else { return Ok(()) };
        reader.push(bytes).map_err(|problem| {
            let words = problem.to_string();
            *state = ListProgress::Refused(problem);
            words
        })
    }
}
