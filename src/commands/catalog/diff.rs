//! `catalog diff`: what changed in the embedded catalog since a version, for whoever keeps a firewall's rules.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::catalog::{CatalogRelease, CatalogVersion, Change, changes_since, current_version};
use crate::commands::wrap::wrap_to;
use crate::exit::ExitError;

/// How the changes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The flags.
#[derive(Clone, Debug, Args)]
pub struct DiffOptions {
    /// A catalog version, as `catalog --format json` and the metric `defender_catalog_info` name it.
    #[arg(long, value_name = "VERSION")]
    pub since: String,
    /// Output format.
    #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
    pub format: DiffFormat,
}

#[derive(Serialize)]
struct DiffDocument<'a> {
    since: &'a str,
    version: &'a CatalogVersion,
    /// The versions after `since`, the newest first.
    releases: &'a [CatalogRelease],
}

/// The changes since a version; text fits `width` columns.
///
/// # Errors
/// If the version isn't known.
pub fn render_diff(options: &DiffOptions, width: usize) -> Result<String, ExitError> {
    let releases = changes_since(&options.since).map_err(|unknown| format!("--since: {unknown}"))?;
    let document = DiffDocument { since: options.since.trim(), version: current_version(), releases };
    match options.format {
        DiffFormat::Text => Ok(text(&document, width)),
        DiffFormat::Json => {
            let json = serde_json::to_string_pretty(&document);
            Ok(json.map_err(|error| ExitError::render("the catalog's changes", &error))? + "\n")
        }
    }
}

fn text(document: &DiffDocument<'_>, width: usize) -> String {
    if document.releases.is_empty() {
        return format!("No changes: {} is the current version\n", document.version);
    }
    let mut text = String::new();
    for CatalogRelease { version, reason, changes } in document.releases {
        text.push_str(&wrap_to(width, &format!("{version}: {reason}"), "", "  "));
        for change in changes {
            let id = &change.id;
            // A String can always be written to.
            let _ = match &change.change {
                Change::Added(properties) => {
                    let of = |name: &str| properties.get(name).map_or("", String::as_str);
                    writeln!(text, "  added    {id}: {}, ports {}", of("pattern"), of("ports"))
                }
                Change::Removed(_) => writeln!(text, "  removed  {id}"),
                Change::Changed(properties) => properties.iter().try_for_each(|(name, value)| {
                    writeln!(text, "  changed  {id}: {name} {} -> {}", value.from, value.to)
                }),
            };
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_change_has_its_line() {
        let releases: Vec<CatalogRelease> = serde_saphyr::from_str(
            r#"
            - version: "2030-01-02"
              reason: Microsoft moved a host.
              changes:
                - { id: "maps:https://a.example/", change: { added: { pattern: "*.a.example", ports: "[443]" } } }
                - { id: "maps:https://b.example/", change: { removed: { pattern: b.example } } }
                - { id: "maps:https://c.example/", change: { changed: { expect: { from: "404", to: "[404,503]" } } } }
            "#,
        )
        .expect("good");
        let document =
            DiffDocument { since: "2030-01-01", version: &releases[0].version, releases: &releases };
        let expected = "2030-01-02: Microsoft moved a host.\n\
                        \x20 added    maps:https://a.example/: *.a.example, ports [443]\n\
                        \x20 removed  maps:https://b.example/\n\
                        \x20 changed  maps:https://c.example/: expect 404 -> [404,503]\n";
        assert_eq!(text(&document, 80), expected);

        let nothing = DiffDocument { releases: &[], ..document };
        assert_eq!(text(&nothing, 80), "No changes: 2030-01-02 is the current version\n");
    }

    #[test]
    fn an_unknown_version_is_named() {
        let options = DiffOptions { since: "0.1.0".to_owned(), format: DiffFormat::Json };
        let error = render_diff(&options, 80).expect_err("no version").to_string();
        assert!(error.starts_with("--since: catalog version \"0.1.0\" is not known; known are: "), "{error}");
    }
}
