//! Starts the exporter like a user, with a configuration that leads to the origin.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use defender_exporter::catalog::embedded;

use crate::origin::Origin;
use crate::process::{Running, free_port};
use crate::scrape::{self, Wanted};

/// What `cargo build --profile dist` of the crate makes.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/dist/defender-exporter");

/// Each so many-th target is where answers come late, where any are.
pub const LATE_EVERY: usize = 20;

/// Settings of the exporter's configuration.
#[derive(Clone, Copy, Debug)]
pub struct ExporterOptions {
    /// How many targets.
    pub targets: usize,
    /// Between two probes of each, in seconds.
    pub interval: u64,
    /// How many at once.
    pub concurrency: usize,
    /// Whether each [`LATE_EVERY`]th is late.
    pub late: bool,
    /// Whether the URLs have the host name of the origin, not its address.
    pub named: bool,
}

impl ExporterOptions {
    /// Targets that are probed once: what is measured then is not probing.
    pub const fn once(targets: usize) -> Self {
        Self { targets, interval: 86_400, concurrency: 32, late: false, named: false }
    }

    /// Writes it down, without the catalog's own endpoints.
    pub fn write(&self, folder: &Path, origin: &Origin) -> PathBuf {
        let (interval, concurrency) = (self.interval, self.concurrency);
        let mut text = format!(
            "interval: {interval}s\nconcurrency: {concurrency}\ntimeout: 800ms\n\
             tls: {{ revocation: false, extra_roots: [root.pem] }}\n\
             signatures: {{ feeds: [], installed: none }}\ncomponents:\n"
        );
        let others = embedded().components.iter().filter(|spec| !spec.optional);
        for other in others.map(|spec| spec.component.as_str()).filter(|name| *name != HOME) {
            writeln!(text, "  {other}: {{ enabled: false }}").unwrap();
        }
        text.push_str("endpoints:\n");
        for endpoint in embedded().endpoints.iter().filter(|endpoint| endpoint.component.as_str() == HOME) {
            writeln!(text, " - {{component: {HOME}, url: \"{}\", enabled: false}}", endpoint.url.as_str())
                .unwrap();
        }
        for n in 0..self.targets {
            let late = self.late && n.is_multiple_of(LATE_EVERY);
            let address = if late { origin.late } else { origin.prompt };
            let authority = if self.named { origin.named() } else { address.to_string() };
            writeln!(text, " - {{component: {HOME}, url: \"https://{authority}/{n}\"}}").unwrap();
        }
        let file = folder.join(format!("{self:?}.yaml"));
        std::fs::write(&file, text).unwrap();
        file
    }
}

/// The component that the targets are of.
const HOME: &str = "diagnostics";

/// A running exporter.
pub struct Exporter {
    /// Its process.
    pub process: Running,
    /// Where it serves.
    pub address: SocketAddr,
}

impl Exporter {
    /// Starts it.
    pub fn start(config: &Path) -> Self {
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        // Another build may be given, to be compared with.
        let program = std::env::var("DEFENDER_EXPORTER").unwrap_or_else(|_| PROGRAM.to_owned());
        let listen = ["--web.listen-address", &address.to_string()];
        let process = Running::start(Command::new(program).args(listen).arg("--config.file").arg(config));
        Self { process, address }
    }

    /// Waits until every target was probed once.
    pub async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(90);
        while scrape::get(self.address, "/-/ready", Wanted::Text)
            .await
            .is_none_or(|answer| answer.status != 200)
        {
            assert!(Instant::now() < deadline, "the exporter doesn't become ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The exposition.
    pub async fn metrics(&self, wanted: Wanted) -> scrape::Answer {
        scrape::get(self.address, "/metrics", wanted).await.unwrap()
    }
}
