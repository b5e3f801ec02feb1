//! The only reading of the clock. Everything else takes time as an argument or asks a `Clock`.
//! Monotonic time is `tokio::time::Instant`, so that tests pause it; wall time is read here alone.

use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// Where wall-clock time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The operating system's clock.
    System,
    /// A clock that stands still, for tests that verify certificates at a known moment.
    Fixed(SystemTime),
}

impl Clock {
    /// The wall-clock time now.
    #[must_use]
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

/// How long this machine has been suspended since it started, as far as its monotonic clock leaves that out: Linux' does,
/// that of Windows goes on.
#[cfg(target_os = "linux")]
#[must_use]
pub fn asleep() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let read = |id| Duration::try_from(clock_gettime(id)).unwrap_or_default(); // never before the start
    read(ClockId::Boottime).saturating_sub(read(ClockId::Monotonic))
}

/// Not told.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub const fn asleep() -> Duration {
    Duration::ZERO
}

/// Seconds since the Unix epoch, negative before it: the form of every timestamp metric.
#[must_use]
pub fn unix_seconds(at: SystemTime) -> f64 {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// The last second of the year 9999, the last that RFC 3339 can write.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// A time as people and programs read it: UTC, by RFC 3339, in whole seconds. What is before 1970 or after 9999 is
/// written as the nearest that isn't.
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    let since_epoch = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LAST);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
