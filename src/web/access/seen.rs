//! Which credentials were compared before, and how that ended, so that a scrape costs one hash a day and not one each time.
//! What is kept are keyed digests: neither a password nor anything that one can be guessed by without the key.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// A keyed digest of a name, its hash and a password.
pub(super) type Digest = [u8; 32];

/// Two memories, so that a flood of wrong passwords doesn't push out the right ones.
#[derive(Debug)]
pub(super) struct Seen {
    right: Mutex<Bounded>,
    wrong: Mutex<Bounded>,
}

/// How many are kept of each.
const MOST: usize = 512;

impl Seen {
    pub(super) fn new() -> Self {
        Self { right: Mutex::default(), wrong: Mutex::default() }
    }

    /// Whether they were right; none: they aren't known.
    pub(super) fn ask(&self, digest: &Digest) -> Option<bool> {
        let has = |memory: &Mutex<Bounded>| lock(memory).kept.contains(digest);
        if has(&self.right) { Some(true) } else { has(&self.wrong).then_some(false) }
    }

    pub(super) fn note(&self, digest: Digest, right: bool) {
        lock(if right { &self.right } else { &self.wrong }).insert(digest);
    }
}

fn lock(memory: &Mutex<Bounded>) -> std::sync::MutexGuard<'_, Bounded> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The newest of what was inserted.
#[derive(Debug, Default)]
struct Bounded {
    kept: HashSet<Digest>,
    order: VecDeque<Digest>,
}

impl Bounded {
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
    fn a_flood_of_wrong_passwords_pushes_out_its_own_kind_alone() {
        let seen = Seen::new();
        seen.note(digest(0), true);
        for n in 1..=2 * MOST {
            seen.note(digest(n), false);
            seen.note(digest(n), false);
        }
        assert_eq!(seen.ask(&digest(0)), Some(true));
        assert_eq!(seen.ask(&digest(1)), None);
        assert_eq!(seen.ask(&digest(2 * MOST)), Some(false));
        assert_eq!(lock(&seen.wrong).kept.len(), MOST);
        assert_eq!(lock(&seen.wrong).order.len(), MOST);
    }
}
