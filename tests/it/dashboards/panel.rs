//! A panel in Grafana's JSON: queries, columns, units, texts, colours. `board.rs` places it.

use serde_json::{Value, json};

use super::words::expand;

/// A panel, without its place and number.
#[derive(Clone, Debug)]
pub struct Panel(pub Value);

/// The grey of what isn't known.
const UNKNOWN: &str = "#6e7079";

/// The value of a field: its number, word and colour.
pub type State<'a> = (i64, &'a str, &'a str);

/// From where on a colour holds; the first has no limit.
pub type Step<'a> = (Option<f64>, &'a str);

impl Panel {
    fn new(kind: &str, title: &str, description: &str, options: &Value) -> Self {
        Self(json!({
            "type": kind,
            "title": title,
            "description": description,
            "datasource": data_source(),
            "targets": [],
            "options": options,
            "fieldConfig": {
                "defaults": {
                    "unit": "none",
                    "color": { "mode": "thresholds" },
                    "thresholds": steps(&[(None, "blue")]),
                },
                "overrides": [],
            },
        }))
    }

    /// Large words or numbers of this moment, one tile for each series.
    pub fn stat(title: &str, description: &str) -> Self {
        let options = json!({
            "colorMode": "background_solid",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "textMode": "value_and_name",
            "wideLayout": false,
        });
        Self::new("stat", title, description, &options)
    }

    /// Bars of this moment, one for each series.
    pub fn bar_gauge(title: &str, description: &str) -> Self {
        let options = json!({
            "displayMode": "basic",
            "orientation": "horizontal",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showUnfilled": true,
            "text": { "titleSize": 14, "valueSize": 16 },
            "valueMode": "text",
        });
        Self::new("bargauge", title, description, &options)
    }

    /// Rows of this moment.
    pub fn table(title: &str, description: &str) -> Self {
        let options = json!({ "cellHeight": "sm", "showHeader": true, "sortBy": [] });
        Self::new("table", title, description, &options)
            .custom("align", json!("left"))
            .custom("filterable", json!(true))
            .custom("inspect", json!(true))
            .custom("minWidth", json!(80))
    }

    /// Lines over time.
    pub fn lines(title: &str, description: &str) -> Self {
        let options = json!({
            "legend": { "calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "right", "showLegend": true },
            "tooltip": { "mode": "multi", "sort": "desc" },
        });
        let panel = Self::new("timeseries", title, description, &options);
        let looks =
            [("drawStyle", json!("line")), ("fillOpacity", json!(10)), ("showPoints", json!("never"))];
        let panel = looks.into_iter().fold(panel, |panel, (key, value)| panel.custom(key, value));
        panel.set("color", json!({ "mode": "palette-classic" })).set("min", json!(0))
    }

    /// What adds up over time, as bars upon each other.
    pub fn stacked_bars(title: &str, description: &str) -> Self {
        Self::lines(title, description)
            .custom("drawStyle", json!("bars"))
            .custom("fillOpacity", json!(70))
            .stacked()
    }

    /// Series upon each other.
    pub fn stacked(self) -> Self {
        self.custom("stacking", json!({ "group": "A", "mode": "normal" }))
    }

    /// States over time, a line for each series.
    pub fn timeline(title: &str, description: &str) -> Self {
        let options = json!({
            "alignValue": "left",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
            "mergeValues": true,
            "rowHeight": 0.85,
            "showValue": "auto",
            "tooltip": { "mode": "single", "sort": "none" },
        });
        Self::new("state-timeline", title, description, &options)
            .custom("fillOpacity", json!(75))
            .custom("lineWidth", json!(0))
    }

    /// How often what took how long, over time.
    pub fn heatmap(title: &str, description: &str) -> Self {
        let options = json!({
            "calculate": false,
            "cellGap": 1,
            "cellValues": { "unit": "short" },
            "color": {
                "exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": false,
                "scale": "exponential", "scheme": "Oranges", "steps": 64,
            },
            "exemplars": { "color": "rgba(255,0,255,0.7)" },
            "filterValues": { "le": 1e-9 },
            "legend": { "show": true },
            "rowsFrame": { "layout": "auto" },
            "showValue": "never",
            "tooltip": { "mode": "single", "showColorScale": true, "yHistogram": true },
            "yAxis": { "axisPlacement": "left", "reverse": false, "unit": "s" },
        });
        Self::new("heatmap", title, description, &options)
    }

    fn target(mut self, legend: &str, query: &str, format: &str, instant: bool) -> Self {
        let targets = self.0["targets"].as_array_mut().unwrap();
        let letter = char::from(b'A' + u8::try_from(targets.len()).unwrap());
        targets.push(json!({
            "refId": letter.to_string(),
            "datasource": data_source(),
            "editorMode": "code",
            "expr": expand(query),
            "format": format,
            "instant": instant,
            "range": !instant,
            "legendFormat": legend,
        }));
        self
    }

    /// A query for this moment.
    pub fn now(self, legend: &str, query: &str) -> Self {
        self.target(legend, query, "time_series", true)
    }

    /// A query over the time shown.
    pub fn over_time(self, legend: &str, query: &str) -> Self {
        self.target(legend, query, "time_series", false)
    }

    /// A query for rows of this moment; the next ones add columns.
    pub fn rows(self, query: &str) -> Self {
        self.target("__auto", query, "table", true)
    }

    /// A query for buckets over the time shown.
    pub fn buckets(self, query: &str) -> Self {
        self.target("{{le}}", query, "heatmap", false)
    }

    /// The columns of a table in their order, by the name of label or value and the title; the others aren't shown.
    pub fn columns(mut self, shown: &[(&str, &str)], others: &[&str]) -> Self {
        let index: Value =
            shown.iter().enumerate().map(|(at, (name, _))| ((*name).to_owned(), json!(at))).collect();
        let titles: Value = shown.iter().map(|(name, title)| ((*name).to_owned(), json!(title))).collect();
        let out: Value =
            ["Time"].iter().chain(others).map(|name| ((*name).to_owned(), json!(true))).collect();
        let organize = json!({
            "id": "organize",
            "options": { "excludeByName": out, "indexByName": index, "renameByName": titles },
        });
        let several = self.0["targets"].as_array().unwrap().len() > 1;
        let merge = several.then(|| json!({ "id": "merge", "options": {} }));
        self.0["transformations"] = merge.into_iter().chain([organize]).collect();
        // Otherwise the text for an empty table would appear in each empty cell.
        shown
            .iter()
            .filter(|_| several)
            .fold(self, |panel, (_, title)| panel.field(title, &[("noValue", json!("–"))]))
    }

    /// A table with the values of one label as columns and those of another as rows.
    pub fn matrix(mut self, column: &str, row: &str) -> Self {
        self.0["transformations"] = json!([{
            "id": "groupingToMatrix",
            "options": { "columnField": column, "emptyValue": "null", "rowField": row, "valueField": "Value" },
        }]);
        let names = [
            ("displayName", json!("Instance")),
            ("custom.cellOptions", json!({ "type": "auto" })),
            ("custom.width", json!(210)),
        ];
        self.custom("cellOptions", json!({ "mode": "basic", "type": "color-background" }))
            .custom("filterable", json!(false))
            .custom("minWidth", json!(70))
            .field(&format!(r"{row}\{column}"), &names)
    }

    /// By which columns rows are sorted, and whether downwards.
    pub fn sorted(mut self, by: &[(&str, bool)]) -> Self {
        let by = by.iter().map(|(column, desc)| json!({ "displayName": column, "desc": desc }));
        self.0["options"]["sortBy"] = by.collect();
        self
    }

    /// Sets an option.
    pub fn option(mut self, key: &str, value: Value) -> Self {
        self.0["options"][key] = value;
        self
    }

    /// Sets what holds of every field.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.0["fieldConfig"]["defaults"][key] = value;
        self
    }

    /// Lets the axis reach below 0.
    pub fn below_zero(mut self) -> Self {
        self.0["fieldConfig"]["defaults"].as_object_mut().unwrap().remove("min");
        self
    }

    /// Sets how every field is drawn.
    pub fn custom(mut self, key: &str, value: Value) -> Self {
        self.0["fieldConfig"]["defaults"]["custom"][key] = value;
        self
    }

    /// The unit of every field.
    pub fn unit(self, unit: &str) -> Self {
        self.set("unit", json!(unit))
    }

    /// The text if there is no data. A tile would show it in the colour of the lowest threshold, red or green.
    pub fn no_value(self, text: &str) -> Self {
        let mut panel = self.set("noValue", json!(text));
        if panel.0["type"] == "stat" {
            let unknown = of_null(text);
            let mappings = &mut panel.0["fieldConfig"]["defaults"]["mappings"];
            match mappings.as_array_mut() {
                Some(mappings) => mappings.push(unknown),
                None => *mappings = json!([unknown]),
            }
        }
        panel
    }

    /// Words and colours of every field's values.
    pub fn states(self, states: &[State<'_>]) -> Self {
        self.set("mappings", mappings(states))
    }

    /// Colours by limits.
    pub fn limits(self, limits: &[Step<'_>]) -> Self {
        self.set("thresholds", steps(limits))
    }

    /// Sets properties of one field, by its name.
    pub fn field(mut self, name: &str, properties: &[(&str, Value)]) -> Self {
        let properties: Value =
            properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        let overrides = self.0["fieldConfig"]["overrides"].as_array_mut().unwrap();
        overrides.push(json!({ "matcher": { "id": "byName", "options": name }, "properties": properties }));
        self
    }

    /// A column of states, coloured.
    pub fn state_column(self, name: &str, width: u32, states: &[State<'_>]) -> Self {
        let cell = json!({ "mode": "basic", "type": "color-background" });
        let mut words = mappings(states);
        words.as_array_mut().unwrap().push(of_null("–"));
        self.field(name, &[("mappings", words), ("custom.cellOptions", cell), ("custom.width", json!(width))])
    }

    /// A column of numbers, coloured by limits.
    pub fn number_column(self, name: &str, width: u32, unit: &str, limits: &[Step<'_>]) -> Self {
        let cell = json!({ "type": "color-text" });
        let properties = [
            ("unit", json!(unit)),
            ("mappings", json!([of_null("–")])),
            ("thresholds", steps(limits)),
            ("custom.cellOptions", cell),
            ("custom.width", json!(width)),
        ];
        self.field(name, &properties)
    }

    /// A column's width, in pixels.
    pub fn width(self, name: &str, width: u32) -> Self {
        self.field(name, &[("custom.width", json!(width))])
    }

    /// A column of codes that are shown as these words. They don't wrap: Grafana makes rows as high as the codes need. The whole text
    /// shows under the mouse.
    pub fn text_column(self, name: &str, words: Value) -> Self {
        self.field(name, &[("mappings", words)])
    }

    /// Links of a column: titles and addresses.
    pub fn links(self, name: &str, links: &[(&str, &str)]) -> Self {
        let links: Value = links.iter().map(|(title, url)| json!({ "title": title, "url": url })).collect();
        self.field(name, &[("links", links)])
    }

    /// Counters need two samples in each interval: probes end every minute, and scrapes may be a minute apart.
    pub fn of_counters(mut self) -> Self {
        self.0["interval"] = json!("2m");
        self
    }

    /// One such panel for each value of a variable, beside each other.
    pub fn for_each(mut self, variable: &str) -> Self {
        self.0["repeat"] = json!(variable);
        self.0["repeatDirection"] = json!("h");
        self.0["maxPerRow"] = json!(2);
        self
    }
}

/// The data source that is chosen above the dashboard.
pub fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The words for nothing.
fn of_null(text: &str) -> Value {
    let result = json!({ "color": UNKNOWN, "index": 9, "text": text });
    json!({ "type": "special", "options": { "match": "null", "result": result } })
}

fn steps(limits: &[Step<'_>]) -> Value {
    let steps = limits.iter().map(|(from, color)| json!({ "color": color, "value": from }));
    json!({ "mode": "absolute", "steps": steps.collect::<Value>() })
}

fn mappings(states: &[State<'_>]) -> Value {
    let options = states.iter().enumerate().map(|(at, (value, text, color))| {
        (value.to_string(), json!({ "color": color, "index": at, "text": text }))
    });
    json!([{ "type": "value", "options": options.collect::<Value>() }])
}
