//! Changes to the web configuration take effect within a second; invalid files change nothing.

use std::time::{Duration, Instant};

use rustls::ALL_VERSIONS;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::pki::Ca;
use super::tls::{shake_hands, start};
use super::users::{config, line};
use super::{Served, status};
use crate::load::TEST_TIMEOUT;

/// What is complained of where a file has no certificate.
const NO_CERTIFICATE: &str = "contains no certificate";

/// The certificate that the exporter presents.
async fn presented(served: &Served, ca: &Ca) -> CertificateDer<'static> {
    let stream = shake_hands(served, ca.trusting(None, ALL_VERSIONS)).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_while_the_exporter_runs() {
    let ca = Ca::new("Servers");
    let served = start(&ca, "");
    let (first, second) = (presented(&served, &ca).await, ca.server());
    let long_before = shake_hands(&served, ca.trusting(None, ALL_VERSIONS)).await.unwrap();
    for (bad, complaint) in [
        ("no certificate".to_owned(), NO_CERTIFICATE),
        (second.certificate.clone(), "does not match the certificate"), // it came before its key
        (String::new(), NO_CERTIFICATE),
        (second.certificate.clone(), "does not match the certificate"),
    ] {
        let before = served.count(complaint);
        std::fs::write(served.file("server.pem"), &bad).unwrap();
        let deadline = Instant::now() + TEST_TIMEOUT;
        while served.count(complaint) == before {
            assert_eq!(presented(&served, &ca).await, first, "{bad:?}");
            assert!(Instant::now() < deadline, "{bad:?} is never complained of: {:#?}", served.said.lock());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(presented(&served, &ca).await, first, "{bad:?}");
    }
    std::fs::write(served.file("server.key"), &second.key).unwrap();
    let deadline = Instant::now() + TEST_TIMEOUT;
    while presented(&served, &ca).await != der(&second.certificate) {
        assert!(Instant::now() < deadline, "the new certificate never came");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    served.line("web configuration reloaded");
    let answer = super::get(long_before, "/-/healthy", "").await.unwrap();
    assert_eq!(status(&answer), "200", "connections of before go on");
}

/// As Kubernetes replaces a mounted secret: a symlink turns to a new folder.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn users_change_behind_a_symlink() {
    let served = Served::start("", &[("next.yaml", config(&["bob"]))]);
    assert_eq!(status(&served.get("/-/healthy", "").await), "200");
    std::os::unix::fs::symlink(served.file("next.yaml"), served.file("link")).unwrap();
    std::fs::rename(served.file("link"), served.file("web.yaml")).unwrap();
    let deadline = Instant::now() + TEST_TIMEOUT;
    while status(&served.get("/-/healthy", "").await) != "401" {
        assert!(Instant::now() < deadline, "users are never asked");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(status(&served.get("/-/healthy", &line("bob", "bob")).await), "200");
}
