//! Proxy auto-configuration (PAC): evaluates a script that selects the proxy for a URL, with limits on time and
//! memory. Scripts are untrusted. Fetching scripts and connecting to proxies happen elsewhere.
//!
//! The format is Netscape's, as documented in MDN's "Proxy Auto-Configuration (PAC) file", with Microsoft's
//! IPv6 extensions ("IPv6 Extensions to Navigator Auto-Config File Format", WinHTTP).

mod addresses;
mod content;
mod directives;
mod dns;
mod engine;
mod error;
mod machine;
mod run;
mod wpad;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub use content::PacContent;
pub use directives::{PacAnswer, ProxyDirective, Socks};
pub use dns::UnresolvedNames;
pub use error::{PacError, PacReason, TimeSpent};
pub use machine::ScriptMachine;
pub use run::RunLimiter;
pub use wpad::wpad_candidates;

use crate::catalog::{ProbeUrl, Scheme};
use crate::net::resolver::Resolver;
use crate::text::without_brackets;

/// Limits of one evaluation, besides its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacLimits {
    /// The maximum CPU time of the script; on systems other than Linux the time that passes while it runs. Waiting
    /// doesn't count: neither for DNS, nor for other scripts, since few run at once, nor for a CPU.
    pub time: Duration,
    /// The maximum memory in bytes, including the engine's own (about 300 KiB).
    pub memory: usize,
}

impl Default for PacLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(1), memory: 16 << 20 }
    }
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// What the script returned, or why it returned nothing.
    pub answer: Result<PacAnswer, PacError>,
    /// The names that DNS didn't answer in time: the script got no address for them.
    pub unresolved: UnresolvedNames,
}

/// How long reading a script may wait for other scripts.
const PARSE_WAIT: Duration = Duration::from_secs(60);

/// A script that compiles and defines the PAC function.
#[derive(Clone)]
pub struct Script {
    text: Arc<str>,
    limiter: Arc<RunLimiter>,
}

impl Script {
    /// The maximum length of a script, in bytes.
    pub const MAX_LEN: usize = 1 << 20;

    /// Compiles a script and runs its top level once, without DNS, to check that it defines `FindProxyForURL`
    /// or `FindProxyForURLEx`. A top level that throws is accepted, since it may succeed with DNS.
    ///
    /// # Errors
    /// If the script is too large or malformed, lacks the function, or exceeds a limit.
    pub async fn parse(text: &str, limits: PacLimits) -> Result<Self, PacError> {
        Self::parse_limited(text, limits, &Arc::default()).await
    }

    /// Like [`Self::parse`], with the limiter that all scripts of this source share.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub async fn parse_limited(
        text: &str,
        limits: PacLimits,
        limiter: &Arc<RunLimiter>,
    ) -> Result<Self, PacError> {
        if text.len() > Self::MAX_LEN {
            return Err(PacError::TooLarge(text.len()));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).into();
        let script = Self { text, limiter: Arc::clone(limiter) };
        let deadline = Instant::now() + limits.time + PARSE_WAIT;
        let job = script.job(None, ScriptMachine::empty(), limits);
        match run::run(job, None, deadline, limiter).await.0 {
            Ok(_) | Err(PacError::Threw { .. }) => Ok(script),
            Err(error) => Err(error),
        }
    }

    /// Runs the script for `url`, by `deadline`. Each evaluation has its own engine, so no state survives it. It
    /// runs once more for each name that it resolves, so it should resolve the same names each time.
    ///
    /// The script gets an `https` URL without path and query, as in browsers since 2016, and the host without
    /// port and brackets. Names that it resolves are fully qualified: search domains aren't tried. A name that DNS
    /// doesn't answer within an eighth of the time until `deadline`, or half of it for all names, doesn't resolve.
    ///
    /// The answer is an error if the script throws, exceeds a limit, or returns an invalid value.
    pub async fn find(
        &self,
        url: &ProbeUrl,
        machine: ScriptMachine,
        names: &Resolver,
        limits: PacLimits,
        deadline: Instant,
    ) -> Evaluation {
        let arguments = (script_url(url), without_brackets(url.host()).to_owned());
        let job = self.job(Some(arguments), machine, limits);
        let (returned, unresolved) = run::run(job, Some(names), deadline, &self.limiter).await;
        Evaluation { answer: returned.and_then(|text| PacAnswer::parse(&text)), unresolved }
    }

    fn job(
        &self,
        arguments: Option<(String, String)>,
        machine: ScriptMachine,
        limits: PacLimits,
    ) -> engine::Job {
        engine::Job { text: Arc::clone(&self.text), arguments, machine, limits }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} bytes)", self.text.len())
    }
}

/// The URL as passed to the script: normalised, without a default port. For `https`, only the origin.
fn script_url(url: &ProbeUrl) -> String {
    let (scheme, default, path) = match url.scheme() {
        Scheme::Http => ("http", 80, url.path_and_query()),
        Scheme::Https => ("https", 443, "/"),
        Scheme::Folder => ("file", 0, url.path_and_query()),
    };
    if url.port() == default {
        format!("{scheme}://{}{path}", url.host())
    } else {
        format!("{scheme}://{}:{}{path}", url.host(), url.port())
    }
}

#[cfg(test)]
mod tests;
