//! Any text as a catalog.

use defender_exporter::catalog::{Endpoint, parse};

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(catalog) = parse(text) else { return };
    for endpoint in &catalog.endpoints {
        let described = catalog.components.iter().find(|known| known.component == endpoint.component);
        let needs = &described.expect("an endpoint of no component").needs;
        assert!(endpoint.serves.as_ref().is_none_or(|need| needs.contains(need)), "serves no need");
        assert!(!endpoint.ports.is_empty() && !endpoint.ports.contains(&0));
        let same = |other: &&Endpoint| (other.component, &other.url) == (endpoint.component, &endpoint.url);
        assert_eq!(catalog.endpoints.iter().filter(same).count(), 1, "{} stands twice", endpoint.url);
    }
}
