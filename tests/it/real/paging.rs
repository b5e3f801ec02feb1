//! Alert notifications: outages of the lab, through running exporters, the shipped rules and routes, to a webhook.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use defender_exporter_needs::needs;

use crate::rules::texts::complaints;

use super::stack::{Alert, Outage, Scrape, Site, Stack, Tempo, Tools};

/// How long an outage's alerts may take at the fastest tempo; the slowest takes a minute then.
const TEST_TIMEOUT: Duration = Duration::from_secs(150);
/// How long it has to stay at that: a quarter of an hour of the shipped files.
const CALM: Duration = Duration::from_secs(15);

/// A message that must come: to whom, and the alert with its labels beside job and instance. `outages.txt` has what it says.
struct Expected {
    receiver: &'static str,
    alert: &'static str,
    labels: &'static [(&'static str, &'static str)],
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

const fn page(alert: &'static str, labels: &'static [(&'static str, &'static str)]) -> Expected {
    Expected { receiver: "page", alert, labels }
}

const fn ticket(alert: &'static str, labels: &'static [(&'static str, &'static str)]) -> Expected {
    Expected { receiver: "tickets", alert, labels }
}

/// Exactly what is heard of an outage.
fn expected(outage: Outage) -> Vec<Expected> {
    let maps_lost = page("DefenderMapsConnectionLost", &[MAPS, DIRECT, CRITICAL]);
    match outage {
        Outage::None => vec![],
        Outage::MapsRefused => vec![maps_lost],
        Outage::CrlBlocked => vec![
            page("DefenderMapsRevocationBlocked", &[MAPS, DIRECT, CRITICAL]),
            ticket("DefenderEndpointsFailing", &[("component", "crl"), DIRECT, WARNING]),
        ],
        Outage::Intercepted => {
            vec![maps_lost, ticket("DefenderTlsIntercepted", &[("components", "1"), DIRECT, WARNING])]
        }
        // One inspector is one page and one ticket, whatever it breaks.
        Outage::AllIntercepted => {
            vec![maps_lost, ticket("DefenderTlsIntercepted", &[("components", "3"), DIRECT, WARNING])]
        }
        Outage::ProxyDemands => vec![
            page("DefenderRouteLost", &[("route", "machine-proxy"), CRITICAL]),
            ticket("DefenderProxyAuthenticationRequired", &[("route", "machine-proxy"), WARNING]),
        ],
        Outage::UpdatesRefused => {
            const UPDATE: &[(&str, &str)] =
                &[("component", "update"), ("source", "microsoft_update"), DIRECT, WARNING];
            const ADL: &[(&str, &str)] = &[("component", "adl"), ("source", "adl"), DIRECT, WARNING];
            [UPDATE, ADL].map(|labels| ticket("DefenderUpdateSourceUnavailable", labels)).into()
        }
        Outage::Killed => vec![page("DefenderExporterDown", &[CRITICAL])],
    }
}

type Labels = BTreeMap<String, String>;

impl Expected {
    fn labels(&self, site: &Site) -> Labels {
        let own = [("alertname", self.alert), ("job", "defender")];
        let all = own.into_iter().chain(site.labels()).chain(self.labels.iter().copied());
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }
}

/// The notifications of a site with this status, by receiver and labels. Ignores resolutions of alerts that were inhibited while they
/// fired: Alertmanager sends them although it never sent the alert.
fn heard<'a>(all: &'a [(String, Alert)], site: &Site, status: &str) -> BTreeSet<(&'a str, &'a Labels)> {
    let is_sent =
        |alert: &Alert| all.iter().any(|(_, other)| other.status == "firing" && other.labels == alert.labels);
    let is_own = |alert: &Alert| {
        site.labels().iter().all(|(name, value)| alert.labels.get(*name).is_some_and(|own| own == value))
    };
    let own = all.iter().filter(|(_, alert)| is_own(alert) && alert.status == status && is_sent(alert));
    own.map(|(receiver, alert)| (receiver.as_str(), &alert.labels)).collect()
}

/// Waits until each site has exactly these notifications, and a while longer. The error lists the actual ones.
async fn settle(stack: &Stack, sites: &[Site], status: &str) -> Result<(), String> {
    let tempo = sites[0].tempo();
    let deadline = Instant::now() + tempo.stretched(TEST_TIMEOUT);
    let mut right_since: Option<Instant> = None;
    while right_since.is_none_or(|since| since.elapsed() < tempo.stretched(CALM)) {
        let all = stack.webhook.heard();
        let wrong: Vec<_> = sites.iter().filter_map(|site| difference(&all, site, status)).collect();
        if wrong.is_empty() {
            right_since.get_or_insert_with(Instant::now);
        } else if right_since.is_some() || Instant::now() > deadline {
            return Err(format!("{status}: {wrong:#?}\nof all that was heard: {all:#?}"));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

/// Whether the machine is overloaded: probes or scrapes failed without an outage, or the time scale is too fast now.
async fn is_disturbed(stack: &Stack, tempo: Tempo) -> bool {
    let sound = Outage::None.name();
    let witness = format!(
        "sum(defender_probe_failures_total{{instance=\"{sound}\"}}) > 0 or \
         min_over_time(up{{instance=\"{sound}\"}}[1h]) < 1"
    );
    !stack.query(&witness).await.is_empty() || tempo.is_faster_than(Tempo::of_machine())
}

/// What is missing of a site, and what is too much; none if it is as expected.
fn difference(all: &[(String, Alert)], site: &Site, status: &str) -> Option<String> {
    let expected: Vec<_> = expected(site.outage()).iter().map(|of| (of.receiver, of.labels(site))).collect();
    let expected: BTreeSet<_> = expected.iter().map(|(receiver, labels)| (*receiver, labels)).collect();
    let heard = heard(all, site, status);
    let missing: Vec<_> = expected.difference(&heard).collect();
    let other: Vec<_> = heard.difference(&expected).collect();
    (heard != expected).then(|| format!("{}: missing {missing:#?}, heard {other:#?}", site.name()))
}

/// The texts of the messages: those of the golden file, with their parts in order. The error names what differs.
fn check_texts(stack: &Stack, sites: &[Site]) -> Result<(), String> {
    let all = stack.webhook.heard();
    let mut texts = String::from(
        "The alerts of each outage in the lab, as Alertmanager sends them: receiver, alert, text.\n\
         To regenerate: UPDATE_GOLDEN=1 CI=true cargo test --test it real::paging\n",
    );
    for site in sites {
        write!(texts, "\n== {}\n", site.name()).unwrap();
        for expected in expected(site.outage()) {
            let labels = expected.labels(site);
            let (_, alert) = all.iter().rev().find(|(_, alert)| alert.labels == labels).unwrap();
            let (summary, description) = (&alert.annotations["summary"], &alert.annotations["description"]);
            let found = complaints(summary, description);
            assert!(found.is_empty(), "{found:?}: {summary}\n{description}");
            let runbook = format!("alerts/RUNBOOK.md#{}", expected.alert.to_lowercase());
            assert_eq!(alert.annotations["runbook_url"], runbook);
            let text = site.without_port(&format!("{summary}\n{description}"));
            write!(texts, "\n[{}: {}]\n{text}\n", expected.receiver, expected.alert).unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/alerts/outages.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &texts).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    let differs =
        || format!("tests/data/alerts/outages.txt differs (UPDATE_GOLDEN=1, if intended):\n{texts}");
    // What a slow machine has fetched by then is in the lists: they may name other URLs.
    let is_slow = sites[0].tempo() != Tempo::FASTEST;
    let same = recorded == texts || (is_slow && without_lists(&recorded) == without_lists(&texts));
    if same { Ok(()) } else { Err(differs()) }
}

fn without_lists(texts: &str) -> Vec<&str> {
    texts.lines().filter(|line| !line.starts_with("- ")).collect()
}

#[needs("prometheus", "prometheus-alertmanager")]
#[tokio::test(flavor = "multi_thread")]
async fn each_outage_pages_once_for_the_right_thing_and_resolves() {
    let tools = Tools::find();
    let mut tempo = Tempo::of_machine();
    loop {
        let mut sites = Vec::new();
        for outage in Outage::ALL {
            let mut site = Site::start(outage, tempo).await;
            // Two exporters with the same job and instance: neither's outage silences the other's page.
            match outage {
                Outage::MapsRefused => site.join("eu-1"),
                Outage::Killed => site.join("us-1"),
                _ => {}
            }
            sites.push(site);
        }
        let stack = Stack::start(&tools, &sites.iter().collect::<Vec<_>>()).await;
        let Err(why) = run(&stack, &mut sites).await else { return };
        match tempo.slower() {
            Some(slower) if is_disturbed(&stack, tempo).await => {
                println!("this machine could not keep up with {tempo:?}: {why}");
                tempo = slower;
            }
            _ => panic!("{tempo:?}: {why}"),
        }
    }
}

/// Starts and ends every outage. The error lists unexpected and missing notifications.
async fn run(stack: &Stack, sites: &mut [Site]) -> Result<(), String> {
    let timeout = sites[0].tempo().stretched(TEST_TIMEOUT);
    // By each route of each site but the one whose lists are blocked.
    stack.until("route:defender_maps_connected:default == 1", sites.len(), timeout).await;
    let revocation =
        r#"group({__name__=~"defender_crl_.+|defender_tls_revocation_.+", instance="updates-refused"})"#;
    stack.until(revocation, 0, timeout).await;

    for site in &mut *sites {
        site.break_it().await;
    }
    settle(stack, sites, "firing").await?;
    check_texts(stack, sites)?;
    for outage in Outage::ALL {
        for alert in silenced(outage) {
            let fires =
                format!("alertname=\"{alert}\", alertstate=\"firing\", instance=\"{}\"", outage.name());
            stack.until(&format!("group(ALERTS{{{fires}}})"), 1, timeout).await;
        }
    }

    for site in &mut *sites {
        site.heal().await;
    }
    settle(stack, sites, "resolved").await?;
    settle(stack, sites, "firing").await // nothing came on the way back
}

#[needs("prometheus", "prometheus-alertmanager")]
#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_both_kinds_of_histogram() {
    let tools = Tools::find();
    let site = Site::start(Outage::None, Tempo::of_machine()).await;
    let timeout = site.tempo().stretched(TEST_TIMEOUT);
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
        stack.until("up == 1", 1, timeout).await;
        stack.until(&format!("group({found})"), 1, timeout).await;
        assert_eq!(stack.query(missing).await, Vec::<serde_json::Value>::new(), "{scrape:?}");
        assert!(!stack.query("defender_probe_success == 1").await.is_empty(), "{scrape:?}");
    }
}
