//! Roots that a user adds: PEM files, read when the configuration is.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::load::read_capped;
use super::raw::{MAX_BYTES, Mapping, Node};
use super::text::quoted;

/// `tls`: the certificates of every file of `extra_roots`, relative to `base_dir`.
pub(super) fn extra_roots(mut tls: Mapping<'_>, base_dir: &Path) -> Vec<CertificateDer<'static>> {
    let files = tls.take("extra_roots").and_then(|files| files.distinct(|file| root_file(&file, base_dir)));
    tls.finish();
    let mut roots = Vec::new();
    for root in files.unwrap_or_default().into_iter().flatten() {
        if !roots.contains(&root) {
            roots.push(root);
        }
    }
    roots
}

fn root_file(file: &Node<'_>, base_dir: &Path) -> Option<Vec<CertificateDer<'static>>> {
    let name = file.text()?;
    read_roots(&base_dir.join(name)).map_err(|why| file.problem(format!("{} {why}", quoted(name)))).ok()
}

fn read_roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read_capped(path, MAX_BYTES)?;
    let roots: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is not a PEM file: {error}"))?;
    if roots.is_empty() {
        return Err("holds no certificate: a PEM file with BEGIN CERTIFICATE is expected".to_owned());
    }
    for (n, root) in roots.iter().enumerate() {
        webpki::anchor_from_trusted_cert(root).map_err(|error| {
            format!("holds a certificate (number {}) that can't be a root: {error}", n + 1)
        })?;
    }
    Ok(roots)
}
