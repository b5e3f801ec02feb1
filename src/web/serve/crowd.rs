//! How many may be connected at once. Beyond, whoever has been idle for longest among those of the most crowded address has
//! to go for whoever comes: thousands of idle connections cost neither memory nor a scrape, and a client that behaves isn't
//! sent away for one that doesn't. Only where an answer is being made for everyone is a newcomer refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::activity::Activity;

/// The most connections: with the probes' own they stay below 1024 open files, the usual limit of a process.
const MOST: usize = 512;

/// Those beyond, who have been sent away and are not gone yet, or who come only to be refused.
const LEAVING: usize = 32;

/// Who connects, as far as it counts: an IPv4 address, an IPv6 network of 64 bits, or a program of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) enum Peer {
    /// From the network.
    Network(IpAddr),
    /// By a Unix socket.
    #[cfg(unix)]
    Local,
}

impl Peer {
    /// One host has a whole network of IPv6 to itself.
    pub(in crate::web) fn of(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

struct Member {
    peer: Peer,
    activity: Arc<Activity>,
    leave: Arc<Notify>,
}

/// Everyone who is connected, by whichever listener.
pub(super) struct Crowd {
    most: usize,
    inside: Mutex<Inside>,
    doorstep: Arc<Semaphore>,
}

/// Leave to accept one connection: so many sockets are open, and no more.
pub(super) struct Leave(
    #[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit,
);

#[derive(Default)]
struct Inside {
    next: u64,
    members: HashMap<u64, Member>,
    /// How many members each has; nobody has none.
    crowds: HashMap<Peer, usize>,
}

impl Crowd {
    pub(super) fn new() -> Self {
        Self::of_at_most(MOST)
    }

    fn of_at_most(most: usize) -> Self {
        Self { most, inside: Mutex::default(), doorstep: Arc::new(Semaphore::new(most + LEAVING)) }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more may be accepted: until who was sent away is gone.
    pub(super) async fn leave(&self) -> Option<Leave> {
        Arc::clone(&self.doorstep).acquire_owned().await.ok().map(Leave)
    }

    /// Lets one in, sending another away where there is no place left. None: no one can be sent away.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer, activity: &Arc<Activity>) -> Option<Place> {
        let mut inside = self.inside();
        if inside.members.len() >= self.most && !inside.send_one_away() {
            return None;
        }
        let (number, leave) = (inside.next, Arc::new(Notify::new()));
        inside.next += 1;
        let member = Member { peer, activity: Arc::clone(activity), leave: Arc::clone(&leave) };
        inside.members.insert(number, member);
        *inside.crowds.entry(peer).or_default() += 1;
        Some(Place { crowd: Arc::clone(self), number, leave })
    }

    /// Makes room where the system has no more to give.
    pub(super) fn make_room(&self) {
        self.inside().send_one_away();
    }
}

impl Inside {
    fn send_one_away(&mut self) -> bool {
        let idle = self.members.iter().filter_map(|(number, member)| {
            let since = member.activity.idle_since()?;
            let crowd = self.crowds.get(&member.peer).copied().unwrap_or_default();
            Some((std::cmp::Reverse(crowd), since, *number))
        });
        let Some((_, _, number)) = idle.min() else { return false };
        if let Some(member) = self.remove(number) {
            member.leave.notify_one();
        }
        true
    }

    /// None: it has been sent away before.
    fn remove(&mut self, number: u64) -> Option<Member> {
        let member = self.members.remove(&number)?;
        if let Some(crowd) = self.crowds.get_mut(&member.peer) {
            *crowd -= 1; // it had this member at least
            if *crowd == 0 {
                self.crowds.remove(&member.peer);
            }
        }
        Some(member)
    }
}

/// A connection's place in the crowd; it is free again with the value.
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    leave: Arc<Notify>,
}

impl Place {
    /// Completes when another needs the place.
    pub(super) async fn lost(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.inside().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use tokio::time::Instant;

    use super::super::activity::UnderWay;
    use super::*;

    fn peer(text: &str) -> Peer {
        Peer::of(text.parse().unwrap())
    }

    /// One who came so many seconds ago.
    fn came(ago: u64) -> Arc<Activity> {
        Arc::new(Activity::new(Instant::now().checked_sub(Duration::from_secs(ago)).unwrap()))
    }

    async fn lost(place: &Place) -> bool {
        tokio::time::timeout(Duration::ZERO, place.lost()).await.is_ok()
    }

    #[tokio::test]
    async fn the_longest_idle_of_the_most_crowded_address_goes() {
        let crowd = Arc::new(Crowd::of_at_most(4));
        let prometheus = crowd.enter(peer("10.0.0.1"), &came(1000)).unwrap();
        let flood: Vec<_> = (1..=3).map(|n| crowd.enter(peer("10.0.0.66"), &came(10 * n)).unwrap()).collect();
        let newcomer = crowd.enter(peer("10.0.0.2"), &came(0)).unwrap();
        assert!(!lost(&prometheus).await && !lost(&flood[0]).await && !lost(&flood[1]).await);
        assert!(lost(&flood[2]).await && !lost(&newcomer).await);
        drop(flood);
        let second = crowd.enter(peer("10.0.0.2"), &came(0)).unwrap();
        let third = crowd.enter(peer("10.0.0.2"), &came(0)).unwrap();
        assert!(!lost(&prometheus).await);
        drop((prometheus, newcomer, second, third));
        assert!(crowd.inside().members.is_empty() && crowd.inside().crowds.is_empty());
    }

    #[test]
    fn who_is_being_answered_stays_and_a_newcomer_is_refused() {
        let crowd = Arc::new(Crowd::of_at_most(1));
        let activity = came(5);
        let answer = UnderWay::begin(&activity, false);
        let _place = crowd.enter(peer("10.0.0.1"), &activity).unwrap();
        assert!(crowd.enter(peer("10.0.0.1"), &came(0)).is_none());
        answer.sending();
        assert!(crowd.enter(peer("10.0.0.1"), &came(0)).is_some(), "a slow reader goes");
    }

    #[test]
    fn addresses_of_one_host_are_one() {
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1:2:3"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
    }
}
