//! `update_sources`: where the clients of this network update from.

use std::collections::HashSet;

use super::reader::{Mapping, Node};
use super::values::{quoted, shown_url};
use super::{Config, RequestKey};
use crate::catalog::{Component, ListedSource, ProbeUrl, UpdateSource, UrlError};

/// The maximum number of sources.
const MAX_SOURCES: usize = 16;

/// The sources whose endpoints the catalog has.
const OF_MICROSOFT: [UpdateSource; 2] = [UpdateSource::MicrosoftUpdate, UpdateSource::Adl];

/// The sources that a company runs, which have an address.
const OF_COMPANY: [UpdateSource; 3] =
    [UpdateSource::InternalServer, UpdateSource::FileShare, UpdateSource::ConnectedCache];

/// `update_sources`, at least one that suffices, each once.
pub(super) fn read(node: Node<'_>) -> Option<Vec<ListedSource>> {
    match node.value().as_array().map_or(1, Vec::len) {
        0 => node.problem("the list is empty: at least one update source"),
        found if found > MAX_SOURCES => node.problem(format!("{found} sources: at most {MAX_SOURCES}")),
        _ => {}
    }
    let (mut sources, mut seen) = (Vec::new(), HashSet::new());
    let (path, mut all_read) = (node.path().to_owned(), true);
    let mut report = None;
    for node in node.list()? {
        let (path, collector) = (node.path().to_owned(), node.report());
        report = Some(collector);
        let Some(listed) = source(node) else {
            all_read = false;
            continue;
        };
        if !seen.insert((listed.source, listed.address.as_ref().map(RequestKey::new))) {
            collector.add(path, format!("{} is listed twice", shown(&listed)));
        }
        sources.push(listed);
    }
    if let (true, Some(report)) = (all_read, report)
        && !sources.iter().any(|listed| listed.source.suffices())
    {
        let problem = "a cache knows no updates: list the source that its clients ask for them, too";
        report.add(path, problem.to_owned());
    }
    Some(sources)
}

/// One source: the name of one of Microsoft's, or the name and address of one that the company runs.
fn source(node: Node<'_>) -> Option<ListedSource> {
    if node.value().is_object() {
        return on_premises_source(node.mapping()?);
    }
    let text = node.value().as_str().unwrap_or_default();
    if let Some(source) = OF_COMPANY.iter().find(|source| source.as_str() == text) {
        let example = if *source == UpdateSource::FileShare {
            r"'\\server\share'"
        } else {
            "http://server.example:8530"
        };
        node.problem(format!("{text} needs an address: \"{source}: {example}\""));
        return None;
    }
    let found = OF_MICROSOFT.iter().find(|source| source.as_str() == text);
    if found.is_none() {
        let (names, own) = (OF_MICROSOFT.map(UpdateSource::as_str), OF_COMPANY.map(UpdateSource::as_str));
        let (names, own) = (names.join(", "), own.join(", "));
        node.problem(format!("{} is not one of {names}, nor one of {own} with an address", node.shown()));
    }
    found.copied().map(ListedSource::from_catalog)
}

fn on_premises_source(mut mapping: Mapping<'_>) -> Option<ListedSource> {
    let mut found = Vec::new();
    for source in OF_COMPANY {
        if let Some(node) = mapping.take(source.as_str()) {
            found.push((source, node));
        }
    }
    if found.len() != 1 {
        let names = OF_COMPANY.map(UpdateSource::as_str).join(", ");
        mapping.problem(format!("each entry is one source with its address, one of {names}"));
    }
    mapping.finish();
    let [(source, node)] = <[_; 1]>::try_from(found).ok()?;
    let text = node.text()?;
    let address = match source {
        UpdateSource::FileShare => ProbeUrl::parse_folder(text).map_err(|why| folder_problem(&why)),
        _ => address(source, text),
    };
    let address = address.map_err(|why| node.problem(format!("{} {why}", shown_url(text))));
    Some(ListedSource { source, address: Some(address.ok()?) })
}

fn folder_problem(why: &UrlError) -> String {
    match why {
        UrlError::Folder | UrlError::Length(_) => format!("is {why}"),
        _ => format!("is not a folder: {why}"),
    }
}

/// The address of a server: scheme, host and port.
fn address(source: UpdateSource, text: &str) -> Result<ProbeUrl, String> {
    let address = ProbeUrl::parse(text).map_err(|why| format!("can't be probed: {why}"))?;
    if address.path_and_query() != "/" {
        let path = quoted(address.path_and_query());
        return Err(format!("is not the address of a server alone: leave out {path}"));
    }
    ListedSource::urls(source, &address).map_err(|why| format!("can't be probed: {why}"))?;
    Ok(address)
}

fn shown(listed: &ListedSource) -> String {
    match &listed.address {
        Some(address) => format!("{} {address}", listed.source),
        None => listed.source.to_string(),
    }
}

/// The source that probes a component, if it isn't listed.
pub(super) fn unlisted(component: Component, config: &Config) -> Option<UpdateSource> {
    let source = UpdateSource::ALL.iter().copied().find(|source| source.component() == component)?;
    (!config.update_sources.iter().any(|listed| listed.source == source)).then_some(source)
}
