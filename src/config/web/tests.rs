//! Tests of the web configuration: files with their expected outcome, and arbitrary text.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod toolkit;

use proptest::prelude::*;

use super::*;
use crate::config::tests::{check, data};

#[test]
fn bad_files_report_every_problem() {
    check("web/bad", |name, text, folder| match parse(name, text, folder) {
        Ok(config) => panic!("{name} was accepted: {config:?}"),
        Err(problems) => {
            let text = problems.to_string();
            assert!(
                !text.contains("secret") && !text.contains("$2y$10$X") && !text.contains("12345"),
                "{text}"
            );
            text
        }
    });
}

#[test]
fn good_files_become_this_configuration() {
    check("web/good", |name, text, folder| {
        let config = parse(name, text, folder).unwrap();
        let chain = config.tls.as_ref().map_or(0, |tls| tls.chain.len());
        let shown = format!("{config:#?}\nchain: {chain}");
        assert!(!shown.contains("$2y$") && !shown.contains("PRIVATE KEY"), "{shown}");
        without_bytes(&shown)
    });
}

/// The text without the bytes of certificates.
fn without_bytes(shown: &str) -> String {
    let byte = |line: &&str| {
        let text = line.trim().trim_start_matches("0x").trim_end_matches(',');
        text.is_empty() || !text.bytes().all(|c| c.is_ascii_hexdigit())
    };
    shown.lines().filter(byte).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_inline_is_what_is_in_files() {
    let folder = data().join("web/good");
    let files = load(&folder.join("everything.yaml")).unwrap().tls.unwrap();
    let inline = load(&folder.join("inline.yaml")).unwrap().tls.unwrap();
    assert_eq!((&files.chain, &files.key), (&inline.chain, &inline.key));
}

#[test]
fn nothing_means_plain_http_for_everyone() {
    assert_eq!(parse("f", "", Path::new("")), Ok(WebConfig::default()));
}

/// A valid file with one part replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\PC\n\t]{0,8}",
        prop::sample::select(vec!["{", "[", "- ", ": ", "~", "\n  ", "\"", "0", "-1", "TLS11"])
            .prop_map(str::to_owned),
    ];
    let everything = std::fs::read_to_string(data().join("web/good/everything.yaml")).unwrap();
    (any::<prop::sample::Index>(), 0..12_usize, piece).prop_map(move |(at, cut, piece)| {
        let mut chars: Vec<char> = everything.chars().collect();
        let at = at.index(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, piece.chars());
        chars.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn mutated_files_never_panic_and_show_no_hash(text in mutated()) {
        if let Err(ConfigProblems(problems)) = parse("f", &text, &data().join("web/good")) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(!problem.to_string().contains('\n'), "{problem}");
                prop_assert!(!problem.to_string().contains("QOauhQ"), "{problem}");
            }
        }
    }
}

const SAMPLE: &str = include_str!("../../../deploy/web-config.yaml");

#[test]
fn the_sample_is_plain_http_for_everyone() {
    assert_eq!(parse("sample", SAMPLE, Path::new("")), Ok(WebConfig::default()));
}

#[test]
fn the_examples_of_the_sample_are_valid_and_cover_every_key() {
    let text: String =
        SAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect();
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in
        [("server.pem", "exporter.pem"), ("server.key", "exporter.key"), ("clients.pem", "clients.pem")]
    {
        std::fs::copy(data().join("web/pem").join(from), folder.path().join(to)).unwrap();
    }
    let config = parse("sample", &text, folder.path()).unwrap();
    let tls = config.tls.unwrap();
    let ClientAuth::Required { allowed_sans, .. } = &tls.clients else { panic!("{:?}", tls.clients) };
    assert_eq!(allowed_sans, &["prometheus.example"]);
    assert_eq!((tls.versions.len(), tls.suites.len(), tls.curves.len()), (2, 4 + 3, 2));
    assert_eq!((config.headers.len(), config.rate_limit.is_some()), (5, true));
    assert_eq!(bcrypt::verify("example", config.users["prometheus"].reveal()).ok(), Some(true));
    for key in ["prefer_server_cipher_suites: true", "http2: true", "min_version: ", "max_version: "] {
        assert!(text.contains(key), "{key} leaves no trace where it has its default");
    }
}
