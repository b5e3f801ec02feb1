//! What an endpoint is for: its component, the need of it that the endpoint serves, and what stops without it.

use std::collections::BTreeMap;

use defender_exporter::catalog::{self, Component};

use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::Panel;
use crate::dashboards::words::{BAD, DOWN, DOWN_STATE, GOOD, PARTLY, UNKNOWN, components};

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
        Component::Control => "Nothing: Defender doesn't need it",
    }
}

/// What stops without the endpoint, by component.
fn losses() -> Vec<(&'static str, &'static str)> {
    Component::of_defender().map(|component| (component.as_str(), loss(component))).collect()
}

/// What stands for the need of an endpoint that serves none.
const NO_NEED: &str = "None";

/// The endpoints of the catalog, as regular expressions over component and URL, by the need that they serve in words.
fn needs() -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for endpoint in catalog::embedded().endpoints.iter().filter(|of| !of.component.is_control()) {
        let need = match &endpoint.serves {
            Some(need) => {
                let same = |other: &&catalog::Endpoint| {
                    other.component == endpoint.component && other.serves.as_ref() == Some(need)
                };
                let alone = catalog::embedded().endpoints.iter().filter(same).count() == 1;
                let others = if alone { "the only endpoint for it" } else { "one endpoint for it is enough" };
                format!("{}: {others}", need.replace('_', " "))
            }
            None => NO_NEED.to_owned(),
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

/// Adds to rows with a component, as values, the state of the component at the worst instance: 0 lost via every route, 1 via some, 2
/// works, 4 works where an exporter is up, -2 unknown since the exporters are down, -1 unknown.
fn with_state(rows: &str) -> String {
    const AVAILABLE: &str = "defender_component_available{%component}";
    let of = |operator: &str| by_place(operator, &["component"], AVAILABLE);
    let worst = format!("(min by (component) ({} + {}))", of("min"), of("max"));
    let is_down = format!("on () count({DOWN})");
    format!(
        "(0 * {rows} + on (component) group_left () ({worst} < 2 or {worst} + 2 and {is_down} or {worst})
            or 0 * {rows} - 2 and {is_down} or 0 * {rows} - 1)"
    )
}

pub fn purpose() -> Panel {
    let info = r#"max by (component, endpoint, pattern, host, port) (last_over_time(defender_endpoint_info{%target, component=~"$component", endpoint="$endpoint"}[$__range]))"#;
    let keyed = format!(r#"label_join({}, "key", " ", "component", "endpoint")"#, with_state(info));
    let own = format!(r#"label_replace({keyed}, "need", "As configured", "", "")"#);
    let needed = needs().into_iter().fold(own, |query, (need, keys)| {
        let keys = keys.join("|");
        format!(r#"label_replace({query}, "need", "{need}", "key", "{keys}")"#)
    });
    let whole = losses().into_iter().fold(needed, |query, (component, loss)| {
        format!(r#"label_replace({query}, "loss", "{loss}", "component", "{component}")"#)
    });
    let whole =
        format!(r#"label_replace({whole}, "loss", "Nothing: a failure is only shown", "need", "{NO_NEED}")"#);
    Panel::table(
        "What this endpoint is for",
        "The component that needs this endpoint, and whether it works now, at the worst selected instance: lost via every route, or partly lost: via some; which of the component's needs the endpoint serves, and what stops if no endpoint serves that need. Beside it, Microsoft's pattern, with host and port, for the firewall team.",
    )
    .rows(&whole)
    .columns(&[
        ("Value", "Component now"),
        ("component", "Component"),
        ("need", "Need that it serves"),
        ("loss", "What stops if no endpoint serves it"),
        ("pattern", "Documented pattern"),
        ("host", "Host"),
        ("port", "Port"),
    ])
    .state_column(
        "Component now",
        115,
        &[
            (0, "Lost", BAD),
            (1, "Partly lost", PARTLY),
            (2, "Available", GOOD),
            (4, "Partly unknown", UNKNOWN),
            DOWN_STATE,
            (-1, "No result", UNKNOWN),
        ],
    )
    .wrapped("Component", Some(160))
    .names("Component", &components())
    .wrapped("Need that it serves", Some(165))
    .wrapped("What stops if no endpoint serves it", None)
    .wrapped("Documented pattern", Some(190))
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
        ("maps https://unitedstates[.]x[.]cp", NO_NEED),
    ];
    for (url, need) in cases {
        assert_eq!(of(url).map(|(need, _)| need.as_str()), Some(need), "{url}");
    }
}
