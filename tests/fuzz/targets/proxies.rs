//! Any bytes as the environment's proxy variables, as `no_proxy` rules, and as Windows' bypass list. The input's
//! lines: a proxy URL, rules, a host.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use defender_exporter::config::{Environment, NoProxy, RouteProxy, parse};

use super::text::{SECRET, check_problems};

const CONFIG: &str = "routes: [{ name: r, from_environment: true }]";

pub fn run(bytes: &[u8]) {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let [url, rules, host] = [lines.next(), lines.next(), lines.next()].map(Option::unwrap_or_default);
    of_environment(url, rules);
    let (rules, host) = (String::from_utf8_lossy(rules), String::from_utf8_lossy(host));
    let (mut own, mut windows) = (NoProxy::default(), NoProxy::default());
    for rule in rules.split([',', ';', ' ']) {
        let before = own.clone();
        assert!(own.add(rule).is_ok() || own == before, "a rule that is refused counts");
        windows.add_windows_rule(rule);
    }
    let port = u16::try_from(host.len()).unwrap_or(443);
    for list in [own, windows] {
        let found = list.matches(&host, port);
        assert_eq!(
            found,
            list.matches(&host.to_ascii_uppercase(), port),
            "capitals matter: {host:?} {list:?}"
        );
    }
}

fn of_environment(url: &[u8], rules: &[u8]) {
    if url.contains(&0) || rules.contains(&0) {
        return; // no variable has that in it
    }
    let [url, rules] = [url, rules].map(OsStr::from_bytes);
    let environment = Environment::new(&[("all_proxy", url), ("no_proxy", rules)], None);
    match parse("fuzz.yaml", CONFIG, Path::new("/nonexistent"), &environment) {
        Ok(config) => {
            let RouteProxy::Proxies(proxies) = &config.routes[0].via else { panic!("{config:?}") };
            let Some(proxy) = &proxies.https else { return };
            assert!(proxy.at.port != 0 && !proxy.at.host.is_empty(), "{}", proxy.at);
            assert!(
                !format!("{config:?}").contains(SECRET) || rules.as_bytes().len() > 6,
                "a password can be printed"
            );
        }
        Err(problems) => check_problems(&problems),
    }
}
