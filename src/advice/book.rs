//! The embedded words, as `advice.yaml` and `topics.yaml` have them. Looking them up is `mod.rs`'s and `code.rs`'s.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::Basis;
use crate::observation::{FailureReason, Stage};

/// `advice.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    pub(super) remedies: BTreeMap<String, String>,
    /// Remedies that read otherwise for the sample storage.
    pub(super) submission: BTreeMap<String, String>,
    pub(super) at_proxy: AtProxy,
    pub(super) failures: Vec<FailureEntry>,
    pub(super) hresults: Vec<HresultEntry>,
    pub(super) families: Vec<Family>,
    /// By value.
    pub(super) ssl_options: [String; 4],
    pub(super) revocation: Vec<RevocationCause>,
}

/// What goes for every failure on the way to a proxy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtProxy {
    /// `{}` is the failure's own title.
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
    pub(super) more: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureEntry {
    pub(super) reason: FailureReason,
    pub(super) stage: Option<Stage>,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) hresult: Option<u32>,
    #[serde(default)]
    pub(super) also: Vec<u32>,
    pub(super) remedies: Vec<String>,
    #[serde(default)]
    pub(super) more: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HresultEntry {
    pub(super) code: u32,
    pub(super) http: Option<u16>,
    pub(super) name: String,
    pub(super) basis: Basis,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
    #[serde(default)]
    pub(super) more: Vec<String>,
}

/// What an HRESULT without an entry belongs to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Family {
    /// Ranges of WinHTTP's numbers, ends included.
    #[serde(default)]
    winhttp: Vec<(u32, u32)>,
    /// Ranges of HRESULTs, ends included.
    #[serde(default)]
    hresults: Vec<(u32, u32)>,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
    #[serde(default)]
    pub(super) more: Vec<String>,
}

/// Why it isn't known whether a certificate is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationCause {
    /// The word for it.
    pub cause: String,
    /// What is wrong with the source, as words that follow its URL.
    pub fault: String,
    /// What it means.
    pub means: String,
    /// What to change; `{}` stands for the source's URL.
    pub change: String,
}

/// A matter that isn't a failure, in paragraphs: `topics.yaml` says how they are written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// The word to ask for.
    pub name: String,
    /// Other words that lead to it.
    pub also: Vec<String>,
    /// What it is about.
    pub title: String,
    /// Its paragraphs.
    pub text: Vec<String>,
}

/// A test holds it to the vocabularies.
pub(super) static BOOK: LazyLock<Book> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("advice.yaml")).expect("held by the test every_pair_has_advice")
});

pub(super) static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("topics.yaml"))
        .expect("held by the test every_topic_that_is_named_is_there")
});

impl Book {
    pub(super) fn failure(&self, stage: Stage, reason: FailureReason) -> Option<&FailureEntry> {
        let fits = |entry: &&FailureEntry| entry.reason == reason;
        let own = self.failures.iter().filter(fits).find(|entry| entry.stage == Some(stage));
        own.or_else(|| self.failures.iter().filter(fits).find(|entry| entry.stage.is_none()))
    }

    pub(super) fn hresult(&self, code: u32) -> Option<&HresultEntry> {
        self.hresults.iter().find(|entry| entry.code == code)
    }

    pub(super) fn family(&self, code: u32) -> Option<&Family> {
        self.families.iter().find(|family| family.has(code))
    }
}

impl Family {
    fn has(&self, code: u32) -> bool {
        let within = |value: u32, ranges: &[(u32, u32)]| {
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&value))
        };
        within(code, &self.hresults)
            || winhttp_number(code).is_some_and(|number| within(number, &self.winhttp))
    }
}

/// `HRESULT_FROM_WIN32` (winerror.h) of an error: this + its number.
const WIN32: u32 = 0x8007_0000;

/// WinHTTP's numbers begin at 12000 (`WINHTTP_ERROR_BASE`, winhttp.h); WinINet's share the thousand.
const WINHTTP: std::ops::Range<u32> = 12_000..13_000;

/// The HRESULT of one of WinHTTP's numbers.
pub(super) fn winhttp_hresult(number: u32) -> Option<u32> {
    WINHTTP.contains(&number).then(|| WIN32 + number)
}

/// The number of WinHTTP that an HRESULT carries.
pub(super) fn winhttp_number(code: u32) -> Option<u32> {
    code.checked_sub(WIN32).filter(|number| WINHTTP.contains(number))
}
