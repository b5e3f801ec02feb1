//! Parses what `explain` accepts. `hresult.rs` has the spellings of HRESULTs.

use std::fmt;

use super::texts::ADVICE;
use super::{RevocationCause, Topic, codes, hresult, revocation_causes, topics};
use crate::observation::{FAILURE_CODES, FailureCode, FailureReason};

/// A code that can be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// Phases and reasons: one, or all phases with that reason.
    Failures(Vec<FailureCode>),
    /// A reason that only verdicts have, never a probe.
    Reason(FailureReason),
    /// A cause of unknown revocation status.
    Revocation(&'static RevocationCause),
    /// An HRESULT with its own entry, or of a known family.
    Hresult(u32),
    /// A topic.
    Topic(&'static Topic),
}

/// An unknown code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct UnknownCode {
    code: String,
    /// A known word with a similar spelling.
    nearest: Option<String>,
}

impl fmt::Display for UnknownCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not known", self.code)?;
        if let Some(nearest) = &self.nearest {
            write!(f, ": did you mean {nearest}?")?;
        }
        write!(
            f,
            "\nKnown are reasons (nxdomain, tls.expired), HRESULTs (0x80072F8F, -2147012721, 12175)\n\
             and topics (maps, validate); all of them: defender-exporter explain"
        )
    }
}

/// The maximum length of the user's text in messages, in characters.
const MAX_SHOWN: usize = 60;

impl UnknownCode {
    fn new(code: &str) -> Self {
        let cut = if code.chars().nth(MAX_SHOWN).is_some() { "…" } else { "" };
        let start: String = code.chars().take(MAX_SHOWN).collect();
        Self { code: crate::text::clean(&start) + cut, nearest: nearest(code) }
    }
}

/// Parses a reason, `phase.reason`, `revocation.cause`, a topic, an HRESULT in any spelling, or a line that contains
/// one.
///
/// # Errors
/// If it is none of these, or an HRESULT of an unknown family.
pub fn parse_code(text: &str) -> Result<Code, UnknownCode> {
    let text = text.trim();
    let word = normal(text);
    let explained = |code: &u32| codes::hresult(*code).is_some() || ADVICE.family(*code).is_some();
    let of_word =
        || failures(&word).or_else(|| topic(&word)).or_else(|| revocation(&word)).or_else(|| curl(text));
    let of_number =
        || hresult::one(text).filter(explained).or_else(|| hresult::in_text(text).filter(explained));
    of_word().or_else(|| of_number().map(Code::Hresult)).ok_or_else(|| UnknownCode::new(text))
}

/// The topic of an error of curl that a line names, such as "curl error 60" of `mdatp connectivity test`. A number without that
/// word is none.
fn curl(text: &str) -> Option<Code> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut after = words.skip_while(|word| !word.eq_ignore_ascii_case("curl")).skip(1);
    let number: u8 = after.find_map(|word| word.parse().ok())?;
    topic(&normal(&format!("curl-{number}")))
}

/// Normalizes a word: ignores hyphens, spaces, case, and the separator between phase and reason.
fn normal(text: &str) -> String {
    let one = |c: char| match c {
        '-' | ' ' => '_',
        '/' | ':' => '.',
        other => other.to_ascii_lowercase(),
    };
    text.chars().map(one).collect()
}

fn failures(word: &str) -> Option<Code> {
    let (phase, reason) = match word.split_once('.') {
        Some((phase, reason)) => (Some(phase), reason.trim_matches('_')),
        None => (None, word),
    };
    let wanted = |code: &&FailureCode| {
        code.reason.as_str() == reason && phase.is_none_or(|phase| code.phase.as_str() == phase)
    };
    let codes: Vec<_> = FAILURE_CODES.iter().filter(wanted).copied().collect();
    if !codes.is_empty() {
        return Some(Code::Failures(codes));
    }
    let never_of_a_probe = |reason: &FailureReason| FAILURE_CODES.iter().all(|code| code.reason != *reason);
    let named = FailureReason::ALL.iter().copied().find(|known| known.as_str() == reason)?;
    // Ignores the phase: such a reason has none, but a label or a user may add one.
    Some(named).filter(never_of_a_probe).map(Code::Reason)
}

fn topic(word: &str) -> Option<Code> {
    let named =
        |topic: &&Topic| std::iter::once(&topic.name).chain(&topic.also).any(|name| normal(name) == word);
    topics().iter().find(named).map(Code::Topic)
}

fn revocation(word: &str) -> Option<Code> {
    let prefixes = ["revocation.", "revocation_unknown.", ""];
    let cause = prefixes.iter().find_map(|prefix| word.strip_prefix(prefix))?.trim_matches('_');
    revocation_causes().iter().find(|known| known.cause == cause).map(Code::Revocation)
}

/// The known word or code that the text was meant to be.
fn nearest(text: &str) -> Option<String> {
    let word = normal(&text.chars().take(MAX_SHOWN).collect::<String>());
    if is_code(&word) { nearest_code(&word) } else { nearest_word(&word) }
}

/// Whether it looks like an HRESULT.
fn is_code(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let hexadecimal =
        digits.chars().all(|c| c.is_ascii_hexdigit()) && digits.contains(|c: char| c.is_ascii_digit());
    hexadecimal && (digits.len() >= 6 || digits.len() < word.len())
}

/// The code that differs in one digit. Codes that differ in more have nothing in common.
fn nearest_code(word: &str) -> Option<String> {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    let known = codes::hresults().map(|known| format!("{:08x}", known.entry.code));
    let near = known.filter(|known| strsim::levenshtein(digits, known) == 1).min_by_key(|known| {
        known.len() != digits.len() // none: a digit is wrong; otherwise one is missing or superfluous
    });
    near.map(|digits| format!("0x{}", digits.to_ascii_uppercase()))
}

/// The word with the smallest edit distance. Returns `None` if more than a third of it differs.
fn nearest_word(word: &str) -> Option<String> {
    let reasons = FailureReason::ALL.iter().map(|reason| reason.as_str().to_owned());
    let codes = FAILURE_CODES.iter().map(ToString::to_string);
    let names = topics().iter().flat_map(|topic| std::iter::once(&topic.name).chain(&topic.also).cloned());
    let causes = revocation_causes().iter().map(|cause| cause.cause.clone());
    let (distance, best) = reasons
        .chain(codes)
        .chain(names)
        .chain(causes)
        .map(|known| (strsim::damerau_levenshtein(word, &normal(&known)), known))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= (best.len() / 3).max(1)).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Phase;

    #[test]
    fn reasons_are_read_with_and_without_a_phase() {
        use FailureReason as R;
        let cases = [
            ("tls.expired", vec![FailureCode::new(Phase::Tls, R::Expired)]),
            ("TLS/Expired", vec![FailureCode::new(Phase::Tls, R::Expired)]),
            ("tls: not-yet valid", vec![FailureCode::new(Phase::Tls, R::NotYetValid)]),
            (
                "expired",
                vec![FailureCode::new(Phase::Tls, R::Expired), FailureCode::new(Phase::Transfer, R::Expired)],
            ),
            (
                "refused",
                vec![
                    FailureCode::new(Phase::Resolve, R::Refused),
                    FailureCode::new(Phase::Connect, R::Refused),
                    FailureCode::new(Phase::Tunnel, R::Refused),
                ],
            ),
        ];
        for (text, codes) in cases {
            assert_eq!(parse_code(text), Ok(Code::Failures(codes)), "{text}");
        }
        for text in ["revocation_unknown", " Revocation-Unknown ", "tls.revocation_unknown"] {
            assert_eq!(parse_code(text), Ok(Code::Reason(R::RevocationUnknown)), "{text}");
        }
    }

    #[test]
    fn every_reason_is_explained_by_its_word() {
        for reason in FailureReason::ALL {
            let code = parse_code(reason.as_str());
            assert!(matches!(code, Ok(Code::Failures(_) | Code::Reason(_))), "{reason}: {code:?}");
        }
    }

    #[test]
    fn topics_and_causes_are_read_by_all_their_words() {
        let name = |text: &str| match parse_code(text) {
            Ok(Code::Topic(topic)) => topic.name.clone(),
            Ok(Code::Revocation(cause)) => format!("cause {}", cause.cause),
            other => panic!("{text}: {other:?}"),
        };
        for (text, expected) in [
            ("maps", "maps"),
            ("SSLOptions", "ssl-options"),
            ("ssl_options", "ssl-options"),
            ("ssl options", "ssl-options"),
            ("sample-file", "sample-file"),
            ("451", "validate"),
            ("curl 60", "curl-60"),
            ("curl error 35", "curl-35"),
            (
                "[FAILED] curl: (60) SSL certificate problem: unable to get local issuer certificate",
                "curl-60",
            ),
            ("defender_crl_fetch_success", "revocation"),
            ("no_source", "cause no_source"),
            ("revocation.expired", "cause expired"),
            ("revocation_unknown: unreachable", "cause unreachable"),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_nearly_a_word_leads_to_it() {
        for (text, expected) in [
            ("nxdomian", Some("nxdomain")),
            ("revocation_unkown", Some("revocation_unknown")),
            ("tls.expird", Some("tls.expired")),
            ("validat", Some("validate")),
            ("ssl-option", Some("ssl-options")),
            ("unkown issuer", Some("unknown_issuer")),
            ("intercept", Some("intercepted")),
            ("0x80072F8FF", Some("0x80072F8F")),
            // One digit, and no more: a code with the same start means something else.
            ("0xC0D05001", Some("0x80D05001")),
            ("80D5001", Some("0x80D05001")),
            ("0x7F004005", None),
            ("0x00D05001", Some("0x80D05001")),
            ("0xC0D05003", None),
            ("", None),
            ("tls.nxdomain", None),
            ("0x12345678", None),
            ("nonsense", None),
            ("99999999999", None),
        ] {
            let error = parse_code(text).unwrap_err();
            assert_eq!(error.nearest.as_deref(), expected, "{text}");
            let said = error.to_string();
            assert!(said.contains("nxdomain") && said.contains("defender-exporter explain"), "{said}");
        }
    }
}
