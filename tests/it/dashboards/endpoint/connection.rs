//! An endpoint's names, addresses, proxy and TLS over time.

use serde_json::json;

use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{Panel, mappings};
use crate::dashboards::words::{
    BAD, DOWN, DOWN_STATE, EXPIRES_SOON, GOOD, LOST_UNCHECKED, NO_ANSWER, ODD, REACHABLE, or_down,
};

use super::NO_TLS;
use super::history::{SUCCESS, by_route, by_route_of_answers, once};

/// Probes that shake hands if they get that far.
const HTTPS: &str = r#"defender_probe_success{%endpoint, endpoint=~"https://.+"}"#;

pub fn tls_history() -> Panel {
    let is = |metric: &str, value: u8| format!("(defender_tls_{metric}{{%endpoint}} == {value})");
    // The worst first: an inspected chain is verified too.
    let state = format!(
        "(0 * {} or 0 * ({} and {SUCCESS} == 0) + 1 or 0 * {} + 5 or 0 * {} + 2 or 0 * {} + 3 or 0 * {} + 4)",
        is("verified", 0),
        is("intercepted", 1),
        is("intercepted", 1),
        is("unexpected_root", 1),
        is("chain_completed", 1),
        is("verified", 1),
    );
    let panel = Panel::timeline(
        "TLS over time",
        "What the presented chain is: not verified; inspected: it ends at a private root that this machine trusts, so a device inspects the connection, which only sample storage bears; unexpected root: a public root that isn't known of the service; completed: genuine, but the server left out an intermediate; genuine. Grey: no chain was presented, or the exporter was down.",
    );
    by_route_of_answers(panel, "min", &state, HTTPS)
        .states(&[
            (0, "Not verified", BAD),
            (1, "Inspected", BAD),
            (5, "Inspected, works", ODD),
            (2, "Unexpected root", ODD),
            (3, "Completed", GOOD),
            (4, "Genuine", GOOD),
            DOWN_STATE,
            NO_ANSWER,
        ])
        .no_value(NO_TLS)
}

pub fn revocation_history() -> Panel {
    let is =
        |status: &str| format!(r#"(defender_tls_revocation_status{{%endpoint, status="{status}"}} == 1)"#);
    let lost = format!(
        r#"(defender_tls_revocation_status{{%endpoint, component="maps", status="unknown"}} == 1
        and ignoring (component, endpoint, status, ssl_options, need, phase, reason) {LOST_UNCHECKED})"#
    );
    let state = format!("(0 * {} or 2 + {lost} or {} or 2 * {})", is("revoked"), is("unknown"), is("good"));
    let series = r#"defender_tls_revocation_status{%endpoint, status="good"}"#;
    let panel = Panel::timeline(
        "Revocation over time",
        "Revocation status of the chain; unchecked (status unknown) if revocation data can't be fetched, and of an inspected chain whose authority publishes none. MAPS lost: since revocation is unchecked, and not since a device inspects TLS. Grey: no chain was checked, or the exporter was down.",
    );
    // Nothing where revocation isn't checked at all.
    by_route_of_answers(panel, "min", &state, &once(series))
        .states(&[
            (0, "Revoked", BAD),
            (3, "Unchecked, MAPS lost", BAD),
            (1, "Unchecked", ODD),
            (2, "Good", GOOD),
            DOWN_STATE,
            NO_ANSWER,
        ])
        .no_value("No chain was checked in this time")
}

pub fn tls() -> Panel {
    Panel::table(
        "TLS of the last probe",
        "TLS version and cipher, issuer of the presented leaf, and root of the verified chain (empty if unverified). If revocation is unchecked, why. Last come exporters that are down.",
    )
    .rows(&format!(
        r#"(defender_tls_info{{%endpoint}} * ignoring (version, cipher, issuer, root, reason) group_left (reason)
        defender_tls_revocation_unknown_reason{{%endpoint}} or ignoring (reason) defender_tls_info{{%endpoint}}
        or label_replace(label_replace({DOWN}, "issuer", "Exporter down", "", ""), "route", "–", "", ""))"#
    ))
    .columns(&[
        ("issuer", "Issuer"),
        ("root", "Root"),
        ("reason", "Revocation unchecked"),
        ("version", "Version"),
        ("cipher", "Cipher"),
        ("route", "Route"),
        ("place", "Instance"),
    ])
    .width("Route", 100)
    .width("Version", 75)
    .width("Revocation unchecked", 105)
    .wrapped("Issuer", None)
    .wrapped("Root", Some(145))
    .width("Cipher", 310)
    .wrapped("Instance", Some(240))
    .sorted(&[("Instance", false), ("Route", false)])
    .no_value(NO_TLS)
}

pub fn expiry_history() -> Panel {
    Panel::lines(
        "Time until certificates expire",
        "For the presented leaf, and for the first certificate of the verified chain to expire, root included; the next of all selected instances and routes. The line matches DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left.",
    )
    .over_time("leaf", "min(defender_tls_leaf_not_after_timestamp_seconds{%endpoint} - time()) / 86400")
    .over_time("chain", "min(defender_tls_chain_not_after_timestamp_seconds{%endpoint} - time()) / 86400")
    .line_colors(&["leaf", "chain"])
    .days()
    .limit("14 days", EXPIRES_SOON, ODD, "defender_tls_leaf_not_after_timestamp_seconds{%endpoint}")
    .no_value("No certificate")
}

pub fn addresses() -> Panel {
    let counts = "defender_dns_addresses{%endpoint}";
    let of = |series: &str| by_place("max", &["family", "route"], series);
    let private = "defender_dns_private_addresses{%endpoint}";
    let of_private = |series: &str| by_place("max", &["route"], series);
    // Names that don't resolve have no series; before, they had.
    let none = |query: &str, series: &str, before: &dyn Fn(&str) -> String| {
        let failed =
            by_place("max", &["route"], r#"defender_probe_failure_reason{%endpoint, phase="resolve"}"#);
        let before = before(&format!("last_over_time({series}[$__range])"));
        format!("{query} or (0 * {before} - 3 and ignoring (family) {failed})")
    };
    let private_states = [
        json!({ "type": "range", "options": { "from": 1, "to": 99, "result": { "color": ODD, "index": 2 } } }),
        json!({ "type": "range", "options": { "from": 0, "to": 0, "result": { "color": GOOD, "index": 3 } } }),
    ];
    let down = mappings(&[DOWN_STATE]);
    let private_states: Vec<_> = down.as_array().unwrap().iter().cloned().chain(private_states).collect();
    Panel::timeline(
        "Addresses from DNS",
        "Number of addresses that DNS or the hosts file returned, by family, and how many are private. 0 of one family is usual. Public services have no private addresses: the cause is split DNS, a private link, a filter or an entry of the hosts file. Empty: DNS was not queried. Grey: the exporter was down.",
    )
    .over_time(
        &format!("{PLACE} via {{{{route}}}}: {{{{family}}}}"),
        &or_down(&none(&of(counts), counts, &of), counts, of, &["family", "route"]),
    )
    .over_time(
        &format!("{PLACE} via {{{{route}}}}: private"),
        &or_down(&of_private(private), private, of_private, &["route"]),
    )
    .classes(&[(0, 99, GOOD)])
    .and_states(&[(-3, "Not resolved", BAD), DOWN_STATE])
    .matching("/: private$/", &[("mappings", private_states.into())])
    .no_value("No address from DNS in this time")
}

pub fn each_address() -> Panel {
    let series = "defender_probe_address_success{%endpoint}";
    let of = |series: &str| by_place("min", &["address", "route"], series);
    Panel::timeline(
        "Each address over time",
        "Whether each address of the name answered genuinely. If only some do, a single server or path is at fault. Requires resolver.addresses: all and a route without a proxy. Grey: the exporter was down.",
    )
    .over_time(
        &format!("{PLACE} via {{{{route}}}}: {{{{address}}}}"),
        &or_down(&of(series), series, of, &["address", "route"]),
    )
    .states(REACHABLE)
    .no_value("Requires resolver.addresses: all and a route without a proxy")
}

pub fn proxy() -> Panel {
    let panel = Panel::timeline(
        "Proxy's answer to CONNECT over time",
        "Status of the proxy's answer; 407: authentication required. Only for https via a proxy. Grey: no answer came, or the exporter was down.",
    );
    let series = "defender_proxy_connect_status_code{%endpoint}";
    by_route(panel, "max", series, &once(series))
        .states(&[(200, "200", GOOD), (407, "407: login", BAD), DOWN_STATE, NO_ANSWER])
        .fallback(ODD)
        .no_value("No proxy answered CONNECT in this time")
}
