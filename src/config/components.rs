//! `groups` and `components`: which components are probed, and how.

use std::collections::BTreeMap;

use super::reader::{Mapping, Node};
use super::values::{INTERVAL, TIMEOUT};
use super::{ComponentConfig, Config, update_sources};
use crate::catalog::Component;

/// The components that are probed only if `groups` lists them.
const OPTIONAL: [Component; 4] =
    [Component::Streamlined, Component::Mde, Component::Usgov, Component::PkiExtended];

/// Why a component isn't probed, if it is missing from the list of `groups` or `update_sources`.
pub(super) fn unlisted(component: Component, config: &Config) -> Option<String> {
    if OPTIONAL.contains(&component) && !config.groups.contains(&component) {
        return Some(format!("{component} is optional and not listed in groups"));
    }
    let source = update_sources::unlisted(component, config)?;
    Some(format!("{component} is probed for {source}, which is not listed in update_sources"))
}

/// `groups`: the optional components to probe.
pub(super) fn groups(node: Node<'_>) -> Option<Vec<Component>> {
    node.distinct(|group| group.word(&OPTIONAL, Component::as_str))
}

/// `components`: settings by component.
pub(super) fn read(mut mapping: Mapping<'_>) -> BTreeMap<Component, ComponentConfig> {
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
