//! A dashboard: rows of panels on Grafana's grid of 24 columns, variables, links, annotations.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::alerts::critical;
use super::panel::{Panel, data_source};
use super::words::{BAD, UP, expand};

/// The newest schema of Grafana 11. Newer versions migrate it on import.
const SCHEMA: u32 = 39;

/// A dashboard that is being put together, from top to bottom.
pub struct Board {
    json: Value,
    panels: Vec<Value>,
    y: u32,
    panels_so_far: u32,
    in_collapsed_row: bool,
}

impl Board {
    /// An empty one. Its `uid` is in links, so it stays.
    pub fn new(uid: &str, title: &str, description: &str, from: &str) -> Self {
        let json = json!({
            "__inputs": [],
            "__elements": {},
            "uid": uid,
            "title": title,
            "description": description,
            "tags": ["defender", "prometheus"],
            "schemaVersion": SCHEMA,
            "id": null,
            "version": 1,
            "editable": false,
            "fiscalYearStartMonth": 0,
            "graphTooltip": 1,
            "liveNow": false,
            "refresh": "1m",
            "time": { "from": from, "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "weekStart": "",
            "annotations": { "list": [own_annotations(), alerts(false)] },
            "links": [],
            "templating": { "list": [] },
        });
        Self { json, panels: vec![], y: 0, panels_so_far: 0, in_collapsed_row: false }
    }

    /// Shows alerts to begin with, in the last panel alone: in every graph they would hide what it shows. Elsewhere somebody has to switch
    /// them on.
    pub fn with_alerts(mut self) -> Self {
        let mut shown = alerts(true);
        shown["filter"] = json!({ "exclude": false, "ids": [self.panels_so_far] });
        self.json["annotations"]["list"][1] = shown;
        self
    }

    fn push(&mut self, mut panel: Value, x: u32, (width, height): (u32, u32)) {
        self.panels_so_far += 1;
        panel["id"] = json!(self.panels_so_far);
        panel["gridPos"] = json!({ "x": x, "y": self.y, "w": width, "h": height });
        let row = self.panels.last_mut().filter(|_| self.in_collapsed_row);
        match row.and_then(|row| row["panels"].as_array_mut()) {
            Some(panels) => panels.push(panel),
            None => self.panels.push(panel),
        }
    }

    fn heading(mut self, title: &str, collapsed: bool) -> Self {
        // What stands in a collapsed row takes no place in the dashboard.
        if let Some(row) = self.panels.last().filter(|_| self.in_collapsed_row) {
            self.y = u32::try_from(row["gridPos"]["y"].as_u64().unwrap()).unwrap() + 1;
        }
        self.in_collapsed_row = false;
        let row = json!({ "type": "row", "title": title, "collapsed": collapsed, "panels": [] });
        self.push(row, 0, (24, 1));
        self.y += 1;
        self.in_collapsed_row = collapsed;
        self
    }

    /// A heading.
    pub fn row(self, title: &str) -> Self {
        self.heading(title, false)
    }

    /// A heading over lines that are shown, and whose queries run, once it is opened.
    pub fn collapsed(self, title: &str) -> Self {
        self.heading(title, true)
    }

    /// Panels of one height beside each other, with their widths: 24 in all.
    pub fn line(mut self, height: u32, panels: impl IntoIterator<Item = (u32, Panel)>) -> Self {
        let mut x = 0;
        for (width, panel) in panels {
            self.push(panel.0, x, (width, height));
            x += width;
        }
        assert_eq!(x, 24, "a line at {} leaves a gap or overflows", self.y);
        self.y += height;
        self
    }

    /// Variables above the dashboard.
    pub fn variables(mut self, variables: impl IntoIterator<Item = Value>) -> Self {
        self.json["templating"]["list"].as_array_mut().unwrap().extend(variables);
        self
    }

    /// A link to another dashboard, with what is chosen here.
    pub fn link(mut self, title: &str, uid: &str) -> Self {
        self.json["links"].as_array_mut().unwrap().push(json!({
            "type": "link",
            "title": title,
            "tooltip": "",
            "url": format!("/d/{uid}"),
            "icon": "dashboard",
            "tags": [],
            "asDropdown": false,
            "includeVars": true,
            "keepTime": true,
            "targetBlank": false,
        }));
        self
    }

    /// The dashboard.
    pub fn json(mut self) -> Value {
        self.json["__requires"] = requires(&self.panels);
        self.json["panels"] = self.panels.into();
        self.json
    }
}

/// What an import checks: Grafana, the data source and the kinds of panels. `__inputs` stays empty: an import would ask for them, and
/// provisioning would leave them as they are. The data source is a variable instead.
fn requires(panels: &[Value]) -> Value {
    let inner = panels.iter().flat_map(|row| row["panels"].as_array().into_iter().flatten());
    let kinds = panels.iter().chain(inner).filter_map(|panel| panel["type"].as_str());
    let kinds: BTreeSet<&str> = kinds.filter(|kind| *kind != "row").collect();
    let panel = |kind: &&str| json!({ "type": "panel", "id": kind, "name": kind, "version": "" });
    let grafana = json!({ "type": "grafana", "id": "grafana", "name": "Grafana", "version": "11.0.0" });
    let source =
        json!({ "type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0" });
    [grafana, source].into_iter().chain(kinds.iter().map(panel)).collect()
}

/// What Grafana itself annotates.
fn own_annotations() -> Value {
    json!({
        "builtIn": 1,
        "datasource": { "type": "grafana", "uid": "-- Grafana --" },
        "enable": true,
        "hide": true,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    })
}

/// Critical alerts, for as long as they fire: one region for each name, wherever it fires. One for each alert and place would cover
/// the graphs.
fn alerts(enable: bool) -> Value {
    json!({
        "datasource": data_source(),
        "enable": enable,
        "expr": expand(&critical()),
        "hide": false,
        "iconColor": BAD,
        "name": "Critical alerts",
        "step": "60s",
        "tagKeys": "",
        "textFormat": "",
        "titleFormat": "{{alertname}}",
        "useValueForTime": false,
    })
}

/// The data source, first of all variables.
pub fn sources() -> Value {
    json!({
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "current": {},
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "options": [],
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
    })
}

fn asked(name: &str, label: &str, query: &str) -> Value {
    let query = expand(query);
    json!({
        "type": "query",
        "name": name,
        "label": label,
        "datasource": data_source(),
        "definition": query,
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        "hide": 0,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": false,
        "sort": 1,
    })
}

/// Values of a label, several at once; all of them to begin with.
pub fn several(name: &str, label: &str, query: &str) -> Value {
    let mut variable = asked(name, label, query);
    variable["allValue"] = json!(".+");
    variable["current"] = json!({ "selected": true, "text": ["All"], "value": ["$__all"] });
    variable["includeAll"] = json!(true);
    variable["multi"] = json!(true);
    variable
}

/// One value of a label; this one to begin with.
pub fn one(name: &str, label: &str, query: &str, first: &str) -> Value {
    let mut variable = asked(name, label, query);
    variable["current"] = json!({ "selected": true, "text": first, "value": first });
    variable["includeAll"] = json!(false);
    variable["multi"] = json!(false);
    variable
}

/// What every dashboard lets choose.
pub fn common() -> [Value; 10] {
    let clusters = r#"label_values(defender_exporter_build_info{job=~"$job"}, cluster)"#;
    let sites = r#"label_values(defender_exporter_build_info{job=~"$job", cluster=~"$cluster"}, $label)"#;
    // Not those of `/probe`: a dashboard of one place would open on a target.
    let instances = r#"label_values(defender_config_last_reload_successful{job=~"$job", cluster=~"$cluster", $label=~"$site"}, instance)"#;
    [
        sources(),
        several("job", "Job", "label_values(defender_exporter_build_info, job)"),
        any("cluster", "Cluster", clusters),
        label(),
        any("site", "Site", sites),
        several("instance", "Instance", instances),
        several(
            "component",
            "Component",
            r#"label_values(defender_probes_total{%instance, component!="control"}, component)"#,
        ),
        several("route", "Route", "label_values(defender_probes_total{%instance}, route)"),
        scheme(),
        scope(),
    ]
}

/// The same for a dashboard of one place: without All, Grafana begins with the first instance. Several can be chosen.
pub fn common_of_one_place() -> [Value; 10] {
    common().map(|mut variable| {
        if variable["name"] == "instance" {
            variable["includeAll"] = json!(false);
            variable["current"] = json!({});
            variable.as_object_mut().unwrap().remove("allValue");
        }
        variable
    })
}

/// Values of a label that series needn't have; all of them also where they have none.
fn any(name: &str, label: &str, query: &str) -> Value {
    let mut variable = several(name, label, query);
    variable["allValue"] = json!(".*");
    variable
}

/// What the panels that show the worst of several say of it: how many instances are chosen. Hidden.
fn scope() -> Value {
    let count = format!(r#"count_values("n", count({UP}))"#);
    let worst = format!(r#"label_replace({count}, "scope", "worst of $1 instances", "n", "(.+)")"#);
    let words = format!(
        r#"label_replace({worst}, "scope", "1 instance", "n", "1") or on () label_replace(vector(0), "scope", "no instance", "", "")"#
    );
    let mut variable = asked("scope", "Number of instances", &format!("query_result({words})"));
    variable["current"] = json!({});
    variable["hide"] = json!(2);
    variable["includeAll"] = json!(false);
    variable["multi"] = json!(false);
    variable["regex"] = json!(r#"/scope"?[=:]"([^"]+)"/"#);
    variable["query"]["qryType"] = json!(3);
    variable
}

/// The external label by which sites are chosen. Hidden: set it in a provisioned copy or in the URL.
fn label() -> Value {
    let site = json!({ "selected": true, "text": "site", "value": "site" });
    json!({
        "type": "textbox",
        "name": "label",
        "label": "Label of sites",
        "query": "site",
        "current": site,
        "hide": 2,
        "options": [site],
        "skipUrlSync": false,
    })
}

/// The scheme of the links to the exporters' pages. Hidden: set it in a provisioned copy or in the URL.
fn scheme() -> Value {
    let option = |text: &str, selected: bool| json!({ "selected": selected, "text": text, "value": text });
    json!({
        "type": "custom",
        "name": "scheme",
        "label": "Scheme of the exporter's page",
        "query": "http,https",
        "current": option("http", true),
        "hide": 2,
        "includeAll": false,
        "multi": false,
        "options": [option("http", true), option("https", false)],
        "skipUrlSync": false,
    })
}
