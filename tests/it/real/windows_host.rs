//! An exporter beside Defender on Windows: what a running exporter tells, and what the golden exposition has of such a machine.

use std::net::SocketAddr;
use std::time::SystemTime;

use axum::Router;
use axum::routing::get;

use crate::lab;

const GOLDEN: &str = include_str!("../../data/exposition/text.prom");
/// The moment of the golden exposition.
const ITS_NOW: u64 = 1_795_478_420;
/// What only a machine with Linux has.
const OF_LINUX: &[&str] =
    &["healthy", "definitions", "conflicting", "health_issues", "product", "connectivity"];

/// The machine updates from `microsoft_update` and `adl`; its configuration lists WSUS, `adl` and a share.
const DIFFERENCES: &str = r#"defender_host_update_source_difference_info{kind="unlisted",source="microsoft_update",origin="preference"} 1
defender_host_update_source_difference_info{kind="unused",source="internal_server",origin="preference"} 1
defender_host_update_source_difference_info{kind="unused",source="file_share",origin="preference"} 1
"#;

/// What the rules record of 30 days, which the pictures don't wait for.
const MONTH: &str = r#"route:defender_maps_connected:avg30d{route="direct"} 0.9987
source_route:defender_update_source_available:avg30d{source="adl",route="direct"} 1
source_route:defender_update_source_available:avg30d{source="internal_server",route="direct"} 0.9431
source_route:defender_update_source_available:avg30d{source="file_share",route="direct"} 0.45
"#;

/// Serves both as one, at the address that it returns, until the test's runtime ends.
pub async fn beside(exporter: String) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = lab::client();
    let answer = move || {
        let request = client.get(format!("http://{exporter}/metrics"));
        async move { request.send().await.unwrap().text().await.unwrap() + &of_host() + DIFFERENCES + MONTH }
    };
    let router = Router::new().route("/metrics", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The samples of the machine. Its moments are as long ago as in the golden exposition.
fn of_host() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let own = GOLDEN.lines().filter(|line| {
        let name = line.strip_prefix("defender_host_");
        let is_windows = name.is_some_and(|name| !OF_LINUX.iter().any(|word| name.starts_with(word)));
        (is_windows && !line.contains("_difference_")) || line.starts_with("defender_signatures_installed_")
    });
    let moved = |line: &str| {
        let (series, value) = line.rsplit_once(' ').unwrap();
        match value.parse::<u64>() {
            Ok(moment) if series.contains("_timestamp_seconds") => {
                format!("{series} {}\n", now - (ITS_NOW - moment))
            }
            _ => format!("{line}\n"),
        }
    };
    own.map(moved).collect()
}
