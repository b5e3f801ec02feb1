//! Targets of `/probe`, which Prometheus probes one by one (`deploy/prometheus/probe.yml`): no exporters, and no part of the other panels.

use crate::dashboards::panel::Panel;
use crate::dashboards::remedies::explained;
use crate::dashboards::words::{BAD, GOOD, TO_ENDPOINT, UNKNOWN, UP, components};

pub fn targets() -> Panel {
    const OWN: &str = "component, endpoint, route, phase, reason";
    // A target that is refused has no result of its own.
    let scraped = format!(r#"(up{{%target, job=~".*defender.*"}} unless {UP})"#);
    let of = |series: &str| format!("({series} and ignoring ({OWN}) {scraped})");
    let failing = explained(&of(
        "defender_probe_failure_reason{%target, component=~\"$component\", route=~\"$route\"}",
    ));
    let known = of("defender_probe_success{%target, component=~\"$component\", route=~\"$route\"}");
    let refused = format!(
        r#"label_replace(label_replace({scraped} == 0, "why", "Not probed", "", ""), "change", "Request the target from the exporter's /probe: the answer says why. If nothing answers, start the exporter.", "", "")"#
    );
    Panel::table(
        "Targets of /probe",
        "Each target that Prometheus probes via /probe, one scrape each, as in deploy/prometheus/probe.yml; the tiles and tables above don't count them. Not probed: the exporter is down, busy, or doesn't know the target. Such a target has no component.",
    )
    .linked_rows(&format!(
        "0 * {failing} or ignoring (phase, reason, code, why, change) 3 * {known} or {refused} + 1
            or ignoring (component, endpoint, route) 0 * {scraped} + 2 unless ignoring (component, endpoint, route) {known} unless {scraped} == 0"
    ))
    .columns(&[
        ("Value", "Now"),
        ("change", "What to change"),
        ("why", "Why"),
        ("component", "Component"),
        ("route", "Route"),
        ("place", "Target"),
        ("endpoint", "URL"),
    ])
    .hidden("URL")
    .state_column(
        "Now",
        105,
        &[(0, "Failing", BAD), (1, "Not probed", UNKNOWN), (2, "No result", UNKNOWN), (3, "Reachable", GOOD)],
    )
    .wrapped("What to change", None)
    .wrapped("Why", Some(195))
    .width("Component", 210)
    .names("Component", &components())
    .width("Route", 115)
    .wrapped("Target", Some(330))
    .links("Target", &[("This endpoint over time", TO_ENDPOINT)])
    .sorted(&[("Now", false), ("Target", false), ("Route", false), ("Why", false)])
    .no_value("No target of /probe is selected")
}
