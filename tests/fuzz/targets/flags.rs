//! Any text as the value of each flag that has a syntax of its own, and of a version: what is read is written as it is read.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use clap::Parser as _;
use defender_exporter::cli::Cli;
use defender_exporter::logging::Levels;
use defender_exporter::metrics::Format;
use defender_exporter::signatures::Version;
use defender_exporter::web::{HealthUrl, ListenAddress, TelemetryPath};

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(address) = round::<ListenAddress>(&text)
        && let Some(url) = HealthUrl::of(&address)
    {
        assert_eq!(round(&url.to_string()), Some(url));
    }
    let _ = round::<HealthUrl>(&text);
    let _ = round::<TelemetryPath>(&text);
    let _ = round::<Version>(&text);
    if let Some(levels) = round::<Levels>(&text) {
        let _ = levels.filter();
    }
    let _ = Format::negotiate(&text);
    let _ = Cli::try_parse_from(std::iter::once("defender-exporter").chain(text.lines()));
}

fn round<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    let again = written.parse().ok();
    assert_eq!(again.as_ref(), Some(&value), "{text:?} is written as {written:?}");
    Some(value)
}
