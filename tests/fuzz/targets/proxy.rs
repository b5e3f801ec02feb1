//! Responses of a proxy: to CONNECT, to SOCKS, in place of TLS, in place of an origin, with authentication and
//! refusals. The first byte selects the route and the request.

use std::sync::LazyLock;

use super::lab::{Lab, endpoint};
use super::probe::check;
use super::text::{SECRET, file};

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let proxies = [
        "proxy: \"http://{peer}\"",
        "proxy: \"socks5://{peer}\"",
        "proxy: \"https://{peer}\"",
        "proxy: \"http://{peer}\", username: user, password_file: FILE",
        "proxy: \"socks5://{peer}\", username: user, password_file: FILE",
    ];
    let file = file(SECRET.as_bytes());
    let proxies = proxies.map(|way| way.replace("FILE", &format!("\"{}\"", file.path().display())));
    let proxies: Vec<_> = proxies.iter().map(String::as_str).collect();
    let urls = ["https://secure.example/", "http://plain.example/"];
    Lab::new(&proxies, &urls.map(|url| endpoint(url, Vec::new())))
});

pub fn run(bytes: &[u8]) {
    let Some((choice, answer)) = bytes.split_first() else { return };
    LAB.peer.say(answer);
    let observation = LAB.runtime.block_on(LAB.prober.probe(LAB.chosen(*choice)));
    check(&observation);
    let proxy = observation.facts.proxy.as_deref();
    assert!(proxy.is_some_and(|proxy| !proxy.contains("user")), "{proxy:?}");
}
