//! Caches the results of comparisons, so that a scraper costs one hash per day rather than one per scrape. Stores keyed
//! digests: without the key, neither passwords nor guesses can be verified.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;

/// A keyed digest of a name, its hash and a password.
pub(super) type Digest = [u8; 32];

/// Separate sets, so that a flood of wrong passwords doesn't evict the right ones.
#[derive(Debug)]
pub(super) struct CredentialCache {
    right: Mutex<BoundedSet>,
    wrong: Mutex<BoundedSet>,
}

/// The capacity of each set.
const MOST: usize = 512;

impl CredentialCache {
    pub(super) fn new() -> Self {
        Self { right: Mutex::default(), wrong: Mutex::default() }
    }

    /// Whether the credentials were right. Returns `None` if they aren't cached.
    pub(super) fn get(&self, digest: &Digest) -> Option<bool> {
        let has = |memory: &Mutex<BoundedSet>| memory.lock().kept.contains(digest);
        if has(&self.right) { Some(true) } else { has(&self.wrong).then_some(false) }
    }

    pub(super) fn insert(&self, digest: Digest, right: bool) {
        let digests = if right { &self.right } else { &self.wrong };
        digests.lock().insert(digest);
    }
}

/// A set that evicts its oldest members.
#[derive(Debug, Default)]
struct BoundedSet {
    kept: HashSet<Digest>,
    order: VecDeque<Digest>,
}

impl BoundedSet {
    fn insert(&mut self, digest: Digest) {
        if !self.kept.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: usize) -> Digest {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_be_bytes());
        digest
    }

    #[test]
    fn wrong_passwords_evict_only_wrong_passwords() {
        let cache = CredentialCache::new();
        cache.insert(digest(0), true);
        for n in 1..=2 * MOST {
            cache.insert(digest(n), false);
            cache.insert(digest(n), false);
        }
        assert_eq!(cache.get(&digest(0)), Some(true));
        assert_eq!(cache.get(&digest(1)), None);
        assert_eq!(cache.get(&digest(2 * MOST)), Some(false));
        assert_eq!(cache.wrong.lock().kept.len(), MOST);
        assert_eq!(cache.wrong.lock().order.len(), MOST);
    }
}
