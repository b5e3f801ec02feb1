//! `healthcheck` against a running exporter with each kind of web configuration.

use std::process::Command;

use super::pki::Ca;
use super::tls::{IDENTITY, start};
use super::{Files, Served};
use crate::exporter::{PROGRAM, run};

/// `healthcheck` with these flags, with the words and the exit status that are expected of it.
fn check(flags: &[&str], expected: i32, says: &str) {
    let output = run(&[&["healthcheck"], flags].concat());
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(expected), "{flags:?}: {said}");
    assert!(said.contains(says), "{flags:?}: {said}");
}

/// The exporter's flags that affect its address and its access rules.
fn flags(served: &Served) -> [String; 2] {
    let web = served.file("web.yaml");
    [format!("--web.listen-address={}", served.address()), format!("--web.config.file={}", web.display())]
}

fn check_with_its_flags(served: &Served, expected: i32, says: &str) {
    let [listen, web] = flags(served);
    check(&[&listen, &web], expected, says);
}

/// A user; of which password doesn't matter.
const USERS: &str =
    "basic_auth_users: { ann: $2b$04$ZrGPrsxVYmfnAC/5ibPFMeyPz5r1LgCPr5frF1Ev.0NrPGNXGgRTW }\n";

#[test]
fn it_asks_as_the_web_configuration_says() {
    let (servers, clients) = (Ca::new("Servers"), Ca::new("Clients"));
    check_with_its_flags(&start(&servers, ""), 0, "https://127.0.0.1:");
    check_with_its_flags(&start(&servers, "  min_version: TLS13\n"), 0, "200 OK");
    check_with_its_flags(&start(&servers, "  max_version: TLS12\n"), 0, "200 OK");
    check_with_its_flags(&start(&servers, USERS), 0, "401 Unauthorized: alive, requires a password");
    check_with_its_flags(&Served::start(USERS, &[]), 0, "401 Unauthorized");
    check_with_its_flags(&Served::start("", &[]), 0, "200 OK");
    let rate = "rate_limit: { interval: 1h, burst: 1 }\n";
    let served = Served::start(rate, &[]);
    check_with_its_flags(&served, 0, "200 OK");
    check_with_its_flags(&served, 0, "429 Too Many Requests: alive");
    let identity = servers.server();
    let files =
        [("server.pem", identity.certificate), ("server.key", identity.key), ("clients.pem", clients.pem)];
    let demanded = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients.pem\n";
    for version in ["", "  max_version: TLS12\n"] {
        let served = Served::start(&format!("{IDENTITY}{demanded}{version}"), &files);
        check_with_its_flags(&served, 0, "alive, requires a client certificate");
    }
}

#[test]
fn exactly_the_certificate_of_the_file_is_trusted() {
    let ca = Ca::new("Servers");
    let (served, another) = (start(&ca, ""), start(&ca, ""));
    let [listen, web] = flags(&served);
    let [_, other_web] = flags(&another);
    check(&[&listen, &other_web], 1, "presents a certificate other than the one in --web.config.file");
    let url = format!("https://{}/-/healthy", served.address());
    check(&["--url", &url, &web], 0, "200 OK");
    check(&["--url", &url, &other_web], 1, "certificate other than");
    check(&["--url", &url], 3, "the certificate to trust is unknown");
    check(&["--url", &format!("https://{}/-/missing", served.address()), &web], 1, "404");
    check(&["--url", &format!("http://{}/-/healthy", served.address()), &web], 0, "400 Bad Request: alive");
    let plain = Served::start("", &[]);
    check(&["--url", &format!("https://{}/-/healthy", plain.address()), &web], 1, "TLS failed");
    check(&["--url", &url, "--web.config.file=/nowhere/web.yaml"], 3, "/nowhere/web.yaml");
}

/// The exporter applies the change within a second; then the check runs again.
#[test]
fn a_certificate_that_was_renewed_is_trusted_at_once() {
    let ca = Ca::new("Servers");
    let served = start(&ca, "");
    check_with_its_flags(&served, 0, "200 OK");
    let renewed = ca.server();
    std::fs::write(served.file("server.key"), renewed.key).unwrap();
    std::fs::write(served.file("server.pem"), renewed.certificate).unwrap();
    check_with_its_flags(&served, 0, "200 OK");
    let [listen, web] = flags(&served);
    std::fs::write(served.file("server.pem"), "no certificate").unwrap();
    check(&[&listen, &web], 3, "server.pem");
}

#[cfg(unix)]
#[test]
fn over_a_unix_socket() {
    let identity = Ca::new("Servers").server();
    let files: Files<'_> = &[("server.pem", identity.certificate), ("server.key", identity.key)];
    for (web, files) in [("", &[] as Files<'_>), (IDENTITY, files)] {
        let args = ["--web.listen-address", "unix://FOLDER/a.sock"];
        let served = Served::start_with(web, files, &args, Command::new(PROGRAM));
        let there = format!("unix://{}", served.file("a.sock").display());
        let web = format!("--web.config.file={}", served.file("web.yaml").display());
        check(&["--web.listen-address", &there, &web], 0, "a.sock: 200 OK");
        check(&["--url", &there, &web], 0, "a.sock: 200 OK");
        served.stop();
        check(&["--url", &there], 1, "connection failed");
    }
}

#[test]
fn where_the_port_is_not_known_it_has_to_be_said() {
    check(&["--web.listen-address", ":0"], 3, "set --url");
    let output = run(&["--web.systemd-socket", "healthcheck"]);
    assert_eq!(output.status.code(), Some(3));
}
