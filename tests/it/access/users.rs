//! Users and response headers on all responses.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Served, status};
use crate::load::TEST_TIMEOUT;

/// The line that carries these credentials.
pub fn line(name: &str, password: &str) -> String {
    format!("authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
}

/// A web configuration with users whose password is their name backwards.
pub fn config(names: &[&str]) -> String {
    let mut text = "basic_auth_users:\n".to_owned();
    for name in names {
        let password: String = name.chars().rev().collect();
        text.extend(["  ", name, ": ", &bcrypt::hash(password, 4).unwrap(), "\n"]);
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_answered_without_the_right_password() {
    let served = Served::start(&config(&["ann", "bob"]), &[]);
    for (what, line, expected) in [
        ("nobody", String::new(), "401"),
        ("ann", line("ann", "nna"), "200"),
        ("ann once more", line("ann", "nna"), "200"),
        ("bob", line("bob", "bob"), "200"),
        ("ann with bob's", line("ann", "bob"), "401"),
        ("no password", line("ann", ""), "401"),
        ("unknown", line("eve", "eve"), "401"),
        ("another scheme", "authorization: Bearer nna\r\n".to_owned(), "401"),
    ] {
        for path in
            ["/metrics", "/", "/-/healthy", "/-/ready", "/assets/page.css", "/api/v1/status", "/nowhere"]
        {
            let answer = served.get(path, &line).await;
            let expected = match (expected, path) {
                ("200", "/-/ready") if status(&answer) == "503" => "503", // not every endpoint was probed yet
                ("200", "/nowhere") => "404",
                (other, _) => other,
            };
            assert_eq!(status(&answer), expected, "{what}: {path}: {answer}");
            let challenge = "www-authenticate: Basic realm=\"defender-exporter\", charset=\"UTF-8\"\r\n";
            assert_eq!(answer.contains(challenge), expected == "401", "{what}: {path}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_configuration_stand_on_every_answer() {
    let headers = "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    \
                   Content-Security-Policy: default-src 'self'\n";
    let served = Served::start(&format!("{headers}{}", config(&["ann"])), &[]);
    for (path, line, expected) in [
        ("/", line("ann", "nna"), "200"),
        ("/metrics", line("ann", "nna"), "200"),
        ("/nowhere", line("ann", "nna"), "404"),
        ("/metrics", String::new(), "401"),
    ] {
        let answer = served.get(path, &line).await;
        let head = answer.split("\r\n\r\n").next().unwrap();
        assert_eq!(status(&answer), expected);
        assert!(head.contains("\r\nx-frame-options: deny"), "{path}: {head}");
        assert_eq!(head.matches("content-security-policy: default-src 'self'").count(), 1, "{path}: {head}");
        assert_eq!(head.matches("content-security-policy").count(), 1, "{path}: {head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_rate_the_answer_is_to_come_again() {
    let served = Served::start("rate_limit: { interval: 1h, burst: 3 }\n", &[]);
    for expected in ["200", "200", "200", "429", "429"] {
        let answer = served.get("/-/healthy", "").await;
        assert_eq!(status(&answer), expected);
        assert_eq!(answer.contains("retry-after: 3"), expected == "429", "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_and_no_hash_is_ever_said() {
    let served = Served::start(&config(&["ann"]), &[]);
    served.get("/metrics", &line("ann", "nna")).await;
    served.get("/metrics", &line("ann", "hunter2")).await;
    std::fs::write(served.file("web.yaml"), "basic_auth_users: { ann: hunter2 }").unwrap();
    // The exporter rereads the file on requests, at most once a second.
    let deadline = Instant::now() + TEST_TIMEOUT;
    while served.count("basic_auth_users.ann") == 0 {
        assert!(Instant::now() < deadline, "the password in place of a hash is never complained of");
        served.get("/metrics", &line("ann", "nna")).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let said = served.said.lock().unwrap().join("\n");
    assert!(!said.contains("hunter2") && !said.contains("$2b$") && !said.contains("nna"), "{said}");
}
