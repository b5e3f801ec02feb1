//! Functions that derive the samples of the security intelligence metrics. Pure.

use super::scrape::Scrape;
use super::value::{Sample, SampleValue};
use crate::signatures::{FeedHistory, Finding};
use crate::state::{FeedState, SourceState};

/// One sample per source and route for which `value` returns a value.
pub(super) fn per_source<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a SourceState) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 2>> {
    let sources = scrape.snapshot.signatures.sources.iter();
    sources.filter_map(|state| Some(value(state)?.sample([state.source.as_str(), &state.route]))).collect()
}

fn feeds(scrape: &Scrape) -> impl Iterator<Item = &FeedState> {
    scrape.snapshot.signatures.feeds.iter()
}

/// One sample per route with a feed history, with the published versions as labels.
pub(super) fn per_published<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a FeedHistory) -> SampleValue<'a>,
) -> Vec<Sample<'a, 4>> {
    let history = feeds(scrape).filter_map(|feed| Some((feed, feed.history.as_ref()?)));
    let samples = history.map(|(feed, history)| {
        let published = &history.published;
        let versions = [published.signatures, published.engine, published.platform];
        let [version, engine, platform] = versions.map(|version| version.to_string().into());
        let labels = [version, engine, platform, feed.route.as_str().into()];
        Sample { labels, value: value(history) }
    });
    samples.collect()
}

pub(super) fn feed_success(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let fetched = feeds(scrape).filter_map(|feed| Some((feed, feed.fetch.as_ref()?)));
    fetched.map(|(feed, fetch)| SampleValue::truth(fetch.is_ok()).sample([feed.route.as_str()])).collect()
}

pub(super) fn feed_last(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let queried = feeds(scrape).filter_map(|feed| Some((feed, feed.fetched?)));
    queried.map(|(feed, at)| SampleValue::time(at).sample([feed.route.as_str()])).collect()
}

pub(super) fn feed_failure_reason(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let failed = feeds(scrape).filter_map(|feed| Some((feed, feed.fetch.as_ref()?.as_ref().err()?)));
    let samples = failed.map(|(feed, failure)| {
        SampleValue::Whole(1).sample([feed.route.as_str(), failure.phase.as_str(), failure.reason.as_str()])
    });
    samples.collect()
}

/// One sample per finding, 0 or 1, so that a change alters values and not the series. Omits routes
/// whose last attempt to read the feed didn't succeed.
pub(super) fn feed_stale(scrape: &Scrape) -> Vec<Sample<'_, 2>> {
    let read = feeds(scrape).filter(|feed| feed.fetch == Some(Ok(())));
    let samples = read.flat_map(|feed| {
        let shown = |finding: &Finding| {
            SampleValue::truth(feed.findings.contains(finding))
                .sample([feed.route.as_str(), finding.as_str()])
        };
        Finding::ALL.iter().map(shown)
    });
    samples.collect()
}

pub(super) fn stale_after(scrape: &Scrape) -> Vec<Sample<'_, 0>> {
    let at = scrape.snapshot.signatures.stale_after(&scrape.snapshot.plan);
    at.map(|at| SampleValue::time(at).sample([])).into_iter().collect()
}
