//! Changes to the web configuration take effect within a second; invalid files change nothing.

use std::time::{Duration, Instant};

use rustls::ALL_VERSIONS;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::pki::Ca;
use super::tls::{shake_hands, start};
use super::users::{config, line};
use super::{Served, status};
use crate::load::TEST_TIMEOUT;

const USABLE: &str = "defender_web_config_last_reload_successful";

/// What is complained of where a file has no certificate.
const NO_CERTIFICATE: &str = "contains no certificate";

/// The certificate that the exporter presents.
async fn presented(served: &Served, ca: &Ca) -> CertificateDer<'static> {
    let stream = shake_hands(served, ca.trusting(None, ALL_VERSIONS)).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// The value of a metric without labels.
async fn metric(served: &Served, ca: &Ca, name: &str) -> String {
    let stream = shake_hands(served, ca.trusting(None, ALL_VERSIONS)).await.unwrap();
    let metrics = super::get(stream, "/metrics", "").await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}: {metrics}")).trim().to_owned()
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
        assert_eq!(metric(&served, &ca, USABLE).await, "0", "{bad:?}");
    }
    assert_eq!(
        metric(&served, &ca, "defender_config_last_reload_successful").await,
        "1",
        "that is another file"
    );
    std::fs::write(served.file("server.key"), &second.key).unwrap();
    let deadline = Instant::now() + TEST_TIMEOUT;
    while presented(&served, &ca).await != der(&second.certificate) {
        assert!(Instant::now() < deadline, "the new certificate never came");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    served.line("web configuration reloaded");
    assert_eq!(metric(&served, &ca, USABLE).await, "1");
    let second = der(&second.certificate);
    let (_, second) = X509Certificate::from_der(&second).unwrap();
    let expiry = metric(&served, &ca, "defender_web_certificate_not_after_timestamp_seconds").await;
    let expiry: f64 = expiry.parse().unwrap();
    assert_eq!(format!("{expiry:.0}"), second.validity().not_after.timestamp().to_string());
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
