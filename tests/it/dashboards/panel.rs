//! A panel in Grafana's JSON: kinds, queries, units, texts, colours. `table.rs` has what only tables have; `board.rs` places it.

use serde_json::{Value, json};

use super::words::{COMPONENTS, LINES, PHASES, UNKNOWN, components, expand};

/// A panel, without its place and number.
#[derive(Clone, Debug)]
pub struct Panel(pub Value);

/// The value of a field: its number, word and colour.
pub type State<'a> = (i64, &'a str, &'a str);

/// From where on a colour holds; the first has no limit.
pub type Step<'a> = (Option<f64>, &'a str);

impl Panel {
    pub fn new(kind: &str, title: &str, description: &str, options: &Value) -> Self {
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
                    "thresholds": steps(&[(None, "text")]),
                },
                "overrides": [],
            },
        }))
    }

    /// A large word or number of this moment, one tile for each series. The sizes are fixed: Grafana would shrink
    /// the text of small tiles until nobody can read it.
    pub fn stat(title: &str, description: &str) -> Self {
        let options = json!({
            "colorMode": "background_solid",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "vertical",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "text": { "titleSize": 14, "valueSize": 22 },
            "textMode": "value_and_name",
            "wideLayout": false,
        });
        Self::new("stat", title, description, &options)
    }

    /// Bars of this moment, one for each series.
    pub fn bar_gauge(title: &str, description: &str) -> Self {
        let options = json!({
            "displayMode": "basic",
            // Beside the bars, long names would be cut off.
            "namePlacement": "top",
            "orientation": "horizontal",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            // Few bars would be as high as the panel.
            "sizing": "manual",
            // Many bars scroll: their names would lie over each other.
            "minVizHeight": 36,
            "maxVizHeight": 44,
            // The value stands beside the bar: a full bar would look as if it lacked what the value takes.
            "showUnfilled": false,
            "text": { "titleSize": 13, "valueSize": 14 },
            "valueMode": "text",
        });
        Self::new("bargauge", title, description, &options)
    }

    /// Lines over time. Where names aren't known, a line's colour is by its highest value, from blue to purple: by its place among those
    /// that there are, it would differ between pictures, and could be that of a loss. Instances have colours of their own (`line_colors.rs`).
    pub fn lines(title: &str, description: &str) -> Self {
        let options = json!({
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
            "tooltip": { "mode": "multi", "sort": "desc" },
        });
        let panel = Self::new("timeseries", title, description, &options);
        let looks = [("drawStyle", json!("line")), ("fillOpacity", json!(0)), ("showPoints", json!("never"))];
        let panel = looks.into_iter().fold(panel, |panel, (key, value)| panel.custom(key, value));
        panel.set("color", json!({ "mode": "continuous-BlPu", "seriesBy": "max" })).set("min", json!(0))
    }

    /// What fails over time by phase and reason, as bars upon each other, in the phases' colours.
    pub fn failing_bars(title: &str, description: &str) -> Self {
        PHASES.iter().fold(Self::stacked_bars(title, description), |panel, (phase, color)| {
            panel.matching(&format!("/^{phase}[.]/"), &fixed(color))
        })
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

    /// States over time, a line for each series. The colour is fixed, and each state has its own by a mapping: with
    /// colours by thresholds, Grafana shows the thresholds in place of the states and merges what is between two of them.
    pub fn timeline(title: &str, description: &str) -> Self {
        let options = json!({
            "alignValue": "left",
            "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
            "mergeValues": true,
            "perPage": 12,
            "rowHeight": 0.8,
            "showValue": "auto",
            "tooltip": { "mode": "single", "sort": "none" },
        });
        Self::new("state-timeline", title, description, &options)
            .set("color", json!({ "mode": "fixed", "fixedColor": UNKNOWN }))
            .custom("fillOpacity", json!(90))
            .custom("lineWidth", json!(0))
    }

    /// How often what took how long, over time.
    pub fn heatmap(title: &str, description: &str) -> Self {
        let options = json!({
            "calculate": false,
            "cellGap": 1,
            "cellValues": { "unit": "short" },
            "color": {
                // No orange: that is what a loss has.
                "exponent": 0.5, "fill": "dark-blue", "mode": "scheme", "reverse": false,
                "scale": "exponential", "scheme": "Blues", "steps": 64,
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

    pub fn target(mut self, legend: &str, query: &str, format: &str, instant: bool) -> Self {
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

    /// A query for buckets over the time shown.
    pub fn buckets(self, query: &str) -> Self {
        self.target("{{le}}", query, "heatmap", false)
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

    /// Lets the axis reach below 0, and always shows 0.
    pub fn below_zero(mut self) -> Self {
        self.0["fieldConfig"]["defaults"].as_object_mut().unwrap().remove("min");
        self.custom("axisSoftMin", json!(0))
    }

    /// Sets how every field is drawn.
    pub fn custom(mut self, key: &str, value: Value) -> Self {
        self.0["fieldConfig"]["defaults"]["custom"][key] = value;
        self
    }

    /// What the numbers at the axis count.
    pub fn axis(self, what: &str) -> Self {
        let mut panel = self.unit("short").custom("axisLabel", json!(what));
        // The axis of time is a field too.
        panel.0["fieldConfig"]["overrides"].as_array_mut().unwrap().push(json!({
            "matcher": { "id": "byType", "options": "time" },
            "properties": [{ "id": "custom.axisLabel", "value": "" }],
        }));
        panel
    }

    /// One colour for each phase, in every panel.
    pub fn by_phase(self) -> Self {
        PHASES.iter().fold(self, |panel, (phase, color)| panel.field(phase.as_str(), &fixed(color)))
    }

    /// One colour for each component, in every panel.
    pub fn by_component(self) -> Self {
        components()
            .iter()
            .zip(COMPONENTS)
            .fold(self, |panel, ((_, name), color)| panel.field(name, &fixed(color)))
    }

    /// Colours of these lines.
    pub fn line_colors(self, names: &[&str]) -> Self {
        names.iter().zip(LINES).fold(self, |panel, (name, color)| panel.field(name, &fixed(color)))
    }

    /// No legend, of a timeline of numbers: it would list them all.
    pub fn without_legend(self) -> Self {
        self.option(
            "legend",
            json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false }),
        )
    }

    /// The legend beside the lines, one name below the other: below them, long names would be cut off.
    pub fn legend_beside(self) -> Self {
        self.option(
            "legend",
            json!({ "calcs": [], "displayMode": "list", "placement": "right", "showLegend": true }),
        )
    }

    /// The unit of every field.
    pub fn unit(self, unit: &str) -> Self {
        self.set("unit", json!(unit))
    }

    /// Days with a decimal: Grafana's own unit makes weeks of them.
    pub fn days(self) -> Self {
        self.unit(DAYS).set("decimals", json!(1))
    }

    /// The value alone, or the name alone: the panel's title says what it is of.
    pub fn shows(self, part: &str) -> Self {
        self.option("textMode", json!(part))
    }

    /// The text if there is no data. A tile would show it in the colour of the lowest threshold.
    pub fn no_value(self, text: &str) -> Self {
        let mut panel = self.set("noValue", json!(text));
        if panel.0["type"] == "stat" {
            let unknown = of_null(text, UNKNOWN);
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

    /// Colours of ranges of numbers, which stay numbers.
    pub fn classes(self, classes: &[(u32, u32, &str)]) -> Self {
        let classes = classes.iter().enumerate().map(|(at, (from, to, color))| {
            let result = json!({ "color": color, "index": at });
            json!({ "type": "range", "options": { "from": from, "to": to, "result": result } })
        });
        self.set("mappings", classes.collect())
    }

    /// Adds words and colours of single values to those of ranges.
    pub fn and_states(mut self, states: &[State<'_>]) -> Self {
        let own = mappings(states);
        let known = self.0["fieldConfig"]["defaults"]["mappings"].as_array_mut().unwrap();
        known.splice(0..0, own.as_array().unwrap().iter().cloned());
        self
    }

    /// The colour of values without a mapping.
    pub fn fallback(self, color: &str) -> Self {
        self.set("color", json!({ "mode": "fixed", "fixedColor": color }))
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

    /// Sets properties of the fields whose name matches.
    pub fn matching(mut self, regex: &str, properties: &[(&str, Value)]) -> Self {
        let properties: Value =
            properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        let overrides = self.0["fieldConfig"]["overrides"].as_array_mut().unwrap();
        overrides
            .push(json!({ "matcher": { "id": "byRegexp", "options": regex }, "properties": properties }));
        self
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

/// One colour for a field.
pub fn fixed(color: &str) -> [(&'static str, Value); 1] {
    [("color", json!({ "mode": "fixed", "fixedColor": color }))]
}

/// The unit of what is counted in days.
pub const DAYS: &str = "suffix:days";

/// The unit of how many lose something in part.
pub const PARTLY_LOST: &str = "suffix:partly";

/// The unit of how many exporters are down.
pub const DOWN_UNIT: &str = "suffix:down";

/// The unit of what is told as the time since a moment.
pub const AGO: &str = "dateTimeFromNow";

/// The data source that is chosen above the dashboard.
pub fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

/// The words for nothing, in a colour.
pub fn of_null(text: &str, color: &str) -> Value {
    let result = json!({ "color": color, "index": 9, "text": text });
    json!({ "type": "special", "options": { "match": "null", "result": result } })
}

pub fn steps(limits: &[Step<'_>]) -> Value {
    let steps = limits.iter().map(|(from, color)| json!({ "color": color, "value": from }));
    json!({ "mode": "absolute", "steps": steps.collect::<Value>() })
}

pub fn mappings(states: &[State<'_>]) -> Value {
    let options = states.iter().enumerate().map(|(at, (value, text, color))| {
        (value.to_string(), json!({ "color": color, "index": at, "text": text }))
    });
    json!([{ "type": "value", "options": options.collect::<Value>() }])
}
