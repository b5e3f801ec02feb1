//! Responses of an origin to a probe: HTTP with redirects, bodies of every kind of evidence, bytes in place of TLS.
//! The first byte selects the endpoint.

use std::sync::LazyLock;

use defender_exporter::catalog::{BodyKind, ExpectedEvidence, HostPattern};
use defender_exporter::observation::Observation;

use super::lab::{Lab, endpoint};
use super::text::{check_failure, check_shown};

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let header = ExpectedEvidence::Header { name: "etag".to_owned(), prefix: "\"0x".to_owned() };
    let kinds = [
        vec![ExpectedEvidence::Status],
        vec![header],
        vec![ExpectedEvidence::Redirect(HostPattern("*.microsoft.com".to_owned()))],
        vec![ExpectedEvidence::Body(BodyKind::Crl)],
        vec![ExpectedEvidence::Body(BodyKind::Certificate)],
        vec![ExpectedEvidence::Body(BodyKind::Cabinet)],
        vec![ExpectedEvidence::Body(BodyKind::Gif)],
        vec![ExpectedEvidence::Body(BodyKind::WebService)],
        vec![ExpectedEvidence::Status, ExpectedEvidence::Body(BodyKind::Xml("versions".to_owned()))],
        vec![ExpectedEvidence::Body(BodyKind::Text("Microsoft".to_owned()))],
    ];
    let plain = kinds.into_iter().map(|evidence| endpoint("http://plain.example/a?b", evidence));
    let endpoints: Vec<_> = plain.chain([endpoint("https://secure.example/", Vec::new())]).collect();
    Lab::new(&["components: [maps]"], &endpoints)
});

pub fn run(bytes: &[u8]) {
    let Some((choice, answer)) = bytes.split_first() else { return };
    LAB.peer.say(answer);
    let observation = LAB.runtime.block_on(LAB.prober.probe(LAB.chosen(*choice)));
    check(&observation);
}

pub fn check(observation: &Observation) {
    let facts = &observation.facts;
    if let Some(failure) = &observation.failure {
        check_failure(failure);
    }
    if let Some(http) = &facts.http {
        assert!(http.body_bytes <= 1 << 20, "a body without end");
        assert!((100..=999).contains(&http.status) && http.redirects <= 2);
        http.server.iter().chain(&http.location).for_each(|text| check_shown(text));
        assert!(observation.failure.is_some() || http.genuine, "a success that isn't genuine");
    }
    let tls = facts.tls.as_ref();
    assert!(tls.is_none_or(|tls| !tls.verified), "a chain that nobody signed");
    assert!(tls.is_none() || observation.failure.is_some(), "a success over no TLS");
}
