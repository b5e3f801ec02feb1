//! The activity of a connection, for its timeouts: waiting for a request head, generating a response, sending it, or
//! idle. `ActivityState` is pure, with time as an argument; `Activity` shares it between the connection and its monitor.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::limits::ConnectionTimeouts;

/// A response, from the request's head until hyper has taken the whole body.
#[derive(Debug)]
struct ResponseState {
    number: u64,
    /// When sending began. `None` while the response is being generated.
    sent_since: Option<Instant>,
    /// The size of the body while it is being sent, in bytes.
    size: u64,
}

#[derive(Debug)]
struct ActivityState {
    responses: Vec<ResponseState>,
    next: u64,
    /// Since when a request head has been expected. `None` if nothing was received since the last response.
    head_since: Option<Instant>,
    quiet_since: Instant,
    /// Bytes were received after the last head: the next one may be in transit.
    fresh: bool,
    /// The last request had a body, which may be unread.
    body: bool,
    /// Over HTTP/2, received bytes may be pings or settings.
    multiplexed: bool,
}

impl ActivityState {
    fn new(now: Instant) -> Self {
        let (answers, head_since) = (Vec::new(), Some(now));
        Self {
            responses: answers,
            next: 0,
            head_since,
            quiet_since: now,
            fresh: false,
            body: false,
            multiplexed: false,
        }
    }

    fn received(&mut self, now: Instant) {
        if self.multiplexed {
            return;
        }
        self.fresh = true;
        if self.responses.is_empty() {
            self.head_since.get_or_insert(now);
        }
    }

    fn request_received(&mut self, body: bool) -> u64 {
        (self.fresh, self.body) = (false, body);
        let number = self.next;
        self.next += 1;
        self.head_since = None;
        self.responses.push(ResponseState { number, sent_since: None, size: 0 });
        number
    }

    fn sending(&mut self, number: u64, size: u64, now: Instant) {
        let answer = self.responses.iter_mut().find(|answer| answer.number == number);
        if let Some(answer) = answer {
            (answer.sent_since, answer.size) = (Some(now), size);
        }
    }

    fn done(&mut self, number: u64, now: Instant) {
        self.responses.retain(|answer| answer.number != number);
        if self.responses.is_empty() {
            self.quiet_since = now;
            self.head_since = self.fresh.then_some(now);
        }
    }

    /// The time of the timeout if nothing else happens. `None` while responses are being generated, which have their
    /// own limit.
    fn deadline(&self, times: &ConnectionTimeouts) -> Option<Instant> {
        if self.responses.is_empty() {
            let head = self.head_since.map(|since| since + times.head);
            return Some(head.unwrap_or(self.quiet_since + times.idle));
        }
        self.responses.iter().filter_map(|answer| answer.sent_since).min().map(|since| since + times.sending)
    }

    /// Since when no response is being generated, so that closing the connection loses little.
    fn idle_since(&self) -> Option<Instant> {
        let made = self.responses.iter().all(|answer| answer.sent_since.is_some());
        let sent = self.responses.iter().filter_map(|answer| answer.sent_since).min();
        made.then(|| sent.or(self.head_since).unwrap_or(self.quiet_since))
    }
}

/// The activity of a connection.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<ActivityState>,
    changed: Notify,
}

impl Activity {
    /// A new connection, from which a request is expected.
    pub(super) fn new(now: Instant) -> Self {
        Self { state: Mutex::new(ActivityState::new(now)), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, ActivityState> {
        self.state.lock()
    }

    fn change<T>(&self, change: impl FnOnce(&mut ActivityState) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.notify_one();
        result
    }

    /// The connection uses HTTP/2.
    pub(super) fn multiplexed(&self) {
        self.change(|phases| phases.multiplexed = true);
    }

    /// Bytes were received.
    pub(super) fn received(&self) {
        self.change(|phases| phases.received(Instant::now()));
    }

    /// The time of the timeout.
    pub(super) fn deadline(&self, times: &ConnectionTimeouts) -> Option<Instant> {
        self.state().deadline(times)
    }

    /// Since when the connection could be closed.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.state().idle_since()
    }

    /// The bytes of responses that are being sent.
    pub(super) fn unsent(&self) -> u64 {
        self.state().responses.iter().map(|answer| answer.size).sum()
    }

    /// Whether the client may still be sending unread bytes.
    pub(super) fn may_be_sending(&self) -> bool {
        let phases = self.state();
        phases.fresh || phases.body
    }

    /// Completes at the next change.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// A response in progress; dropping it ends the response.
pub(super) struct ResponseGuard {
    activity: Arc<Activity>,
    number: u64,
}

impl ResponseGuard {
    /// A request head was read; the request may have a body.
    pub(super) fn begin(activity: &Arc<Activity>, body: bool) -> Self {
        Self {
            activity: Arc::clone(activity),
            number: activity.change(|phases| phases.request_received(body)),
        }
    }

    /// The response was generated, and sending its body of so many bytes begins.
    pub(super) fn sending(&self, size: u64) {
        self.activity.change(|phases| phases.sending(self.number, size, Instant::now()));
    }
}

impl Drop for ResponseGuard {
    fn drop(&mut self) {
        self.activity.change(|phases| phases.done(self.number, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMES: ConnectionTimeouts = ConnectionTimeouts {
        head: Duration::from_secs(10),
        sending: Duration::from_secs(60),
        idle: Duration::from_secs(300),
    };

    type Step = fn(&mut ActivityState, Instant);

    /// What happens, at which second; and when time is up afterwards, and since when it is idle.
    fn check(what: &str, multiplexed: bool, happens: &[(u64, Step)], up: Option<u64>, idle: Option<u64>) {
        let start = Instant::now();
        let mut phases = ActivityState::new(start);
        phases.multiplexed = multiplexed;
        for (second, step) in happens {
            step(&mut phases, start + Duration::from_secs(*second));
        }
        let seconds = |at: Option<Instant>| at.map(|at| (at - start).as_secs());
        assert_eq!((seconds(phases.deadline(&TIMES)), seconds(phases.idle_since())), (up, idle), "{what}");
    }

    #[test]
    fn each_phase_has_its_limit() {
        let asked: Step = |phases, _| {
            phases.request_received(false);
        };
        let bytes: Step = ActivityState::received;
        let sending: Step = |phases, now| phases.sending(0, 1, now);
        let done: Step = |phases, now| phases.done(0, now);
        let sending_1: Step = |phases, now| phases.sending(1, 1, now);
        check("silent from the start", false, &[], Some(10), Some(0));
        check("a slow head", false, &[(1, bytes), (9, bytes)], Some(10), Some(0));
        check("an answer is made", false, &[(1, bytes), (2, asked)], None, None);
        check("and sent", false, &[(2, asked), (3, sending), (50, bytes)], Some(63), Some(3));
        let served: [(u64, Step); 3] = [(2, asked), (3, sending), (4, done)];
        check("and taken", false, &served, Some(304), Some(4));
        let next = [served.as_slice(), &[(100, bytes), (105, bytes)]].concat();
        check("a second head begins", false, &next, Some(110), Some(100));
        check("and pings", true, &next, Some(304), Some(4));
        let early: [(u64, Step); 4] = [(2, asked), (3, bytes), (3, sending), (4, done)];
        check("a head that came too early", false, &early, Some(14), Some(4));
        let two: [(u64, Step); 3] = [(2, asked), (3, asked), (4, sending)];
        check("one is made, one sent", true, &two, Some(64), None);
        check("both are sent", true, &[two.as_slice(), &[(5, sending_1)]].concat(), Some(64), Some(4));
    }
}
