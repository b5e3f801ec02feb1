//! Malicious servers: failures have their reasons, memory stays flat, and other targets are unaffected.

use std::collections::BTreeSet;

use defender_exporter::catalog::{Endpoint, Method, Scheme};

use super::{Exporter, Key, REASON, endpoints, internet, key, keys, samples, successes};
use crate::lab::faults;
use crate::lab::origin::ALL_HOSTS;
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::{Reply, Response};
use crate::load::BRISK;

/// Where a flood is enough: on every host at once it would be this machine that fails.
const ONE_HOST: &str = "wdcp.microsoft.com";

/// What a TLS host does after the request, on which hosts, and what that is called.
fn attacks() -> Vec<(&'static str, Reply, &'static str, &'static str)> {
    vec![
        (ALL_HOSTS, faults::silent(), "request", "timeout"),
        (ALL_HOSTS, faults::garbage_head(), "request", "protocol"),
        (ONE_HOST, faults::flood_1xx(103), "request", "too_large"),
        (ALL_HOSTS, faults::endless_headers(), "request", "too_large"),
        (ALL_HOSTS, faults::big_body(100_000_000), "transfer", "too_large"),
        (ALL_HOSTS, faults::endless_body(), "transfer", "too_large"),
    ]
}

/// Whether an attack of these hosts meets the endpoint; the answer to a HEAD has no body to attack with, and where one byte is asked
/// for no more is read.
fn is_met(endpoint: &Endpoint, hosts: &str, phase: &str) -> bool {
    let url = &endpoint.url;
    url.scheme() == Scheme::Https
        && (hosts == ALL_HOSTS || hosts == url.host())
        && (phase != "transfer" || (endpoint.method != Method::Head && !endpoint.range))
}

/// Resident memory of a process, in MiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_servers_cost_no_memory_and_disturb_no_neighbour() {
    let (lab, file, all) = internet(BRISK).await;
    let exporter = Exporter::start(&file);
    exporter.until("success everywhere", |metrics| successes(metrics) == all).await;
    let before = resident(exporter.child.id());
    for (hosts, reply, phase, reason) in attacks() {
        lab.tls.heal();
        lab.tls.break_host(hosts, reply);
        let met: BTreeSet<Key> =
            endpoints().into_iter().filter(|e| is_met(e, hosts, phase)).map(key).collect();
        assert!(!met.is_empty(), "nobody is {hosts}");
        let because = format!("phase=\"{phase}\",reason=\"{reason}\"");
        let turned = |metrics: &str| {
            samples(metrics, REASON).iter().all(|(labels, _)| labels.contains(&because))
                && keys(metrics, REASON, |value| value > 0.5) == met
        };
        exporter.until(&because, turned).await;
    }
    let after = resident(exporter.child.id());
    assert!(after < before + 32, "{before} MiB before, {after} MiB after");
}

/// The behaviour of a proxy on CONNECT, and the expected reason.
fn proxy_attacks() -> Vec<(Reply, &'static str)> {
    vec![
        (faults::silent(), "timeout"),
        (faults::garbage_head(), "protocol"),
        (faults::flood_1xx(100), "too_large"),
        (faults::endless_headers(), "too_large"),
        (faults::huge_head(10_000_000), "too_large"),
    ]
}

/// A proxy attacks every probe of its route at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_proxy_affects_only_its_route() {
    let (lab, file, all) = internet(BRISK).await;
    let proxy = Proxy::start(Kind::Http, []);
    proxy.order(Order::Reply(Response::new(403).into()));
    let routes = "routes:\n  - { name: direct }\n  - { name: hostile, components: [maps], proxy:";
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{routes} \"http://{}\" }}\n{text}", proxy.addr())).unwrap();
    let exporter = Exporter::start(&file);
    let turned = |reason: &str| {
        let because = format!("phase=\"tunnel\",reason=\"{reason}\"");
        move |metrics: &str| {
            // The control follows its route, without a tunnel.
            let reasons = samples(metrics, REASON).into_iter();
            let reasons: Vec<_> = reasons.filter(|(labels, _)| !labels.contains("\"control\"")).collect();
            !reasons.is_empty()
                && reasons.iter().all(|(labels, _)| labels.contains("hostile") && labels.contains(&because))
                && successes(metrics) == all
        }
    };
    exporter.until("a route that is denied beside one that is sound", turned("denied")).await;
    let before = resident(exporter.child.id());
    for (reply, reason) in proxy_attacks() {
        proxy.order(Order::Reply(reply));
        exporter.until(reason, turned(reason)).await;
    }
    let after = resident(exporter.child.id());
    assert!(after < before + 32, "{before} MiB before, {after} MiB after");
    drop(lab);
}
