//! Checks the dashboard files: positions, ids, texts, variables, links. Includes the rules of Grafana's dashboard linter.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::panel::{AGO, DAYS, DOWN_UNIT, PARTLY_LOST};
use super::words::{BAD, GOOD, ODD, PARTLY, UNKNOWN};
use super::{boards, inner, panels, text};

/// Grafana's names of units that are in use here.
const UNITS: &[&str] =
    &["none", "short", "percentunit", "percent", "s", "bytes", "string", DAYS, AGO, PARTLY_LOST, DOWN_UNIT];

#[test]
fn files_can_be_provisioned_and_imported_alike() {
    let boards = boards();
    let uids: BTreeSet<&str> = boards.iter().map(|board| text(&board["uid"])).collect();
    assert_eq!(uids.len(), boards.len());
    for board in &boards {
        assert!(board["id"].is_null() && board["schemaVersion"] == 39 && board["editable"] == false);
        assert_eq!(board["__inputs"], json!([]), "an import alone would fill it in");
        assert!(!text(&board["title"]).is_empty() && !text(&board["description"]).is_empty());
        let json = board.to_string();
        let sources = json.matches(r#""type":"prometheus","uid":"#).count();
        assert_eq!(sources, json.matches(r#""type":"prometheus","uid":"${datasource}""#).count());
    }
}

#[test]
fn imports_are_told_what_the_dashboards_need() {
    for board in boards() {
        let needs = board["__requires"].as_array().unwrap();
        let of = |kind: &str| -> BTreeSet<&str> {
            needs.iter().filter(|need| need["type"] == kind).map(|need| text(&need["id"])).collect()
        };
        let kinds: BTreeSet<&str> = panels(&board).map(|panel| text(&panel["type"])).collect();
        assert_eq!((of("grafana"), of("datasource")), (["grafana"].into(), ["prometheus"].into()));
        assert_eq!(of("panel"), kinds);
    }
}

#[test]
fn panels_have_a_number_and_a_place_of_their_own() {
    for board in boards() {
        let top = board["panels"].as_array().unwrap();
        let all: Vec<&Value> = top.iter().chain(top.iter().flat_map(inner)).collect();
        let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), all.len(), "{}", text(&board["uid"]));
        free_of_overlaps(top.iter());
        for row in top {
            free_of_overlaps(inner(row));
        }
    }
}

/// The panels of a dashboard, or of a row of it, each in cells of its own.
fn free_of_overlaps<'a>(panels: impl Iterator<Item = &'a Value>) {
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24 && at("w") >= 3 && at("h") >= 1, "{}", text(&panel["title"]));
        let columns = at("x")..at("x") + at("w");
        for cell in columns.flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} lies over another", text(&panel["title"]));
        }
    }
}

#[test]
fn rows_beyond_the_first_screens_are_collapsed() {
    for board in boards() {
        let rows = board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] == "row");
        for row in rows {
            let collapsed = row["collapsed"] == true;
            assert_eq!(collapsed, inner(row).next().is_some(), "{}", text(&row["title"]));
            let y = row["gridPos"]["y"].as_u64().unwrap();
            assert!(collapsed || y < 30, "{} is on a later screen", text(&row["title"]));
        }
    }
}

#[test]
fn timelines_show_states_in_the_colours_of_the_mappings() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "state-timeline") {
        let title = text(&panel["title"]);
        let defaults = &panel["fieldConfig"]["defaults"];
        assert_eq!(defaults["color"]["mode"], "fixed", "{title}: Grafana would show thresholds");
        // Numbers stand for themselves.
        let mut mappings = defaults["mappings"].as_array().into_iter().flatten();
        let numbers =
            mappings.any(|own| own["type"] == "range" && own["options"]["result"]["text"].is_null());
        assert!(numbers || panel["options"]["legend"]["showLegend"] == true, "{title}");
        let own = panel["fieldConfig"]["overrides"].to_string().contains("\"mappings\"");
        assert!(own || defaults["mappings"].as_array().is_some_and(|list| !list.is_empty()), "{title}");
    }
}

#[test]
fn states_have_a_word_and_a_colour_that_everybody_can_tell() {
    let known = [GOOD, ODD, PARTLY, BAD, UNKNOWN, "transparent"];
    for panel in boards().iter().flat_map(panels) {
        let config = &panel["fieldConfig"];
        let own = config["overrides"].as_array().unwrap().iter();
        let own = own.flat_map(|o| o["properties"].as_array().unwrap()).filter(|p| p["id"] == "mappings");
        let mappings = own.map(|property| &property["value"]).chain([&config["defaults"]["mappings"]]);
        for mapping in mappings.flat_map(|list| list.as_array().into_iter().flatten()) {
            let states =
                mapping["options"].as_object().into_iter().flatten().filter(|_| mapping["type"] == "value");
            for (_, state) in states {
                let place = format!("{}: {state}", text(&panel["title"]));
                // Names of components have no colour.
                let coloured = state["color"].as_str().is_none_or(|color| known.contains(&color));
                assert!(!text(&state["text"]).is_empty() && coloured, "{place}");
            }
        }
    }
}

#[test]
fn codes_of_components_have_words() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let title = text(&panel["title"]);
        let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap();
        let of = |name: &str| {
            let own = overrides.iter().filter(|o| o["matcher"]["options"] == name);
            own.map(ToString::to_string).collect::<String>()
        };
        let organize = panel["transformations"].as_array().unwrap().last().unwrap();
        for (label, column) in [("component", "Component"), ("source", "Source")] {
            let is_code = organize["options"]["renameByName"][label] == column;
            assert!(!is_code || of(column).contains("\"adl\":"), "{title}: {column}");
        }
    }
    for target in boards().iter().flat_map(panels).flat_map(|panel| panel["targets"].as_array().unwrap()) {
        for code in ["{{component}}", "{{source}}"] {
            assert!(!text(&target["legendFormat"]).contains(code), "{target}");
        }
    }
}

#[test]
fn graphs_have_a_legend_a_unit_and_the_same_colours() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "timeseries") {
        let title = text(&panel["title"]);
        let defaults = &panel["fieldConfig"]["defaults"];
        assert_eq!(panel["options"]["legend"]["showLegend"], true, "{title}");
        for target in panel["targets"].as_array().unwrap() {
            assert!(
                !text(&target["expr"]).contains("time() - "),
                "{title}: an age rises until the next scrape"
            );
        }
        // Nobody knows what a line without a name is.
        assert!(defaults["custom"]["thresholdsStyle"].is_null(), "{title}: limits without a name");
        let counts = ["none", "short"].contains(&text(&defaults["unit"]));
        assert_eq!(counts, defaults["custom"]["axisLabel"].is_string(), "{title}: what are the numbers of?");
        // Colours by the order of series would differ between pictures, and some are those of a loss.
        let mode = text(&defaults["color"]["mode"]);
        assert!(["continuous-BlPu", "thresholds"].contains(&mode), "{title}: {mode}");
        let by_reason = panel["targets"][0]["legendFormat"] == "{{phase}}.{{reason}}";
        let own = panel["fieldConfig"]["overrides"].to_string();
        assert_eq!(by_reason, own.contains("/^tls[.]/"), "{title}: colours of reasons");
        let by_component = panel["targets"].to_string().contains("{{name}}");
        assert_eq!(by_component, own.contains("(MAPS)"), "{title}: colours of components");
        let legend = panel["targets"][0]["legendFormat"] == "{{phase}}";
        assert_eq!(
            legend,
            panel["fieldConfig"]["overrides"].to_string().contains("\"tls\""),
            "{title}: colours of phases"
        );
    }
}

#[test]
fn full_bars_fill_what_there_is() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "bargauge") {
        assert_eq!(panel["options"]["showUnfilled"], false, "{}", text(&panel["title"]));
    }
}

/// A region over every graph would hide what the graphs show.
#[test]
fn annotations_are_critical_alerts_by_name_and_shown_in_one_graph_alone() {
    for board in boards() {
        let alerts = &board["annotations"]["list"][1];
        let query = text(&alerts["expr"]);
        assert!(query.starts_with("count by (alertname) (ALERTS{"), "{query}");
        assert!(query.contains(r#"severity="critical""#), "{query}");
        let shown: Vec<&Value> = alerts["filter"]["ids"].as_array().into_iter().flatten().collect();
        assert_eq!(alerts["enable"] == true, shown.len() == 1, "{}", text(&board["uid"]));
        for id in shown {
            let panel = panels(&board).find(|panel| panel["id"] == *id).unwrap();
            assert_eq!(panel["type"], "timeseries", "{}", text(&panel["title"]));
        }
    }
}

#[test]
fn text_is_never_too_small() {
    for panel in boards().iter().flat_map(panels) {
        if ["stat", "bargauge"].contains(&text(&panel["type"])) {
            let sizes = &panel["options"]["text"];
            for size in ["titleSize", "valueSize"] {
                assert!(sizes[size].as_u64() >= Some(13), "{}: {size}", text(&panel["title"]));
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
        let shared = [
            "datasource",
            "job",
            "cluster",
            "label",
            "site",
            "instance",
            "component",
            "route",
            "scheme",
            "scope",
        ];
        assert_eq!(names[..shared.len()], shared);
        assert_eq!(
            (&variables[0]["type"], &variables[0]["query"]),
            (&json!("datasource"), &json!("prometheus"))
        );
        assert_eq!(variables[0]["label"], "Data source");
        for variable in
            variables.iter().filter(|variable| variable["type"] == "query" && variable["hide"] == 0)
        {
            let name = text(&variable["name"]);
            assert_eq!(text(&variable["label"]).to_lowercase(), name);
            assert_eq!(variable["datasource"]["uid"], "${datasource}");
            assert_eq!(variable["refresh"], 2, "{name} is not asked for again when the time changes");
            assert_eq!(variable["definition"], variable["query"]["query"]);
            let one = ["endpoint", "phase"].contains(&name);
            // The overview begins with one instance, and several can be chosen.
            let all = !one && (name != "instance" || board["uid"] != "defender-overview");
            assert_eq!((&variable["multi"], &variable["includeAll"]), (&json!(!one), &json!(all)), "{name}");
            // Series need no label of a site or cluster.
            let any = if ["cluster", "site"].contains(&name) { ".*" } else { ".+" };
            assert!(!all || variable["allValue"] == any, "{name}");
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
pub fn strings(value: &Value) -> Vec<&str> {
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
