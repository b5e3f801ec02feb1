//! Polls the version feed over each route at its own interval. `signatures` interprets the answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::event::Event;
use crate::net::fetch::{FetchRequest, Fetched};
use crate::observation::{Failure, FailureReason, Phase};
use crate::plan::schedule::fraction;
use crate::plan::{Route, SignaturePlan};
use crate::revocation::Fetch;
use crate::signatures::{self, FeedAnswer, FeedContent, MAX_FEED, Published};

/// The first requests of all routes are spread over this time.
const FIRST_SPREAD: Duration = Duration::from_secs(3);

/// One poller per route, each to be run as its own task; empty if no feed is configured. A poller returns when the
/// event channel closes. `fetchers` are in the order of the plan's routes.
pub fn pollers<F: Fetch + 'static>(
    plan: &SignaturePlan,
    fetchers: impl IntoIterator<Item = F>,
    clock: Clock,
    events: &mpsc::Sender<Event>,
) -> Vec<impl Future<Output = ()> + Send + 'static> {
    let start = Instant::now();
    let routes = if plan.feeds.is_empty() { &[][..] } else { &plan.routes[..] };
    let poller = |(route, fetcher): (&Arc<Route>, F)| {
        let poller = FeedPoller { route: route.name.clone(), fetcher, clock, events: events.clone() };
        poller.run(plan.clone(), start)
    };
    routes.iter().zip(fetchers).map(poller).collect()
}

/// Polls the feed over one route.
struct FeedPoller<F> {
    route: String,
    fetcher: F,
    clock: Clock,
    events: mpsc::Sender<Event>,
}

impl<F: Fetch> FeedPoller<F> {
    /// Each route has a fixed offset within the interval, so that the routes don't poll at the same time. The first
    /// request follows shortly after the start; regular requests begin at least half an interval later.
    async fn run(self, plan: SignaturePlan, start: Instant) {
        let fraction = fraction([self.route.as_str()]);
        sleep_until(start + FIRST_SPREAD.mul_f64(fraction)).await;
        let regular = plan.interval.mul_f64(fraction);
        let skipped = if regular < plan.interval / 2 { plan.interval } else { Duration::ZERO };
        let mut ticks = interval_at(start + regular + skipped, plan.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let result = self.poll(&plan).await;
            let answer = FeedAnswer { route: self.route.clone(), at: self.clock.now(), result };
            if self.events.send(Event::Feed(Box::new(answer))).await.is_err() {
                return; // the receiver is gone
            }
            ticks.tick().await;
        }
    }

    /// The first feed that answers, in order of preference. If all fail, the failure of the first.
    async fn poll(&self, plan: &SignaturePlan) -> Result<FeedContent, Failure> {
        let mut first = None;
        for url in &plan.feeds {
            match self.fetch(url, plan.timeout).await {
                Ok(published) => return Ok(FeedContent { url: url.as_str().to_owned(), published }),
                Err(failure) => {
                    let Failure { phase, reason, detail } = &failure;
                    tracing::debug!(feed = %url, route = self.route, %phase, %reason, detail, "failed to fetch the version feed");
                    first.get_or_insert(failure);
                }
            }
        }
        let no_feed = || Failure::new(Phase::Resolve, FailureReason::Internal, "no feed configured");
        Err(first.unwrap_or_else(no_feed)) // never empty: see `pollers`
    }

    async fn fetch(&self, url: &ProbeUrl, timeout: Duration) -> Result<Published, Failure> {
        // An incomplete feed is not well-formed.
        let request = FetchRequest {
            secure: true,
            unclean_close: true,
            ..FetchRequest::get(url, MAX_FEED as u64, timeout)
        };
        match self.fetcher.fetch(request).await? {
            Fetched::Body { bytes, .. } => Ok(signatures::parse(&bytes)?),
            Fetched::NotModified => {
                let detail = "304 Not Modified to an unconditional request";
                Err(Failure::new(Phase::Request, FailureReason::Protocol, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests;
