//! `catalog`: prints the endpoints to probe, in formats for users, programs, spreadsheets, proxies and firewalls.

mod diff;
mod names;
mod options;
mod table;

use std::collections::BTreeSet;
use std::fmt::Display;

use serde::Serialize;

use crate::advice::apex_rule;
use crate::catalog::{CatalogVersion, Endpoint, current_version};
use crate::exit::ExitError;

pub use diff::{DiffOptions, render_diff};
pub use options::{CatalogCommand, CatalogFormat, CatalogOptions};

const COLUMNS: [&str; 12] = [
    "component",
    "pattern",
    "allow",
    "ports",
    "geo",
    "cloud",
    "method",
    "url",
    "expect",
    "basis",
    "confidence",
    "captured",
];

/// The endpoints in the given order; the table fits `width` columns.
///
/// # Errors
/// If they can't be serialized: a bug in the exporter.
pub fn render(endpoints: &[&Endpoint], format: CatalogFormat, width: usize) -> Result<String, ExitError> {
    let failed = |error: &dyn Display| ExitError::render("the catalog", error);
    match format {
        CatalogFormat::Table => Ok(table::render(endpoints, width)),
        CatalogFormat::Json => json(endpoints).map_err(|error| failed(&error)),
        CatalogFormat::Csv => {
            let bytes = csv(endpoints).map_err(|error| failed(&error))?;
            String::from_utf8(bytes).map_err(|error| failed(&error))
        }
        CatalogFormat::Urls => Ok(urls(endpoints)),
        CatalogFormat::Squid => Ok(names::squid(endpoints)),
        CatalogFormat::PanEdl => Ok(names::pan_edl(endpoints)),
        CatalogFormat::Fortinet => Ok(names::fortinet(endpoints)),
    }
}

/// Each URL that Defender needs, once: some belong to two components.
fn urls(endpoints: &[&Endpoint]) -> String {
    let mut seen = BTreeSet::new();
    let needed = endpoints.iter().filter(|endpoint| !endpoint.component.is_control());
    let urls = needed.map(|endpoint| endpoint.url.as_str()).filter(|url| seen.insert(*url));
    let urls: String = urls.flat_map(|url| [url, "\n"]).collect();
    let remarks: String = apex_rules(endpoints).iter().flat_map(|rule| ["# ", rule, "\n"]).collect();
    urls + &remarks
}

/// Remarks on the wildcards among the patterns, each once.
fn apex_rules(endpoints: &[&Endpoint]) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for rule in endpoints.iter().filter_map(|endpoint| apex_rule(endpoint)) {
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

fn row(endpoint: &Endpoint) -> [String; 12] {
    let ports: Vec<String> = endpoint.ports.iter().map(u16::to_string).collect();
    [
        endpoint.component.to_string(),
        endpoint.pattern.clone(),
        endpoint.names_to_allow().join(", "),
        ports.join(", "),
        endpoint.geo.map_or_else(String::new, |geo| geo.to_string()),
        endpoint.cloud.map_or_else(String::new, |cloud| cloud.to_string()),
        endpoint.method.to_string(),
        endpoint.url.to_string(),
        endpoint.expect.to_string(),
        endpoint.basis.to_string(),
        endpoint.confidence.to_string(),
        endpoint.captured.map_or_else(String::new, |captured| captured.to_string()),
    ]
}

/// The catalog for programs.
#[derive(Serialize)]
struct CatalogDocument<'a> {
    /// The version of the embedded catalog. The configuration may change and add endpoints.
    version: &'a CatalogVersion,
    endpoints: Vec<CatalogEntry<'a>>,
}

/// An endpoint with what follows from it.
#[derive(Serialize)]
struct CatalogEntry<'a> {
    /// The same in every version.
    id: String,
    /// Microsoft's page about the component's network requirements. Null for a company's own server.
    source: Option<&'a str>,
    #[serde(flatten)]
    endpoint: &'a Endpoint,
    /// The names that a firewall has to let through. None for the control, which Defender doesn't need.
    allow: Vec<&'a str>,
    /// A note on the pattern, or null.
    remark: Option<String>,
}

fn json(endpoints: &[&Endpoint]) -> serde_json::Result<String> {
    let entries = endpoints.iter().map(|endpoint| CatalogEntry {
        id: endpoint.id(),
        source: endpoint.component.page(),
        endpoint,
        allow: endpoint.names_to_allow(),
        remark: apex_rule(endpoint),
    });
    let document = CatalogDocument { version: current_version(), endpoints: entries.collect() };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

/// Without the control: a column of these rows becomes a firewall's list.
fn csv(endpoints: &[&Endpoint]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let needed = endpoints.iter().filter(|endpoint| !endpoint.component.is_control());
    let rows = std::iter::once(COLUMNS.map(str::to_owned)).chain(needed.map(|endpoint| row(endpoint)));
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;

    #[test]
    fn every_format_has_every_endpoint() {
        let endpoints: Vec<_> = embedded().endpoints.iter().collect();
        let needed: Vec<_> = endpoints.iter().filter(|endpoint| !endpoint.component.is_control()).collect();
        for format in [CatalogFormat::Table, CatalogFormat::Json, CatalogFormat::Csv, CatalogFormat::Urls] {
            let text = render(&endpoints, format, 80).expect("it can be written");
            let missing: Vec<_> = needed.iter().filter(|e| !text.contains(e.url.as_str())).collect();
            assert!(missing.is_empty(), "{format:?} lacks {missing:?}");
        }
    }

    /// A firewall team opens what these list.
    #[test]
    fn the_control_is_no_name_to_allow() {
        let endpoints: Vec<_> = embedded().endpoints.iter().collect();
        let control = "msftconnecttest";
        for format in [
            CatalogFormat::Csv,
            CatalogFormat::Urls,
            CatalogFormat::Squid,
            CatalogFormat::PanEdl,
            CatalogFormat::Fortinet,
        ] {
            let text = render(&endpoints, format, 80).expect("it can be written");
            assert!(!text.contains(control), "{format:?}: {text}");
        }
        for (format, words) in [
            (CatalogFormat::Table, "not needed by Defender: port 80\n"),
            (CatalogFormat::Json, "\"allow\": []"),
        ] {
            let text = render(&endpoints, format, 80).expect("it can be written");
            assert!(text.contains(control) && text.contains(words), "{format:?}: {text}");
        }
    }

    #[test]
    fn every_format_but_the_list_says_how_sure_an_answer_is() {
        let url = "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl";
        let endpoints: Vec<_> = embedded().endpoints.iter().filter(|e| e.url.as_str() == url).collect();
        for (format, words) in [
            (CatalogFormat::Table, "basis: A community, 2026-10\n"),
            (CatalogFormat::Json, "\"confidence\": \"A\",\n      \"captured\": \"2026-10\","),
            (CatalogFormat::Csv, ",community,A,2026-10\n"),
        ] {
            let text = render(&endpoints, format, 80).expect("it can be written");
            assert!(text.contains(words), "{format:?}: {text}");
        }
    }

    #[test]
    fn the_table_fits_the_terminal() {
        let endpoints: Vec<_> = embedded().endpoints.iter().collect();
        for width in [80, 100, 140, 200, 300] {
            let text = render(&endpoints, CatalogFormat::Table, width).expect("it can be written");
            let text = anstream::adapter::strip_str(&text).to_string();
            // A URL that is longer than the line stays whole.
            let long: Vec<_> = text.lines().filter(|line| line.chars().count() > width).collect();
            let is_url = |line: &&&str| line.trim_start().starts_with("http") && !line.trim().contains(' ');
            assert_eq!(long.iter().filter(is_url).count(), long.len(), "{width}: {long:#?}");
            assert!(width == 200 || text.starts_with(" COMPONENT") == (width > 200), "{width}: {text}");
        }
    }

    #[test]
    fn wildcards_list_their_bare_name() {
        let endpoints: Vec<_> = embedded().endpoints.iter().collect();
        for format in [CatalogFormat::Table, CatalogFormat::Json, CatalogFormat::Urls] {
            let text = render(&endpoints, format, 200).expect("it can be written");
            let rule = "`*.wdcp.microsoft.com` does not match `wdcp.microsoft.com` in many firewalls";
            assert!(text.contains(rule) && !text.contains("`*.wd.microsoft.com` does"), "{format:?}: {text}");
        }
        let rows = render(&endpoints, CatalogFormat::Csv, 80).expect("it can be written");
        assert!(rows.contains("\"*.wdcp.microsoft.com, wdcp.microsoft.com\""), "{rows}");
        let wdcp = endpoints.iter().find(|endpoint| endpoint.url.host() == "wdcp.microsoft.com").unwrap();
        assert_eq!(wdcp.names_to_allow(), ["*.wdcp.microsoft.com", "wdcp.microsoft.com"]);
        let lists = endpoints.iter().find(|endpoint| endpoint.pattern.contains("/pkiops/crl")).unwrap();
        assert_eq!((lists.names_to_allow(), lists.apex()), (vec!["www.microsoft.com"], None));
    }
}
