//! Proxy auto-configuration: a script is asked which proxy leads to a URL, under limits of time and memory.
//! Scripts are hostile until proven otherwise. Fetching them, and trying the proxies they name, is done elsewhere.
//!
//! The format is Netscape's, as MDN's "Proxy Auto-Configuration (PAC) file" documents it, with Microsoft's IPv6
//! extensions ("IPv6 Extensions to Navigator Auto-Config File Format", WinHTTP).

mod addresses;
mod answer;
mod asker;
mod engine;
mod error;
mod machine;
mod run;
mod wpad;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use answer::{Answer, Choice, Socks};
pub use error::{PacError, PacReason};
pub use machine::Machine;
pub use wpad::wpad_candidates;

use crate::catalog::{ProbeUrl, Scheme};
use crate::names::{Destinations, without_brackets};

/// What one evaluation may use. It may have to wait for its turn first, since few run at once in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may run, DNS questions included.
    pub time: Duration,
    /// Bytes of memory that the script may hold at once, the engine's own (about 300 KiB) among them.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_secs(1), memory: 16 << 20 }
    }
}

/// A script that compiles and has the function that a PAC script is there for.
#[derive(Clone)]
pub struct Script {
    text: Arc<str>,
}

impl Script {
    /// The longest script accepted, in bytes.
    pub const MAX_LEN: usize = 1 << 20;

    /// Compiles a script and runs its top level once, without names to resolve, to see whether it has
    /// `FindProxyForURL` or `FindProxyForURLEx`. A top level that throws is given the benefit of the doubt: with
    /// names to resolve it may not.
    ///
    /// # Errors
    /// When it is too large, malformed, has no such function, or breaks a limit.
    pub async fn parse(text: &str, limits: Limits) -> Result<Self, PacError> {
        if text.len() > Self::MAX_LEN {
            return Err(PacError::TooLarge(text.len()));
        }
        let script = Self { text: text.strip_prefix('\u{feff}').unwrap_or(text).into() };
        match run::run(script.job(None, Machine::nowhere(), limits), None).await {
            Ok(_) | Err(PacError::Threw { .. }) => Ok(script),
            Err(error) => Err(error),
        }
    }

    /// Asks the script how to reach `url`. Each evaluation has an engine of its own: nothing is left for the next.
    ///
    /// The script sees an `https` URL without its path and query, as in browsers since 2016, and the host without
    /// port and brackets. Names that it asks for are complete ones: search domains are not tried.
    ///
    /// # Errors
    /// When it throws, breaks a limit, or answers with something that is no answer.
    pub async fn find(
        &self,
        url: &ProbeUrl,
        machine: Machine,
        names: &Destinations,
        limits: Limits,
    ) -> Result<Answer, PacError> {
        let arguments = (shown(url), without_brackets(url.host()).to_owned());
        let said = run::run(self.job(Some(arguments), machine, limits), Some(names)).await?;
        Answer::parse(&said)
    }

    fn job(&self, arguments: Option<(String, String)>, machine: Machine, limits: Limits) -> engine::Job {
        engine::Job { text: Arc::clone(&self.text), arguments, machine, limits }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({} bytes)", self.text.len())
    }
}

/// The URL as a script sees it: normalised, without a default port; of `https` the origin alone.
fn shown(url: &ProbeUrl) -> String {
    let (scheme, default, path) = match url.scheme() {
        Scheme::Http => ("http", 80, url.path_and_query()),
        Scheme::Https => ("https", 443, "/"),
    };
    if url.port() == default {
        format!("{scheme}://{}{path}", url.host())
    } else {
        format!("{scheme}://{}:{}{path}", url.host(), url.port())
    }
}

#[cfg(test)]
mod tests;
