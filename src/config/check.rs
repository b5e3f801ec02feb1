//! The tree of a configuration file → a valid [`Config`], or every problem at once.
//! Single values are read in `text.rs`, endpoints and block pages in `endpoints.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use super::raw::{Mapping, Node, Report, document, key};
use super::text::{INTERVAL, TIMEOUT, connect_to, host_port, said};
use super::{
    ComponentConfig, Config, ConnectTo, Environment, HostPort, Problems, endpoints, host, resolver, routes,
    signatures, tls,
};
use crate::catalog::{Component, Geo};

/// The components that are probed only where `groups` names them.
pub(super) const OPTIONAL: [Component; 4] =
    [Component::Streamlined, Component::Mde, Component::Usgov, Component::PkiExtended];

/// The most probes that may be under way at once.
const MAX_CONCURRENCY: u64 = 1024;

/// Reads a configuration from its text. `file_name` is for messages; paths are relative to `base_dir`; a route may take
/// its proxies from the `environment`.
///
/// # Errors
/// Every problem of the text, and of the files that it names.
pub fn parse(
    file_name: &str,
    text: &str,
    base_dir: &Path,
    environment: &Environment,
) -> Result<Config, Problems> {
    let report = Report::new(file_name);
    let root = document(text, &report).and_then(Node::mapping);
    let config = root.map(|root| read(root, base_dir, environment));
    match config {
        Some(config) if report.is_empty() => {
            check_whole(&config, &report);
            if report.is_empty() { Ok(config) } else { Err(report.into_problems()) }
        }
        _ => Err(report.into_problems()),
    }
}

/// Takes every key. What can't be read keeps its default: the report has it.
fn read(mut root: Mapping<'_>, base_dir: &Path, environment: &Environment) -> Config {
    let default = Config::default();
    let config = Config {
        interval: root.take("interval").and_then(|node| node.duration(&INTERVAL)).unwrap_or(default.interval),
        timeout: root.take("timeout").and_then(|node| node.duration(&TIMEOUT)).unwrap_or(default.timeout),
        concurrency: root
            .take("concurrency")
            .and_then(|node| concurrency(&node))
            .unwrap_or(default.concurrency),
        geos: root.take("geos").and_then(geos).unwrap_or(default.geos),
        groups: root.take("groups").and_then(groups).unwrap_or_default(),
        components: root.take("components").and_then(Node::mapping).map(components).unwrap_or_default(),
        routes: root
            .take("routes")
            .and_then(|node| routes::read(node, base_dir, environment))
            .unwrap_or(default.routes),
        resolver: root.take("resolver").and_then(Node::mapping).map(resolver::read).unwrap_or_default(),
        connect_to: root.take("connect_to").and_then(Node::mapping).map(connections).unwrap_or_default(),
        tls: root
            .take("tls")
            .and_then(Node::mapping)
            .map(|node| tls::read(node, base_dir))
            .unwrap_or_default(),
        host: root.take("host").and_then(Node::mapping).map(host::read).unwrap_or_default(),
        endpoints: root.take("endpoints").and_then(endpoints::overrides).unwrap_or_default(),
        block_pages: root.take("block_pages").and_then(endpoints::block_pages).unwrap_or_default(),
        signatures: root.take("signatures").and_then(Node::mapping).map(signatures::read).unwrap_or_default(),
        state_file: root.take("state_file").and_then(|node| node.text().map(|name| base_dir.join(name))),
    };
    root.finish();
    config
}

/// What only the values together can break; asked once each of them is good.
fn check_whole(config: &Config, report: &Report<'_>) {
    if config.timeout >= config.interval {
        let (timeout, interval) = (said(config.timeout), said(config.interval));
        report.add("timeout".to_owned(), format!("{timeout} is not shorter than the interval, {interval}"));
    }
    for (component, settings) in &config.components {
        let unlisted = OPTIONAL.contains(component) && !config.groups.contains(component);
        if unlisted && settings.enabled == Some(true) {
            let problem = format!("true has no effect: {component} is optional and not listed in groups");
            report.add(format!("components.{component}.enabled"), problem);
        }
    }
    routes::check(config, report);
}

fn concurrency(node: &Node<'_>) -> Option<usize> {
    node.integer(1, MAX_CONCURRENCY).and_then(|number| usize::try_from(number).ok())
}

fn geos(node: Node<'_>) -> Option<Vec<Geo>> {
    node.filled_distinct("region", |geo| geo.word(Geo::ALL, Geo::as_str))
}

fn groups(node: Node<'_>) -> Option<Vec<Component>> {
    node.distinct(|group| group.word(&OPTIONAL, Component::as_str))
}

fn components(mut mapping: Mapping<'_>) -> BTreeMap<Component, ComponentConfig> {
    let mut components = BTreeMap::new();
    for component in Component::ALL {
        if let Some(settings) = mapping.take(component.as_str()).and_then(Node::mapping) {
            components.insert(*component, component_settings(settings));
        }
    }
    mapping.finish();
    components
}

fn component_settings(mut mapping: Mapping<'_>) -> ComponentConfig {
    let settings = ComponentConfig {
        enabled: mapping.take("enabled").and_then(|node| node.boolean()),
        interval: mapping.take("interval").and_then(|node| node.duration(&INTERVAL)),
        timeout: mapping.take("timeout").and_then(|node| node.duration(&TIMEOUT)),
    };
    mapping.finish();
    settings
}

fn connections(mapping: Mapping<'_>) -> BTreeMap<HostPort, ConnectTo> {
    let mut connections = BTreeMap::new();
    for (from, node) in mapping.into_entries() {
        let Some(from) = key(&node, &from, host_port) else { continue };
        if connections.contains_key(&from) {
            node.problem("is listed twice: case and notation of a host don't matter");
        }
        if let Some(to) = node.parsed(connect_to) {
            connections.insert(from, to);
        }
    }
    connections
}
