//! Port 80 is blocked, the first cause in Microsoft's document: real names, addresses and ports, behind a firewall.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use defender_exporter::app;
use defender_exporter::catalog::Scheme;
use defender_exporter_needs::needs;
use serde_json::Value;

use super::netns::{Network, alone};
use crate::exporter::{endpoints, run};
use crate::lab::Lab;
use crate::lab::dns::Answer;
use crate::lab::pki::pointers::CRL_HOST;

/// Where all names lead: an address for documentation (RFC 5737), here the network's own.
const INTERNET: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The defaults.
const EVERYTHING: &str = "";

/// How long `check` may take where packets are dropped. A fetch takes ten seconds to fail there, and a certificate has three
/// sources, one after another.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The lab as the Internet: the configuration only names its DNS server.
struct World {
    network: Network,
    lab: Lab,
}

impl World {
    async fn new(network: Network) -> Self {
        network.add(&format!("{INTERNET}/32"));
        let lab = Lab::start_at(SystemTime::now()).await;
        lab.serve_all(endpoints());
        lab.dns.set_default(Answer::address(INTERNET));
        Self { network, lab }
    }

    /// The ports of the web lead to the lab's origins, past a firewall that does this with port 80.
    fn set(&self, verdict: &str) {
        let (tls, plain) = (self.lab.tls.addr().port(), self.lab.plain.addr().port());
        self.network.set(&format!(
            "chain firewall {{ type filter hook output priority raw; tcp dport 80 counter {verdict}; }}\n\
             chain internet {{ type nat hook output priority -100;\n\
             ip daddr {INTERNET} tcp dport 443 redirect to :{tls}\n\
             ip daddr {INTERNET} tcp dport 80 redirect to :{plain}\n}}"
        ));
    }

    /// A configuration with these keys.
    fn config(&self, keys: &str) -> PathBuf {
        let file = self.lab.files().join("exporter.yaml");
        let yaml = self.lab.yaml(&BTreeMap::new()).replace("connect_to:\n", "timeout: 6s\n");
        std::fs::write(&file, yaml + keys).unwrap();
        file
    }

    /// The output of `check`, and its exit code.
    fn run_check(&self, keys: &str, format: &str) -> (Option<i32>, String) {
        let file = self.config(keys);
        let output = run(&["check", "--format", format, "--config.file", file.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// The URLs that are probed by a scheme.
    fn probed(&self, keys: &str, scheme: Scheme) -> BTreeSet<String> {
        let app::Loaded { plan, .. } = app::load(Some(&self.config(keys))).unwrap();
        let urls = plan.defender().map(|target| &target.endpoint.url);
        urls.filter(|url| url.scheme() == scheme).map(|url| url.as_str().to_owned()).collect()
    }
}

/// The URLs of the endpoints that fail, all so, and of those that don't.
fn by_failure(report: &Value, phase: &str, reason: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let endpoints = report["endpoints"].as_array().unwrap().iter();
    let (sound, failing): (Vec<_>, Vec<_>) =
        endpoints.partition(|endpoint| endpoint["last"]["failure"].is_null());
    let so = |endpoint: &&&Value| {
        let failure = &endpoint["last"]["failure"];
        failure["phase"] == phase && failure["reason"] == reason
    };
    assert_eq!(failing.iter().filter(so).count(), failing.len(), "{failing:#?}");
    let urls = |of: Vec<&Value>| of.iter().map(|one| one["endpoint"].as_str().unwrap().to_owned()).collect();
    (urls(failing), urls(sound))
}

/// Whether clients with the options 0 to 3 are connected, and why not.
fn maps(report: &Value) -> Vec<(bool, Option<&str>)> {
    let clients = report["maps"][0]["clients"].as_array().unwrap().iter();
    clients.map(|client| (client["connected"].as_bool().unwrap(), client["reason"].as_str())).collect()
}

/// Blocks port 80 so, and holds the report to what an administrator would call right.
fn check(world: &World, keys: &str, verdict: &str, reason: &str) {
    world.set(verdict);
    let (code, report) = world.run_check(keys, "json");
    assert!(world.network.hits() > 0, "{verdict}: nothing met the firewall");
    let report: Value = serde_json::from_str(&report).unwrap();
    let (failing, sound) = by_failure(&report, "connect", reason);
    assert_eq!(failing, world.probed(keys, Scheme::Http), "{verdict}");
    assert_eq!(sound, world.probed(keys, Scheme::Https), "{verdict}: they don't need port 80");

    let (connected, lost) = ((true, None), (false, Some("revocation_unknown")));
    assert_eq!(maps(&report), [connected, lost, connected, lost], "{verdict}");
    assert_eq!(code, Some(2), "{verdict}");
    let crls = report["crls"].as_array().unwrap();
    let blocked = |crl: &&Value| crl["failure"]["phase"] == "connect" && crl["failure"]["reason"] == reason;
    assert!(!crls.is_empty(), "{verdict}");
    assert_eq!(crls.iter().filter(blocked).count(), crls.len(), "{verdict}: {crls:#?}");
}

#[needs("namespaces")]
#[test]
fn maps_answers_and_clients_that_check_revocation_are_lost() {
    let test = concat!(module_path!(), "::maps_answers_and_clients_that_check_revocation_are_lost");
    alone(test, async |network| {
        let world = World::new(network).await;
        world.set("accept");
        let (code, report) = world.run_check(EVERYTHING, "json");
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(maps(&serde_json::from_str(&report).unwrap()), [(true, None); 4]);

        check(&world, EVERYTHING, "reject with tcp reset", "refused");
        check(&world, EVERYTHING, "reject with icmpx admin-prohibited", "unreachable");
        let (_, said) = world.run_check(EVERYTHING, "table");
        let url = format!("the CRL http://{CRL_HOST}/");
        for words in ["0 connected, 1 lost, 2 connected, 3 lost", &url, "can't be fetched", "0x80072F8F"] {
            assert!(said.contains(words), "{words:?} is not in: {said}");
        }
    });
}

#[needs("namespaces")]
#[test]
fn a_firewall_that_drops_gives_the_same_picture() {
    alone(concat!(module_path!(), "::a_firewall_that_drops_gives_the_same_picture"), async |network| {
        let world = World::new(network).await;
        let start = Instant::now();
        check(&world, EVERYTHING, "drop", "timeout");
        let took = start.elapsed();
        println!("check took {took:?}");
        assert!(
            took < TEST_TIMEOUT,
            "each host that doesn't answer is waited for once, not for each chain: {took:?}"
        );
    });
}
