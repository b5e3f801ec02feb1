//! One fault at many sites is one message, in a store of 1,000 sites: promtool evaluates the shipped rules over a fleet with faults as data.
//! Every alert that fires at any time is counted, so one that comes too early or on the way back shows.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

use defender_exporter_needs::needs;
use serde_json::{Value, json};

use super::simulated_fleet::{DROPPED, Fault, INSPECTED, Probed, ROTATED, is_european, own_site, sample};
use crate::real::tools;

/// The fleet of the large simulations.
const MANY: usize = 1_000;
/// Minutes between samples and evaluations. A minute, as shipped, takes three times as long and changes nothing in the counts.
const STEP: usize = 3;
/// The minute in which faults begin: the rules compare with an hour before.
const BEGIN: usize = 75;
/// How long they last, unless a case says otherwise.
const LASTING: usize = 60;
/// The groups of rules that see these series, in the order of evaluation.
const GROUPS: [&str; 4] =
    ["defender-maps", "defender-updates", "defender-components", "defender-fleet-shared"];

/// Why an endpoint of a site fails so many minutes after the beginning (before it: negative).
type Fails = fn(site: usize, of: Probed, minute: i64) -> Option<Fault>;

/// An alert that fires, by its name and its instance or its reason; and how many there are of it in all.
type Fires = (&'static str, &'static str, usize);

struct Case {
    name: &'static str,
    sites: usize,
    /// The labels of its place.
    place: fn(site: usize) -> String,
    lasts: usize,
    fails: Fails,
    fires: &'static [Fires],
    /// Minutes until the ticket, if one comes.
    ticket_after: usize,
}

/// The usual case.
const USUAL: Case = Case {
    name: "",
    sites: 20,
    place: own_site,
    lasts: LASTING,
    fails: |_, _, _| None,
    fires: &[],
    ticket_after: 21,
};

const TICKET: &str = "DefenderManySitesFailing";
const PAGE: &str = "DefenderMapsLostAtManySites";
const SITE_PAGE: &str = "DefenderMapsConnectionLost";

/// Values in promtool's notation: `1x24` is 25 samples, `_` none.
fn notation(values: &[Option<u8>]) -> String {
    let runs = values.chunk_by(|one, other| one == other).map(|run| match run[0] {
        Some(value) => format!("{value}x{}", run.len() - 1),
        None => format!("_x{}", run.len()),
    });
    runs.collect::<Vec<_>>().join(" ")
}

fn series(case: &Case) -> Value {
    let mut all: BTreeMap<String, Vec<Option<u8>>> = BTreeMap::new();
    let samples = (BEGIN + case.lasts) / STEP;
    for at in 0..samples {
        let minute = i64::try_from(at * STEP).unwrap() - i64::try_from(BEGIN).unwrap();
        for site in 0..case.sites {
            for (series, value) in sample(site, &(case.place)(site), |of| (case.fails)(site, of, minute)) {
                all.entry(series).or_insert_with(|| vec![None; samples])[at] = Some(value);
            }
        }
    }
    all.into_iter().map(|(series, values)| json!({ "series": series, "values": notation(&values) })).collect()
}

/// The shipped rules of these groups, evaluated every [`STEP`] minutes.
fn rules() -> String {
    let shipped = ["alerts/defender.rules.yml", "deploy/prometheus/fleet.rules.yml"];
    let shipped = shipped
        .map(|file| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap());
    let mut rules = "groups:\n".to_owned();
    for name in GROUPS {
        let head = format!("  - name: {name}\n");
        let group = shipped.iter().find_map(|text| text.split_once(&head)).expect("a group of this name").1;
        let group = group.split("\n  - name: ").next().unwrap_or_default();
        let slower = group.replacen("interval: 1m", &format!("interval: {STEP}m"), 1);
        writeln!(rules, "{head}{slower}").unwrap();
    }
    rules
}

/// By alert, the only one of its kind by its instance or reason, of several their number.
fn listed(alerts: &str) -> String {
    let count = format!("count by (alertname) ({alerts})");
    format!(
        "count by (alertname, instance, reason) ({alerts} and on (alertname) ({count} == 1)) or {count} > 1"
    )
}

/// What is evaluated at the end: which alerts ever fired, and which still do; and for how long the ticket has.
fn expectations(case: &Case) -> Value {
    let end = BEGIN + case.lasts - STEP;
    let expected = case.fires.iter().map(|(alert, what, count)| {
        let by = if what.starts_with("probe-") { "instance" } else { "reason" };
        let what = if what.is_empty() { String::new() } else { format!(", {by}=\"{what}\"") };
        json!({ "labels": format!("{{alertname=\"{alert}\"{what}}}"), "value": count })
    });
    let expected: Value = expected.collect();
    let firing = "ALERTS{alertstate=\"firing\"}";
    let ever = format!("group without (alertstate) (last_over_time({firing}[{end}m]))");
    let mut tests: Vec<Value> = [listed(&ever), listed(firing)]
        .iter()
        .map(|expr| json!({ "expr": expr, "eval_time": format!("{end}m"), "exp_samples": expected }))
        .collect();
    if case.fires.iter().any(|(alert, ..)| *alert == TICKET) {
        let evaluations =
            format!("count_over_time(ALERTS{{alertname=\"{TICKET}\",alertstate=\"firing\"}}[{end}m])");
        let without_a_break =
            format!("min({evaluations} >= bool {})", (case.lasts - case.ticket_after) / STEP);
        tests.push(json!({ "expr": without_a_break, "eval_time": format!("{end}m"),
            "exp_samples": [{ "labels": "{}", "value": 1 }] }));
    }
    tests.into()
}

/// What promtool complains about; empty if nothing.
fn complaints(case: &Case) -> String {
    let folder = tempfile::tempdir().unwrap();
    let tests = json!([{ "name": case.name, "interval": format!("{STEP}m"), "input_series": series(case),
        "promql_expr_test": expectations(case) }]);
    let input = json!({ "rule_files": ["rules.yml"], "evaluation_interval": format!("{STEP}m"),
        "group_eval_order": GROUPS, "tests": tests });
    std::fs::write(folder.path().join("rules.yml"), rules()).unwrap();
    let path = folder.path().join("fleet.json");
    std::fs::write(&path, input.to_string()).unwrap();
    let output = Command::new(tools::find("promtool")).args(["test", "rules"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { String::new() } else { format!("{}: {said}", case.name) }
}

/// Two at a time: each takes one processor.
fn check(cases: &[Case]) {
    let found: Vec<String> = cases
        .chunks(2)
        .flat_map(|pair| {
            std::thread::scope(|scope| {
                let running: Vec<_> = pair.iter().map(|case| scope.spawn(|| complaints(case))).collect();
                running.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
            })
        })
        .filter(|found| !found.is_empty())
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A rotation of the update source everywhere and of MAPS in Europe, where it is lost.
fn rotation(site: usize, of: Probed, minute: i64) -> Option<Fault> {
    let hit = of == Probed::Update || is_european(site);
    (minute >= 0 && hit).then_some(ROTATED)
}

/// A firewall of one site blocks MAPS.
fn firewall(site: usize, of: Probed, minute: i64) -> Option<Fault> {
    (minute >= 0 && site == 500 && of == Probed::Maps).then_some(DROPPED)
}

/// The rotation reaches one region after another: a fifth of the sites every 72 minutes, in six hours.
fn in_regions(site: usize, of: Probed, minute: i64) -> Option<Fault> {
    let since = i64::try_from(site / 10 % 5 * 72).unwrap();
    rotation(site, of, minute - since)
}

/// It reaches the front ends of each region one by one: more and more probes meet it, all of them after six hours.
fn on_front_ends(site: usize, of: Probed, minute: i64) -> Option<Fault> {
    let mut hasher = DefaultHasher::new();
    (site, minute).hash(&mut hasher);
    let met = i64::try_from(hasher.finish() % 360).unwrap() < minute;
    met.then(|| rotation(site, of, minute)).flatten()
}

#[needs("promtool")]
#[test]
fn a_fault_of_a_thousand_sites_is_one_message() {
    const ROTATION: Fires = (TICKET, "unknown_issuer", 1);
    const FIREWALL: Fires = (SITE_PAGE, "probe-0500:10207", 1);
    let case = Case { sites: MANY, ..USUAL };
    check(&[
        Case { name: "a rotation", fails: rotation, fires: &[ROTATION], ..case },
        Case { name: "a site's firewall", fails: firewall, fires: &[FIREWALL], ..case },
        Case {
            name: "both at once",
            fails: |site, of, minute| firewall(site, of, minute).or_else(|| rotation(site, of, minute)),
            fires: &[FIREWALL, ROTATION],
            ..case
        },
        Case { name: "a slow roll-out", fails: in_regions, lasts: 6 * 60, fires: &[ROTATION], ..case },
    ]);
}

/// What must not be taken for Microsoft's, or for the same fault.
#[needs("promtool")]
#[test]
fn no_site_is_silenced_for_another_fault() {
    const ROTATION: Fires = (TICKET, "unknown_issuer", 1);
    check(&[
        Case {
            name: "a block that is older",
            fails: |site, of, _| (is_european(site) && of == Probed::Update).then_some(DROPPED),
            fires: &[("DefenderEndpointsFailing", "", 6), ("DefenderUpdateSourceUnavailable", "", 6)],
            ..USUAL
        },
        Case {
            name: "two sites of three",
            sites: 3,
            fails: |site, of, minute| (minute >= 0 && site < 2 && of == Probed::Maps).then_some(DROPPED),
            fires: &[(SITE_PAGE, "", 2)],
            ..USUAL
        },
        Case {
            name: "less than a fifth",
            sites: 100,
            // Five of thirty in Europe.
            fails: |site, of, minute| {
                (minute >= 0 && site % 10 == 0 && site < 50 && of == Probed::Maps).then_some(DROPPED)
            },
            fires: &[(SITE_PAGE, "", 5)],
            ..USUAL
        },
        Case {
            name: "many exporters of one site",
            place: |site| format!("site=\"headquarters\",segment=\"segment-{site}\""),
            fails: |_, of, minute| (minute >= 0 && of == Probed::Maps).then_some(DROPPED),
            fires: &[(SITE_PAGE, "", 20)],
            ..USUAL
        },
        Case {
            name: "a site that had lost MAPS before",
            fails: |site, of, minute| {
                let old = (site == 0 && of == Probed::Maps).then_some(DROPPED);
                old.or_else(|| rotation(site, of, minute))
            },
            fires: &[(SITE_PAGE, "probe-0000:10207", 1), ROTATION],
            ..USUAL
        },
        Case {
            name: "a site that is blocked later",
            fails: |site, of, minute| {
                let own = (site == 0 && minute >= 30 && of == Probed::Maps).then_some(DROPPED);
                own.or_else(|| rotation(site, of, minute))
            },
            fires: &[(SITE_PAGE, "probe-0000:10207", 1), ROTATION],
            ..USUAL
        },
        Case {
            name: "a few minutes",
            fails: |_, _, minute| (0..4).contains(&minute).then_some(DROPPED),
            ..USUAL
        },
    ]);
}

/// A loss of MAPS that can be a filter's is one page, and so is one at most sites, whosever it is. No ticket comes beside it.
#[needs("promtool")]
#[test]
fn a_shared_loss_of_maps_is_one_page() {
    check(&[
        Case {
            name: "a firewall policy of a region",
            fails: |site, of, minute| {
                (minute >= 0 && is_european(site) && of == Probed::Maps).then_some(DROPPED)
            },
            fires: &[(PAGE, "timeout", 1)],
            ..USUAL
        },
        Case {
            name: "inspection of a region, by an authority that nobody knows",
            fails: |site, of, minute| {
                (minute >= 0 && is_european(site) && of == Probed::Maps).then_some(INSPECTED)
            },
            fires: &[(PAGE, "unknown_issuer", 1)],
            ..USUAL
        },
        Case {
            name: "a rotation of MAPS everywhere",
            place: |site| format!("cluster=\"cluster-{site}\""),
            fails: |_, of, minute| (minute >= 0 && of == Probed::Maps).then_some(ROTATED),
            fires: &[(PAGE, "unknown_issuer", 1)],
            ..USUAL
        },
        Case {
            name: "a proxy of all sites, by which nothing works",
            fails: |_, _, minute| (minute >= 0).then_some(DROPPED),
            fires: &[(PAGE, "timeout", 1)],
            ..USUAL
        },
    ]);
}

#[needs("promtool")]
#[test]
fn a_rotation_that_comes_and_goes_for_six_hours_is_one_ticket() {
    check(&[Case {
        name: "front ends",
        sites: 100,
        lasts: 7 * 60,
        fails: on_front_ends,
        fires: &[(TICKET, "unknown_issuer", 1)],
        ticket_after: 60,
        ..USUAL
    }]);
}
