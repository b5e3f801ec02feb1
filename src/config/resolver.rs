//! `resolver`: name resolution.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::reader::{Mapping, Node, key};
use super::values::{address, host_name, server};
use super::{Addresses, Family, ResolverConfig};

/// `resolver`, at the top level or of a route.
pub(super) fn read(mut mapping: Mapping<'_>) -> ResolverConfig {
    let resolver = ResolverConfig {
        servers: mapping
            .take("servers")
            .and_then(|node| node.distinct(|entry| entry.parsed(server)))
            .unwrap_or_default(),
        family: mapping
            .take("family")
            .and_then(|node| node.word(Family::ALL, Family::as_str))
            .unwrap_or_default(),
        addresses: mapping
            .take("addresses")
            .and_then(|node| node.word(Addresses::ALL, Addresses::as_str))
            .unwrap_or_default(),
        overrides: mapping.take("overrides").and_then(Node::mapping).map(overrides).unwrap_or_default(),
    };
    mapping.finish();
    resolver
}

fn overrides(mapping: Mapping<'_>) -> BTreeMap<String, Vec<IpAddr>> {
    let mut overrides = BTreeMap::new();
    for (name, node) in mapping.into_entries() {
        let Some(name) = key(&node, &name, host_name) else { continue };
        if overrides.contains_key(&name) {
            node.problem("is listed twice (names are compared without regard to case and notation)");
        }
        if let Some(list) = node.filled_distinct("address", |entry| entry.parsed(address)) {
            overrides.insert(name, list);
        }
    }
    overrides
}
