//! `check --download-test`: how the test ended, in words, and its exit code.

use crate::commands::fill::fill;
use crate::host::download::{Outcome, Sign};

/// 0: Defender stopped the file, 1: nothing can be told, 2: it didn't.
#[must_use]
pub const fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Stopped(_) => 0,
        Outcome::Unclear(_) => 1,
        Outcome::NotStopped { .. } => 2,
    }
}

/// The outcome in words.
#[must_use]
pub fn render(outcome: &Outcome) -> String {
    let (title, more) = match outcome {
        Outcome::Stopped(signs) => {
            let signs: Vec<_> = signs.iter().map(|sign: &Sign| sign.as_str()).collect();
            ("Defender stopped the test file.", format!("{}.", signs.join("; ")))
        }
        Outcome::NotStopped { log_is_silent } => {
            let log = if *log_is_silent { ", and the event log has no detection" } else { "" };
            (
                "Defender did NOT stop the test file.",
                format!(
                    "It could be read to the end{log}. Real-time or cloud-delivered protection may be off, the cloud out of reach \
                     (see defender-exporter check), or archives are looked into only when they are opened. The file was removed."
                ),
            )
        }
        Outcome::Unclear(why) => ("Nothing can be told of Defender.", format!("{why}.")),
    };
    format!("{title}\n{}", fill(&more, "  ", "  "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_words_and_a_code() {
        let check = |outcome: Outcome, code, words: &[&str]| {
            let text = render(&outcome).replace("\n  ", " ");
            assert!(words.iter().all(|word| text.contains(word)) && text.ends_with('\n'), "{text}");
            assert_eq!(exit_code(&outcome), code);
        };
        check(Outcome::Stopped(vec![Sign::Gone, Sign::Logged]), 0, &["stopped", "taken away; the event log"]);
        check(Outcome::NotStopped { log_is_silent: true }, 2, &["NOT", "the event log has no detection"]);
        check(Outcome::NotStopped { log_is_silent: false }, 2, &["NOT", "read to the end. Real-time"]);
        check(
            Outcome::Unclear("a proxy said no".to_owned()),
            1,
            &["Nothing can be told", "a proxy said no."],
        );
    }
}
