//! Defender for Endpoint on Linux, as its own command `mdatp` tells of it.

pub mod connectivity;
pub mod health;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{self, Limits, Output};
use super::{BoxedFacts, Host, HostFacts, Problem, Reason, Source};
use crate::clock::Clock;
use connectivity::ConnectivityTest;
use health::Health;

/// Where packages of the product put the command.
const PLACES: [&str; 3] =
    ["/usr/bin/mdatp", "/usr/local/bin/mdatp", "/opt/microsoft/mdatp/sbin/wdavdaemonclient"];

/// For `mdatp health`.
const HEALTH: Limits = Limits::of(Duration::from_secs(10));

/// For `mdatp connectivity test`, which tries one connection after another.
const CONNECTIVITY: Limits = Limits::of(Duration::from_secs(60));

/// What the product says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdatpFacts {
    /// Of itself.
    pub health: Option<Health>,
    /// Of its connections; none where it could not be asked.
    pub connectivity: Option<Vec<ConnectivityTest>>,
}

/// The command.
#[derive(Clone, Debug)]
pub struct Mdatp {
    program: PathBuf,
    health: Limits,
    connectivity: Limits,
}

impl Mdatp {
    /// At a known place.
    #[must_use]
    pub const fn at(program: PathBuf) -> Self {
        Self { program, health: HEALTH, connectivity: CONNECTIVITY }
    }

    /// Where the packages put it; none where it isn't installed.
    #[must_use]
    pub fn find() -> Option<Self> {
        let place = PLACES.iter().map(Path::new).find(|place| place.exists())?;
        Some(Self::at(place.to_owned()))
    }

    /// The command where the packages put it first: what a user is told of that demanded it.
    #[must_use]
    pub fn usual() -> Self {
        Self::at(PathBuf::from(PLACES[0]))
    }

    async fn run(&self, source: Source, arguments: &[&str], limits: Limits) -> Result<Output, Problem> {
        let output = command::run(&self.program, arguments, limits).await;
        output.map_err(|error| Problem::new(source, error.reason(), format!("mdatp: {error}")))
    }

    async fn health(&self, clock: Clock) -> Result<Health, Problem> {
        let output = self.run(Source::Health, &["health", "--output", "json"], self.health).await?;
        Health::parse(&output.stdout, clock.now())
            .map_err(|error| unreadable(Source::Health, &output, &error.to_string()))
    }

    async fn connectivity(&self) -> Result<Vec<ConnectivityTest>, Problem> {
        let output = self.run(Source::Connectivity, &["connectivity", "test"], self.connectivity).await?;
        let tests = connectivity::parse(&output.stdout);
        if tests.is_empty() {
            return Err(unreadable(Source::Connectivity, &output, "it has no result of a connection"));
        }
        Ok(tests)
    }
}

/// What the command printed isn't what it prints when all is well.
fn unreadable(source: Source, output: &Output, why: &str) -> Problem {
    let said = [&output.stderr, &output.stdout].into_iter().find(|bytes| !bytes.trim_ascii().is_empty());
    let said = said.map_or_else(|| "nothing".into(), |bytes| String::from_utf8_lossy(bytes));
    let reason = if output.code == Some(0) { Reason::Malformed } else { Reason::Failed };
    Problem::new(source, reason, format!("mdatp: {why}; it printed {}", said.trim()))
}

impl Host for Mdatp {
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
        Box::pin(async move {
            let mut facts = HostFacts::new(&[Source::Health, Source::Connectivity]);
            let health = self.health(clock).await.map_err(|problem| facts.problems.push(problem)).ok();
            let connectivity = self.connectivity().await.map_err(|problem| facts.problems.push(problem)).ok();
            facts.signatures = health.as_ref().map(|health| health.signatures.clone());
            facts.mdatp = Some(MdatpFacts { health, connectivity });
            facts.finished(clock.now())
        })
    }
}
