//! The levels of `--log.level`: one for all, and others for some modules. Words that mean nothing are refused: a filter that
//! lets nothing pass would look like a program that has nothing to say.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// The words that are accepted, from quiet to noisy.
const WORDS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    general: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
    text: String,
}

/// A text that names no levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part:?} {problem}; accepted are off, error, warn, info, debug, trace, and directives such as info,defender_exporter::probe=debug"
)]
pub struct LevelsError {
    part: String,
    problem: &'static str,
}

impl Levels {
    /// The same for every module.
    #[must_use]
    pub fn all(general: LevelFilter) -> Self {
        Self { general, modules: Vec::new(), text: general.to_string() }
    }

    /// What lets pass what is to be logged.
    #[must_use]
    pub fn filter(&self) -> Targets {
        Targets::new().with_default(self.general).with_targets(self.modules.iter().cloned())
    }
}

impl FromStr for Levels {
    type Err = LevelsError;

    /// Where no level is for all, that is info.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |part: &str, problem| Err(LevelsError { part: part.to_owned(), problem });
        let (mut general, mut modules) = (None, Vec::new());
        for part in text.split(',').map(str::trim) {
            let (module, word) = match part.split_once('=') {
                Some((module, word)) => (Some(module.trim()), word.trim()),
                None => (None, part),
            };
            let Some(level) = level(word) else { return refuse(part, "names no level") };
            match module {
                Some(module) if !is_path(module) => return refuse(part, "names no module"),
                Some(module) => modules.push((module.to_owned(), level)),
                None if general.is_some() => return refuse(part, "is a second level for all modules"),
                None => general = Some(level),
            }
        }
        Ok(Self { general: general.unwrap_or(LevelFilter::INFO), modules, text: text.to_owned() })
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn level(word: &str) -> Option<LevelFilter> {
    let known = WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word));
    known.map(|(_, level)| *level)
}

/// Whether a text can be the path of a module.
fn is_path(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    text.split("::").all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn what_passes() {
        let check = |text: &str, target: &str, level: Level, expected: bool| {
            let levels: Levels = text.parse().expect(text);
            assert_eq!(levels.filter().would_enable(target, &level), expected, "{text}: {target} {level}");
        };
        check("warn", "defender_exporter::state", Level::WARN, true);
        check("warn", "defender_exporter::state", Level::INFO, false);
        check("OFF", "defender_exporter::state", Level::ERROR, false);
        let one = "warn, defender_exporter::probe=debug";
        check(one, "defender_exporter::probe::tls", Level::DEBUG, true);
        check(one, "defender_exporter::state", Level::INFO, false);
        check("defender_exporter::state=error", "defender_exporter::engine", Level::INFO, true);
        check("defender_exporter::state=error", "defender_exporter::state", Level::WARN, false);
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "",
            "verbose",
            "warning",
            "info,",
            "a=b",
            "=info",
            "a b=info",
            "a:::b=info",
            "info,warn",
            "info=debug=warn",
        ] {
            let error = text.parse::<Levels>().expect_err(text).to_string();
            assert!(error.contains("accepted are"), "{text:?}: {error}");
        }
    }
}
