//! Compares a handshake in two segments with a whole one, hourly, at one endpoint of MAPS by each route.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::event::Event;
use crate::observation::SplitHelloResult;
use crate::plan::schedule::fraction;
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;

/// The time between two comparisons.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The time until the next one if nothing could be compared.
const RETRY: Duration = Duration::from_secs(5 * 60);

/// The time until the first one, and over which those of all routes are spread: the first round of probes comes before.
const FIRST: Duration = Duration::from_secs(60);

/// One poller for each target that the plan compares at, each to be run as its own task. A poller returns when the event channel
/// closes.
#[must_use]
pub fn pollers(
    plan: &Plan,
    prober: &Arc<Prober>,
    events: &mpsc::Sender<Event>,
) -> Vec<impl Future<Output = ()> + Send + 'static> {
    let start = Instant::now();
    let poller = |id: &TargetId| {
        let offset = FIRST.mul_f64(fraction([plan.target(*id).route.name.as_str()]));
        run(*id, Arc::clone(prober), start + FIRST + offset, events.clone())
    };
    plan.split_hellos.iter().map(poller).collect()
}

async fn run(id: TargetId, prober: Arc<Prober>, first: Instant, events: mpsc::Sender<Event>) {
    sleep_until(first).await;
    loop {
        let compared = prober.compare_split_hello(id).await;
        let wait = if compared.result == SplitHelloResult::Unknown { RETRY } else { INTERVAL };
        if events.send(Event::SplitHello(Box::new(compared))).await.is_err() {
            return; // the receiver is gone
        }
        sleep(wait).await;
    }
}
