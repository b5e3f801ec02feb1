//! `openssl s_client` as a client of the exporter: accepted handshakes, and timeouts. `openssl s_server` as an endpoint.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::net::fetch::FetchRequest;
use defender_exporter::observation::{FailureReason as R, Phase as S};
use defender_exporter::plan::routes;
use defender_exporter_needs::needs;

use super::process::Running;
use super::tools;
use crate::access::Served;
use crate::access::pki::Ca;
use crate::access::tls::start;
use crate::fetch::by;
use crate::lab::{Lab, divert};
use crate::load::TEST_TIMEOUT;

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

/// `openssl s_server` with suites of TLS 1.2 that rustls doesn't have: a limit of this program. With none in common, the
/// server's alert.
#[needs("openssl")]
#[tokio::test]
async fn suites_that_only_windows_offers() {
    let (openssl, folder) = (tools::find("openssl"), tempfile::tempdir().unwrap());
    let [certificate, key] = ["server.pem", "server.key"].map(|name| folder.path().join(name));
    let mut request = Command::new(&openssl);
    request.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-noenc",
        "-subj",
        "/CN=old.genuine.example",
        "-out",
    ]);
    let made = request.arg(&certificate).arg("-keyout").arg(&key).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let lab = Lab::start().await;
    let url = ProbeUrl::parse("https://old.genuine.example/feed").unwrap();
    for (ciphers, reason, says) in [
        (
            "AES128-SHA",
            R::Unsupported,
            "the server accepts only TLS_RSA_WITH_AES_128_CBC_SHA, which Windows supports",
        ),
        ("ECDHE-RSA-AES256-SHA384", R::Unsupported, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
        ("AES256-GCM-SHA384", R::Unsupported, "TLS_RSA_WITH_AES_256_GCM_SHA384"),
        ("CAMELLIA128-SHA", R::Alert, "handshake"),
    ] {
        let mut command = Command::new(&openssl);
        command.args(["s_server", "-www", "-accept", "127.0.0.1:0", "-tls1_2", "-cipher", ciphers, "-cert"]);
        let mut server = Running::start(command.arg(&certificate).arg("-key").arg(&key));
        let line = server.first_of(&["ACCEPT 127.0.0.1:"]).await.unwrap_or_else(|| server.said());
        let at = line.trim().strip_prefix("ACCEPT ").and_then(|at| at.parse().ok()).expect(&line);
        let mut config = lab.config([]);
        config.connect_to.extend([divert(&url, at)]);
        let fetcher = by(&routes(&config)[0], &config);
        let request = FetchRequest { secure: true, ..FetchRequest::get(&url, 1024, TEST_TIMEOUT) };
        let failure = fetcher.fetch(request).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (S::Tls, reason), "{ciphers}: {failure:?}");
        assert!(failure.detail.contains(says), "{ciphers}: {}", failure.detail);
    }
}
