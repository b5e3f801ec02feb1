//! SHA-256 digests: fingerprints of certificates, and identities of chains and requests.

use ring::digest::{Context, Digest, SHA256, digest};

/// SHA-256 over the bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(&digest(&SHA256, bytes))
}

/// SHA-256 over the parts, each prefixed with its length, so that different splits have different digests.
pub(crate) fn sha256_parts<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    array(&context.finish())
}

fn array(digest: &Digest) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref()); // SHA-256 has 32 bytes
    bytes
}
