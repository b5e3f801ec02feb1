//! Resource limits of the machine: file descriptors, ports, CPU time. The exporter reports `internal`, keeps
//! answering, and recovers by itself.

mod descriptors;
mod ports;
mod stall;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use defender_exporter::catalog::{Component, Endpoint};
use defender_exporter::config::ConnectTo;

use crate::exporter::{endpoints, label, samples};
use crate::lab::dns::Answer;
use crate::lab::{Lab, host_port, named};

const SUCCESS: &str = "defender_probe_success";
const REASON: &str = "defender_probe_failure_reason";

/// Whether probes of an endpoint use DNS; the others have a fixed address.
fn is_named(endpoint: &Endpoint) -> bool {
    matches!(endpoint.component, Component::Maps | Component::Crl)
}

/// The defaults' Internet, some of it by name, and a configuration that leads there.
async fn internet(rhythm: &str) -> (Lab, PathBuf) {
    let lab = Lab::start_at(SystemTime::now()).await;
    let urls = lab.serve_all(endpoints());
    let mut connect_to = lab.connect_to(&urls);
    for endpoint in endpoints().into_iter().filter(|endpoint| is_named(endpoint)) {
        let addr: SocketAddr = lab.origin(&endpoint.url).addr();
        lab.dns.set("origin.lab", Answer::address(addr.ip()));
        connect_to.insert(host_port(&endpoint.url), ConnectTo::Name(named("origin.lab", addr.port())));
    }
    let file = lab.files().join("exporter.yaml");
    std::fs::write(&file, format!("{rhythm}\n{}", lab.yaml(&connect_to))).unwrap();
    (lab, file)
}

/// Whether every endpoint succeeds.
fn all_succeed(metrics: &str) -> bool {
    let seen = samples(metrics, SUCCESS);
    seen.len() == endpoints().len() && seen.iter().all(|(_, value)| *value > 0.5)
}

/// Whether every endpoint fails.
fn all_fail(metrics: &str) -> bool {
    let seen = samples(metrics, SUCCESS);
    seen.len() == endpoints().len() && seen.iter().all(|(_, value)| *value < 0.5)
}

/// The current phases and reasons.
fn reasons(metrics: &str) -> BTreeSet<(String, String)> {
    let failures = samples(metrics, REASON).into_iter();
    failures.map(|(labels, _)| (label(labels, "phase"), label(labels, "reason"))).collect()
}
