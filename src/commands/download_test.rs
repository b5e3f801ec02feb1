//! `check --download-test`: prints the result of the test, with an exit code.

use super::wrap::{sentence, wrap_to};
use crate::host::download::{BlockEvidence, DownloadOutcome};

/// 0: Defender blocked the program; 1: inconclusive; 2: it didn't.
#[must_use]
pub const fn exit_code(outcome: &DownloadOutcome) -> u8 {
    match outcome {
        DownloadOutcome::Stopped(_) => 0,
        DownloadOutcome::Inconclusive(_) => 1,
        DownloadOutcome::NotStopped { .. } => 2,
    }
}

/// The result as text of at most `width` columns.
#[must_use]
pub fn render(outcome: &DownloadOutcome, width: usize) -> String {
    let (title, more) = match outcome {
        DownloadOutcome::Stopped(signs) => {
            let signs: Vec<_> = signs.iter().map(|sign: &BlockEvidence| sign.as_str()).collect();
            ("Defender stopped the test file.", sentence(&signs.join("; ")))
        }
        DownloadOutcome::NotStopped { log_is_silent } => {
            let log = if *log_is_silent { ", and the event log has no detection" } else { "" };
            (
                "Defender did NOT stop the test file.",
                format!(
                    "It stayed in the temporary folder and was readable to its end{log}. Real-time or cloud-delivered protection \
                     may be off, the cloud out of reach (run defender-exporter check), or the temporary folder excluded from \
                     scanning. The test never runs the program, and has removed it."
                ),
            )
        }
        DownloadOutcome::Inconclusive(why) => {
            ("Inconclusive: the test can't tell whether Defender works.", sentence(&why.to_string()))
        }
    };
    format!("{title}\n{}", wrap_to(width, &more, "  ", "  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::download::{ArchiveError, Inconclusive};

    #[test]
    fn every_outcome_has_words_and_a_code() {
        let check = |outcome: DownloadOutcome, code, words: &[&str]| {
            let text = render(&outcome, 80).replace("\n  ", " ");
            assert!(words.iter().all(|word| text.contains(word)) && text.ends_with('\n'), "{text}");
            assert_eq!(exit_code(&outcome), code);
        };
        check(
            DownloadOutcome::Stopped(vec![BlockEvidence::Gone, BlockEvidence::Logged]),
            0,
            &["stopped", "The program was removed; the event log"],
        );
        check(
            DownloadOutcome::NotStopped { log_is_silent: true },
            2,
            &["NOT", "the event log has no detection"],
        );
        check(
            DownloadOutcome::NotStopped { log_is_silent: false },
            2,
            &["NOT", "readable to its end. Real-time"],
        );
        let inconclusive =
            |why: Inconclusive, words| check(DownloadOutcome::Inconclusive(why), 1, &["Inconclusive", words]);
        inconclusive(Inconclusive::Archive(ArchiveError::OtherPassword), "The archive has another password");
        inconclusive(Inconclusive::Archive(ArchiveError::NotZip), "not Microsoft's file");
        inconclusive(
            Inconclusive::Disk("no space".to_owned()),
            "could not be written to the disk, or read from it: no space.",
        );
        inconclusive(Inconclusive::OpenTimedOut, "more than 70 seconds.");
        inconclusive(Inconclusive::NotMarked, "didn't block the program");
    }
}
