//! A reason, an HRESULT, a topic or the case of MAPS → words for a person: what is broken, why, and what to change. The
//! words are data, in `advice.yaml` and `topics.yaml`; which reason a failure has is decided in `failure/classify.rs`.

mod book;
mod code;
mod hresult;
mod maps;
mod names;
mod story;
#[cfg(test)]
mod tests;

use crate::catalog::{Basis, Component};
use crate::observation::{FailureReason, Stage};

use book::{BOOK, TOPICS, winhttp_number};
pub use book::{RevocationCause, Topic};
pub use code::{Code, UnknownCode, parse_code};
pub(crate) use hresult::in_text as hresult_in;
pub use maps::{MapsCase, maps_sentence};
pub use names::notes;
pub use story::{maps_story, why};

/// What to tell a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What is broken, in one line.
    pub title: String,
    /// Why.
    pub cause: String,
    /// What to change, in the order of preference.
    pub remedies: Vec<String>,
    /// The HRESULT that a Windows client would most likely show.
    pub hresult: Option<u32>,
    /// Others that it may show.
    pub other_hresults: Vec<u32>,
    /// Where the words are from, if that is known of each.
    pub source: Option<String>,
    /// The topics that say more.
    pub more: Vec<String>,
}

/// What a failure means. Every pair that can occur has words of its own.
#[must_use]
pub fn for_failure(stage: Stage, reason: FailureReason) -> Advice {
    failure(None, stage, reason)
}

/// What a failure means for an endpoint of this component: the hosts of the sample storage must never be exempted from
/// inspection, so that their remedies differ.
#[must_use]
pub fn for_component(component: Component, stage: Stage, reason: FailureReason) -> Advice {
    failure(Some(component), stage, reason)
}

/// What it means when the route's proxy isn't reached, so that nothing could be asked of the endpoint.
#[must_use]
pub fn at_proxy(stage: Stage, reason: FailureReason) -> Advice {
    let own = for_failure(stage, reason);
    let mut title = own.title.chars();
    let title: String = title.next().into_iter().flat_map(char::to_lowercase).chain(title).collect();
    let words = &BOOK.at_proxy;
    Advice {
        title: words.title.replace("{}", &title),
        cause: words.cause.clone(),
        remedies: remedies(None, &words.remedies),
        more: words.more.clone(),
        ..own
    }
}

fn failure(component: Option<Component>, stage: Stage, reason: FailureReason) -> Advice {
    let Some(entry) = BOOK.failure(stage, reason) else {
        // No such pair occurs; what it is called is still said.
        return Advice::bare(format!("{stage}: {reason}"));
    };
    Advice {
        cause: entry.cause.clone(),
        remedies: remedies(component, &entry.remedies),
        hresult: entry.hresult,
        other_hresults: entry.also.clone(),
        more: entry.more.clone(),
        ..Advice::bare(entry.title.clone())
    }
}

impl Advice {
    const fn bare(title: String) -> Self {
        Self {
            title,
            cause: String::new(),
            remedies: Vec::new(),
            hresult: None,
            other_hresults: Vec::new(),
            source: None,
            more: Vec::new(),
        }
    }
}

fn remedies(component: Option<Component>, names: &[String]) -> Vec<String> {
    let own = |name| BOOK.submission.get(name).filter(|_| component == Some(Component::Submission));
    names.iter().filter_map(|name| own(name).or_else(|| BOOK.remedies.get(name))).cloned().collect()
}

/// What an HRESULT of `MpCmdRun.exe -ValidateMapsConnection` or of the event log means: its own words, or those of the
/// family that it is of; none if neither is known.
#[must_use]
pub fn for_hresult(code: u32) -> Option<Advice> {
    known_hresult(code).or_else(|| hresult_of_family(code))
}

/// In a few words: the title of an HRESULT, or what kind of error it is; none if neither is known. One of a closed set.
#[must_use]
pub fn hresult_title(code: u32) -> Option<&'static str> {
    let own = BOOK.hresult(code).map(|entry| entry.title.as_str());
    own.or_else(|| BOOK.family(code).map(|family| family.title.as_str()))
}

fn known_hresult(code: u32) -> Option<Advice> {
    let entry = BOOK.hresult(code)?;
    let http = entry.http.map_or_else(String::new, |http| format!(", with httpcode {http}"));
    Some(Advice {
        cause: entry.cause.clone(),
        remedies: remedies(None, &entry.remedies),
        source: Some(format!("0x{code:08X} is {}{http}. {}", entry.name, source(entry.basis))),
        more: entry.more.clone(),
        ..Advice::bare(format!("0x{code:08X}: {}", entry.title))
    })
}

const fn source(basis: Basis) -> &'static str {
    match basis {
        Basis::Document => "Source: Microsoft's documentation.",
        Basis::Tool => "Source: a tool of Microsoft.",
        Basis::Community => "Source: reports of administrators; no document of Microsoft.",
        Basis::Inferred => {
            "Inferred from what the code means in Windows; no document says that Defender shows it."
        }
    }
}

/// Of a code without an entry, where it comes from and what can be done anyway.
fn hresult_of_family(code: u32) -> Option<Advice> {
    let family = BOOK.family(code)?;
    // The lower half of an HRESULT is the error of its facility ([MS-ERREF], section 2.1).
    let number = (code & 0xFFFF).to_string();
    let numbered = |text: String| text.replace("{number}", &number);
    let winhttp =
        winhttp_number(code).map_or_else(String::new, |number| format!(" (WinHTTP's number {number})"));
    Some(Advice {
        cause: numbered(family.cause.clone()),
        remedies: remedies(None, &family.remedies).into_iter().map(numbered).collect(),
        source: Some(
            "No document read for this program explains this very code; the above holds for its family."
                .to_owned(),
        ),
        more: family.more.clone(),
        ..Advice::bare(format!("0x{code:08X}{winhttp}: an error of the family: {}", family.title))
    })
}

/// The HRESULTs that have words of their own, with their titles.
pub fn hresults() -> impl Iterator<Item = (u32, &'static str)> {
    BOOK.hresults.iter().map(|entry| (entry.code, entry.title.as_str()))
}

/// The topics that can be asked for.
#[must_use]
pub fn topics() -> &'static [Topic] {
    &TOPICS
}

/// Why it can be unknown whether a certificate is revoked: every cause there is.
#[must_use]
pub fn revocation_causes() -> &'static [RevocationCause] {
    &BOOK.revocation
}

/// What each value of the registry value `SSLOptions` does, 0 to 3.
#[must_use]
pub fn ssl_options() -> &'static [String; 4] {
    &BOOK.ssl_options
}
