//! Whether a process's resources stay flat. Pure.

use std::time::Duration;

use crate::exporter::Held;

/// What memory may grow by from the first to the last quarter after the warm-up: a twentieth, or this much where that is
/// more, in KiB. An allocator gives pages back late, and never all of them.
const MEMORY: u64 = 1024;
/// What the median of the descriptors may grow by: faults that hang hold connections, and no two quarters have the same.
const DESCRIPTORS: usize = 16;

/// Medians of a part of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Median {
    /// In KiB.
    pub resident: u64,
    /// What of it is the program's own data, in KiB.
    pub own: u64,
    pub descriptors: usize,
    pub threads: u64,
}

/// The medians of these samples; none without any.
pub fn median(samples: &[Held]) -> Option<Median> {
    fn middle<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
        let mut values: Vec<T> = values.collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    }
    Some(Median {
        resident: middle(samples.iter().map(|held| held.resident))?,
        own: middle(samples.iter().map(|held| held.own))?,
        descriptors: middle(samples.iter().map(|held| held.descriptors))?,
        threads: middle(samples.iter().map(|held| held.threads))?,
    })
}

/// The medians of the first and of the last quarter of what came after the warm-up.
pub fn quarters(samples: &[(Duration, Held)], warm: Duration) -> Option<(Median, Median)> {
    let held: Vec<Held> = samples.iter().filter(|(at, _)| *at >= warm).map(|(_, held)| *held).collect();
    let quarter = held.len().div_ceil(4);
    Some((median(&held[..quarter])?, median(&held[held.len() - quarter..])?))
}

/// What has grown by more than it may.
pub fn grown(first: Median, last: Median) -> Option<String> {
    let memory = (first.resident / 20).max(MEMORY);
    if last.resident > first.resident + memory {
        return Some(format!(
            "memory grew from {} to {} KiB, by more than {memory}",
            first.resident, last.resident
        ));
    }
    if last.descriptors > first.descriptors + DESCRIPTORS {
        return Some(format!(
            "descriptors grew from {} to {}, by more than {DESCRIPTORS}",
            first.descriptors, last.descriptors
        ));
    }
    (last.threads > first.threads + 2)
        .then(|| format!("threads grew from {} to {}", first.threads, last.threads))
}
