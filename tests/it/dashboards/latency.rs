//! Panels of the latency histogram: native buckets if Prometheus has them, else classic ones.

use serde_json::json;

use super::panel::Panel;

/// The rate of the histogram by these labels, from either kind of buckets. If Prometheus is configured to store both, the native ones
/// are used.
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
        "95th percentile of each phase's duration, at all selected instances together. A slow phase points to: resolve: name servers; connect: network; tunnel: proxy; tls: inspecting device; request, transfer: scanning proxy or service. Failed phases count.",
    )
    .over_time(
        "{{phase}}",
        &format!("histogram_quantile(0.95, {native}) or histogram_quantile(0.95, {classic})"),
    )
    .of_counters()
    .by_phase()
    .unit("s")
    .no_value("No probe completed in this time")
}

/// Percentiles of the chosen phases together.
pub fn percentiles() -> Panel {
    let [native, classic] = rates(r#"%component, phase=~"$phase""#, "");
    let panel = Panel::lines(
        "Percentiles of the component's phases",
        "Median, 95th and 99th percentile of a selected phase, over all endpoints of the component.",
    );
    let quantiles = [("median", "0.5"), ("95th", "0.95"), ("99th", "0.99")];
    let panel = quantiles.into_iter().fold(panel, |panel, (name, q)| {
        panel.over_time(
            name,
            &format!("histogram_quantile({q}, {native}) or histogram_quantile({q}, {classic})"),
        )
    });
    panel.of_counters().unit("s").no_value("No probe completed in this time")
}

/// All durations of the chosen phases.
pub fn heatmap() -> Panel {
    let [native, classic] = rates(r#"%component, phase=~"$phase""#, "");
    Panel::heatmap(
        "Durations of the component's phases",
        "Distribution of phase durations over all endpoints of the component: select one phase. Fine cells are native buckets; coarse cells are classic buckets, if Prometheus stores no native histograms.",
    )
    .buckets(&format!("{native} or on () {classic}"))
    .of_counters()
    .unit("s")
    .set("color", json!({ "mode": "palette-classic" }))
    .no_value("No probe completed in this time")
}
