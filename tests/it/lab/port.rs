//! Rebinds a port that was just released.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long another process may hold a released port.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Binds, as soon as that is possible. When another test starts a process, that one holds a copy of every socket, closed
/// here or not, until it has become its program.
pub async fn again<T>(bind: impl AsyncFn() -> io::Result<T>) -> T {
    let deadline = Instant::now() + TEST_TIMEOUT;
    loop {
        match bind().await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < deadline => {
                sleep(Duration::from_millis(5)).await;
            }
            bound => return bound.unwrap(),
        }
    }
}
