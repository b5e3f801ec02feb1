//! Responses to fetches: of CRLs, issuers, OCSP responses (by POST), PAC scripts and version feeds, directly and through
//! proxies. The first byte selects the route; its highest bit selects POST.

use std::sync::LazyLock;

use bytes::Bytes;
use defender_exporter::catalog::ProbeUrl;
use defender_exporter::net::fetch::{FetchRequest, Fetched, RequestBody, Validators};

use super::lab::{Lab, TIMEOUT, endpoint};
use super::text::check_failure;

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let routes = ["components: [maps]", "proxy: \"http://{peer}\"", "proxy: \"socks5://{peer}\""];
    Lab::new(&routes, &[endpoint("http://plain.example/", Vec::new())])
});

static URL: LazyLock<ProbeUrl> = LazyLock::new(|| ProbeUrl::parse("http://plain.example/list.crl").unwrap());

/// The size limit of a body, in bytes.
const LIMIT: u64 = 2000;

pub fn run(bytes: &[u8]) {
    let Some((choice, answer)) = bytes.split_first() else { return };
    LAB.peer.say(answer);
    let fetcher = LAB.prober.fetcher(&LAB.plan.target(LAB.chosen(choice & 0x7f)).route);
    let query = || RequestBody { content_type: "application/ocsp-request", bytes: Bytes::from_static(b"?") };
    let body = (choice & 0x80 != 0).then(query);
    let known = Validators::default();
    let request = FetchRequest { body, known: Some(&known), ..FetchRequest::get(&URL, LIMIT, TIMEOUT) };
    match LAB.runtime.block_on(fetcher.fetch(request)) {
        Ok(Fetched::Body { bytes, .. }) => assert!(bytes.len() as u64 <= LIMIT, "a body over the limit"),
        Ok(Fetched::NotModified) => {}
        Err(failure) => check_failure(&failure),
    }
}
