//! Checks the queries: names, labels and values of the metric table, the dashboard variables in each selector,
//! rates over the right range, existing columns.

use std::collections::BTreeSet;

use defender_exporter::metrics::{Kind, Metric};
use serde_json::Value;

use super::{boards, panels, text};
use crate::promql::{Query, read};
use crate::rules::vocabulary::complaints;

/// Puts something in the place of each variable, as Grafana does.
pub fn filled(query: &str) -> String {
    [("$__rate_interval", "5m"), ("$__range", "1h"), ("$label", "site"), ("${", "{")]
        .into_iter()
        .fold(query.to_owned(), |query, (variable, value)| query.replace(variable, value))
}

/// The queries of a dashboard, with their places.
fn queries(board: &Value) -> Vec<(String, String)> {
    let uid = text(&board["uid"]);
    let mut found = Vec::new();
    for panel in panels(board) {
        let targets = panel["targets"].as_array().unwrap();
        let place = |target: &Value| format!("{uid}: {} {}", text(&panel["title"]), text(&target["refId"]));
        found.extend(targets.iter().map(|target| (place(target), text(&target["expr"]).to_owned())));
    }
    let asked = board["templating"]["list"].as_array().unwrap().iter().filter(|v| v["type"] == "query");
    found.extend(asked.map(|variable| {
        let query = text(&variable["definition"]);
        let series = match query.strip_prefix("label_values(") {
            Some(values) => values.rsplit_once(", ").unwrap().0,
            None => query.strip_prefix("query_result(").and_then(|query| query.strip_suffix(')')).unwrap(),
        };
        (format!("{uid}: ${}", text(&variable["name"])), series.to_owned())
    }));
    let annotations = board["annotations"]["list"].as_array().unwrap().iter();
    let annotations = annotations.filter_map(|annotation| annotation["expr"].as_str());
    found.extend(annotations.map(|query| (format!("{uid}: annotations"), query.to_owned())));
    found
}

fn all() -> Vec<(String, String)> {
    let found: Vec<_> = boards().iter().flat_map(queries).collect();
    assert!(found.len() > 100, "the queries are not where they were");
    found
}

/// The labels that a query makes itself: they are named behind the series, call or number that they are given to, or before what is
/// counted.
fn made(query: &str) -> Vec<String> {
    let given = query
        .match_indices(", \"")
        .filter(|(at, _)| query[..*at].ends_with(|c: char| ")}0123456789".contains(c)));
    let given = given.map(|(at, comma)| &query[at + comma.len()..]);
    let counted = ["count_values(\"", "count_values without () (\""];
    let counted = counted.into_iter().flat_map(|before| query.split(before).skip(1));
    given.chain(counted).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn names_labels_and_values_are_those_of_the_table() {
    let mut found = Vec::new();
    for (place, query) in all() {
        let own = made(&query);
        let records = [
            "route:defender_maps_connected:default",
            "route:defender_maps_connected:avg30d",
            "source_route:defender_update_source_available:avg30d",
        ];
        let records = BTreeSet::from(records.map(ToOwned::to_owned));
        let of_table = complaints(&read(&filled(&query)), &records);
        let unknown = of_table.into_iter().filter(|complaint| {
            let label = complaint.strip_prefix("no metric has a label ");
            label.is_none_or(|label| !own.iter().any(|made| made == label))
        });
        found.extend(unknown.map(|complaint| format!("{place}: {complaint}: {query}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whether each selector has this matcher; some alerts have no such label.
fn each_has(query: &Query, label: &str, variable: &str) -> bool {
    let has = |selector: &crate::promql::Selector| {
        let value = if selector.metric == "ALERTS" { format!("{variable}|") } else { variable.to_owned() };
        selector.matchers.iter().any(|m| m.label == label && m.operator == "=~" && m.value == value)
    };
    query.selectors.iter().all(has)
}

#[test]
fn every_selector_is_of_the_chosen_jobs_sites_and_instances() {
    for (place, query) in all() {
        let read = read(&filled(&query));
        let mut first = false;
        for (label, variable) in
            [("job", "$job"), ("cluster", "$cluster"), ("site", "$site"), ("instance", "$instance")]
        {
            // What this variable is chosen from, and those before it.
            first |= place.ends_with(&format!(": {variable}"));
            assert!(first || each_has(&read, label, variable), "{place}: {query}");
        }
    }
}

#[test]
fn queries_select_by_the_dashboard_variables() {
    for (place, query) in all().into_iter().filter(|(place, _)| !place.contains('$')) {
        for selector in read(&filled(&query)).selectors {
            let has = |label: &str| selector.matchers.iter().any(|matcher| matcher.label == label);
            let spec = Metric::ALL.iter().map(|metric| metric.spec());
            let stem = selector.metric.trim_end_matches("_bucket");
            let labels = spec.filter(|spec| spec.name == stem).flat_map(|spec| spec.labels);
            let missing: Vec<_> = labels.filter(|label| ["route", "component"].contains(label)).collect();
            let free = ["defender_probe_interval_seconds"].contains(&stem); // joined on the component
            let missing: Vec<_> = missing.into_iter().filter(|label| !has(label) && !free).collect();
            assert!(missing.is_empty(), "{place}: {} without {missing:?}: {query}", selector.metric);
        }
    }
}

#[test]
fn counters_are_rates_over_the_panel_interval() {
    let counters = Metric::ALL.iter().map(|metric| metric.spec()).filter(|spec| spec.kind == Kind::Counter);
    let names: Vec<String> = counters.map(|spec| spec.name.to_owned()).collect();
    let names: Vec<String> = names.into_iter().chain(["defender_probe_latency_seconds".to_owned()]).collect();
    for board in boards() {
        for panel in panels(&board) {
            for target in panel["targets"].as_array().unwrap() {
                let (place, query) = (text(&panel["title"]), text(&target["expr"]));
                let mut counts = false;
                for name in &names {
                    for (at, _) in query
                        .match_indices(&format!("{name}{{"))
                        .chain(query.match_indices(&format!("{name}_bucket{{")))
                    {
                        counts = true;
                        let before = &query[..at];
                        assert!(
                            before.ends_with("rate(") || before.ends_with("increase("),
                            "{place}: {query}"
                        );
                        let (_, after) = query[at..].split_once('}').unwrap();
                        assert!(after.starts_with("[$__rate_interval]"), "{place}: {query}");
                    }
                }
                // The highest between two points.
                counts |= query.contains("[$__rate_interval:]");
                assert_eq!(counts, query.contains("$__rate_interval"), "{place}: {query}");
                let limit = text(&target["legendFormat"]).starts_with("limit: ");
                assert!(limit || counts == (panel["interval"] == "2m"), "{place}: the least interval");
                // Ranges end with a unit; [0-9] is a part of a regular expression.
                let ranges = query.split('[').skip(1).filter(|rest| {
                    let range = rest.split(']').next().unwrap();
                    range.starts_with(|c: char| c.is_ascii_digit())
                        && range.ends_with(|c: char| c.is_ascii_alphabetic())
                });
                assert_eq!(ranges.count(), 0, "{place}: a range of its own: {query}");
            }
        }
    }
}

#[test]
fn classic_buckets_stand_in_for_native_ones_and_never_alone() {
    let mut found = 0;
    for (place, query) in all().into_iter().filter(|(_, query)| query.contains("_bucket{")) {
        found += 1;
        let (native, classic) = query.split_once(" or ").unwrap_or_else(|| panic!("{place}: {query}"));
        assert!(native.contains("defender_probe_latency_seconds{"), "{place}: {query}");
        assert!(classic.contains("le) (rate(defender_probe_latency_seconds_bucket{"), "{place}: {query}");
    }
    assert!(found >= 5, "{found}");
}

/// The labels that a result can have: those that it is given, and those of its metrics.
fn labels_of(query: &str) -> Vec<String> {
    let own = read(&filled(query)).selectors.into_iter().flat_map(|selector| {
        let spec = Metric::ALL.iter().map(|metric| metric.spec()).find(|spec| spec.name == selector.metric);
        spec.into_iter().flat_map(|spec| spec.labels.iter().map(|label| (*label).to_owned()))
    });
    let alerts = ["job", "instance", "alertname", "severity"].map(ToOwned::to_owned);
    let alerts = alerts.into_iter().chain(
        (query.contains("ALERTS{") || query.contains(":avg30d{"))
            .then(|| "route component".split(' ').map(ToOwned::to_owned))
            .into_iter()
            .flatten(),
    );
    own.chain(alerts).chain(made(query)).collect()
}

/// The labels in the lists behind a word of a query, such as `by`.
fn listed(query: &str, word: &str) -> Vec<String> {
    let before = format!(" {word} (");
    let lists = query.split(&before).skip(1);
    lists.flat_map(|rest| rest.split(')').next().unwrap().split(", ").map(ToOwned::to_owned)).collect()
}

/// Two clusters can have exporters of the same job and instance: only labels that Prometheus adds to all tell them apart.
#[test]
fn instances_are_told_apart_by_all_labels_that_a_user_adds() {
    // A job is one of exporters or of targets of /probe.
    let of_jobs = "on (job)";
    for (place, query) in all() {
        let query = query.replace(of_jobs, "");
        for word in ["by", "on"] {
            let named = listed(&query, word).into_iter().find(|label| label == "instance" || label == "job");
            assert_eq!(named, None, "{place}: {word}: {query}");
        }
    }
}

#[test]
fn tables_of_several_queries_have_a_row_for_each_exporter() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let targets = panel["targets"].as_array().unwrap();
        let first = text(&targets[0]["expr"]);
        assert!(targets.len() == 1 || first.contains("up{"), "{}: {first}", text(&panel["title"]));
    }
}

#[test]
fn timelines_have_no_hole_while_an_exporter_is_down() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "state-timeline") {
        let title = text(&panel["title"]);
        for target in panel["targets"].as_array().unwrap() {
            assert!(text(&target["expr"]).contains("up{"), "{title}");
        }
        let words = panel["fieldConfig"].to_string().matches("Exporter down").count();
        let own = panel["fieldConfig"]["overrides"].to_string().matches("\"mappings\"").count();
        assert_eq!(words, own + 1, "{title}: each list of words says that the exporter is down");
    }
}

/// What is the worst of several instances must not look as if it were one.
#[test]
fn the_worst_of_several_says_so() {
    for board in boards().iter().filter(|board| board["uid"] != "defender-fleet") {
        let tiles = panels(board)
            .filter(|panel| ["stat", "state-timeline", "bargauge"].contains(&text(&panel["type"])));
        for panel in tiles {
            let (title, description) = (text(&panel["title"]), text(&panel["description"]));
            for target in panel["targets"].as_array().unwrap() {
                let place = text(&target["legendFormat"]).contains("{{instance}}");
                let said = format!("{title} {}", text(&target["legendFormat"])).contains("$scope");
                assert!(place || said || description.contains("at every selected instance"), "{title}");
            }
        }
    }
}

#[test]
fn columns_and_what_their_links_need_are_there() {
    for board in boards() {
        for panel in panels(&board).filter(|panel| panel["type"] == "table") {
            let title = text(&panel["title"]);
            let targets = panel["targets"].as_array().unwrap();
            let queries: Vec<&str> = targets.iter().map(|target| text(&target["expr"])).collect();
            let matrix = panel["transformations"][0]["id"] == "groupingToMatrix";
            let organize = panel["transformations"].as_array().unwrap().last().unwrap();
            let shown: Vec<&String> = organize["options"]["renameByName"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name)
                .collect();
            assert!(matrix || shown.len() > 3, "{title}");
            for name in &shown {
                let value = name.strip_prefix("Value").map(str::trim);
                let there = match value {
                    Some("") => queries.len() == 1,
                    Some(letter) => {
                        targets.iter().any(|target| format!("#{}", text(&target["refId"])) == *letter)
                    }
                    None => queries.iter().any(|query| labels_of(query).contains(name)),
                };
                assert!(there, "{title}: no column {name}");
            }
            let json = panel["fieldConfig"].to_string();
            for field in json.split("${__data.fields.").skip(1) {
                let field: String =
                    field.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                assert!(shown.contains(&&field), "{title}: a link needs {field}");
            }
        }
    }
}
