//! Process statistics, read anew for each scrape. Linux only: elsewhere every value is `None`.

/// Values are `None` if unreadable. Names and meanings match the process metrics of the Prometheus client libraries.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessStats {
    /// User and system CPU time, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory, in bytes.
    pub resident_bytes: Option<u64>,
    /// Virtual memory, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// The soft limit on open file descriptors; `None` also if unlimited.
    pub max_fds: Option<u64>,
    /// When the process started, in seconds since the Unix epoch.
    pub start_time_seconds: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
}

#[cfg(not(target_os = "linux"))]
impl ProcessStats {
    /// Returns no values: this system is not supported.
    #[must_use]
    pub fn read() -> Self {
        Self::default()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use procfs::process::{LimitValue, Process, Stat};

    use super::ProcessStats;

    impl ProcessStats {
        /// Reads `/proc/self` (proc(5)).
        #[must_use]
        pub fn read() -> Self {
            let Ok(process) = Process::myself() else { return Self::default() };
            let stat = process.stat().ok();
            Self {
                cpu_seconds: stat.as_ref().map(|stat| seconds(stat.utime + stat.stime)),
                resident_bytes: stat.as_ref().map(|stat| stat.rss * procfs::page_size()),
                virtual_bytes: stat.as_ref().map(|stat| stat.vsize),
                open_fds: process.fd_count().ok().and_then(|count| u64::try_from(count).ok()),
                max_fds: max_fds(&process),
                start_time_seconds: stat.as_ref().and_then(start_time),
                threads: stat.as_ref().and_then(|stat| u64::try_from(stat.num_threads).ok()),
            }
        }
    }

    fn max_fds(process: &Process) -> Option<u64> {
        match process.limits().ok()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit),
            LimitValue::Unlimited => None,
        }
    }

    /// The start time since the Unix epoch; the kernel reports it since boot.
    fn start_time(stat: &Stat) -> Option<f64> {
        let boot = u32::try_from(procfs::boot_time_secs().ok()?).ok()?;
        Some(f64::from(boot) + seconds(stat.starttime))
    }

    /// Converts clock ticks to seconds.
    #[allow(
        clippy::cast_precision_loss,
        reason = "2^53 ticks of a hundredth of a second are three million years"
    )]
    fn seconds(ticks: u64) -> f64 {
        ticks as f64 / procfs::ticks_per_second() as f64
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::clock::{Clock, unix_seconds};

    #[test]
    fn this_process_is_read() {
        let stats = ProcessStats::read();
        assert!(stats.cpu_seconds.is_some_and(|seconds| seconds < 3600.0));
        assert!(
            stats.resident_bytes.is_some_and(|bytes| bytes > 100_000 && Some(bytes) < stats.virtual_bytes)
        );
        assert!(stats.open_fds.is_some_and(|count| count >= 3));
        assert!(stats.threads.is_some_and(|count| count >= 1));
        let age = unix_seconds(Clock::System.now()) - stats.start_time_seconds.expect("proc(5) has it");
        assert!((-2.0..3600.0).contains(&age), "{age}");
    }
}
