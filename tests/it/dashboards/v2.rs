//! The dashboards in the schema v2beta1, which Grafana 13 stores: the same panels, in rows, as elements with a layout.
//! `tests/draw/v2.mjs` checks them against Grafana's published types.

use serde_json::{Map, Value, json};

/// The version of the API whose schema this is.
const API: &str = "dashboard.grafana.app/v2beta1";

/// A dashboard of the classic schema in this one.
pub fn converted(classic: &Value) -> Value {
    let settings = json!({
        "from": classic["time"]["from"],
        "to": classic["time"]["to"],
        "timezone": classic["timezone"],
        "autoRefresh": classic["refresh"],
        "autoRefreshIntervals": ["30s", "1m", "5m", "15m", "30m", "1h"],
        "hideTimepicker": false,
        "fiscalYearStartMonth": 0,
    });
    let (elements, rows) = layout(classic);
    json!({
        "apiVersion": API,
        "kind": "Dashboard",
        "metadata": { "name": classic["uid"] },
        "spec": {
            "title": classic["title"],
            "description": classic["description"],
            "tags": classic["tags"],
            "editable": classic["editable"],
            "cursorSync": "Crosshair",
            "liveNow": false,
            "preload": false,
            "timeSettings": settings,
            "links": classic["links"],
            "annotations": list(&classic["annotations"]["list"]).map(annotation).collect::<Value>(),
            "variables": list(&classic["templating"]["list"]).map(variable).collect::<Value>(),
            "elements": elements,
            "layout": { "kind": "RowsLayout", "spec": { "rows": rows } },
        },
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What a query asks of the data source, or of Grafana itself.
fn query(group: &str, source: Option<&str>, spec: &Value) -> Value {
    let mut query = json!({ "kind": "DataQuery", "group": group, "version": "v0", "spec": spec });
    if let Some(source) = source {
        query["datasource"] = json!({ "name": source });
    }
    query
}

fn prometheus(spec: &Value) -> Value {
    query("prometheus", Some("${datasource}"), spec)
}

fn annotation(classic: &Value) -> Value {
    let built_in = classic["builtIn"] == 1;
    let asked = if built_in {
        query("grafana", Some("-- Grafana --"), &json!({}))
    } else {
        prometheus(&only(
            classic,
            &["expr", "step", "titleFormat", "textFormat", "tagKeys", "useValueForTime"],
        ))
    };
    let mut spec = only(classic, &["name", "enable", "hide", "iconColor", "filter"]);
    spec["query"] = asked;
    spec["builtIn"] = json!(built_in);
    json!({ "kind": "AnnotationQuery", "spec": spec })
}

/// Some of an object's members.
fn only(from: &Value, names: &[&str]) -> Value {
    let members = names.iter().filter(|name| !from[**name].is_null());
    members.map(|name| ((*name).to_owned(), from[*name].clone())).collect::<Map<_, _>>().into()
}

fn variable(classic: &Value) -> Value {
    let mut spec = only(
        classic,
        &["name", "label", "skipUrlSync", "query", "options", "regex", "multi", "includeAll", "allValue"],
    );
    let hidden = classic["hide"] == 2;
    spec["hide"] = json!(if hidden { "hideVariable" } else { "dontHide" });
    let nothing = json!({ "text": "", "value": "" });
    spec["current"] =
        if classic["current"]["value"].is_null() { nothing } else { classic["current"].clone() };
    let kind = match classic["type"].as_str().unwrap() {
        "datasource" => {
            spec.as_object_mut().unwrap().remove("query");
            spec["pluginId"] = classic["query"].clone();
            spec["refresh"] = json!("onDashboardLoad");
            spec["allowCustomValue"] = json!(true);
            "DatasourceVariable"
        }
        "query" => {
            spec["query"] = prometheus(&only(&classic["query"], &["qryType", "query", "refId"]));
            spec["definition"] = classic["definition"].clone();
            spec["refresh"] = json!("onTimeRangeChanged");
            spec["sort"] = json!("alphabeticalAsc");
            spec["allowCustomValue"] = json!(true);
            "QueryVariable"
        }
        "custom" => {
            spec["allowCustomValue"] = json!(true);
            "CustomVariable"
        }
        "textbox" => {
            spec.as_object_mut().unwrap().remove("options");
            "TextVariable"
        }
        kind => panic!("no variable of the kind {kind}"),
    };
    json!({ "kind": kind, "spec": spec })
}

/// The panels by name, and the rows that they are in. What stands before the first heading is a row without one.
fn layout(classic: &Value) -> (Value, Vec<Value>) {
    let mut elements = Map::new();
    let mut rows: Vec<(Value, Vec<&Value>)> = vec![];
    for panel in list(&classic["panels"]) {
        if panel["type"] == "row" {
            let row = json!({ "title": panel["title"], "collapse": panel["collapsed"] });
            rows.push((row, list(&panel["panels"]).collect()));
        } else {
            if rows.is_empty() {
                rows.push((json!({ "title": "", "hideHeader": true, "collapse": false }), vec![]));
            }
            rows.last_mut().unwrap().1.push(panel);
        }
    }
    let rows = rows.into_iter().map(|(mut row, panels)| {
        let y = |panel: &Value| panel["gridPos"]["y"].as_u64().unwrap();
        let top = panels.iter().map(|panel| y(panel)).min().unwrap_or_default();
        let items: Vec<Value> = panels.iter().map(|panel| item(panel, y(panel) - top)).collect();
        elements.extend(panels.iter().map(|panel| (name(panel), element(panel))));
        row["layout"] = json!({ "kind": "GridLayout", "spec": { "items": items } });
        json!({ "kind": "RowsLayoutRow", "spec": row })
    });
    let rows = rows.collect();
    (elements.into(), rows)
}

fn name(panel: &Value) -> String {
    format!("panel-{}", panel["id"])
}

fn item(panel: &Value, y: u64) -> Value {
    let place = &panel["gridPos"];
    let mut spec = json!({
        "x": place["x"],
        "y": y,
        "width": place["w"],
        "height": place["h"],
        "element": { "kind": "ElementReference", "name": name(panel) },
    });
    if let Some(variable) = panel["repeat"].as_str() {
        let (direction, most) = (&panel["repeatDirection"], &panel["maxPerRow"]);
        spec["repeat"] =
            json!({ "mode": "variable", "value": variable, "direction": direction, "maxPerRow": most });
    }
    json!({ "kind": "GridLayoutItem", "spec": spec })
}

fn element(panel: &Value) -> Value {
    let queries = list(&panel["targets"]).map(|target| {
        let asked =
            prometheus(&only(target, &["expr", "format", "instant", "range", "legendFormat", "editorMode"]));
        json!({ "kind": "PanelQuery", "spec": { "query": asked, "refId": target["refId"], "hidden": false } })
    });
    let transformations = list(&panel["transformations"])
        .map(|one| json!({ "kind": one["id"], "spec": { "id": one["id"], "options": one["options"] } }));
    json!({
        "kind": "Panel",
        "spec": {
            "id": panel["id"],
            "title": panel["title"],
            "description": panel["description"],
            "links": [],
            "data": {
                "kind": "QueryGroup",
                "spec": {
                    "queries": queries.collect::<Value>(),
                    "transformations": transformations.collect::<Value>(),
                    "queryOptions": only(panel, &["interval"]),
                },
            },
            "vizConfig": {
                "kind": "VizConfig",
                "group": panel["type"],
                "version": "",
                "spec": { "options": panel["options"], "fieldConfig": panel["fieldConfig"] },
            },
        },
    })
}

/// Every panel is there once, in a row, and says the same.
#[test]
fn every_panel_is_in_a_row() {
    for classic in super::boards() {
        let spec = &converted(&classic)["spec"];
        let elements = spec["elements"].as_object().unwrap();
        let placed: Vec<&str> = list(&spec["layout"]["spec"]["rows"])
            .flat_map(|row| list(&row["spec"]["layout"]["spec"]["items"]))
            .map(|item| super::text(&item["spec"]["element"]["name"]))
            .collect();
        let panels: Vec<String> = super::panels(&classic).map(name).collect();
        assert_eq!(placed, panels);
        assert_eq!(elements.len(), panels.len());
        for panel in super::panels(&classic) {
            let element = &elements[&name(panel)]["spec"];
            assert_eq!(element["title"], panel["title"]);
            let queries = list(&element["data"]["spec"]["queries"]);
            let queries: Vec<&Value> = queries.map(|query| &query["spec"]["query"]["spec"]["expr"]).collect();
            assert_eq!(queries, list(&panel["targets"]).map(|target| &target["expr"]).collect::<Vec<_>>());
        }
    }
}
