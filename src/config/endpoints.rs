//! `endpoints` and `block_pages`: lists whose entries use the catalog's format.

use std::collections::HashSet;

use hyper::header::HeaderName;

use super::reader::{Mapping, Node};
use super::values::{INTERVAL, TIMEOUT, host_pattern, quoted, shown_url};
use super::{EndpointOverride, RequestKey};
use crate::catalog::{
    BlockPage, BodyKind, Component, Expectation, ExpectedEvidence, HostPattern, Method, ProbeUrl, Scheme,
    Trust,
};

/// `endpoints`. Duplicate URLs of a component are rejected.
pub(super) fn overrides(node: Node<'_>) -> Option<Vec<EndpointOverride>> {
    let mut overrides = Vec::new();
    let mut seen = HashSet::new();
    for node in node.list()? {
        let path = node.path().to_owned();
        let Some(mapping) = node.mapping() else { continue };
        let report = mapping.report();
        let Some(found) = override_entry(&path, mapping) else { continue };
        if !seen.insert((found.component, RequestKey::new(&found.url))) {
            let problem = format!("{} {} is listed twice", found.component, found.url);
            report.add(format!("{path}.url"), problem);
        }
        overrides.push(found);
    }
    Some(overrides)
}

/// The values of `trust` for certificate chains.
const OF_CHAINS: [Trust; 3] = [Trust::Microsoft, Trust::Public, Trust::Any];

/// Reads one entry. Returns `None` if component or URL are missing or invalid; all keys are read nevertheless.
fn override_entry(path: &str, mut mapping: Mapping<'_>) -> Option<EndpointOverride> {
    let report = mapping.report();
    // A control of the company's own would show the Internet where there is none.
    let known: Vec<_> = Component::of_defender().collect();
    let component = mapping.require("component").and_then(|node| node.word(&known, Component::as_str));
    let url = mapping.require("url").and_then(|node| url_to_probe(&node));
    let expect = mapping.take("expect").and_then(expectation);
    let method = mapping.take("method").and_then(|node| node.word(Method::ALL, Method::as_str));
    let evidence = mapping.take("evidence").and_then(|node| node.distinct(evidence));
    let trust = mapping.take("trust").and_then(|node| node.word(&OF_CHAINS, Trust::as_str));
    let serves = mapping.take("serves").and_then(|node| node.text().map(str::to_owned));
    let enabled = mapping.take("enabled").and_then(|node| node.boolean());
    let interval = mapping.take("interval").and_then(|node| node.duration(&INTERVAL));
    let timeout = mapping.take("timeout").and_then(|node| node.duration(&TIMEOUT));
    mapping.finish();
    let (component, url) = (component?, url?);
    if trust.is_some() && url.scheme() == Scheme::Http {
        report.add(format!("{path}.trust"), "a plain http URL has no certificate to trust".to_owned());
    }
    Some(EndpointOverride {
        component,
        url,
        expect,
        method,
        evidence,
        trust,
        serves,
        enabled,
        interval,
        timeout,
    })
}

/// A URL to probe.
pub(super) fn url_to_probe(node: &Node<'_>) -> Option<ProbeUrl> {
    let text = node.text()?;
    let url = ProbeUrl::parse(text);
    url.map_err(|why| node.problem(format!("{} can't be probed: {why}", shown_url(text)))).ok()
}

/// `any`, a status, or a list of statuses.
fn expectation(node: Node<'_>) -> Option<Expectation> {
    const ACCEPTED: &str = "any, a status or a list of statuses";
    if let Some(text) = node.value().as_str() {
        if text != "any" {
            node.problem(format!("{} is not {ACCEPTED}", quoted(text)));
            return None;
        }
        return Some(Expectation::Any);
    }
    if node.value().is_array() {
        return node.filled_distinct("status", |entry| status(&entry)).map(Expectation::OneOf);
    }
    status(&node).map(|status| Expectation::OneOf(vec![status]))
}

fn status(node: &Node<'_>) -> Option<u16> {
    node.integer(100, 599).and_then(|status| u16::try_from(status).ok())
}

/// One piece of evidence. Read by hand, since serde would ignore an unknown key below `header`: a misspelled `prefix`
/// would make every value genuine.
fn evidence(node: Node<'_>) -> Option<ExpectedEvidence> {
    if node.value().get("header").is_some() {
        return header_evidence(node.mapping()?);
    }
    match serde_json::from_value(node.value().clone()) {
        Ok(evidence) => sound(evidence).map_err(|why| node.problem(why)).ok(),
        Err(error) => {
            node.problem(format!("is not valid evidence: {error}"));
            None
        }
    }
}

fn header_evidence(mut mapping: Mapping<'_>) -> Option<ExpectedEvidence> {
    let header = mapping.take("header").and_then(Node::mapping);
    mapping.finish();
    let mut header = header?;
    let name = header.require("name").and_then(|node| node.parsed(header_name));
    let prefix = header.take("prefix").map(|node| node.text().map(str::to_owned));
    header.finish();
    Some(ExpectedEvidence::Header { name: name?, prefix: prefix.unwrap_or(Some(String::new()))? })
}

/// Checks what the types don't.
fn sound(evidence: ExpectedEvidence) -> Result<ExpectedEvidence, String> {
    match evidence {
        ExpectedEvidence::Redirect(HostPattern(pattern)) => match host_pattern(&pattern) {
            Ok(pattern) => Ok(ExpectedEvidence::Redirect(HostPattern(pattern))),
            Err(why) => Err(format!("redirect: {} {why}", quoted(&pattern))),
        },
        ExpectedEvidence::Body(BodyKind::Xml(text) | BodyKind::Text(text)) if text.trim().is_empty() => {
            Err("body: the value is empty and would match every answer".to_owned())
        }
        sound => Ok(sound),
    }
}

/// A header name (RFC 9110, section 5.1), in lower case.
fn header_name(text: &str) -> Result<String, String> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is not a header name")?;
    Ok(name.as_str().to_owned())
}

/// `block_pages`.
pub(super) fn block_pages(node: Node<'_>) -> Option<Vec<BlockPage>> {
    node.distinct(|node| {
        let path = node.path().to_owned();
        block_page(&path, node.mapping()?)
    })
}

fn block_page(path: &str, mut mapping: Mapping<'_>) -> Option<BlockPage> {
    let report = mapping.report();
    let text = |node: Node<'_>| node.text().map(str::to_owned);
    let name = mapping.require("name").and_then(text);
    let header = mapping.take("header").map(|node| node.parsed(header_name));
    let header_contains = mapping.take("header_contains").map(text);
    let body_contains = mapping.take("body_contains").map(text);
    mapping.finish();
    if header.is_none() && body_contains.is_none() {
        report.add(path.to_owned(), "needs header or body_contains".to_owned());
    }
    if header.is_none() && header_contains.is_some() {
        report.add(format!("{path}.header_contains"), "needs header".to_owned());
    }
    Some(BlockPage {
        name: name?,
        header: header.flatten(),
        header_contains: header_contains.flatten(),
        body_contains: body_contains.flatten(),
    })
}
