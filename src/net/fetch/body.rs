//! The body of a fetch: kept up to a limit, beyond it handed over as it arrives.

use std::fmt::Debug;

use crate::net::BodyBuffer;
use crate::net::failure::PhaseError;

/// How many bytes of what was kept are handed over at once.
const PIECE: usize = 64 * 1024;

/// What reads a body that exceeds the limit of its request, and how long it may be.
#[derive(Clone, Copy, Debug)]
pub struct Overflow<'a> {
    /// The maximum size of the body, in bytes.
    pub limit: u64,
    /// What reads it.
    pub reader: &'a dyn BodyReader,
}

/// Reads a body as it arrives.
pub trait BodyReader: Debug + Send + Sync {
    /// Reads the next bytes.
    ///
    /// # Errors
    /// If the body is of no use, in words.
    fn push(&self, bytes: &[u8]) -> Result<(), String>;
}

/// The body of a response, until it is handed over to what reads longer ones.
pub(super) struct FetchedBody<'a> {
    bytes: Vec<u8>,
    limit: u64,
    overflow: Option<Overflow<'a>>,
}

impl<'a> FetchedBody<'a> {
    /// Keeps at most `limit` bytes; `overflow` reads a longer body.
    pub(super) const fn new(limit: u64, overflow: Option<Overflow<'a>>) -> Self {
        Self { bytes: Vec::new(), limit, overflow }
    }

    /// What was kept: empty if the body was handed over.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl BodyBuffer for FetchedBody<'_> {
    fn push(&mut self, bytes: &[u8], length: u64) -> Result<(), PhaseError> {
        let overflow = self.overflow.filter(|_| length > self.limit);
        let Some(Overflow { reader, .. }) = overflow else {
            self.bytes.extend_from_slice(bytes);
            return Ok(());
        };
        let kept = std::mem::take(&mut self.bytes);
        for piece in kept.chunks(PIECE).chain([bytes]) {
            reader.push(piece).map_err(PhaseError::Content)?;
        }
        Ok(())
    }
}
