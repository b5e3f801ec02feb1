//! Tests: of free texts, only this program's own words stay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use super::*;
use crate::net::proxy::pac::PacError;

#[test]
fn only_what_is_the_programs_stays() {
    let mut names = Pseudonyms::new(embedded());
    names.host("squid01");
    names.name("CN=Corp Root, O=Corp");
    let mut check = |text: &str, expected: &str| assert_eq!(names.text(text), expected, "{text}");
    check("TLS alert: handshake_failure (40)", "TLS alert: handshake_failure (40)");
    check(
        "DNS server 10.0.0.53 did not answer for wdcp.microsoft.com within 4.5s",
        "DNS server 192.0.2.0 did not answer for wdcp.microsoft.com within 4.5s",
    );
    check("proxy squid01:3128: connection refused", "proxy n1.invalid:3128: connection refused");
    check("proxy proxy.corp.example:8080: no answer", "proxy n2.n3.n4.invalid:8080: no answer");
    check(
        "the peer does not speak TLS: it answered with HTTP (\"HTTP/1.1 302 to http://portal/?user=jdoe\")",
        "the peer does not speak TLS: it answered with HTTP (\"…\")",
    );
    check(
        "the proxy answered CONNECT with 403: Blocked for jdoe, personnel 4711",
        "the proxy answered CONNECT with 403…",
    );
    check(
        "the chain ends at CN=Corp Root, O=Corp, not at a root of the genuine service",
        "the chain ends at CN=name 1, not at a root of the genuine service",
    );
    check("redirect to http://portal.corp.example/login?user=jdoe", "redirect to http://n5.n3.n4.invalid/p1");
    check("expired at 2026-01-02T00:00:00Z", "expired at 2026-01-02T00:00:00Z");
    check("jdoe\u{e000}", "…");
    check("", "");
}

/// What proxies and scripts say has names in every form, some in words that this program has too.
const SAID: [&str; 17] = [
    "client=jane.doe,url=http://portal/x",
    "from 10.20.30.40/24",
    "ip=10.20.30.43",
    "badge:4711",
    "call 089-123-456",
    "call 089 123 456",
    "user 10.20.30.49-",
    "<10.20.30.46>",
    "10-20-30-47",
    "fe::1",
    "ip=a:b:c::1",
    "tel://x:0491711234567",
    "for \"a\" 10.20.30.50/8 \"b\"",
    "janedoe://x",
    "portal://mail",
    "4711",
    "ⓙⓐⓝⓔ 🄹",
];

#[test]
fn nothing_foreign_stays() {
    let mut names = Pseudonyms::new(embedded());
    let mut check = |text: &str, expected: &str| assert_eq!(names.text(text), expected, "{text}");
    for said in SAID.into_iter().chain(["may bond"]) {
        check(
            &format!("proxy 10.1.2.3:80: the proxy answered CONNECT with 403: {said}"),
            "proxy 192.0.2.0:80: the proxy answered CONNECT with 403…",
        );
        check(
            &format!("the proxy answered CONNECT with 302: a redirect to {said}, not a tunnel"),
            "the proxy answered CONNECT with 302…",
        );
        check(
            &format!(
                "the proxy answered CONNECT with 407: it offers {said}, and no credentials are configured"
            ),
            "the proxy answered CONNECT with 407…, and no credentials are configured",
        );
        check(
            &format!("the proxy answered 502 instead of the server: x-squid-error: {said}"),
            "the proxy answered 502 instead of the server: …",
        );
        check(&format!("response body is a page of {said}"), "response body is a page of …");
        let line = Some(3);
        for (error, expected) in [
            (PacError::Threw { line, message: said.to_owned() }, "the script threw…"),
            (PacError::Malformed { line, message: said.to_owned() }, "the script is malformed…"),
            (PacError::BadAnswer(said.to_owned()), "invalid result of the script: …"),
            (PacError::Internal(said.to_owned()), "the script engine failed: …"),
        ] {
            check(&error.to_string(), expected);
        }
        check(
            &format!("the peer does not speak TLS: it sent \"{said}\""),
            "the peer does not speak TLS: it sent …",
        );
        check(&format!("invalid redirect to {said:?}: relative URL"), "invalid redirect to \"…\": …");
    }
}

/// Even where it isn't known to be foreign.
#[test]
fn what_is_no_message_is_left_out() {
    let mut names = Pseudonyms::new(embedded());
    for said in SAID {
        let redacted = names.text(said);
        let stays = ["4711", "0.20", "10-20", "089", "123", "049", "jane", "portal", "fe::", "a:b", "ⓙ"];
        assert!(!stays.iter().any(|part| redacted.contains(part)), "{said}: {redacted}");
    }
    let mut check = |text: &str| assert_eq!(names.text(text), text);
    check("the peer speaks neither TLS 1.2 nor TLS 1.3");
    check("HTTP/1.1 was expected");
    check("the script timed out: it ran for 4.999s of at most 5s");
    check("localhost:53 did not answer");
    check("response header of Symantec ProxySG");
}

/// The string literals of the messages: those of these modules without their tests.
fn messages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<PathBuf> =
        ["net", "tls", "probe", "revocation", "observation"].map(|name| root.join(name)).to_vec();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is = |names: &[&str]| names.contains(&path.file_stem().unwrap().to_str().unwrap());
            if is(&["tests", "fixture", "inspectors"]) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let code: Vec<_> = own.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                read_literals(code.join("\n").parse().unwrap(), &mut found);
            }
        }
    }
    found
}

fn read_literals(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => read_literals(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                found.extend(text.map(|text| text.value()));
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) => {}
        }
    }
}

/// After a change of messages, `UPDATE_GOLDEN=1 cargo test --lib record` writes the words anew. A word that is missing is left
/// out of redacted records.
#[test]
fn the_vocabulary_is_that_of_the_messages() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/record/redact/vocabulary.txt");
    let messages = messages();
    let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_alphabetic());
    let found: BTreeSet<_> = messages.iter().flat_map(|text| words(text)).filter(is_word).collect();
    let actual = found.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap();
    assert!(actual == expected, "the messages have other words: UPDATE_GOLDEN=1 cargo test --lib record");
}
