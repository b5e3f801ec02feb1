//! `openssl s_client` as a client of the exporter: accepted handshakes, and timeouts.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use defender_exporter_needs::needs;

use super::tools;
use crate::access::Served;
use crate::access::pki::Ca;
use crate::access::tls::start;

/// s_client's output for a handshake with these arguments, standard error included.
fn s_client(openssl: &Path, served: &Served, args: &[&str]) -> String {
    let output = Command::new(openssl)
        .args(["s_client", "-connect", &served.address(), "-servername", "exporter.example"])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Holds that each of these handshakes shows this.
fn check(served: &Served, cases: &[(&[&str], &str)]) {
    let openssl = tools::find("openssl");
    for (args, expected) in cases {
        let said = s_client(&openssl, served, args);
        assert!(said.contains(expected), "{args:?}: {expected:?} is not in\n{said}");
    }
}

#[needs("openssl")]
#[tokio::test(flavor = "multi_thread")]
async fn versions_suites_and_curves() {
    let ca = Ca::new("Servers");
    check(
        &start(&ca, ""),
        &[
            (&[], "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"),
            (&[], "CN = of the tests"),
            (&["-alpn", "h2,http/1.1"], "ALPN protocol: h2"),
            (&["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
            (&["-tls1_2"], "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"),
            (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], "handshake failure"),
            (&["-tls1_2", "-cipher", "AES128-GCM-SHA256"], "handshake failure"),
            (&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], "Cipher is (NONE)"),
            (&["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"], "Cipher is (NONE)"),
            (&["-groups", "P-521"], "handshake failure"),
        ],
    );
    check(
        &start(
            &ca,
            "  min_version: TLS13\n  curve_preferences: [CurveP384]\n  cipher_suites: [TLS_CHACHA20_POLY1305_SHA256]\n",
        ),
        &[
            (&[], "New, TLSv1.3, Cipher is TLS_CHACHA20_POLY1305_SHA256"),
            (&[], "Server Temp Key: ECDH, secp384r1"),
            (&["-tls1_2"], "protocol version"),
            (&["-groups", "X25519"], "handshake failure"),
        ],
    );
}

/// Ten seconds for a handshake and a head, however slowly they come.
#[needs("openssl")]
#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_closed() {
    let openssl = tools::find("openssl");
    let served = start(&Ca::new("Servers"), "");
    let begin = Instant::now();
    let mut silent = Command::new(openssl)
        .args(["s_client", "-quiet", "-connect", &served.address()])
        .stdin(Stdio::piped()) // which stays open
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _input = silent.stdin.take();
    tokio::task::spawn_blocking(move || silent.wait()).await.unwrap().unwrap();
    let time = begin.elapsed().as_secs();
    assert!((9..60).contains(&time), "it was closed after {time} s");
}
