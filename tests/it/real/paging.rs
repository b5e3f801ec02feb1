//! Who is paged by what: outages of the lab, seen by running exporters, through the shipped rules and routes, to a webhook.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::stack::{Alert, Outage, Scrape, Site, Stack, Tools};

/// What a loaded machine may add to an outage's slowest alert, which takes a minute of the copy's time.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long it has to stay at that: a quarter of an hour of the shipped files.
const CALM: Duration = Duration::from_secs(15);

/// A message that must come: to whom, the alert with its labels beside job and instance, and words of its text.
struct Expected {
    receiver: &'static str,
    alert: &'static str,
    labels: &'static [(&'static str, &'static str)],
    says: &'static [&'static str],
}

const DIRECT: (&str, &str) = ("route", "direct");
const CRITICAL: (&str, &str) = ("severity", "critical");
const WARNING: (&str, &str) = ("severity", "warning");
const MAPS: (&str, &str) = ("component", "maps");

/// What fires beside that and is silenced by it.
const fn silenced(outage: Outage) -> &'static [&'static str] {
    match outage {
        Outage::CrlBlocked => &["DefenderMapsConnectionLost", "DefenderCrlFetchFailing"],
        Outage::ProxyDemands => &["DefenderMapsConnectionLost", "DefenderUpdateSourceUnavailable"],
        Outage::UpdatesRefused => &["DefenderEndpointsFailing"],
        _ => &[],
    }
}

/// Exactly what is heard of an outage.
fn expected(outage: Outage) -> Vec<Expected> {
    match outage {
        Outage::None => vec![],
        Outage::MapsRefused => vec![Expected {
            receiver: "page",
            alert: "DefenderMapsConnectionLost",
            labels: &[MAPS, DIRECT, CRITICAL],
            says: &[
                "MAPS is lost for Defender clients at maps-refused by route direct",
                "comes nearest: connect: refused. Failing: https://",
                "https://wdcp.microsoft.com/ (connect: refused), https://wdcpalt.microsoft.com/ (connect: refused).",
                "What to change: allow the MAPS hosts in the firewall on port 443",
                "explain connect.refused",
            ],
        }],
        Outage::CrlBlocked => vec![
            Expected {
                receiver: "page",
                alert: "DefenderMapsRevocationBlocked",
                labels: &[MAPS, DIRECT, CRITICAL],
                says: &[
                    "revocation can't be checked at crl-blocked",
                    "(connect: refused)",
                    "plain HTTP on port 80",
                ],
            },
            Expected {
                receiver: "tickets",
                alert: "DefenderEndpointsFailing",
                labels: &[("component", "crl"), DIRECT, WARNING],
                says: &["the component as a whole does not work", "http://", "(connect: refused)"],
            },
        ],
        Outage::Intercepted => vec![
            Expected {
                receiver: "page",
                alert: "DefenderMapsConnectionLost",
                labels: &[MAPS, DIRECT, CRITICAL],
                says: &[
                    "tls: intercepted",
                    "exempt the MAPS hosts from TLS inspection",
                    "explain tls.intercepted",
                ],
            },
            Expected {
                receiver: "tickets",
                alert: "DefenderTlsIntercepted",
                labels: &[MAPS, DIRECT, WARNING],
                says: &[
                    "TLS of maps is inspected at intercepted",
                    "https://wdcp.microsoft.com/",
                    "Lab Inspection CA",
                ],
            },
        ],
        Outage::ProxyDemands => vec![
            Expected {
                receiver: "page",
                alert: "DefenderRouteLost",
                labels: &[("route", "machine-proxy"), CRITICAL],
                says: &["at proxy-demands by route machine-proxy", "tunnel: auth_required"],
            },
            Expected {
                receiver: "tickets",
                alert: "DefenderProxyAuthenticationRequired",
                labels: &[("route", "machine-proxy"), WARNING],
                says: &[
                    "407 by route machine-proxy",
                    "let machine accounts through the proxy",
                    "adl, crl, maps, update",
                ],
            },
        ],
        Outage::UpdatesRefused => {
            let ticket = |labels, says| Expected {
                receiver: "tickets",
                alert: "DefenderUpdateSourceUnavailable",
                labels,
                says,
            };
            vec![
                ticket(
                    &[("component", "update"), ("source", "microsoft_update"), DIRECT, WARNING],
                    &["can't be had from Microsoft Update and Windows Update", "(connect: refused)"],
                ),
                ticket(
                    &[("component", "adl"), ("source", "adl"), DIRECT, WARNING],
                    &["can't be had from the alternate download location", "(connect: refused)"],
                ),
            ]
        }
        Outage::Killed => vec![Expected {
            receiver: "page",
            alert: "DefenderExporterDown",
            labels: &[CRITICAL],
            says: &["defender-exporter at killed is down", "see whether the service runs"],
        }],
    }
}

type Labels = BTreeMap<String, String>;

impl Expected {
    fn labels(&self, site: &Site) -> Labels {
        let own = [("alertname", self.alert), ("job", "defender"), ("instance", site.name())];
        let all = own.iter().chain(self.labels);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }
}

/// What was heard of a site, by receiver and labels: of this status. A silenced alert that ends with the one that silenced it
/// is told as resolved with that: Alertmanager doesn't remember that nobody had heard of it.
fn heard<'a>(all: &'a [(String, Alert)], site: &str, status: &str) -> BTreeSet<(&'a str, &'a Labels)> {
    let told =
        |alert: &Alert| all.iter().any(|(_, other)| other.status == "firing" && other.labels == alert.labels);
    let own = all.iter().filter(|(_, alert)| alert.labels["instance"] == site && alert.status == status);
    let own = own.filter(|(_, alert)| told(alert));
    own.map(|(receiver, alert)| (receiver.as_str(), &alert.labels)).collect()
}

/// Waits until of each site exactly this was heard, and for a while more.
async fn settle(stack: &Stack, sites: &[Site], status: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut right_since: Option<Instant> = None;
    while right_since.is_none_or(|since| since.elapsed() < CALM) {
        let all = stack.webhook.heard();
        let mut wrong = sites.iter().filter_map(|site| difference(&all, site, status)).peekable();
        if wrong.peek().is_some() {
            assert!(
                right_since.is_none() && Instant::now() < deadline,
                "{status}: {:#?}\nof all that was heard: {all:#?}",
                wrong.collect::<Vec<_>>()
            );
        } else {
            right_since.get_or_insert_with(Instant::now);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What is missing of a site, and what is too much; none if it is as expected.
fn difference(all: &[(String, Alert)], site: &Site, status: &str) -> Option<String> {
    let expected: Vec<_> = expected(site.outage()).iter().map(|of| (of.receiver, of.labels(site))).collect();
    let expected: BTreeSet<_> = expected.iter().map(|(receiver, labels)| (*receiver, labels)).collect();
    let heard = heard(all, site.name(), status);
    let missing: Vec<_> = expected.difference(&heard).collect();
    let other: Vec<_> = heard.difference(&expected).collect();
    (heard != expected).then(|| format!("{}: missing {missing:#?}, heard {other:#?}", site.name()))
}

/// The texts of the messages say what broke, why and what to change.
fn check_texts(stack: &Stack, sites: &[Site]) {
    let all = stack.webhook.heard();
    for site in sites {
        for expected in expected(site.outage()) {
            let labels = expected.labels(site);
            let (_, alert) = all.iter().find(|(_, alert)| alert.labels == labels).unwrap();
            let text = format!("{}\n{}", alert.annotations["summary"], alert.annotations["description"]);
            assert!(expected.says.iter().all(|words| text.contains(words)), "{:?}: {text}", expected.says);
            assert!(!text.contains("<no value>") && !text.contains("error"), "{text}");
            let runbook = format!("alerts/RUNBOOK.md#{}", expected.alert.to_lowercase());
            assert_eq!(alert.annotations["runbook_url"], runbook);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_outage_pages_once_for_the_right_thing_and_resolves() {
    let Some(tools) = Tools::find() else { return };
    let mut sites = Vec::new();
    for outage in Outage::ALL {
        sites.push(Site::start(outage).await);
    }
    let stack = Stack::start(&tools, &sites.iter().collect::<Vec<_>>()).await;
    // By each route of each site but the one whose lists are blocked.
    stack.until("route:defender_maps_connected:default == 1", sites.len(), PATIENCE).await;
    let revocation =
        r#"group({__name__=~"defender_crl_.+|defender_tls_revocation_.+", instance="updates-refused"})"#;
    stack.until(revocation, 0, PATIENCE).await;

    for site in &mut sites {
        site.break_it().await;
    }
    settle(&stack, &sites, "firing").await;
    check_texts(&stack, &sites);
    for outage in Outage::ALL {
        for alert in silenced(outage) {
            let fires =
                format!("alertname=\"{alert}\", alertstate=\"firing\", instance=\"{}\"", outage.name());
            stack.until(&format!("group(ALERTS{{{fires}}})"), 1, PATIENCE).await;
        }
    }

    for site in &mut sites {
        site.heal().await;
    }
    settle(&stack, &sites, "resolved").await;
    settle(&stack, &sites, "firing").await; // nothing came on the way back
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_both_kinds_of_histogram() {
    let Some(tools) = Tools::find() else { return };
    let site = Site::start(Outage::None).await;
    for (scrape, found, missing) in [
        (
            Scrape::Protobuf,
            "histogram_count(defender_probe_latency_seconds) > 0",
            "defender_probe_latency_seconds_bucket",
        ),
        (
            Scrape::Text,
            "defender_probe_latency_seconds_bucket{le=\"+Inf\"} > 0",
            "histogram_count(defender_probe_latency_seconds)",
        ),
    ] {
        let stack = Stack::prometheus(&tools, &[&site], scrape).await;
        stack.until("up == 1", 1, PATIENCE).await;
        stack.until(&format!("group({found})"), 1, PATIENCE).await;
        assert_eq!(stack.query(missing).await, Vec::<serde_json::Value>::new(), "{scrape:?}");
        assert!(!stack.query("defender_probe_success == 1").await.is_empty(), "{scrape:?}");
    }
}
