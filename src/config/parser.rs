//! Converts the tree of a configuration file to a valid [`Config`], or reports every problem at once. `reader.rs` parses the
//! YAML into that tree, `values.rs` reads single values, `endpoints.rs` endpoints and block pages.

use std::collections::BTreeMap;
use std::path::Path;

use super::positions::add_positions;
use super::reader::{Mapping, Node, ProblemCollector, document, key};
use super::values::{INTERVAL, TIMEOUT, connect_to, format_duration, host_port};
use super::{
    Config, ConfigProblems, ConnectTo, Environment, HostPort, components, endpoints, host, resolver, routes,
    signatures, tls, update_sources,
};
use crate::catalog::{Cloud, Component, Geo};

/// The maximum of `concurrency`.
const MAX_CONCURRENCY: u64 = 1024;

/// Parses a configuration. `file_name` is for messages; paths are relative to `base_dir`; routes may take their proxies
/// from the `environment`.
///
/// # Errors
/// If the text or a file that it names is invalid: the error lists every problem.
pub fn parse(
    file_name: &str,
    text: &str,
    base_dir: &Path,
    environment: &Environment,
) -> Result<Config, ConfigProblems> {
    let report = ProblemCollector::new(file_name);
    let root = document(text, &report).and_then(Node::mapping);
    let sets = |key| root.as_ref().is_some_and(|root| root.has(key));
    let by_default = Defaults { interval: !sets("interval"), timeout: !sets("timeout") };
    let config = root.map(|root| read(root, base_dir, environment));
    match config {
        Some(config) if report.is_empty() => {
            check_whole(&config, by_default, &report);
            if report.is_empty() { Ok(config) } else { Err(add_positions(report.finish(), text)) }
        }
        _ => Err(add_positions(report.finish(), text)),
    }
}

/// Reads every key. Invalid values are reported and keep their default.
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
        clouds: root.take("clouds").and_then(clouds).unwrap_or(default.clouds),
        groups: root.take("groups").and_then(components::groups).unwrap_or_default(),
        update_sources: root
            .take("update_sources")
            .and_then(update_sources::read)
            .unwrap_or(default.update_sources),
        components: root.take("components").and_then(Node::mapping).map(components::read).unwrap_or_default(),
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

/// Which settings the file leaves at their default.
#[derive(Clone, Copy)]
struct Defaults {
    interval: bool,
    timeout: bool,
}

/// Checks values in combination, once each of them is valid.
fn check_whole(config: &Config, by_default: Defaults, report: &ProblemCollector<'_>) {
    if config.timeout >= config.interval {
        let (timeout, interval) = (format_duration(config.timeout), format_duration(config.interval));
        // Reported at a key that the file has.
        if by_default.timeout {
            let problem = format!("{interval} must be longer than the timeout, {timeout} by default");
            report.add("interval".to_owned(), problem);
        } else {
            let default = if by_default.interval { " by default" } else { "" };
            let problem = format!("{timeout} must be shorter than the interval, {interval}{default}");
            report.add("timeout".to_owned(), problem);
        }
    }
    if config.clouds != Cloud::ALL && !config.groups.contains(&Component::Usgov) {
        report.add("clouds".to_owned(), "has no effect: usgov is not listed in groups".to_owned());
    }
    for (component, settings) in &config.components {
        if let Some(why) = components::unlisted(*component, config).filter(|_| settings.enabled == Some(true))
        {
            let problem = format!("true has no effect: {why}");
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

fn clouds(node: Node<'_>) -> Option<Vec<Cloud>> {
    node.filled_distinct("cloud", |cloud| cloud.word(Cloud::ALL, Cloud::as_str))
}

fn connections(mapping: Mapping<'_>) -> BTreeMap<HostPort, ConnectTo> {
    let mut connections = BTreeMap::new();
    for (from, node) in mapping.into_entries() {
        let Some(from) = key(&node, &from, host_port) else { continue };
        if connections.contains_key(&from) {
            node.problem("is listed twice (host names are compared without regard to case and notation)");
        }
        if let Some(to) = node.parsed(connect_to) {
            connections.insert(from, to);
        }
    }
    connections
}
