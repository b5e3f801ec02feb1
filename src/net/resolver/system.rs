//! This machine's resolver configuration, read again as soon as a file changes. Reads run on a blocking thread, since a disk may hang.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::files::{self, SystemConfig, SystemFiles};

/// How long a reading is used without a look at the files: one look serves all probes of a moment.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Reads the configuration, unless the files are those of the previous reading. Blocks.
type Read = fn(Option<SystemFiles>) -> Result<SystemFiles, String>;

/// The current configuration of this machine. One serves all routes.
pub(crate) struct SystemConfigCache {
    read: Read,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    last: Option<(Instant, SystemFiles)>,
    /// The reading in progress. Survives a caller that gives up, so that at most one runs.
    reading: Option<JoinHandle<Result<SystemFiles, String>>>,
}

impl Default for SystemConfigCache {
    fn default() -> Self {
        Self { read: files::read, cache: Mutex::default() }
    }
}

impl SystemConfigCache {
    /// The configuration, at most a second old. Concurrent callers share one reading.
    ///
    /// # Errors
    /// If it can't be read, in words for a person.
    pub(super) async fn config(&self) -> Result<Arc<SystemConfig>, String> {
        let mut cache = self.cache.lock().await;
        if let Some((at, files)) = &cache.last
            && at.elapsed() < MAX_AGE
        {
            return Ok(Arc::clone(&files.config));
        }
        let (read, before) = (self.read, cache.last.as_ref().map(|(_, files)| files.clone()));
        let reading = cache.reading.get_or_insert_with(|| tokio::task::spawn_blocking(move || read(before)));
        let read = reading.await;
        cache.reading = None;
        let files = read.map_err(|_| "a bug in the exporter".to_owned())??;
        let config = Arc::clone(&files.config);
        cache.last = Some((Instant::now(), files));
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::thread::sleep;

    use super::*;
    use crate::config::ResolverConfig;
    use crate::net::resolver::Resolver;

    /// The read hangs until the single-threaded runtime releases it.
    #[tokio::test]
    async fn a_hanging_read_blocks_no_task_and_is_shared_by_all_callers() {
        static READS: AtomicUsize = AtomicUsize::new(0);
        static RELEASED: AtomicBool = AtomicBool::new(false);
        let read: Read = |_| {
            READS.fetch_add(1, Ordering::SeqCst);
            // If this blocked the runtime's own thread, nothing could release it: the loop ends and the test
            // fails.
            for _ in 0..2000 {
                if RELEASED.load(Ordering::SeqCst) {
                    return Ok(SystemFiles::empty());
                }
                sleep(Duration::from_millis(5));
            }
            Err("not released".to_owned())
        };
        let system = SystemConfigCache { read, ..SystemConfigCache::default() };
        let gave_up = tokio::time::timeout(Duration::from_millis(50), system.config()).await;
        assert!(gave_up.is_err(), "a caller may give up on a hanging read");
        let release = async {
            while READS.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            RELEASED.store(true, Ordering::SeqCst);
        };
        let (first, second, ()) = tokio::join!(system.config(), system.config(), release);
        assert!(first.is_ok() && second.is_ok());
        assert_eq!(READS.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_files_are_looked_at_once_a_second_and_errors_are_retried_at_once() {
        static READS: AtomicUsize = AtomicUsize::new(0);
        let read: Read = |_| match READS.fetch_add(1, Ordering::SeqCst) {
            0 => Err("no such file".to_owned()),
            _ => Ok(SystemFiles::empty()),
        };
        let system = SystemConfigCache { read, ..SystemConfigCache::default() };
        assert!(system.config().await.is_err());
        for (wait, reads) in [(0, 2), (999, 2), (1, 3)] {
            tokio::time::advance(Duration::from_millis(wait)).await;
            assert!(system.config().await.is_ok());
            assert_eq!(READS.load(Ordering::SeqCst), reads, "after {wait} ms more");
        }
    }

    #[tokio::test]
    async fn the_resolvers_of_all_routes_share_one_reading() {
        static READS: AtomicUsize = AtomicUsize::new(0);
        let read: Read = |_| {
            READS.fetch_add(1, Ordering::SeqCst);
            Ok(SystemFiles::empty())
        };
        let system = Arc::new(SystemConfigCache { read, ..SystemConfigCache::default() });
        let resolver = || Resolver::with_system(&ResolverConfig::default(), &BTreeMap::new(), &system);
        for resolver in [resolver(), resolver(), resolver()] {
            let _ = resolver.addresses("a.example", Duration::ZERO).await;
        }
        assert_eq!(READS.load(Ordering::SeqCst), 1);
    }
}
