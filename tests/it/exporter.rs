//! The program as a process: scrapes over HTTP, with the lab's Internet behind `connect_to`.

#[cfg(target_os = "linux")] // it reads /proc
mod evidence;
mod hostile;
mod log;
mod outages;
#[cfg(target_os = "linux")] // it has /dev/full
mod printing;
mod probe;
pub mod proxies;
#[cfg(unix)] // by a signal
mod reload;
mod revocation;
mod routes;
mod secrets;
mod selection;
#[cfg(target_os = "linux")] // systemd is
mod service;
mod signatures;
#[cfg(target_os = "linux")] // systemd is, and the faults are of debug builds
mod task_failures;
#[cfg(target_os = "linux")] // script(1) is of util-linux
mod terminal;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use defender_exporter::catalog::{Endpoint, ProbeUrl, embedded};
use defender_exporter::config::Config;

use crate::lab::Lab;
use crate::load::{Disturbance, TEST_TIMEOUT};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_defender-exporter");

const SUCCESS: &str = "defender_probe_success";
const REASON: &str = "defender_probe_failure_reason";

/// The key of an endpoint: its component and its URL.
type Key = (String, String);

/// A running exporter; it is killed with the value.
pub struct Exporter {
    child: Child,
    address: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Exporter {
    /// Starts it with this configuration, on a free port.
    pub fn start(config: &Path) -> Self {
        Self::start_as(config, |_| {})
    }

    /// The same, with what a test adds to the command line or the environment.
    pub fn start_as(config: &Path, more: impl FnOnce(&mut Command)) -> Self {
        Self::start_on("127.0.0.1:0", config, more)
    }

    /// The same, at an address that it can be found at again.
    pub fn start_on(address: &str, config: &Path, more: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["--web.listen-address", address, "--config.file"]).arg(config);
        more(&mut command);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("listening") && line.contains("http://")).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || lines.for_each(|line| kept.lock().unwrap().push(line)));
        let address = line.split("http://").nth(1).unwrap().split("/metrics").next().unwrap().to_owned();
        Self { child, address, log }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged since it serves.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Sends it a signal, by its name without SIG.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Status and body of what it serves there.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = crate::lab::client().get(format!("http://{}{path}", self.address)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Status and body of what it answers to a POST there.
    pub async fn post(&self, path: &str) -> (u16, String) {
        let answer =
            crate::lab::client().post(format!("http://{}{path}", self.address)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The address of its status page.
    pub fn page(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// What disturbs it from now on.
    pub fn disturbance(&self) -> Disturbance {
        Disturbance::of_process(self.id())
    }

    /// Scrapes until the condition is true, or the timeout.
    pub async fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let (_, metrics) = self.get("/metrics").await;
            if holds(&metrics) {
                return metrics;
            }
            assert!(Instant::now() < deadline, "{what} never held:\n{metrics}\n{:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

/// The values of a metric, with its labels.
pub fn samples<'a>(metrics: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let prefix = format!("{name}{{");
    let lines = metrics.lines().filter(|line| line.starts_with(&prefix));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(labels, value)| (labels, value.parse().unwrap()))
        .collect()
}

/// The endpoints with a sample whose value is right.
fn keys(metrics: &str, name: &str, right: impl Fn(f64) -> bool) -> BTreeSet<Key> {
    let right = samples(metrics, name).into_iter().filter(|(_, value)| right(*value));
    right.map(|(labels, _)| (label(labels, "component"), label(labels, "endpoint"))).collect()
}

/// The value of a label that needs no escapes.
pub fn label(labels: &str, name: &str) -> String {
    let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn key(endpoint: &Endpoint) -> Key {
    (endpoint.component.as_str().to_owned(), endpoint.url.as_str().to_owned())
}

/// How many endpoints succeed.
pub fn successes(metrics: &str) -> usize {
    samples(metrics, SUCCESS).iter().filter(|(_, value)| *value > 0.5).count()
}

/// What the defaults probe, in the catalog's order; the last is the control.
pub fn endpoints() -> Vec<&'static Endpoint> {
    let optional = |component| embedded().components.iter().any(|c| c.component == component && c.optional);
    let geos = Config::default().geos;
    let probed = |e: &&Endpoint| !optional(e.component) && e.geo.is_none_or(|geo| geos.contains(&geo));
    embedded().endpoints.iter().filter(probed).collect()
}

/// The lab with the default catalog's Internet, and a configuration that leads there.
pub async fn internet(rhythm: &str) -> (Lab, PathBuf, usize) {
    let lab = Lab::start_at(SystemTime::now()).await;
    let endpoints = endpoints();
    let urls: Vec<ProbeUrl> = lab.serve_all(endpoints.iter().copied());
    let file = lab.files().join("exporter.yaml");
    std::fs::write(&file, format!("{rhythm}\n{}", lab.config_yaml(&urls))).unwrap();
    (lab, file, endpoints.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_genuine_internet_everything_succeeds() {
    let (_lab, file, all) = internet("").await;
    let exporter = Exporter::start(&file);
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    let metrics = exporter.until("success everywhere", |metrics| successes(metrics) == all).await;
    assert!(samples(&metrics, "defender_http_status_expected").iter().all(|(_, value)| *value > 0.5));
    assert!(samples(&metrics, "defender_component_available").iter().all(|(_, value)| *value > 0.5));
    assert_eq!(samples(&metrics, REASON), []);
    assert_eq!(exporter.get("/-/ready").await.0, 200);
    let check = run(&["check", "--config.file", file.to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
    let check = run(&["check", "--format", "json", "--config.file", file.to_str().unwrap()]);
    for text in [String::from_utf8(check.stdout).unwrap(), exporter.get("/api/v1/status").await.1] {
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&report["schema_version"], &report["counts"]["good"]),
            (&1.into(), &(all - 1).into()), // the control doesn't count
            "{text}"
        );
        assert_eq!(report["internet"][0]["control_answers"], true, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_asks_itself_whether_it_is_healthy() {
    let (_lab, file, _) = internet("").await;
    let exporter = Exporter::start(&file);
    let check = |args: &[&str], expected: i32, says: &str| {
        let output = run(args);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(expected), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
    };
    let healthy = format!("http://{}/-/healthy", exporter.address);
    let missing = format!("http://{}/-/missing", exporter.address);
    check(&["--web.listen-address", &exporter.address, "healthcheck"], 0, &healthy);
    check(&["healthcheck", "--url", &healthy], 0, "200 OK");
    check(&["healthcheck", "--url", &missing], 1, "404");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}/", silent.local_addr().unwrap());
    check(&["healthcheck", "--timeout", "100ms", "--url", &silent], 1, "no answer within 100ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_within_a_second_while_probes_hang() {
    let (lab, file, _) = internet("").await;
    lab.dns.set_default(crate::lab::dns::Answer::Silence);
    let hanging = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, hanging.split("connect_to:").next().unwrap()).unwrap();
    let mut exporter = Exporter::start(&file);
    // Probes are under way, none can end yet.
    let deadline = Instant::now() + TEST_TIMEOUT;
    while lab.dns.asked().is_empty() {
        assert!(Instant::now() < deadline, "nothing is probed: {:#?}", exporter.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (start, disturbance) = (Instant::now(), exporter.disturbance());
    let (status, _) = exporter.get("/metrics").await;
    assert_eq!(status, 200);
    let (took, limit) = (start.elapsed(), Duration::from_millis(500) + disturbance.so_far());
    assert!(took < limit, "a scrape took {took:?}, {disturbance}");
    assert_eq!(exporter.get("/-/ready").await.0, 503);
    let (start, disturbance) = (Instant::now(), exporter.disturbance());
    let killed = Command::new("kill").arg(exporter.child.id().to_string()).status().unwrap(); // SIGTERM
    assert!(killed.success());
    let mut disturbed = Duration::ZERO;
    let ended = loop {
        if let Some(ended) = exporter.child.try_wait().unwrap() {
            break ended;
        }
        disturbed = disturbed.max(disturbance.so_far()); // it goes with the process
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let took = start.elapsed();
    assert!(took < Duration::from_secs(1) + disturbed, "stopping took {took:?}, disturbed for {disturbed:?}");
    assert_eq!(ended.code(), Some(0));
}

/// What the program does with these arguments, once it has ended.
pub fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).output().unwrap()
}

#[tokio::test]
async fn invalid_usage_or_configuration_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, "interval: 0s\ncolour: red\n").unwrap();
    let bad = bad.to_str().unwrap();
    let web = folder.path().join("web.yaml");
    std::fs::write(&web, "tls_server_config: { min_version: TLS10 }\n").unwrap();
    let web = web.to_str().unwrap();
    let of_web = ["cert_file", "TLS10", "RFC 8996"];
    let both = ["--config.check", "--config.file", bad, "--web.config.file", web];
    let cases: [(&[&str], &[&str]); 10] = [
        (&["service", "install"], &["only for Windows"]),
        (&["--no-such-flag"], &["--no-such-flag"]),
        (&["--config.file", "/no/such/file.yaml"], &["/no/such/file.yaml"]),
        (&["--config.check", "--config.file", bad], &["interval", "0s", "colour"]),
        (&["check", "--config.file", bad], &["interval", "0s", "colour"]),
        (&["--config.check", "--web.config.file", web], &of_web),
        (&["--web.config.file", web], &of_web),
        (&both, &["interval", "0s", "colour", "cert_file", "TLS10"]),
        (&["--web.listen-address", "nonsense"], &["nonsense"]),
        (&["explain", "nonsense"], &["nonsense", "nxdomain"]),
    ];
    for (args, expected) in cases {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
        assert!(expected.iter().all(|word| said.contains(word)), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

/// The configuration is good, and its user is warned.
#[test]
fn a_check_sees_a_state_file_that_can_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exporter.yaml");
    for (state, warned) in [("state.json", false), ("missing/state.json", true), (".", true)] {
        std::fs::write(&file, format!("state_file: {state}\n")).unwrap();
        let output = run(&["--config.check", "--config.file", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(
            said.contains("warning: state_file: ") && said.contains("can't be written"),
            warned,
            "{said}"
        );
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the check leaves nothing");
}

#[test]
fn commands_answer_without_a_network() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/defender-exporter.yaml");
    let web = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/web-config.yaml");
    for (args, expected) in [
        (vec!["--version"], "defender-exporter, version 0.1.0 (branch: "),
        (vec!["-V"], "\n  build:            "),
        (vec!["completions", "bash"], "--web.listen-address"),
        (vec!["completions", "fish"], "healthcheck"),
        (vec!["man"], "\\-\\-web.listen\\-address"),
        (vec!["--help"], "--web.listen-address"),
        (vec!["catalog"], "*.wdcp.microsoft.com"),
        (vec!["catalog", "--format", "urls"], "https://wdcp.microsoft.com/\n"),
        (vec!["explain"], "revocation_unknown"),
        (vec!["explain", "0x80072F8F"], "WinHTTP"),
        (vec!["explain", "-2147012721"], "0x80072F8F"),
        (vec!["explain", "revocation_unknown"], "0x80072F8F"),
        (vec!["--config.check", "--config.file", sample], "56 targets via 1 route\n"),
        (vec!["--config.check", "--web.config.file", web], "configuration OK"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
}
