//! What was fetched, and when to fetch it again. Pure: no IO, and the time is an argument. Bounded in number and bytes;
//! what was used least recently goes first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ring::digest::{Context, SHA256};

use super::report::{CrlState, RevocationReport};
use super::sources::Point;
use super::{Cause, crl};
use crate::catalog::ProbeUrl;
use crate::fetch::Validators;
use crate::observation::Failure;
use crate::text::clean;
use crate::trust::VerifiedPath;

/// The most lists and answers that are kept.
pub(super) const MAX_KEPT: usize = 256;
/// The most bytes that they have together.
pub(super) const MAX_BYTES: usize = 64 * 1024 * 1024;
/// What nobody asked for in this long is forgotten: certificates come and go, and with them their lists.
pub(super) const FORGET: Duration = Duration::from_secs(24 * 60 * 60);
/// The most paths whose reports are kept.
const MAX_REPORTS: usize = 1024;

/// How often things are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two fetches of what is well: long before a list ends, it is worth knowing that it can't be fetched.
    pub refresh: Duration,
    /// After a fetch that failed.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { refresh: Duration::from_secs(60 * 60), retry: Duration::from_secs(60) }
    }
}

/// What is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A CRL.
    List(ProbeUrl),
    /// An OCSP answer: where the question is put, and the question's SHA-256.
    Answer(ProbeUrl, [u8; 32]),
}

/// Something fetched that can be used, once its time is looked at.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// DER.
    pub(super) bytes: Bytes,
    /// To ask whether it has changed.
    pub(super) validators: Validators,
    /// When it was made.
    pub(super) this_update: SystemTime,
    /// When it ends.
    pub(super) next_update: Option<SystemTime>,
    /// Of a list: where deltas to it can be had.
    pub(super) freshest: Vec<Point>,
}

/// Why the last fetch brought nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// As the cause of an unknown status.
    pub(super) cause: Cause,
    /// As a probe of the same URL would have failed.
    pub(super) failure: Failure,
}

/// What a fetch brought.
#[derive(Debug)]
pub(super) enum Brought {
    /// What is held hasn't changed.
    Same,
    /// Something new that is its issuer's.
    New(Held),
    /// Nothing of use.
    Nothing(Trouble),
}

/// What is known of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// What can be used; kept when a later fetch fails.
    pub(super) held: Option<Held>,
    /// Why the last fetch failed.
    pub(super) trouble: Option<Trouble>,
    /// When to fetch; none: at once.
    pub(super) due: Option<SystemTime>,
}

impl Look {
    /// Whether it is time to fetch.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        self.due.is_none_or(|due| due <= now)
    }
}

/// What tells paths apart: a SHA-256 over everything in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PathId([u8; 32]);

impl PathId {
    /// The same for the same path.
    pub(super) fn of(path: &VerifiedPath) -> Self {
        let mut context = Context::new(&SHA256);
        let others = [&path.anchor.subject, &path.anchor.spki, &path.stapled].map(Vec::as_slice);
        for part in others.into_iter().chain(path.certificates.iter().map(AsRef::as_ref)) {
            // Lengths first, so that bytes can't move from one part to the next.
            context.update(&part.len().to_be_bytes());
            context.update(part);
        }
        let mut id = [0; 32];
        id.copy_from_slice(context.finish().as_ref()); // SHA-256 has 32 bytes
        Self(id)
    }
}

#[derive(Debug)]
struct Slot {
    look: Look,
    looked: SystemTime,
}

/// Everything kept for one route.
#[derive(Debug)]
pub(super) struct Store {
    pace: Pace,
    slots: Recent<Key, Slot>,
    reports: Recent<PathId, (Arc<RevocationReport>, SystemTime)>,
}

impl Store {
    /// An empty store.
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, slots: Recent::default(), reports: Recent::default() }
    }

    /// What is known of a key; nothing, where it wasn't fetched yet.
    pub(super) fn look(&mut self, key: &Key, now: SystemTime) -> Look {
        let Some(slot) = self.slots.get(key) else { return Look::default() };
        slot.looked = now;
        let mut look = slot.look.clone();
        // After the clock was set back, nothing waits longer than it ever would.
        if look.due.is_some_and(|due| due > now + self.pace.refresh) {
            look.due = None;
        }
        look
    }

    /// Takes in what a fetch brought.
    pub(super) fn record(&mut self, key: Key, brought: Brought, now: SystemTime) {
        let mut look = self.slots.remove(&key).map(|slot| slot.look).unwrap_or_default();
        look.trouble = None;
        match brought {
            Brought::Same => {}
            // A cache along the way may still have an older one.
            Brought::New(new) if look.held.as_ref().is_some_and(|held| outdates(held, &new, now)) => {}
            Brought::New(new) => look.held = Some(new),
            Brought::Nothing(trouble) => look.trouble = Some(trouble),
        }
        look.due = Some(self.due(&look, now));
        self.slots.insert(key, Slot { look, looked: now });
        self.slots.retain(|slot| !slot.forgotten(now));
        while self.slots.len() > MAX_KEPT || self.bytes() > MAX_BYTES {
            self.slots.remove_oldest();
        }
    }

    /// After the interval, or at the end of what is held where that is sooner; soon, where that is no use.
    fn due(&self, look: &Look, now: SystemTime) -> SystemTime {
        let retry = now + self.pace.retry;
        let end = look.held.as_ref().and_then(|held| held.next_update);
        match (&look.trouble, end) {
            (None, Some(end)) => end.clamp(retry, (now + self.pace.refresh).max(retry)),
            _ => retry,
        }
    }

    fn bytes(&self) -> usize {
        self.slots.iter().filter_map(|(_, slot)| slot.look.held.as_ref()).map(|held| held.bytes.len()).sum()
    }

    /// The state of each list, by URL.
    pub(super) fn lists(&self, now: SystemTime) -> Vec<CrlState> {
        let current = self.slots.iter().filter(|(_, slot)| !slot.forgotten(now));
        let mut lists: Vec<_> = current.filter_map(|(key, slot)| list_state(key, &slot.look)).collect();
        lists.sort_by(|a, b| a.url.cmp(&b.url));
        lists
    }

    /// What was found out about a path, while nothing can have changed.
    pub(super) fn report(&mut self, path: PathId, now: SystemTime) -> Option<Arc<RevocationReport>> {
        let (report, until) = self.reports.get(&path)?;
        (now < *until && *until <= now + self.pace.refresh).then(|| Arc::clone(report))
    }

    /// Keeps what was found out about a path until something must be fetched again or ends.
    pub(super) fn keep(&mut self, path: PathId, report: Arc<RevocationReport>, until: SystemTime) {
        self.reports.insert(path, (report, until));
        while self.reports.len() > MAX_REPORTS {
            self.reports.remove_oldest();
        }
    }
}

impl Slot {
    fn forgotten(&self, now: SystemTime) -> bool {
        now.duration_since(self.looked).is_ok_and(|unused| unused > FORGET)
    }
}

fn outdates(held: &Held, new: &Held, now: SystemTime) -> bool {
    held.this_update > new.this_update && held.next_update.is_some_and(|end| end > now)
}

fn list_state(key: &Key, look: &Look) -> Option<CrlState> {
    let Key::List(url) = key else { return None };
    Some(CrlState {
        url: clean(url.as_str()),
        fetch: Some(look.trouble.as_ref().map_or(Ok(()), |trouble| Err(trouble.failure.clone()))),
        this_update: look.held.as_ref().map(|held| held.this_update),
        next_update: look.held.as_ref().and_then(|held| held.next_update),
    })
}

impl From<(crl::Freshness, Bytes, Validators)> for Held {
    fn from((freshness, bytes, validators): (crl::Freshness, Bytes, Validators)) -> Self {
        let crl::Freshness { this_update, next_update, freshest } = freshness;
        Self { bytes, validators, this_update, next_update, freshest }
    }
}

/// A map that knows which of its values was used least recently.
#[derive(Debug)]
struct Recent<K, V> {
    values: HashMap<K, (V, u64)>,
    turn: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), turn: 0 }
    }
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    fn get(&mut self, key: &K) -> Option<&mut V> {
        self.turn += 1;
        let (value, used) = self.values.get_mut(key)?;
        *used = self.turn;
        Some(value)
    }

    fn insert(&mut self, key: K, value: V) {
        self.turn += 1;
        self.values.insert(key, (value, self.turn));
    }

    fn remove(&mut self, key: &K) -> Option<V> {
        self.values.remove(key).map(|(value, _)| value)
    }

    fn remove_oldest(&mut self) {
        let oldest = self.values.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.values.remove(&key);
        }
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.values.retain(|_, (value, _)| keep(value));
    }

    fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter().map(|(key, (value, _))| (key, value))
    }
}

#[cfg(test)]
mod tests;
