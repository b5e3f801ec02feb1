//! What a connection is doing, as far as its limits ask: waiting for a head, making an answer, sending it, or nothing.
//! `Phases` is pure, its time is an argument; `Activity` shares it between the connection and who watches it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::limits::Times;

/// One answer, from the request's head to the last byte that hyper took of the body.
#[derive(Debug)]
struct Answer {
    number: u64,
    /// When it began to be sent; none: it is being made.
    sent_since: Option<Instant>,
}

#[derive(Debug)]
struct Phases {
    answers: Vec<Answer>,
    next: u64,
    /// Since when a head is expected; none: nothing came since the last answer.
    head_since: Option<Instant>,
    quiet_since: Instant,
    /// Bytes came since the last head: the next one may be on its way.
    fresh: bool,
    /// The last request had a body, which nobody may have read.
    body: bool,
    /// Over HTTP/2 bytes say nothing: there are pings and settings.
    multiplexed: bool,
}

impl Phases {
    fn new(now: Instant) -> Self {
        let (answers, head_since) = (Vec::new(), Some(now));
        Self { answers, next: 0, head_since, quiet_since: now, fresh: false, body: false, multiplexed: false }
    }

    fn received(&mut self, now: Instant) {
        if self.multiplexed {
            return;
        }
        self.fresh = true;
        if self.answers.is_empty() {
            self.head_since.get_or_insert(now);
        }
    }

    fn asked(&mut self, body: bool) -> u64 {
        (self.fresh, self.body) = (false, body);
        let number = self.next;
        self.next += 1;
        self.head_since = None;
        self.answers.push(Answer { number, sent_since: None });
        number
    }

    fn sending(&mut self, number: u64, now: Instant) {
        let answer = self.answers.iter_mut().find(|answer| answer.number == number);
        if let Some(answer) = answer {
            answer.sent_since = Some(now);
        }
    }

    fn done(&mut self, number: u64, now: Instant) {
        self.answers.retain(|answer| answer.number != number);
        if self.answers.is_empty() {
            self.quiet_since = now;
            self.head_since = self.fresh.then_some(now);
        }
    }

    /// When its time is up, if nothing happens until then; none while answers are being made, which have their own limit.
    fn deadline(&self, times: &Times) -> Option<Instant> {
        if self.answers.is_empty() {
            let head = self.head_since.map(|since| since + times.head);
            return Some(head.unwrap_or(self.quiet_since + times.idle));
        }
        self.answers.iter().filter_map(|answer| answer.sent_since).min().map(|since| since + times.sending)
    }

    /// Since when nothing is being made for the client, so that it loses little when it is sent away.
    fn idle_since(&self) -> Option<Instant> {
        let made = self.answers.iter().all(|answer| answer.sent_since.is_some());
        let sent = self.answers.iter().filter_map(|answer| answer.sent_since).min();
        made.then(|| sent.or(self.head_since).unwrap_or(self.quiet_since))
    }
}

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    phases: Mutex<Phases>,
    changed: Notify,
}

impl Activity {
    /// A connection that begins, from whom a request is expected.
    pub(super) fn new(now: Instant) -> Self {
        Self { phases: Mutex::new(Phases::new(now)), changed: Notify::new() }
    }

    fn phases(&self) -> MutexGuard<'_, Phases> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Phases) -> T) -> T {
        let result = change(&mut self.phases());
        self.changed.notify_one();
        result
    }

    /// It speaks HTTP/2.
    pub(super) fn multiplexed(&self) {
        self.change(|phases| phases.multiplexed = true);
    }

    /// Bytes came.
    pub(super) fn received(&self) {
        self.change(|phases| phases.received(Instant::now()));
    }

    /// When its time is up.
    pub(super) fn deadline(&self, times: &Times) -> Option<Instant> {
        self.phases().deadline(times)
    }

    /// Since when it could be sent away.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.phases().idle_since()
    }

    /// Whether the client may still be sending what nobody reads any more.
    pub(super) fn talks(&self) -> bool {
        let phases = self.phases();
        phases.fresh || phases.body
    }

    /// Completes when something has changed since the last time.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

/// An answer under way; it ends with the value.
pub(super) struct UnderWay {
    activity: Arc<Activity>,
    number: u64,
}

impl UnderWay {
    /// The head of a request has been read, which may have a body.
    pub(super) fn begin(activity: &Arc<Activity>, body: bool) -> Self {
        Self { activity: Arc::clone(activity), number: activity.change(|phases| phases.asked(body)) }
    }

    /// The answer is made and begins to be sent.
    pub(super) fn sending(&self) {
        self.activity.change(|phases| phases.sending(self.number, Instant::now()));
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.activity.change(|phases| phases.done(self.number, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMES: Times = Times {
        head: Duration::from_secs(10),
        sending: Duration::from_secs(60),
        idle: Duration::from_secs(300),
    };

    type Step = fn(&mut Phases, Instant);

    /// What happens, at which second; and when time is up afterwards, and since when it is idle.
    fn check(what: &str, multiplexed: bool, happens: &[(u64, Step)], up: Option<u64>, idle: Option<u64>) {
        let start = Instant::now();
        let mut phases = Phases::new(start);
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
            phases.asked(false);
        };
        let bytes: Step = Phases::received;
        let sending: Step = |phases, now| phases.sending(0, now);
        let done: Step = |phases, now| phases.done(0, now);
        let sending_1: Step = |phases, now| phases.sending(1, now);
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
