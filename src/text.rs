//! Sanitizes text from the network, programs and files for logs, pages and messages; hosts without brackets; durations.

use std::time::Duration;

/// The maximum length of text from a server, in characters.
pub const MAX_TEXT: usize = 256;

/// Sanitizes untrusted text: control characters become spaces, and it is truncated to [`MAX_TEXT`].
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned: String =
        text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).take(MAX_TEXT).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Sanitizes untrusted text as one line: whatever isn't visible separates words. Not truncated.
#[must_use]
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || !is_harmless(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A host without the brackets that an IPv6 address has in a URL.
#[must_use]
pub fn without_brackets(host: &str) -> &str {
    host.trim_matches(['[', ']'])
}

/// A duration for a message, in one unit: milliseconds below a second, otherwise seconds ("4.999s").
#[must_use]
pub fn duration(span: Duration) -> String {
    let millis = span.as_millis();
    let (seconds, rest) = (millis / 1000, millis % 1000);
    match (seconds, rest) {
        (0, _) => format!("{millis}ms"),
        (_, 0) => format!("{seconds}s"),
        _ => format!("{}s", format!("{seconds}.{rest:03}").trim_end_matches('0')),
    }
}

/// Whether a character is safe in logs and pages: no control character, line separator or bidirectional control.
pub(crate) fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Whether words for a person are free of what programmers write: structs, paths of types, links to documentation.
#[cfg(test)]
pub(crate) fn is_plain(words: &str) -> bool {
    !["{", "(Errors)", "docs.rs", "::", "UnixTime", "DnsName"].iter().any(|mark| words.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        for (micros, expected) in [
            (0, "0ms"),
            (900, "0ms"),
            (250_000, "250ms"),
            (999_999, "999ms"),
            (1_000_000, "1s"),
            (4_999_041, "4.999s"),
            (2_500_000, "2.5s"),
            (10_000_000, "10s"),
            (10_010_000, "10.01s"),
            (100_000_000, "100s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), expected);
        }
    }
}
