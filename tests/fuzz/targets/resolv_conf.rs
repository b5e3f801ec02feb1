//! Any bytes as resolv.conf, and as what the environment adds to it.

use std::time::Duration;

use defender_exporter::config::resolv_conf::{ResolvConf, ResolvEnvironment};

/// What resolv.conf(5) accepts at most.
const MOST: (usize, Duration, u8, u8) = (3, Duration::from_secs(30), 5, 15);

fn check(conf: &ResolvConf) {
    let ResolvConf { servers, search, ndots, timeout, attempts, .. } = conf;
    assert!((1..=MOST.0).contains(&servers.len()), "{conf:?}");
    assert!(*timeout <= MOST.1 && (1..=MOST.2).contains(attempts) && *ndots <= MOST.3, "{conf:?}");
    assert!(search.iter().all(|domain| !domain.is_empty() && !domain.ends_with('.')), "{conf:?}");
    for server in servers {
        assert!(server.scope.is_none() || server.address.is_ipv6(), "{conf:?}");
    }
    for index in 0..servers.len() {
        let own = conf.timeout_at(index);
        assert!((Duration::from_secs(1)..=MOST.1 * 4).contains(&own), "{index}: {conf:?}");
    }
}

pub fn run(file: &[u8]) {
    let none = ResolvEnvironment::default();
    let conf = ResolvConf::parse(file, &none);
    check(&conf);
    for line in
        [&b"\n# nameserver 192.0.2.1"[..], b"\n;options ndots:7", b"\n\xff", b"\n nameserver 192.0.2.1"]
    {
        assert_eq!(ResolvConf::parse(&[file, line].concat(), &none), conf, "{line:?} has no effect");
    }
    let text = || Some(String::from_utf8_lossy(file).into_owned());
    let environment = ResolvEnvironment { local_domain: text(), options: text(), host_name: text() };
    check(&ResolvConf::parse(b"", &environment));
    check(&ResolvConf::parse(file, &environment));
}
