//! A real TLS inspector in front of the lab's MAPS is detected, whether or not the machine trusts its CA.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use defender_exporter::app;
use defender_exporter::catalog::{Component, Endpoint, ProbeUrl, embedded};
use defender_exporter::clock::Clock;
use defender_exporter::observation::{FailureReason as R, Observation, Phase};
use defender_exporter::revocation::UndeterminedCause;
use defender_exporter::state::Snapshot;
use defender_exporter::verdict::MapsConnection;
use defender_exporter_needs::needs;

use super::mitmproxy::Mitmproxy;
use super::tools;
use crate::exporter::{Exporter, endpoints, label, run, samples};
use crate::lab::{Lab, divert};

/// Who is between the exporter and MAPS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inspector {
    Nobody,
    /// One that this machine's administrator made it trust.
    Trusted,
    Stranger,
}

/// What is to be found: of each endpoint of MAPS, and of clients with the options 0 to 3.
struct Found {
    reason: Option<R>,
    verified: bool,
    intercepted: bool,
    /// A word of who issued the leaf.
    issuer: &'static str,
    /// Why revocation isn't known.
    unknown: Option<UndeterminedCause>,
    lost: [Option<R>; 4],
}

const GENUINE: Found = Found {
    reason: None,
    verified: true,
    intercepted: false,
    issuer: "Lab ",
    unknown: None,
    lost: [None; 4],
};

const INSPECTED: Found = Found {
    reason: Some(R::Intercepted),
    intercepted: true,
    issuer: "mitmproxy",
    // Its certificates name no list and no responder.
    unknown: Some(UndeterminedCause::NoSource),
    lost: [None, Some(R::RevocationUnknown), Some(R::Intercepted), Some(R::Intercepted)],
    ..GENUINE
};

const REFUSED: Found = Found {
    reason: Some(R::UnknownIssuer),
    verified: false,
    issuer: "mitmproxy",
    lost: [Some(R::UnknownIssuer); 4],
    ..GENUINE
};

/// The lab's MAPS, and what leads there by way of the inspector.
struct World {
    lab: Lab,
    mitmproxy: Mitmproxy,
}

fn maps() -> impl Iterator<Item = &'static Endpoint> {
    endpoints().into_iter().filter(|endpoint| endpoint.component == Component::Maps)
}

impl World {
    async fn start(mitmdump: &Path) -> Self {
        let lab = Lab::start_at(SystemTime::now()).await; // the inspector makes its certificates by the real clock
        lab.serve_all(maps());
        let mitmproxy = Mitmproxy::before(lab.tls.addr(), mitmdump).await;
        Self { lab, mitmproxy }
    }

    /// A configuration that probes MAPS alone.
    fn config(&self, inspector: Inspector) -> PathBuf {
        let urls: Vec<ProbeUrl> = maps().map(|endpoint| endpoint.url.clone()).collect();
        let mut connect_to = self.lab.connect_to(&urls);
        if inspector != Inspector::Nobody {
            connect_to.extend(urls.iter().map(|url| divert(url, self.mitmproxy.addr())));
        }
        let mut yaml = self.lab.yaml(&connect_to);
        if inspector == Inspector::Trusted {
            let roots = format!("tls:\n  extra_roots: [\"{}\"]\n", self.mitmproxy.authority().display());
            yaml = yaml.replace("tls:\n", &roots);
        }
        yaml.push_str("components:\n");
        let others = embedded().components.iter().filter(|c| c.component != Component::Maps && !c.optional);
        yaml.extend(others.map(|other| format!("  {}: {{ enabled: false }}\n", other.component)));
        let file = self.lab.files().join(format!("{inspector:?}.yaml"));
        std::fs::write(&file, yaml).unwrap();
        file
    }

    /// What one round of probes finds.
    async fn probe(&self, inspector: Inspector) -> Snapshot {
        app::check_once(app::set_up(Some(&self.config(inspector)), Clock::System).unwrap(), |_| {}).await
    }

    /// The names that the requests of the origin came for: that of TLS, that of HTTP.
    fn asked(&self) -> Vec<(String, String)> {
        let requests = self.lab.tls.requests();
        requests.into_iter().map(|request| (request.sni.unwrap_or_default(), request.host)).collect()
    }
}

async fn check(world: &World, inspector: Inspector, expected: &Found) {
    let snapshot = world.probe(inspector).await;
    assert_eq!(snapshot.defender().count(), maps().count());
    for (_, target, state) in snapshot.iter() {
        let name = format!("{} by {inspector:?}", target.endpoint.url);
        let last = state.last.as_deref().unwrap();
        is_seen(&name, last, expected);
        let unknown = state.revocation.as_ref().and_then(|report| report.cause());
        assert_eq!(unknown, expected.unknown, "{name}: {:?}", state.revocation);
        assert_eq!(state.revocation.is_some(), expected.verified, "{name}");
    }
    let lost = snapshot.maps.iter().map(|maps| match (&maps.connection, maps.connection.unserved()) {
        (MapsConnection::Connected, _) => None,
        // All needs, for the same reason.
        (_, [first, rest @ ..])
            if first.phase == Phase::Tls && rest.iter().all(|of| of.reason == first.reason) =>
        {
            Some(first.reason)
        }
        (other, _) => panic!("{inspector:?}: {}: {other:?}", maps.options),
    });
    assert_eq!(lost.collect::<Vec<_>>(), expected.lost, "{inspector:?}, by SSLOptions");
}

fn is_seen(name: &str, probe: &Observation, expected: &Found) {
    let failure = probe.failure.as_ref().map(|failure| (failure.phase, failure.reason));
    assert_eq!(failure, expected.reason.map(|reason| (Phase::Tls, reason)), "{name}: {probe:?}");
    let tls = probe.facts.tls.as_ref().unwrap();
    assert_eq!((tls.verified, tls.intercepted), (expected.verified, expected.intercepted), "{name}: {tls:?}");
    assert!(tls.chain[0].issuer.contains(expected.issuer), "{name}: {tls:?}");
    let root = tls.root.as_deref().map(|root| root.contains(expected.issuer));
    assert_eq!(root, expected.verified.then_some(true), "{name}: {tls:?}");
    assert!(tls.version.is_some() && tls.cipher.is_some(), "{name}: {tls:?}");
    let genuine = probe.facts.http.as_ref().map(|http| http.genuine);
    assert_eq!(genuine, expected.verified.then_some(true), "{name}: the answer behind it");
}

#[needs("mitmdump")]
#[tokio::test(flavor = "multi_thread")]
async fn an_inspector_is_told_apart_from_the_genuine_service() {
    let mitmdump = tools::find("mitmdump");
    let world = World::start(&mitmdump).await;

    check(&world, Inspector::Stranger, &REFUSED).await;
    assert_eq!(world.asked(), [], "nothing is asked over a chain that isn't trusted");

    check(&world, Inspector::Nobody, &GENUINE).await;
    let directly = world.asked();
    check(&world, Inspector::Trusted, &INSPECTED).await;
    let through = world.asked().split_off(directly.len());
    assert_eq!(through.len(), maps().count(), "{}", world.mitmproxy.said());
    assert!(through.iter().all(|names| directly.contains(names)), "{through:?} as {directly:?}");
}

#[needs("mitmdump")]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_that_tls_is_inspected() {
    let mitmdump = tools::find("mitmdump");
    let world = World::start(&mitmdump).await;
    let cases: [(Inspector, i32, &[&str]); 3] = [
        (Inspector::Nobody, 0, &["0 connected, 1 connected, 2 connected, 3 connected"]),
        (
            Inspector::Trusted,
            2,
            &[
                "0 connected, 1 lost, 2 lost, 3 lost",
                "TLS is inspected",
                "issued by",
                "CN=mitmproxy",
                "tls.intercepted",
            ],
        ),
        (Inspector::Stranger, 2, &["0 lost, 1 lost, 2 lost, 3 lost", "tls.unknown_issuer"]),
    ];
    for (inspector, code, words) in cases {
        let file = world.config(inspector);
        let output = run(&["check", "--config.file", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{inspector:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{inspector:?}: {word:?} is not in: {said}");
        }
        assert_eq!(said.contains("TLS is inspected"), inspector == Inspector::Trusted, "{said}");
    }
}

#[needs("mitmdump")]
#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_say_who_inspects_and_which_clients_are_lost() {
    let mitmdump = tools::find("mitmdump");
    let world = World::start(&mitmdump).await;
    let exporter = Exporter::start(&world.config(Inspector::Trusted));
    let connected = |metrics: &str| -> Vec<bool> {
        samples(metrics, "defender_maps_connected").iter().map(|(_, value)| *value > 0.5).collect()
    };
    let judged = |metrics: &str| {
        samples(metrics, "defender_tls_intercepted").len() == maps().count() && connected(metrics).len() == 4
    };
    let metrics = exporter.until("a verdict", judged).await;
    assert_eq!(connected(&metrics), [true, false, false, false]);
    let lost = samples(&metrics, "defender_maps_disconnected_reason");
    let mut lost: Vec<_> =
        lost.iter().map(|(of, _)| [label(of, "ssl_options"), label(of, "reason")]).collect();
    lost.dedup(); // the same of each need
    assert_eq!(lost, [["1", "revocation_unknown"], ["2", "intercepted"], ["3", "intercepted"]]);
    for name in ["defender_tls_intercepted", "defender_tls_verified"] {
        assert!(samples(&metrics, name).iter().all(|(_, value)| *value > 0.5), "{name}: {metrics}");
    }
    let info = samples(&metrics, "defender_tls_info");
    assert_eq!(info.len(), maps().count());
    assert!(info.iter().all(|(labels, _)| label(labels, "issuer").contains("mitmproxy")), "{info:?}");
}
