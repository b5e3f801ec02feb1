//! The words are complete, and hold together.

use super::*;
use crate::observation::FAILURE_PAIRS;

#[test]
fn every_pair_has_advice() {
    for (stage, reason) in FAILURE_PAIRS {
        let advice = for_failure(*stage, *reason);
        assert!(!advice.cause.is_empty() && !advice.remedies.is_empty(), "{stage}.{reason}");
    }
    let unknown = for_failure(Stage::Tls, FailureReason::RevocationUnknown);
    assert!(!unknown.cause.is_empty() && unknown.remedies.len() >= 4, "{unknown:?}");
    // Where the stages differ in what to say.
    for (one, other) in [
        ((Stage::Tls, FailureReason::Expired), (Stage::Transfer, FailureReason::Expired)),
        ((Stage::Tls, FailureReason::BadSignature), (Stage::Transfer, FailureReason::BadSignature)),
        ((Stage::Resolve, FailureReason::Timeout), (Stage::Connect, FailureReason::Timeout)),
    ] {
        assert_ne!(for_failure(one.0, one.1), for_failure(other.0, other.1));
    }
}

#[test]
fn no_entry_stands_behind_another_and_none_is_for_what_never_occurs() {
    for entry in &BOOK.failures {
        let reached = FAILURE_PAIRS.iter().chain(&[(Stage::Tls, FailureReason::RevocationUnknown)]).any(
            |(stage, reason)| BOOK.failure(*stage, *reason).is_some_and(|found| std::ptr::eq(found, entry)),
        );
        assert!(reached, "{:?} {}", entry.stage, entry.reason);
    }
}

#[test]
fn every_remedy_that_is_named_is_there_and_every_one_is_named() {
    let failures = BOOK.failures.iter().flat_map(|entry| &entry.remedies);
    let hresults = BOOK.hresults.iter().flat_map(|entry| &entry.remedies);
    let families = BOOK.families.iter().flat_map(|family| &family.remedies);
    let named: Vec<&String> = failures
        .chain(hresults)
        .chain(families)
        .chain(BOOK.submission.keys())
        .chain(&BOOK.at_proxy.remedies)
        .collect();
    assert!(named.iter().all(|name| BOOK.remedies.contains_key(*name)), "{named:?}");
    let unused: Vec<_> = BOOK.remedies.keys().filter(|name| !named.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_topic_that_is_named_is_there() {
    let failures = BOOK.failures.iter().flat_map(|entry| &entry.more);
    let hresults = BOOK.hresults.iter().flat_map(|entry| &entry.more);
    let families = BOOK.families.iter().flat_map(|family| &family.more);
    for name in failures.chain(hresults).chain(families).chain(&BOOK.at_proxy.more) {
        assert!(topics().iter().any(|topic| topic.name == *name), "{name}");
    }
}

#[test]
fn hresults_of_failures_are_explained() {
    for entry in &BOOK.failures {
        for code in entry.hresult.iter().chain(&entry.also) {
            assert!(BOOK.hresult(*code).is_some(), "0x{code:08X}");
        }
        let twice = entry.hresult.is_some_and(|code| entry.also.contains(&code));
        assert!(!twice, "{:?} {}", entry.stage, entry.reason);
    }
}

#[test]
fn no_word_means_two_things() {
    let mut known: Vec<&str> = FailureReason::ALL.iter().map(|reason| reason.as_str()).collect();
    for name in topics().iter().flat_map(|topic| std::iter::once(&topic.name).chain(&topic.also)) {
        assert!(!known.contains(&name.as_str()), "{name}");
        known.push(name);
    }
    for code in &BOOK.hresults {
        let twice = BOOK.hresults.iter().filter(|other| other.code == code.code).count();
        assert_eq!(twice, 1, "0x{:08X}", code.code);
    }
}

/// Sample storage stays under inspection (Microsoft's page): no advice may say otherwise, neither for its hosts nor
/// without a word about them.
#[test]
fn no_advice_exempts_the_sample_storage_from_inspection() {
    for (stage, reason) in FAILURE_PAIRS {
        for remedy in for_component(Component::Submission, *stage, *reason).remedies {
            let lower = remedy.to_lowercase();
            assert!(!lower.contains("exempt"), "{stage}.{reason}: {remedy}");
            assert!(
                !lower.contains("exclude") || lower.contains("not to exclude"),
                "{stage}.{reason}: {remedy}"
            );
        }
    }
    let inspected = for_component(Component::Submission, Stage::Tls, FailureReason::Intercepted);
    assert!(inspected.remedies[0].starts_with("Leave this host under inspection"), "{inspected:?}");
    for remedy in BOOK.remedies.values().filter(|remedy| remedy.to_lowercase().contains("exempt")) {
        assert!(remedy.contains("do not exclude *.blob.core.windows.net"), "{remedy}");
    }
    // Elsewhere the words are those of the pair.
    for component in Component::ALL.iter().filter(|component| **component != Component::Submission) {
        for (stage, reason) in FAILURE_PAIRS {
            assert_eq!(for_component(*component, *stage, *reason), for_failure(*stage, *reason));
        }
    }
}

/// The page's order of preference; its last resort is ours too.
#[test]
fn the_remedies_of_maps_come_in_the_pages_order() {
    let order = ["winhttp_proxy", "update_url", "ssl_options"];
    for code in [0x8007_0006, 0x8007_2F8F, 0x8007_2EFE, 0x8009_2013, 0x8007_2F19] {
        let remedies = &BOOK.hresult(code).unwrap().remedies;
        check_order(&format!("0x{code:08X}"), remedies, &order);
    }
    let unknown = BOOK.failure(Stage::Tls, FailureReason::RevocationUnknown).unwrap();
    check_order("revocation_unknown", &unknown.remedies, &order);
    assert_eq!(unknown.hresult, Some(0x8007_2F8F));
    for name in BOOK.failures.iter().flat_map(|entry| &entry.remedies[..1]) {
        assert_ne!(name, "ssl_options", "never the first thing to do");
    }
}

fn check_order(of: &str, remedies: &[String], order: &[&str]) {
    let found: Vec<_> = remedies.iter().filter(|name| order.contains(&name.as_str())).collect();
    assert_eq!(found, order, "{of}");
    assert_eq!(remedies.last().map(String::as_str), order.last().copied(), "{of}");
}

#[test]
fn codes_without_an_entry_have_their_familys_words() {
    for (code, title, in_cause) in [
        (0x8007_2F76, "0x80072F76 (WinHTTP's number 12150)", "malformed"),
        (0x8007_2F86, "automatic proxy configuration", "PAC"),
        (0x8007_2F9C, "TLS and certificates", "inspection"),
        (0x8007_2EF1, "the program's own use of WinHTTP", "not the network"),
        (0x8007_2FFF, "WinHTTP or WinINet", "range"),
        (0x8007_0002, "a general error of Windows", "error 2 of Windows"),
        (0x8019_0197, "a status of HTTP", "HTTP status 407"),
        (0x8024_402C, "Windows Update", "update"),
        (0x8050_8020, "Microsoft Defender Antivirus itself", "few"),
        (0x8009_0326, "TLS, certificates and trust", "handshake"),
        (0x800B_010A, "TLS, certificates and trust", "handshake"),
    ] {
        let advice = for_hresult(code).unwrap_or_else(|| panic!("0x{code:08X}"));
        assert!(advice.title.contains(title), "{advice:?}");
        assert!(advice.cause.contains(in_cause) && !advice.remedies.is_empty(), "{advice:?}");
        assert!(
            !advice.cause.contains('{') && !advice.remedies.iter().any(|text| text.contains('{')),
            "{advice:?}"
        );
    }
    for code in [2, 0x1234_5678, 0x8001_0000, 0xDEAD_BEEF, u32::MAX] {
        assert_eq!(for_hresult(code), None, "0x{code:08X}");
    }
}

#[test]
fn the_values_of_ssl_options_mean_what_the_page_says() {
    for (value, words) in [
        (0, "disables pinning and revocation checks"),
        (1, "disables pinning"),
        (2, "disables revocation checks only"),
        (3, "enables revocation checks and pinning (default)"),
    ] {
        assert!(ssl_options()[value].starts_with(words), "{value}");
    }
}

#[test]
fn every_cause_of_unknown_revocation_has_words() {
    let causes: Vec<_> = revocation_causes().iter().map(|cause| cause.cause.as_str()).collect();
    let expected = [
        "pending",
        "no_source",
        "unreachable",
        "too_large",
        "malformed",
        "bad_signature",
        "wrong_issuer",
        "out_of_scope",
        "unsupported",
        "expired",
        "not_yet_valid",
        "ocsp_unknown",
        "ocsp_error",
    ];
    assert_eq!(causes, expected);
    assert!(
        revocation_causes()
            .iter()
            .all(|cause| ![&cause.fault, &cause.means, &cause.change].iter().any(|text| text.is_empty()))
    );
}
