//! The explanations that an administrator reads.

use super::*;
use crate::commands::wrap::WIDTH;
use crate::observation::FailureReason;

/// Facts copied from the source document.
const DOCUMENT: &str = include_str!("../../../tests/data/source-document-facts.tsv");

/// A text without line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All codes that can be explained.
fn codes() -> Vec<String> {
    let reasons = FailureReason::ALL.iter().map(|reason| reason.as_str().to_owned());
    let pairs = FAILURE_CODES.iter().map(ToString::to_string);
    let topics =
        advice::topics().iter().flat_map(|topic| std::iter::once(&topic.name).chain(&topic.also).cloned());
    let causes = advice::revocation_causes().iter().map(|cause| format!("revocation.{}", cause.cause));
    let hresults = advice::hresults().flat_map(|(_, codes)| codes).map(|(code, _)| format!("0x{code:08X}"));
    let families = (12_000..13_000).step_by(7).map(|number| number.to_string());
    reasons.chain(pairs).chain(topics).chain(causes).chain(hresults).chain(families).collect()
}

#[test]
fn nothing_of_the_source_document_is_missing() {
    let facts: Vec<_> = DOCUMENT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert!(facts.len() > 80, "{}", facts.len());
    for fact in facts {
        let (code, words) = fact.split_once('\t').unwrap_or_else(|| panic!("no tab in {fact}"));
        let text = flat(&render(code).unwrap());
        assert!(text.contains(words), "{code} does not say: {words}\n{text}");
    }
}

/// The reference's table and the codes below it: code, httpcode, words of the cause, words of the first remedy.
#[test]
fn every_hresult_of_the_reference_is_explained() {
    let proxy =
        "configure the machine's system-wide WinHTTP proxy, through a proxy that allows the CRL check";
    for (code, number, http, cause, remedy) in [
        (0x8007_0006_u32, None, Some(451), "no system-wide WinHTTP proxy", proxy),
        (0x8007_2F8F, Some(12175), Some(451), "0x80092013", proxy),
        (0x8007_2EFE, Some(12030), Some(451), "resets or closes", proxy),
        (0x8007_2EE7, Some(12007), Some(451), "DNS", "name servers"),
        (0x8007_2F0D, Some(12045), None, "inspects TLS", "Exempt this host"),
        (0x8050_8015, None, None, "inspects TLS", "Exempt this host"),
        (0x8007_0005, None, Some(450), "administrator", "elevated prompt"),
        (0x8000_4005, None, Some(450), "name resolution", "name servers"),
        (0x8001_06BA, None, None, "service", "Start the Microsoft Defender Antivirus service"),
        (0x8007_0667, None, None, "1703", "version 1703 or later"),
        (0x8007_2EE2, Some(12002), None, "drops packets", "firewall"),
        (0x8007_2EEF, Some(12015), None, "credentials", "without authentication"),
        (0x8007_2EFD, Some(12029), None, "firewall", "firewall"),
        (0x8007_2F05, Some(12037), None, "dates", "clock"),
        (0x8007_2F06, Some(12038), None, "another server", "Exempt this host"),
        (0x8007_2F0C, Some(12044), None, "in their place", "Exempt this host"),
        (0x8007_2F19, Some(12057), None, "offline", proxy),
        (0x8007_2F7D, Some(12157), None, "no TLS version or cipher in common", "Exempt this host"),
        (0x8007_2F8A, Some(12170), None, "issuer", "whose certificate"),
        (0x8007_2F94, Some(12180), None, "PAC", "by name"),
        (0x8009_2013, None, None, "blocked on port 80", proxy),
        (0x8050_8007, None, None, "memory, not the network", "memory"),
    ] {
        let signed = code.cast_signed().to_string();
        let misprinted = format!(
            "ValidateMapsConnection failed to establish a connection to MAPS (hr=0x{code:08X} httpcore=451)"
        );
        let mut spellings = vec![
            format!("0x{code:08X}"),
            format!("{code:08x}"),
            format!("hr={code:08X}"),
            signed,
            misprinted,
        ];
        spellings.extend(number.map(|number: u32| number.to_string()));
        let expected = render(&spellings[0]).unwrap();
        for text in &spellings {
            assert_eq!(render(text).as_ref(), Ok(&expected), "{text}");
        }
        let text = flat(expected.split("\n\n\n").next().unwrap());
        let (head, change) = text.split_once("What to change").unwrap_or_else(|| panic!("{text}"));
        let first = change.split(" 2. ").next().unwrap();
        assert!(head.contains(cause) && first.contains(remedy), "{text}");
        assert!(http.is_none_or(|http: u16| text.contains(&format!("httpcode {http}"))), "{text}");
        assert!(number.is_none_or(|number| text.contains(&format!("({number})"))), "{text}");
    }
    for misprint in ["800722F0D", "0x800722F0D"] {
        assert_eq!(render(misprint), render("0x80072F0D"), "{misprint}");
    }
}

/// Words of the title or the cause, and of the first remedy.
#[test]
fn the_codes_of_updates_are_explained_one_by_one() {
    let check = |code: &str, words: &[&str], remedy: &str, source: &str| {
        let text = flat(render(code).unwrap().split("\n\n\n").next().unwrap());
        let (head, change) = text.split_once("What to change").unwrap_or_else(|| panic!("{code}: {text}"));
        let first = change.split(" 2. ").next().unwrap();
        assert!(words.iter().all(|word| head.contains(word)), "{code}: {text}");
        assert!(first.contains(remedy), "{code}: {text}");
        let is_microsofts = |page| text.contains(page);
        assert!(
            text.contains(source)
                && ["https://learn.microsoft.com/", "https://github.com/microsoft/"]
                    .into_iter()
                    .any(is_microsofts),
            "{code}: {text}"
        );
        assert!(!text.contains("an error of the family"), "{code}: {text}");
    };
    let (networking, defender) = ("\"WUA networking error codes\"", "ERROR_MP_NO_INTERNET_CONN");
    check("0x80501004", &["no connection to the Internet"], "Internet access", defender);
    check("0x8024401B", &["407", "the machine can't give"], "machine accounts through the proxy", networking);
    check("0x80244018", &["403", "forbids"], "at the proxy and in the web filter", networking);
    check("0x80244022", &["503", "unavailable"], "WUServer", networking);
    check("0x8024402C", &["name", "can't be resolved", "WSUS"], "name servers", networking);
    check(
        "0x80D05001",
        &["range requests fail", "proxy"],
        "Let range requests",
        "DO_E_HTTP_BLOCKSIZE_MISMATCH",
    );
    check("12167", &["PAC script can't be fetched"], "by name", "WINHTTP_UNABLE_TO_DOWNLOAD_SCRIPT (12167)");
    check(
        "0x80200013",
        &["range requests", "proxy"],
        "Let range requests",
        "BG_E_INSUFFICIENT_RANGE_SUPPORT",
    );
    check("0x80200011", &["size of the file"], "Let range requests", "\"BITS return values\"");
    check("0x80190197", &["407"], "machine accounts through the proxy", "BG_E_HTTP_ERROR_407");
    check("0x800B0109", &["root", "deleted"], "Exempt this host", "CERT_E_UNTRUSTEDROOT");
    check("0x80090325", &["root", "deleted"], "Exempt this host", "SEC_E_UNTRUSTED_ROOT");
    check("0x80090331", &["no algorithm in common"], "TLS 1.2", "SEC_E_ALGORITHM_MISMATCH");
    check("0x800705B4", &["timed out", "blocked"], "Allow the hosts", "ERROR_TIMEOUT (1460)");
    check("0x80070422", &["service is disabled"], "Start the service Windows Update", "1058");
    // As administrators paste it.
    check("Update failed with hr: 0x8024402c", &["name"], "name servers", networking);
    check("Exception from HRESULT: 0x80244018", &["403"], "web filter", networking);
}

/// Both meanings, the general one first.
#[test]
fn a_code_with_another_meaning_in_an_update_is_explained_twice() {
    for (code, update) in
        [("0x80072EE7", "update source can't be resolved"), ("0x80070005", "Access is denied")]
    {
        let text = render(code).unwrap();
        let (general, in_update) = text.split_once("\n\n\n").unwrap_or_else(|| panic!("{text}"));
        assert!(
            general.starts_with(code) && in_update.starts_with("In an update (event 2001): 0x"),
            "{text}"
        );
        assert!(flat(in_update).contains(update), "{text}");
    }
    assert!(!render("0x80244018").unwrap().contains("In an update"));
}

#[test]
fn reasons_and_topics_are_explained() {
    for (code, expected) in [
        ("nxdomain", "0x80072EE7"),
        ("connect.timeout", "firewall"),
        ("revocation_unknown", "A Windows client would typically show 0x80072F8F (or 0x80070006, "),
        ("revocation.no_source", "neither a CRL nor an OCSP responder"),
        ("12155", "0x80072F7B (WinHTTP's number 12155): an error of the family"),
        ("maps", "1 0 1 0 revocation can't be checked"),
        ("inspection", "*.blob.core.windows.net"),
        // Which edition of Microsoft's page says what.
        ("inspection", "edition of 2026-07-02 does not mention its inspection"),
        ("services", "*.windowsupdate.com and ctldl.windowsupdate.com: their downloads are plain HTTP"),
        ("disconnected", "that of 2026-07-02 leaves it out"),
        ("ctldl", "a scan for updates ends with 0x80092013, and MAPS with 0x80072F8F"),
        ("0x80092013", "http://ctldl.windowsupdate.com"),
        ("curl error 35", "pinning rejects the connection"),
        ("[FAILED] curl error 60: SSL certificate problem", "the server's certificate is refused"),
        ("mdatp", "no PAC script, no WPAD, no proxy with authentication"),
        ("health_issues", "definitions_status: up_to_date, updating or unavailable"),
    ] {
        let text = flat(&render(code).unwrap());
        assert!(text.contains(expected), "{code}: {text}");
    }
}

/// The first screen contains the cause and the first remedy.
#[test]
fn what_to_change_first_stands_within_the_first_lines() {
    for code in codes().into_iter().filter(|code| !matches!(advice::parse_code(code), Ok(Code::Topic(_)))) {
        let text = render(&code).unwrap();
        let blocks =
            if text.contains("\n\n\n") { text.split("\n\n\n").collect() } else { vec![text.as_str()] };
        for block in blocks.iter().filter(|block| block.contains("What to change")) {
            let at = block.lines().position(|line| line.starts_with("What to change")).unwrap();
            assert!(at <= 9, "{code}: {block}");
            assert!(block.lines().count() <= 40, "{code}: {block}");
        }
    }
}

#[test]
fn lines_fit_a_terminal() {
    for (code, text) in codes()
        .into_iter()
        .map(|code| (code.clone(), render(&code).unwrap()))
        .chain([(String::new(), list())])
    {
        for line in text.lines() {
            let one_word = !line.trim().contains(' ');
            assert!(line.chars().count() <= WIDTH || one_word, "{code}: {line}");
            assert_eq!(line.trim_end(), line, "{code}");
        }
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{code}");
    }
}

/// Texts only refer to codes that can be explained.
#[test]
fn every_explain_that_is_named_explains() {
    let mut found = 0;
    for text in codes().iter().map(|code| flat(&render(code).unwrap())) {
        for (at, _) in text.match_indices("explain ") {
            let word = text[at + "explain ".len()..].split([' ', ',', ';', ')']).next().unwrap();
            let word = word.trim_end_matches('.');
            assert!(render(word).is_ok(), "explain {word}: {text}");
            found += 1;
        }
    }
    assert!(found > 50, "{found}");
}

#[test]
fn the_list_names_everything() {
    let list = list();
    let words: Vec<_> = list.split_whitespace().collect();
    let reasons = FailureReason::ALL.iter().map(|reason| reason.as_str().to_owned());
    let topics = advice::topics().iter().map(|topic| topic.name.clone());
    let causes = advice::revocation_causes().iter().map(|cause| cause.cause.clone());
    let hresults = advice::hresults().flat_map(|(_, codes)| codes).map(|(code, _)| format!("0x{code:08X}"));
    for word in reasons.chain(topics).chain(causes).chain(hresults) {
        assert!(words.contains(&word.as_str()), "{word}: {list}");
    }
}

fn check_harmless(code: &str) {
    let text = match render(code) {
        Ok(text) => text,
        Err(error) => error.to_string(),
    };
    assert!(!text.contains(|c: char| c != '\n' && c.is_control()), "{code:?}: {text:?}");
    assert!(!text.is_empty() && text.len() < 20_000, "{code:?}");
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered_without_control_characters(text in "[\\x00-\\x7f\u{80}-\u{2fff}]{0,400}") {
        check_harmless(&text);
    }

    #[test]
    fn so_is_what_is_nearly_a_code(
        code in proptest::sample::select(codes()), at in 0..40_usize, other in "[\\x00-\u{100}]{0,2}",
    ) {
        let text: String = code.chars().take(at).chain(other.chars()).chain(code.chars().skip(at + 1)).collect();
        check_harmless(&text);
    }

    #[test]
    fn so_is_any_number(code: u32) {
        for text in [format!("0x{code:08X}"), code.cast_signed().to_string(), code.to_string()] {
            check_harmless(&text);
        }
    }
}
