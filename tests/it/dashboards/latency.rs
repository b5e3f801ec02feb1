//! Panels of the latency histogram: native buckets if Prometheus has them, else classic ones.

use serde_json::json;

use super::panel::Panel;

/// Keeps the component of the chosen endpoint: others are other services.
pub const OF_COMPONENT: &str =
    r#"and on (component) defender_endpoint_info{%target, component=~"$component", endpoint="$endpoint"}"#;

/// The rate of the histogram by these labels, from either kind of buckets, of these components. If Prometheus is configured to store both,
/// the native ones are used.
fn rates(matchers: &str, by: &str, of: &str) -> [String; 2] {
    let (native, classic) = match by {
        "" => (String::new(), "by (le) ".to_owned()),
        by => (format!("by ({by}) "), format!("by ({by}, le) ")),
    };
    [
        format!("sum {native}(rate(defender_probe_latency_seconds{{{matchers}}}[$__rate_interval]){of})"),
        format!(
            "sum {classic}(rate(defender_probe_latency_seconds_bucket{{{matchers}}}[$__rate_interval]){of})"
        ),
    ]
}

/// The 95th percentile of each phase.
pub fn phases() -> Panel {
    let [native, classic] = rates("%component", "phase", "");
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
    let [native, classic] = rates(r#"%component, phase=~"$phase""#, "", &format!(" {OF_COMPONENT}"));
    let panel = Panel::lines(
        "Percentiles of the phase $phase",
        "Median, 95th and 99th percentile of the selected phase, over all endpoints of the endpoint's component.",
    );
    let quantiles = [("median", "0.5"), ("95th", "0.95"), ("99th", "0.99")];
    let panel = quantiles.into_iter().fold(panel, |panel, (name, q)| {
        panel.over_time(
            name,
            &format!("histogram_quantile({q}, {native}) or histogram_quantile({q}, {classic})"),
        )
    });
    let panel = panel.of_counters().line_colors(&quantiles.map(|(name, _)| name));
    panel.unit("s").no_value("No probe completed in this time")
}

/// All durations of the chosen phases.
pub fn heatmap() -> Panel {
    let [native, classic] = rates(r#"%component, phase=~"$phase""#, "", &format!(" {OF_COMPONENT}"));
    Panel::heatmap(
        "Durations of the phase $phase",
        "Distribution of the selected phase's duration over all endpoints of the endpoint's component. Fine cells are native buckets; coarse cells are classic buckets, if Prometheus stores no native histograms.",
    )
    .buckets(&format!("{native} or on () {classic}"))
    .of_counters()
    .unit("s")
    .set("color", json!({ "mode": "palette-classic" }))
    .no_value("No probe completed in this time")
}
