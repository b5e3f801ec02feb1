//! Certificates, CRLs, and chains that aren't genuine.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{CERTIFICATE, FETCHED, LIST, NONE, ODD, TO_ENDPOINT};

pub fn certificates() -> Panel {
    let key = "instance, component, endpoint, route";
    Panel::table(
        "Certificates, the next to expire first",
        "Expiry of the presented leaf and of the first certificate of the verified chain, and the leaf's issuer. The limit of two weeks matches DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left.",
    )
    .rows(&format!("min by ({key}) (defender_tls_leaf_not_after_timestamp_seconds{{%component}} - time())"))
    .rows(&format!("min by ({key}) (defender_tls_chain_not_after_timestamp_seconds{{%component}} - time())"))
    .rows(&format!("max by ({key}, issuer) (defender_tls_info{{%component}})"))
    .columns(
        &[
            ("component", "Component"),
            ("endpoint", "Endpoint"),
            ("route", "Route"),
            ("instance", "Instance"),
            ("Value #A", "Leaf expires in"),
            ("Value #B", "Chain expires in"),
            ("issuer", "Issuer"),
        ],
        &["Value #C"],
    )
    .number_column("Leaf expires in", 120, "s", CERTIFICATE)
    .number_column("Chain expires in", 130, "s", CERTIFICATE)
    .width("Component", 100)
    .width("Endpoint", 300)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .sorted(&[("Chain expires in", false)])
    .no_value("No server presented a certificate")
}

pub fn lists() -> Panel {
    let code = r#"label_join(defender_crl_fetch_failure_reason{%route}, "code", ".", "phase", "reason")"#;
    Panel::table(
        "Revocation lists, the next to expire first",
        "Lists that verified chains need: whether they can be fetched, why not, and the remaining validity of the list in use. The limit of a day matches DefenderCrlExpiring. Clients check revocation by default and need these lists.",
    )
    .rows("min by (instance, route, crl) (defender_crl_next_update_timestamp_seconds{%route} - time())")
    .rows("min by (instance, route, crl) (defender_crl_fetch_success{%route})")
    .rows(&format!("max by (instance, route, crl, code) ({code})"))
    .columns(
        &[
            ("crl", "List"),
            ("route", "Route"),
            ("instance", "Instance"),
            ("Value #A", "Runs out in"),
            ("Value #B", "Fetch"),
            ("code", "Why not"),
        ],
        &["Value #C"],
    )
    .number_column("Runs out in", 110, "s", LIST)
    .state_column("Fetch", 90, FETCHED)
    .width("List", 320)
    .sorted(&[("Fetch", false), ("Runs out in", false)])
    .no_value("No verified chain named a list")
}

pub fn tls_counts() -> Panel {
    Panel::stat(
        "TLS now",
        "Endpoints, over all selected routes and instances, whose chain is unverified, ends at a private root (inspected; without sample storage, which Microsoft wants inspected), has an unknown revocation status, or is revoked.",
    )
    .now("not verified", "sum(defender_tls_verified{%component} == bool 0)")
    .now("inspected", r#"sum(defender_tls_intercepted{%component, component!="submission"})"#)
    .now("revocation unknown", r#"sum(defender_tls_revocation_status{%component, status="unknown"})"#)
    .now("revoked", r#"sum(defender_tls_revocation_status{%component, status="revoked"})"#)
    .limits(ODD)
    .field("revoked", &[("thresholds", json!({ "mode": "absolute", "steps": [{ "color": "green", "value": null }, { "color": NONE[1].1, "value": 1 }] }))])
    .no_value("No TLS connection")
}

pub fn inspected() -> Panel {
    let key = "job, instance, component, endpoint, route";
    let odd = "(defender_tls_intercepted{%component} == 1 or defender_tls_verified{%component} == 0)";
    Panel::table(
        "Chains that are not the genuine service's",
        "Endpoints whose chain is unverified or ends at a private root: a device decrypts the connection. The issuer identifies the device. Exempt these hosts from TLS inspection, but not *.blob.core.windows.net.",
    )
    .rows(&format!(
        "max by (instance, component, endpoint, route, version, issuer, root) (defender_tls_info{{%component}} and on ({key}) {odd})"
    ))
    .columns(
        &[
            ("component", "Component"),
            ("endpoint", "Endpoint"),
            ("route", "Route"),
            ("instance", "Instance"),
            ("issuer", "Issuer"),
            ("root", "Root"),
            ("version", "TLS"),
        ],
        &["Value"],
    )
    .width("Component", 110)
    .width("Endpoint", 350)
    .width("TLS", 80)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .sorted(&[("Component", false)])
    .no_value("All presented chains are genuine")
}
