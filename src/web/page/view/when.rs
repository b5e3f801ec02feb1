//! Times and durations in words. The current time is an argument.

use std::time::{Duration, SystemTime};

use crate::clock;

/// A time, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// RFC 3339, for the attribute `datetime`.
    pub(crate) machine: String,
    /// `2026-11-24 00:00:31 UTC`.
    pub(crate) absolute: String,
    /// The time of day if it is today, otherwise the date.
    pub(crate) short: String,
    /// `12 seconds ago`, `in 35 days`.
    pub(crate) relative: String,
    /// Whether the time has passed.
    pub(crate) past: bool,
}

impl When {
    pub(super) fn new(at: SystemTime, now: SystemTime) -> Self {
        let machine = clock::rfc3339(at);
        let absolute = machine.replace('T', " ").replace('Z', " UTC");
        let (date, time) = absolute.split_once(' ').unwrap_or_default();
        let short = if clock::rfc3339(now).starts_with(date) { time } else { date }.to_owned();
        let (past, distance) = match now.duration_since(at) {
            Ok(ago) => (true, ago),
            Err(ahead) => (false, ahead.duration()),
        };
        let relative = match amount(distance) {
            None => "just now".to_owned(),
            Some(amount) if past => format!("{amount} ago"),
            Some(amount) => format!("in {amount}"),
        };
        Self { machine, absolute, short, relative, past }
    }
}

/// A span in the largest unit of which it has at least two. Returns `None` below two seconds.
fn amount(span: Duration) -> Option<String> {
    const UNITS: [(u64, &str); 5] =
        [(365 * 86_400, "year"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let seconds = span.as_secs();
    // Below two of a unit, the smaller unit is more precise: 90 minutes, 36 hours.
    let (unit, name) = UNITS.iter().find(|(unit, _)| seconds >= 2 * unit)?;
    Some(format!("{} {name}s", seconds / unit))
}

/// A measured duration: `0.4 ms`, `135 ms`, `1.24 s`.
pub(crate) fn took(span: Duration) -> String {
    let micros = span.as_micros();
    match micros {
        0..10_000 => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1000),
        _ => format!("{:.2} s", span.as_secs_f64()),
    }
}

/// A configured duration: `1m 30s`, `5m`.
pub(crate) fn every(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::simulation::at;

    #[test]
    fn moments_in_words() {
        let check = |second: u64, expected: &str| {
            let when = When::new(at(second), at(1_000_000));
            assert_eq!(when.relative, expected, "{second}");
            assert_eq!(when.past, second <= 1_000_000);
        };
        check(1_000_000, "just now");
        check(999_999, "just now");
        check(999_998, "2 seconds ago");
        check(999_881, "119 seconds ago");
        check(999_880, "2 minutes ago");
        check(1_000_000 - 7199, "119 minutes ago");
        check(1_000_000 - 47 * 3600, "47 hours ago");
        check(1_000_000 - 48 * 3600, "2 days ago");
        check(1_000_000 + 35 * 86_400, "in 35 days");
        check(1_000_000 + 800 * 86_400, "in 2 years");
        check(1_000_001, "just now");
        assert_eq!(When::new(at(31), at(86_400)).short, "2026-11-24");
        let when = When::new(at(31), at(86_399));
        assert_eq!(when.short, "00:00:31 UTC");
        assert_eq!(
            (when.machine.as_str(), when.absolute.as_str()),
            ("2026-11-24T00:00:31Z", "2026-11-24 00:00:31 UTC")
        );
    }

    #[test]
    fn durations_in_words() {
        let check = |micros, expected: &str| assert_eq!(took(Duration::from_micros(micros)), expected);
        check(0, "0.0 ms");
        check(420, "0.4 ms");
        check(9_990, "10.0 ms");
        check(10_000, "10 ms");
        check(999_999, "999 ms");
        check(1_240_000, "1.24 s");
        assert_eq!(every(Duration::from_secs(90)), "1m 30s");
    }
}
