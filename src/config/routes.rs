//! `routes`: the ways to the endpoints, as the file writes them. How a route's connections are made is read in `via.rs`.

use std::net::IpAddr;
use std::path::Path;

use super::raw::{Mapping, Node, Report};
use super::text::address;
use super::{Config, Environment, Family, RouteConfig, check, resolver, via};
use crate::catalog::Component;

/// The most routes: each multiplies the targets.
const MAX_ROUTES: usize = 16;

/// The longest name, in characters.
const MAX_NAME: usize = 63;

/// `routes`, at least one, each of another name.
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

/// One entry; every key of it is read. None where it has no name.
fn route(
    mut entry: Mapping<'_>,
    others: &[&str],
    base_dir: &Path,
    environment: &Environment,
) -> Option<RouteConfig> {
    let name = entry.require("name").and_then(|node| node.parsed(|text| name(text, others)));
    let via = via::read(&mut entry, base_dir, environment);
    let components = entry.take("components").and_then(components).unwrap_or_default();
    let resolver = entry.take("resolver").and_then(Node::mapping).map(resolver::read);
    let source_address = entry.take("source_address").and_then(|node| node.parsed(source_address));
    entry.finish();
    Some(RouteConfig { name: name?, via, components, resolver, source_address })
}

/// A name: it becomes the value of a label.
fn name(text: &str, others: &[&str]) -> Result<String, String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !plain || text.len() > MAX_NAME {
        return Err(format!("is no route's name: at most {MAX_NAME} letters, digits, _, . and -"));
    }
    if others.contains(&text) {
        return Err("is the name of another route".to_owned());
    }
    Ok(text.to_owned())
}

fn components(node: Node<'_>) -> Option<Vec<Component>> {
    node.filled_distinct("component", |entry| entry.word(Component::ALL, Component::as_str))
}

fn source_address(text: &str) -> Result<IpAddr, String> {
    match address(text)? {
        address if address.is_unspecified() || address.is_multicast() => {
            Err("is no address that a machine has".to_owned())
        }
        address => Ok(address),
    }
}

/// What only the values together can break; asked once each of them is good.
pub(super) fn check(config: &Config, report: &Report<'_>) {
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
                    format!("no connection can come from {address}: the resolver's family is {family}");
                report.add(format!("routes[{n}].source_address"), problem);
            }
            _ => {}
        }
    }
}

/// Why no endpoint of a component is probed, if that is so.
fn unprobed(component: Component, config: &Config) -> Option<String> {
    let enabled = config.components.get(&component).and_then(|settings| settings.enabled);
    if check::OPTIONAL.contains(&component) && !config.groups.contains(&component) {
        return Some(format!("{component} is optional and not listed in groups"));
    }
    (enabled == Some(false))
        .then(|| format!("{component} is turned off: components.{component}.enabled is false"))
}

fn fits(address: IpAddr, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::Ipv4 => address.is_ipv4(),
        Family::Ipv6 => address.is_ipv6(),
    }
}
