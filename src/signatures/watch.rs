//! Asks for the version feed by each route, on an interval of its own. What an answer means is decided elsewhere.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::Answer;
use super::feed::{self, MAX_FEED, Published};
use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::engine::Event;
use crate::fetch::{Fetched, Wanted};
use crate::observation::{Failure, FailureReason, Stage};
use crate::plan::SignaturePlan;
use crate::schedule::part;
use crate::trust::revocation::Fetch;

/// The longest time over which the first questions are spread.
const FIRST: Duration = Duration::from_secs(3);

/// Asks until nobody listens any more, or the future is dropped. `fetchers` go with the routes of the plan, in their order.
pub async fn run<F: Fetch + 'static>(
    plan: &SignaturePlan,
    fetchers: impl IntoIterator<Item = F>,
    clock: Clock,
    events: mpsc::Sender<Event>,
) {
    if plan.feeds.is_empty() {
        return;
    }
    let start = Instant::now();
    let mut askers = JoinSet::new();
    for (route, fetcher) in plan.routes.iter().zip(fetchers) {
        let asker = Asker { route: route.name.clone(), fetcher, clock, events: events.clone() };
        askers.spawn(asker.run(plan.clone(), start));
    }
    drop(events);
    askers.join_all().await; // dropped, it ends them all
}

/// Asks by one route.
struct Asker<F> {
    route: String,
    fetcher: F,
    clock: Clock,
    events: mpsc::Sender<Event>,
}

impl<F: Fetch> Asker<F> {
    /// Each route has a stable place within the interval, so that they don't all ask at once. The first question comes soon;
    /// the regular ones follow it by half an interval at least.
    async fn run(self, plan: SignaturePlan, start: Instant) {
        let part = part([self.route.as_str()]);
        sleep_until(start + FIRST.mul_f64(part)).await;
        let regular = plan.interval.mul_f64(part);
        let skipped = if regular < plan.interval / 2 { plan.interval } else { Duration::ZERO };
        let mut ticks = interval_at(start + regular + skipped, plan.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let result = self.ask(&plan).await;
            let answer = Answer { route: self.route.clone(), at: self.clock.now(), result };
            if self.events.send(Event::Feed(Box::new(answer))).await.is_err() {
                return; // nobody listens any more
            }
            ticks.tick().await;
        }
    }

    /// The first feed that answers; where none does, what the first choice failed with.
    async fn ask(&self, plan: &SignaturePlan) -> Result<(String, Published), Failure> {
        let mut first = None;
        for url in &plan.feeds {
            match self.fetch(url, plan.timeout).await {
                Ok(published) => return Ok((url.as_str().to_owned(), published)),
                Err(failure) => {
                    tracing::debug!(feed = %url, route = self.route, ?failure, "version feed");
                    first.get_or_insert(failure);
                }
            }
        }
        let none = || Failure::new(Stage::Resolve, FailureReason::Internal, "no feed to ask");
        Err(first.unwrap_or_else(none)) // there is one: see `run`
    }

    async fn fetch(&self, url: &ProbeUrl, timeout: Duration) -> Result<Published, Failure> {
        let wanted = Wanted { secure: true, ..Wanted::of(url, MAX_FEED as u64, timeout) };
        match self.fetcher.fetch(wanted).await? {
            Fetched::Body { bytes, .. } => Ok(feed::parse(&bytes)?),
            Fetched::NotModified => {
                let detail = "an answer about a feed that wasn't asked for: not modified";
                Err(Failure::new(Stage::Request, FailureReason::Protocol, detail))
            }
        }
    }
}

#[cfg(test)]
mod tests;
