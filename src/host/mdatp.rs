//! Defender for Endpoint on Linux, queried through its command `mdatp`.

pub mod connectivity;
pub mod health;
pub mod proxy;
#[cfg(test)]
mod tests;
pub mod unit;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{self, CommandLimits, CommandOutput};
use super::{BoxedFacts, Host, HostCollector, HostFacts, HostProblem, HostReadReason};
use crate::clock::Clock;
use connectivity::ConnectivityTest;
use health::MdatpHealth;

/// Where the product's packages install the command.
const PLACES: [&str; 3] =
    ["/usr/bin/mdatp", "/usr/local/bin/mdatp", "/opt/microsoft/mdatp/sbin/wdavdaemonclient"];

/// The limits of `mdatp health`.
const HEALTH: CommandLimits = CommandLimits::with_timeout(Duration::from_secs(10));

/// The limits of `mdatp connectivity test`, which tests one connection after another.
const CONNECTIVITY: CommandLimits = CommandLimits::with_timeout(Duration::from_secs(60));

/// The results of both commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdatpFacts {
    /// `None` if `mdatp health` failed.
    pub health: Option<MdatpHealth>,
    /// `None` if `mdatp connectivity test` failed.
    pub connectivity: Option<Vec<ConnectivityTest>>,
}

/// The command.
#[derive(Clone, Debug)]
pub struct Mdatp {
    program: PathBuf,
    health: CommandLimits,
    connectivity: CommandLimits,
}

impl Mdatp {
    /// At a known path.
    #[must_use]
    pub const fn at(program: PathBuf) -> Self {
        Self { program, health: HEALTH, connectivity: CONNECTIVITY }
    }

    /// At the path where it is installed. Returns `None` if it isn't.
    #[must_use]
    pub fn find() -> Option<Self> {
        let place = PLACES.iter().map(Path::new).find(|place| place.exists())?;
        Some(Self::at(place.to_owned()))
    }

    /// At the default path, whose absence is then reported as an error.
    #[must_use]
    pub fn usual() -> Self {
        Self::at(PathBuf::from(PLACES[0]))
    }

    async fn run(
        &self,
        source: HostCollector,
        arguments: &[&str],
        limits: CommandLimits,
    ) -> Result<CommandOutput, HostProblem> {
        let output = command::run(&self.program, arguments, limits).await;
        output.map_err(|error| HostProblem::new(source, error.reason(), format!("mdatp: {error}")))
    }

    async fn health(&self, clock: Clock) -> Result<MdatpHealth, HostProblem> {
        let output = self.run(HostCollector::Health, &["health", "--output", "json"], self.health).await?;
        MdatpHealth::parse(&output.stdout, clock.now())
            .map_err(|error| unreadable(HostCollector::Health, &output, &error.to_string()))
    }

    async fn connectivity(&self) -> Result<Vec<ConnectivityTest>, HostProblem> {
        let output =
            self.run(HostCollector::Connectivity, &["connectivity", "test"], self.connectivity).await?;
        let tests = connectivity::parse(&output.stdout);
        if tests.is_empty() {
            return Err(unreadable(
                HostCollector::Connectivity,
                &output,
                "the output contains no connection result",
            ));
        }
        Ok(tests)
    }
}

/// The output isn't in the expected format.
fn unreadable(source: HostCollector, output: &CommandOutput, why: &str) -> HostProblem {
    let printed = [&output.stderr, &output.stdout].into_iter().find(|bytes| !bytes.trim_ascii().is_empty());
    let printed = printed.map_or_else(|| "nothing".into(), |bytes| String::from_utf8_lossy(bytes));
    let reason = if output.code == Some(0) { HostReadReason::Malformed } else { HostReadReason::Failed };
    HostProblem::new(source, reason, format!("mdatp: {why}; it printed {}", printed.trim()))
}

impl Host for Mdatp {
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
        Box::pin(async move {
            let mut facts = HostFacts::new(&[HostCollector::Health, HostCollector::Connectivity]);
            let health = self.health(clock).await.map_err(|problem| facts.problems.push(problem)).ok();
            let connectivity = self.connectivity().await.map_err(|problem| facts.problems.push(problem)).ok();
            facts.signatures = health.as_ref().map(|health| health.signatures.clone());
            facts.mdatp = Some(MdatpFacts { health, connectivity });
            facts.finished(clock.now())
        })
    }
}
