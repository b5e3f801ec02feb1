//! Booleans as in YAML 1.1, which exporter-toolkit reads: other exporters' files may say `yes` or `on`.

use crate::config::reader::Node;

/// The boolean, or `None` if there is none, which is reported.
pub(super) fn boolean(node: &Node<'_>) -> Option<bool> {
    match node.value().as_str() {
        Some("y" | "Y" | "yes" | "Yes" | "YES" | "True" | "TRUE" | "on" | "On" | "ON") => Some(true),
        Some("n" | "N" | "no" | "No" | "NO" | "False" | "FALSE" | "off" | "Off" | "OFF") => Some(false),
        _ => node.boolean(),
    }
}
