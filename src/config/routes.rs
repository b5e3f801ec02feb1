//! `routes`: the routes to the endpoints. `proxy.rs` reads their proxies.

use std::net::IpAddr;
use std::path::Path;

use super::reader::{Mapping, Node, ProblemCollector};
use super::values::address;
use super::{Config, Environment, Family, RouteConfig, components, proxy, resolver};
use crate::catalog::Component;

/// The maximum number of routes: each multiplies the targets.
const MAX_ROUTES: usize = 16;

/// The maximum length of a name, in characters.
const MAX_NAME: usize = 63;

/// `routes`, at least one, with unique names.
pub(super) fn read(node: Node<'_>, base_dir: &Path, environment: &Environment) -> Option<Vec<RouteConfig>> {
    match node.value().as_array().map_or(1, Vec::len) {
        0 => node.problem("the list is empty: at least one route"),
        found if found > MAX_ROUTES => {
            node.problem(format!("{found} routes: at most {MAX_ROUTES} are accepted"));
        }
        _ => {}
    }
    let mut routes: Vec<RouteConfig> = Vec::new();
    for entry in node.list()?.into_iter().filter_map(Node::mapping) {
        let names: Vec<_> = routes.iter().map(|route| route.name.as_str()).collect();
        routes.extend(route(entry, &names, base_dir, environment));
    }
    Some(routes)
}

/// Reads all keys of an entry. Returns `None` if it has no name.
fn route(
    mut entry: Mapping<'_>,
    others: &[&str],
    base_dir: &Path,
    environment: &Environment,
) -> Option<RouteConfig> {
    let name = entry.require("name").and_then(|node| node.parsed(|text| name(text, others)));
    let via = proxy::read(&mut entry, base_dir, environment);
    let components = entry.take("components").and_then(component_names).unwrap_or_default();
    let resolver = entry.take("resolver").and_then(Node::mapping).map(resolver::read);
    let source_address = entry.take("source_address").and_then(|node| node.parsed(source_address));
    entry.finish();
    Some(RouteConfig { name: name?, via, components, resolver, source_address })
}

/// A name, which becomes a label value.
fn name(text: &str, others: &[&str]) -> Result<String, String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !plain || text.len() > MAX_NAME {
        return Err(format!("is not a route name: at most {MAX_NAME} letters, digits, _, . and -"));
    }
    if others.contains(&text) {
        return Err("is already the name of another route".to_owned());
    }
    Ok(text.to_owned())
}

fn component_names(node: Node<'_>) -> Option<Vec<Component>> {
    let known: Vec<_> = Component::of_defender().collect(); // a control follows them
    node.filled_distinct("component", |entry| entry.word(&known, Component::as_str))
}

fn source_address(text: &str) -> Result<IpAddr, String> {
    match address(text)? {
        address if address.is_unspecified() || address.is_multicast() => {
            Err("is not an address of a machine".to_owned())
        }
        address => Ok(address),
    }
}

/// Checks values in combination, once each of them is valid.
pub(super) fn check(config: &Config, report: &ProblemCollector<'_>) {
    for (n, route) in config.routes.iter().enumerate() {
        for (m, component) in route.components.iter().enumerate() {
            if let Some(problem) = unprobed(*component, config) {
                report.add(format!("routes[{n}].components[{m}]"), problem);
            }
        }
        let family = route.resolver.as_ref().unwrap_or(&config.resolver).family;
        match route.source_address {
            Some(address) if !fits(address, family) => {
                let problem =
                    format!("conflicts with source address {address}: the resolver's family is {family}");
                report.add(format!("routes[{n}].source_address"), problem);
            }
            _ => {}
        }
    }
}

/// Why no endpoint of a component is probed, if so.
fn unprobed(component: Component, config: &Config) -> Option<String> {
    let enabled = config.components.get(&component).and_then(|settings| settings.enabled);
    components::unlisted(component, config).or_else(|| {
        (enabled == Some(false))
            .then(|| format!("{component} is disabled: components.{component}.enabled is false"))
    })
}

fn fits(address: IpAddr, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::Ipv4 => address.is_ipv4(),
        Family::Ipv6 => address.is_ipv6(),
    }
}
