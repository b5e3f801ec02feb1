//! Shared texts of the dashboards: abbreviations of queries, colours, states, limits, links.

use defender_exporter::catalog::{Component, UpdateSource};
use defender_exporter::observation::Phase;

use super::grouping::own_labels;
use super::panel::{State, Step};

/// Writes the abbreviations of a query out: what is chosen above the dashboard, as matchers. A target of `/probe`
/// (`deploy/prometheus/probe.yml`) is no exporter: it has no verdicts, and would count as an unknown instance. Its instance is a URL, or
/// it has answered, but never as an exporter; a job whose other targets are such has none but targets.
pub fn expand(query: &str) -> String {
    let lines = query.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    [
        (
            "%up",
            r#"(up{%instance, job=~".*defender.*"} unless ignoring (version, revision, rustc) %probed unless on (job) (%probed unless on (job) %exporters))"#,
        ),
        (
            "%probed",
            "(last_over_time(defender_exporter_build_info{%instance}[$__range]) unless ignoring (version, revision, rustc) %exporters)",
        ),
        ("%exporters", "last_over_time(defender_config_last_reload_successful{%instance}[$__range])"),
        ("%endpoint", r#"%target, route=~"$route", component=~"$component", endpoint="$endpoint""#),
        // The control is no component of Defender.
        ("%component", r#"%route, component!="control", component=~"$component""#),
        ("%route", r#"%instance, route=~"$route""#),
        ("%instance", r#"%target, instance!~"https?://.+""#),
        ("%target", r#"job=~"$job", cluster=~"$cluster", $label=~"$site", instance=~"$instance""#),
    ]
    .into_iter()
    .fold(lines, |query, (short, long)| query.replace(short, long))
}

/// Whether a client that nobody configured gets through; where revocation isn't checked, pinning alone has to do. As
/// `route:defender_maps_connected:default` of the rules, which a Prometheus may not have loaded.
pub const MAPS: &str = r#"(defender_maps_connected{%route, ssl_options="3"}
    or ignoring (ssl_options) defender_maps_connected{%route, ssl_options="2"})"#;

/// The causes of bad endpoints. Excludes probes that fail without harm.
pub const BROKEN: &str = r#"(defender_probe_failure_reason{%component} and ignoring (phase, reason, state)
    defender_endpoint_state{%component, state="bad"} == 1)"#;

/// Endpoints of MAPS that fail a client, with phase and reason; an unknown revocation status is no failure of a probe.
pub const MAPS_BROKEN: &str = r#"(defender_probe_failure_reason{%route, component="maps"} or label_replace(label_replace(
    defender_tls_revocation_unknown_reason{%route, component="maps"}, "phase", "tls", "", ""), "reason", "revocation_unknown", "", ""))"#;

/// Reasons why MAPS is lost, each with the number of its endpoints, 0 if there is none, and with the labels of one of them.
pub fn counted(reasons: &str, broken: &str) -> String {
    let one = format!(
        "topk without (component, endpoint) (1, {broken}) * ignoring (component, endpoint) group_left () count without (component, endpoint) ({broken})"
    );
    format!(
        "({reasons} * ignoring (ssl_options, need, component, endpoint) group_left (component, endpoint) ({one}) or ignoring (component, endpoint) 0 * {reasons})"
    )
}

/// Where MAPS is lost since revocation can't be checked, and not since a device inspects TLS, which makes the revocation unknown too.
pub const LOST_UNCHECKED: &str = r#"(defender_maps_disconnected_reason{%route, reason="revocation_unknown"}
    unless ignoring (ssl_options, need, phase, reason) defender_maps_disconnected_reason{%route, reason="intercepted"})"#;

/// Update sources with which alone a client can stay current: a cache only has what another source names.
pub const SUFFICIENT: &str = r#"defender_update_source_available{%route, source!="connected_cache"}"#;

/// Selects exporters, with the alerts' criterion.
pub const UP: &str = "%up";

/// Exporters that can't be scraped: nothing is known of what they probe.
pub const DOWN: &str = "(%up == 0)";

/// What a query tells by place, and a value for each exporter of which it tells nothing: -2 if it is down, which comes first, -1 if
/// it has no result; or -1 alone if there is no exporter. `more` are the labels that the query's series have and an exporter has not.
/// A table of several queries that are all empty would show its headers and no text.
pub fn or_unknown(query: &str, more: &[&str]) -> String {
    format!("({query}) or ignoring ({}) ({UP} - 2) or on () vector(-1)", more.join(", "))
}

/// The same as ranks, the worst first: 0 what is lost, 1 an exporter that is down, 2 one without a result, 3 what works.
pub fn ranked(query: &str, more: &[&str]) -> String {
    // Otherwise the table would lose its column of routes where all exporters are down.
    let down = format!(r#"label_replace({UP} + 1, "route", "–", "", "")"#);
    format!("3 * ({query}) or ignoring ({}) {down} or on () vector(2)", more.join(", "))
}

/// Adds to a query over time -2 for as long as an exporter is down: without it, a timeline would have a hole. `of` makes of a series what
/// is shown of it, and `more` are the labels that this has and an exporter has not.
pub fn or_down(query: &str, series: &str, of: impl Fn(&str) -> String, more: &[&str]) -> String {
    format!("{query} or {} - 2", gone(series, of, more))
}

/// 0 for each series of an exporter that has gone down since.
pub fn gone(series: &str, of: impl Fn(&str) -> String, more: &[&str]) -> String {
    let before = of(&format!("last_over_time({series}[$__range])"));
    format!("(0 * {before} and ignoring ({}) {DOWN})", more.join(", "))
}

/// The states of the worst of several instances over time, see `worst_over_time`, with these words.
pub const fn of_worst_over_time<'a>(lost: &'a str, good: &'a str) -> [State<'a>; 5] {
    [
        (1, lost, BAD),
        (11, lost, BAD),
        (2, good, GOOD),
        (12, "Partly unknown", UNKNOWN),
        (10, "Exporter down", UNKNOWN),
    ]
}

/// The worst of several instances over time, of a series that is 0 or 1: higher by 1, and by 10 while an exporter that had the series is down.
/// `of` aggregates the series.
pub fn worst_over_time(series: &str, of: impl Fn(&str) -> String) -> String {
    let gone = format!("last_over_time({series}[$__range]) and ignoring ({}) {DOWN}", own_labels(series));
    format!(
        r#"sum without (what) (label_replace({} + 1, "what", "now", "", "") or label_replace(0 * {} + 10, "what", "gone", "", ""))"#,
        of(series),
        of(&gone)
    )
}

/// The ten lines with the highest or the lowest values in the time shown, so that the legend can be read. The ten at each moment could
/// be all in turn.
pub fn ten(query: &str, highest: bool) -> String {
    let (ten, value) = if highest { ("topk", "max_over_time") } else { ("bottomk", "min_over_time") };
    format!("({query}) and {ten}(10, {value}(({query})[$__range:] @ end()))")
}

/// Adds -1 to a query over time for as long as what has these states gave no answer, with the same labels: the timeline would end. The
/// states are of this series, which is there whenever a probe ran.
pub fn or_silent(query: &str, probed: &str) -> String {
    format!("{query} or 0 * {probed} - 1")
}

/// What stands in tables for a share of the time where the exporter is down, since a good past says nothing of now: behind all shares.
pub const SHARE_UNKNOWN: i64 = 2;
/// Its word.
pub const UNKNOWN_SHARE_STATE: State<'_> = (SHARE_UNKNOWN, "Unknown", UNKNOWN);
/// The same for bars: below all shares, so that there is no bar. A full one would look like a share of all.
pub const NO_BAR: i64 = -1;
/// Its word.
pub const NO_BAR_STATE: State<'_> = (NO_BAR, "Unknown", UNKNOWN);

/// The share of the time with a result in which this was 1.
pub fn share(series: &str) -> String {
    format!("avg_over_time({series}[$__range])")
}

/// The share of the time shown without a result, where `labels` are those that its series have and an exporter has not.
pub fn unknown_share(series: &str, labels: &str) -> String {
    format!(
        "clamp_min(1 - count_over_time({series}[$__range]) / ignoring ({labels}) group_left () count_over_time(up{{%instance}}[$__range]), 0)"
    )
}

/// A share with the label `unknown`, which says how much of the time has no result, from one in a hundred on. Both have the same labels.
pub fn with_unknown_share(share: &str, unknown: &str) -> String {
    let percent = format!(r#"count_values without () ("n", round(100 * {unknown}) > 0)"#);
    let said = format!(r#"label_replace({percent}, "unknown", ", $1 % of the time unknown", "n", "(.+)")"#);
    format!("({share} * ignoring (n, unknown) group_left (unknown) {said} or ignoring (unknown) {share})")
}

// These differ for every kind of colour blindness, in brightness too; a word stands beside each.

/// What works.
pub const GOOD: &str = "semi-dark-blue";
/// What is odd, and no loss.
pub const ODD: &str = "yellow";
/// What is lost in part, for example via one of two routes.
pub const PARTLY: &str = "#f7b57c";
/// What is lost.
pub const BAD: &str = "#c75000";
/// What isn't known.
pub const UNKNOWN: &str = "#6e7079";

/// Colours of phases: none that means a loss.
pub const PHASES: &[(Phase, &str)] = &[
    (Phase::Resolve, "#56a3d9"),
    (Phase::Failover, "#8e9196"),
    (Phase::Connect, "#2f7486"),
    (Phase::Tunnel, "#c774ac"),
    (Phase::Tls, "#1f60c4"),
    (Phase::Request, "#8a63b8"),
    (Phase::Transfer, "#5b7f3b"),
];

/// Colours of Defender's components, in their order: none that means a loss.
pub const COMPONENTS: [&str; Component::ALL.len() - 1] = [
    "#1f60c4", "#56a3d9", "#2f7486", "#3d4f6b", "#94b84f", "#b39bd6", "#8a63b8", "#c774ac", "#8e9196",
    "#5b7f3b", "#9c3d7d", "#4d4d9f", "#7a6a53",
];

/// Colours of lines that are each other's context, such as percentiles.
pub const LINES: [&str; 3] = ["#56a3d9", "#1f60c4", "#8a63b8"];

/// The state of what an exporter that is down would tell.
pub const DOWN_STATE: State<'_> = (-2, "Exporter down", UNKNOWN);
/// What stands for a list or feed that the last attempt fetched.
pub const FETCHED: &str = "Fetched";
/// The same where what serves it is lost since: the next attempt fails, and it must not look as if all were well.
pub const LOST_SINCE: &str = "Fetched, lost since";
/// The state of a probe without the answer that a panel is about.
pub const NO_ANSWER: State<'_> = (-1, "No answer", UNKNOWN);
/// States of the worst of several instances: see `tiles::by_instance`.
pub const fn of_worst<'a>(lost: &'a str, partly: &'a str, good: &'a str) -> [State<'a>; 8] {
    [
        (9, lost, BAD),
        (10, lost, BAD),
        (6, partly, PARTLY),
        (7, partly, PARTLY),
        (3, good, GOOD),
        (4, "Partly unknown", UNKNOWN),
        (0, "Exporter down", UNKNOWN),
        (1, "No result", UNKNOWN),
    ]
}
/// States of what the routes of an instance have in common: see `tiles::common`.
pub const COMMON: &[State<'_>] = &[
    (0, "Lost", BAD),
    (1, "Partly lost", PARTLY),
    (2, "Connected", GOOD),
    (-2, "Exporter down", UNKNOWN),
    (-1, "No result", UNKNOWN),
];
/// The same as ranks, the worst first.
pub const COMMON_RANKS: &[State<'_>] = &[
    (0, "Lost", BAD),
    (1, "Exporter down", UNKNOWN),
    (2, "Partly lost", PARTLY),
    (3, "No result", UNKNOWN),
    (4, "Connected", GOOD),
];
/// States of what works or doesn't.
pub const CONNECTED: &[State<'_>] =
    &[(0, "Lost", BAD), (1, "Connected", GOOD), DOWN_STATE, (-1, "No result", UNKNOWN)];
/// States of what the routes of an instance have in common, as ranks.
pub const AVAILABLE_IN_COMMON: &[State<'_>] = &[
    (0, "Lost", BAD),
    (1, "Outdated", BAD),
    (2, "Exporter down", UNKNOWN),
    (3, "Partly lost", PARTLY),
    (4, "No result", UNKNOWN),
    (6, "Available", GOOD),
];
/// States of MAPS as ranks: see `ranked`.
pub const CONNECTED_RANKS: &[State<'_>] =
    &[(0, "Lost", BAD), (1, "Exporter down", UNKNOWN), (2, "No result", UNKNOWN), (3, "Connected", GOOD)];
/// States of endpoints as ranks: see `ranked`.
pub const REACHABLE_RANKS: &[State<'_>] =
    &[(0, "Failing", BAD), (1, "Exporter down", UNKNOWN), (2, "No result", UNKNOWN), (3, "Reachable", GOOD)];
/// States of endpoints.
pub const REACHABLE: &[State<'_>] = &[
    (0, "Failing", BAD),
    (1, "Reachable", GOOD),
    (-2, "Exporter down", UNKNOWN),
    (-1, "No result", UNKNOWN),
];

/// The values of the registry value SSLOptions, and what a client with each checks. The first is the default, and what counts.
pub const SSL_OPTIONS: [(&str, &str); 4] = [
    ("3", "SSLOptions 3: all checked (default)"),
    ("2", "SSLOptions 2: pinning alone"),
    ("1", "SSLOptions 1: revocation alone"),
    ("0", "SSLOptions 0: nothing checked"),
];

/// Days until signatures turn stale, from which on a ticket and a page are due: DefenderStaleSignatureRisk.
pub const STALE_SOON: f64 = 4.0;
pub const STALE_NOW: f64 = 1.0;
/// Until signatures turn stale, in days.
pub const STALE: &[Step<'_>] = &[(None, BAD), (Some(STALE_NOW), ODD), (Some(STALE_SOON), GOOD)];
/// Until a certificate expires, in days: DefenderCertificateExpiringSoon.
pub const EXPIRES_SOON: f64 = 14.0;
pub const CERTIFICATE: &[Step<'_>] = &[(None, ODD), (Some(EXPIRES_SOON), GOOD)];
/// Until a revocation list runs out, in days: DefenderCrlExpiring.
pub const LIST: &[Step<'_>] = &[(None, ODD), (Some(1.0), GOOD)];
/// The age of published signatures, in days: DefenderPublishedFeedStale.
pub const PUBLISHED: &[Step<'_>] = &[(None, GOOD), (Some(2.0), ODD)];
/// The age of installed signatures, in days: DefenderSignaturesStale.
pub const INSTALLED: &[Step<'_>] = &[(None, GOOD), (Some(7.0), ODD)];
/// The share of time in which something works: under a half is broken in most alerts.
pub const SHARE: &[Step<'_>] = &[(None, BAD), (Some(0.5), ODD), (Some(1.0), GOOD)];
/// The share of probes that failed: the same from the other side. Less than one in a hundred is none.
pub const FAILED: &[Step<'_>] = &[(None, GOOD), (Some(0.01), ODD), (Some(0.5), BAD)];
/// The share of time with a result in which something works, where much has no result.
pub const SHARE_PARTLY_KNOWN: &[Step<'_>] = &[(None, BAD), (Some(0.5), ODD), (Some(1.0), UNKNOWN)];
/// Probe intervals since the newest result: DefenderProbesStalled.
pub const STALLED: f64 = 3.0;
/// How many are wrong: none is good, and less isn't known.
pub const NO_BAD: &[Step<'_>] = &[(None, UNKNOWN), (Some(0.0), GOOD), (Some(1.0), BAD)];
/// How many are wrong, where not all are known: none is no good news.
pub const NO_BAD_KNOWN: &[Step<'_>] = &[(None, UNKNOWN), (Some(1.0), BAD)];
/// How many are odd, likewise.
pub const NO_ODD_KNOWN: &[Step<'_>] = &[(None, UNKNOWN), (Some(1.0), ODD)];
/// How many are lost in part: none is good, and less isn't known.
pub const NO_PARTLY: &[Step<'_>] = &[(None, UNKNOWN), (Some(0.0), GOOD), (Some(1.0), PARTLY)];
/// The same where not all are known.
pub const NO_PARTLY_KNOWN: &[Step<'_>] = &[(None, UNKNOWN), (Some(1.0), PARTLY)];
/// How many are odd: none is good, and less isn't known.
pub const NO_ODD: &[Step<'_>] = &[(None, UNKNOWN), (Some(0.0), GOOD), (Some(1.0), ODD)];

/// The alerts whose limits these are, and how many seconds or else units one of ours has.
#[cfg(test)]
pub const OF_ALERTS: &[(&str, &[Step<'_>], f64)] = &[
    ("DefenderStaleSignatureRisk", STALE, 86400.0),
    ("endpoint:defender_tls_chain_not_after_timestamp_seconds:expiring", CERTIFICATE, 86400.0),
    ("DefenderCrlExpiring", LIST, 86400.0),
    ("DefenderPublishedFeedStale", PUBLISHED, 86400.0),
    ("DefenderSignaturesStale", INSTALLED, 86400.0),
    ("component_route:defender_endpoint_state:bad", SHARE, 1.0),
    ("DefenderProbesStalled", &[(None, GOOD), (Some(STALLED), BAD)], 1.0),
];

/// The name of each component for people, with the code that configuration and labels have.
pub fn components() -> Vec<(&'static str, String)> {
    Component::ALL.iter().map(|component| (component.as_str(), name_of(*component))).collect()
}

/// The name of each update source: that of its component.
pub fn sources() -> Vec<(&'static str, String)> {
    UpdateSource::ALL.iter().map(|source| (source.as_str(), name_of(source.component()))).collect()
}

fn name_of(component: Component) -> String {
    named(component.title(), component.as_str())
}

fn named(title: &str, code: &str) -> String {
    let says = title.to_lowercase().contains(code);
    if says { title.to_owned() } else { format!("{title} ({code})") }
}

/// Adds the label `name` to series that have the label `from`: its value in words.
pub fn with_names(query: &str, from: &str, names: &[(&str, String)]) -> String {
    names.iter().fold(query.to_owned(), |query, (value, name)| {
        format!(r#"label_replace({query}, "name", "{name}", "{from}", "{value}")"#)
    })
}

/// Adds the label `page` to series of exporters whose instance is an address: only their own page can be linked to.
pub fn with_page(query: &str) -> String {
    format!(r#"label_replace({query}, "page", "Open", "instance", "[^ /]+:\\d+")"#)
}

/// Adds the label `lines`: the endpoint with line breaks, since browsers don't break a URL after a slash.
pub fn with_lines(query: &str) -> String {
    let of = |query: &str, lines: &str, endpoints: &str| {
        format!(r#"label_replace({query}, "lines", "{lines}", "endpoint", "{endpoints}")"#)
    };
    let whole = of(query, "$1", "(.*)");
    let three = of(&whole, r"$1\n$2\n$3", "(https?://[^/]+/)(.{8,38}/)(.{8,})");
    let two = of(&three, r"$1\n$2", "(https?://[^/]+/)(.{12,38})");
    let short = of(&two, r"$1\n$2", "(https?://[^/]{28,}/)(.{4,11})");
    of(&short, r"$1\n$2\n$3\n$4", "(https?://[^/]+/)([^?]{8,38})([?][^=]{8,}=)(.{8,})")
}

/// The exporter's own page, filtered to what a row is about; `scheme` is a hidden variable.
pub const PAGE: &str =
    "${scheme}://${__data.fields.instance}/?q=${__data.fields.endpoint:percentencode}#endpoints";

/// The same where the endpoint is the chosen one.
pub const PAGE_HERE: &str = "${scheme}://${__data.fields.instance}/?q=${endpoint:percentencode}#endpoints";

/// The dashboard of a row's endpoint.
pub const TO_ENDPOINT: &str = "/d/defender-endpoint?${datasource:queryparam}&${job:queryparam}&${label:queryparam}\
    &var-cluster=${__data.fields.of_cluster:percentencode}&var-site=${__data.fields.of_site:percentencode}\
    &var-instance=${__data.fields.instance:percentencode}&var-component=${__data.fields.component}\
    &var-route=${__data.fields.route:percentencode}&var-endpoint=${__data.fields.endpoint:percentencode}\
    &${__url_time_range}";

/// The dashboard of a row's endpoint at all that is chosen.
pub const TO_ENDPOINT_ANYWHERE: &str = "/d/defender-endpoint?${datasource:queryparam}&${job:queryparam}&${label:queryparam}\
    &${cluster:queryparam}&${site:queryparam}&${instance:queryparam}&var-component=${__data.fields.component}\
    &${route:queryparam}&var-endpoint=${__data.fields.endpoint:percentencode}&${__url_time_range}";

/// The overview of a row's instance.
pub const TO_OVERVIEW: &str = "/d/defender-overview?${datasource:queryparam}&${job:queryparam}&${label:queryparam}\
    &var-cluster=${__data.fields.of_cluster:percentencode}&var-site=${__data.fields.of_site:percentencode}\
    &var-instance=${__data.fields.instance:percentencode}&${__url_time_range}";
