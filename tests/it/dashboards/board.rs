//! A dashboard: rows of panels on Grafana's grid of 24 columns, variables, links, annotations.

use serde::Serialize as _;
use serde_json::ser::PrettyFormatter;
use serde_json::{Value, json};

use super::panel::{Panel, data_source};
use super::words::{FIRING, expand};

/// The newest schema of Grafana 11. Newer versions migrate it on import.
const SCHEMA: u32 = 39;

/// A dashboard that is being put together, from top to bottom.
pub struct Board {
    json: Value,
    panels: Vec<Value>,
    y: u32,
}

impl Board {
    /// An empty one. Its `uid` is in links, so it stays.
    pub fn new(uid: &str, title: &str, description: &str, from: &str) -> Self {
        let json = json!({
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
            "annotations": { "list": [own_annotations(), alerts()] },
            "links": [],
            "templating": { "list": [] },
        });
        Self { json, panels: vec![], y: 0 }
    }

    fn push(&mut self, mut panel: Value, x: u32, (width, height): (u32, u32)) {
        panel["id"] = json!(self.panels.len() + 1);
        panel["gridPos"] = json!({ "x": x, "y": self.y, "w": width, "h": height });
        self.panels.push(panel);
    }

    /// A heading.
    pub fn row(mut self, title: &str) -> Self {
        self.push(json!({ "type": "row", "title": title, "collapsed": false, "panels": [] }), 0, (24, 1));
        self.y += 1;
        self
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

    /// The file's text. Indented by one space: in a ConfigMap that `kubectl apply` makes, it counts twice.
    pub fn text(mut self) -> String {
        self.json["panels"] = self.panels.into();
        let mut text = Vec::new();
        let mut writer =
            serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "));
        self.json.serialize(&mut writer).unwrap();
        String::from_utf8(text).unwrap() + "\n"
    }
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

/// The alerts of the exporter's rules, for as long as they fire.
fn alerts() -> Value {
    json!({
        "datasource": data_source(),
        "enable": true,
        "expr": FIRING,
        "hide": false,
        "iconColor": "red",
        "name": "Alerts",
        "step": "60s",
        "tagKeys": "severity,component,route,instance",
        "textFormat": "{{instance}} {{route}} {{component}}",
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
pub fn common() -> [Value; 6] {
    [
        sources(),
        several("job", "Job", "label_values(defender_exporter_build_info, job)"),
        several(
            "instance",
            "Instance",
            r#"label_values(defender_exporter_build_info{job=~"$job"}, instance)"#,
        ),
        several("component", "Component", "label_values(defender_probes_total{%instance}, component)"),
        several("route", "Route", "label_values(defender_probes_total{%instance}, route)"),
        scheme(),
    ]
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
