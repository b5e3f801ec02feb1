//! Any bytes as a certificate or a message of several: their fields, their URLs, and their verification as a chain.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use defender_exporter::config::TlsConfig;
use defender_exporter::revocation::{Certificate, Issuer, SignedObjects};
use defender_exporter::tls::{AiaIssuers, ChainVerifier, PresentedChain, Roots, issuer_certificates};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

static JUDGE: LazyLock<(ChainVerifier, SignedObjects)> = LazyLock::new(|| {
    let genuine_roots = vec![CertificateDer::from(include_bytes!("../seeds/certificate/int.der").as_slice())];
    let roots = Roots::from_lists(&[], &[], &TlsConfig { genuine_roots, ..TlsConfig::default() }).unwrap();
    let objects = SignedObjects::new(&roots);
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    (ChainVerifier::new(roots, Arc::new(AiaIssuers::new(Vec::new())), algorithms), objects)
});

pub fn run(bytes: &[u8]) {
    let (judge, objects) = &*JUDGE;
    let _ = Certificate::read(bytes);
    let _ = Issuer::from_certificate(bytes);
    let _ = objects.check_certificate(bytes);
    let der = CertificateDer::from(bytes).into_owned();
    let mut certificates = vec![der.clone(), der];
    certificates.extend(issuer_certificates::read(bytes).unwrap_or_default());
    let presented = PresentedChain { certificates, stapled: Vec::new() };
    let name = ServerName::try_from("wdcp.microsoft.com").unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
    let trusted = judge.verify(&presented, &name, now).is_ok();
    assert!(
        !trusted || bytes == include_bytes!("../seeds/certificate/leaf.der"),
        "a leaf that nobody signed"
    );
}
