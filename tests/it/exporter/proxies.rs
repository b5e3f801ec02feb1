//! An exporter with two routes, one of which fails: each has its own probes, verdicts and messages.

use std::collections::BTreeSet;
use std::time::SystemTime;

use defender_exporter::catalog::{ProbeUrl, Scheme};
use defender_exporter::config::ConnectTo;

use super::{Exporter, REASON, SUCCESS, endpoints, label, run, samples};
use crate::lab::Lab;
use crate::lab::blackhole::Refusing;
use crate::lab::proxy::{Kind, Proxy};
use crate::load::BRISK;

/// The one host that the proxy can't reach either.
const LOST: &str = "wdcpalt.microsoft.com";

/// Where a proxy finds what the lab's Internet consists of: the endpoints, and the hosts that certificates point at.
pub fn names(lab: &Lab, urls: &[ProbeUrl]) -> Vec<(String, std::net::SocketAddr)> {
    let all = lab.connect_to(urls).into_iter();
    all.filter_map(|(from, to)| match to {
        ConnectTo::Address(to) => Some((from.to_string(), to)),
        ConnectTo::Name(_) => None,
    })
    .collect()
}

struct World {
    lab: Lab,
    proxy: Proxy,
    _refusing: Refusing,
    file: String,
}

/// Everything is refused, but to the proxy, which reaches all but one host.
async fn world() -> World {
    let lab = Lab::start_at(SystemTime::now()).await;
    let urls = lab.serve_all(endpoints());
    let known = names(&lab, &urls).into_iter().filter(|(host, _)| !host.starts_with(LOST));
    let proxy = Proxy::start(Kind::Http, known);
    let refusing = Refusing::new();
    let mut connect_to = lab.connect_to(&urls);
    for to in connect_to.values_mut() {
        *to = ConnectTo::Address(refusing.addr());
    }
    let routes = format!(
        "{BRISK}\nroutes:\n  - {{ name: direct }}\n  - {{ name: machine-proxy, proxy: \"http://{}\" }}\n",
        proxy.addr()
    );
    let file = lab.files().join("exporter.yaml");
    std::fs::write(&file, routes + &lab.yaml(&connect_to)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    World { lab, proxy, _refusing: refusing, file }
}

/// The samples of a metric by one route.
fn by_route<'a>(metrics: &'a str, name: &str, route: &str) -> Vec<(&'a str, f64)> {
    samples(metrics, name).into_iter().filter(|(labels, _)| label(labels, "route") == route).collect()
}

fn values(samples: &[(&str, f64)]) -> BTreeSet<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small whole numbers")]
    samples.iter().map(|(_, value)| *value as u64).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_route_has_its_own_truth() {
    let world = world().await;
    let exporter = Exporter::start(world.file.as_ref());
    let all = endpoints().len();
    let known = |metrics: &str| {
        let connected = by_route(metrics, "defender_maps_connected", "machine-proxy");
        // Everything else is as it is to be at the same moment: on a busy machine a probe may fail now and then.
        let succeed =
            by_route(metrics, SUCCESS, "machine-proxy").iter().filter(|(_, value)| *value > 0.5).count();
        samples(metrics, SUCCESS).len() == 2 * all
            && values(&connected) == BTreeSet::from([1])
            && succeed == all - 1
    };
    let metrics = exporter.until("both routes are probed, and one connects", known).await;

    assert_eq!(values(&by_route(&metrics, SUCCESS, "direct")), BTreeSet::from([0]));
    let refused = r#"phase="connect",reason="refused""#;
    let direct = by_route(&metrics, REASON, "direct");
    assert!(direct.len() == all && direct.iter().all(|(labels, _)| labels.contains(refused)), "{direct:?}");
    assert_eq!(values(&by_route(&metrics, "defender_maps_connected", "direct")), BTreeSet::from([0]));
    assert_eq!(values(&by_route(&metrics, "defender_component_available", "direct")), BTreeSet::from([0]));

    let lost: Vec<_> =
        by_route(&metrics, SUCCESS, "machine-proxy").into_iter().filter(|(_, value)| *value < 0.5).collect();
    assert!(lost.len() == 1 && lost[0].0.contains(LOST), "{lost:?}");
    let reasons = by_route(&metrics, REASON, "machine-proxy");
    assert!(
        reasons.len() == 1 && reasons[0].0.contains(r#"phase="tunnel",reason="bad_gateway""#),
        "{reasons:?}"
    );
    let available = by_route(&metrics, "defender_component_available", "machine-proxy");
    assert_eq!(values(&available), BTreeSet::from([1]));

    let status = "defender_proxy_connect_status_code";
    assert_eq!(by_route(&metrics, status, "direct"), []);
    let statuses = by_route(&metrics, status, "machine-proxy");
    let secure = endpoints().iter().filter(|endpoint| endpoint.url.scheme() == Scheme::Https).count();
    assert_eq!(statuses.len(), secure, "one for each CONNECT");
    for (labels, value) in statuses {
        let expected = if labels.contains(LOST) { 502.0 } else { 200.0 };
        assert!((value - expected).abs() < 0.5, "{labels} {value}");
    }
    let tunnels = samples(&metrics, "defender_probe_phase_duration_seconds");
    assert!(
        tunnels
            .iter()
            .all(|(labels, _)| !labels.contains(r#"phase="tunnel""#) || labels.contains("machine-proxy"))
    );
    let lists = by_route(&metrics, "defender_crl_fetch_success", "machine-proxy");
    assert!(!lists.is_empty() && values(&lists) == BTreeSet::from([1]), "{lists:?}");
    assert!(
        world.lab.dns.asked().is_empty(),
        "names are the proxy's to resolve: {:?}",
        world.lab.dns.asked()
    );
    assert!(world.proxy.asked().iter().any(|asked| asked.starts_with(LOST)));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_where_the_routes_disagree() {
    let world = world().await;
    let output = run(&["check", "--config.file", &world.file]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().any(|line| line.split_whitespace().any(|column| column == "ROUTE")), "{said}");
    let (_, disagreements) = said.split_once("\nRoutes disagree\n").unwrap_or_else(|| panic!("{said}"));
    let after = |words: &str| {
        let at = disagreements.find(words).unwrap_or_else(|| panic!("no {words:?}: {said}"));
        disagreements[at..].lines().nth(1).unwrap().trim().to_owned()
    };
    assert_eq!(
        after("  https://wdcp.microsoft.com/\n"),
        "direct: The connection was refused; machine-proxy: 503"
    );
    assert_eq!(
        after(&format!("  https://{LOST}/\n")),
        "direct: The connection was refused; machine-proxy: The proxy can't reach the endpoint"
    );
    assert!(said.contains("MAPS via direct, by SSLOptions\n  0 lost, 1 lost, 2 lost, 3 lost\n"), "{said}");
    let connected =
        "MAPS via machine-proxy, by SSLOptions\n  0 connected, 1 connected, 2 connected, 3 connected\n";
    assert!(said.contains(connected), "{said}");

    let output = run(&["check", "--format", "json", "--config.file", &world.file]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["endpoint"] == format!("https://{LOST}/") && entry["component"] == "maps");
    let ends: Vec<_> =
        found.map(|entry| (entry["route"].clone(), entry["last"]["failure"]["reason"].clone())).collect();
    assert_eq!(ends, [("direct".into(), "refused".into()), ("machine-proxy".into(), "bad_gateway".into())]);
}
