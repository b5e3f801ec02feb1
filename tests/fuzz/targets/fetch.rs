//! What is answered to a fetch: of a list, an issuer, an OCSP answer (by POST), a PAC script, a version feed; directly and by
//! proxies. The first byte chooses the way, its highest bit a POST.

use std::sync::LazyLock;

use bytes::Bytes;
use defender_exporter::catalog::ProbeUrl;
use defender_exporter::fetch::{Fetched, Validators, Wanted};

use super::lab::{Lab, TIMEOUT, endpoint};
use super::text::check_failure;

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let ways = ["components: [maps]", "proxy: \"http://{peer}\"", "proxy: \"socks5://{peer}\""];
    Lab::new(&ways, &[endpoint("http://plain.example/", Vec::new())])
});

static URL: LazyLock<ProbeUrl> = LazyLock::new(|| ProbeUrl::parse("http://plain.example/list.crl").unwrap());

/// The most that is accepted, in bytes.
const LIMIT: u64 = 2000;

pub fn run(bytes: &[u8]) {
    let Some((choice, answer)) = bytes.split_first() else { return };
    LAB.peer.say(answer);
    let fetcher = LAB.prober.fetcher(&LAB.plan.target(LAB.chosen(choice & 0x7f)).route);
    let body = (choice & 0x80 != 0).then(|| ("application/ocsp-request", Bytes::from_static(b"?")));
    let known = Validators::default();
    let wanted = Wanted { body, known: Some(&known), ..Wanted::of(&URL, LIMIT, TIMEOUT) };
    match LAB.runtime.block_on(fetcher.fetch(wanted)) {
        Ok(Fetched::Body { bytes, .. }) => assert!(bytes.len() as u64 <= LIMIT, "a body without end"),
        Ok(Fetched::NotModified) => {}
        Err(failure) => check_failure(&failure),
    }
}
