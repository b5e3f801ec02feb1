//! DNS for PAC scripts. A script never waits for it: a run ends at the first name that it doesn't know, the name is
//! resolved, and the script runs again with the answer, as in Chromium's `ProxyResolverV8Tracing`. So a name that
//! DNS doesn't answer holds up neither a thread nor the memory of a script.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::addresses;
use super::directives::is_name;
use crate::net::resolver::Resolver;

/// The maximum number of names that one evaluation may resolve.
const MAX_NAMES: usize = 32;

/// One name may take this fraction of the evaluation's time: 1.25 seconds with the default timeout of 10 seconds,
/// which lets a query be repeated and most of the probe's time be left.
const NAME_SHARE: u32 = 8;

/// All names together may take this fraction: as much is left to run the script and to reach what it chooses.
const TOTAL_SHARE: u32 = 2;

/// The maximum number of names in a message.
const MAX_NAMED: usize = 2;

/// The names that an evaluation has resolved, with their addresses, IPv6 before IPv4. None for a name that doesn't
/// resolve.
pub(super) type KnownNames = Arc<HashMap<String, Vec<IpAddr>>>;

/// The names as one run of the script sees them.
pub(super) struct PacDns {
    known: KnownNames,
    /// Whether other names can be resolved. If not, they don't exist.
    resolves: bool,
    missing: Rc<OnceCell<String>>,
}

/// Why a script gets no result for a name.
pub(super) enum Unresolved {
    /// The script exceeded the limit on names.
    TooMany,
    /// The name has yet to be resolved: this run is of no use.
    Missing,
}

impl PacDns {
    pub(super) fn new(known: KnownNames, resolves: bool) -> Self {
        Self { known, resolves, missing: Rc::default() }
    }

    /// The name that the run has ended at.
    pub(super) fn missing(&self) -> Rc<OnceCell<String>> {
        Rc::clone(&self.missing)
    }

    /// The addresses of a host, IPv6 before IPv4. Empty if it has none, or isn't a valid name.
    pub(super) fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        if let Some(address) = addresses::parse(host) {
            return Ok(vec![address]);
        }
        let name = host.trim().trim_end_matches('.').to_ascii_lowercase();
        if !is_name(&name) {
            return Ok(Vec::new());
        }
        match self.known.get(&name) {
            Some(addresses) => Ok(addresses.clone()),
            None if !self.resolves => Ok(Vec::new()),
            None if self.known.len() == MAX_NAMES => Err(Unresolved::TooMany),
            None => {
                self.missing.get_or_init(|| name);
                Err(Unresolved::Missing)
            }
        }
    }
}

/// DNS' part of an evaluation's time. Nothing is kept for another evaluation.
pub(super) struct DnsBudget {
    share: Duration,
    left: Duration,
    /// How long the evaluation waited.
    pub(super) waited: Duration,
    /// The names without an address.
    pub(super) unresolved: UnresolvedNames,
}

impl DnsBudget {
    /// The budget of an evaluation that has `time`.
    pub(super) fn new(time: Duration) -> Self {
        Self {
            share: time / NAME_SHARE,
            left: time / TOTAL_SHARE,
            waited: Duration::ZERO,
            unresolved: UnresolvedNames::default(),
        }
    }

    /// The addresses of a name, IPv6 before IPv4. Empty if it doesn't resolve within its share.
    pub(super) async fn resolve(&mut self, names: &Resolver, name: &str) -> Vec<IpAddr> {
        let (limit, start) = (self.share.min(self.left), Instant::now());
        // The lookup ends first, so that it says which server was silent.
        let answer = timeout(limit, names.addresses(name, limit * 19 / 20)).await;
        let took = start.elapsed();
        self.waited += took;
        self.left = self.left.saturating_sub(took);
        let why = match answer {
            Ok(Ok(mut addresses)) => {
                addresses.sort_by_key(IpAddr::is_ipv4); // stable: within a family the order is DNS's
                return addresses;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("DNS did not answer for {name} in time"),
        };
        self.unresolved.0.push(why);
        Vec::new()
    }
}

/// Why names have no address for an evaluation, in words that name the host, the DNS server and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnresolvedNames(Vec<String>);

impl UnresolvedNames {
    /// Whether every name was resolved.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words for a failure of the script, which may be due to these names.
    pub(crate) fn explain(&self, failure: &dyn fmt::Display) -> String {
        if self.is_empty() { failure.to_string() } else { format!("{failure}; {self}") }
    }
}

impl fmt::Display for UnresolvedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.0.len().min(MAX_NAMED);
        f.write_str(&self.0[..named].join("; "))?;
        match self.0.len() - named {
            0 => Ok(()),
            more => write!(f, "; and {more} more names unresolved"),
        }
    }
}
