//! curl as a client of the exporter: users, TLS, client certificates, limits, Unix sockets.

use std::path::Path;
use std::process::Command;

use defender_exporter_needs::needs;
use rcgen::SanType;

use super::process::Running;
use super::tools;
use crate::access::Served;
use crate::access::pki::{Ca, HOST};
use crate::exporter::PROGRAM;

/// curl's exit codes (curl(1)).
const SSL_CONNECT: i32 = 35;
const SSL_CLIENTCERT: i32 = 98;
const CERTIFICATE: i32 = 60;

/// What a client of TLS 1.3 may be doing when it learns that its certificate was refused: the handshake is over for it.
const SENDING_OR_RECEIVING: [i32; 2] = [55, 56];

/// curl's exit code, then status, HTTP version and seconds.
struct Said {
    code: i32,
    out: String,
}

/// Requests a URL; `HOST:PORT` is replaced by the exporter's address. Discards the body by default.
fn curl(curl: &Path, served: &Served, args: &[&str]) -> Said {
    let port = served.port();
    let place = format!("{HOST}:{port}");
    let args = args.iter().map(|arg| {
        let arg = arg.replace("HOST:PORT", &place).replace("ADDRESS", &served.address());
        arg.replace("FOLDER", served.file("").to_str().unwrap())
    });
    let output = Command::new(curl)
        .args(["--disable", "--silent", "--noproxy", "*", "--max-time", "60", "--resolve"])
        .arg(format!("{place}:127.0.0.1"))
        .args(args)
        .output()
        .unwrap();
    Said { code: output.status.code().unwrap(), out: String::from_utf8_lossy(&output.stdout).into_owned() }
}

/// TLS of this authority, a user whose password is "example", and these lines more.
fn start(ca: &Ca, cost: u32, lines: &str) -> Served {
    let (server, hash) = (ca.server(), bcrypt::hash("example", cost).unwrap());
    let files = [
        ("server.pem", server.certificate),
        ("server.key", server.key),
        ("ca.pem", ca.pem.clone()),
        ("large", "x".repeat(100_000)),
    ];
    let tls = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    Served::start(&format!("{tls}{lines}\nbasic_auth_users:\n  prometheus: {hash}\n"), &files)
}

const SHOW: [&str; 4] = ["-o", "/dev/null", "-w", "%{http_code} %{http_version}"];
const TRUST: [&str; 2] = ["--cacert", "FOLDER/ca.pem"];
const USER: [&str; 2] = ["-u", "prometheus:example"];
const METRICS: &str = "https://HOST:PORT/metrics";

#[needs("curl")]
#[tokio::test(flavor = "multi_thread")]
async fn users_versions_and_limits() {
    let program = tools::find("curl");
    let served = start(&Ca::new("Servers"), 4, "");
    let (long, lines) = (format!("x: {}", "y".repeat(20_000)), ["-H", "x: y"].repeat(120));
    let cases: [(&str, &[&str], i32, &str); 13] = [
        ("HTTP/2 by itself", &USER, 0, "200 2"),
        ("HTTP/1.1 on request", &[USER[0], USER[1], "--http1.1"], 0, "200 1.1"),
        ("TLS 1.2", &[USER[0], USER[1], "--tls-max", "1.2"], 0, "200 2"),
        ("TLS 1.1", &["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"], SSL_CONNECT, "000 0"),
        ("nobody", &[], 0, "401 2"),
        ("a wrong password", &["-u", "prometheus:wrong"], 0, "401 2"),
        ("an unknown user", &["-u", "eve:example"], 0, "401 2"),
        ("a long line", &[USER[0], USER[1], "--http1.1", "-H", &long], 0, "431 1.1"),
        ("a long line by HTTP/2", &[USER[0], USER[1], "-H", &long], 0, "431 2"),
        ("many lines", &[USER[0], USER[1], "--http1.1"], 0, "431 1.1"),
        ("many lines by HTTP/2", &USER, 0, "431 2"),
        // By HTTP/2 this curl takes a reset after a whole answer (RFC 9113, section 8.1) for a failure.
        (
            "a large body",
            &[USER[0], USER[1], "--http1.1", "-H", "Expect:", "--data-binary", "@FOLDER/large"],
            0,
            "413 1.1",
        ),
        ("compressed", &[USER[0], USER[1], "--compressed"], 0, "200 2"),
    ];
    for (what, args, code, expected) in cases {
        let lines: &[&str] = if what.starts_with("many") { &lines } else { &[] };
        let said = curl(&program, &served, &[&SHOW[..], &TRUST, args, lines, &[METRICS]].concat());
        assert_eq!((said.code, said.out.as_str()), (code, expected), "{what}");
    }
    let said = curl(&program, &served, &[&SHOW[..], &[METRICS]].concat());
    assert_eq!(said.code, CERTIFICATE, "whoever doesn't trust the authority");
    let said = curl(&program, &served, &["http://HOST:PORT/metrics", "-w", "%{http_code}"]);
    assert_eq!(said.out, "Client sent an HTTP request to an HTTPS server.\n400");
}

#[needs("curl")]
#[tokio::test(flavor = "multi_thread")]
async fn client_certificates() {
    let program = tools::find("curl");
    let clients = Ca::new("Clients");
    let lines = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.pem\n  \
                 client_allowed_sans: [prometheus.example]\n";
    let ca = Ca::new("Servers");
    let identity = ca.server();
    let name = |name: &str| vec![SanType::DnsName(name.try_into().unwrap())];
    let (good, other) = (clients.client(name("prometheus.example")), clients.client(name("other.example")));
    let strange = Ca::new("Others").client(name("prometheus.example"));
    let files = [
        ("server.pem", identity.certificate),
        ("server.key", identity.key),
        ("ca.pem", ca.pem.clone()),
        ("clients.pem", clients.pem.clone()),
        ("good", good.certificate + &good.key),
        ("other", other.certificate + &other.key),
        ("strange", strange.certificate + &strange.key),
    ];
    let tls = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";
    let served = Served::start(&format!("{tls}{lines}"), &files);
    for (what, args, expected) in [
        ("good", vec!["--cert", "FOLDER/good"], [0; 2]),
        ("another name", vec!["--cert", "FOLDER/other"], SENDING_OR_RECEIVING),
        ("another authority", vec!["--cert", "FOLDER/strange"], SENDING_OR_RECEIVING),
        ("none", vec![], SENDING_OR_RECEIVING),
        ("none by TLS 1.2", vec!["--tls-max", "1.2"], [SSL_CONNECT, SSL_CLIENTCERT]),
    ] {
        let said = curl(&program, &served, &[&SHOW[..], &TRUST, &args, &[METRICS]].concat());
        assert!(expected.contains(&said.code), "{what}: {} {}", said.code, said.out);
    }
}

/// That an unknown user costs a hash too is counted elsewhere; here it is seen from outside, with room for a busy machine.
#[needs("curl")]
#[tokio::test(flavor = "multi_thread")]
async fn response_times_reveal_no_users() {
    let program = tools::find("curl");
    let served = start(&Ca::new("Servers"), 8, "");
    let seconds = |user: &str, n: u32| {
        let credentials = format!("{user}:wrong{n}");
        let args = ["-o", "/dev/null", "-w", "%{http_code} %{time_total}", "-u", &credentials];
        let said = curl(&program, &served, &[&args[..], &TRUST, &[METRICS]].concat());
        let (status, seconds) = said.out.split_once(' ').unwrap();
        assert_eq!(status, "401");
        seconds.parse::<f64>().unwrap()
    };
    // The shortest are those that the rest of the machine disturbed least: a busy machine needs more of them.
    let (mut known, mut unknown) = (f64::INFINITY, f64::INFINITY);
    for n in 0..150 {
        known = known.min(seconds("prometheus", n));
        unknown = unknown.min(seconds(&format!("eve{n}"), n));
        if n >= 15 && (0.4..2.5).contains(&(known / unknown)) {
            return;
        }
    }
    panic!("{known} s for a user, {unknown} s for nobody");
}

#[needs("curl", "systemd-socket-activate")]
#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_that_systemd_opened() {
    let (program, activate) = (tools::find("curl"), tools::find("systemd-socket-activate"));
    let folder = tempfile::tempdir().unwrap();
    let (socket, config) = (folder.path().join("a.sock"), folder.path().join("config.yaml"));
    std::fs::write(&config, crate::access::QUIET).unwrap();
    let mut command = Command::new(activate);
    command.arg("-l").arg(&socket).args([PROGRAM, "--web.systemd-socket", "--config.file"]).arg(&config);
    let mut running = Running::start(&mut command);
    running.first_of(&["Listening on"]).await.expect("it listens");
    let ask = Command::new(program)
        .args(["--disable", "--silent", "--max-time", "60", "http://localhost/-/healthy", "--unix-socket"])
        .arg(&socket)
        .output();
    assert_eq!(String::from_utf8_lossy(&ask.unwrap().stdout), "OK\n", "{}", running.said());
    assert!(running.said().contains("address=\"http over unix://"), "{}", running.said());
}
