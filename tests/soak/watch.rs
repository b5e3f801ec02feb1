//! Continuous checks: a scrape per second whose counters must not decrease and whose targets must progress, the
//! process's resources, and other kinds of clients.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use reqwest::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::exporter::{Exporter, Held};
use crate::lab::rng::Rng;
use crate::series::{Scrape, label};
use crate::world::{INTERVAL, TIMEOUT};

/// A busy machine's part in any delay.
pub const SLACK: Duration = Duration::from_secs(5);

/// The longest that anything may take to be answered.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What has been seen.
#[derive(Default)]
pub struct Seen {
    /// Scrapes by kind.
    pub requests: BTreeMap<&'static str, usize>,
    /// Each second: the start, and the resources.
    pub held: Vec<(Duration, Held)>,
    /// The oldest that a target's last probe was, and whose.
    pub oldest: (f64, String),
    /// The longest that a scrape took.
    pub slowest: Duration,
    /// What must not be.
    pub wrong: Option<String>,
}

/// The watcher's place for what it sees.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    /// What has been seen.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, kind: &'static str) {
        *self.seen().requests.entry(kind).or_default() += 1;
    }

    fn wrong(&self, what: impl Into<String>) {
        self.seen().wrong.get_or_insert(what.into());
    }

    /// Scrapes each second, for ever.
    pub async fn scrape(self, exporter: Arc<Exporter>, client: Client) {
        let (start, mut before) = (Instant::now(), None);
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(what) = self.look(&exporter, &client, start, &mut before).await {
                self.wrong(what);
            }
        }
    }

    async fn look(
        &self,
        exporter: &Exporter,
        client: &Client,
        start: Instant,
        before: &mut Option<Scrape>,
    ) -> Result<(), String> {
        let asked = Instant::now();
        let scrape = scrape(client, &exporter.base).await?;
        self.count("text");
        {
            let mut seen = self.seen();
            seen.slowest = seen.slowest.max(asked.elapsed());
            seen.held.push((start.elapsed(), exporter.held()?));
        }
        if let Some(line) = exporter.forbidden() {
            return Err(format!("the log says: {line}"));
        }
        if let Some(fallen) = before.as_ref().and_then(|before| fallen(before, &scrape)) {
            return Err(fallen);
        }
        let internal = |(labels, count): &(&str, f64)| *count > 0.0 && label(labels, "reason") == "internal";
        if let Some((labels, _)) = scrape.of("defender_probe_failures_by_reason_total").find(internal) {
            return Err(format!("a failure of its own: {labels}"));
        }
        *before = Some(scrape);
        self.hold_the_pace(before.as_ref().into_iter())
    }

    /// After a reload a target waits one and a half intervals at most.
    fn hold_the_pace<'a>(&self, scrapes: impl Iterator<Item = &'a Scrape>) -> Result<(), String> {
        let longest = (INTERVAL.mul_f64(1.5) + TIMEOUT + SLACK).as_secs_f64();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        for (labels, at) in scrapes.flat_map(|scrape| scrape.of("defender_probe_last_timestamp_seconds")) {
            let age = now - at;
            let mut seen = self.seen();
            if age > seen.oldest.0 {
                seen.oldest = (age, labels.to_owned());
            }
            if age > longest {
                return Err(format!(
                    "a target that stands still: its last probe was {age:.1} s ago: {labels}"
                ));
            }
        }
        Ok(())
    }

    /// Asks for everything else, for ever, in an order that the seed repeats.
    pub async fn disturb(self, exporter: Arc<Exporter>, client: Client, seed: u64, targets: Vec<String>) {
        let mut rng = Rng::new(seed);
        loop {
            tokio::time::sleep(Duration::from_millis(200 + rng.below(1200) as u64)).await;
            let done = match rng.below(9) {
                0 => self.get(&client, &exporter, "/metrics", "openmetrics", OPENMETRICS, "gzip").await,
                1 => self.get(&client, &exporter, "/metrics", "protobuf", PROTOBUF, "gzip").await,
                2 => self.get(&client, &exporter, "/metrics", "protobuf", PROTOBUF, "identity").await,
                3 => self.get(&client, &exporter, "/metrics", "text", "*/*", "gzip").await,
                4 => self.get(&client, &exporter, "/", "page", "text/html", "gzip").await,
                5 => self.get(&client, &exporter, "/api/v1/status", "status", "*/*", "identity").await,
                6 => {
                    let path = format!("/probe?target={}", rng.pick(&targets));
                    self.get(&client, &exporter, &path, "probe", OPENMETRICS, "identity").await
                }
                7 => self.abort(&exporter, b"GET /metrics HTTP/1.1\r\nHost: soak\r\n\r\n", 200).await,
                _ => self.abort(&exporter, b"GET /metrics HTTP/1.1\r\nHo", 0).await,
            };
            if let Err(what) = done {
                self.wrong(what);
            }
        }
    }

    async fn get(
        &self,
        client: &Client,
        exporter: &Exporter,
        path: &str,
        kind: &'static str,
        accept: &str,
        encoding: &str,
    ) -> Result<(), String> {
        let request = client
            .get(format!("{}{path}", exporter.base))
            .timeout(TEST_TIMEOUT)
            .header("accept", accept)
            .header("accept-encoding", encoding);
        let answer = request.send().await.map_err(|error| format!("{path}: {error}"))?;
        let (status, head) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.map_err(|error| format!("{path}: {error}"))?;
        self.count(kind);
        let good = match kind {
            // A target that the configuration leaves out at the moment is no target.
            "probe" => matches!(status, 200 | 400) && !body.is_empty(),
            "status" => status == 200 && serde_json::from_slice::<serde_json::Value>(&body).is_ok(),
            _ => status == 200 && body.len() > 500, // what came with gzip, the client has unpacked
        };
        let kinds = head.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let right = match kind {
            "openmetrics" => kinds.starts_with("application/openmetrics-text"),
            "protobuf" => kinds.starts_with("application/vnd.google.protobuf"),
            _ => true,
        };
        if good && right {
            Ok(())
        } else {
            Err(format!("{path} as {accept}: {status}, {kinds}, {} bytes", body.len()))
        }
    }

    /// Sends this, reads so many bytes, and goes.
    async fn abort(&self, exporter: &Exporter, request: &[u8], read: usize) -> Result<(), String> {
        let address = exporter.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.write_all(request).await.map_err(|error| error.to_string())?;
        let mut some = vec![0; read];
        if read > 0 {
            stream.read_exact(&mut some).await.map_err(|error| error.to_string())?;
        }
        self.count("aborted");
        Ok(())
    }
}

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/// One scrape.
///
/// # Errors
/// What came instead.
pub async fn scrape(client: &Client, base: &str) -> Result<Scrape, String> {
    let answer = client
        .get(format!("{base}/metrics"))
        .timeout(TEST_TIMEOUT)
        .send()
        .await
        .map_err(|error| format!("a scrape: {error}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|error| format!("a scrape: {error}"))?;
    if status != 200 {
        return Err(format!("a scrape: {status}"));
    }
    Scrape::read(&text)
}

/// A counter that went down.
fn fallen(before: &Scrape, now: &Scrape) -> Option<String> {
    let mut both = now.counters().filter_map(|(series, value)| Some((series, before.get(series)?, value)));
    let (series, then, value) = both.find(|(_, then, value)| value < then)?;
    Some(format!("a counter went down, from {then} to {value}: {series}"))
}
