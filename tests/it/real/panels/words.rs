//! What tables say that a cause stops: Prometheus makes the words of numbers.

use serde_json::Value;

use super::golden::GoldenExposition;
use crate::dashboards::stops::{CODE_OF_DOWN, CODE_OF_VALIDATION, told, with_hosts};
use crate::dashboards::text;

/// What is lost (see `Stopped::coded`); for MAPS and for updates: lost via every route, routes, routes lost; the words and the rank.
type Case = (u32, [u32; 3], [u32; 3], &'static str, &'static str);

const CASES: &[Case] = &[
    (0, [0, 1, 0], [0, 1, 0], "Neither MAPS nor updates lost", "4"),
    (10, [0, 1, 0], [0, 1, 0], "MAPS lost with other SSLOptions", "3"),
    (20, [0, 1, 0], [0, 1, 0], "An update source lost, another works", "3"),
    (1020, [0, 1, 0], [0, 1, 0], "2 update sources lost, another works", "3"),
    (3030, [0, 2, 0], [0, 2, 1], "4 update sources lost, another works", "3"),
    (1022, [0, 1, 0], [1, 1, 1], "Updates lost", "0"),
    (1021, [0, 2, 1], [0, 2, 0], "MAPS lost via 1 of 2 routes", "2"),
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

/// How a single source that is lost is named, by labels of an endpoint that fails.
const NAMED: &[(&[(&str, &str)], &str)] = &[
    (
        &[("component", "wsus"), ("reason", "refused")],
        "Windows Server Update Services (WSUS) lost, another source works",
    ),
    (&[("component", "file_share"), ("reason", "refused")], "File share lost, another source works"),
    (&[("component", "file_share"), ("reason", "outdated")], "File share outdated, another source works"),
    (&[("component", "maps"), ("reason", "refused")], "An update source lost, another works"),
];

/// An endpoint, how many fail, and how they are named; a bar is where the name may break.
const HOSTS: &[(&str, &str, &str)] = &[
    ("https://wdcp.microsoft.com/", "1", "wdcp.microsoft.com"),
    ("https://wdcp.microsoft.com/", "30", "wdcp.microsoft.com (1 of 30)"),
    ("https://fe2.update.microsoft.com:8443/v6/", "2", "fe2.update.|microsoft.com (1 of 2)"),
    ("/srv/updates", "1", "/srv/updates"),
    ("", "–", "–"),
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
        let code = 11_000_000_000_000 + 10_000_000_000 * u64::from(*what);
        check(prometheus, code + 100_000 * digits(*maps) + digits(*updates), stops, rank).await;
    }
    check(prometheus, CODE_OF_DOWN.try_into().unwrap(), "Exporter down", "1").await;
    let validation = CODE_OF_VALIDATION.try_into().unwrap();
    check(prometheus, validation, "MAPS validation fails on this machine", "0").await;
    for (labels, words) in NAMED {
        let code = labels.iter().fold("vector(11200000010000)".to_owned(), |query, (label, value)| {
            format!(r#"label_replace({query}, "{label}", "{value}", "", "")"#)
        });
        let found = prometheus.query(&told(&code)).await;
        assert_eq!(text(&found[0]["metric"]["stops"]), *words, "{labels:?}");
    }
    for (endpoint, endpoints, named) in HOSTS {
        let row = format!(
            r#"label_replace(label_replace(vector(1), "endpoint", "{endpoint}", "", ""), "endpoints", "{endpoints}", "", "")"#
        );
        let found = prometheus.query(&with_hosts(&row)).await;
        assert_eq!(text(&found[0]["metric"]["named"]).replace('\u{200b}', "|"), *named, "{endpoint}");
    }
}
