//! `explain`: explains a code, or lists all codes, wrapped for a terminal. `advice` has the texts.

mod services;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::wrap::{sentence, wrap, wrap_paragraph};
use crate::advice::{self, Advice, Code, RevocationCause, Topic, UnknownCode};
use crate::catalog;
use crate::observation::{FAILURE_CODES, Phase};

/// The meaning of a code and the remedies.
///
/// # Errors
/// If the code is unknown.
pub fn render(code: &str) -> Result<String, UnknownCode> {
    Ok(match advice::parse_code(code)? {
        Code::Failures(codes) => {
            let texts = codes
                .into_iter()
                .map(|code| text(&format!("{code}: "), &advice::for_failure(code.phase, code.reason)));
            texts.collect::<Vec<_>>().join("\n\n")
        }
        // MAPS verdicts have no phase; clients fail during TLS.
        Code::Reason(reason) => text(&format!("{reason}: "), &advice::for_failure(Phase::Tls, reason)),
        Code::Revocation(cause) => cause_text(cause),
        Code::Hresult(code) => hresult_text(code),
        Code::Topic(topic) => topic_text(topic),
    })
}

/// All codes that can be explained.
#[must_use]
pub fn list() -> String {
    let mut text = "defender-exporter explain CODE, where CODE is one of:\n\nTopics\n".to_owned();
    let topics = advice::topics();
    let width = topics.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
    for topic in topics {
        let _ = writeln!(text, "  {:width$}  {}", topic.name, topic.title); // a String never fails
    }
    text.push_str("\nReasons of failures, with or without their phase (tls.expired)\n");
    for phase in Phase::ALL {
        let reasons: Vec<_> = FAILURE_CODES
            .iter()
            .filter(|code| code.phase == *phase)
            .map(|code| code.reason.as_str())
            .collect();
        if !reasons.is_empty() {
            text.push_str(&wrap(&reasons.join(" "), &format!("  {phase:width$}  "), &" ".repeat(width + 4)));
        }
    }
    let _ = writeln!(text, "  {:width$}  revocation_unknown", "(maps)");
    text.push_str("\nCauses of unknown revocation (revocation.expired)\n");
    let causes: Vec<_> = advice::revocation_causes().iter().map(|cause| cause.cause.as_str()).collect();
    text.push_str(&wrap(&causes.join(" "), "  ", "  "));
    text.push_str(
        "\nHRESULTs, in hexadecimal or as exit code, WinHTTP's numbers, or the line that has one in it\n",
    );
    for (heading, codes) in advice::hresults() {
        let _ = writeln!(text, "  {heading}");
        for (code, title) in codes {
            let _ = writeln!(text, "    0x{code:08X}  {title}");
        }
    }
    text
}

/// The meaning of an HRESULT, and in an update, if that differs.
fn hresult_text(code: u32) -> String {
    let general = advice::for_hresult(code).map(|advice| text("", &advice));
    let update = advice::in_update(code).map(|advice| text("In an update (event 2001): ", &advice));
    general.into_iter().chain(update).collect::<Vec<_>>().join("\n\n")
}

fn text(prefix: &str, advice: &Advice) -> String {
    let mut text = wrap(&format!("{prefix}{}", advice.title), "", "");
    text.push('\n');
    text.push_str(&wrap(&advice.cause, "", ""));
    match advice.remedies.as_slice() {
        [] => {}
        [remedy] => {
            text.push_str("\nWhat to change:\n");
            text.push_str(&wrap(remedy, "  ", "  "));
        }
        remedies => {
            text.push_str("\nWhat to change, in this order:\n");
            for (n, remedy) in remedies.iter().enumerate() {
                text.push_str(&wrap(remedy, &format!("  {}. ", n + 1), "     "));
            }
        }
    }
    let last = [shown(advice), advice.source.clone(), more(&advice.more)];
    let last: Vec<_> = last.into_iter().flatten().map(|line| wrap(&line, "", "")).collect();
    if !last.is_empty() {
        text.push('\n');
    }
    text + &last.concat()
}

/// The error that a Windows client shows.
fn shown(advice: &Advice) -> Option<String> {
    let code = advice.hresult?;
    let others: Vec<_> = advice.other_hresults.iter().map(|code| format!("0x{code:08X}")).collect();
    let others = if others.is_empty() { String::new() } else { format!(" (or {})", others.join(", ")) };
    Some(format!("A Windows client would typically show 0x{code:08X}{others}."))
}

fn more(topics: &[String]) -> Option<String> {
    let commands: Vec<_> = topics.iter().map(|topic| format!("defender-exporter explain {topic}")).collect();
    (!commands.is_empty()).then(|| format!("More: {}", commands.join("; ")))
}

fn topic_text(topic: &Topic) -> String {
    let mut text = wrap(&topic.title, "", "");
    let mut before = "";
    for paragraph in topic.text.iter().flat_map(|paragraph| expand(paragraph)) {
        // No blank line between items of a list, or lines of code.
        let kind = ["- ", "    "].into_iter().find(|kind| paragraph.starts_with(kind)).unwrap_or_default();
        text.push_str(if kind == before && !kind.is_empty() { "" } else { "\n" });
        text.push_str(&wrap_paragraph(&paragraph));
        before = kind;
    }
    text
}

/// Expands placeholders of `topics.yaml` for lists.
fn expand(paragraph: &str) -> Vec<String> {
    match paragraph {
        "{revocation}" => {
            let causes = advice::revocation_causes().iter();
            causes.map(|cause| format!("- {}: {}.", cause.cause, cause.means)).collect()
        }
        "{ssl_options}" => advice::ssl_options()
            .iter()
            .enumerate()
            .map(|(value, does)| format!("- {value} {does}"))
            .collect(),
        "{services}" => services::paragraphs(catalog::embedded()),
        _ => vec![paragraph.to_owned()],
    }
}

fn cause_text(cause: &RevocationCause) -> String {
    let advice = advice::for_failure(Phase::Tls, crate::observation::FailureReason::RevocationUnknown);
    let change = cause.change.replace("{}", "the URL");
    let title = format!("revocation.{}: {}", cause.cause, advice.title);
    let head = wrap(&title, "", "") + "\n" + &wrap(&format!("Because {}.", cause.means), "", "");
    let more = more(&["revocation".to_owned(), "revocation_unknown".to_owned()]).unwrap_or_default();
    format!("{head}\nWhat to change:\n{}\n{}", wrap(&sentence(&change), "  ", "  "), wrap(&more, "", ""))
}
