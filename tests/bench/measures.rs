//! The measurements, one function per group of rows. Subjects alternate, so that drift of the machine affects all.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use defender_exporter::catalog::embedded;
use serde_json::Value;
use tempfile::TempDir;

use crate::Effort;
use crate::exporter::{Exporter, ExporterOptions};
use crate::lab::Lab;
use crate::names;
use crate::origin::{Origin, Truth};
use crate::peer::Peer;
use crate::pki::Pki;
use crate::process::{result, role};
use crate::scrape::{self, Answer, Wanted};
use crate::table::{Row, Target, quantile, render};

/// The sizes that are scraped.
const SIZES: [usize; 3] = [60, 1000, 10_000];

/// Where everything happens.
struct Bench {
    origin: Origin,
    folder: TempDir,
    effort: Effort,
}

/// Measures and prints; `wanted` names one group of rows.
pub async fn run(effort: Effort, wanted: Option<&str>) {
    let bench = Bench::start(effort, Ipv4Addr::LOCALHOST);
    print_load("before");
    let is_wanted = |group: &str| wanted.is_none_or(|wanted| wanted == group);
    let mut rows = Vec::new();
    if is_wanted("tight") {
        rows.extend(bench.tight(false).await);
    }
    if is_wanted("sizes") {
        rows.extend(bench.sizes().await);
    }
    if is_wanted("schedule") {
        rows.extend(bench.schedule().await);
    }
    if is_wanted("catalog") {
        rows.extend(bench.catalog().await);
    }
    println!("{}", render(&rows));
    println!(
        "minimum / median where there are several; CPU is user and system time of the subject's process alone"
    );
    print_load("after");
}

/// Measures and prints what names cost, inside the network that [`names::run`] makes.
pub async fn run_named(effort: Effort) {
    let bench = Bench::start(effort, names::ADDRESS);
    let _dns = names::serve().await;
    let mut rows = bench.tight(true).await;
    rows.extend(bench.lookups().await);
    println!("{}", render(&rows));
}

fn print_load(when: &str) {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine {when}: {}", load.trim());
}

impl Bench {
    fn start(effort: Effort, address: Ipv4Addr) -> Self {
        let (pki, folder) = (Pki::new(), TempDir::new().unwrap());
        std::fs::write(folder.path().join("root.pem"), &pki.root_pem).unwrap();
        Self { origin: Origin::start(&pki, address), folder, effort }
    }

    fn root(&self) -> String {
        self.folder.path().join("root.pem").display().to_string()
    }

    /// Probes one after another as fast as they go: the exporter's own, the floor, the peer's.
    async fn tight(&self, named: bool) -> Vec<Row> {
        let peer = Peer::start(self.folder.path());
        match &peer {
            Some(peer) => peer.ready().await,
            None => println!("skipped: prometheus-blackbox-exporter isn't installed"),
        }
        let (how, of, limit) = if named { ("named", " of a name", 1.15) } else { ("tight", "", 1.1) };
        let target = if named { self.origin.named() } else { self.origin.prompt.to_string() };
        let mut rows = Vec::new();
        for concurrency in [1, 10, 100] {
            let (mut cpu, mut rate) = ([vec![], vec![], vec![]], [vec![], vec![], vec![]]);
            for _ in 0..self.effort.rounds {
                let mut took = vec![
                    self.tight_exporter(concurrency, named).await,
                    self.tight_floor(concurrency, how).await,
                ];
                if let Some(peer) = &peer {
                    let count = self.effort.probes / 2;
                    let (cpu, wall) = peer.tight(&target, count, concurrency).await;
                    took.push((cpu / count as f64, count as f64 / wall));
                }
                for (n, (own, per_second)) in took.into_iter().enumerate() {
                    cpu[n].push(own * 1e3);
                    rate[n].push(per_second);
                }
            }
            let ([own, floor, others], [own_rate, floor_rate, others_rate]) = (cpu, rate);
            let row = Row::new(format!("CPU per probe{of}, {concurrency} in flight, ms"), own);
            let row = row.floor(floor).peer(others);
            rows.push(row.target(Target::TimesFloor(limit)).target(Target::TimesPeer(1.0 / 3.0)));
            let row = Row::new(format!("probes{of} per second, {concurrency} in flight"), own_rate);
            rows.push(row.floor(floor_rate).peer(others_rate));
        }
        rows
    }

    /// Lookups of a name: the exporter's resolver, the floor, and getaddrinfo in a row of its own.
    async fn lookups(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for concurrency in [1, 10, 100] {
            let mut cpu = [vec![], vec![], vec![]];
            for _ in 0..self.effort.rounds {
                for (cpu, how) in cpu.iter_mut().zip(["library", "bare", "getaddrinfo"]) {
                    // Ten times as many: a lookup is short beside the 10 ms of a clock tick.
                    let count = (self.effort.probes * 10).to_string();
                    let concurrency = concurrency.to_string();
                    let (own, _) = per_probe(&result(role(&["lookup", how, &count, &concurrency])).await);
                    cpu.push(own * 1e3);
                }
            }
            let [own, floor, getaddrinfo] = cpu;
            let what = |how| format!("CPU per lookup{how}, {concurrency} in flight, ms");
            rows.push(Row::new(what(""), own).floor(floor.clone()));
            rows.push(Row::new(what(" by getaddrinfo"), getaddrinfo).floor(floor));
        }
        rows
    }

    async fn tight_floor(&self, concurrency: usize, how: &str) -> (f64, f64) {
        let (root, address) = (self.root(), self.origin.prompt.to_string());
        let (count, concurrency) = (self.effort.probes.to_string(), concurrency.to_string());
        per_probe(&result(role(&["floor", how, &root, &address, &count, &concurrency])).await)
    }

    async fn tight_exporter(&self, concurrency: usize, named: bool) -> (f64, f64) {
        let targets = self.effort.probes / 2;
        let options = ExporterOptions { targets, interval: 86_400, concurrency, late: false, named };
        let config = options.write(self.folder.path(), &self.origin).display().to_string();
        per_probe(&result(role(&["tight", &config, &self.effort.probes.to_string()])).await)
    }

    /// Memory and scrapes by the number of targets. Nothing is probed meanwhile.
    async fn sizes(&self) -> Vec<Row> {
        let (mut rows, mut resident) = (Vec::new(), Vec::new());
        for targets in SIZES {
            let exporter =
                Exporter::start(&ExporterOptions::once(targets).write(self.folder.path(), &self.origin));
            exporter.ready().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let before = exporter.process.resident();
            resident.push(before);
            let mut row =
                Row::new(format!("resident with {targets} targets, never scraped, MiB"), [before / MIB]);
            if targets == SIZES[0] {
                row = row.target(Target::AtMost(16.0));
            }
            rows.push(row);
            rows.extend(self.scrapes(&exporter, targets).await);
            let after = exporter.process.resident();
            rows.push(Row::new(
                format!("resident with {targets} targets, after scrapes, MiB"),
                [after / MIB],
            ));
        }
        let each = (resident[2] - resident[0]) / (SIZES[2] - SIZES[0]) as f64 / 1024.0;
        rows.push(Row::new("resident per additional target, KiB", [each]).target(Target::AtMost(4.0)));
        rows
    }

    async fn scrapes(&self, exporter: &Exporter, targets: usize) -> Vec<Row> {
        let count = (12_000 * self.effort.rounds / targets / 5).clamp(4, 400);
        let limit = [(60, 1.0), (10_000, 100.0)].into_iter().find(|(size, _)| *size == targets);
        let mut rows = Vec::new();
        for (wanted, words) in
            [(Wanted::OpenMetrics, "OpenMetrics"), (Wanted::Gzip, "gzip"), (Wanted::Text, "text")]
        {
            let (mut bytes, mut cpu) = (0, Vec::new());
            for _ in 0..3 {
                let before = exporter.process.cpu();
                for _ in 0..count {
                    bytes = exporter.metrics(wanted).await.bytes.len();
                }
                cpu.push((exporter.process.cpu() - before) * 1e3 / count as f64);
            }
            let row = Row::new(format!("CPU per scrape of {targets}, {words}, ms"), cpu);
            rows.push(match limit {
                Some((_, limit)) => row.target(Target::AtMost(limit)),
                None => row,
            });
            rows.push(Row::new(
                format!("bytes per scrape of {targets}, {words}, KiB"),
                [bytes as f64 / 1024.0],
            ));
        }
        rows
    }

    /// 10,000 targets every minute, each twentieth late: CPU, evenness, and how true the phases are.
    async fn schedule(&self) -> Vec<Row> {
        let options =
            ExporterOptions { targets: SIZES[2], interval: 60, concurrency: 256, late: true, named: false };
        let started = tokio::time::Instant::now();
        let exporter = Exporter::start(&options.write(self.folder.path(), &self.origin));
        exporter.ready().await;
        // The first round takes seconds, and what it probed is left alone for half an interval.
        tokio::time::sleep_until(started + Duration::from_secs(36)).await;
        self.origin.take_arrivals();
        let (cpu, start) = (exporter.process.cpu(), Instant::now());
        let watched = Duration::from_secs(self.effort.watched);
        tokio::time::sleep(watched).await;
        let own = exporter.process.cpu() - cpu;
        let took = start.elapsed().as_secs_f64();
        let arrivals = self.origin.take_arrivals();
        let truths = self.origin.truths();
        let text = exporter.metrics(Wanted::Text).await.text();
        let overruns: f64 =
            Answer::samples(&text, "defender_probe_overruns_total").map(|(_, count)| count).sum();
        let phases = reported(&text, &truths, start);
        drop(exporter);

        let floor = result(self.spread()).await;
        let floor_truths = self.origin.truths();
        let count = floor["count"].as_f64().unwrap();
        let floor_phases = serde_json::from_value::<Vec<(usize, [f64; 3])>>(floor["phases"].clone()).unwrap();
        let part = |cpu: f64, seconds: f64| cpu / seconds * 100.0;
        let per_floor = floor["cpu"].as_f64().unwrap() / count * 1e3;
        let mut rows = vec![
            Row::new("10,000 targets per minute: CPU, % of a core", [part(own, took)])
                .floor([per_floor / 10.0 * arrivals.len() as f64 / took])
                .target(Target::TimesFloor(1.15))
                .target(Target::AtMost(100.0 / 6.0)),
            Row::new("〃 CPU per probe, ms", [own / arrivals.len() as f64 * 1e3]).floor([per_floor]),
            Row::new("〃 busiest second ÷ mean", [evenness(&arrivals, start, watched)])
                .target(Target::AtMost(1.5)),
            Row::new("〃 overruns", [overruns]).target(Target::AtMost(0.0)),
        ];
        let floors = floor_phases.into_iter().collect::<HashMap<_, _>>();
        for (n, name) in ["tls", "request", "transfer"].into_iter().enumerate() {
            let (own, floor) = (errors(&phases, &truths, n), errors(&floors, &floor_truths, n));
            let at = |errors: &[f64], part| quantile(errors, part).into_iter().collect::<Vec<_>>();
            rows.push(
                Row::new(format!("〃 error of {name}, median, ms"), at(&own, 0.5)).floor(at(&floor, 0.5)),
            );
            let row = Row::new(format!("〃 error of {name}, 99th percentile, ms"), at(&own, 0.99));
            rows.push(row.floor(at(&floor, 0.99)).target(Target::AtMost(1.0)));
        }
        rows
    }

    fn spread(&self) -> Child {
        let (root, prompt, late) =
            (self.root(), self.origin.prompt.to_string(), self.origin.late.to_string());
        let (targets, seconds) = (SIZES[2].to_string(), self.effort.watched.to_string());
        role(&["floor", "spread", &root, &prompt, &targets, "60", &seconds, &late])
    }

    /// The catalog as it comes, answered by the test laboratory, with all that the defaults do; and how soon a start answers.
    async fn catalog(&self) -> Vec<Row> {
        let lab = Lab::start_at(std::time::SystemTime::now()).await;
        let urls = lab.serve_all(&embedded().endpoints);
        let config = self.folder.path().join("catalog.yaml");
        std::fs::write(&config, lab.config_yaml(&urls)).unwrap();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for _ in 0..self.effort.starts {
            own.push(until_metrics(&config).await);
            others.extend(peer_until_metrics(self.folder.path()).await);
        }
        let start = Row::new("start to first /metrics, ms", own).peer(others);
        let exporter = Exporter::start(&config);
        exporter.ready().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let (cpu, began) = (exporter.process.cpu(), Instant::now());
        tokio::time::sleep(Duration::from_secs(self.effort.watched + 8)).await;
        let part = (exporter.process.cpu() - cpu) / began.elapsed().as_secs_f64() * 100.0;
        let resident = exporter.process.resident() / MIB;
        let peer = Peer::start(self.folder.path());
        let idle = match &peer {
            Some(peer) => {
                peer.ready().await;
                vec![peer.process.resident() / MIB]
            }
            None => vec![],
        };
        vec![
            start.target(Target::AtMost(50.0)),
            Row::new("the catalog every minute: CPU, % of a core", [part]).target(Target::AtMost(0.25)),
            Row::new("〃 resident, MiB (blackbox: idle)", [resident]).peer(idle).target(Target::AtMost(16.0)),
        ]
    }
}

const MIB: f64 = 1024.0 * 1024.0;

/// Seconds of CPU for each probe, and probes per second.
fn per_probe(result: &Value) -> (f64, f64) {
    let number = |key: &str| result[key].as_f64().unwrap();
    (number("cpu") / number("count"), number("count") / number("wall"))
}

/// The rate of the busiest second, in times of the mean.
fn evenness(arrivals: &[Instant], start: Instant, watched: Duration) -> f64 {
    let mut seconds = HashMap::<u64, f64>::new();
    for at in arrivals {
        *seconds.entry(at.saturating_duration_since(start).as_secs()).or_default() += 1.0;
    }
    let whole: Vec<f64> =
        (0..watched.as_secs()).map(|second| seconds.get(&second).copied().unwrap_or(0.0)).collect();
    let mean = whole.iter().sum::<f64>() / whole.len() as f64;
    whole.into_iter().fold(0.0, f64::max) / mean
}

/// The phases of the late targets that `/metrics` shows, of probes that began after `start` and had ended for a while.
fn reported(text: &str, truths: &HashMap<usize, Truth>, start: Instant) -> HashMap<usize, [f64; 3]> {
    let mut phases = HashMap::<usize, [f64; 3]>::new();
    for (labels, seconds) in Answer::samples(text, "defender_probe_phase_duration_seconds") {
        let path =
            labels.split_once("https://").and_then(|(_, url)| url.split(['/', '"']).nth(1)?.parse().ok());
        let n = ["\"tls\"", "\"request\"", "\"transfer\""].iter().position(|name| labels.ends_with(name));
        let (Some(path), Some(n)) = (path, n) else { continue };
        let settled = truths.get(&path).is_some_and(|truth| {
            truth.ended > start + Duration::from_secs(1) && truth.ended.elapsed() > Duration::from_millis(500)
        });
        if settled {
            phases.entry(path).or_default()[n] = seconds;
        }
    }
    phases
}

/// Reported minus slept, in milliseconds.
fn errors(phases: &HashMap<usize, [f64; 3]>, truths: &HashMap<usize, Truth>, n: usize) -> Vec<f64> {
    let error =
        |(path, took): (&usize, &[f64; 3])| Some((took[n] - truths.get(path)?.slept[n].as_secs_f64()) * 1e3);
    phases.iter().filter_map(error).collect()
}

async fn until_metrics(config: &Path) -> f64 {
    let start = Instant::now();
    let exporter = Exporter::start(config);
    until_answer(exporter.address, start).await
}

async fn peer_until_metrics(folder: &Path) -> Option<f64> {
    let start = Instant::now();
    let peer = Peer::start(folder)?;
    Some(until_answer(peer.address, start).await)
}

/// Milliseconds until the address responds.
async fn until_answer(address: std::net::SocketAddr, start: Instant) -> f64 {
    while scrape::get(address, "/metrics", Wanted::Text).await.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed().as_secs_f64() * 1e3
}
