//! A Prometheus that has scraped the golden exposition, which has a sample of every metric, including those of Windows and mdatp: as an
//! exporter, and as a target of `/probe`.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use serde_json::Value;
use tempfile::TempDir;

use crate::real::process::Running;
use crate::real::stack::{free_port, query};
use crate::real::tools;

/// What the rules record of 30 days, which no test waits for.
const MONTH: &str = r#"route:defender_maps_connected:avg30d{route="direct"} 0.9987
source_route:defender_update_source_available:avg30d{source="adl",route="direct"} 0.45
"#;
const GOLDEN: &str = include_str!("../../../data/exposition/text.prom");

/// It ends with the value.
pub struct GoldenExposition {
    address: String,
    _prometheus: Running,
    _files: TempDir,
}

impl GoldenExposition {
    /// Starts it and waits for some scrapes.
    pub async fn start() -> Self {
        let prometheus = tools::find("prometheus");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let scrapes = AtomicU32::new(0);
        let answer = move || {
            let scrape = scrapes.fetch_add(1, Ordering::Relaxed);
            async move { rising(scrape) }
        };
        let answer = std::sync::Arc::new(answer);
        let router = Router::new().route("/metrics", get(move || answer()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let files = tempfile::tempdir().unwrap();
        let configuration = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n  - job_name: defender\n    static_configs:\n      - targets: [\"{target}\"]\n      - {{ targets: [\"{target}\"], labels: {{ instance: \"https://wdcp.microsoft.com/\" }} }}\n"
        );
        std::fs::write(files.path().join("prometheus.yml"), configuration).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(prometheus);
        command.current_dir(files.path()).args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address={address}"));
        let mut prometheus = Running::start(&mut command);
        let sign = prometheus.first_of(&["ready to receive web requests", "level=error"]).await;
        assert!(sign.is_some_and(|line| line.contains("ready")), "{}", prometheus.said());
        let everything = Self { address, _prometheus: prometheus, _files: files };
        let deadline = Instant::now() + Duration::from_secs(60);
        // Range queries have a step of five seconds, and a rate needs two scrapes before each step.
        while everything.query("count_over_time(up[20s]) > 7").await.is_empty() {
            assert!(Instant::now() < deadline, "nothing was scraped");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        everything
    }

    /// The result of an instant query.
    pub async fn query(&self, expression: &str) -> Vec<Value> {
        query(&self.address, expression).await.unwrap()
    }
}

/// The exposition, with each counter of events higher by one at each scrape, and no status as expected.
fn rising(scrape: u32) -> String {
    let line = |line: &str| match line.rsplit_once(' ') {
        Some((series, _)) if series.starts_with("defender_http_status_expected{") => format!("{series} 0\n"),
        Some((series, value)) if series.starts_with("defender_host_events_total{") => {
            format!("{series} {}\n", value.parse::<f64>().unwrap() + f64::from(scrape))
        }
        _ => format!("{line}\n"),
    };
    GOLDEN.lines().chain(MONTH.lines()).map(line).collect()
}
