//! Prometheus and Alertmanager with running exporters: the shipped rules and routes with shorter durations, and a
//! webhook as the receiver.

mod site;
mod time_scale;
mod webhook;

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::process::Running;
use super::tools;
use crate::lab;

pub use site::{Outage, Site};
pub use time_scale::{Tempo, shorten};
pub use webhook::{Alert, Webhook};

/// Prometheus' scrape settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrape {
    /// The text formats.
    Text,
    /// Protobuf, with native histograms.
    Protobuf,
}

/// One stack at a time: several exporters beside several others starve, and what starves looks lost.
static TURN: Mutex<()> = Mutex::new(());

/// The programs, and the lock of their user.
pub struct Tools {
    prometheus: PathBuf,
    alertmanager: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Tools {
    /// Prometheus.
    pub fn prometheus(&self) -> &Path {
        &self.prometheus
    }

    /// Waits for its turn.
    pub fn find() -> Self {
        let (prometheus, alertmanager) = (tools::find("prometheus"), tools::find("prometheus-alertmanager"));
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { prometheus, alertmanager, _turn: turn }
    }
}

/// The running programs; they end with the value.
pub struct Stack {
    /// What was heard.
    pub webhook: Webhook,
    prometheus: Running,
    address: String,
    alertmanager: Option<Running>,
    _files: TempDir,
}

impl Stack {
    /// Starts all of it around these sites, at the tempo of the first.
    pub async fn start(tools: &Tools, sites: &[&Site]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let webhook = Webhook::start().await;
        let port = free_port();
        let alertmanager = alertmanager(tools, files.path(), port, &webhook, sites[0].tempo());
        let mut stack = Self::scraping(tools, files, webhook, sites, Scrape::Protobuf, Some(port)).await;
        stack.alertmanager = Some(alertmanager);
        stack
    }

    /// Prometheus alone, without rules.
    pub async fn prometheus(tools: &Tools, sites: &[&Site], scrape: Scrape) -> Self {
        let (files, webhook) = (tempfile::tempdir().unwrap(), Webhook::start().await);
        Self::scraping(tools, files, webhook, sites, scrape, None).await
    }

    async fn scraping(
        tools: &Tools,
        files: TempDir,
        webhook: Webhook,
        sites: &[&Site],
        scrape: Scrape,
        alertmanager: Option<u16>,
    ) -> Self {
        let tempo = sites[0].tempo();
        write(files.path(), "prometheus.yml", &configuration(sites, alertmanager, tempo));
        write(files.path(), "defender.rules.yml", &shorten(&shipped("defender.rules.yml"), tempo));
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(&tools.prometheus);
        command.current_dir(files.path()).args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.args(["--rules.alert.resend-delay=1s", &format!("--web.listen-address={address}")]);
        if scrape == Scrape::Protobuf {
            command.arg("--enable-feature=native-histograms");
        }
        let mut prometheus = Running::start(&mut command);
        let sign = prometheus.first_of(&["ready to receive web requests", "level=error"]).await;
        assert!(sign.is_some_and(|line| line.contains("ready")), "{}", prometheus.said());
        Self { webhook, prometheus, address, alertmanager: None, _files: files }
    }

    /// The result of an instant query, as the API has it.
    pub async fn query(&self, expression: &str) -> Vec<Value> {
        query(&self.address, expression).await.unwrap_or_else(|why| panic!("{why}\n{}", self.said()))
    }

    /// The programs' output.
    pub fn said(&self) -> String {
        let alertmanager = self.alertmanager.as_ref().map(Running::said).unwrap_or_default();
        format!("Prometheus:\n{}\nAlertmanager:\n{alertmanager}", self.prometheus.said())
    }

    /// Waits until an instant query has so many results.
    pub async fn until(&self, expression: &str, results: usize, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        loop {
            let found = self.query(expression).await;
            if found.len() == results {
                return;
            }
            assert!(Instant::now() < deadline, "{expression} has not {results} results: {found:#?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What the Prometheus at this address answers to an instant query; or why it can't.
pub async fn query(address: &str, expression: &str) -> Result<Vec<Value>, String> {
    let query: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
    // As Grafana does: some queries are too long for a URL.
    let form = lab::client()
        .post(format!("http://{address}/api/v1/query"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(format!("query={query}"));
    let answer = form.send().await.map_err(|error| format!("{expression}: {error}"))?;
    let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    match answer["data"]["result"].as_array() {
        Some(found) if answer["status"] == "success" => Ok(found.clone()),
        _ => Err(format!("{expression}: {answer}")),
    }
}

/// The shipped routes and inhibitions, with the receivers' place replaced.
pub fn alertmanager(tools: &Tools, files: &Path, port: u16, webhook: &Webhook, tempo: Tempo) -> Running {
    let routes = shorten(&shipped("alertmanager.yml"), tempo);
    let place = format!("http://{}/", webhook.addr);
    assert_eq!(routes.matches("http://127.0.0.1:9099/").count(), 3, "the receivers have moved");
    write(files, "alertmanager.yml", &routes.replace("http://127.0.0.1:9099/", &place));
    let mut command = Command::new(&tools.alertmanager);
    command.current_dir(files).args(["--config.file=alertmanager.yml", "--storage.path=alerts"]);
    command.args(["--cluster.listen-address=", &format!("--web.listen-address=127.0.0.1:{port}")]);
    Running::start(&mut command)
}

fn configuration(sites: &[&Site], alertmanager: Option<u16>, tempo: Tempo) -> String {
    let target = |site: &&Site| {
        let labels: Vec<_> = site.labels().iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("      - {{ targets: [\"{}\"], labels: {{ {} }} }}\n", site.address(), labels.join(", "))
    };
    let targets: String = sites.iter().map(target).collect();
    let alerting = alertmanager.map_or_else(String::new, |port| {
        let target = format!("    - static_configs: [{{ targets: [\"127.0.0.1:{port}\"] }}]\n");
        format!("rule_files: [defender.rules.yml]\nalerting:\n  alertmanagers:\n{target}")
    });
    let every = tempo.stretched(Duration::from_secs(1)).as_secs();
    format!(
        "global: {{ scrape_interval: {every}s, scrape_timeout: {every}s, evaluation_interval: {every}s }}\n{alerting}\
         scrape_configs:\n  - job_name: defender\n    static_configs:\n{targets}"
    )
}

fn shipped(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts").join(file)).unwrap()
}

fn write(folder: &Path, file: &str, text: &str) {
    std::fs::write(folder.join(file), text).unwrap();
}

/// A free port below the ephemeral range, so that it stays free.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 6_000).unwrap();
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let next = || start + NEXT.fetch_add(1, Ordering::Relaxed) % 6_000;
    std::iter::repeat_with(next).take(1_000).find(free).expect("some port is free")
}
