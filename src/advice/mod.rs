//! A reason, an HRESULT or a topic → words for a person: what is broken, why, and what to change. The words are data,
//! in `advice.yaml`; which reason a failure has is decided in `probe/classify.rs`.

mod code;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::Basis;
use crate::observation::{FailureReason, Stage};

pub use code::{Code, UnknownCode, parse_code};

/// What to tell a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What is broken, in one line.
    pub title: String,
    /// Why.
    pub cause: String,
    /// What to change, in the order of preference.
    pub remedies: Vec<String>,
    /// The HRESULT that a Windows client would typically show.
    pub hresult: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    remedies: BTreeMap<String, String>,
    failures: Vec<FailureEntry>,
    hresults: Vec<HresultEntry>,
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureEntry {
    reason: FailureReason,
    stage: Option<Stage>,
    title: String,
    cause: String,
    hresult: Option<u32>,
    remedies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HresultEntry {
    code: u32,
    http: Option<u16>,
    name: String,
    basis: Basis,
    cause: String,
    remedies: Vec<String>,
}

/// A matter that isn't a failure, in paragraphs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The word to ask for.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// Its paragraphs.
    pub text: Vec<String>,
}

/// The embedded words; a test reads the same text, and holds it to the vocabularies.
static BOOK: LazyLock<Book> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("advice.yaml")).expect("held by the test every_pair_has_advice")
});

impl Book {
    fn remedies(&self, names: &[String]) -> Vec<String> {
        names.iter().filter_map(|name| self.remedies.get(name).cloned()).collect()
    }
}

/// What a failure means. Every pair that can occur has words of its own.
#[must_use]
pub fn for_failure(stage: Stage, reason: FailureReason) -> Advice {
    let fits = |entry: &&FailureEntry| entry.reason == reason;
    let own = BOOK.failures.iter().filter(fits).find(|entry| entry.stage == Some(stage));
    let any = || BOOK.failures.iter().filter(fits).find(|entry| entry.stage.is_none());
    match own.or_else(any) {
        Some(entry) => Advice {
            title: entry.title.clone(),
            cause: entry.cause.clone(),
            remedies: BOOK.remedies(&entry.remedies),
            hresult: entry.hresult,
        },
        // No such pair occurs; what it is called is still said.
        None => Advice {
            title: format!("{stage}: {reason}"),
            cause: String::new(),
            remedies: Vec::new(),
            hresult: None,
        },
    }
}

/// What an HRESULT of `MpCmdRun.exe -ValidateMapsConnection` means; none if it isn't known.
#[must_use]
pub fn for_hresult(code: u32) -> Option<Advice> {
    let entry = BOOK.hresults.iter().find(|entry| entry.code == code)?;
    let http = entry.http.map_or_else(String::new, |http| format!(", httpcode {http}"));
    Some(Advice {
        title: format!("0x{code:08X}: {}{http}", entry.name),
        cause: format!("{} (source: {})", entry.cause, entry.basis),
        remedies: BOOK.remedies(&entry.remedies),
        hresult: None,
    })
}

/// The topics that can be asked for.
#[must_use]
pub fn topics() -> &'static [Topic] {
    &BOOK.topics
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FAILURE_PAIRS;

    #[test]
    fn every_pair_has_advice() {
        for (stage, reason) in FAILURE_PAIRS {
            let advice = for_failure(*stage, *reason);
            assert!(!advice.cause.is_empty() && !advice.remedies.is_empty(), "{stage}.{reason}");
        }
    }

    #[test]
    fn every_remedy_that_is_named_is_there_and_every_one_is_named() {
        let failures = BOOK.failures.iter().flat_map(|entry| &entry.remedies);
        let named: Vec<&String> =
            failures.chain(BOOK.hresults.iter().flat_map(|entry| &entry.remedies)).collect();
        assert!(named.iter().all(|name| BOOK.remedies.contains_key(*name)), "{named:?}");
        let unused: Vec<_> = BOOK.remedies.keys().filter(|name| !named.contains(name)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn hresults_of_failures_are_explained() {
        for code in BOOK.failures.iter().filter_map(|entry| entry.hresult) {
            assert!(for_hresult(code).is_some(), "0x{code:08X}");
        }
    }
}
