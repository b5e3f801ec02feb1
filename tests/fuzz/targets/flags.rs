//! Any text as the value of each flag with its own syntax, and as a version: parsed values round-trip.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use clap::Parser as _;
use defender_exporter::cli::Cli;
use defender_exporter::clock::Clock;
use defender_exporter::commands::healthcheck::HealthUrl;
use defender_exporter::config::Config;
use defender_exporter::logging::Levels;
use defender_exporter::metrics::{BuildInfo, ExpositionFormat};
use defender_exporter::signatures::Version;
use defender_exporter::state::Snapshot;
use defender_exporter::web::{
    AppState, ExternalUrl, ListenAddress, RoutePrefix, TelemetryPath, WebPaths, router,
};
use tokio::sync::watch;

use super::lab::{endpoint, now, plan};

static SNAPSHOT: LazyLock<Arc<Snapshot>> = LazyLock::new(|| {
    let endpoints = [endpoint("http://plain.example/", Vec::new())];
    Arc::new(Snapshot::new(Arc::new(plan(&Config::default(), &endpoints)), now()))
});

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(address) = round::<ListenAddress>(&text) {
        for url in [false, true]
            .into_iter()
            .filter_map(|tls| HealthUrl::from_listen_address(&address, "/-/healthy", tls))
        {
            assert_eq!(round(&url.to_string()), Some(url));
        }
    }
    let _ = round::<HealthUrl>(&text);
    if let Some(path) = round::<TelemetryPath>(&text) {
        let _ = router(app(path.into())); // it would panic where two routes are one
    }
    let (prefix, external) = (round::<RoutePrefix>(&text), round::<ExternalUrl>(&text));
    if prefix.is_some() || external.is_some() {
        let paths = WebPaths::new(TelemetryPath::default(), prefix.as_ref(), external.as_ref());
        let _ = router(app(paths));
    }
    let _ = round::<Version>(&text);
    if let Some(levels) = round::<Levels>(&text) {
        let _ = levels.filter();
    }
    let _ = ExpositionFormat::negotiate(&text);
    let _ = Cli::try_parse_from(std::iter::once("defender-exporter").chain(text.lines()));
}

fn app(paths: WebPaths) -> AppState {
    let snapshot = watch::Sender::new(Arc::clone(&SNAPSHOT)).subscribe();
    let (build, clock) = (BuildInfo::current(), Clock::Fixed(now()));
    AppState { snapshot, build, paths, clock, reloads: None, on_demand: None, access: None, liveness: None }
}

fn round<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let written = value.to_string();
    let again = written.parse().ok();
    assert_eq!(again.as_ref(), Some(&value), "{text:?} is written as {written:?}");
    Some(value)
}
