//! `--web.route-prefix` and `--web.external-url`: where the routes are, as with Prometheus.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::telemetry_path::TelemetryPath;

/// The prefix of every route. Empty text means that of the external URL, `/` means none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutePrefix(String);

/// The URL of the exporter behind a reverse proxy, or its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    text: String,
    /// Without a slash at its end.
    path: String,
}

/// A flag's text isn't valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {what}: {problem}; example: {example}")]
pub struct WebPathError {
    text: String,
    what: &'static str,
    problem: &'static str,
    example: &'static str,
}

/// A path without a slash at its end. Empty for the root.
fn path(text: &str) -> Result<String, &'static str> {
    let path = text.trim_matches('/');
    if path.is_empty() {
        return Ok(String::new());
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    if !path.bytes().all(plain) {
        return Err("only letters, digits and -._~/ are accepted");
    }
    if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err("it has an empty segment, . or ..");
    }
    Ok(format!("/{path}"))
}

impl FromStr for RoutePrefix {
    type Err = WebPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        match path(text) {
            Ok(path) if path.is_empty() => Ok(Self("/".to_owned())),
            Ok(path) => Ok(Self(path)),
            Err(problem) => Err(WebPathError {
                text: text.to_owned(),
                what: "a route prefix",
                problem,
                example: "/defender",
            }),
        }
    }
}

impl fmt::Display for RoutePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ExternalUrl {
    type Err = WebPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match Url::parse(text) {
            Ok(url) if !matches!(url.scheme(), "http" | "https") => Err("it is neither http nor https"),
            Ok(url) if url.query().is_some() || url.fragment().is_some() => {
                Err("it has a query or a fragment")
            }
            Ok(url) => path(url.path()),
            Err(_) if text.starts_with('/') => path(text),
            Err(_) => Err("it is not a URL"),
        };
        match parsed {
            Ok(path) => Ok(Self { text: text.to_owned(), path }),
            Err(problem) => Err(WebPathError {
                text: text.to_owned(),
                what: "an external URL",
                problem,
                example: "https://monitoring.example/defender/",
            }),
        }
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The paths of the routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebPaths {
    /// The path of the metrics, without the prefix.
    pub(super) telemetry: TelemetryPath,
    /// The prefix, without a slash at its end. Empty for none.
    pub(super) prefix: String,
    /// The path of the status page, as clients see it.
    pub(super) home: String,
}

impl WebPaths {
    /// The paths by the flags.
    #[must_use]
    pub fn new(
        telemetry: TelemetryPath,
        prefix: Option<&RoutePrefix>,
        external: Option<&ExternalUrl>,
    ) -> Self {
        let external = external.map(|external| external.path.as_str());
        let prefix = match prefix.map_or("", |prefix| &prefix.0) {
            "" => external.unwrap_or_default(),
            "/" => "",
            prefix => prefix,
        };
        Self { telemetry, prefix: prefix.to_owned(), home: format!("{}/", external.unwrap_or(prefix)) }
    }

    /// The path of a route.
    #[must_use]
    pub fn at(&self, route: &str) -> String {
        format!("{}{route}", self.prefix)
    }

    /// The path of the metrics.
    pub(super) fn metrics(&self) -> String {
        self.at(self.telemetry.as_str())
    }
}

impl From<TelemetryPath> for WebPaths {
    fn from(telemetry: TelemetryPath) -> Self {
        Self::new(telemetry, None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_by_flags() {
        let check = |prefix: Option<&str>, external: Option<&str>, metrics: &str, home: &str| {
            let prefix = prefix.map(|text| text.parse().expect(text));
            let external = external.map(|text| text.parse().expect(text));
            let paths = WebPaths::new(TelemetryPath::default(), prefix.as_ref(), external.as_ref());
            assert_eq!((paths.metrics().as_str(), paths.home.as_str()), (metrics, home), "{paths:?}");
        };
        check(None, None, "/metrics", "/");
        check(Some("/"), None, "/metrics", "/");
        check(Some("defender/"), None, "/defender/metrics", "/defender/");
        check(Some("/a/b"), None, "/a/b/metrics", "/a/b/");
        check(None, Some("https://m.example/defender/"), "/defender/metrics", "/defender/");
        check(Some(""), Some("https://m.example/defender"), "/defender/metrics", "/defender/");
        check(None, Some("https://m.example"), "/metrics", "/");
        check(None, Some("/defender"), "/defender/metrics", "/defender/");
        check(Some("/"), Some("https://m.example/defender"), "/metrics", "/defender/"); // the proxy strips the path
        check(Some("/x"), Some("https://m.example/defender"), "/x/metrics", "/defender/");
    }

    #[test]
    fn refused_paths() {
        let check = |error: WebPathError, problem: &str| {
            assert!(error.to_string().contains(problem), "{error}");
        };
        for (text, problem) in
            [("/a b", "only letters"), ("/{x}", "only letters"), ("/a//b", "empty"), ("/..", "..")]
        {
            check(text.parse::<RoutePrefix>().expect_err(text), problem);
        }
        for (text, problem) in [
            ("", "not a URL"),
            ("m.example/defender", "not a URL"),
            ("\"https://m.example\"", "not a URL"),
            ("ftp://m.example/", "neither http"),
            ("https://m.example/?a", "a query"),
            ("https://m.example/a%20b", "only letters"),
        ] {
            check(text.parse::<ExternalUrl>().expect_err(text), problem);
        }
    }
}
