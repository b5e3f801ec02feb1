//! The only module that reads the clock. Other modules take the time as an argument or use a `Clock`. Monotonic time is
//! `tokio::time::Instant`, which tests can pause.

use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// The source of wall-clock time.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A fixed time, for tests that verify certificates.
    Fixed(SystemTime),
}

impl Clock {
    /// The wall-clock time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(self) -> SystemTime {
        match self {
            Self::System => SystemTime::now(),
            Self::Fixed(at) => at,
        }
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = self.now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(since_epoch))
    }
}

/// The total time this machine was suspended, if its monotonic clock excludes it. Linux' clock does, Windows' doesn't.
#[cfg(target_os = "linux")]
#[must_use]
pub fn time_suspended() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |id| Duration::try_from(clock_gettime(id)).unwrap_or_default(); // never negative
    read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic))
}

/// Always zero on this system.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub const fn time_suspended() -> Duration {
    Duration::ZERO
}

/// The CPU time that the calling thread has used. Unlike the time that passed, it doesn't grow while other threads
/// have the CPU. `None` if this system's is not known.
#[cfg(target_os = "linux")]
#[must_use]
pub fn thread_cpu_time() -> Option<Duration> {
    Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).ok()
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub const fn thread_cpu_time() -> Option<Duration> {
    None
}

/// Seconds since the Unix epoch, negative before it, as in timestamp metrics.
#[must_use]
pub fn unix_seconds(at: SystemTime) -> f64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The last second of the year 9999, the maximum of RFC 3339.
pub(crate) const LAST: Duration = Duration::from_secs(253_402_300_799);

/// The nearest time that RFC 3339 can express here: from 1970 to the last second of 9999.
#[must_use]
pub(crate) fn clamp_to_rfc3339(at: SystemTime) -> SystemTime {
    at.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST)
}

/// Formats a time as RFC 3339, in UTC and whole seconds. Times before 1970 or after 9999 are clamped.
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(clamp_to_rfc3339(at)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that waits uses no CPU time, one that works does.
    #[test]
    #[cfg(target_os = "linux")]
    fn waiting_takes_no_cpu_time() {
        let waited = Duration::from_millis(50);
        let (_open, never) = std::sync::mpsc::channel::<()>();
        let before = thread_cpu_time().unwrap();
        never.recv_timeout(waited).unwrap_err();
        let after = thread_cpu_time().unwrap();
        let used = after.saturating_sub(before);
        assert!(used < waited, "{used:?}");
        while thread_cpu_time().unwrap() < after + waited {}
    }

    #[test]
    fn times_of_any_certificate_can_be_written() {
        let epoch = SystemTime::UNIX_EPOCH;
        let check = |at, text: &str| assert_eq!(rfc3339(at), text);
        check(epoch + Duration::from_millis(1_795_478_400_999), "2026-11-24T00:00:00Z");
        check(epoch - Duration::from_secs(1), "1970-01-01T00:00:00Z");
        check(epoch + LAST, "9999-12-31T23:59:59Z");
        check(epoch + LAST * 2, "9999-12-31T23:59:59Z");
    }
}
