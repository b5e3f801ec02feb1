//! Limits the number of connections. If all slots are taken, a new connection replaces the longest idle one of the
//! address with the most connections, so that thousands of idle connections cost neither memory nor a scrape, and
//! well-behaved clients aren't affected. A new connection waits while responses are being generated on all others, and
//! is rejected if that takes too long.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::activity::Activity;
use crate::web::listen::Peer;

/// The maximum number of connections. Together with those of probes they stay below 1024 open files, the usual limit of
/// a process.
const MAX_CONNECTIONS: usize = 512;

/// Additional slots for connections being closed or rejected.
const MAX_CLOSING: usize = 32;

/// The maximum size of all responses being sent, in bytes. Each is kept until its client has received it.
const MAX_UNSENT: u64 = 128 * 1024 * 1024;

struct OpenConnection {
    peer: Peer,
    activity: Arc<Activity>,
    close: Arc<Notify>,
}

/// The connections of all listeners.
pub(super) struct ConnectionLimiter {
    most: usize,
    most_unsent: u64,
    connections: Mutex<Connections>,
    backlog: Arc<Semaphore>,
}

/// Permission to accept one connection, which bounds the number of open sockets.
pub(super) struct AcceptPermit(
    #[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit,
);

#[derive(Default)]
struct Connections {
    next: u64,
    open: HashMap<u64, OpenConnection>,
    /// The number of connections by address.
    per_peer: HashMap<Peer, usize>,
}

impl ConnectionLimiter {
    pub(super) fn new() -> Self {
        Self::with_limits(MAX_CONNECTIONS, MAX_UNSENT)
    }

    pub(super) fn with_limits(most: usize, most_unsent: u64) -> Self {
        let backlog = Arc::new(Semaphore::new(most + MAX_CLOSING));
        Self { most, most_unsent, connections: Mutex::default(), backlog }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock()
    }

    /// Waits until another connection may be accepted.
    pub(super) async fn accept_permit(&self) -> Option<AcceptPermit> {
        Arc::clone(&self.backlog).acquire_owned().await.ok().map(AcceptPermit)
    }

    /// Takes a slot, closing another connection if all are taken. Returns `None` if none can be closed.
    pub(super) fn admit(self: &Arc<Self>, peer: Peer, activity: &Arc<Activity>) -> Option<ConnectionSlot> {
        let mut connections = self.connections();
        if connections.open.len() >= self.most && !connections.close_longest_idle(|_| true) {
            return None;
        }
        let (number, close) = (connections.next, Arc::new(Notify::new()));
        connections.next += 1;
        let connection = OpenConnection { peer, activity: Arc::clone(activity), close: Arc::clone(&close) };
        connections.open.insert(number, connection);
        *connections.per_peer.entry(peer).or_default() += 1;
        Some(ConnectionSlot { limiter: Arc::clone(self), number, close })
    }

    /// Closes a connection when the system is out of resources.
    pub(super) fn make_room(&self) {
        self.connections().close_longest_idle(|_| true);
    }

    /// Closes connections whose clients don't read their responses, as far as those take too much memory. The one of
    /// `newest` stays.
    pub(super) fn limit_unsent(&self, newest: &Arc<Activity>) {
        let mut connections = self.connections();
        while connections.open.values().map(|connection| connection.activity.unsent()).sum::<u64>()
            > self.most_unsent
        {
            let is_slow = |activity: &Arc<Activity>| activity.unsent() > 0 && !Arc::ptr_eq(activity, newest);
            if !connections.close_longest_idle(is_slow) {
                return;
            }
        }
    }
}

impl Connections {
    /// Closes one of the connections that may be closed. Returns false if there is none.
    fn close_longest_idle(&mut self, may_close: impl Fn(&Arc<Activity>) -> bool) -> bool {
        let idle = self.open.iter().filter(|(_, connection)| may_close(&connection.activity));
        let idle = idle.filter_map(|(number, connection)| {
            let since = connection.activity.idle_since()?;
            let connections = self.per_peer.get(&connection.peer).copied().unwrap_or_default();
            Some((std::cmp::Reverse(connections), since, *number))
        });
        let Some((_, _, number)) = idle.min() else { return false };
        if let Some(connection) = self.remove(number) {
            connection.close.notify_one();
        }
        true
    }

    /// Removes a connection. `None` if it is already closed.
    fn remove(&mut self, number: u64) -> Option<OpenConnection> {
        let connection = self.open.remove(&number)?;
        if let Some(connections) = self.per_peer.get_mut(&connection.peer) {
            *connections -= 1; // it contains at least this connection
            if *connections == 0 {
                self.per_peer.remove(&connection.peer);
            }
        }
        Some(connection)
    }
}

/// A connection's slot, which is freed on drop.
pub(super) struct ConnectionSlot {
    limiter: Arc<ConnectionLimiter>,
    number: u64,
    close: Arc<Notify>,
}

impl ConnectionSlot {
    /// Completes when another connection needs the slot.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.limiter.connections().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::web::serve::activity::ResponseGuard;

    fn peer(text: &str) -> Peer {
        Peer::from_address(text.parse().unwrap())
    }

    /// A connection accepted so many seconds ago.
    fn accepted_before(ago: u64) -> Arc<Activity> {
        Arc::new(Activity::new(Instant::now().checked_sub(Duration::from_secs(ago)).unwrap()))
    }

    async fn is_closed(slot: &ConnectionSlot) -> bool {
        tokio::time::timeout(Duration::ZERO, slot.closed()).await.is_ok()
    }

    #[tokio::test]
    async fn the_longest_idle_of_the_busiest_address_goes() {
        let limiter = Arc::new(ConnectionLimiter::with_limits(4, u64::MAX));
        let prometheus = limiter.admit(peer("10.0.0.1"), &accepted_before(1000)).unwrap();
        let flood: Vec<_> =
            (1..=3).map(|n| limiter.admit(peer("10.0.0.66"), &accepted_before(10 * n)).unwrap()).collect();
        let newcomer = limiter.admit(peer("10.0.0.2"), &accepted_before(0)).unwrap();
        assert!(!is_closed(&prometheus).await && !is_closed(&flood[0]).await && !is_closed(&flood[1]).await);
        assert!(is_closed(&flood[2]).await && !is_closed(&newcomer).await);
        drop(flood);
        let second = limiter.admit(peer("10.0.0.2"), &accepted_before(0)).unwrap();
        let third = limiter.admit(peer("10.0.0.2"), &accepted_before(0)).unwrap();
        assert!(!is_closed(&prometheus).await);
        drop((prometheus, newcomer, second, third));
        assert!(limiter.connections().open.is_empty() && limiter.connections().per_peer.is_empty());
    }

    #[test]
    fn a_connection_with_a_response_in_progress_stays() {
        let limiter = Arc::new(ConnectionLimiter::with_limits(1, u64::MAX));
        let activity = accepted_before(5);
        let answer = ResponseGuard::begin(&activity, false);
        let _slot = limiter.admit(peer("10.0.0.1"), &activity).unwrap();
        assert!(limiter.admit(peer("10.0.0.1"), &accepted_before(0)).is_none());
        answer.sending(1);
        assert!(limiter.admit(peer("10.0.0.1"), &accepted_before(0)).is_some(), "a slow reader goes");
    }

    #[tokio::test]
    async fn unread_responses_end_before_they_take_too_much_memory() {
        let limiter = Arc::new(ConnectionLimiter::with_limits(8, 100));
        let reader = |address: &str, ago, size| {
            let activity = accepted_before(ago);
            let answer = ResponseGuard::begin(&activity, false);
            let slot = limiter.admit(peer(address), &activity).unwrap();
            answer.sending(size);
            limiter.limit_unsent(&activity);
            (answer, slot)
        };
        let idle = limiter.admit(peer("10.0.0.66"), &accepted_before(1000)).unwrap();
        let prometheus = reader("10.0.0.1", 0, 40);
        let flood: Vec<_> = (1..=2).map(|_| reader("10.0.0.66", 0, 30)).collect();
        assert!(!is_closed(&flood[0].1).await, "100 bytes in all are allowed");
        let newest = reader("10.0.0.66", 0, 30);
        assert!(is_closed(&flood[0].1).await && !is_closed(&flood[1].1).await && !is_closed(&newest.1).await);
        assert!(!is_closed(&prometheus.1).await && !is_closed(&idle).await);
        let huge = reader("10.0.0.2", 0, 1000);
        assert!(is_closed(&flood[1].1).await && is_closed(&newest.1).await && is_closed(&prometheus.1).await);
        assert!(!is_closed(&huge.1).await, "a single response may be larger");
    }

    #[test]
    fn addresses_of_one_host_are_one() {
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1:2:3"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
    }
}
