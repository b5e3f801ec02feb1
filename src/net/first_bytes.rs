//! The first bytes that a peer sent, for messages about a peer that speaks another protocol.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio_util::io::InspectReader;

use super::failure::{PeerProtocol, quote};

/// The number of bytes to keep: as far as the `Location` of a redirect, usually.
const MAX_KEPT: usize = 512;

/// The first bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstBytes(Arc<Mutex<KeptBytes>>);

#[derive(Debug, Default)]
struct KeptBytes {
    bytes: Vec<u8>,
    /// How many of them came with the first read.
    first_read: usize,
}

impl FirstBytes {
    /// The protocol that the peer speaks. `None` if it sent nothing yet, or nothing that is recognised.
    pub(crate) fn protocol(&self) -> Option<PeerProtocol> {
        let kept = self.0.lock();
        PeerProtocol::recognize(&kept.bytes[..kept.first_read])
    }

    /// The bytes in words. `None` if there are none.
    pub(crate) fn quote(&self) -> Option<String> {
        quote(&self.0.lock().bytes)
    }
}

/// A stream that records them.
pub(crate) type RecordingStream<S> = InspectReader<S, Box<dyn FnMut(&[u8]) + Send + Sync>>;

/// Records the first bytes of `stream`, of which nothing may have been read yet.
pub(crate) fn record<S: AsyncRead>(stream: S) -> (RecordingStream<S>, FirstBytes) {
    let first = FirstBytes::default();
    let (recorded, mut left) = (first.clone(), MAX_KEPT);
    let keep = move |read: &[u8]| {
        let kept = &read[..read.len().min(left)];
        if kept.is_empty() {
            return;
        }
        left -= kept.len();
        let mut first = recorded.0.lock();
        if first.bytes.is_empty() {
            first.first_read = kept.len();
        }
        first.bytes.extend_from_slice(kept);
    };
    (InspectReader::new(stream, Box::new(keep)), first)
}
