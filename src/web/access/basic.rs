//! Basic authentication (RFC 7617) against bcrypt hashes. How long an answer takes doesn't tell whether a user exists;
//! hashing is slow by design, so it is done off the runtime's threads, few at once, and once for the same credentials.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hyper::header::HeaderValue;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::seen::{Digest, Seen};
use crate::config::web::{PasswordHash, Users};

/// Passwords compared at once: one leaves the other processors to the probes.
const AT_ONCE: usize = 1;

/// Requests that may wait for their password to be compared; beyond, the answer is "try again".
const WAITING: usize = 64;

/// Clients differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a request's credentials are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A user with the right password.
    Known,
    /// No credentials, or wrong ones.
    Unknown,
    /// Too many passwords wait to be compared.
    Busy,
}

/// Compares a password with a hash.
type Compare = dyn Fn(&[u8], &PasswordHash) -> bool + Send + Sync;

/// Judges credentials, and remembers.
pub(super) struct Gate {
    compare: Arc<Compare>,
    key: hmac::Key,
    seen: Arc<Seen>,
    waiting: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(…)")
    }
}

impl Gate {
    pub(super) fn new() -> Self {
        Self::comparing(|password, hash| bcrypt::verify(password, hash.reveal()).unwrap_or(false))
    }

    /// The same with another way to compare.
    pub(super) fn comparing(compare: impl Fn(&[u8], &PasswordHash) -> bool + Send + Sync + 'static) -> Self {
        // Without randomness there is no TLS either; a key of zeros would still keep passwords out of the memory.
        let random = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self {
            compare: Arc::new(compare),
            key: random.unwrap_or_else(|_| hmac::Key::new(hmac::HMAC_SHA256, &[0; 32])),
            seen: Arc::new(Seen::new()),
            waiting: Arc::new(Semaphore::new(WAITING)),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Judges what stands in the `Authorization` header.
    pub(super) async fn judge(&self, users: &Users, header: Option<&HeaderValue>) -> Verdict {
        let Some((name, password)) = header.and_then(credentials) else { return Verdict::Unknown };
        let user = std::str::from_utf8(&name).ok().and_then(|name| users.get(name));
        let hash = user.cloned().unwrap_or_else(|| self.decoy(users, &name));
        let digest = self.digest(&[&name, hash.reveal().as_bytes(), &password]);
        let right = match self.seen.ask(&digest) {
            Some(right) => Some(right),
            None => self.compared(password, hash, digest, user.is_some()).await,
        };
        match right {
            Some(true) => Verdict::Known,
            Some(false) => Verdict::Unknown,
            None => Verdict::Busy,
        }
    }

    /// Compares in its turn. Whoever asks and goes away again gives up the wait, but not the work that has begun.
    async fn compared(
        &self,
        password: Vec<u8>,
        hash: PasswordHash,
        digest: Digest,
        exists: bool,
    ) -> Option<bool> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        if let Some(right) = self.seen.ask(&digest) {
            return Some(right); // the same credentials were compared while these waited
        }
        let (compare, seen) = (Arc::clone(&self.compare), Arc::clone(&self.seen));
        let comparing = spawn_blocking(move || {
            let right = compare(&password, &hash) && exists;
            seen.note(digest, right);
            drop((place, turn));
            right
        });
        comparing.await.ok()
    }

    /// A hash that nothing fits, for a user that doesn't exist. Its cost is one of the users', the same for a name each time:
    /// comparing takes as long as with theirs.
    fn decoy(&self, users: &Users, name: &[u8]) -> PasswordHash {
        let digest = self.digest(&[name]);
        let costs: Vec<_> = users.values().map(PasswordHash::cost).collect();
        let chosen = usize::from(u16::from_be_bytes([digest[0], digest[1]])) % costs.len().max(1);
        PasswordHash::decoy(costs.get(chosen).copied())
    }

    /// Each part with its length before it, so that no two lists are the same bytes.
    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut digest = Digest::default();
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }
}

/// Name and password; none: it is no Basic authentication.
pub(super) fn credentials(header: &HeaderValue) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut name = BASE64.decode(token.trim()).ok()?;
    let colon = name.iter().position(|byte| *byte == b':')?;
    let password = name.split_off(colon + 1);
    name.pop(); // the colon
    Some((name, password))
}
