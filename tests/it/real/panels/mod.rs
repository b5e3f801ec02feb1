//! Every dashboard query against a real Prometheus that scrapes exporters in healthy and broken networks: results
//! have the panel's shape, and no panel is unexpectedly empty. Metrics of machines with Defender come from the
//! golden exposition.

mod expected;
mod golden;
mod shape;
mod words;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use defender_exporter_needs::needs;
use serde_json::Value;

use super::stack::{Outage, Scrape, Site, Stack, Tempo, Tools};
use crate::dashboards::{boards, panels, text};
use expected::{Place, SAID, outlives, wanted};

/// How long a few rounds of probes may take at the fastest tempo.
const TEST_TIMEOUT: Duration = Duration::from_secs(180);
/// How far back graphs look: to when all was sound, however long a loaded machine takes.
const RANGE: &str = "20m";

/// The place that stays sound; its exporter is killed in the end.
const SOUND: Outage = Outage::Killed;
/// The places, all sound to begin with but for the one that never gets a list.
const PLACES: [Outage; 5] =
    [SOUND, Outage::MapsRefused, Outage::CrlBlocked, Outage::Intercepted, Outage::ProxyDemands];

/// A query of a panel.
struct Asked<'a> {
    panel: &'a Value,
    target: &'a Value,
}

impl Asked<'_> {
    /// Its place.
    fn place(&self) -> (&str, &str) {
        (text(&self.panel["title"]), text(&self.target["refId"]))
    }

    /// Whether it is one of these.
    fn is(&self, title: &str, letters: &str) -> bool {
        self.place().0 == title && letters.contains(self.place().1)
    }

    /// The query, as Grafana sends it for one instance; a graph's is a subquery, which gives the same as a range does.
    fn query(&self, instance: &str) -> String {
        let query = filled(text(&self.target["expr"]), instance);
        if self.target["range"] == true { format!("({query})[{RANGE}:5s]") } else { query }
    }
}

/// Puts in what is chosen: one instance and, of what else there is, everything.
fn filled(query: &str, instance: &str) -> String {
    [
        ("$__rate_interval", "30s"),
        ("$__range", RANGE),
        ("$endpoint", "https://wdcp.microsoft.com/"),
        ("$job", ".+"),
        ("$label", "site"),
        ("$cluster", ".*"),
        ("$site", ".*"),
        ("$instance", instance),
        ("$component", ".+"),
        ("$route", ".+"),
        ("$phase", ".+"),
    ]
    .into_iter()
    .fold(query.to_owned(), |query, (variable, value)| query.replace(variable, value))
}

/// The queries of all panels.
fn asked(boards: &[Value]) -> Vec<Asked<'_>> {
    let panels = boards.iter().flat_map(panels);
    panels
        .flat_map(|panel| {
            let targets = panel["targets"].as_array().unwrap().iter();
            targets.map(move |target| Asked { panel, target })
        })
        .collect()
}

/// Runs one query in one place, checks the shape of the result, and returns whether it has data.
async fn answered(stack: &Stack, asked: &Asked<'_>, instance: &str) -> bool {
    let found = stack.query(&asked.query(instance)).await;
    let complaints = shape::complaints(asked.panel, asked.target, &found);
    assert!(complaints.is_empty(), "{:?} at {instance}: {complaints:#?}", asked.place());
    !found.is_empty()
}

/// What a panel's query says of these instances: the last value and the name of each series.
async fn names(stack: &Stack, asked: &Asked<'_>, instances: &str) -> Vec<(String, String)> {
    let found = stack.query(&asked.query(instances)).await;
    let legend = |series: &Value| shape::legend(text(&asked.target["legendFormat"]), series);
    found.iter().map(|series| (shape::values(series).pop().unwrap(), legend(series))).collect()
}

/// Waits until tiles and lines say what they must, before or after the sound exporter is gone.
async fn said(stack: &Stack, asked: &[Asked<'_>], gone: bool, deadline: Instant) {
    for (title, letters, instances, _, value, name) in SAID.iter().filter(|row| row.3 == gone) {
        for asked in asked.iter().filter(|asked| asked.is(title, letters)) {
            loop {
                let said = names(stack, asked, instances).await;
                let is_right = |(found, legend): &(String, String)| {
                    (value.is_empty() || found == value) && legend.contains(name)
                };
                if said.len() == 1 && is_right(&said[0]) {
                    break;
                }
                let wrong =
                    format!("{title} of {instances} says {said:?}, not {value} with {name:?}; gone: {gone}");
                assert!(Instant::now() < deadline, "{wrong}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Waits until the query has results in this place, or none, as is wanted: on a loaded machine a probe may fail now and then.
async fn settled(stack: &Stack, asked: &Asked<'_>, place: Outage, full: bool, deadline: Instant) {
    let (title, letter) = asked.place();
    while answered(stack, asked, place.name()).await != full {
        let found = if full { "empty" } else { "not empty" };
        assert!(Instant::now() < deadline, "{title} {letter} is {found} at {}", place.name());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Holds the variables' queries to these values; the lab's exporters have no label of a site or cluster.
async fn variables(stack: &Stack, board: &Value, instance: &str) {
    let without = ["cluster", "site", "scope"];
    let queried =
        |variable: &&Value| variable["type"] == "query" && !without.contains(&text(&variable["name"]));
    for variable in board["templating"]["list"].as_array().unwrap().iter().filter(queried) {
        let name = text(&variable["name"]);
        let query = text(&variable["definition"]).strip_prefix("label_values(").unwrap();
        let (series, label) = query.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        let found = stack.query(&filled(&format!("group by ({label}) ({series})"), instance)).await;
        let values: BTreeSet<&str> = found.iter().map(|series| text(&series["metric"][label])).collect();
        let expected = match name {
            "job" => "defender",
            "instance" => instance,
            "component" => "maps",
            "route" => "direct",
            "endpoint" => "https://wdcp.microsoft.com/",
            "phase" => "tls",
            _ => panic!("${name} is new: say what it must offer"),
        };
        assert!(values.contains(expected), "${name} at {instance} offers {values:?}");
    }
}

/// Sites that were sound for a while and aren't any more, but for one.
async fn broken(stack: &Stack, sites: &mut [Site]) {
    let timeout = sites[0].tempo().stretched(TEST_TIMEOUT);
    let published = "count by (instance) (defender_signatures_published_timestamp_seconds)";
    stack.until(published, PLACES.len(), timeout).await;
    // One route more than places, and one place that never had the lists. On a loaded machine, not all at the same moment.
    let connected = r#"max_over_time(defender_maps_connected{ssl_options="3"}[2m]) == 1"#;
    stack.until(connected, PLACES.len(), timeout).await;
    let known = r#"count_over_time(defender_component_available{component="maps"}[2m]) > 8"#;
    stack.until(known, PLACES.len() + 1, timeout).await;
    for site in sites.iter_mut().filter(|site| site.outage() != SOUND) {
        site.break_it().await;
    }
    let lost = r#"max by (instance) (defender_maps_connected{ssl_options="3", instance!="killed"} == 0)"#;
    stack.until(lost, PLACES.len() - 1, timeout).await;
    stack.until(r#"count(ALERTS{alertstate="firing", instance="maps-refused"}) > 0"#, 1, timeout).await;
}

#[needs("prometheus", "prometheus-alertmanager")]
#[tokio::test(flavor = "multi_thread")]
async fn every_panel_has_what_it_shows_in_sound_and_broken_places() {
    let tools = Tools::find();
    let tempo = Tempo::of_machine();
    let timeout = tempo.stretched(TEST_TIMEOUT);
    let mut sites = Vec::new();
    for outage in PLACES {
        sites.push(Site::start(outage, tempo).await);
    }
    let stack = Stack::start(&tools, &sites.iter().collect::<Vec<_>>()).await;
    broken(&stack, &mut sites).await;
    let boards = boards();
    let asked = asked(&boards);
    let deadline = Instant::now() + timeout;
    for asked in &asked {
        let (title, letter) = asked.place();
        let wanted = wanted(title, letter);
        for place in PLACES {
            if wanted.contains(&Place::Site(place)) {
                settled(&stack, asked, place, true, deadline).await;
            } else if wanted == [Place::GoldenExposition] {
                settled(&stack, asked, place, false, deadline).await;
            }
        }
    }
    for board in &boards {
        variables(&stack, board, SOUND.name()).await;
    }
    for annotations in boards.iter().map(|board| &board["annotations"]["list"][1]) {
        let found = stack.query(&filled(text(&annotations["expr"]), Outage::MapsRefused.name())).await;
        assert!(!found.is_empty(), "no annotations");
    }
    said(&stack, &asked, false, deadline).await;
    for site in sites.iter_mut().filter(|site| site.outage() == SOUND) {
        site.break_it().await;
    }
    let deadline = Instant::now() + timeout;
    for asked in asked.iter().filter(|asked| asked.target["instant"] == true) {
        let query = text(&asked.target["expr"]);
        // Whether an alert fires by now is the alerts' business.
        if !query.contains("ALERTS{") {
            let (title, letter) = asked.place();
            settled(&stack, asked, SOUND, outlives(title, letter, query), deadline).await;
        }
    }
    said(&stack, &asked, true, deadline).await;
}

/// Prometheus as most have it, with the text format and classic buckets.
#[needs("prometheus", "prometheus-alertmanager")]
#[tokio::test(flavor = "multi_thread")]
async fn without_native_histograms_classic_buckets_stand_in() {
    let tools = Tools::find();
    let site = Site::start(Outage::None, Tempo::of_machine()).await;
    let stack = Stack::prometheus(&tools, &[&site], Scrape::Text).await;
    stack
        .until(
            "count_over_time(defender_component_available{component=\"maps\"}[2m]) > 8",
            1,
            site.tempo().stretched(TEST_TIMEOUT),
        )
        .await;
    let boards = boards();
    let mut found = 0;
    for asked in asked(&boards) {
        if text(&asked.target["expr"]).contains("_bucket{") {
            found += 1;
            assert!(answered(&stack, &asked, site.name()).await, "{:?} is empty", asked.place());
        }
    }
    assert!(found >= 5, "{found}");
}

#[test]
fn the_places_are_listed_for_panels_that_exist() {
    let boards = boards();
    let places: BTreeSet<(&str, &str)> = asked(&boards)
        .iter()
        .map(|asked| (text(&asked.panel["title"]), text(&asked.target["refId"])))
        .collect();
    for (title, letters) in expected::listed() {
        for letter in letters.split("").filter(|letter| !letter.is_empty()) {
            assert!(places.contains(&(title, letter)), "{title} {letter}");
        }
    }
}

/// What only some machines have, each query of it once; and the words of what is lost.
#[needs("prometheus")]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_machine_with_defender_tells_is_shown() {
    let stack = golden::GoldenExposition::start().await;
    let boards = boards();
    let mut empty = Vec::new();
    for asked in asked(&boards) {
        let (title, letter) = asked.place();
        if !wanted(title, letter).contains(&Place::GoldenExposition) {
            continue;
        }
        let found = stack.query(&asked.query(".+")).await;
        let complaints = shape::complaints(asked.panel, asked.target, &found);
        assert!(complaints.is_empty(), "{:?}: {complaints:#?}", asked.place());
        if found.is_empty() {
            empty.push(format!("{title} {letter}"));
        }
    }
    assert!(empty.is_empty(), "{}", empty.join("\n"));
    words::all(&stack).await;
}
