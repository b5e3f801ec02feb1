//! The lab that `tests/draw` draws the dashboards over: exporters in six states, and a Prometheus with the shipped rules. It scrapes
//! five of them under other names too: as two clusters, and as many sites. Time runs faster, as in `stack`. `.ci/dashboards` starts it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tempfile::TempDir;

use super::process::Running;
use super::stack::{Outage, Site, Tempo, Tools, free_port, query, shorten};
use super::windows_host;

/// How long each phase may take at the fastest tempo.
const TEST_TIMEOUT: Duration = Duration::from_secs(180);
/// Scrapes of the healthy network, and of the outage: an outage of 40 minutes of the rules' time.
const SCRAPES: (usize, usize) = (20, 40);

/// Sites of the large fleet, and by how much more seldom it is scraped: few exporters stand for all.
const FLEET: (usize, u64) = (60, 10);
/// The name that exporters in two clusters have in common.
const SERVICE: &str = "defender-exporter.monitoring.svc:10207";
/// The exporter of a company with update sources of its own, beside Defender on Windows.
const COMPANY: &str = "defender-porto.branches.example:10207";

const HOUR: Duration = Duration::from_secs(3600);

/// A state that is drawn: its name in the pictures, and the instance that is in it.
struct Pictured {
    state: &'static str,
    instance: &'static str,
    site: Site,
    is_blocked: bool,
}

impl Pictured {
    async fn start(
        state: &'static str,
        instance: &'static str,
        outage: Option<Outage>,
        tempo: Tempo,
    ) -> Self {
        let site = Site::start(outage.unwrap_or(Outage::None), tempo).await;
        Self { state, instance, site, is_blocked: outage.is_none() }
    }

    fn town(&self) -> &'static str {
        self.instance.split(['-', '.']).nth(1).unwrap()
    }

    /// As a target of Prometheus, under this name and with a label that the user has added.
    fn target(&self, instance: &str, label: &str, value: &str) -> String {
        let address = self.site.address();
        format!(
            "      - {{ targets: [\"{address}\"], labels: {{ instance: \"{instance}\", {label}: {value} }} }}\n"
        )
    }

    /// As the exporter that Prometheus has probe this target, under this name.
    fn on_demand_target(&self, instance: &str, url: &str) -> String {
        let (address, site) = (self.site.address(), self.town());
        format!(
            "      - {{ targets: [\"{address}\"], labels: {{ job: defender, instance: \"{instance}\", __param_target: \"{url}\", site: {site} }} }}\n"
        )
    }

    async fn break_it(&mut self) {
        if self.is_blocked {
            self.site.fail_names();
        } else {
            self.site.break_it().await;
        }
    }
}

/// The states. Blocked: no name resolves.
async fn states(tempo: Tempo) -> [Pictured; 5] {
    let of = |state, instance, outage| Pictured::start(state, instance, outage, tempo);
    [
        of("healthy", "defender-lisbon.branches.example:10207", Some(Outage::None)).await,
        of("one-route", "defender-oslo.branches.example:10207", Some(Outage::ProxyDemands)).await,
        of("blocked", "defender-turin.branches.example:10207", None).await,
        of("inspected", "defender-vienna.branches.example:10207", Some(Outage::Intercepted)).await,
        of("exporter-down", "defender-zurich.branches.example:10207", Some(Outage::Killed)).await,
    ]
}

/// The jobs of Prometheus' configuration: the states, two of them in two clusters, and many sites, of which only some series are kept; and
/// the company with update sources of its own, at this address.
fn jobs(states: &[Pictured], company: SocketAddr, every: u64) -> String {
    let own: String = states.iter().map(|one| one.target(one.instance, "site", one.town())).collect();
    let clusters: String = states
        .iter()
        .zip(CLUSTERS)
        .filter_map(|(one, cluster)| Some(one.target(SERVICE, "cluster", cluster?)))
        .collect();
    let many: String = (0..FLEET.0)
        .map(|n| {
            let (one, site) =
                (&states[n % states.len()], format!("{}-{n:02}", states[n % states.len()].town()));
            one.target(&format!("defender-{site}.branches.example:10207"), "site", &site)
        })
        .collect();
    let seldom = every * FLEET.1;
    format!(
        "  - job_name: defender\n    static_configs:\n{own}{}  - job_name: defender-kubernetes\n    static_configs:\n{clusters}\
         \x20 - job_name: defender-company\n    static_configs:\n      - {{ targets: [\"{company}\"], labels: {{ instance: \"{COMPANY}\", site: porto }} }}\n\
         \x20 - job_name: defender-many\n    scrape_interval: {seldom}s\n    scrape_timeout: {seldom}s\n    metric_relabel_configs:\n\
         \x20     - {{ source_labels: [component], regex: \"|maps|update|adl\", action: keep }}\n\
         \x20     - {{ source_labels: [__name__], regex: \"defender_probe_(latency|failures_by_reason).*\", action: drop }}\n\
         \x20   static_configs:\n{many}",
        on_demand(states, seldom)
    )
}

/// A job of `/probe`, beside the exporters: a target that answers, one whose names fail, one that the exporter refuses, and one whose
/// instance is no URL.
fn on_demand(states: &[Pictured], every: u64) -> String {
    const MAPS: &str = "https://wdcp.microsoft.com/";
    const UNKNOWN: &str = "https://unknown.example/";
    let targets = [
        (&states[0], MAPS, MAPS),
        (&states[2], MAPS, MAPS),
        (&states[0], UNKNOWN, UNKNOWN),
        (&states[0], "maps-from-lisbon", MAPS),
    ];
    let targets: String =
        targets.into_iter().map(|(one, instance, url)| one.on_demand_target(instance, url)).collect();
    format!(
        "  - job_name: defender-probe\n    metrics_path: /probe\n    scrape_interval: {every}s\n    scrape_timeout: {every}s\n\
         \x20   params: {{ route: [direct] }}\n    static_configs:\n{targets}"
    )
}

/// The clusters that the states are in, if they are in one.
const CLUSTERS: [Option<&str>; 5] = [Some("eu-1"), None, Some("us-1"), None, None];

/// Prometheus; it ends with the value.
struct Prometheus {
    address: String,
    running: Running,
    _files: TempDir,
}

impl Prometheus {
    async fn start(tools: &Tools, states: &[Pictured], company: SocketAddr, tempo: Tempo) -> Self {
        let files = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(files.path().join(name), text).unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/defender.rules.yml");
        write("defender.rules.yml", &shorten(&std::fs::read_to_string(rules).unwrap(), tempo));
        let every = scrape_interval(tempo).as_secs();
        write(
            "prometheus.yml",
            &format!(
                "global: {{ scrape_interval: {every}s, scrape_timeout: {every}s, evaluation_interval: {every}s }}\n\
                 rule_files: [defender.rules.yml]\n\
                 scrape_configs:\n{}",
                jobs(states, company, every)
            ),
        );
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(tools.prometheus());
        command.current_dir(files.path()).args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.args(["--enable-feature=native-histograms", &format!("--web.listen-address={address}")]);
        let mut running = Running::start(&mut command);
        let sign = running.first_of(&["ready to receive web requests", "level=error"]).await;
        assert!(sign.is_some_and(|line| line.contains("ready")), "{}", running.said());
        Self { address, running, _files: files }
    }

    /// Waits until an instant query has so many results.
    async fn until(&self, expression: &str, results: usize, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        loop {
            let found = query(&self.address, expression).await.unwrap();
            if found.len() == results {
                return;
            }
            let said = self.running.said();
            assert!(Instant::now() < deadline, "{expression} has not {results} results: {found:#?}\n{said}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn scrape_interval(tempo: Tempo) -> Duration {
    tempo.stretched(Duration::from_secs(1))
}

fn milliseconds(moment: SystemTime) -> u64 {
    u64::try_from(moment.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

#[ignore = "serves until its standard input is closed: .ci/dashboards starts it"]
#[tokio::test(flavor = "multi_thread")]
async fn the_lab_of_the_pictures() {
    let tools = Tools::find();
    let tempo = Tempo::of_machine();
    let timeout = tempo.stretched(TEST_TIMEOUT);
    let mut states = states(tempo).await;
    let mut company = Site::start_with_company_sources(tempo).await;
    let beside_defender = windows_host::beside(company.address()).await;
    let from = SystemTime::now();
    let prometheus = Prometheus::start(&tools, &states, beside_defender, tempo).await;
    // One state has a second route.
    let connected = r#"max_over_time(defender_maps_connected{job="defender", ssl_options="3"}[10m]) == 1"#;
    prometheus.until(connected, states.len() + 1, timeout).await;
    let scraped = format!(
        "count_over_time(defender_maps_connected{{job=\"defender\", ssl_options=\"3\"}}[10m]) >= {}",
        SCRAPES.0
    );
    prometheus.until(&scraped, states.len() + 1, timeout).await;
    for state in &mut states {
        state.break_it().await;
    }
    company.break_it().await;
    let lost = r#"group by (instance) (defender_maps_connected{job="defender", ssl_options="3"} == 0)"#;
    prometheus.until(lost, 3, timeout).await;
    let sources = r#"defender_update_source_available{job="defender-company"} == 0"#;
    prometheus.until(sources, 2, timeout).await;
    let every = scrape_interval(tempo).as_secs();
    let down = format!(
        "count_over_time((up{{job=\"defender\", instance=~\"defender-.+\"}} == 0)[10m:{every}s]) >= {}",
        SCRAPES.1
    );
    prometheus.until(&down, 1, timeout).await;

    let drawn = states
        .iter()
        .map(|one| json!({ "state": one.state, "job": "defender", "instances": [one.instance] }));
    let instances: Vec<_> = states.iter().map(|state| state.instance).collect();
    let several = |state, job, instances: &[&str], dashboards: &[&str]| json!({ "state": state, "job": job, "instances": instances, "dashboards": dashboards });
    let both = ["defender-fleet", "defender-overview"];
    // All of the job, which is scraped more seldom.
    let mut many = several("sixty-sites", "defender-many", &["", ""], &both[..1]);
    many["scrape"] = (every * FLEET.1 * 1000).into();
    let more = [
        several("company-sources", "defender-company", &[COMPANY], &both),
        several("all-sites", "defender", &instances, &both),
        several("two-clusters", "defender-kubernetes", &[SERVICE], &both),
        many,
    ];
    let lab = json!({
        "prometheus": format!("http://{}", prometheus.address),
        "from": milliseconds(from),
        "to": milliseconds(SystemTime::now()),
        "scrape": every * 1000,
        "tempo": HOUR.as_secs() / tempo.short(HOUR).as_secs(),
        "states": drawn.chain(more).collect::<Vec<_>>(),
    });
    println!("lab: {lab}");
    let wait = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(wait).await.unwrap().unwrap();
}
