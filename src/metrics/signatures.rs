//! Which samples the metrics of security intelligence have. Pure, like `samples.rs`, whose types it uses.

use super::collector::Scrape;
use super::samples::{Sample, Value};
use crate::signatures::{Finding, Told};
use crate::state::{FeedState, SourceState};

/// One sample for each source and route that has a value.
pub(super) fn per_source<'a>(
    scrape: &'a Scrape,
    of: impl Fn(&'a SourceState) -> Option<Value<'a>>,
) -> Vec<Sample<'a>> {
    let sources = scrape.snapshot.signatures.sources.iter();
    sources.filter_map(|state| Some(of(state)?.sample([state.source.as_str(), &state.route]))).collect()
}

fn feeds(scrape: &Scrape) -> impl Iterator<Item = &FeedState> {
    scrape.snapshot.signatures.feeds.iter()
}

/// One sample for each route that knows what is published, under the versions.
pub(super) fn per_published<'a>(scrape: &'a Scrape, of: impl Fn(&'a Told) -> Value<'a>) -> Vec<Sample<'a>> {
    let told = feeds(scrape).filter_map(|feed| Some((feed, feed.told.as_ref()?)));
    let samples = told.map(|(feed, told)| {
        let published = &told.published;
        let versions = [published.signatures, published.engine, published.platform];
        let mut labels: Vec<_> = versions.iter().map(|version| version.to_string().into()).collect();
        labels.push(feed.route.as_str().into());
        Sample { labels, value: of(told) }
    });
    samples.collect()
}

pub(super) fn feed_success(scrape: &Scrape) -> Vec<Sample<'_>> {
    let fetched = feeds(scrape).filter_map(|feed| Some((feed, feed.fetch.as_ref()?)));
    fetched.map(|(feed, fetch)| Value::truth(fetch.is_ok()).sample([feed.route.as_str()])).collect()
}

pub(super) fn feed_failure_reason(scrape: &Scrape) -> Vec<Sample<'_>> {
    let failed = feeds(scrape).filter_map(|feed| Some((feed, feed.fetch.as_ref()?.as_ref().err()?)));
    let samples = failed.map(|(feed, failure)| {
        Value::Whole(1).sample([feed.route.as_str(), failure.stage.as_str(), failure.reason.as_str()])
    });
    samples.collect()
}

/// All of them, so that each is a series that turns; nothing where the feed wasn't read.
pub(super) fn feed_stale(scrape: &Scrape) -> Vec<Sample<'_>> {
    let read = feeds(scrape).filter(|feed| feed.fetch == Some(Ok(())));
    let samples = read.flat_map(|feed| {
        let shown = |finding: &Finding| {
            Value::truth(feed.findings.contains(finding)).sample([feed.route.as_str(), finding.as_str()])
        };
        Finding::ALL.iter().map(shown)
    });
    samples.collect()
}

pub(super) fn stale_after(scrape: &Scrape) -> Vec<Sample<'_>> {
    let at = scrape.snapshot.signatures.stale_after(&scrape.snapshot.plan);
    at.map(|at| Value::time(at).sample([])).into_iter().collect()
}
