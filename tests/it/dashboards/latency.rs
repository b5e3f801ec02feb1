//! Panels of the latency histogram: from native buckets where Prometheus has them, else from the classic ones.

use serde_json::json;

use super::panel::Panel;

/// The rate of the histogram with these labels kept, whichever buckets there are. Prometheus has both only where it was told to keep
/// the classic ones too; then the native ones count.
fn rates(matchers: &str, by: &str) -> [String; 2] {
    let (native, classic) = match by {
        "" => (String::new(), "by (le) ".to_owned()),
        by => (format!("by ({by}) "), format!("by ({by}, le) ")),
    };
    [
        format!("sum {native}(rate(defender_probe_latency_seconds{{{matchers}}}[$__rate_interval]))"),
        format!("sum {classic}(rate(defender_probe_latency_seconds_bucket{{{matchers}}}[$__rate_interval]))"),
    ]
}

/// The 95th percentile of each phase.
pub fn phases() -> Panel {
    let [native, classic] = rates("%component", "phase");
    Panel::lines(
        "Phases, 95th percentile",
        "How long each phase of a probe took in all but the slowest twentieth: resolve is the name servers, connect the network, tunnel the proxy, tls an inspecting device, request and transfer a scanning proxy or the service. Failed phases count.",
    )
    .over_time(
        "{{phase}}",
        &format!("histogram_quantile(0.95, {native}) or histogram_quantile(0.95, {classic})"),
    )
    .of_counters()
    .unit("s")
    .no_value("No probe ended in this time")
}

/// Percentiles of the chosen phases together.
pub fn percentiles() -> Panel {
    let [native, classic] = rates(r#"%component, phase=~"$phase""#, "");
    let panel = Panel::lines(
        "Percentiles of the component's phases",
        "How long a chosen phase took at most in half, in 95 and in 99 of 100 cases, over all endpoints of the component.",
    );
    let quantiles = [("median", "0.5"), ("95th", "0.95"), ("99th", "0.99")];
    let panel = quantiles.into_iter().fold(panel, |panel, (name, q)| {
        panel.over_time(
            name,
            &format!("histogram_quantile({q}, {native}) or histogram_quantile({q}, {classic})"),
        )
    });
    panel.of_counters().unit("s").no_value("No probe ended in this time")
}

/// All durations of the chosen phases.
pub fn heatmap() -> Panel {
    let [native, classic] = rates(r#"%component, phase=~"$phase""#, "");
    Panel::heatmap(
        "Durations of the component's phases",
        "How many phases took how long, over all endpoints of the component: choose one phase to read it. Fine cells are native buckets, coarse ones the classic buckets of a Prometheus that keeps no native histograms.",
    )
    .buckets(&format!("{native} or on () {classic}"))
    .of_counters()
    .unit("s")
    .set("color", json!({ "mode": "palette-classic" }))
    .no_value("No probe ended in this time")
}
