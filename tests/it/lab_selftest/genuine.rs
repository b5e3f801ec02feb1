//! The answers that the lab derives from the catalog, seen by a client that doesn't judge them.

use defender_exporter::catalog::{
    self, Basis, BodyKind, Component, Endpoint, Evidence, Expectation, HostPattern, Method, ProbeUrl, Trust,
};
use defender_exporter::config::ConnectTo;
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use super::client::{converse, download, get, request, shake_hands};
use super::judge;
use crate::lab::genuine::{REDIRECTED, cabinet, version_feed};
use crate::lab::pki::pointers::{self, CRL_HOST};
use crate::lab::pki::{Authority, Flaw, Issuer, Pki};
use crate::lab::{self, Lab, host_port};

fn endpoint(url: &str, expect: &[u16], evidence: &[Evidence]) -> Endpoint {
    Endpoint {
        component: Component::Update,
        pattern: "*.lab".to_owned(),
        ports: vec![443],
        url: ProbeUrl::parse(url).unwrap(),
        method: Method::Get,
        expect: if expect.is_empty() { Expectation::Any } else { Expectation::OneOf(expect.to_vec()) },
        basis: Basis::Inferred,
        evidence: evidence.to_vec(),
        trust: if url.starts_with("https") { Trust::Microsoft } else { Trust::Plain },
        may_be_inspected: false,
        geo: None,
        serves: None,
        follow_redirects: 1,
        interval: None,
        timeout: None,
    }
}

async fn fetch(lab: &Lab, url: &ProbeUrl) -> String {
    let text = if url.as_str().starts_with("https") {
        let stream = shake_hands(lab, url.host()).await.unwrap();
        converse(stream, &request("GET", url.host(), url.path_and_query())).await.0
    } else {
        get(lab.plain.addr(), url.host(), url.path_and_query()).await.0
    };
    assert!(!text.is_empty(), "{url}");
    text
}

#[tokio::test]
async fn each_evidence_is_given() {
    let header =
        |name: &str, prefix: &str| Evidence::Header { name: name.to_owned(), prefix: prefix.to_owned() };
    let redirect = Evidence::Redirect(HostPattern("*.updates.lab".to_owned()));
    let xml = |root: &str| Evidence::Body(BodyKind::Xml(root.to_owned()));
    // The endpoint, and what its answer must contain.
    let cases = [
        (endpoint("https://any.lab/soap", &[], &[]), vec!["HTTP/1.1 200 "]),
        (endpoint("http://status.lab/", &[403, 404], &[Evidence::Status]), vec!["HTTP/1.1 403 "]),
        (
            endpoint(
                "https://blob.lab/",
                &[400],
                &[header("x-ms-request-id", ""), header("server", "Blob/")],
            ),
            vec!["HTTP/1.1 400 ", "x-ms-request-id: ", "server: Blob/"],
        ),
        (
            endpoint("https://feed.lab/?action=info", &[200], &[xml("versions")]),
            vec!["<versions>", "<engine>"],
        ),
        (endpoint("https://xml.lab/", &[200], &[xml("other")]), vec!["<other/>"]),
        (
            endpoint("http://cab.lab/x.cab", &[200], &[Evidence::Body(BodyKind::Cabinet)]),
            vec!["\r\n\r\nMSCF"],
        ),
        (
            endpoint("https://go.lab/fwlink/?id=1", &[200], &[redirect]),
            vec!["HTTP/1.1 302 ", "Location: https://updates.lab/lab-redirected\r\n"],
        ),
    ];
    let lab = Lab::start().await;
    let urls = lab.serve_all(cases.iter().map(|(endpoint, _)| endpoint));
    for (endpoint, parts) in &cases {
        let text = fetch(&lab, &endpoint.url).await;
        for part in parts {
            assert!(text.contains(part), "{}: {part:?} is not in {text}", endpoint.url);
        }
    }
    let target = urls.iter().find(|url| url.path_and_query() == REDIRECTED).unwrap();
    assert!(fetch(&lab, target).await.starts_with("HTTP/1.1 200 "), "where the redirect leads");
}

#[tokio::test]
async fn a_crl_survives_the_way_through_http() {
    let lab = Lab::start().await;
    let crl = endpoint("http://crl.lab/ca.crl", &[200], &[Evidence::Body(BodyKind::Crl)]);
    lab.serve(&crl);
    let body = download(lab.plain.addr(), &crl.url).await;
    assert!(CertificateRevocationList::from_der(&body).is_ok_and(|(rest, _)| rest.is_empty()));
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
    assert_eq!(found(&pointed_at), lab.gate(CRL_HOST).addr(), "what certificates point at comes with it");
    let yaml = lab.config_yaml(&urls);
    assert!(yaml.contains(&format!("  \"maps.lab:443\": \"{}\"\n", lab.tls.addr())), "{yaml}");
    let pem = std::fs::read_to_string(lab.roots_file()).unwrap();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), lab.pki.roots().len());
}

#[tokio::test]
async fn signed_objects_are_of_those_that_they_are_named_for() {
    let of = |name: &str, body| endpoint(&format!("http://www.lab/{name}"), &[200], &[Evidence::Body(body)]);
    let cases = [
        (
            "pkiops/Microsoft%20Update%20Secure%20Server%20CA%202.1",
            Issuer::Intermediate(Authority::Microsoft2011),
        ),
        ("pki/MicRooCerAut2011_2011_03_22", Issuer::Root(Authority::Microsoft2011)),
        ("DigiCertGlobalRootG2", Issuer::Root(Authority::DigicertG2)),
    ];
    let lab = Lab::start().await;
    for (name, issuer) in cases {
        let crl = of(&format!("{name}.crl"), BodyKind::Crl);
        let certificate = of(&format!("{name}.crt"), BodyKind::Certificate);
        lab.serve_all([&crl, &certificate]);
        let der = download(lab.plain.addr(), &certificate.url).await;
        assert_eq!(der, lab.pki.certificate(issuer).as_ref(), "{name}");
        let der = download(lab.plain.addr(), &crl.url).await;
        let (_, crl) = CertificateRevocationList::from_der(&der).unwrap();
        assert!(crl.issuer().to_string().contains(issuer.name()), "{name}: {}", crl.issuer());
    }
}

/// The catalog's own objects are what certificates of a lab may point at: one host, one gate, one list for both.
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
            let list = judge::fetch(&lab, url).await;
            let (_, list) = CertificateRevocationList::from_der(&list).unwrap();
            assert!(list.issuer().to_string().contains(issuer.name()), "{url}: {}", list.issuer());
        }
    }
    let chain = lab.pki.identity("maps.lab", Authority::Microsoft2011, Flaw::None).cert.clone();
    let lists = judge::lists(&lab, &chain).await;
    assert_eq!(judge::with_lists(&lab, &chain, &lists), Ok(()));
}

#[test]
fn objects_have_their_shapes() {
    let cabinet = cabinet();
    assert_eq!(cabinet.len(), 36);
    assert_eq!(cabinet[8..12], 36_u32.to_le_bytes(), "cbCabinet is the file's length");
    assert_eq!(cabinet[24..26], [3, 1], "version 1.3");
    let feed = version_feed("1.2.3.4", "4.18.5.6", "1.400.1.0", "2026-11-23 20:00:00Z");
    assert!(feed.contains("<signatures date=\"2026-11-23 20:00:00Z\">1.400.1.0</signatures>"), "{feed}");
}
