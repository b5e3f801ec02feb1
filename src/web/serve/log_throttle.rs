//! Throttles the log: clients can cause messages, but not fill the log.

use std::time::Duration;

use tokio::time::Instant;

/// The minimum interval between messages.
const INTERVAL: Duration = Duration::from_secs(60);

/// Admits one message per interval, and counts the others.
#[derive(Debug, Default)]
pub(super) struct LogThrottle {
    last: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// The number of messages suppressed since the last one, if another one is due.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_a_minute() {
        let (start, mut throttle) = (Instant::now(), LogThrottle::default());
        let mut at = |seconds| throttle.admit(start + Duration::from_secs(seconds));
        let found = [0, 1, 59, 60, 61, 300].map(&mut at);
        assert_eq!(found, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
