//! `tls`: certificate verification. Additional roots are PEM files, read together with the configuration.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::TlsConfig;
use super::load::read_capped;
use super::reader::{MAX_BYTES, Mapping, Node};
use super::values::{INTERVAL, host_pattern, quoted};
use crate::catalog::HostPattern;

/// `tls`; paths of roots are relative to `base_dir`.
pub(super) fn read(mut tls: Mapping<'_>, base_dir: &Path) -> TlsConfig {
    let default = TlsConfig::default();
    let config = TlsConfig {
        extra_roots: roots(tls.take("extra_roots"), base_dir),
        genuine_roots: roots(tls.take("genuine_roots"), base_dir),
        revocation: tls.take("revocation").and_then(|node| node.boolean()).unwrap_or(default.revocation),
        crl_refresh: tls
            .take("crl_refresh")
            .and_then(|node| node.duration(&INTERVAL))
            .unwrap_or(default.crl_refresh),
        split_hello: tls.take("split_hello").and_then(|node| node.boolean()).unwrap_or(default.split_hello),
        issuer_hosts: tls.take("issuer_hosts").and_then(issuer_hosts).unwrap_or_default(),
    };
    tls.finish();
    config
}

fn issuer_hosts(node: Node<'_>) -> Option<Vec<HostPattern>> {
    node.distinct(|host| host.parsed(host_pattern).map(HostPattern))
}

/// The certificates of all files in a list, without duplicates.
fn roots(files: Option<Node<'_>>, base_dir: &Path) -> Vec<CertificateDer<'static>> {
    let files = files.and_then(|files| files.distinct(|file| root_file(&file, base_dir)));
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
        return Err("contains no certificate: expected PEM with BEGIN CERTIFICATE".to_owned());
    }
    for (n, root) in roots.iter().enumerate() {
        webpki::anchor_from_trusted_cert(root).map_err(|error| {
            format!("contains a certificate (number {}) that can't be a root: {error}", n + 1)
        })?;
    }
    Ok(roots)
}
