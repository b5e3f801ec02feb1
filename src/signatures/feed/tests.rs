//! Plausible feeds, written for these tests: no exact capture of a genuine one is known.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

const FEED: &str = "<versions><engine>1.1.26010.1</engine><platform>4.18.26010.5</platform>\
    <signatures date=\"2026-11-24 03:04:05Z\">1.441.123.0</signatures></versions>";

fn published() -> Published {
    Published {
        signatures: Version([1, 441, 123, 0]),
        engine: Version([1, 1, 26010, 1]),
        platform: Version([4, 18, 26010, 5]),
        // 2026-11-24 03:04:05 UTC
        published_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_489_445),
    }
}

fn check(feed: &str, expected: Result<(), FeedError>) {
    assert_eq!(parse(feed.as_bytes()), expected.map(|()| published()), "{feed}");
}

/// The feed with one text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(FEED.contains(from), "{from}");
    FEED.replace(from, to)
}

#[test]
fn the_documented_format_is_parsed() {
    check(FEED, Ok(()));
}

#[test]
fn irrelevant_differences_are_ignored() {
    for (from, to) in [
        ("<versions>", "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<!-- x --><versions>"),
        ("<versions>", "<versions xmlns=\"urn:x\" xmlns:a='urn:y' generated='today'>"),
        ("<versions>", "<versions><nis><engine>9.9.9.9</engine></nis><more/>text<![CDATA[1]]>&amp;&nbsp;"),
        ("<versions>", "<!DOCTYPE versions [<!ENTITY v \"9.9.9.9\">]><versions>"),
        (
            "</versions>",
            "<engine>9.9.9.9</engine><signatures>9.9.9.9</signatures></versions>\n<!-- end -->\n",
        ),
        ("<signatures date", "<signatures arch='x64' DATE"),
        ("05Z\"", "05Z\" more=\"1\" other='&lt;2'"),
        ("1.441.123.0", "\n\t1.441.123.0\n"),
        ("1.441.123.0", "1.441&#46;123&#x2e;0"),
        ("1.441.123.0", "<![CDATA[1.441.123.0]]>"),
        ("1.441.123.0", "1.441.<!-- x -->123.0<more>9</more>"),
        ("1.441.123.0", "1.441.<more>9</more>123.0"),
        ("</signatures>", "</signatures>9<more>9</more>9"),
        ("2026-11-24 ", "2026-11-24&#32;"),
    ] {
        check(&with(from, to), Ok(()));
    }
    check(&with("engine>", "Engine>"), Ok(()));
    check(&with("signatures", "SIGNATURES"), Ok(()));
    check(&with("versions>", "VERSIONS>"), Ok(()));
    check(&with("platform>", "a:Platform>"), Ok(()));
}

#[test]
fn dates_are_utc_in_each_notation() {
    for date in [
        "2026-11-24T03:04:05Z",
        "2026-11-24T03:04:05",
        "2026-11-24 03:04:05",
        "2026-11-24 03:04:05 Z",
        "2026-11-24 03:04:05 UTC",
        "2026-11-24t03:04:05z",
        "2026-11-24T03:04:05+00:00",
        " 2026-11-24 03:04:05Z ",
    ] {
        check(&with("2026-11-24 03:04:05Z", date), Ok(()));
    }
    for wrong in [
        "",
        "today",
        "2026-11-24",
        "2026-11-24 03:04:05+01:00",
        "2026-02-29 03:04:05Z",
        "2026-13-24 03:04:05Z",
        "1969-11-24 03:04:05Z",
        "11/24/2026 3:04:05 AM",
        "20261124T030405Z",
    ] {
        let shown = wrong.trim().to_owned();
        check(&with("2026-11-24 03:04:05Z", wrong), Err(FeedError::Unreadable(VersionField::Date, shown)));
    }
}

#[test]
fn invalid_feeds_are_refused_with_their_reason() {
    let malformed = |feed: &str| {
        let error = parse(feed.as_bytes()).unwrap_err();
        assert!(matches!(error, FeedError::Malformed(_)), "{feed}: {error:?}");
        assert_eq!(error.reason(), FailureReason::WrongContent);
    };
    for end in 1..FEED.len() {
        let cut = &FEED[..end];
        assert!(parse(cut.as_bytes()).is_err(), "{cut}");
    }
    malformed(&with("</versions>", ""));
    malformed(&with("</engine>", "</platform>"));
    malformed(&with("date=", "date "));
    malformed("<versions><signatures date='1' date='2'/></versions>");
    for other in ["", "   ", "<html><body>blocked</body></html>", "<a/>", "plain text"] {
        check(other, Err(FeedError::Root));
    }
    check(&format!("{FEED}{FEED}"), Err(FeedError::Root));
    check(&with("engine>", "motor>"), Err(FeedError::Missing(VersionField::Engine)));
    check(&with("platform>", "x>"), Err(FeedError::Missing(VersionField::Platform)));
    check(&with("signatures", "x"), Err(FeedError::Missing(VersionField::Signatures)));
    check(&with("date=", "day="), Err(FeedError::Missing(VersionField::Date)));
    check(&with("1.441.123.0", ""), Err(FeedError::Unreadable(VersionField::Signatures, String::new())));
    check(
        &with("1.1.26010.1", "1.1.26010"),
        Err(FeedError::Unreadable(VersionField::Engine, "1.1.26010".to_owned())),
    );
    check(&with("1.441.123.0", "1.&v;"), Err(FeedError::Entity(VersionField::Signatures)));
    check(&with("03:04", "&v;"), Err(FeedError::Entity(VersionField::Date)));
}

#[test]
fn oversized_feeds_are_refused_early() {
    let long = with("</versions>", &format!("{}</versions>", " ".repeat(65_536 - FEED.len())));
    assert_eq!(long.len(), 65_536);
    check(&long, Ok(()));
    let longer = long + " ";
    check(&longer, Err(FeedError::TooLong(65_537)));
    assert_eq!(FeedError::TooLong(1).reason(), FailureReason::TooLarge);
    check(&with("<engine>", &format!("{}<engine>", "<a>".repeat(100))), Err(FeedError::TooDeep));
    let digits = "1".repeat(300);
    check(
        &with("1.441.123.0", &digits),
        Err(FeedError::Unreadable(VersionField::Signatures, "1".repeat(64))),
    );
    let wide = |length| with("1.441.123.0", &format!("{:<length$}", "1.441.123.0"));
    check(&wide(MAX_FIELD), Ok(()));
    let shown = format!("{:<64}", "1.441.123.0");
    check(&wide(MAX_FIELD + 1), Err(FeedError::Unreadable(VersionField::Signatures, shown)));
}

/// Found by the fuzzer: the library's messages quote the feed.
#[test]
fn errors_of_broken_feeds_are_short() {
    for broken in ["", "\n\u{202e}"] {
        let feed = format!("<versions></{}{broken}>", "x".repeat(20_000));
        let message = parse(feed.as_bytes()).expect_err("no XML").to_string();
        assert!(message.chars().count() < 320 && !message.contains(['\n', '\u{202e}']), "{message}");
    }
}

#[test]
fn a_refused_feed_fails_as_a_probe_would() {
    let failure = Failure::from(FeedError::Unreadable(VersionField::Engine, "\u{202e}\n".to_owned()));
    assert_eq!((failure.phase, failure.reason), (Phase::Transfer, FailureReason::WrongContent));
    assert!(!failure.detail.contains(['\u{202e}', '\n']), "{failure:?}");
}

/// The feed with one piece of it replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\PC\n\t]{0,6}",
        prop::sample::select(vec![
            "<",
            ">",
            "</",
            "/>",
            "&",
            "&#0;",
            "&#x110000;",
            "]]>",
            "<![CDATA[",
            "<!--",
            "<?",
            "<!DOCTYPE",
            "\"",
            "'"
        ])
        .prop_map(str::to_owned),
    ];
    (any::<prop::sample::Index>(), 0..20_usize, piece).prop_map(|(at, cut, piece)| {
        let at = at.index(FEED.len());
        let end = (at + cut).min(FEED.len());
        format!("{}{piece}{}", &FEED[..at], &FEED[end..])
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn mutated_feeds_never_panic_and_have_a_reason(feed in mutated()) {
        if let Err(error) = parse(feed.as_bytes()) {
            let failure = Failure::from(error);
            prop_assert!(!failure.detail.is_empty());
            prop_assert!(!failure.detail.contains(char::is_control));
        }
    }

    #[test]
    fn valid_feeds_are_parsed(
        versions in prop::array::uniform3(prop::array::uniform4(any::<u32>())),
        seconds in 0..253_402_300_800_u64, // to the end of the year 9999
        upper in any::<bool>(),
    ) {
        let [signatures, engine, platform] = versions.map(Version);
        let published_at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let date = humantime::format_rfc3339_seconds(published_at).to_string();
        let name = |name: &str| if upper { name.to_uppercase() } else { name.to_owned() };
        let feed = format!(
            "<{v}><{s} {d}='{date}'>{signatures}</{s}><{e}>{engine}</{e}><{p}>{platform}</{p}></{v}>",
            v = name("versions"), s = name("signatures"), d = name("date"), e = name("engine"), p = name("platform"),
        );
        prop_assert_eq!(parse(feed.as_bytes()), Ok(Published { signatures, engine, platform, published_at }));
    }
}
