//! The phases of a probe as bars on a scale that all rows share. Pure geometry: `markup` draws them.

use std::time::Duration;

use super::when::took;
use crate::observation::{Phase, PhaseOutcome, Timings};

/// The width of the drawing, in SVG user units.
pub(crate) const WIDTH: u32 = 1000;

/// The minimum width of a phase, so that it is visible.
const LEAST: u32 = 24;

/// The phases of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waterfall {
    /// From left to right, without overlap.
    pub(crate) bars: Vec<Bar>,
    /// Whether the phases take longer than the scale.
    pub(crate) cut: bool,
    /// The sum of the phases.
    pub(crate) total: String,
    /// The phases in words, for screen readers.
    pub(crate) label: String,
}

/// The bar of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) phase: Phase,
    pub(crate) failed: bool,
    /// The left edge.
    pub(crate) x: u32,
    pub(crate) width: u32,
}

/// The duration that the full width represents: the 90th percentile, so that a few timeouts don't make the other bars
/// invisible. One second if no total is above zero.
pub(super) fn scale(totals: impl Iterator<Item = Duration>) -> Duration {
    let mut totals: Vec<_> = totals.filter(|total| !total.is_zero()).collect();
    totals.sort_unstable();
    let ninth = (totals.len() * 9).div_ceil(10);
    totals.get(ninth.saturating_sub(1)).copied().unwrap_or(Duration::from_secs(1))
}

impl Waterfall {
    pub(super) fn new(timings: &Timings, scale: Duration) -> Self {
        let mut bars = Vec::new();
        let mut start = 0;
        let mut words = Vec::new();
        let phases = Phase::ALL.iter().filter_map(|phase| Some((*phase, timings.get(*phase)?)));
        for (phase, span) in phases {
            let failed = timings.outcome(phase) == PhaseOutcome::Failed;
            let end = (start + length(span, scale).max(LEAST)).min(WIDTH);
            if start < end {
                bars.push(Bar { phase, failed, x: start, width: end - start });
            }
            start = end;
            words.push(format!("{phase} {}{}", took(span), if failed { ", failed" } else { "" }));
        }
        let total = timings.total();
        Self { bars, cut: total > scale, total: took(total), label: words.join("; ") }
    }
}

/// The length of a span on the scale, at most `WIDTH + 1`.
fn length(span: Duration, scale: Duration) -> u32 {
    let part = span.as_nanos().saturating_mul(u128::from(WIDTH)) / scale.as_nanos().max(1);
    u32::try_from(part).unwrap_or(u32::MAX).min(WIDTH + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timings(phases: &[(Phase, u64)]) -> Timings {
        let mut timings = Timings::default();
        for (phase, millis) in phases {
            timings.record(*phase, PhaseOutcome::Done, Duration::from_millis(*millis));
        }
        timings
    }

    #[test]
    fn phases_follow_each_other_on_the_scale() {
        let check = |phases: &[(Phase, u64)], expected: &[(u32, u32)], cut: bool| {
            let drawn = Waterfall::new(&timings(phases), Duration::from_millis(100));
            let bars: Vec<_> = drawn.bars.iter().map(|bar| (bar.x, bar.width)).collect();
            assert_eq!((bars.as_slice(), drawn.cut), (expected, cut), "{phases:?}");
            assert!(drawn.bars.iter().all(|bar| bar.x + bar.width <= WIDTH));
        };
        check(&[], &[], false);
        check(&[(Phase::Resolve, 0), (Phase::Connect, 50)], &[(0, 24), (24, 500)], false);
        check(&[(Phase::Resolve, 10), (Phase::Connect, 90)], &[(0, 100), (100, 900)], false);
        check(&[(Phase::Resolve, 10), (Phase::Connect, 10_000)], &[(0, 100), (100, 900)], true);
        check(&[(Phase::Resolve, 200), (Phase::Connect, 1)], &[(0, 1000)], true);
        check(&[(Phase::Resolve, u64::MAX / 1_000_000)], &[(0, 1000)], true);
    }

    #[test]
    fn the_words_say_what_the_bars_show() {
        let mut timings = timings(&[(Phase::Resolve, 20), (Phase::Connect, 30)]);
        timings.record(Phase::Tls, PhaseOutcome::Failed, Duration::from_micros(400));
        timings.not_applicable(Phase::Tunnel);
        let drawn = Waterfall::new(&timings, Duration::from_secs(1));
        assert_eq!(drawn.label, "resolve 20 ms; connect 30 ms; tls 0.4 ms, failed");
        assert_eq!(drawn.total, "50 ms");
        assert_eq!(
            drawn.bars.iter().filter(|bar| bar.failed).map(|bar| bar.phase).collect::<Vec<_>>(),
            [Phase::Tls]
        );
    }

    #[test]
    fn nine_of_ten_fit_on_the_scale() {
        let check = |millis: &[u64], expected: u64| {
            let found = scale(millis.iter().map(|ms| Duration::from_millis(*ms)));
            assert_eq!(found, Duration::from_millis(expected), "{millis:?}");
        };
        check(&[], 1000);
        check(&[0, 0], 1000);
        check(&[40], 40);
        check(&[10_000, 1, 2, 3, 4, 5, 6, 7, 8, 9], 9);
        check(&[10, 20], 20);
    }
}
