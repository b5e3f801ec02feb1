//! The lab's servers fail and recover one after another: the right endpoints fail with the right reason, and
//! recover completely.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use defender_exporter::catalog::{Component, Endpoint, Scheme};
use defender_exporter::config::ConnectTo;

use super::{Exporter, Key, REASON, SUCCESS, endpoints, key, keys, label, samples};
use crate::lab::dns::Answer;
use crate::lab::{Lab, host_port, named};

const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(4);
/// What may be added until a series has turned beside what is measured of the machine.
const SLACK: Duration = Duration::from_secs(3);

const STATUS: &str = "defender_http_status_code";

/// A server of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Tls,
    Plain,
    Dns,
}

/// The defaults' Internet, with names of its own for some of its hosts, and the exporter that probes it.
struct World {
    lab: Lab,
    exporter: Exporter,
}

/// Whether probes of an endpoint use DNS; the others have a fixed address.
fn is_named(endpoint: &Endpoint) -> bool {
    matches!(endpoint.component, Component::Maps | Component::Crl)
}

impl World {
    async fn start() -> Self {
        let lab = Lab::start_at(SystemTime::now()).await;
        let urls = lab.serve_all(endpoints());
        let mut connect_to = lab.connect_to(&urls);
        for endpoint in endpoints().into_iter().filter(|endpoint| is_named(endpoint)) {
            let addr = lab.origin(&endpoint.url).addr();
            lab.dns.set("origin.lab", Answer::address(addr.ip()));
            let to = ConnectTo::Name(named("origin.lab", addr.port()));
            connect_to.insert(host_port(&endpoint.url), to);
        }
        let file = lab.files().join("exporter.yaml");
        let rhythm = format!("interval: {INTERVAL:?}\ntimeout: {TIMEOUT:?}\n");
        std::fs::write(&file, rhythm + &lab.yaml(&connect_to)).unwrap();
        let exporter = Exporter::start(&file);
        Self { lab, exporter }
    }

    async fn stop(&self, server: Server) {
        match server {
            Server::Tls => self.lab.tls.stop().await,
            Server::Plain => self.lab.plain.stop().await,
            Server::Dns => self.lab.dns.stop().await,
        }
    }

    async fn restart(&self, server: Server) {
        match server {
            Server::Tls => self.lab.tls.restart().await,
            Server::Plain => self.lab.plain.restart().await,
            Server::Dns => self.lab.dns.restart().await,
        }
    }

    /// Scrapes until the condition is true, at the latest after the next probes of all endpoints.
    async fn soon(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let (start, disturbance) = (Instant::now(), self.exporter.disturbance());
        let metrics = self.exporter.until(what, holds).await;
        let took = start.elapsed();
        let limit = INTERVAL + TIMEOUT + SLACK + disturbance.so_far();
        assert!(took < limit, "{what}: took {took:?}, {disturbance}");
        metrics
    }
}

/// Whether an endpoint can't do without a server.
fn needs(endpoint: &Endpoint, server: Server) -> bool {
    match server {
        Server::Tls => endpoint.url.scheme() == Scheme::Https,
        Server::Plain => endpoint.url.scheme() == Scheme::Http,
        Server::Dns => is_named(endpoint),
    }
}

/// Stops a server, and holds that exactly the endpoints that need it fail, for that reason; then the same backwards.
async fn check(world: &World, server: Server, phase: &str, reason: &str) {
    let all: BTreeSet<Key> = endpoints().into_iter().map(key).collect();
    let hit: BTreeSet<Key> = endpoints().into_iter().filter(|e| needs(e, server)).map(key).collect();
    assert!(!hit.is_empty() && hit.len() < all.len(), "{server:?} tells nothing apart");

    world.stop(server).await;
    let because = format!("phase=\"{phase}\",reason=\"{reason}\"");
    let turned = |metrics: &str| {
        // A probe that was under way may have seen the end in another phase: the next one hasn't.
        samples(metrics, REASON).iter().all(|(labels, _)| labels.contains(&because))
            && keys(metrics, REASON, |value| value > 0.5) == hit
    };
    let metrics = world.soon(&format!("{server:?} is gone"), turned).await;
    assert_eq!(keys(&metrics, SUCCESS, |value| value < 0.5), hit, "{server:?}");
    let answered: BTreeSet<Key> = all.difference(&hit).cloned().collect();
    assert_eq!(keys(&metrics, STATUS, |_| true), answered, "{server:?}: a status without an answer");
    holds_its_verdicts(&metrics, &hit);

    world.restart(server).await;
    let healed = |metrics: &str| keys(metrics, SUCCESS, |value| value > 0.5) == all;
    let metrics = world.soon(&format!("{server:?} is back"), healed).await;
    assert_eq!(samples(&metrics, REASON), [], "{server:?}: a failure stays behind");
    assert_eq!(keys(&metrics, STATUS, |_| true), all, "{server:?}");
    holds_its_verdicts(&metrics, &BTreeSet::new());
}

/// A component of which everything fails is lost, one of which nothing fails isn't.
fn holds_its_verdicts(metrics: &str, hit: &BTreeSet<Key>) {
    let verdicts = samples(metrics, "defender_component_available");
    assert!(!verdicts.is_empty());
    for (labels, value) in verdicts {
        let component = label(labels, "component");
        let own: Vec<_> = endpoints().into_iter().map(key).filter(|(of, _)| *of == component).collect();
        match own.iter().filter(|key| hit.contains(key)).count() {
            0 => assert!(value > 0.5, "{component} lacks nothing"),
            lost if lost == own.len() => assert!(value < 0.5, "{component} lacks everything"),
            _ => {} // what a component can do without is `verdict`'s business
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_turns_its_series_and_what_heals_clears_them() {
    let world = World::start().await;
    let all: BTreeSet<Key> = endpoints().into_iter().map(key).collect();
    let sound = |metrics: &str| keys(metrics, SUCCESS, |value| value > 0.5) == all;
    world.exporter.until("success everywhere", sound).await;
    for (server, phase, reason) in [
        (Server::Tls, "connect", "refused"),
        (Server::Plain, "connect", "refused"),
        (Server::Dns, "resolve", "unreachable"),
    ] {
        check(&world, server, phase, reason).await;
    }
}
