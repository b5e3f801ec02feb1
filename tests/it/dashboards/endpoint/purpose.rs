//! What an endpoint is for: its component, the need of it that the endpoint serves, and what stops without it.

use std::collections::BTreeMap;

use defender_exporter::catalog::{self, Component};

use crate::dashboards::panel::Panel;
use crate::dashboards::words::components;

use super::NO_RESULT;

/// What stops for clients if no endpoint serves a need of this component.
const fn loss(component: Component) -> &'static str {
    match component {
        Component::Maps => {
            "Cloud-delivered protection (MAPS) stops: new threats are known with the next security intelligence alone"
        }
        Component::Update => {
            "Updates of security intelligence and of Defender from Microsoft Update stop; another source can stand in"
        }
        Component::Adl => {
            "The fallback stops that clients use once their security intelligence is out of date"
        }
        Component::Wsus => {
            "Updates from the company's update server stop; another source can stand in if clients are allowed to use it"
        }
        Component::FileShare => {
            "Updates from the company's file share stop; another source can stand in if clients are allowed to use it"
        }
        Component::ConnectedCache => {
            "The cache serves nothing: clients download from the Internet, if policy and firewall allow it"
        }
        Component::Submission => "Samples can't be uploaded: Microsoft can't judge files that are unknown",
        Component::Crl => {
            "Revocation can't be checked once cached lists run out: then clients with default settings lose MAPS"
        }
        Component::Diagnostics => "Diagnostic data isn't sent; protection goes on",
        Component::Streamlined => {
            "Defender for Endpoint and Defender Antivirus stop where they use the consolidated domains"
        }
        Component::Mde => "Defender for Endpoint reports nothing and gets no commands; the antivirus goes on",
        Component::Usgov => "MAPS stops for tenants of the US government clouds",
        Component::PkiExtended => {
            "Some chains can't be completed or checked for revocation, and connections over them fail"
        }
    }
}

/// What stops without the endpoint, by component.
fn losses() -> Vec<(&'static str, &'static str)> {
    Component::ALL.iter().map(|component| (component.as_str(), loss(*component))).collect()
}

/// The endpoints of the catalog, as regular expressions over component and URL, by the need that they serve in words.
fn needs() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for endpoint in &catalog::embedded().endpoints {
        let need = match &endpoint.serves {
            Some(need) => {
                let same = |other: &&catalog::Endpoint| {
                    other.component == endpoint.component && other.serves.as_ref() == Some(need)
                };
                let alone = catalog::embedded().endpoints.iter().filter(same).count() == 1;
                let others = if alone { "the only endpoint for it" } else { "one endpoint for it is enough" };
                format!("{}: {others}", need.replace('_', " "))
            }
            None => "No need: a failure is shown, and stops nothing by itself".to_owned(),
        };
        let url: String = endpoint.url.to_string().chars().map(literally).collect();
        found.entry(need).or_default().push(format!("{} {url}", endpoint.component));
    }
    found
}

/// A character of a URL in a regular expression, without backslashes, which PromQL's quotes would need twice.
fn literally(c: char) -> String {
    if ".?+*()|{}$^".contains(c) { format!("[{c}]") } else { c.to_string() }
}

pub fn purpose() -> Panel {
    let info = r#"max by (component, endpoint, pattern, host, port) (last_over_time(defender_endpoint_info{%target, component=~"$component", endpoint="$endpoint"}[$__range]))"#;
    let keyed = format!(r#"label_join({info}, "key", " ", "component", "endpoint")"#);
    let own = format!(r#"label_replace({keyed}, "need", "As configured", "", "")"#);
    let needed = needs().into_iter().fold(own, |query, (need, keys)| {
        let keys = keys.join("|");
        format!(r#"label_replace({query}, "need", "{need}", "key", "{keys}")"#)
    });
    let whole = losses().into_iter().fold(needed, |query, (component, loss)| {
        format!(r#"label_replace({query}, "loss", "{loss}", "component", "{component}")"#)
    });
    Panel::table(
        "What this endpoint is for",
        "The component that needs this endpoint, which of the component's needs it serves, and what stops if no endpoint serves that need. Beside it, Microsoft's pattern, with host and port, for the firewall team.",
    )
    .rows(&whole)
    .columns(&[
        ("component", "Component"),
        ("need", "Need that it serves"),
        ("loss", "What stops without it"),
        ("pattern", "Documented pattern"),
        ("host", "Host"),
        ("port", "Port"),
    ])
    .wrapped("Component", Some(190))
    .names("Component", &components())
    .wrapped("Need that it serves", Some(200))
    .wrapped("What stops without it", None)
    .wrapped("Documented pattern", Some(200))
    .wrapped("Host", Some(190))
    .width("Port", 55)
    .sorted(&[("Component", false)])
    .of_one_row()
    .no_value(NO_RESULT)
}

#[test]
fn every_default_need_is_said_of_an_endpoint() {
    let needs = needs();
    let of = |url: &str| needs.iter().find(|(_, keys)| keys.iter().any(|key| key.contains(url)));
    let cases = [
        ("maps https://wdcp[.]microsoft[.]com/", "default hosts: one endpoint for it is enough"),
        ("maps https://unitedstates[.]cp[.]wd", "regional hosts: one endpoint for it is enough"),
        ("maps https://unitedstates[.]x[.]cp", "No need: a failure is shown, and stops nothing by itself"),
    ];
    for (url, need) in cases {
        assert_eq!(of(url).map(|(need, _)| need.as_str()), Some(need), "{url}");
    }
}
