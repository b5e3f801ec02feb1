//! Shared texts of the dashboards: abbreviations of queries, states with colours, limits, and the exporter's advice
//! as Grafana's value mappings.

use defender_exporter::advice;
use defender_exporter::catalog::Component;
use defender_exporter::observation::{FAILURE_PAIRS, FailureReason, Phase};
use serde_json::{Value, json};

use super::panel::{State, Step};

/// Writes the abbreviations of a query out: what is chosen above the dashboard, as matchers.
pub fn expand(query: &str) -> String {
    let lines = query.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    [
        ("%endpoint", r#"%component, endpoint="$endpoint""#),
        ("%component", r#"%route, component=~"$component""#),
        ("%route", r#"%instance, route=~"$route""#),
        ("%instance", r#"job=~"$job", instance=~"$instance""#),
    ]
    .into_iter()
    .fold(lines, |query, (short, long)| query.replace(short, long))
}

/// Whether a client that nobody configured gets through; where revocation isn't checked, pinning alone has to do. As
/// `route:defender_maps_connected:default` of the rules, which a Prometheus may not have loaded.
pub const MAPS: &str = r#"(defender_maps_connected{%route, ssl_options="3"}
    or on (job, instance, route) defender_maps_connected{%route, ssl_options="2"})"#;

/// The causes of bad endpoints. Excludes probes that fail without harm.
pub const BROKEN: &str = r#"(defender_probe_failure_reason{%component} and on (job, instance, component, endpoint, route)
    defender_endpoint_state{%component, state="bad"} == 1)"#;

/// Selects exporters, with the alerts' criterion.
pub const UP: &str = r#"up{%instance, job=~".*defender.*"}"#;

/// Alerts that fire, of what is chosen; some have no instance.
pub const FIRING: &str =
    r#"ALERTS{alertname=~"Defender.*", alertstate="firing", job=~"$job|", instance=~"$instance|"}"#;

/// States of what works or doesn't.
pub const CONNECTED: &[State<'_>] = &[(0, "Lost", "red"), (1, "Connected", "green")];
/// States of components and sources.
pub const AVAILABLE: &[State<'_>] = &[(0, "Lost", "red"), (1, "Available", "green")];
/// States of endpoints.
pub const REACHABLE: &[State<'_>] = &[(0, "Failing", "red"), (1, "Reachable", "green")];
/// States of what can be fetched.
pub const FETCHED: &[State<'_>] = &[(0, "Failed", "red"), (1, "Fetched", "green")];

const DAY: f64 = 86400.0;

/// Until signatures turn stale: DefenderStaleSignatureRisk.
pub const STALE: &[Step<'_>] = &[(None, "red"), (Some(DAY), "orange"), (Some(4.0 * DAY), "green")];
/// Until a certificate expires: DefenderCertificateExpiringSoon.
pub const CERTIFICATE: &[Step<'_>] = &[(None, "orange"), (Some(14.0 * DAY), "green")];
/// Until a revocation list runs out: DefenderCrlExpiring.
pub const LIST: &[Step<'_>] = &[(None, "orange"), (Some(DAY), "green")];
/// The age of published signatures: DefenderPublishedFeedStale.
pub const PUBLISHED: &[Step<'_>] = &[(None, "green"), (Some(2.0 * DAY), "orange")];
/// The age of installed signatures: DefenderSignaturesStale.
pub const INSTALLED: &[Step<'_>] = &[(None, "green"), (Some(7.0 * DAY), "orange")];
/// The share of time in which something works: under a half is broken in most alerts.
pub const SHARE: &[Step<'_>] = &[(None, "red"), (Some(0.5), "orange"), (Some(1.0), "green")];
/// Probe intervals since the newest result: DefenderProbesStalled.
pub const INTERVALS: &[Step<'_>] = &[(None, "green"), (Some(3.0), "red")];
/// How many are wrong: none is good.
pub const NONE: &[Step<'_>] = &[(None, "green"), (Some(1.0), "red")];
/// How many are odd: none is good.
pub const ODD: &[Step<'_>] = &[(None, "green"), (Some(1.0), "orange")];

/// The alerts whose limits these are.
#[cfg(test)]
pub const OF_ALERTS: &[(&str, &[Step<'_>])] = &[
    ("DefenderStaleSignatureRisk", STALE),
    ("DefenderCertificateExpiringSoon", CERTIFICATE),
    ("DefenderCrlExpiring", LIST),
    ("DefenderPublishedFeedStale", PUBLISHED),
    ("DefenderSignaturesStale", INSTALLED),
    ("DefenderEndpointsFailing", SHARE),
    ("DefenderProbesStalled", INTERVALS),
];

/// The exporter's own page, filtered to what a row is about; `scheme` is a hidden variable.
pub const PAGE: &str =
    "${scheme}://${__data.fields.instance}/?q=${__data.fields.endpoint:percentencode}#endpoints";

/// The same where the endpoint is the chosen one.
pub const PAGE_HERE: &str = "${scheme}://${__data.fields.instance}/?q=${endpoint:percentencode}#endpoints";

/// The dashboard of a row's endpoint.
pub const TO_ENDPOINT: &str = "/d/defender-endpoint?${datasource:queryparam}&${job:queryparam}\
    &var-instance=${__data.fields.instance:percentencode}&var-component=${__data.fields.component}\
    &var-route=${__data.fields.route:percentencode}&var-endpoint=${__data.fields.endpoint:percentencode}\
    &${__url_time_range}";

/// The overview of a row's instance.
pub const TO_OVERVIEW: &str = "/d/defender-overview?${datasource:queryparam}&${job:queryparam}\
    &var-instance=${__data.fields.instance:percentencode}&${__url_time_range}";

/// Every phase and reason that a failure can have; the last is why clients lose MAPS although probes succeed.
fn pairs() -> impl Iterator<Item = (Phase, FailureReason)> {
    FAILURE_PAIRS.iter().copied().chain([(Phase::Tls, FailureReason::RevocationUnknown)])
}

fn as_mappings(words: impl Iterator<Item = (String, String)>) -> Value {
    let options = words.map(|(code, text)| (code, json!({ "text": text })));
    json!([{ "type": "value", "options": options.collect::<Value>() }])
}

/// What a code such as `tls.expired` means, in a line.
pub fn meanings() -> Value {
    as_mappings(
        pairs()
            .map(|(phase, reason)| (format!("{phase}.{reason}"), advice::for_failure(phase, reason).title)),
    )
}

/// What to change for a code; `submission.tls.intercepted` where sample storage differs.
pub fn remedies() -> Value {
    let first = |advice: advice::Advice| advice.remedies.into_iter().next();
    let found = pairs().flat_map(move |(phase, reason)| {
        let general = first(advice::for_failure(phase, reason));
        let own = first(advice::for_component(Component::Submission, phase, reason));
        let code = format!("{phase}.{reason}");
        let of_submission = own.filter(|own| Some(own) != general.as_ref());
        let submission = of_submission.map(|text| (format!("submission.{code}"), text));
        general.map(|text| (code, text)).into_iter().chain(submission)
    });
    as_mappings(found)
}

/// Whether sample storage has a remedy of its own.
fn differs(phase: Phase, reason: FailureReason) -> bool {
    let first = |advice: advice::Advice| advice.remedies.into_iter().next();
    first(advice::for_failure(phase, reason))
        != first(advice::for_component(Component::Submission, phase, reason))
}

/// Adds the labels `code` and `change`, which select the texts above, to series with phase and reason.
pub fn explained(query: &str) -> String {
    format!(
        r#"label_join(label_join({query}, "code", ".", "phase", "reason"), "change", ".", "phase", "reason")"#
    )
}

/// The same for series with a component.
pub fn explained_by_component(query: &str) -> String {
    let own = pairs().filter(|(phase, reason)| differs(*phase, *reason));
    let own: Vec<String> = own.map(|(phase, reason)| format!("{phase}[.]{reason}")).collect();
    let joined = format!(r#"label_join({}, "of", ".", "component", "phase", "reason")"#, explained(query));
    format!(r#"label_replace({joined}, "change", "$1", "of", "(submission[.](?:{}))")"#, own.join("|"))
}
