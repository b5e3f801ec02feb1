//! What the service manager is told (systemd's `sd_notify(3)`): that the program is ready, reloads, stops, lives; and the
//! verdicts in a line. Where nobody asks, by `NOTIFY_SOCKET`, nothing is said.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, sleep};

use crate::engine::Pulse;
use crate::state::Snapshot;
use crate::verdict::{Connection, SslOptions, Verdict};

/// The least time between two lines of status.
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// What the service manager may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// It listens, and a configuration is in use.
    Ready,
    /// It reads its configuration again; [`Say::Ready`] follows.
    Reloading,
    /// It is about to end.
    Stopping,
    /// It lives.
    Watchdog,
    /// How things stand, for a person.
    Status(String),
}

/// Tells it; what can't be told is logged. It may block for as long as the service manager doesn't listen.
pub fn tell(what: &Say) {
    if let Err(error) = send(what) {
        tracing::debug!(%error, ?what, "the service manager can't be told");
    }
}

#[cfg(target_os = "linux")]
fn send(what: &Say) -> std::io::Result<()> {
    use sd_notify::NotifyState;
    let states = match what {
        Say::Ready => vec![NotifyState::Ready],
        // The time tells a reload from one that is already over.
        Say::Reloading => vec![NotifyState::Reloading, NotifyState::monotonic_usec_now()?],
        Say::Stopping => vec![NotifyState::Stopping],
        Say::Watchdog => vec![NotifyState::Watchdog],
        Say::Status(line) => vec![NotifyState::Status(line)],
    };
    sd_notify::notify(&states)
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "as on Linux")]
fn send(_what: &Say) -> std::io::Result<()> {
    Ok(())
}

/// How long the service manager waits between two signs of life; none: it doesn't.
fn watchdog_period() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
    #[cfg(not(target_os = "linux"))]
    None
}

/// Tells the service manager that the engine lives, and how things stand, until the set is dropped. Empty where nobody asks.
#[must_use]
pub fn keep_telling(engine: Pulse, snapshots: watch::Receiver<Arc<Snapshot>>) -> JoinSet<()> {
    let mut telling = JoinSet::new();
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        telling.spawn(tell_status(snapshots));
        if let Some(period) = watchdog_period() {
            telling.spawn(watchdog(period / 2, engine)); // as sd_watchdog_enabled(3) recommends
        }
    }
    telling
}

/// Says that the program lives for as long as the engine's loop answers: a process that merely exists doesn't.
async fn watchdog(every: Duration, engine: Pulse) {
    let mut turns = interval(every);
    loop {
        turns.tick().await;
        if engine.beats(every).await {
            say(Say::Watchdog).await;
        } else {
            tracing::error!("the engine doesn't answer: this is a fault of the exporter");
        }
    }
}

async fn tell_status(mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    let mut told = String::new();
    loop {
        let line = status(&snapshots.borrow_and_update());
        if line != told {
            say(Say::Status(line.clone())).await;
            told = line;
        }
        sleep(STATUS_PAUSE).await;
        if snapshots.changed().await.is_err() {
            return; // the owner of the state has ended
        }
    }
}

/// The same off the runtime's threads: the socket may be full.
pub async fn say(what: Say) {
    let _ = spawn_blocking(move || tell(&what)).await; // it doesn't panic
}

/// How things stand, in a line: MAPS for clients with the default `SSLOptions` by each route, then how many endpoints fail.
#[must_use]
pub fn status(snapshot: &Snapshot) -> String {
    let all = snapshot.targets.len();
    let probed = snapshot.targets.iter().filter(|target| target.probes > 0).count();
    let verdicts = snapshot.iter().filter_map(|(_, target, state)| state.verdict(target));
    let failing = verdicts.filter(|verdict| *verdict == Verdict::Bad).count();
    let by_route = snapshot.maps.iter().filter(|maps| maps.options == SslOptions::Both);
    let mut parts: Vec<_> = by_route.filter_map(|maps| said(&maps.route, maps.connection)).collect();
    if probed < all {
        parts.push(format!("{probed} of {all} endpoints probed so far"));
    }
    parts.push(match failing {
        0 => "no endpoint fails".to_owned(),
        some => format!("{some} of {all} endpoints fail"),
    });
    if snapshot.reload_failed {
        parts.push("the last reload failed".to_owned());
    }
    parts.join("; ")
}

fn said(route: &str, connection: Connection) -> Option<String> {
    match connection {
        Connection::Unknown => None,
        Connection::Connected => Some(format!("MAPS connected by {route}")),
        Connection::Lost { stage, reason } => Some(format!("MAPS lost by {route} ({stage}: {reason})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Component;
    use crate::observation::{FailureReason, Stage};
    use crate::plan::Target;
    use crate::report::sample;

    #[test]
    fn how_things_stand_is_one_line() {
        let mut snapshot = sample::fresh(&["direct"]);
        let all = snapshot.targets.len();
        let check = |snapshot: &Snapshot, expected: &str| assert_eq!(status(snapshot), expected);
        check(&snapshot, &format!("0 of {all} endpoints probed so far; no endpoint fails"));
        snapshot = sample::healthy(&["direct"]);
        check(&snapshot, "MAPS connected by direct; no endpoint fails");
        let of_maps = |target: &Target| target.endpoint.component == Component::Maps;
        let ids = snapshot.iter().filter(|(_, target, _)| of_maps(target)).map(|(id, ..)| id);
        let ids: Vec<_> = ids.collect();
        for id in &ids {
            sample::fail(&mut snapshot, *id, 20, (Stage::Resolve, FailureReason::Nxdomain), "");
        }
        let lost = format!("MAPS lost by direct (resolve: nxdomain); {} of {all} endpoints fail", ids.len());
        check(&snapshot, &lost);
    }
}
