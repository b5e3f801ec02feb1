//! Negotiates the exposition format from the `Accept` header.

use mediatype::{MediaType, MediaTypeList, Name, ReadParams};

/// The exposition formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// OpenMetrics 1.0 text.
    OpenMetrics,
    /// Prometheus text 0.0.4, which every scraper reads.
    Text,
    /// Prometheus protobuf, the only format with native histograms.
    Protobuf,
}

impl ExpositionFormat {
    /// Selects the format with the highest weight in the `Accept` header (RFC 9110, section 12.5.1); on a tie, the first one.
    /// Falls back to text 0.0.4 rather than rejecting the request, so that a scraper with an unusual header gets metrics too.
    #[must_use]
    pub fn negotiate(accept: &str) -> Self {
        let acceptable = MediaTypeList::new(accept).filter_map(|range| {
            let range = range.ok()?;
            let weight = weight(&range).filter(|weight| *weight > 0.0)?;
            Some((Self::from_media_type(&range)?, weight))
        });
        let best = acceptable.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map_or(Self::Text, |(format, _)| format)
    }

    /// The value of the `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }

    /// The format that matches a media range. Ignores `escaping`: every metric name is valid without it.
    fn from_media_type(range: &MediaType) -> Option<Self> {
        let version = parameter(range, "version");
        let version = version.as_deref();
        match range.essence().to_string().to_ascii_lowercase().as_str() {
            "application/openmetrics-text" => {
                matches!(version, None | Some("1.0.0" | "0.0.1")).then_some(Self::OpenMetrics)
            }
            "text/plain" => matches!(version, None | Some("0.0.4")).then_some(Self::Text),
            "text/*" | "*/*" => Some(Self::Text),
            "application/vnd.google.protobuf" => is_metric_family(range).then_some(Self::Protobuf),
            _ => None,
        }
    }
}

fn is_metric_family(range: &MediaType) -> bool {
    parameter(range, "proto").as_deref() == Some("io.prometheus.client.MetricFamily")
        && parameter(range, "encoding").as_deref() == Some("delimited")
}

fn parameter(range: &MediaType, name: &str) -> Option<String> {
    range.get_param(Name::new(name)?).map(|value| value.unquoted_str().into_owned())
}

/// The weight: 1 if `q` is absent. Returns `None` if `q` isn't a number from 0 to 1.
fn weight(range: &MediaType) -> Option<f32> {
    match parameter(range, "q") {
        None => Some(1.0),
        Some(text) => text.parse().ok().filter(|weight| (0.0..=1.0).contains(weight)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    #[test]
    fn accept_headers() {
        use ExpositionFormat::{OpenMetrics, Protobuf, Text};
        let cases: &[(&str, ExpositionFormat)] = &[
            ("", Text),
            ("   ", Text),
            ("*/*", Text),
            ("text/*", Text),
            ("text/plain", Text),
            ("text/plain;version=0.0.4", Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
            ("image/png", Text),
            ("\u{fffd};;;,,=\"", Text),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; Version=1.0.0", OpenMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"", OpenMetrics),
            ("application/openmetrics-text;version=0.0.1", OpenMetrics),
            ("application/openmetrics-text;version=2.0.0", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=0.000,*/*;q=0.1", Text),
            ("application/openmetrics-text;q=2", Text),
            ("application/openmetrics-text;q=NaN", Text),
            ("application/openmetrics-text;q=0.5,text/plain;q=0.5", OpenMetrics),
            ("text/plain;q=0.5,application/openmetrics-text;q=0.5", Text),
            ("text/plain;q=0.5, application/openmetrics-text;q=0.6", OpenMetrics),
            (PROTOBUF, Protobuf),
            ("application/vnd.google.protobuf", Text),
            ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", Text),
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text;q=0.9,*/*;q=0.1",
                Text,
            ),
            ("application/vnd.google.protobuf;proto=other.Family;encoding=delimited", Text),
        ];
        for (accept, expected) in cases {
            assert_eq!(ExpositionFormat::negotiate(accept), *expected, "{accept}");
        }
    }

    /// The headers that Prometheus sends by default and with native histograms enabled (`scrape/scrape.go`).
    #[test]
    fn prometheus_headers() {
        use ExpositionFormat::{OpenMetrics, Protobuf};
        let cases: &[(&str, &str, ExpositionFormat)] = &[
            (
                "2.5",
                "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "2.49",
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            (
                "2.49, native histograms",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Protobuf,
            ),
            (
                "3",
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            (
                "3, native histograms",
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.7,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                Protobuf,
            ),
        ];
        for (version, accept, expected) in cases {
            assert_eq!(ExpositionFormat::negotiate(accept), *expected, "Prometheus {version}");
        }
    }
}
