//! One mutex per key: whoever wants the same thing waits for whoever fetches it first.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// One mutex per key. A key is forgotten once nobody holds or waits for its mutex.
#[derive(Debug)]
pub(super) struct KeyedMutex<K>(Mutex<HashMap<K, Weak<tokio::sync::Mutex<()>>>>);

impl<K> Default for KeyedMutex<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> KeyedMutex<K> {
    /// The mutex of a key.
    pub(super) fn get(&self, key: &K) -> Arc<tokio::sync::Mutex<()>> {
        let mut mutexes = self.0.lock();
        mutexes.retain(|_, mutex| mutex.strong_count() > 0);
        if let Some(mutex) = mutexes.get(key).and_then(Weak::upgrade) {
            return mutex;
        }
        let mutex = Arc::default();
        mutexes.insert(key.clone(), Arc::downgrade(&mutex));
        mutex
    }

    /// The keys that are remembered.
    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<K> {
        self.0.lock().keys().cloned().collect()
    }
}
