//! Parses `--log.level`: a general level, and levels by module. Unknown words are rejected, because a filter that
//! matches nothing would silently disable the log.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// The accepted words, from quiet to verbose.
const WORDS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// The levels by module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    general: LevelFilter,
    modules: Vec<(String, LevelFilter)>,
    text: String,
}

/// The text contains an invalid directive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part:?} {problem}; accepted are off, error, warn, info, debug, trace, and directives such as info,defender_exporter::probe=debug"
)]
pub struct LevelsError {
    part: String,
    problem: &'static str,
}

impl Levels {
    /// One level for every module.
    #[must_use]
    pub fn all(general: LevelFilter) -> Self {
        Self { general, modules: Vec::new(), text: general.to_string() }
    }

    /// The filter for tracing.
    #[must_use]
    pub fn filter(&self) -> Targets {
        Targets::new().with_default(self.general).with_targets(self.modules.iter().cloned())
    }
}

impl FromStr for Levels {
    type Err = LevelsError;

    /// Without a general level, that is info.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reject = |part: &str, problem| Err(LevelsError { part: part.to_owned(), problem });
        let (mut general, mut modules) = (None, Vec::new());
        for part in text.split(',').map(str::trim) {
            let (module, word) = match part.split_once('=') {
                Some((module, word)) => (Some(module.trim()), word.trim()),
                None => (None, part),
            };
            let Some(level) = level(word) else { return reject(part, "is not a log level") };
            match module {
                Some(module) if !is_path(module) => return reject(part, "is not a module"),
                Some(module) => modules.push((module.to_owned(), level)),
                None if general.is_some() => return reject(part, "sets the general level twice"),
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

/// Whether a text is a valid module path.
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
    fn levels_filter_by_module() {
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
    fn invalid_levels_are_rejected() {
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
