//! Certificates and keys in PEM, from a file or inline. Messages never contain key material.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::load::read_capped;
use crate::config::reader::{MAX_BYTES, Mapping, Node};
use crate::config::values::quoted;

/// The source of a PEM text: the file named by a key, or the key's own value.
pub(super) struct PemSource<'a> {
    node: Node<'a>,
    bytes: Vec<u8>,
    file: Option<String>,
}

impl PemSource<'_> {
    /// Reports a problem, following the file's name or "the value".
    pub(super) fn problem(&self, why: &str) {
        match &self.file {
            Some(name) => self.node.problem(format!("{} {why}", quoted(name))),
            None => self.node.problem(format!("the value {why}")),
        }
    }
}

/// The source under one of two keys: one names a file, the other contains the text. Returns `None` if neither exists,
/// or a problem is reported.
pub(super) fn source<'a>(
    mapping: &mut Mapping<'a>,
    file_key: &'static str,
    inline_key: &'static str,
    base_dir: &Path,
) -> Option<PemSource<'a>> {
    match (mapping.take_set(file_key), mapping.take_set(inline_key)) {
        (Some(file), Some(_)) => {
            file.problem(format!("conflicts with {inline_key}: set only one of them"));
            None
        }
        (Some(node), None) => {
            let name = node.text()?.to_owned();
            let bytes = read_capped(&base_dir.join(&name), MAX_BYTES);
            let bytes = bytes.map_err(|why| node.problem(format!("{} {why}", quoted(&name)))).ok()?;
            Some(PemSource { node, bytes, file: Some(name) })
        }
        (None, Some(node)) => {
            let bytes = node.text()?.as_bytes().to_vec();
            Some(PemSource { node, bytes, file: None })
        }
        (None, None) => None,
    }
}

/// The certificates of a source, in order, at least one.
pub(super) fn certificates(source: &PemSource<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(&source.bytes).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if !found.is_empty() => return Some(found),
        Ok(_) => {
            source.problem("contains no certificate: expected PEM with BEGIN CERTIFICATE");
        }
        Err(error) => source.problem(&format!("is not PEM: {error}")),
    }
    None
}

/// The first private key of a source.
pub(super) fn private_key(source: &PemSource<'_>) -> Option<PrivateKeyDer<'static>> {
    let encrypted = source.bytes.windows(9).any(|window| window == b"ENCRYPTED");
    match PrivateKeyDer::from_pem_slice(&source.bytes) {
        _ if encrypted => {
            source.problem("is encrypted: expected a private key without a passphrase");
        }
        Ok(key) => return Some(key),
        Err(pem::Error::NoItemsFound) => {
            source.problem("contains no private key: expected PEM with BEGIN PRIVATE KEY");
        }
        Err(_) => source.problem("is not readable PEM"), // messages contain no part of a key
    }
    None
}
