//! Notifications to systemd (`sd_notify(3)`): ready, reloading, stopping, watchdog, and a status line with the
//! verdicts. Does nothing unless `NOTIFY_SOCKET` is set.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

use crate::engine::LivenessProbe;
use crate::state::Snapshot;
use crate::task;
use crate::verdict::{MapsConnection, SslOptions, UnservedNeed, Verdict};

/// The minimum interval between status updates.
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// How long the start, a reload or the stop waits until systemd has received its notification.
const NOTIFY_TIMEOUT: Duration = Duration::from_millis(200);

/// A notification to systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A configuration is in use, and the listeners are open.
    Ready,
    /// A reload has begun; [`Notification::Ready`] follows.
    Reloading,
    /// The program is stopping.
    Stopping,
    /// Watchdog keep-alive.
    Watchdog,
    /// A status line, shown by `systemctl status`.
    Status(String),
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Reloading => "reloading",
            Self::Stopping => "stopping",
            Self::Watchdog => "watchdog",
            Self::Status(line) => line,
        })
    }
}

/// Sends a notification; errors are logged. Blocks while the socket is full.
fn notify_blocking(notification: &Notification) {
    if let Err(error) = send(notification) {
        tracing::debug!(%error, %notification, "failed to notify the service manager");
    }
}

#[cfg(target_os = "linux")]
fn send(what: &Notification) -> std::io::Result<()> {
    use sd_notify::NotifyState;
    let states = match what {
        Notification::Ready => vec![NotifyState::Ready],
        // systemd needs the monotonic time to match the reload with its `Ready`.
        Notification::Reloading => vec![NotifyState::Reloading, NotifyState::monotonic_usec_now()?],
        Notification::Stopping => vec![NotifyState::Stopping],
        Notification::Watchdog => vec![NotifyState::Watchdog],
        Notification::Status(line) => vec![NotifyState::Status(line)],
    };
    sd_notify::notify(&states)
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "as on Linux")]
fn send(_what: &Notification) -> std::io::Result<()> {
    Ok(())
}

/// Whether systemd expects notifications.
#[must_use]
pub fn is_notified() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// systemd's watchdog timeout. `None` if the watchdog is off.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
    #[cfg(not(target_os = "linux"))]
    None
}

/// Sends keep-alives while the engine's loop responds. Sends them at half the watchdog timeout, as
/// sd_watchdog_enabled(3) recommends. Never returns.
pub async fn watchdog(period: Duration, engine: LivenessProbe) {
    let half = period / 2;
    let mut ticks = interval(half);
    loop {
        ticks.tick().await;
        if engine.is_alive(half).await {
            notify(Notification::Watchdog).await;
        } else {
            tracing::error!("engine not responding: a bug in the exporter");
        }
    }
}

/// Sends the status line when it changes, until the snapshot channel closes.
pub async fn report_status(mut snapshots: watch::Receiver<Arc<Snapshot>>) {
    let mut sent = String::new();
    loop {
        let line = status(&snapshots.borrow_and_update());
        if line != sent {
            notify(Notification::Status(line.clone())).await;
            sent = line;
        }
        sleep(STATUS_PAUSE).await;
        if snapshots.changed().await.is_err() {
            return; // the reducer has ended
        }
    }
}

/// Sends a notification on a blocking thread, and waits while the socket is full.
async fn notify(notification: Notification) {
    task::blocking(move || notify_blocking(&notification)).await;
}

/// Announces a start, reload or stop. Waits at most `NOTIFY_TIMEOUT` for systemd; the message is still delivered if it
/// reads later.
pub async fn announce(notification: Notification) {
    if timeout(NOTIFY_TIMEOUT, notify(notification.clone())).await.is_err() {
        tracing::warn!(%notification, "the service manager is not reading notifications");
    }
}

/// The status line: the MAPS state of clients with the default `SSLOptions` on each route, then the number of failing
/// endpoints.
#[must_use]
pub fn status(snapshot: &Snapshot) -> String {
    let all = snapshot.defender().count();
    let probed = snapshot.defender().filter(|(.., state)| state.probes > 0).count();
    let verdicts = snapshot.defender().filter_map(|(.., state)| state.verdict());
    let failing = verdicts.filter(|verdict| *verdict == Verdict::Bad).count();
    let by_route = snapshot.maps.iter().filter(|maps| maps.options == SslOptions::Both);
    let mut parts: Vec<_> = by_route.filter_map(|maps| maps_status(&maps.route, &maps.connection)).collect();
    if probed < all {
        parts.push(format!("{probed} of {all} targets probed so far"));
    }
    parts.push(match failing {
        0 => "no endpoint failing".to_owned(),
        some => format!("{some} of {all} endpoints failing"),
    });
    if snapshot.reload_failed {
        parts.push("the last reload failed".to_owned());
    }
    parts.join("; ")
}

fn maps_status(route: &str, connection: &MapsConnection) -> Option<String> {
    match connection {
        MapsConnection::Unknown => None,
        MapsConnection::Connected => Some(format!("MAPS connected via {route}")),
        MapsConnection::Lost(unserved) => {
            let describe = |UnservedNeed { need, phase, reason, .. }: &UnservedNeed| {
                format!("{need}: {phase}: {reason}")
            };
            let why = unserved.iter().map(describe).collect::<Vec<_>>().join(", ");
            Some(format!("MAPS lost via {route} ({why})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Component;
    use crate::observation::{FailureReason, Phase};
    use crate::plan::Target;
    use crate::report::simulation;

    #[test]
    fn the_status_is_one_line() {
        let mut snapshot = simulation::fresh(&["direct"]);
        let all = snapshot.defender().count();
        let check = |snapshot: &Snapshot, expected: &str| assert_eq!(status(snapshot), expected);
        check(&snapshot, &format!("0 of {all} targets probed so far; no endpoint failing"));
        snapshot = simulation::healthy(&["direct"]);
        check(&snapshot, "MAPS connected via direct; no endpoint failing");
        let of_maps = |target: &Target| target.endpoint.component == Component::Maps;
        let ids = snapshot.iter().filter(|(_, target, _)| of_maps(target)).map(|(id, ..)| id);
        let ids: Vec<_> = ids.collect();
        for id in &ids {
            simulation::fail(&mut snapshot, *id, 20, (Phase::Resolve, FailureReason::Nxdomain), "");
        }
        let why = "default_hosts: resolve: nxdomain, regional_hosts: resolve: nxdomain";
        let lost = format!("MAPS lost via direct ({why}); {} of {all} endpoints failing", ids.len());
        check(&snapshot, &lost);
    }
}
