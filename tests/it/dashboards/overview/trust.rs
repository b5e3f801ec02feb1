//! Certificates, CRLs, and chains that aren't genuine.

use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{DAYS, Panel, steps};
use crate::dashboards::remedies::meant;
use crate::dashboards::tiles::{noted, unknown};
use crate::dashboards::words::{
    BAD, CERTIFICATE, DOWN, LIST, NO_BAD, NO_BAD_KNOWN, NO_ODD, NO_ODD_KNOWN, TO_ENDPOINT, UNKNOWN,
    with_lines,
};

pub fn certificates() -> Panel {
    let left = |of: &str| format!("(defender_tls_{of}_not_after_timestamp_seconds{{%component}} - time())");
    let (chain, leaf) = (left("chain"), left("leaf"));
    let rows = format!(
        "max without (version, cipher, root) ({} * ignoring (version, cipher, issuer, root, lines) group_left () ({chain} or {leaf})) / 86400",
        with_lines("defender_tls_info{%component}")
    );
    Panel::table(
        "Certificates, the next to expire first",
        "Expiry of the first certificate of the verified chain, root included, or of the presented leaf if the chain wasn't verified; and the leaf's issuer. The limit of two weeks matches DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left.",
    )
    .linked_rows(&rows)
    .columns(&[
        ("Value", "Expires in"),
        ("lines", "Endpoint"),
        ("issuer", "Issuer"),
        ("route", "Route"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("Component of the link")
    .hidden("URL")
    .number_column("Expires in", 105, DAYS, CERTIFICATE)
    .wrapped("Endpoint", Some(355))
    .wrapped("Issuer", Some(270))
    .width("Route", 115)
    .wrapped("Instance", None)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .sorted(&[("Expires in", false), ("Instance", false), ("Route", false), ("Endpoint", false)])
    .no_value("No certificate in the last results")
}

pub fn lists() -> Panel {
    let fetched = r#"label_replace((defender_crl_fetch_success{%route} == 1), "why", "Fetched", "", "")"#;
    let failed = meant("defender_crl_fetch_failure_reason{%route}");
    let lists = by_place("max", &["crl", "route"], &format!("{fetched} or {failed}"));
    let left = "(defender_crl_next_update_timestamp_seconds{%route} - time()) / 86400";
    let made = "ignoring (why, code)";
    let down = format!(r#"label_replace({DOWN} - 9999, "why", "Exporter down", "", "")"#);
    Panel::table(
        "Revocation lists, the next to expire first",
        "Lists that verified chains need: remaining validity of the list in use, and whether the last attempt to fetch it succeeded, or why not, and when that was: a valid list is fetched again at an interval, so the result can be older than a fault. The limit of a day matches DefenderCrlExpiring. Clients check revocation by default and need these lists.",
    )
    .rows(&format!(
        "({lists} * {made} group_left () ({left}) or -9998 * {lists}) or {down}"
    ))
    .rows("1000 * defender_crl_fetch_last_timestamp_seconds{%route}")
    .columns(&[
        ("Value #A", "Runs out in"),
        ("why", "Last fetch"),
        ("Value #B", "Attempted"),
        ("crl", "List"),
        ("route", "Route"),
        ("place", "Instance"),
    ])
    .number_column("Runs out in", 115, DAYS, LIST)
    .words("Runs out in", &[(-9999, "Unknown", UNKNOWN), (-9998, "No list", BAD)])
    .wrapped("Last fetch", Some(190))
    .ago_column("Attempted", 145, "–")
    .wrapped("List", None)
    .width("Route", 115)
    .wrapped("Instance", Some(235))
    .sorted(&[("Runs out in", false), ("Instance", false), ("Route", false), ("List", false)])
    .no_value("No exporter has a chain that names a list")
}

pub fn tls_counts() -> Panel {
    // An endpoint counts once, however many routes and instances it is probed from.
    let without = unknown("defender_tls_verified{%component}");
    let endpoints = |series: &str| {
        let count = format!("(sum(max by (component, endpoint) ({series})))");
        noted(&count, "unknown", ", at $1 unknown", &without)
    };
    Panel::stat(
        "Endpoints by their TLS: $scope",
        "Endpoints, at any selected instance via any selected route, whose chain is unverified, ends at a private root (inspected; without sample storage, which Microsoft wants inspected), has an unknown revocation status, or is revoked. Grey: none is known, but an instance had no TLS in its last results.",
    )
    .now("not verified{{unknown}}", &endpoints("defender_tls_verified{%component} == bool 0"))
    .now("inspected{{unknown}}", &endpoints(r#"defender_tls_intercepted{%component, component!="submission"}"#))
    .now("status unknown{{unknown}}", &endpoints(r#"defender_tls_revocation_status{%component, status="unknown"}"#))
    .now("revoked{{unknown}}", &endpoints(r#"defender_tls_revocation_status{%component, status="revoked"}"#))
    .limits(NO_ODD)
    .matching("/, at [0-9]+ unknown$/", &[("thresholds", steps(NO_ODD_KNOWN))])
    .field_limits("revoked", NO_BAD)
    .matching("/^revoked.+ unknown$/", &[("thresholds", steps(NO_BAD_KNOWN))])
    .no_value("No TLS")
}

pub fn inspected() -> Panel {
    let odd = "(defender_tls_intercepted{%component} == 1 or defender_tls_verified{%component} == 0)";
    let rows = format!(
        "{} and ignoring (version, cipher, issuer, root, lines) {odd}",
        with_lines("defender_tls_info{%component}")
    );
    Panel::table(
        "Inspected and unverified chains",
        "Endpoints whose chain is unverified or ends at a private root: a device inspects the connection. The issuer identifies the device. Nothing is known of instances whose exporter is down. Exempt these endpoints from TLS inspection, but not *.blob.core.windows.net.",
    )
    .linked_rows(&rows)
    .columns(&[
        ("lines", "Endpoint"),
        ("issuer", "Issuer"),
        ("root", "Root"),
        ("route", "Route"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("Component of the link")
    .hidden("URL")
    .wrapped("Endpoint", Some(390))
    .wrapped("Issuer", Some(200))
    .wrapped("Root", Some(150))
    .width("Route", 115)
    .wrapped("Instance", None)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .sorted(&[("Instance", false), ("Route", false), ("Endpoint", false)])
    .no_value("No such chain is known")
}
