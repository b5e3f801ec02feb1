//! What a person types → what is to be explained.

use super::{BOOK, Topic, topics};
use crate::observation::{FAILURE_PAIRS, FailureReason, Stage};

/// What can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// Pairs of stage and reason: one, or every stage that has the reason.
    Failures(Vec<(Stage, FailureReason)>),
    /// An HRESULT.
    Hresult(u32),
    /// A topic.
    Topic(&'static Topic),
}

/// Nothing of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{code:?} is not known. Known are reasons ({reasons}), a stage and a reason such as tls.expired, HRESULTs such as \
     0x80072F8F or -2147012721, WinHTTP numbers such as 12175, and the topics {topics}"
)]
pub struct UnknownCode {
    code: String,
    reasons: String,
    topics: String,
}

impl UnknownCode {
    fn new(code: &str) -> Self {
        let reasons: Vec<&str> = FailureReason::ALL.iter().map(|reason| reason.as_str()).collect();
        let topics: Vec<&str> = topics().iter().map(|topic| topic.name.as_str()).collect();
        Self { code: crate::observation::clean(code), reasons: reasons.join(", "), topics: topics.join(", ") }
    }
}

/// Reads a reason, `stage.reason`, an HRESULT (hexadecimal with or without 0x, or signed), a WinHTTP number or a topic.
///
/// # Errors
/// When it is none of them, or an HRESULT that isn't known.
pub fn parse_code(text: &str) -> Result<Code, UnknownCode> {
    let text = text.trim();
    let known = |code: &u32| BOOK.hresults.iter().any(|entry| entry.code == *code);
    failures(text)
        .map(Code::Failures)
        .or_else(|| topics().iter().find(|topic| topic.name.eq_ignore_ascii_case(text)).map(Code::Topic))
        .or_else(|| hresult(text).filter(known).map(Code::Hresult))
        .ok_or_else(|| UnknownCode::new(text))
}

fn failures(text: &str) -> Option<Vec<(Stage, FailureReason)>> {
    let (stage, reason) = match text.split_once(['.', '/', ':']) {
        Some((stage, reason)) => (Some(stage), reason.trim()),
        None => (None, text),
    };
    let wanted = |(at, why): &&(Stage, FailureReason)| {
        why.as_str().eq_ignore_ascii_case(reason)
            && stage.is_none_or(|stage| at.as_str().eq_ignore_ascii_case(stage))
    };
    let pairs: Vec<_> = FAILURE_PAIRS.iter().filter(wanted).copied().collect();
    (!pairs.is_empty()).then_some(pairs)
}

/// WinHTTP's own numbers are 0x80070000 + the number; a Microsoft page misprints 0x80072F0D as 800722F0D.
fn hresult(text: &str) -> Option<u32> {
    if let Ok(number @ 12_000..13_000) = text.parse::<u32>() {
        return Some(0x8007_0000 + number);
    }
    if text.starts_with('-') {
        return text.parse::<i32>().ok().map(i32::cast_unsigned);
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.eq_ignore_ascii_case("800722F0D") {
        return Some(0x8007_2F0D);
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_hresult_is_read() {
        for entry in &BOOK.hresults {
            let code = entry.code;
            let signed = code.cast_signed().to_string();
            for text in [format!("0x{code:08X}"), format!("{code:08x}"), format!("0X{code:x}"), signed] {
                assert_eq!(parse_code(&text), Ok(Code::Hresult(code)), "{text}");
            }
        }
        assert_eq!(parse_code("12175"), Ok(Code::Hresult(0x8007_2F8F)));
        for text in ["800722F0D", "0x800722F0D"] {
            assert_eq!(parse_code(text), Ok(Code::Hresult(0x8007_2F0D)), "the misprint {text}");
        }
    }

    #[test]
    fn reasons_are_read_with_and_without_a_stage() {
        use FailureReason as R;
        let cases = [
            ("tls.expired", vec![(Stage::Tls, R::Expired)]),
            ("TLS/Expired", vec![(Stage::Tls, R::Expired)]),
            ("expired", vec![(Stage::Tls, R::Expired), (Stage::Transfer, R::Expired)]),
            ("refused", vec![(Stage::Resolve, R::Refused), (Stage::Connect, R::Refused)]),
        ];
        for (text, pairs) in cases {
            assert_eq!(parse_code(text), Ok(Code::Failures(pairs)), "{text}");
        }
        for text in ["", "tls.nxdomain", "0x12345678", "nonsense", "99999999999"] {
            let error = parse_code(text).unwrap_err().to_string();
            assert!(error.contains("nxdomain") && error.contains("validate"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = parse_code(&text);
        }
    }
}
