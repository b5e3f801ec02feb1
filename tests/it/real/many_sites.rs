//! A thousand sites in one store: the shipped rules and routes in a running Prometheus and Alertmanager, over a page with the series of all
//! sites. Faults come, meet and go; each is one message.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use defender_exporter_needs::needs;
use tempfile::TempDir;

use super::process::Running;
use super::stack::{Tempo, Tools, Webhook, alertmanager, free_port, query, shorten};
use crate::lab;
use crate::rules::simulated_fleet::{DROPPED, Fault, Probed, ROTATED, is_european, own_site, sample};

const SITES: usize = 1_000;
/// Minutes of the shipped files between scrapes, and between evaluations.
const STEP: u32 = 3;
/// How long a state may take at the fastest tempo.
const TEST_TIMEOUT: Duration = Duration::from_secs(90);
/// How long it has to stay: the slowest ticket of a site takes 45 minutes of the shipped files, a page five.
const UNTIL_TICKETS: Duration = Duration::from_secs(45);
const UNTIL_PAGES: Duration = Duration::from_secs(12);

/// Why an endpoint of a site fails now.
type Fails = fn(site: usize, of: Probed) -> Option<Fault>;

/// A rotation at Microsoft: of the update source everywhere, and of MAPS in Europe, where it is lost.
fn rotation(site: usize, of: Probed) -> Option<Fault> {
    (of == Probed::Update || is_european(site)).then_some(ROTATED)
}

/// A firewall of one site blocks MAPS.
fn firewall(site: usize, of: Probed) -> Option<Fault> {
    (site == 500 && of == Probed::Maps).then_some(DROPPED)
}

/// What fails for a while, and what is heard of it: receiver, alert, and the instance or the reason that it names.
struct Stage {
    name: &'static str,
    stays: Duration,
    fails: Fails,
    heard: &'static [(&'static str, &'static str, &'static str)],
}

const TICKET: (&str, &str, &str) = ("tickets", "DefenderManySitesFailing", "unknown_issuer");
const SITE_PAGE: (&str, &str, &str) = ("page", "DefenderMapsConnectionLost", "probe-0500:10207");

/// In this order: each follows the one before.
const STAGES: [Stage; 5] = [
    Stage { name: "a rotation", stays: UNTIL_TICKETS, fails: rotation, heard: &[TICKET] },
    Stage {
        name: "a site's firewall beside it",
        stays: UNTIL_PAGES,
        fails: |site, of| firewall(site, of).or_else(|| rotation(site, of)),
        heard: &[TICKET, SITE_PAGE],
    },
    Stage { name: "the firewall alone", stays: UNTIL_PAGES, fails: firewall, heard: &[SITE_PAGE] },
    Stage { name: "nothing", stays: UNTIL_PAGES, fails: |_, _| None, heard: &[] },
    Stage {
        name: "MAPS dropped everywhere",
        stays: UNTIL_TICKETS,
        fails: |_, of| (of == Probed::Maps).then_some(DROPPED),
        // The site of the firewall lost MAPS within the last hours, too: its loss isn't new, so its own page stays.
        heard: &[("page", "DefenderMapsLostAtManySites", "timeout"), SITE_PAGE],
    },
];

/// The running programs, and what the page shows.
struct Store {
    tempo: Tempo,
    fails: Arc<Mutex<Fails>>,
    webhook: Webhook,
    address: String,
    prometheus: Running,
    _alertmanager: Running,
    _files: TempDir,
}

impl Store {
    async fn start(tools: &Tools, tempo: Tempo) -> Self {
        let files = tempfile::tempdir().unwrap();
        let webhook = Webhook::start().await;
        let (port, address) = (free_port(), format!("127.0.0.1:{}", free_port()));
        let alertmanager = alertmanager(tools, files.path(), port, &webhook, tempo);
        let fails: Arc<Mutex<Fails>> = Arc::new(Mutex::new(|_, _| None));
        let page = serve(Arc::clone(&fails)).await;
        write_configuration(files.path(), tempo, &page, port);
        let mut command = Command::new(tools.prometheus());
        command.current_dir(files.path()).args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.args(["--rules.alert.resend-delay=1s", &format!("--web.listen-address={address}")]);
        let mut prometheus = Running::start(&mut command);
        let sign = prometheus.first_of(&["ready to receive web requests", "level=error"]).await;
        assert!(sign.is_some_and(|line| line.contains("ready")), "{}", prometheus.said());
        Self { tempo, fails, webhook, address, prometheus, _alertmanager: alertmanager, _files: files }
    }

    /// Waits until the rules know an hour of the past.
    async fn remember(&self) {
        let hour = self.tempo.short(Duration::from_secs(3_700)).as_millis();
        let remembered = format!("defender_probe_success{{site=\"site-0500\"}} offset {hour}ms");
        let deadline = Instant::now() + self.tempo.stretched(2 * TEST_TIMEOUT);
        while query(&self.address, &remembered).await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "{}", self.prometheus.said());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// What was heard and isn't resolved.
    fn heard(&self) -> BTreeSet<(String, String, String)> {
        let mut open = BTreeSet::new();
        for (receiver, alert) in self.webhook.heard() {
            let what = ["instance", "reason"].iter().find_map(|label| alert.labels.get(*label));
            let message = (receiver, alert.labels["alertname"].clone(), what.cloned().unwrap_or_default());
            if alert.status == "firing" {
                open.insert(message);
            } else {
                open.remove(&message);
            }
        }
        open
    }

    /// Lets this fail, waits for exactly its messages, and a while longer. The error has what is heard instead.
    async fn go_through(&self, stage: &Stage) -> Result<(), String> {
        *self.fails.lock().unwrap_or_else(PoisonError::into_inner) = stage.fails;
        let expected: BTreeSet<_> = stage
            .heard
            .iter()
            .map(|(receiver, alert, what)| ((*receiver).to_owned(), (*alert).to_owned(), (*what).to_owned()))
            .collect();
        let deadline = Instant::now() + self.tempo.stretched(TEST_TIMEOUT);
        let mut right_since: Option<Instant> = None;
        while right_since.is_none_or(|since| since.elapsed() < self.tempo.stretched(stage.stays)) {
            let heard = self.heard();
            // Messages of the stage before are open until they are resolved; others are wrong at once.
            let of_a_stage = |(receiver, alert, what): &(String, String, String)| {
                let mut known = STAGES.iter().flat_map(|stage| stage.heard);
                known.any(|known| *known == (receiver.as_str(), alert.as_str(), what.as_str()))
            };
            let is_strange = !heard.iter().all(of_a_stage);
            if heard == expected {
                right_since.get_or_insert_with(Instant::now);
            } else if is_strange || right_since.is_some() || Instant::now() > deadline {
                return Err(format!("{}: heard {heard:#?}, expected {expected:#?}", stage.name));
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Whether the machine is too slow for this tempo: Prometheus missed evaluations.
    async fn is_disturbed(&self) -> bool {
        let metrics = lab::client().get(format!("http://{}/metrics", self.address)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let mut missed = metrics.lines().filter(|line| line.starts_with(MISSED));
        missed.any(|line| !line.ends_with(" 0"))
    }
}

/// Prometheus' own count of evaluations that came too late.
const MISSED: &str = "prometheus_rule_group_iterations_missed_total{";

/// Serves the series of all sites; returns the address.
async fn serve(fails: Arc<Mutex<Fails>>) -> String {
    let page = move || {
        let fails = *fails.lock().unwrap_or_else(PoisonError::into_inner);
        // So that Prometheus knows an exporter.
        let mut page =
            "defender_config_last_reload_successful{job=\"defender\",instance=\"store\"} 1\n".to_owned();
        for site in 0..SITES {
            for (series, value) in sample(site, &own_site(site), |of| fails(site, of)) {
                writeln!(page, "{series} {value}").unwrap();
            }
        }
        async move { page }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await });
    address
}

/// The shipped rules, evaluated at each scrape.
fn write_configuration(files: &Path, tempo: Tempo, page: &str, alertmanager: u16) {
    let minute = tempo.short(Duration::from_secs(60)).as_millis();
    let every = minute * u128::from(STEP);
    for file in ["alerts/defender.rules.yml", "deploy/prometheus/fleet.rules.yml"] {
        let shipped = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let (minutely, slower) =
            (format!("    interval: {minute}ms\n"), format!("    interval: {every}ms\n"));
        let rules = shorten(&shipped, tempo).replace(&minutely, &slower);
        std::fs::write(files.join(file.rsplit('/').next().unwrap()), rules).unwrap();
    }
    let configuration = format!(
        "global: {{ scrape_interval: {every}ms, scrape_timeout: {every}ms, evaluation_interval: {every}ms }}\n\
         rule_files: [defender.rules.yml, fleet.rules.yml]\n\
         alerting:\n  alertmanagers:\n    - static_configs: [{{ targets: [\"127.0.0.1:{alertmanager}\"] }}]\n\
         scrape_configs:\n  - job_name: page\n    honor_labels: true\n    static_configs: [{{ targets: [\"{page}\"] }}]\n"
    );
    std::fs::write(files.join("prometheus.yml"), configuration).unwrap();
}

async fn run(store: &Store) -> Result<(), String> {
    store.remember().await;
    for stage in &STAGES {
        store.go_through(stage).await?;
    }
    Ok(())
}

#[needs("prometheus", "prometheus-alertmanager")]
#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_a_thousand_sites_is_one_message() {
    let tools = Tools::find();
    // No exporter runs here, so an overloaded machine is a reason to wait only if evaluations are missed.
    let mut tempo = Tempo::FASTEST;
    loop {
        let store = Store::start(&tools, tempo).await;
        let Err(why) = run(&store).await else { return };
        match tempo.slower() {
            Some(slower) if store.is_disturbed().await => {
                println!("this machine could not keep up with {tempo:?}: {why}");
                tempo = slower;
            }
            _ => panic!("{tempo:?}: {why}"),
        }
    }
}
