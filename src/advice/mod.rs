//! Explains reasons, HRESULTs, topics and MAPS cases: the problem, its cause and its remedies, also as one short action
//! (`action.rs`). The texts are data, in `advice.yaml`, `topics.yaml` and `codes/`. `net/failure/classify.rs` decides which reason a
//! failure has.

mod texts;

pub mod action;
mod code;
mod codes;
mod hresult;
mod maps;
mod revocation;
#[cfg(test)]
mod tests;
mod updates;

use crate::catalog::{Component, Endpoint};
use crate::observation::{FailureReason, Phase};
use crate::tls::refusal;

pub use code::{Code, UnknownCode, parse_code};
pub(crate) use hresult::in_text as hresult_in;
pub use maps::{MapsCase, NeedHosts, maps_sentence};
pub use revocation::RevocationCase;
use texts::{ADVICE, TOPICS, winhttp_number};
pub use texts::{RevocationCause, Topic};
pub use updates::{for_update, in_update, update_action, update_title};

/// An explanation with remedies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The problem, in one line.
    pub title: String,
    /// The cause.
    pub cause: String,
    /// What to change, in order of preference.
    pub remedies: Vec<String>,
    /// The HRESULT that a Windows client most likely shows.
    pub hresult: Option<u32>,
    /// Other HRESULTs that it may show.
    pub other_hresults: Vec<u32>,
    /// The source of the text, if known.
    pub source: Option<String>,
    /// Topics with more information.
    pub more: Vec<String>,
}

/// A remark about a wildcard pattern whose bare name clients query. Returns `None` if the pattern isn't one. A firewall
/// whose `*.x` matches only names below `x` would block exactly the host that matters.
#[must_use]
pub fn apex_rule(endpoint: &Endpoint) -> Option<String> {
    let (pattern, apex) = (&endpoint.pattern, endpoint.apex()?);
    Some(format!(
        "`{pattern}` does not match `{apex}` in many firewalls and proxies: allow the name itself too."
    ))
}

/// Explains a failure. Every pair that can occur has its own text.
#[must_use]
pub fn for_failure(phase: Phase, reason: FailureReason) -> Advice {
    failure(None, phase, reason)
}

/// Explains a failure for an endpoint of this component. Hosts of the sample storage must never be exempted from
/// inspection, and a company's servers are its own to repair, so their remedies differ.
#[must_use]
pub fn for_component(component: Component, phase: Phase, reason: FailureReason) -> Advice {
    failure(Some(component), phase, reason)
}

/// Explains a failure of an endpoint of this component with its detail: if a certificate is for another host, the
/// advice is about that host.
#[must_use]
pub fn for_detail(component: Component, phase: Phase, reason: FailureReason, detail: &str) -> Advice {
    let own = for_component(component, phase, reason);
    let Some(host) = refusal::other_host(detail).filter(|_| phase == Phase::Tls) else { return own };
    let words = &ADVICE.other_host;
    let named = |text: String| text.replace("{}", host);
    Advice {
        cause: named(words.cause.clone()),
        remedies: remedies(None, &words.remedies).into_iter().map(named).collect(),
        more: Vec::new(),
        ..own
    }
}

/// Explains a failure to reach the route's proxy; the endpoint wasn't tested.
#[must_use]
pub fn at_proxy(phase: Phase, reason: FailureReason) -> Advice {
    let own = for_failure(phase, reason);
    if reason == FailureReason::Internal {
        return own; // not the proxy's fault, nor that of the path to it
    }
    let mut title = own.title.chars();
    let title: String = title.next().into_iter().flat_map(char::to_lowercase).chain(title).collect();
    let words = &ADVICE.at_proxy;
    Advice {
        title: words.title.replace("{}", &title),
        cause: words.cause.clone(),
        remedies: remedies(None, &words.remedies),
        more: words.more.clone(),
        ..own
    }
}

fn failure(component: Option<Component>, phase: Phase, reason: FailureReason) -> Advice {
    let Some(entry) = ADVICE.failure(phase, reason) else {
        // This pair never occurs, but its name is still a title.
        return Advice::bare(format!("{phase}: {reason}"));
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
    let own = |name| match component? {
        Component::Submission => ADVICE.submission.get(name),
        component if component.is_on_premises() => ADVICE.on_premises.get(name),
        _ => None,
    };
    names.iter().filter_map(|name| own(name).or_else(|| ADVICE.remedies.get(name))).cloned().collect()
}

/// Explains an HRESULT by its own entry or that of its family: one of `MpCmdRun.exe -ValidateMapsConnection`, or one of an
/// event. Returns `None` if neither exists.
#[must_use]
pub fn for_hresult(code: u32) -> Option<Advice> {
    codes::hresult(code).map(known_advice).or_else(|| family_advice(code))
}

/// A short title: that of an HRESULT or of its family, from a closed set. Returns `None` if neither exists.
#[must_use]
pub fn hresult_title(code: u32) -> Option<&'static str> {
    let own = codes::hresult(code).map(|known| known.entry.title.as_str());
    own.or_else(|| ADVICE.family(code).map(|family| family.title.as_str()))
}

fn known_advice(known: codes::Hresult) -> Advice {
    let codes::CodeEntry { code, title, cause, remedies: names, more, .. } = known.entry;
    Advice {
        cause: cause.clone(),
        remedies: remedies(None, names),
        source: Some(known.source()),
        more: more.clone(),
        ..Advice::bare(format!("0x{code:08X}: {title}"))
    }
}

/// Explains a code without an entry by its family: its origin and general remedies.
fn family_advice(code: u32) -> Option<Advice> {
    let family = ADVICE.family(code)?;
    // The lower half of an HRESULT is the error of its facility ([MS-ERREF], section 2.1).
    let number = (code & 0xFFFF).to_string();
    let numbered = |text: String| text.replace("{number}", &number);
    let winhttp =
        winhttp_number(code).map_or_else(String::new, |number| format!(" (WinHTTP's number {number})"));
    Some(Advice {
        cause: numbered(family.cause.clone()),
        remedies: remedies(None, &family.remedies).into_iter().map(numbered).collect(),
        source: Some(
            "Microsoft's documents don't describe this code by itself; the above is advice for its family."
                .to_owned(),
        ),
        more: family.more.clone(),
        ..Advice::bare(format!("0x{code:08X}{winhttp}: an error of the family: {}", family.title))
    })
}

/// The HRESULTs that have entries, by group: its heading, and the codes with their titles.
pub fn hresults() -> impl Iterator<Item = (&'static str, Vec<(u32, &'static str)>)> {
    let titled = |known: codes::Hresult| (known.entry.code, known.entry.title.as_str());
    codes::groups().iter().map(move |group| (group.heading, group.hresults().map(titled).collect()))
}

/// All topics.
#[must_use]
pub fn topics() -> &'static [Topic] {
    &TOPICS
}

/// All causes of unknown revocation status.
#[must_use]
pub fn revocation_causes() -> &'static [RevocationCause] {
    &ADVICE.revocation
}

/// The meaning of each value of the registry value `SSLOptions`, 0 to 3.
#[must_use]
pub fn ssl_options() -> &'static [String; 4] {
    &ADVICE.ssl_options
}
