//! Free texts: what a failure says, which may repeat what a filter, a proxy or a script said. Only words of this program's own
//! messages are kept. A clause with another word is left out.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use super::names::{Pseudonyms, has_known_scheme, is_port};
use crate::catalog::embedded;
use crate::net::failure::proxied;
use crate::observation::Failure;

/// What stands for a text that is left out.
const LEFT_OUT: &str = "…";

/// The first of the characters that stand for what is replaced, while a text is read. Texts can't have them.
const FIRST_PLACEHOLDER: u32 = 0xe000;

/// The last of them.
const LAST_PLACEHOLDER: u32 = 0xf8ff;

/// Numbers of up to so many digits are kept: statuses and codes, but no phone or personnel numbers.
const MAX_DIGITS: usize = 3;

/// The versions of protocols in messages. No other word has two numbers, besides durations and times.
const VERSIONS: [&str; 4] = ["1.0", "1.1", "1.2", "1.3"];

/// What a proxy's answer to CONNECT begins with in a message, before its status.
const CONNECT: &str = "answered CONNECT with ";

/// What comes before the words of a proxy, a script or another peer in a message.
const FOREIGN: [&str; 11] = [
    CONNECT,
    "response header of ",
    "response body is a page of ",
    "instead of the server: ",
    "it offers ",
    "it sent ",
    "it begins with ",
    "the script threw",
    "the script is malformed",
    "the script engine failed: ",
    "invalid result of the script: ",
];

/// The words of the program's own messages, by the test `the_vocabulary_is_that_of_the_messages`.
fn vocabulary() -> &'static HashSet<String> {
    static VOCABULARY: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let pages = embedded().block_pages.iter().map(|page| page.name.as_str());
        let texts = [include_str!("vocabulary.txt")].into_iter().chain(pages);
        texts.flat_map(words).map(str::to_owned).collect()
    });
    &VOCABULARY
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Replaces in a text what it knows by placeholders, and puts the replacements in at the end.
#[derive(Default)]
struct Placeholders(Vec<String>);

impl Placeholders {
    /// The placeholder of a replacement. What there are no placeholders left for is left out.
    fn add(&mut self, replacement: &str) -> String {
        let next = u32::try_from(self.0.len()).ok().and_then(|n| FIRST_PLACEHOLDER.checked_add(n));
        match next.filter(|next| *next <= LAST_PLACEHOLDER).and_then(char::from_u32) {
            Some(next) => {
                self.0.push(replacement.to_owned());
                next.to_string()
            }
            None => LEFT_OUT.to_owned(),
        }
    }

    fn fill_in(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        for c in text.chars() {
            let place = u32::from(c).checked_sub(FIRST_PLACEHOLDER).and_then(|n| usize::try_from(n).ok());
            match place.and_then(|n| self.0.get(n)) {
                Some(replacement) => filled.push_str(replacement),
                None => filled.push(c),
            }
        }
        filled
    }
}

const fn is_placeholder(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}')
}

impl Pseudonyms {
    /// A failure, with its detail redacted.
    pub(super) fn failure(&mut self, failure: &Failure) -> Failure {
        Failure::new(failure.phase, failure.reason, self.text(&failure.detail))
    }

    /// A text without names and without what isn't this program's.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut placeholders = Placeholders::default();
        let mut text: String = without_foreign(text).chars().filter(|c| !is_placeholder(*c)).collect();
        for known in self.known_names() {
            if text.contains(&known.name) {
                text = text.replace(&known.name, &placeholders.add(&known.pseudonym));
            }
        }
        let text = without_quotes(&text);
        let redacted: String = clauses(&text).map(|clause| self.clause(clause, &mut placeholders)).collect();
        let mut text = placeholders.fill_in(&redacted);
        while text.contains("……") {
            text = text.replace("……", LEFT_OUT);
        }
        text
    }

    /// A clause, or what stands for it.
    fn clause(&mut self, clause: &str, placeholders: &mut Placeholders) -> String {
        let body = clause.trim_end_matches(['(', ')', ',', ';', ':', '.', ' ']);
        let (body, end) = clause.split_at(body.len());
        let start = body.len() - body.trim_start().len();
        let (blank, body) = body.split_at(start);
        let kept: Option<Vec<_>> = body.split(' ').map(|word| self.word(word, placeholders)).collect();
        let kept = kept.filter(|_| !has_two_numbers(body));
        kept.map_or_else(
            || format!("{blank}{LEFT_OUT}{end}"),
            |words| format!("{blank}{}{end}", words.join(" ")),
        )
    }

    /// A word as it may be kept. `None` if it may not.
    fn word(&mut self, word: &str, placeholders: &mut Placeholders) -> Option<String> {
        let core = word.trim_matches(['.', ',', ';', ':', '(', ')', '!', '?', '\'', '…']);
        if core.is_empty() {
            return Some(word.to_owned());
        }
        let (before, after) = word.split_once(core)?;
        let replaced = self.replacement(core);
        let core = match replaced {
            Some(replaced) => placeholders.add(&replaced),
            None if is_own(core) => core.to_owned(),
            None => return None,
        };
        Some(format!("{before}{core}{after}"))
    }

    /// What stands for a URL, an address or a host.
    fn replacement(&mut self, word: &str) -> Option<String> {
        if word.contains("://") {
            return has_known_scheme(word).then(|| self.url(word));
        }
        if let Ok(socket) = word.parse::<SocketAddr>() {
            return Some(self.socket(socket).to_string());
        }
        if let Ok(address) = word.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(self.address(address).to_string());
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) if is_port(port) => (host, Some(port)),
            _ => (word, None),
        };
        let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte))
            // No top-level domain begins with a digit: "TLSv1.2" and "4.5s" aren't hosts.
            && host.rsplit('.').next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_alphabetic()))
            && (host.contains('.')
                || self.is_public(host)
                || self.knows_host(host) && (port.is_some() || !vocabulary().contains(host)));
        if !is_host {
            return None;
        }
        let pseudonym = match host.strip_prefix("*.") {
            Some(suffix) => format!("*.{}", self.host(suffix)),
            None => self.host(host),
        };
        Some(port.map_or_else(|| pseudonym.clone(), |port| format!("{pseudonym}:{port}")))
    }
}

/// The text without what a proxy, a script or another peer said, whatever its words. How a demand for authentication ends is this
/// program's again.
fn without_foreign(text: &str) -> String {
    let found = FOREIGN.into_iter().filter_map(|start| Some((text.find(start)?, start)));
    let Some((at, start)) = found.min() else { return text.to_owned() };
    let (own, foreign) = text.split_at(at + start.len());
    if embedded().block_pages.iter().any(|page| page.name == foreign) {
        return text.to_owned();
    }
    let status =
        if start == CONNECT { foreign.bytes().take(3).filter(u8::is_ascii_digit).count() } else { 0 };
    let (status, foreign) = foreign.split_at(status);
    let end = proxied::DEMAND_ENDS.into_iter().find(|end| foreign.ends_with(end)).unwrap_or_default();
    let left_out = if foreign.is_empty() { "" } else { LEFT_OUT };
    format!("{own}{status}{left_out}{end}")
}

/// The text with nothing between its first quotation mark and its last: that is what the network sent, and may have marks too.
fn without_quotes(text: &str) -> String {
    let (Some(first), Some(last)) = (text.find('"'), text.rfind('"')) else { return text.to_owned() };
    let end = if first == last { "" } else { &text[last + 1..] };
    format!("{}\"{LEFT_OUT}\"{end}", &text[..first])
}

/// The clauses of a text, each with the punctuation that ends it.
fn clauses(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let ends = rest.char_indices().find(|(at, c)| {
            let next = rest[at + c.len_utf8()..].chars().next();
            match c {
                ',' | ';' | ':' => next.is_none_or(char::is_whitespace),
                '(' | ')' => true,
                _ => false,
            }
        });
        let end = ends.map_or(rest.len(), |(at, c)| at + c.len_utf8());
        let (clause, left) = rest.split_at(end);
        rest = left;
        Some(clause)
    })
}

/// Whether a word is this program's: words of its messages, small numbers, durations, versions, times. What looks like an address
/// isn't, whatever surrounds it.
fn is_own(word: &str) -> bool {
    if humantime::parse_rfc3339(word).is_ok() {
        return true;
    }
    let numbers = words(word).filter(|part| part.contains(|c: char| c.is_ascii_digit())).count();
    let is_number = numbers < 2 || is_duration(word) || is_version(word);
    let has_signs = word.contains("://") || word.matches(':').count() > 1;
    is_number && !has_signs && words(word).all(is_own_part) && word.chars().all(is_plain)
}

/// Whether letters and signs are those of messages: others may be letters that no vocabulary knows.
fn is_plain(c: char) -> bool {
    c.is_ascii() || c == '…' || is_placeholder(c)
}

/// A duration in seconds, like "4.999s".
fn is_duration(word: &str) -> bool {
    let parts = word.strip_suffix('s').and_then(|seconds| seconds.split_once('.'));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(whole, rest)| is_digits(whole) && is_digits(rest))
}

/// A version of a protocol, with its name or without, like "HTTP/1.1", "TLSv1.2" and "1.3".
fn is_version(word: &str) -> bool {
    let name = VERSIONS.into_iter().find_map(|version| word.strip_suffix(version));
    name.is_some_and(|name| matches!(name, "" | "HTTP/" | "TLSv"))
}

/// Whether numbers follow each other, as in a telephone number.
fn has_two_numbers(clause: &str) -> bool {
    let is_number = |word: &str| words(word).all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let said = clause.split(' ').filter(|word| words(word).next().is_some());
    let kinds: Vec<_> = said.map(is_number).collect();
    kinds.windows(2).any(|two| two == [true, true])
}

fn is_own_part(part: &str) -> bool {
    let number = part.trim_end_matches("ms").trim_end_matches('s');
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { number.len() <= MAX_DIGITS } else { vocabulary().contains(part) }
}

#[cfg(test)]
mod tests;
