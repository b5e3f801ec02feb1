//! `--web.telemetry-path`: the path of the metrics.

use std::fmt;
use std::str::FromStr;

/// The path of the metrics, which doesn't collide with another route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(String);

/// The path isn't valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a metrics path: {problem}; example: /metrics")]
pub struct TelemetryPathError {
    text: String,
    problem: &'static str,
}

impl TelemetryPath {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn problem(path: &str) -> Option<&'static str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !path.starts_with('/') {
            Some("it doesn't begin with /")
        } else if path == "/" {
            Some("the status page uses it")
        } else if path.starts_with("/-/")
            || path.starts_with("/api/")
            || path.starts_with("/assets/")
            || path == "/probe"
        {
            Some("the exporter's other pages use it")
        } else if !path.bytes().all(plain) {
            Some("only letters, digits and -._~/ are accepted")
        } else {
            None
        }
    }
}

impl FromStr for TelemetryPath {
    type Err = TelemetryPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Self::problem(text) {
            Some(problem) => Err(TelemetryPathError { text: text.to_owned(), problem }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl Default for TelemetryPath {
    fn default() -> Self {
        Self("/metrics".to_owned())
    }
}

impl fmt::Display for TelemetryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_paths() {
        for good in ["/metrics", "/a/b-c_d.e~f", "/m"] {
            assert_eq!(good.parse::<TelemetryPath>().map(|path| path.to_string()).as_deref(), Ok(good));
        }
        for (bad, problem) in [
            ("", "begin with /"),
            ("metrics", "begin with /"),
            ("/", "status page"),
            ("/-/ready", "other pages"),
            ("/probe", "other pages"),
            ("/assets/page.css", "other pages"),
            ("/{x}", "only letters"),
            ("/a b", "only letters"),
            ("/a?b", "only letters"),
        ] {
            let error = bad.parse::<TelemetryPath>().expect_err(bad).to_string();
            assert!(error.contains(problem), "{bad}: {error}");
        }
    }
}
