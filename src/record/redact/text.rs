//! Free texts: what a failure says, which may repeat what a filter, a proxy or a script said. Only words of this program's own
//! messages are kept. A clause with another word is left out.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use super::names::Pseudonyms;
use crate::catalog::embedded;
use crate::observation::Failure;

/// What stands for a text that is left out.
const LEFT_OUT: &str = "…";

/// The first of the characters that stand for what is replaced, while a text is read. Texts can't have them.
const FIRST_PLACEHOLDER: u32 = 0xe000;

/// The last of them.
const LAST_PLACEHOLDER: u32 = 0xf8ff;

/// Numbers of up to so many digits are kept: statuses and codes, but no phone or personnel numbers.
const MAX_DIGITS: usize = 3;

/// Words of the servers and statuses that filters and Microsoft's services name.
const MORE_WORDS: &str = "Microsoft IIS HTTPAPI Kestrel nginx Apache AkamaiGHost ECAcc squid tinyproxy Zscaler Windows Azure Blob Table \
     Forbidden Unauthorized Gateway Service Unavailable Proxy Authentication Required";

/// The words of the program's own messages, by the test `the_vocabulary_is_that_of_the_messages`.
fn vocabulary() -> &'static HashSet<String> {
    static VOCABULARY: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let pages = embedded().block_pages.iter().map(|page| page.name.as_str());
        let texts = [include_str!("vocabulary.txt"), MORE_WORDS].into_iter().chain(pages);
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
        let mut text: String = text.chars().filter(|c| !is_placeholder(*c)).collect();
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
            return Some(self.url(word));
        }
        if let Ok(socket) = word.parse::<SocketAddr>() {
            return Some(self.socket(socket).to_string());
        }
        if let Ok(address) = word.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(self.address(address).to_string());
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => (host, Some(port)),
            _ => (word, None),
        };
        let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte))
            // No top-level domain begins with a digit: "TLSv1.2" and "4.5s" aren't hosts.
            && host.rsplit('.').next().is_some_and(|label| label.starts_with(|c: char| c.is_ascii_alphabetic()))
            && (host.contains('.') || port.is_some() || self.knows_host(host) && !vocabulary().contains(host));
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

/// The text with nothing between quotation marks: that is what the network sent.
fn without_quotes(text: &str) -> String {
    let parts = text.split('"').enumerate();
    let parts = parts.map(|(n, part)| if n % 2 == 0 { part.to_owned() } else { format!("\"{LEFT_OUT}\"") });
    parts.collect()
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

/// Whether a word is this program's: words of its messages, small numbers, versions, times.
fn is_own(word: &str) -> bool {
    humantime::parse_rfc3339(word).is_ok() || words(word).all(is_own_part)
}

fn is_own_part(part: &str) -> bool {
    let number = part.trim_end_matches("ms").trim_end_matches('s');
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { number.len() <= MAX_DIGITS } else { vocabulary().contains(part) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use proc_macro2::{TokenStream, TokenTree};

    use super::*;

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
            "the proxy answered CONNECT with 403: …, …",
        );
        check(
            "the chain ends at CN=Corp Root, O=Corp, not at a root of the genuine service",
            "the chain ends at CN=name 1, not at a root of the genuine service",
        );
        check(
            "redirect to http://portal.corp.example/login?user=jdoe",
            "redirect to http://n5.n3.n4.invalid/p1",
        );
        check("expired at 2026-01-02T00:00:00Z", "expired at 2026-01-02T00:00:00Z");
        check("jdoe\u{e000}", "…");
        check("", "");
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
                    let code: Vec<_> =
                        own.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
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
}
