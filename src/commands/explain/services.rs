//! The table of `explain services`: for each component its purpose, and the names, ports and regions of a change request.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::catalog::{Catalog, Cloud, Component, Geo};

/// What one name needs.
#[derive(Default)]
struct Need {
    ports: BTreeSet<u16>,
    /// The regions or clouds of its clients; `None` for all.
    regions: BTreeSet<Option<&'static str>>,
}

/// A paragraph for each component, then lines with its names.
pub(super) fn paragraphs(catalog: &Catalog) -> Vec<String> {
    let mut paragraphs = Vec::new();
    for spec in catalog.components.iter().filter(|spec| !spec.component.is_control()) {
        let component = spec.component;
        let group = if spec.optional { " (optional group)" } else { "" };
        paragraphs.push(format!("{component}{group}: {}", spec.purpose));
        paragraphs.push(lines(catalog, component));
    }
    paragraphs
}

/// A line for each name of a component, in alphabetical order.
fn lines(catalog: &Catalog, component: Component) -> String {
    let mut needs: BTreeMap<&str, Need> = BTreeMap::new();
    for endpoint in catalog.endpoints.iter().filter(|endpoint| endpoint.component == component) {
        for name in endpoint.names_to_allow() {
            let need = needs.entry(name).or_default();
            need.ports.extend(&endpoint.ports);
            need.regions.insert(endpoint.geo.map(Geo::as_str).or(endpoint.cloud.map(Cloud::as_str)));
        }
    }
    let mut lines = String::new();
    for (name, Need { ports, regions }) in needs {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        let named: Vec<_> = regions.iter().flatten().copied().collect();
        let regions =
            if regions.contains(&None) { String::new() } else { format!("  ({})", named.join(", ")) };
        let _ = writeln!(lines, "    {:<7} {name}{regions}", ports.join(",")); // a String never fails
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;

    #[test]
    fn every_name_has_a_line_below_its_component() {
        let catalog = embedded();
        let paragraphs = paragraphs(catalog);
        for endpoint in catalog.endpoints.iter().filter(|endpoint| !endpoint.component.is_control()) {
            let head =
                paragraphs.iter().position(|text| text.starts_with(endpoint.component.as_str())).unwrap();
            for name in endpoint.names_to_allow() {
                let line =
                    paragraphs[head + 1].lines().find(|line| line.split_whitespace().nth(1) == Some(name));
                let line = line.unwrap_or_else(|| panic!("{name} is missing: {}", paragraphs[head + 1]));
                let ports = line.split_whitespace().next().unwrap();
                let all =
                    endpoint.ports.iter().all(|port| ports.split(',').any(|own| own == port.to_string()));
                assert!(all, "{line}: {:?}", endpoint.ports);
            }
        }
    }

    #[test]
    fn lines_have_ports_and_regions() {
        let paragraphs = paragraphs(embedded()).concat();
        for line in [
            "    443     wdcpalt.microsoft.com\n",
            "    80,443  ctldl.windowsupdate.com\n",
            "    443     mdav.us.endpoint.security.microsoft.com  (us)\n",
        ] {
            assert!(paragraphs.contains(line), "{line:?} is not in {paragraphs}");
        }
    }
}
