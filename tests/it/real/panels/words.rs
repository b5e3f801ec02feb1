//! What tables say that a cause stops: Prometheus makes the words of numbers.

use serde_json::Value;

use super::golden::GoldenExposition;
use crate::dashboards::stops::{CODE_OF_DOWN, told};
use crate::dashboards::text;

/// What is lost (see `Stopped::coded`); for MAPS and for updates: lost via every route, routes, routes lost; the words and the rank.
type Case = (u32, [u32; 3], [u32; 3], &'static str, &'static str);

const CASES: &[Case] = &[
    (0, [0, 1, 0], [0, 1, 0], "Neither MAPS nor updates lost", "4"),
    (10, [0, 1, 0], [0, 1, 0], "MAPS lost with other SSLOptions", "3"),
    (20, [0, 1, 0], [0, 1, 0], "An update source lost, another works", "3"),
    (30, [0, 1, 0], [0, 1, 0], "An update source lost, another works", "3"),
    (1, [1, 1, 1], [0, 1, 0], "MAPS lost", "0"),
    (11, [1, 2, 2], [0, 2, 0], "MAPS lost via every route", "0"),
    (11, [0, 2, 1], [0, 2, 0], "MAPS lost via 1 of 2 routes", "2"),
    (21, [0, 12, 10], [0, 12, 0], "MAPS lost via 10 of 12 routes", "2"),
    (22, [0, 1, 0], [1, 1, 1], "Updates lost", "0"),
    (32, [0, 2, 0], [1, 2, 2], "Updates lost via every route", "0"),
    (22, [0, 2, 0], [0, 2, 1], "Updates lost via 1 of 2 routes", "2"),
    (23, [1, 1, 1], [1, 1, 1], "MAPS and updates lost", "0"),
    (33, [1, 2, 2], [1, 2, 2], "MAPS and updates lost via every route", "0"),
    (23, [0, 2, 1], [0, 2, 1], "MAPS lost via 1 of 2 routes, updates too", "2"),
    (33, [1, 2, 2], [0, 2, 1], "MAPS lost via every route, updates via some", "0"),
    (23, [0, 2, 1], [1, 2, 2], "Updates lost via every route, MAPS via some", "0"),
];

/// Checks the words of one number.
async fn check(prometheus: &GoldenExposition, code: u64, stops: &str, rank: &str) {
    let found = prometheus.query(&told(&format!("vector({code})"))).await;
    let label = |label: &str| found.first().map(|series: &Value| text(&series["metric"][label]).to_owned());
    assert_eq!((label("stops").as_deref(), label("rank").as_deref()), (Some(stops), Some(rank)), "{code}");
}

/// Checks all words.
pub async fn all(prometheus: &GoldenExposition) {
    let digits = |[every, routes, lost]: [u32; 3]| u64::from(10_000 * every + 100 * routes + lost);
    for (what, maps, updates, stops, rank) in CASES {
        let code = 1_000_000_000_000 + 10_000_000_000 * u64::from(*what);
        check(prometheus, code + 100_000 * digits(*maps) + digits(*updates), stops, rank).await;
    }
    check(prometheus, CODE_OF_DOWN.try_into().unwrap(), "Exporter down", "1").await;
}
