//! The rate limit: a token bucket, stored as the time at which it is full again (generic cell rate algorithm).

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::web::RateLimit;

/// Limits the rate of requests.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: RateLimit,
    full_at: Mutex<Option<Instant>>,
}

impl RateLimiter {
    pub(super) fn new(rate: RateLimit) -> Self {
        Self { rate, full_at: Mutex::default() }
    }

    /// Admits a request at `now`, or returns the time to wait.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut full_at = self.full_at.lock();
        let begin = full_at.map_or(now, |full_at| full_at.max(now));
        let capacity = self.rate.interval.saturating_mul(self.rate.burst - 1); // a burst is at least one
        let beyond = begin.duration_since(now).saturating_sub(capacity);
        if !beyond.is_zero() {
            return Err(beyond);
        }
        *full_at = Some(begin + self.rate.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_in_each_interval() {
        let start = Instant::now();
        let limiter = RateLimiter::new(RateLimit { interval: Duration::from_secs(2), burst: 3 });
        for (seconds, expected) in [
            (0.0, Ok(())),
            (0.0, Ok(())),
            (0.0, Ok(())),
            (0.0, Err(2.0)),
            (1.5, Err(0.5)),
            (2.0, Ok(())),
            (2.0, Err(2.0)),
            (100.0, Ok(())),
            (100.0, Ok(())),
            (100.0, Ok(())),
            (101.0, Err(1.0)),
        ] {
            let found = limiter.admit(start + Duration::from_secs_f64(seconds));
            assert_eq!(found, expected.map_err(Duration::from_secs_f64), "at {seconds}");
        }
    }
}
