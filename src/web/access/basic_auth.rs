//! Basic authentication (RFC 7617) with bcrypt hashes. The response time doesn't reveal whether a user exists. Hashing
//! is slow by design, so it runs on blocking threads, few at a time, and once for the same credentials.

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

use super::credential_cache::{CredentialCache, Digest};
use crate::config::web::{PasswordHash, Users};

/// The number of concurrent comparisons: one leaves the other CPUs to the probes.
const AT_ONCE: usize = 1;

/// The maximum number of requests waiting for a comparison; more are rejected with "try again".
const WAITING: usize = 64;

/// Some clients pad, others don't.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The result of checking a request's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Credential {
    /// A user with the right password.
    Known,
    /// No credentials, or wrong ones.
    Unknown,
    /// Too many requests are waiting for a comparison.
    Busy,
}

/// Compares a password with a hash.
type Compare = dyn Fn(&[u8], &PasswordHash) -> bool + Send + Sync;

/// Checks credentials and caches the results.
pub(super) struct BasicAuth {
    compare: Arc<Compare>,
    key: hmac::Key,
    cache: Arc<CredentialCache>,
    waiting: Arc<Semaphore>,
    comparing: Arc<Semaphore>,
}

impl fmt::Debug for BasicAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate(…)")
    }
}

impl BasicAuth {
    pub(super) fn new() -> Self {
        Self::comparing(|password, hash| bcrypt::verify(password, hash.reveal()).unwrap_or(false))
    }

    /// With another comparison function.
    pub(super) fn comparing(compare: impl Fn(&[u8], &PasswordHash) -> bool + Send + Sync + 'static) -> Self {
        // Without randomness TLS fails as well; a key of zeros would still keep passwords out of the cache.
        let random = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self {
            compare: Arc::new(compare),
            key: random.unwrap_or_else(|_| hmac::Key::new(hmac::HMAC_SHA256, &[0; 32])),
            cache: Arc::new(CredentialCache::new()),
            waiting: Arc::new(Semaphore::new(WAITING)),
            comparing: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Checks the `Authorization` header.
    pub(super) async fn check(&self, users: &Users, header: Option<&HeaderValue>) -> Credential {
        let Some((name, password)) = header.and_then(credentials) else { return Credential::Unknown };
        let user = std::str::from_utf8(&name).ok().and_then(|name| users.get(name));
        let hash = user.cloned().unwrap_or_else(|| self.decoy(users, &name));
        let digest = self.digest(&[&name, hash.reveal().as_bytes(), &password]);
        let right = match self.cache.get(&digest) {
            Some(right) => Some(right),
            None => self.compared(password, hash, digest, user.is_some()).await,
        };
        match right {
            Some(true) => Credential::Known,
            Some(false) => Credential::Unknown,
            None => Credential::Busy,
        }
    }

    /// Compares after waiting its turn. Dropping the future cancels the wait, but not a comparison in progress.
    async fn compared(
        &self,
        password: Vec<u8>,
        hash: PasswordHash,
        digest: Digest,
        exists: bool,
    ) -> Option<bool> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
        let turn = Arc::clone(&self.comparing).acquire_owned().await.ok()?;
        if let Some(right) = self.cache.get(&digest) {
            return Some(right); // compared for another request during the wait
        }
        let (compare, cache) = (Arc::clone(&self.compare), Arc::clone(&self.cache));
        let comparing = spawn_blocking(move || {
            let right = compare(&password, &hash) && exists;
            cache.insert(digest, right);
            drop((place, turn));
            right
        });
        comparing.await.ok()
    }

    /// A hash that no password matches, for an unknown user. Its cost is that of one of the users, fixed per name, so
    /// that comparing takes as long.
    fn decoy(&self, users: &Users, name: &[u8]) -> PasswordHash {
        let digest = self.digest(&[name]);
        let costs: Vec<_> = users.values().map(PasswordHash::cost).collect();
        let chosen = usize::from(u16::from_be_bytes([digest[0], digest[1]])) % costs.len().max(1);
        PasswordHash::decoy(costs.get(chosen).copied())
    }

    /// Prefixes each part with its length, so that different lists never have the same bytes.
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

/// Name and password. Returns `None` if the header isn't Basic authentication.
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
