//! Certificates and keys in PEM, from a file or from the text of the configuration itself. What a key is isn't told.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::load::read_capped;
use crate::config::raw::{MAX_BYTES, Mapping, Node};
use crate::config::text::quoted;

/// Where a text in PEM stands: under a key, in the file that it names or itself.
pub(super) struct Source<'a> {
    node: Node<'a>,
    bytes: Vec<u8>,
    file: Option<String>,
}

impl Source<'_> {
    /// Reports a problem: it follows the file's name, or "the value".
    pub(super) fn problem(&self, why: &str) {
        match &self.file {
            Some(name) => self.node.problem(format!("{} {why}", quoted(name))),
            None => self.node.problem(format!("the value {why}")),
        }
    }
}

/// What stands under one of two keys: one names a file, the other has the text. None: neither is there, or a problem is
/// reported.
pub(super) fn source<'a>(
    mapping: &mut Mapping<'a>,
    file_key: &'static str,
    inline_key: &'static str,
    base_dir: &Path,
) -> Option<Source<'a>> {
    match (mapping.take(file_key), mapping.take(inline_key)) {
        (Some(file), Some(_)) => {
            file.problem(format!("{inline_key} is there too: only one of them can be used"));
            None
        }
        (Some(node), None) => {
            let name = node.text()?.to_owned();
            let bytes = read_capped(&base_dir.join(&name), MAX_BYTES);
            let bytes = bytes.map_err(|why| node.problem(format!("{} {why}", quoted(&name)))).ok()?;
            Some(Source { node, bytes, file: Some(name) })
        }
        (None, Some(node)) => {
            let bytes = node.text()?.as_bytes().to_vec();
            Some(Source { node, bytes, file: None })
        }
        (None, None) => None,
    }
}

/// The certificates of a source, in their order, at least one.
pub(super) fn certificates(source: &Source<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(&source.bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => return Some(found),
        Ok(_) => {
            source.problem("holds no certificate: a text in PEM with BEGIN CERTIFICATE is expected");
        }
        Err(error) => source.problem(&format!("is no text in PEM: {error}")),
    }
    None
}

/// The first private key of a source.
pub(super) fn private_key(source: &Source<'_>) -> Option<PrivateKeyDer<'static>> {
    let encrypted = source.bytes.windows(9).any(|window| window == b"ENCRYPTED");
    match PrivateKeyDer::from_pem_slice(&source.bytes) {
        _ if encrypted => {
            source.problem("is encrypted: a private key without a passphrase is expected");
        }
        Ok(key) => return Some(key),
        Err(pem::Error::NoItemsFound) => {
            source.problem("holds no private key: a text in PEM with BEGIN PRIVATE KEY is expected");
        }
        Err(_) => source.problem("is no text in PEM that can be read"), // no part of a key is shown
    }
    None
}
