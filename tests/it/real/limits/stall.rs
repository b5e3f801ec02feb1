//! The process is stopped for a while, like on a suspended machine or in a frozen container.

use std::time::{Duration, SystemTime};

use super::{all_succeed, internet};
use crate::exporter::{Exporter, endpoints, samples};
use crate::lab::dns::Answer;

/// Longer than any probe may take, and than what the schedule makes up for at once.
const STOPPED: Duration = Duration::from_secs(18);

fn sum(metrics: &str, name: &str) -> f64 {
    samples(metrics, name).iter().map(|(_, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_process_blames_no_network() {
    let (lab, file) = internet("interval: 6s\ntimeout: 5s").await;
    let origin = Answer::address(lab.tls.addr().ip());
    lab.dns.set("origin.lab", origin.after(Duration::from_millis(500))); // some probe is always under way
    let exporter = Exporter::start(&file);
    let before = exporter.until("success everywhere", all_succeed).await;
    assert!(sum(&before, "defender_probe_failures_total").abs() < 0.5, "{before}");

    let probes = sum(&before, "defender_probes_total");
    let before = exporter
        .until("the middle of a round", |metrics| sum(metrics, "defender_probes_total") > probes + 5.0)
        .await;
    exporter.signal("STOP");
    tokio::time::sleep(STOPPED).await;
    let disturbance = exporter.disturbance();
    exporter.signal("CONT");
    let woken = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let fresh = |metrics: &str| {
        samples(metrics, "defender_probe_last_timestamp_seconds").iter().all(|(_, at)| *at > woken)
    };
    let metrics = exporter.until("probes after the stop", fresh).await;

    assert!(all_succeed(&metrics));
    let failures = sum(&metrics, "defender_probe_failures_total");
    assert!(failures.abs() < 0.5, "{failures} failures that are none of the network");
    let long = sum(&metrics, "defender_probe_latency_seconds_sum")
        / sum(&metrics, "defender_probe_latency_seconds_count");
    let disturbed = disturbance.so_far().as_secs_f64();
    assert!(
        long < 0.5 + disturbed,
        "the stop counts as latency: {long} s on average, disturbed for {disturbed} s"
    );
    let slowest = samples(&metrics, "defender_probe_duration_seconds")
        .iter()
        .map(|(_, took)| *took)
        .fold(0.0, f64::max);
    assert!(slowest < 9.0, "{slowest} s: the stop counts as latency");
    let left_out =
        sum(&metrics, "defender_probe_overruns_total") - sum(&before, "defender_probe_overruns_total");
    #[allow(clippy::cast_precision_loss)]
    let all = endpoints().len() as f64;
    assert!(left_out >= all, "each target missed a turn, {left_out} are counted");
    assert!(left_out < 2.5 * all, "one turn and what was under way, {left_out} are counted");
    assert!(
        exporter.log().iter().any(|line| line.contains("process stalled, discarding")),
        "{:#?}",
        exporter.log()
    );
}
