//! `/probe`: one target on demand, in every format, within the scrape timeout, without effect on `/metrics`.

use std::time::{Duration, Instant};

use super::{Exporter, internet, samples, successes};
use crate::lab::client;
use crate::load::TEST_TIMEOUT;

const MAPS: &str = "https://wdcp.microsoft.com/";
const PROBES: &str = "defender_probes_total";

impl Exporter {
    /// Status, head and body of a probe on demand.
    async fn probe(
        &self,
        query: &str,
        headers: &[(&str, &str)],
    ) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
        let mut request = client().get(format!("http://{}/probe?{query}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let (status, head) = (answer.status().as_u16(), answer.headers().clone());
        (status, head, answer.bytes().await.unwrap().to_vec())
    }

    async fn probed(&self, query: &str) -> (u16, String) {
        let (status, _, body) = self.probe(query, &[]).await;
        (status, String::from_utf8(body).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_demand_probes_in_every_format() {
    let (_lab, file, all) = internet("interval: 1h").await;
    let exporter = Exporter::start(&file);
    exporter.until("a round", |metrics| successes(metrics) == all).await;
    let count = |metrics: &str| samples(metrics, PROBES).iter().map(|(_, count)| count).sum::<f64>();
    let before = exporter.get("/metrics").await.1;
    let (status, text) = exporter.probed(&format!("target={MAPS}&route=direct&component=maps")).await;
    assert_eq!(status, 200, "{text}");
    let success = samples(&text, "defender_probe_success");
    assert_eq!(
        success,
        [(
            "defender_probe_success{component=\"maps\",endpoint=\"https://wdcp.microsoft.com/\",route=\"direct\"}",
            1.0
        )]
    );
    assert!(text.contains("defender_exporter_build_info{"), "rules know an exporter by it: {text}");
    assert!(text.contains("phase=\"tls\"") && text.contains("defender_tls_revocation_status{"), "{text}");
    for absent in
        ["_total", "process_", "defender_component_available", "defender_config", "defender_probe_latency"]
    {
        assert!(!text.contains(absent), "{absent}: {text}");
    }
    for (accept, kind) in [
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            "application/vnd.google.protobuf",
        ),
    ] {
        let (status, head, body) = exporter.probe(&format!("target={MAPS}"), &[("accept", accept)]).await;
        assert_eq!(status, 200);
        assert!(head["content-type"].to_str().unwrap().starts_with(kind) && !body.is_empty());
    }
    let after = exporter.get("/metrics").await.1;
    assert_eq!(count(&before).to_bits(), count(&after).to_bits(), "the background has probed nothing more");
    assert!(!exporter.log().iter().any(|line| line.contains("msg=\"endpoint")), "{:#?}", exporter.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_planned_can_be_probed() {
    let (lab, file, _) = internet("").await;
    let exporter = Exporter::start(&file);
    for (query, says) in [
        (String::new(), "target is missing"),
        (format!("target=http://{}/", lab.plain.addr()), "catalog --format urls"),
        ("target=http://169.254.169.254/latest/meta-data/".to_owned(), "catalog --format urls"),
        ("target=nonsense".to_owned(), "not a URL"),
        (format!("target={MAPS}&route=other"), "is not configured; configured routes: direct"),
        (format!("target={MAPS}&module=x"), "unknown parameter"),
    ] {
        let (status, said) = exporter.probed(&query).await;
        assert!(status == 400 && said.contains(says), "{query}: {status}: {said}");
    }
    let (status, _, _) =
        exporter.probe(&format!("target={MAPS}"), &[("x-prometheus-scrape-timeout-seconds", "soon")]).await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn scrape_timeout_and_probe_limit() {
    let (_lab, file, _) = internet("concurrency: 2").await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // accepts, and never answers
    let slow = "https://slow.example/";
    let there = format!("connect_to:\n  \"slow.example:443\": \"{}\"\n", silent.local_addr().unwrap());
    let base = std::fs::read_to_string(&file).unwrap().replace("connect_to:\n", &there);
    let components = "components: { maps: { interval: 1h } }";
    let add = format!("{components}\nendpoints: [{{ component: maps, url: '{slow}' }}]\n");
    std::fs::write(&file, add + &base).unwrap();
    let exporter = Exporter::start(&file);
    let query = format!("target={slow}");
    let timeout = |seconds| [("x-prometheus-scrape-timeout-seconds", seconds)];
    let (start, disturbance) = (Instant::now(), exporter.disturbance());
    let (two_seconds, nine_seconds) = (timeout("2"), timeout("9"));
    let (status, _, body) = exporter.probe(&query, &two_seconds).await;
    let (took, text) = (start.elapsed(), String::from_utf8(body).unwrap());
    let limit = Duration::from_secs(2) + disturbance.so_far();
    assert!(took >= Duration::from_millis(1400) && took < limit, "{took:?}, {disturbance}");
    assert!(status == 200 && text.contains("phase=\"tls\",reason=\"timeout\"} 1"), "{text}");

    // What was probed so far was accepted; those that come now take both places.
    silent.set_nonblocking(true).unwrap();
    let mut held: Vec<_> = std::iter::from_fn(|| silent.accept().ok()).collect();
    let before = held.len();
    let both =
        async { tokio::join!(exporter.probe(&query, &nine_seconds), exporter.probe(&query, &nine_seconds)) };
    let third = async {
        while held.len() < before + 2 {
            held.extend(std::iter::from_fn(|| silent.accept().ok()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        exporter.probe(&query, &nine_seconds).await
    };
    // Whoever hangs up frees the place.
    let refused = tokio::select! {
        _ = both => panic!("they hang for longer"),
        refused = third => refused,
    };
    assert_eq!((refused.0, &refused.1["retry-after"]), (503, &"1".parse().unwrap()));
    let deadline = Instant::now() + TEST_TIMEOUT;
    while exporter.probed(&format!("target={MAPS}")).await.0 != 200 {
        assert!(Instant::now() < deadline, "the places are never free again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
