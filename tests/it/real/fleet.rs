//! deploy/fleet.md with real programs: an agent with the shipped configuration, and a central store that receives
//! its samples and evaluates the shipped rules with shorter durations.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use defender_exporter_needs::needs;
use tempfile::TempDir;

use super::process::Running;
use super::stack::{Outage, Site, Tempo, Tools, free_port, query, shorten};

/// How long an alert may take at the fastest tempo; the slowest takes a quarter of a minute.
const TEST_TIMEOUT: Duration = Duration::from_secs(150);

/// The site in the shipped agent's configuration.
const HERE: &str =
    "site=\"headquarters\", segment=\"clients\", instance=\"probe-headquarters\", job=\"defender\"";

/// A file of this repository.
fn shipped(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Its text with a part replaced that must be there once.
fn with(text: &str, part: &str, other: &str) -> String {
    assert_eq!(text.matches(part).count(), 1, "{part:?} has moved");
    text.replace(part, other)
}

/// What it takes to run an agent and a store: their configurations, and where they keep what they have.
struct Fleet<'a> {
    tools: &'a Tools,
    files: TempDir,
    centre: String,
    tempo: Tempo,
}

impl<'a> Fleet<'a> {
    fn new(tools: &'a Tools, site: &Site) -> Self {
        let (files, centre) = (tempfile::tempdir().unwrap(), format!("127.0.0.1:{}", free_port()));
        let tempo = site.tempo();
        let minute = tempo.short(Duration::from_secs(60)).as_secs();
        let write = |name: &str, text: &str| std::fs::write(files.path().join(name), text).unwrap();
        let agent = with(
            &shipped("deploy/prometheus/agent.yml"),
            "\"localhost:10207\"",
            &format!("\"{}\"", site.address()),
        );
        let agent = with(
            &agent,
            "  scrape_interval: 30s",
            &format!("  scrape_interval: {minute}s\n  scrape_timeout: {minute}s"),
        );
        let store = format!("  - url: http://{centre}/api/v1/write");
        write("agent.yml", &with(&agent, "  - url: https://mimir.example/api/v1/push", &store));
        for rules in ["alerts/defender.rules.yml", "deploy/prometheus/fleet.rules.yml"] {
            write(rules.rsplit('/').next().unwrap(), &shorten(&shipped(rules), tempo));
        }
        // As deploy/fleet.md has it for a store that is Prometheus.
        write(
            "centre.yml",
            &format!(
                "global: {{ evaluation_interval: {minute}s }}\nrule_files: [defender.rules.yml, fleet.rules.yml]\n\
                 storage: {{ tsdb: {{ out_of_order_time_window: 4h }} }}\n"
            ),
        );
        Self { tools, files, centre, tempo }
    }

    async fn start(&self, flags: &[&str]) -> Running {
        const READY: &str = "ready to receive web requests";
        let mut command = Command::new(self.tools.prometheus());
        command.current_dir(self.files.path()).args(flags);
        let mut running = Running::start(&mut command);
        let sign = running.first_of(&[READY, "level=error"]).await;
        assert!(sign.is_some_and(|line| line.contains(READY)), "{}", running.said());
        running
    }

    /// The store. The last sample counts for the five minutes of the shipped files.
    async fn store(&self) -> Running {
        let address = format!("--web.listen-address={}", self.centre);
        let lookback = format!("--query.lookback-delta={:?}", self.tempo.short(Duration::from_secs(300)));
        let flags = ["--config.file=centre.yml", "--web.enable-remote-write-receiver", &lookback];
        self.start(&[&flags[..], &["--storage.tsdb.path=centre", &address]].concat()).await
    }

    async fn agent(&self) -> Running {
        let help = Command::new(self.tools.prometheus()).arg("--help-long").output().unwrap();
        let help = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).into_owned();
        let agent = if help.contains("--[no-]agent ") { "--agent" } else { "--enable-feature=agent" };
        let address = format!("--web.listen-address=127.0.0.1:{}", free_port());
        self.start(&[agent, "--config.file=agent.yml", "--storage.agent.path=agent", &address]).await
    }

    /// Waits until an instant query in the centre has so many results.
    async fn until(&self, expression: &str, results: usize, agent: Option<&Running>) {
        let deadline = Instant::now() + self.tempo.stretched(TEST_TIMEOUT);
        loop {
            let found = query(&self.centre, expression).await.unwrap();
            if found.len() == results {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{expression}: {found:#?}\nagent: {:?}",
                agent.map(Running::said)
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[needs("prometheus", "prometheus-alertmanager")]
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_writes_to_a_store_with_rules() {
    let tools = Tools::find();
    let mut site = Site::start(Outage::MapsRefused, Tempo::of_machine()).await;
    let fleet = Fleet::new(&tools, &site);
    let (_store, agent) = (fleet.store().await, fleet.agent().await);
    fleet.until(&format!("up{{{HERE}}} == 1"), 1, Some(&agent)).await;
    fleet.until(&format!("defender_maps_connected{{{HERE}, ssl_options=\"3\"}} == 1"), 1, Some(&agent)).await;
    let silent = "ALERTS{alertname=\"DefenderSiteSilent\", site=\"headquarters\", alertstate=\"firing\"}";
    assert_eq!(query(&fleet.centre, silent).await.unwrap(), Vec::<serde_json::Value>::new());

    site.break_it().await;
    let lost = format!("ALERTS{{alertname=\"DefenderMapsConnectionLost\", alertstate=\"firing\", {HERE}}}");
    fleet.until(&lost, 1, Some(&agent)).await;

    drop(agent); // killed: it can't say goodbye
    fleet.until(silent, 1, None).await;
    let agent = fleet.agent().await;
    fleet.until(silent, 0, Some(&agent)).await;
    fleet.until(&lost, 1, Some(&agent)).await;
}
