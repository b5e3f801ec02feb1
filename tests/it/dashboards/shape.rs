//! Checks the dashboard files: positions, ids, texts, variables, links, limits. Includes the rules of Grafana's
//! dashboard linter.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::words::OF_ALERTS;
use super::{boards, panels, text};
use crate::rules::files::Alerts;

/// Grafana's names of units that are in use here.
const UNITS: &[&str] = &["none", "short", "percentunit", "s", "bytes"];

#[test]
fn files_can_be_provisioned_and_imported_alike() {
    let boards = boards();
    let uids: BTreeSet<&str> = boards.iter().map(|board| text(&board["uid"])).collect();
    assert_eq!(uids.len(), boards.len());
    for board in &boards {
        assert!(board["id"].is_null() && board["schemaVersion"] == 39 && board["editable"] == false);
        assert!(board.get("__inputs").is_none(), "an import alone would fill it in");
        assert!(!text(&board["title"]).is_empty() && !text(&board["description"]).is_empty());
        let json = board.to_string();
        let sources = json.matches(r#""type":"prometheus","uid":"#).count();
        assert_eq!(sources, json.matches(r#""type":"prometheus","uid":"${datasource}""#).count());
    }
}

#[test]
fn panels_have_a_number_and_a_place_of_their_own() {
    for board in boards() {
        let all = board["panels"].as_array().unwrap();
        let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), all.len(), "{}", text(&board["uid"]));
        let mut taken = BTreeSet::new();
        for panel in all {
            let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24 && at("w") >= 3 && at("h") >= 1, "{}", text(&panel["title"]));
            for cell in
                (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y)))
            {
                assert!(taken.insert(cell), "{} lies over another", text(&panel["title"]));
            }
        }
    }
}

#[test]
fn panels_have_description_unit_and_no_value_text() {
    for board in boards() {
        let titles: Vec<&str> = panels(&board).map(|panel| text(&panel["title"])).collect();
        assert_eq!(titles.iter().collect::<BTreeSet<_>>().len(), titles.len(), "{titles:?}");
        for panel in panels(&board) {
            let title = text(&panel["title"]);
            assert!(text(&panel["description"]).ends_with('.'), "{title}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(&defaults["noValue"]).is_empty(), "{title}");
            let own = panel["fieldConfig"]["overrides"].as_array().unwrap().iter();
            let own = own.flat_map(|o| o["properties"].as_array().unwrap()).filter(|p| p["id"] == "unit");
            for unit in own.map(|property| &property["value"]).chain([&defaults["unit"]]) {
                assert!(UNITS.contains(&text(unit)), "{title}: {unit}");
            }
        }
    }
}

#[test]
fn queries_have_a_legend_a_letter_and_the_chosen_data_source() {
    for panel in boards().iter().flat_map(panels) {
        let title = text(&panel["title"]);
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}");
        let letters: BTreeSet<&str> = targets.iter().map(|target| text(&target["refId"])).collect();
        assert_eq!(letters.len(), targets.len(), "{title}");
        for target in targets {
            assert!(!text(&target["legendFormat"]).is_empty(), "{title}");
            assert_eq!(target["datasource"], json!({ "type": "prometheus", "uid": "${datasource}" }));
            let over_time = ["timeseries", "state-timeline", "heatmap"].contains(&text(&panel["type"]));
            assert_eq!(
                (&target["range"], &target["instant"]),
                (&json!(over_time), &json!(!over_time)),
                "{title}"
            );
        }
    }
}

#[test]
fn what_can_be_chosen_is_the_same_everywhere() {
    for board in boards() {
        let variables = board["templating"]["list"].as_array().unwrap();
        let names: Vec<&str> = variables.iter().map(|variable| text(&variable["name"])).collect();
        assert_eq!(names[..6], ["datasource", "job", "instance", "component", "route", "scheme"]);
        assert_eq!(
            (&variables[0]["type"], &variables[0]["query"]),
            (&json!("datasource"), &json!("prometheus"))
        );
        assert_eq!(variables[0]["label"], "Data source");
        for variable in variables.iter().filter(|variable| variable["type"] == "query") {
            let name = text(&variable["name"]);
            assert_eq!(text(&variable["label"]).to_lowercase(), name);
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
            assert_eq!(variable["refresh"], 2, "{name} is not asked for again when the time changes");
            assert_eq!(variable["definition"], variable["query"]["query"]);
            let one = name == "endpoint";
            assert_eq!((&variable["multi"], &variable["includeAll"]), (&json!(!one), &json!(!one)), "{name}");
            assert!(one || variable["allValue"] == ".+", "{name}");
        }
        let used: BTreeSet<String> = variables_in(&board.to_string()).collect();
        let unknown: Vec<_> =
            used.iter().filter(|name| !name.starts_with("__") && !names.contains(&name.as_str())).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", text(&board["uid"]));
    }
}

/// The variables that a text names; numbers are groups of a `label_replace`, and `$` before anything else ends an expression.
fn variables_in(text: &str) -> impl Iterator<Item = String> {
    let names = text.split('$').skip(1).map(|rest| rest.trim_start_matches('{'));
    let names = names
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>());
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
}

/// Every string in a tree.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(strings).collect(),
        Value::Object(values) => values.values().flat_map(strings).collect(),
        _ => vec![],
    }
}

#[test]
fn links_lead_to_existing_dashboards() {
    let boards = boards();
    let mut found = 0;
    for board in &boards {
        for url in strings(board).into_iter().filter(|text| text.starts_with("/d/")) {
            found += 1;
            let (uid, query) = url[3..].split_once('?').unwrap_or((&url[3..], ""));
            let to =
                boards.iter().find(|board| board["uid"] == uid).unwrap_or_else(|| panic!("no {uid}: {url}"));
            let variables = to["templating"]["list"].as_array().unwrap();
            for chosen in query.split("var-").skip(1).map(|rest| rest.split('=').next().unwrap()) {
                assert!(variables.iter().any(|variable| variable["name"] == chosen), "{uid} has no {chosen}");
            }
        }
    }
    assert!(found >= 10, "{found}");
}

/// The numbers that the expressions of an alert compare with.
fn limits(alert: &str) -> Vec<f64> {
    let alerts = Alerts::load();
    let expressions: Vec<String> =
        alerts.alerts().filter(|rule| rule.alert == alert).map(|rule| rule.expr.clone()).collect();
    assert!(!expressions.is_empty(), "there is no alert {alert}");
    let mut found = Vec::new();
    for expression in &expressions {
        let words: Vec<&str> = expression
            .split(|c: char| c.is_whitespace() || "()".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        for at in (1..words.len()).filter(|at| ["<", ">", "<=", ">="].contains(&words[at - 1])) {
            let mut factors = words[at..].iter().step_by(2).map_while(|word| word.parse::<f64>().ok());
            let Some(first) = factors.next() else { continue };
            let product = words.get(at + 1) == Some(&"*");
            found.push(if product { first * factors.next().unwrap() } else { first });
        }
    }
    found
}

#[test]
fn limits_are_those_of_the_alerts() {
    let mut known = vec![1.0];
    for (alert, steps) in OF_ALERTS {
        let limits = limits(alert);
        let ours: Vec<f64> = steps
            .iter()
            .filter_map(|(from, _)| *from)
            .filter(|from| (from - 1.0).abs() > f64::EPSILON)
            .collect();
        assert!(ours.iter().all(|own| limits.contains(own)), "{alert}: {ours:?} are not {limits:?}");
        assert!(limits.iter().all(|limit| ours.contains(limit) || *limit < 2.0), "{alert}: {limits:?}");
        known.extend(ours);
    }
    for panel in boards().iter().flat_map(panels) {
        let defaults = [&panel["fieldConfig"]["defaults"]["thresholds"]];
        let own = panel["fieldConfig"]["overrides"].as_array().unwrap().iter();
        let own = own.flat_map(|o| o["properties"].as_array().unwrap()).filter(|p| p["id"] == "thresholds");
        for steps in own.map(|property| &property["value"]).chain(defaults) {
            let steps = steps["steps"].as_array().unwrap();
            assert!(steps[0]["value"].is_null());
            let values = steps[1..].iter().map(|step| step["value"].as_f64().unwrap());
            let others: Vec<f64> = values.filter(|value| !known.contains(value)).collect();
            assert!(others.is_empty(), "{}: {others:?}", text(&panel["title"]));
        }
    }
}

#[test]
fn alerts_that_are_named_exist() {
    let alerts = Alerts::load();
    for board in boards() {
        for text in strings(&board) {
            for name in
                text.split("Defender").skip(1).map(crate::rules::files::word).filter(|name| !name.is_empty())
            {
                let name = format!("Defender{name}");
                assert!(alerts.alerts().any(|rule| rule.alert == name), "{name}: {text}");
            }
        }
    }
}

#[test]
fn provisioning_has_data_source_and_folder() {
    let read = |file: &str| -> Value {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let source = &read("dashboards/provisioning/datasources/prometheus.yml")["datasources"][0];
    assert_eq!((&source["type"], &source["access"]), (&json!("prometheus"), &json!("proxy")));
    let interval = &read("alerts/prometheus.yml")["global"]["scrape_interval"];
    assert_eq!(&source["jsonData"]["timeInterval"], interval, "rates are over too short or too long a time");
    let provider = &read("dashboards/provisioning/dashboards/defender.yml")["providers"][0];
    assert_eq!(provider["type"], "file");
    let readme = include_str!("../../../dashboards/README.md");
    assert!(readme.contains(text(&provider["options"]["path"])), "the README puts the files elsewhere");
}
