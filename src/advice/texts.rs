//! The embedded texts of `advice.yaml` and `topics.yaml`. `mod.rs` and `code.rs` look them up.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::observation::{FailureReason, Phase};

/// `advice.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdviceTexts {
    pub(super) remedies: BTreeMap<String, String>,
    /// Remedies with another text for the sample storage.
    pub(super) submission: BTreeMap<String, String>,
    /// Remedies with another text for servers that the company runs.
    pub(super) on_premises: BTreeMap<String, String>,
    /// The remedies as one short action.
    pub(super) actions: BTreeMap<String, String>,
    /// Actions with another text for the sample storage.
    pub(super) submission_actions: BTreeMap<String, String>,
    /// Actions with another text for servers that the company runs.
    pub(super) on_premises_actions: BTreeMap<String, String>,
    /// Actions for endpoints that work with a fault, by the kind of their concern.
    pub(super) concerns: BTreeMap<String, String>,
    /// Actions for probes that get slow or flap, by phase.
    pub(super) phases: BTreeMap<Phase, String>,
    pub(super) at_proxy: AtProxy,
    pub(super) other_host: OtherHost,
    pub(super) failures: Vec<FailureEntry>,
    pub(super) families: Vec<HresultFamily>,
    /// By value.
    pub(super) ssl_options: [String; 4],
    pub(super) revocation: Vec<RevocationCause>,
    pub(super) unusable_revocation: UnusableRevocation,
}

/// What to change about unusable revocation data, where the cause alone doesn't say it. `{}` is replaced by the source's
/// URL, `{host}` by its host.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnusableRevocation {
    pub(super) clock_ahead: String,
    pub(super) clock_behind: String,
    pub(super) stapled: String,
    /// The first that applies counts.
    pub(super) fetch: Vec<FetchRemedy>,
}

/// What to change if a fetch fails so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchRemedy {
    /// Empty: any.
    #[serde(default)]
    pub(super) phases: Vec<Phase>,
    /// Empty: any.
    #[serde(default)]
    pub(super) reasons: Vec<FailureReason>,
    pub(super) change: String,
    /// Whether a machine that lacks its WinHTTP proxy fails so.
    #[serde(default)]
    pub(super) winhttp_proxy: bool,
}

/// Text for all failures to reach a proxy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AtProxy {
    /// `{}` is replaced by the failure's own title.
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
    pub(super) more: Vec<String>,
}

/// Text for certificates of another host. `{}` is replaced by its name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtherHost {
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailureEntry {
    pub(super) reason: FailureReason,
    pub(super) phase: Option<Phase>,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) hresult: Option<u32>,
    #[serde(default)]
    pub(super) also: Vec<u32>,
    pub(super) remedies: Vec<String>,
    #[serde(default)]
    pub(super) more: Vec<String>,
}

/// A family of HRESULTs without entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HresultFamily {
    /// Ranges of WinHTTP's numbers, inclusive.
    #[serde(default)]
    winhttp: Vec<(u32, u32)>,
    /// Ranges of HRESULTs, inclusive.
    #[serde(default)]
    hresults: Vec<(u32, u32)>,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
    #[serde(default)]
    pub(super) more: Vec<String>,
}

/// A cause of unknown revocation status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationCause {
    /// Its name.
    pub cause: String,
    /// Describes the failure of the source, following its URL.
    pub fault: String,
    /// The explanation.
    pub means: String,
    /// The remedy; `{}` is replaced by the source's URL.
    pub change: String,
}

/// An article about a subject other than a failure. `topics.yaml` documents its format.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Other names.
    pub also: Vec<String>,
    /// Its title.
    pub title: String,
    /// Its paragraphs.
    pub text: Vec<String>,
}

/// A test compares it with the enums.
pub(super) static ADVICE: LazyLock<AdviceTexts> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("advice.yaml")).expect("held by the test every_pair_has_advice")
});

pub(super) static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("topics.yaml"))
        .expect("held by the test every_topic_that_is_named_is_there")
});

impl AdviceTexts {
    pub(super) fn failure(&self, phase: Phase, reason: FailureReason) -> Option<&FailureEntry> {
        let fits = |entry: &&FailureEntry| entry.reason == reason;
        let own = self.failures.iter().filter(fits).find(|entry| entry.phase == Some(phase));
        own.or_else(|| self.failures.iter().filter(fits).find(|entry| entry.phase.is_none()))
    }

    pub(super) fn family(&self, code: u32) -> Option<&HresultFamily> {
        self.families.iter().find(|family| family.has(code))
    }
}

impl HresultFamily {
    fn has(&self, code: u32) -> bool {
        let within = |value: u32, ranges: &[(u32, u32)]| {
            ranges.iter().any(|(from, to)| (*from..=*to).contains(&value))
        };
        within(code, &self.hresults)
            || winhttp_number(code).is_some_and(|number| within(number, &self.winhttp))
    }
}

/// `HRESULT_FROM_WIN32` (winerror.h) adds this to an error number.
const WIN32: u32 = 0x8007_0000;

/// The errors of WinHTTP (`WINHTTP_ERROR_BASE`, winhttp.h) and WinINet.
const WINHTTP: std::ops::Range<u32> = 12_000..13_000;

/// The HRESULT of a WinHTTP error.
pub(super) fn winhttp_hresult(number: u32) -> Option<u32> {
    WINHTTP.contains(&number).then(|| WIN32 + number)
}

/// The WinHTTP error in an HRESULT.
pub(super) fn winhttp_number(code: u32) -> Option<u32> {
    code.checked_sub(WIN32).filter(|number| WINHTTP.contains(number))
}
