//! The peer: Debian's blackbox_exporter, if installed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::process::{Running, free_port};
use crate::scrape::{self, Wanted};

const PROGRAM: &str = "prometheus-blackbox-exporter";

/// A running blackbox_exporter.
pub struct Peer {
    /// Its process.
    pub process: Running,
    /// Where it serves.
    pub address: SocketAddr,
}

impl Peer {
    /// Starts it; none where it isn't installed.
    pub fn start(folder: &Path) -> Option<Self> {
        Command::new(PROGRAM).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
        let root = folder.join("root.pem").display().to_string();
        let http = format!(
            "{{ preferred_ip_protocol: ip4, follow_redirects: false, enable_http2: false, tls_config: {{ ca_file: \"{root}\" }} }}"
        );
        let config = folder.join("blackbox.yaml");
        std::fs::write(
            &config,
            format!("modules: {{ tls: {{ prober: http, timeout: 5s, http: {http} }} }}\n"),
        )
        .unwrap();
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let process = Running::start(
            Command::new(PROGRAM)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--web.listen-address={address}"))
                .arg("--log.level=error"),
        );
        Some(Self { process, address })
    }

    /// Waits until it answers.
    pub async fn ready(&self) {
        while scrape::get(self.address, "/-/healthy", Wanted::Text).await.is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// So many probes of the path `/0`, so many at once, over connections that stay; its CPU time and the wall time.
    pub async fn tight(&self, target: &str, count: usize, concurrency: usize) -> (f64, f64) {
        let url = format!("http://{}/probe?module=tls&target=https://{target}/0", self.address);
        let (client, next) = (crate::lab::client(), Arc::new(AtomicUsize::new(0)));
        let (cpu, start) = (self.process.cpu(), Instant::now());
        let workers = (0..concurrency).map(|_| {
            let (client, next, url) = (client.clone(), Arc::clone(&next), url.clone());
            tokio::spawn(async move {
                while next.fetch_add(1, Ordering::Relaxed) < count {
                    let text = client.get(&url).send().await.unwrap().text().await.unwrap();
                    assert!(text.contains("\nprobe_success 1"), "{text}");
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            worker.await.unwrap();
        }
        (self.process.cpu() - cpu, start.elapsed().as_secs_f64())
    }
}
