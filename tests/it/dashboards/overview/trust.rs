//! Certificates, CRLs, and chains that aren't genuine.

use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{DAYS, Panel, mappings, steps};
use crate::dashboards::remedies::meant;
use crate::dashboards::tiles::{at_instances, noted, unknown};
use crate::dashboards::words::{
    BAD, CERTIFICATE, DOWN, FETCHED, LIST, LOST_SINCE, LOST_UNCHECKED, NO_BAD, NO_BAD_KNOWN, NO_ODD,
    NO_ODD_KNOWN, ODD, TO_ENDPOINT, UNKNOWN, with_lines,
};

/// Exporters that are down, with this value, as rows of tables of chains: an empty table would look as if there were none.
fn unknown_issuer(value: i64) -> String {
    ["lines", "route"].iter().fold(
        format!(r#"label_replace({DOWN} + {value}, "issuer", "Exporter down", "", "")"#),
        |rows, label| format!(r#"label_replace({rows}, "{label}", "–", "", "")"#),
    )
}

pub fn certificates() -> Panel {
    let left = |of: &str| format!("(defender_tls_{of}_not_after_timestamp_seconds{{%component}} - time())");
    let (chain, leaf) = (left("chain"), left("leaf"));
    let rows = format!(
        "max without (version, cipher, root) ({} * ignoring (version, cipher, issuer, root, lines) group_left () ({chain} or {leaf})) / 86400 or {}",
        with_lines("defender_tls_info{%component}"),
        unknown_issuer(-9999)
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
    .words("Expires in", &[(-9999, "Unknown", UNKNOWN)])
    .wrapped("Endpoint", Some(355))
    .wrapped("Issuer", Some(270))
    .width("Route", 115)
    .wrapped("Instance", None)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .sorted(&[("Expires in", false), ("Instance", false), ("Route", false), ("Endpoint", false)])
    .no_value("No certificate in the last results")
}

pub fn lists() -> Panel {
    let fetched =
        format!(r#"label_replace((defender_crl_fetch_success{{%route}} == 1), "why", "{FETCHED}", "", "")"#);
    let lost = r#"(defender_component_available{%route, component="crl"} == 0)"#;
    let fetched = format!(
        r#"label_replace({fetched} and ignoring (crl, component, why) {lost}, "why", "{LOST_SINCE}", "", "") or ignoring (why) {fetched}"#
    );
    let failed = meant("defender_crl_fetch_failure_reason{%route}");
    let lists = by_place("max", &["crl", "route"], &format!("{fetched} or {failed}"));
    let left = "(defender_crl_next_update_timestamp_seconds{%route} - time()) / 86400";
    let made = "ignoring (why, code)";
    let down = format!(r#"label_replace({DOWN} - 9999, "why", "Exporter down", "", "")"#);
    Panel::table(
        "Revocation lists, the next to expire first",
        "Lists that verified chains need: remaining validity of the list in use, and whether the last attempt to fetch it succeeded, or why not, and when that was: a valid list is fetched again at an interval, so the result can be older than a fault. Fetched, lost since: after that attempt, the component of the revocation lists was lost. The limit of a day matches DefenderCrlExpiring. Clients check revocation by default and need these lists.",
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
    .coloured("Last fetch", 170, &[(&format!("/^{LOST_SINCE}$/"), ODD)])
    .ago_column("Attempted", 145, "–")
    .wrapped("List", None)
    .width("Route", 115)
    .wrapped("Instance", Some(235))
    .sorted(&[("Runs out in", false), ("Instance", false), ("Route", false), ("List", false)])
    .no_value("No selected exporter has a chain that names a list")
}

/// The name of a tile in place of all others.
const ALL_UNKNOWN: &str = "all endpoints: nothing known";

pub fn tls_counts() -> Panel {
    // An endpoint counts once, however many routes it is probed via. Endpoints of several instances don't add up.
    let without = unknown("defender_tls_verified{%component}");
    let endpoints = |series: &str| {
        let of_each = by_place("sum", &[], &by_place("max", &["component", "endpoint"], series));
        at_instances(&format!("(max({of_each}))"), "unknown", ", unknown at ", &without)
    };
    Panel::stat(
        "Endpoints by their TLS: $scope",
        "Endpoints, at the selected instance with the most of them, whose chain via any selected route is unverified, ends at a private root (inspected; without sample storage, which Microsoft wants inspected), has a revocation status that can't be checked (yellow, and orange where MAPS is lost for it), or is revoked. Grey: none is known, but an instance had no TLS in its last results, for example because its exporter is down.",
    )
    .now("not verified{{unknown}}", &endpoints("defender_tls_verified{%component} == bool 0"))
    .now("inspected{{unknown}}", &endpoints(r#"defender_tls_intercepted{%component, component!="submission"}"#))
    .now(
        "revocation unchecked{{lost}}{{unknown}}",
        &noted(
            &endpoints(r#"defender_tls_revocation_status{%component, status="unknown"}"#),
            "lost",
            ", MAPS lost",
            &format!("count({LOST_UNCHECKED})"),
        ),
    )
    .now("revoked{{unknown}}", &endpoints(r#"defender_tls_revocation_status{%component, status="revoked"}"#))
    .now(ALL_UNKNOWN, &format!("0 * count({DOWN}) - 1 unless on () count(defender_tls_verified{{%component}})"))
    .limits(NO_BAD)
    .field(ALL_UNKNOWN, &[("mappings", mappings(&[(-1, "Exporter down", UNKNOWN)]))])
    .matching(
        "/, unknown at /",
        &[
            ("thresholds", steps(NO_BAD_KNOWN)),
            ("mappings", mappings(&[(0, "None known", UNKNOWN)])),
        ],
    )
    .matching("/^revocation unchecked(, unknown at .+)?$/", &[("thresholds", steps(NO_ODD))])
    .matching("/^revocation unchecked, unknown at /", &[("thresholds", steps(NO_ODD_KNOWN))])
    .no_value("No TLS in the last results")
}

pub fn inspected() -> Panel {
    let odd = "(defender_tls_intercepted{%component} == 1 or defender_tls_verified{%component} == 0)";
    let rows = format!(
        "{} and ignoring (version, cipher, issuer, root, lines) {odd} or {}",
        with_lines("defender_tls_info{%component}"),
        unknown_issuer(0)
    );
    Panel::table(
        "Inspected and unverified chains",
        "Endpoints whose chain is unverified or ends at a private root: a device inspects the connection. The issuer identifies the device. Last come exporters that are down: nothing is known there. Exempt these endpoints from TLS inspection, but not *.blob.core.windows.net.",
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
    .no_value("No inspected or unverified chain in the last results")
}
