//! The texts are complete and consistent.

use super::*;
use crate::observation::{FAILURE_CODES, FailureCode};

#[test]
fn every_pair_has_advice() {
    for FailureCode { phase, reason } in FAILURE_CODES {
        let advice = for_failure(*phase, *reason);
        assert!(!advice.cause.is_empty() && !advice.remedies.is_empty(), "{phase}.{reason}");
    }
    let unknown = for_failure(Phase::Tls, FailureReason::RevocationUnknown);
    assert!(!unknown.cause.is_empty() && unknown.remedies.len() >= 4, "{unknown:?}");
    // Pairs whose phases need different texts.
    for (one, other) in [
        ((Phase::Tls, FailureReason::Expired), (Phase::Transfer, FailureReason::Expired)),
        ((Phase::Tls, FailureReason::BadSignature), (Phase::Transfer, FailureReason::BadSignature)),
        ((Phase::Resolve, FailureReason::Timeout), (Phase::Connect, FailureReason::Timeout)),
    ] {
        assert_ne!(for_failure(one.0, one.1), for_failure(other.0, other.1));
    }
}

#[test]
fn every_advice_entry_is_reachable() {
    for entry in &ADVICE.failures {
        let reached = FAILURE_CODES
            .iter()
            .chain(&[FailureCode::new(Phase::Tls, FailureReason::RevocationUnknown)])
            .any(|code| {
                ADVICE.failure(code.phase, code.reason).is_some_and(|found| std::ptr::eq(found, entry))
            });
        assert!(reached, "{:?} {}", entry.phase, entry.reason);
    }
}

#[test]
fn remedies_are_defined_and_used() {
    let failures = ADVICE.failures.iter().flat_map(|entry| &entry.remedies);
    let hresults = codes::hresults().chain(codes::update_hresults()).flat_map(|known| &known.entry.remedies);
    let families = ADVICE.families.iter().flat_map(|family| &family.remedies);
    let named: Vec<&String> = failures
        .chain(hresults)
        .chain(families)
        .chain(ADVICE.submission.keys())
        .chain(ADVICE.on_premises.keys())
        .chain(&ADVICE.at_proxy.remedies)
        .chain(&ADVICE.other_host.remedies)
        .collect();
    assert!(named.iter().all(|name| ADVICE.remedies.contains_key(*name)), "{named:?}");
    let unused: Vec<_> = ADVICE.remedies.keys().filter(|name| !named.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn every_topic_that_is_named_is_there() {
    let failures = ADVICE.failures.iter().flat_map(|entry| &entry.more);
    let hresults = codes::hresults().chain(codes::update_hresults()).flat_map(|known| &known.entry.more);
    let families = ADVICE.families.iter().flat_map(|family| &family.more);
    for name in failures.chain(hresults).chain(families).chain(&ADVICE.at_proxy.more) {
        assert!(topics().iter().any(|topic| topic.name == *name), "{name}");
    }
}

#[test]
fn hresults_of_failures_are_explained() {
    for entry in &ADVICE.failures {
        for code in entry.hresult.iter().chain(&entry.also) {
            assert!(codes::hresult(*code).is_some(), "0x{code:08X}");
        }
        let twice = entry.hresult.is_some_and(|code| entry.also.contains(&code));
        assert!(!twice, "{:?} {}", entry.phase, entry.reason);
    }
}

#[test]
fn no_word_means_two_things() {
    let mut known: Vec<&str> = FailureReason::ALL.iter().map(|reason| reason.as_str()).collect();
    for name in topics().iter().flat_map(|topic| std::iter::once(&topic.name).chain(&topic.also)) {
        assert!(!known.contains(&name.as_str()), "{name}");
        known.push(name);
    }
    let codes = |known: Vec<codes::Hresult>| known.iter().map(|known| known.entry.code).collect::<Vec<_>>();
    for codes in [codes(codes::hresults().collect()), codes(codes::update_hresults().collect())] {
        for code in &codes {
            let times = codes.iter().filter(|other| *other == code).count();
            assert_eq!(times, 1, "0x{code:08X}");
        }
    }
}

/// tinyproxy and Privoxy wait for the end of a line, Dante and many TLS servers close without a word.
#[test]
fn a_silent_proxy_may_be_of_another_kind() {
    for reason in [FailureReason::Timeout, FailureReason::Closed, FailureReason::Reset] {
        let advice = for_failure(Phase::Tunnel, reason);
        assert!(advice.cause.contains("of another kind than configured"), "{advice:?}");
        assert!(advice.remedies.contains(&ADVICE.remedies["proxy_address"]), "{advice:?}");
    }
}

/// A captive portal presents its own certificate, an inspecting proxy one with the endpoint's name.
#[test]
fn a_certificate_of_another_host_is_no_inspection() {
    use FailureReason as R;
    let detail = "certificate: the issuer CN=Portal CA is unknown: the chain leads to none of this machine's trusted \
                  roots; the certificate is not for wdcp.microsoft.com, but for login.hotel.example, www.hotel.example";
    for reason in [R::UnknownIssuer, R::NameMismatch, R::Invalid, R::Expired] {
        for component in [Component::Maps, Component::Submission] {
            let advice = for_detail(component, Phase::Tls, reason, detail);
            assert!(advice.cause.contains("that of login.hotel.example, not"), "{advice:?}");
            assert!(
                advice.cause.contains("captive portal") && advice.cause.contains("block page"),
                "{advice:?}"
            );
            assert!(advice.remedies[0].starts_with("Find out what login.hotel.example is"), "{advice:?}");
            assert!(!advice.remedies.join(" ").contains("Exempt"), "{advice:?}");
            assert_eq!(advice.title, for_failure(Phase::Tls, reason).title);
        }
    }
    let own =
        for_detail(Component::Maps, Phase::Tls, R::UnknownIssuer, "certificate: the issuer CN=a is unknown");
    assert_eq!(own, for_failure(Phase::Tls, R::UnknownIssuer));
}

/// Both silence a handshake after TCP has connected.
#[test]
fn a_handshake_that_times_out_may_be_the_path_mtu_or_a_filter_of_names() {
    let advice = for_failure(Phase::Tls, FailureReason::Timeout);
    for word in ["MTU", "SNI", "ICMP"] {
        assert!(advice.cause.contains(word), "{word}: {}", advice.cause);
    }
    let remedies = advice.remedies.join(" ");
    for words in ["fragmentation needed", "packet too big", "lower the MTU", "(SNI)"] {
        assert!(remedies.contains(words), "{words}: {remedies}");
    }
}

/// Sample storage must not be exempted from inspection (Microsoft's page): no advice may recommend it, neither for its
/// hosts nor in general without that restriction.
#[test]
fn no_advice_exempts_the_sample_storage_from_inspection() {
    for FailureCode { phase, reason } in FAILURE_CODES {
        for remedy in for_component(Component::Submission, *phase, *reason).remedies {
            let lower = remedy.to_lowercase();
            assert!(!lower.contains("exempt"), "{phase}.{reason}: {remedy}");
            assert!(
                !lower.contains("exclude") || lower.contains("not to exclude"),
                "{phase}.{reason}: {remedy}"
            );
        }
    }
    let inspected = for_component(Component::Submission, Phase::Tls, FailureReason::Intercepted);
    assert!(inspected.remedies[0].starts_with("Leave this host under inspection"), "{inspected:?}");
    for remedy in ADVICE.remedies.values().filter(|remedy| remedy.to_lowercase().contains("exempt")) {
        assert!(remedy.contains("do not exclude *.blob.core.windows.net"), "{remedy}");
    }
    // Other components have the text of the pair.
    let differs = |component: &Component| *component == Component::Submission || component.is_on_premises();
    for component in Component::ALL.iter().filter(|component| !differs(component)) {
        for FailureCode { phase, reason } in FAILURE_CODES {
            assert_eq!(for_component(*component, *phase, *reason), for_failure(*phase, *reason));
        }
    }
}

/// A source to read on, and words that don't just repeat another code's, except for Defender's internal codes, of which
/// Microsoft says no more.
#[test]
fn every_code_has_a_page_and_words_of_its_own() {
    let mut titles = std::collections::BTreeMap::new();
    for known in codes::hresults().chain(codes::update_hresults()) {
        let (entry, (page, url)) = (known.entry, known.page());
        let code = entry.code;
        assert!(
            !page.is_empty() && url.starts_with("https://") && !url.contains(' '),
            "0x{code:08X}: {page} {url}"
        );
        let microsoft = ["https://learn.microsoft.com/", "https://github.com/microsoft/"];
        assert!(microsoft.iter().any(|site| url.starts_with(site)), "0x{code:08X}: {url}");
        assert!(known.source().ends_with(url) && known.source().contains(page), "{}", known.source());
        assert!((10..=80).contains(&entry.title.chars().count()), "0x{code:08X}: {}", entry.title);
        assert!(
            !entry.title.ends_with('.') && entry.cause.ends_with(['.', ')']),
            "0x{code:08X}: {}",
            entry.cause
        );
        let failure = code >= 1 << 31;
        assert_eq!(entry.remedies.is_empty(), !failure, "0x{code:08X}");
        titles.entry(entry.title.as_str()).or_insert_with(Vec::new).push((code, entry.cause.as_str()));
    }
    for (title, of) in titles.iter().filter(|(_, of)| of.len() > 1) {
        // Numbers of two layers for one fault, such as WinHTTP's and SChannel's.
        assert!(of.len() <= 3, "{title}: {of:X?}");
    }
    assert!(codes::hresults().count() > 300);
}

/// The order of preference on Microsoft's page; its last resort is also last here.
#[test]
fn the_remedies_of_maps_come_in_the_pages_order() {
    let order = ["winhttp_proxy", "update_url", "ssl_options"];
    for code in [0x8007_0006, 0x8007_2F8F, 0x8007_2EFE, 0x8009_2013, 0x8007_2F19] {
        let remedies = &codes::hresult(code).unwrap().entry.remedies;
        check_order(&format!("0x{code:08X}"), remedies, &order);
    }
    let unknown = ADVICE.failure(Phase::Tls, FailureReason::RevocationUnknown).unwrap();
    check_order("revocation_unknown", &unknown.remedies, &order);
    assert_eq!(unknown.hresult, Some(0x8007_2F8F));
    for name in ADVICE.failures.iter().flat_map(|entry| &entry.remedies[..1]) {
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
        (0x8007_2F90, "automatic proxy configuration", "PAC"),
        (0x8007_2F9C, "TLS and certificates", "inspection"),
        (0x8007_2EF1, "the program's own use of WinHTTP", "not the network"),
        (0x8007_2FFF, "WinHTTP or WinINet", "range"),
        (0x8007_0001, "a general error of Windows", "error 1 of Windows"),
        (0x8019_0193, "a status of HTTP", "HTTP status 403"),
        (0x8024_9001, "Windows Update", "update"),
        (0x8024_4031, "talking to its server", "WSUS"),
        (0x80D0_2011, "Delivery Optimization", "in parts"),
        (0x8020_0014, "(BITS)", "transfer"),
        (0x8050_8021, "Microsoft Defender Antivirus itself", "doesn't have this one"),
        (0x8009_0321, "TLS, certificates and trust", "handshake"),
        (0x800B_0005, "TLS, certificates and trust", "handshake"),
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
        "no_next_update",
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
