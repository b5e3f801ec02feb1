//! The captured responses as a plain client receives them, and the catalog compared with them.

use std::collections::{BTreeMap, BTreeSet};

use defender_exporter::catalog::{self, Endpoint, Method, ProbeUrl, Trust};
use defender_exporter::config::ConnectTo;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::client::{converse, download, request, shake_hands};
use super::verifier;
use crate::lab::genuine::captured::{self, Body, Captured, Says};
use crate::lab::genuine::{authority_of, cabinet, version_feed};
use crate::lab::pki::pointers::{self, CRL_HOST};
use crate::lab::pki::{Authority, Flaw, Pki};
use crate::lab::{self, Lab, host_port};

async fn ask(lab: &Lab, url: &ProbeUrl, request: &[u8]) -> String {
    let text = if url.as_str().starts_with("https") {
        let stream = shake_hands(lab, url.host()).await.unwrap();
        converse(stream, request).await.0
    } else {
        converse(tokio::net::TcpStream::connect(lab.plain.addr()).await.unwrap(), request).await.0
    };
    assert!(!text.is_empty(), "{url}");
    text
}

fn parsed(url: &str) -> ProbeUrl {
    ProbeUrl::parse(url).unwrap()
}

/// Every captured URL with its row.
fn rows() -> Vec<(ProbeUrl, &'static Captured)> {
    captured::all().flat_map(|row| row.urls().into_iter().map(move |url| (parsed(&url), row))).collect()
}

#[tokio::test]
async fn every_captured_answer_is_given() {
    let lab = Lab::start().await;
    lab.serve_all(&catalog::embedded().endpoints);
    for (url, row) in rows() {
        let text = ask(&lab, &url, &request("GET", url.host(), url.path_and_query())).await;
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let parts = match row.says {
            Says::Answers(status, headers, _) => (status, headers, None),
            Says::Redirects(status, headers, to) => (status, headers, Some(to)),
            Says::Download(..) => continue, // below
        };
        let (status, headers, to) = parts;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{url}: {head}");
        let location = to.map(|to| ("Location", to));
        for (name, value) in headers.iter().copied().chain(location) {
            assert!(head.contains(&format!("{name}: {value}")), "{url} lacks {name}: {head}");
        }
        let Says::Answers(_, _, kind) = row.says else { continue };
        let found = match kind {
            Body::Empty => body.is_empty(),
            Body::Text(text) => body == text,
            Body::Html => body.contains("<html>"),
            Body::StorageError => body.contains("<Error><Code>InvalidQueryParameterValue</Code>"),
            Body::Feed => body.contains("<versions>") && body.contains("<engine>"),
            Body::Cabinet => body.starts_with("MSCF"),
            Body::CrlOf(issuer) => {
                let der = download(lab.plain.addr(), &url).await;
                let (_, list) = CertificateRevocationList::from_der(&der).unwrap();
                list.issuer().to_string().contains(issuer.name())
            }
            Body::Certificate(issuer) => {
                download(lab.plain.addr(), &url).await == lab.pki.certificate(issuer).as_ref()
            }
            Body::CrossSign => {
                let der = download(lab.plain.addr(), &url).await;
                X509Certificate::from_der(&der).is_ok() && der == lab.pki.cross_sign().as_ref()
            }
        };
        assert!(found, "{url}: {body}");
    }
}

#[tokio::test]
async fn a_download_gives_the_part_that_is_asked_for() {
    let lab = Lab::start().await;
    lab.serve_all(&catalog::embedded().endpoints);
    let downloads = rows().into_iter().filter(|(_, row)| matches!(row.says, Says::Download(..)));
    for (url, row) in downloads {
        let Says::Download(_, length) = row.says else { continue };
        let (host, path) = (url.host(), url.path_and_query());
        let head = ask(&lab, &url, &request("HEAD", host, path)).await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{url}: {head}");
        assert!(head.contains(&format!("Content-Length: {length}\r\n")), "{url}: {head}");
        let first = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=0-0\r\n\r\n");
        let part = ask(&lab, &url, first.as_bytes()).await;
        assert!(part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\nM"), "{url}: {part}");
        assert!(part.contains(&format!("Content-Range: bytes 0-0/{length}\r\n")), "{url}: {part}");
    }
}

/// The rows on the way of an endpoint's probe, and the status at its end.
fn followed(endpoint: &Endpoint) -> (Vec<&'static Captured>, u16) {
    let (mut url, mut passed) = (endpoint.url.clone(), Vec::new());
    loop {
        let row = lab::genuine::captured(url.as_str()).unwrap_or_else(|| panic!("{url} isn't captured"));
        passed.push(row);
        let follows = passed.len() <= usize::from(endpoint.follow_redirects);
        let status = match row.says {
            Says::Answers(status, ..) | Says::Redirects(status, ..) => status,
            Says::Download(..) if endpoint.range => 206,
            Says::Download(..) => {
                assert_eq!(endpoint.method, Method::Head, "{url} would be read whole");
                200
            }
        };
        match row.leads_from(&url).filter(|_| follows) {
            Some(next) => url = next,
            None => return (passed, status),
        }
    }
}

#[test]
fn the_catalog_is_held_to_the_captures() {
    let mut used = BTreeSet::new();
    for endpoint in &catalog::embedded().endpoints {
        let (passed, status) = followed(endpoint);
        assert!(endpoint.expect.allows(status), "{}: {status}, not {}", endpoint.url, endpoint.expect);
        // A chain of answers is as sure as the least sure of them.
        let sure = passed.iter().map(|row| row.confidence).max().unwrap();
        assert_eq!(endpoint.confidence, sure, "{}", endpoint.url);
        for row in passed {
            used.insert(row.url);
        }
    }
    let all: BTreeSet<_> = captured::all().map(|row| row.url).collect();
    assert_eq!(used, all, "an answer that nobody asks for");
}

#[test]
fn a_host_has_one_chain() {
    let mut known = BTreeMap::new();
    for (url, row) in rows() {
        let Some(by) = row.by else { continue };
        assert_eq!(*known.entry(url.host().to_owned()).or_insert(by), by, "{url}");
        assert_eq!(authority_of(url.host()), Some(by), "{url}");
    }
}

#[tokio::test]
async fn the_configuration_leads_into_the_lab() {
    let lab = Lab::start().await;
    let urls = ["https://maps.lab/x", "http://crl.lab/y"].map(|url| ProbeUrl::parse(url).unwrap());
    let config = lab.config(&urls);
    assert_eq!(config.resolver.servers, [lab.dns.addr()]);
    assert_eq!(config.tls.genuine_roots, lab.pki.roots());
    let address = |to: &ConnectTo| match to {
        ConnectTo::Address(address) => *address,
        ConnectTo::Name(name) => panic!("{name} is no address"),
    };
    let found = |url: &ProbeUrl| address(&config.connect_to[&host_port(url)]);
    assert_eq!(urls.each_ref().map(found), [lab.tls.addr(), lab.plain.addr()]);
    let pointed_at = ProbeUrl::parse(&format!("http://{CRL_HOST}/")).unwrap();
    assert_eq!(
        found(&pointed_at),
        lab.forwarder(CRL_HOST).addr(),
        "what certificates point at comes with it"
    );
    let yaml = lab.config_yaml(&urls);
    assert!(yaml.contains(&format!("  \"maps.lab:443\": \"{}\"\n", lab.tls.addr())), "{yaml}");
    let pem = std::fs::read_to_string(lab.roots_file()).unwrap();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), lab.pki.roots().len());
}

/// The catalog's own objects are what certificates of a lab may point at: one host, one forwarder, one list for both.
#[tokio::test]
async fn certificates_may_point_at_what_the_catalog_probes() {
    let lab = Lab::start_with(Pki::pointing(lab::now(), pointers::genuine())).await;
    let catalog = catalog::embedded();
    let objects = |endpoint: &&Endpoint| endpoint.trust == Trust::SignedObject;
    let probed: Vec<_> = catalog.endpoints.iter().filter(objects).collect();
    let urls = lab.serve_all(probed);
    for (issuer, pointers) in pointers::genuine() {
        for url in pointers.crl_urls().chain(&pointers.issuers) {
            assert!(urls.iter().any(|probed| probed.as_str() == url), "{url}");
        }
        for url in pointers.crl_urls() {
            let list = verifier::fetch(&lab, url).await;
            let (_, list) = CertificateRevocationList::from_der(&list).unwrap();
            assert!(list.issuer().to_string().contains(issuer.name()), "{url}: {}", list.issuer());
        }
    }
    let chain = lab.pki.identity("scan.lab", Authority::EccProduct2018, Flaw::None).cert.clone();
    let lists = verifier::lists(&lab, &chain).await;
    assert_eq!(verifier::with_lists(&lab, &chain, &lists), Ok(()));
}

#[test]
fn objects_have_their_shapes() {
    let cabinet = cabinet();
    assert_eq!(cabinet.len(), 36);
    assert_eq!(cabinet[8..12], 36_u32.to_le_bytes(), "cbCabinet is the file's length");
    assert_eq!(cabinet[24..26], [3, 1], "version 1.3");
    let feed = version_feed("1.2.3.4", "4.18.5.6", "1.400.1.0", lab::now());
    assert!(feed.contains("<signatures date=\"2026-11-24 00:00:00Z\">1.400.1.0</signatures>"), "{feed}");
}
