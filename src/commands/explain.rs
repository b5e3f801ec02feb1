//! `explain`: a code in words, wrapped for a terminal; without a code, what can be explained. The words are `advice`'s.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::fill::{block, fill};
use crate::advice::{self, Advice, Code, RevocationCause, Topic, UnknownCode};
use crate::observation::{FAILURE_PAIRS, Stage};

/// What the code means and what to change.
///
/// # Errors
/// When the code isn't known.
pub fn render(code: &str) -> Result<String, UnknownCode> {
    Ok(match advice::parse_code(code)? {
        Code::Failures(pairs) => {
            let texts = pairs.into_iter().map(|(stage, reason)| {
                text(&format!("{stage}.{reason}: "), &advice::for_failure(stage, reason))
            });
            texts.collect::<Vec<_>>().join("\n\n")
        }
        // The verdict on MAPS has no stage; it is TLS that a client wouldn't complete.
        Code::Reason(reason) => text(&format!("{reason}: "), &advice::for_failure(Stage::Tls, reason)),
        Code::Revocation(cause) => cause_text(cause),
        Code::Hresult(code) => advice::for_hresult(code).map_or_else(String::new, |advice| text("", &advice)),
        Code::Topic(topic) => topic_text(topic),
    })
}

/// Everything that can be explained.
#[must_use]
pub fn list() -> String {
    let mut text = "defender-exporter explain CODE, where CODE is one of:\n\nTopics\n".to_owned();
    let topics = advice::topics();
    let width = topics.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
    for topic in topics {
        let _ = writeln!(text, "  {:width$}  {}", topic.name, topic.title); // a String never fails
    }
    text.push_str("\nReasons of failures, with or without their stage (tls.expired)\n");
    for stage in Stage::ALL {
        let reasons: Vec<_> =
            FAILURE_PAIRS.iter().filter(|(at, _)| at == stage).map(|(_, reason)| reason.as_str()).collect();
        if !reasons.is_empty() {
            text.push_str(&fill(&reasons.join(" "), &format!("  {stage:width$}  "), &" ".repeat(width + 4)));
        }
    }
    let _ = writeln!(text, "  {:width$}  revocation_unknown", "(maps)");
    text.push_str("\nCauses of unknown revocation (revocation.expired)\n");
    let causes: Vec<_> = advice::revocation_causes().iter().map(|cause| cause.cause.as_str()).collect();
    text.push_str(&fill(&causes.join(" "), "  ", "  "));
    text.push_str(
        "\nHRESULTs, in hexadecimal or as exit code, WinHTTP's numbers, or the line that has one in it\n",
    );
    for (code, title) in advice::hresults() {
        let _ = writeln!(text, "  0x{code:08X}  {title}");
    }
    text
}

fn text(prefix: &str, advice: &Advice) -> String {
    let mut text = fill(&format!("{prefix}{}", advice.title), "", "");
    text.push('\n');
    text.push_str(&fill(&advice.cause, "", ""));
    match advice.remedies.as_slice() {
        [] => {}
        [remedy] => {
            text.push_str("\nWhat to change:\n");
            text.push_str(&fill(remedy, "  ", "  "));
        }
        remedies => {
            text.push_str("\nWhat to change, in this order:\n");
            for (n, remedy) in remedies.iter().enumerate() {
                text.push_str(&fill(remedy, &format!("  {}. ", n + 1), "     "));
            }
        }
    }
    let last = [shown(advice), advice.source.clone(), more(&advice.more)];
    let last: Vec<_> = last.into_iter().flatten().map(|line| fill(&line, "", "")).collect();
    if !last.is_empty() {
        text.push('\n');
    }
    text + &last.concat()
}

/// What a Windows client would show.
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
    let mut text = fill(&topic.title, "", "");
    let mut before = "";
    for paragraph in topic.text.iter().flat_map(|paragraph| expand(paragraph)) {
        // Items of one list stand close to each other, and lines of code too.
        let kind = ["- ", "    "].into_iter().find(|kind| paragraph.starts_with(kind)).unwrap_or_default();
        text.push_str(if kind == before && !kind.is_empty() { "" } else { "\n" });
        text.push_str(&block(&paragraph));
        before = kind;
    }
    text
}

/// The lists that `topics.yaml` has a word for.
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
        _ => vec![paragraph.to_owned()],
    }
}

fn cause_text(cause: &RevocationCause) -> String {
    let advice = advice::for_failure(Stage::Tls, crate::observation::FailureReason::RevocationUnknown);
    let change = cause.change.replace("{}", "the URL");
    let title = format!("revocation.{}: {}", cause.cause, advice.title);
    let head = fill(&title, "", "") + "\n" + &fill(&format!("Because {}.", cause.means), "", "");
    let more = more(&["revocation".to_owned(), "revocation_unknown".to_owned()]).unwrap_or_default();
    format!("{head}\nWhat to change:\n{}\n{}", fill(&capital(&change), "  ", "  "), fill(&more, "", ""))
}

/// A sentence of words that begin in lower case.
fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}
