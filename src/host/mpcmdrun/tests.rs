//! Outputs from Microsoft's page in English and Korean, from administrators' captures, and malformed ones.

use proptest::prelude::*;

use super::*;

/// The start of the page's examples.
const START: &str = "Start Time: Wed 08 20 2025 18:36:34\n\
                     MpEnsureProcessMitigationPolicy: hr = 0x1\n\
                     ValidateMapsConnection\n";

const NEWER: &str = "\
---------------------------- MpCmdRunShowNetworkInfo() ------------------------------
MpIsConnectedToInternet(): hr = 0, fIsConnectedToInternet: true
MpIsPaidNetwork(): hr = 0x1 (0 - S_OK, paid; 1 - S_FALSE, not paid; other - failure)
-------------------------------------------------------------------------------------
Last Successful MAPS connection: [8/20/2025 6:36:34 PM]
";

const SUCCESS: &str = "ValidateMapsConnection successfully established a connection to MAPS\n";

fn failed(hresult: u32, http: impl Into<Option<u16>>) -> ValidationOutcome {
    ValidationOutcome::Failed { hresult, http: http.into() }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Checks the text in every encoding and with both line endings.
fn check(text: &str, exit_code: Option<i32>, expected: ValidationOutcome) {
    let windows = text.replace('\n', "\r\n");
    for bytes in
        [text.into(), windows.clone().into_bytes(), utf16(&windows), utf16(&format!("\u{feff}{windows}"))]
    {
        let outcome = Validation::parse(&bytes, exit_code, None).outcome;
        assert_eq!(outcome, expected, "{text} {exit_code:?} {bytes:?}");
    }
}

#[test]
fn the_pages_three_examples() {
    for (code, hresult) in
        [("0x80070006", 0x8007_0006_u32), ("0x80072F8F", 0x8007_2F8F), ("0x80072EFE", 0x8007_2EFE)]
    {
        let failure = format!(
            "ValidateMapsConnection failed to establish a connection to MAPS (hr={code} httpcore=451)"
        );
        let korean = format!(
            "ValidateMapsConnection에서 MAPS에 대한 연결을 설정하지 못했습니다(hr={code} httpcore=451)"
        );
        for sentence in [failure.clone(), korean, failure.replace("httpcore", "httpcode")] {
            let text = format!("{START}{sentence}\nMpCmdRun.exe: hr = {code}");
            let exit_code = hresult.cast_signed();
            check(&text, Some(exit_code), failed(hresult, 451));
            check(&text, None, failed(hresult, 451));
            let parsed = Validation::parse(text.as_bytes(), Some(exit_code), None);
            let advice = parsed.advice().unwrap();
            assert!(advice.cause.contains("WinHTTP proxy"), "{}", advice.cause);
            assert!(advice.remedies[0].contains("WinHTTP proxy"), "{:?}", advice.remedies);
        }
    }
    // The page prints two asterisks after the first.
    check(&format!("{START}MpCmdRun.exe: hr = 0x80070006**\n"), None, failed(0x8007_0006, None));
}

#[test]
fn every_code_of_the_reference_has_a_cause_and_a_remedy() {
    for hresult in [
        0x8007_0006,
        0x8007_2F8F,
        0x8007_2EFE,
        0x8007_2EE7,
        0x8007_2F0D,
        0x8050_8015,
        0x8007_0005,
        0x8000_4005,
        0x8001_06BA,
        0x8007_0667_u32,
    ] {
        let text = format!(
            "{START}ValidateMapsConnection failed to establish a connection to MAPS (hr={hresult:x})\n"
        );
        let parsed = Validation::parse(text.as_bytes(), Some(hresult.cast_signed()), None);
        assert_eq!(parsed.outcome, failed(hresult, None));
        let advice = parsed.advice().unwrap();
        assert!(!advice.cause.is_empty() && !advice.remedies.is_empty(), "{hresult:#x}");
    }
}

#[test]
fn success_of_old_and_new_builds() {
    for text in
        [SUCCESS.to_owned(), format!("{START}{SUCCESS}"), format!("{NEWER}{SUCCESS}"), SUCCESS.to_uppercase()]
    {
        check(&text, Some(0), ValidationOutcome::Connected);
        check(&text, None, ValidationOutcome::Connected);
    }
    // A made-up localization; only the names stay.
    check("ValidateMapsConnection에서 MAPS에 연결했습니다\n", Some(0), ValidationOutcome::Connected);
}

#[test]
fn every_spelling_of_a_failure() {
    for (text, exit_code, expected) in [
        ("ERROR: ValidateMapsConnection failed (800106BA)\n", None, failed(0x8001_06BA, None)),
        ("(HR = 80072EE7 HTTPCODE = 451)\n", None, failed(0x8007_2EE7, 451)),
        ("(hr=0x80070005 httpcode:450)\n", None, failed(0x8007_0005, 450)),
        ("(hr=800722F0D)\n", None, failed(0x8007_2F0D, None)),
        ("(hr=0x80072F8F httpcode=99999)\n", None, failed(0x8007_2F8F, None)),
        ("(hr=0x80072F8F httpcode=)\n", None, failed(0x8007_2F8F, None)),
        // Only the exit code is known.
        ("", Some(-2_147_012_889), failed(0x8007_2EE7, None)),
        ("???????? ?????\n", Some(-2_147_012_889), failed(0x8007_2EE7, None)),
        // A diagnostic line isn't the error.
        (
            "MpIsConnectedToInternet(): hr = 0x80004005\nfailed (hr=0x80072EE7 httpcode=451)\n",
            None,
            failed(0x8007_2EE7, 451),
        ),
        ("MpIsConnectedToInternet(): hr = 0x80004005\n", Some(-2_147_012_889), failed(0x8007_2EE7, None)),
    ] {
        check(text, exit_code, expected);
    }
    // Not elevated: the last connection is printed nevertheless.
    let denied = format!("{NEWER}MpCmdRun.exe: hr = 0x80070005\n");
    let parsed = Validation::parse(denied.as_bytes(), Some(-2_147_024_891), None);
    assert_eq!(parsed.outcome, failed(0x8007_0005, None));
    assert!(parsed.last_connection.is_some());
    // A legacy code page: bytes that aren't UTF-8.
    let oem = [b"\xbf\xac\xb0\xe1 MAPS (hr=0x80072F8F httpcode=451)".as_slice(), b"\r\n\xff"].concat();
    assert_eq!(Validation::parse(&oem, None, None).outcome, failed(0x8007_2F8F, 451));
}

#[test]
fn unknown_output_is_logged() {
    for (text, exit_code) in [
        ("", None),
        ("", Some(0)),
        ("", Some(2)),
        ("hr = 0x1\n", None),
        ("Microsoft Antimalware Service Command Line Utility\nUsage: …\n", Some(0)),
        ("ValidateMapsConnection failed\n", Some(0)),
        ("ValidateMapsConnection failed\n", Some(1)),
        (&format!("{SUCCESS}MpCmdRun.exe: hr = 0x80072F8F\n"), Some(0)),
        (SUCCESS, Some(-2_147_012_889)),
        (SUCCESS, Some(1)),
    ] {
        check(text, exit_code, ValidationOutcome::Unknown);
    }
    let forged = format!("one\u{1b}[31m\r\n\r\n  two \u{202e}{}", "three\n".repeat(1000));
    let text = Validation::parse(forged.as_bytes(), None, None).text;
    assert!(text.starts_with("one [31m |   two  three | three"), "{text}");
    assert_eq!(text.chars().count(), MAX_TEXT + 1);
    assert!(Validation::parse(b"", Some(0), None).advice().is_none());
}

#[test]
fn access_denied_does_not_mean_disconnected() {
    let parsed = |code: i32, text: &str| Validation::parse(text.as_bytes(), Some(code), None);
    let check = |validation: Validation, connected, reason| {
        assert_eq!(validation.connected(), connected, "{validation:?}");
        assert_eq!(validation.problem().map(|problem| problem.reason), reason, "{validation:?}");
    };
    check(parsed(0, SUCCESS), Some(true), None);
    check(parsed(-2_147_012_889, ""), Some(false), None);
    check(parsed(-2_147_024_891, "MpCmdRun.exe: hr = 0x80070005"), None, Some(HostReadReason::AccessDenied));
    check(parsed(1, "something new"), None, Some(HostReadReason::Malformed));
    assert!(parsed(1, "something new").problem().unwrap().detail.ends_with("MpCmdRun.exe: something new"));
}

#[test]
fn the_last_connection_is_read() {
    let check = |text: &str, order, expected: Option<&str>| {
        let parsed = Validation::parse(&utf16(text), Some(0), order);
        assert_eq!(parsed.last_connection, expected.map(|time| time.parse().unwrap()), "{text}");
    };
    check(NEWER, None, Some("2025-08-20T18:36:34"));
    check("last successful maps connection: [07/06/2026 15:19:44]", None, None);
    check(
        "Last Successful MAPS connection: [07/06/2026 15:19:44]",
        Some(DateOrder::DayFirst),
        Some("2026-06-07T15:19:44"),
    );
    for text in [
        "Last Successful MAPS connection: [",
        "Last Successful MAPS connection:\n[8/20/2025 6:36:34 PM]",
        SUCCESS,
    ] {
        check(text, None, None);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), exit_code in any::<Option<i32>>()) {
        let parsed = Validation::parse(&bytes, exit_code, None);
        prop_assert!(parsed.text.chars().count() <= MAX_TEXT + 1);
    }

    #[test]
    fn no_text_makes_it_panic(start in ".{0,30}", end in "[\\[\\]0-9a-z=: \n]{0,40}") {
        let _ = Validation::parse(format!("{start}Last Successful MAPS connection{end}httpcode{end}").as_bytes(), None, None);
    }

    #[test]
    fn every_failure_is_read(hresult in 0x8000_0000..=u32::MAX, upper in any::<bool>(), prefix in any::<bool>()) {
        let code = if upper { format!("{hresult:08X}") } else { format!("{hresult:08x}") };
        let prefix = if prefix { "0x" } else { "" };
        // Eight decimal digits below WinHTTP's numbers can't occur: the first is at least 8.
        let text = format!("{START}(hr={prefix}{code} httpcode=451)\n");
        prop_assert_eq!(Validation::parse(text.as_bytes(), None, None).outcome, failed(hresult, 451));
    }
}
