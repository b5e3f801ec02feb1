//! What only tables have: columns, widths, sorting, links.

use serde_json::{Value, json};

use super::grouping::{named, placed};
use super::panel::{AGO, DAYS, Panel, State, Step, mappings, of_null, steps};
use super::words::{GOOD, UNKNOWN};

/// What links of a row need, with titles that nobody sees.
const LINKED: [(&str, &str); 3] =
    [("instance", "Address"), ("of_cluster", "Cluster of the link"), ("of_site", "Site of the link")];

impl Panel {
    /// Rows of this moment. In pages: each shows whole rows, and below it stands which of how many. By the option of Grafana 11 and by that
    /// of later versions.
    pub fn table(title: &str, description: &str) -> Self {
        let footer = json!({ "show": false, "reducer": [], "countRows": false, "fields": "", "enablePagination": true });
        let options = json!({
            "cellHeight": "sm", "showHeader": true, "sortBy": [], "footer": footer, "enablePagination": true,
        });
        Self::new("table", title, description, &options)
            .custom("align", json!("left"))
            .custom("filterable", json!(false))
            .custom("minWidth", json!(60))
            .custom("wrapHeaderText", json!(true))
    }

    /// A query for rows of this moment; the next ones add columns. The label `place` names where a row is from.
    pub fn rows(self, query: &str) -> Self {
        self.target("__auto", &placed(query, false), "table", true)
    }

    /// The same for rows of a matrix, whose names are one line.
    pub fn named_rows(self, query: &str) -> Self {
        self.target("__auto", &named(query), "table", true)
    }

    /// The same, with what the links of a row need.
    pub fn linked_rows(self, query: &str) -> Self {
        self.target("__auto", &placed(query, true), "table", true)
    }

    /// Rows that come in the order of these labels, whatever is shown of them: a table sorts by columns that it shows.
    pub fn ordered_rows(mut self, query: &str, labels: &[&str]) -> Self {
        let labels: Vec<String> = labels.iter().map(|label| format!("\"{label}\"")).collect();
        let query = format!(r#"label_join({}, "order", " ", {})"#, placed(query, true), labels.join(", "));
        self.0["transformations"] =
            json!([{ "id": "sortBy", "options": { "fields": {}, "sort": [{ "field": "order" }] } }]);
        self.target("__auto", &query, "table", true)
    }

    /// A table of one row: a page of its own would take more room than the row.
    pub fn of_one_row(mut self) -> Self {
        let options = self.0["options"].as_object_mut().unwrap();
        options.remove("footer");
        options.remove("enablePagination");
        self
    }

    /// The columns of a table in their order, by the name of label or value and the title. Others aren't shown, whatever labels a
    /// user's Prometheus adds.
    pub fn columns(mut self, shown: &[(&str, &str)]) -> Self {
        let targets = self.0["targets"].as_array().unwrap();
        let several = targets.len() > 1;
        let linked = targets.iter().any(|target| target["expr"].as_str().unwrap().contains("of_cluster"));
        let hidden = LINKED.iter().filter(|(name, _)| linked && !shown.iter().any(|(own, _)| own == name));
        let all: Vec<(&str, &str)> = shown.iter().chain(hidden).copied().collect();
        let index: Value =
            all.iter().enumerate().map(|(at, (name, _))| ((*name).to_owned(), json!(at))).collect();
        let titles: Value = all.iter().map(|(name, title)| ((*name).to_owned(), json!(title))).collect();
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let merge = several.then(|| json!({ "id": "merge", "options": {} }));
        let filter = json!({ "id": "filterFieldsByName", "options": { "include": { "names": names } } });
        let organize = json!({
            "id": "organize",
            "options": { "excludeByName": {}, "indexByName": index, "renameByName": titles },
        });
        let sorted = self.0["transformations"].take();
        let sorted = sorted.as_array().into_iter().flatten().cloned();
        self.0["transformations"] = sorted.chain(merge).chain([filter, organize]).collect();
        let panel = all[shown.len()..].iter().fold(self, |panel, (_, title)| panel.hidden(title));
        shown.iter().fold(panel, |panel, (name, title)| {
            // Otherwise the text for an empty table would appear in each empty cell.
            let mut properties = vec![("noValue", json!("–"))];
            // Otherwise a label that looks like a number is shown as one: 0x80072F8F as 2147954575.
            if !name.starts_with("Value") {
                properties.push(("unit", json!("string")));
            }
            panel.field(title, &properties)
        })
    }

    /// A table with the values of one label as columns, with titles, and those of another as rows.
    pub fn matrix(mut self, column: &str, row: &str, titles: &[(&str, String)]) -> Self {
        self.0["transformations"] = json!([{
            "id": "groupingToMatrix",
            "options": { "columnField": column, "emptyValue": "null", "rowField": row, "valueField": "Value" },
        }]);
        let names = [
            ("displayName", json!("Instance")),
            ("unit", json!("string")),
            ("custom.cellOptions", json!({ "type": "auto" })),
            ("custom.width", json!(390)),
        ];
        let panel = self
            .custom("cellOptions", json!({ "mode": "basic", "type": "color-background" }))
            .custom("minWidth", json!(110))
            .field(&format!(r"{row}\{column}"), &names);
        titles.iter().fold(panel, |panel, (name, title)| panel.field(name, &[("displayName", json!(title))]))
    }

    /// By which columns rows are sorted, and whether downwards. The last ones name the row, so that the order holds
    /// while the state changes.
    pub fn sorted(mut self, by: &[(&str, bool)]) -> Self {
        let by = by.iter().map(|(column, desc)| json!({ "displayName": column, "desc": desc }));
        self.0["options"]["sortBy"] = by.collect();
        self
    }

    /// A column of states, coloured.
    pub fn state_column(self, name: &str, width: u32, states: &[State<'_>]) -> Self {
        let cell = json!({ "mode": "basic", "type": "color-background" });
        let mut words = mappings(states);
        words.as_array_mut().unwrap().push(of_null("–", UNKNOWN));
        self.field(name, &[("mappings", words), ("custom.cellOptions", cell), ("custom.width", json!(width))])
    }

    /// A column of numbers, filled where a limit is passed.
    pub fn number_column(self, name: &str, width: u32, unit: &str, limits: &[Step<'_>]) -> Self {
        let plain: Vec<Step<'_>> = limits
            .iter()
            .map(|(from, color)| {
                (*from, if [GOOD, UNKNOWN].contains(color) { "transparent" } else { *color })
            })
            .collect();
        let properties = [
            ("unit", json!(unit)),
            ("decimals", if unit == DAYS || unit == "percentunit" { json!(1) } else { Value::Null }),
            ("mappings", json!([of_null("–", "transparent")])),
            ("thresholds", steps(&plain)),
            ("custom.cellOptions", json!({ "mode": "basic", "type": "color-background" })),
            ("custom.width", json!(width)),
        ];
        let properties: Vec<_> = properties.into_iter().filter(|(_, value)| !value.is_null()).collect();
        self.field(name, &properties)
    }

    /// Words for numbers that aren't such: -1, -2.
    pub fn words(self, name: &str, states: &[State<'_>]) -> Self {
        let mut words = mappings(states);
        words.as_array_mut().unwrap().push(of_null("–", "transparent"));
        self.field(name, &[("mappings", words)])
    }

    /// A column of moments, told as the time since then, with the words for none. Grafana counts in milliseconds.
    pub fn ago_column(self, name: &str, width: u32, none: &str) -> Self {
        let properties = [("unit", json!(AGO)), ("noValue", json!(none)), ("custom.width", json!(width))];
        self.field(name, &properties)
    }

    /// A column's width, in pixels.
    pub fn width(self, name: &str, width: u32) -> Self {
        self.field(name, &[("custom.width", json!(width))])
    }

    /// A column of sentences. They wrap, in Grafana 11 by the cell's option and later by the column's. Without a width, the column has
    /// what the others leave.
    pub fn wrapped(self, name: &str, width: Option<u32>) -> Self {
        let width = width.map_or(("custom.minWidth", json!(245)), |width| ("custom.width", json!(width)));
        let cell = json!({ "type": "auto", "wrapText": true });
        self.field(name, &[("custom.cellOptions", cell), ("custom.wrapText", json!(true)), width])
    }

    /// A column of sentences with a share of what the others leave, and at least this width: at a fixed width, it could wrap where Grafana
    /// makes room for one line, since the row's longest text needs no more.
    pub fn shared(self, name: &str, width: u32) -> Self {
        let cell = json!({ "type": "auto", "wrapText": true });
        let wraps = ("custom.wrapText", json!(true));
        self.field(name, &[("custom.cellOptions", cell), wraps, ("custom.minWidth", json!(width))])
    }

    /// A column of sentences, coloured by the first of these regular expressions that matches.
    pub fn coloured(self, name: &str, width: u32, colours: &[(&str, &str)]) -> Self {
        let cell = json!({ "mode": "basic", "type": "color-background", "wrapText": true });
        // Otherwise other cells would have the colour of texts.
        let others = ("/.*/", "transparent");
        let mappings = colours.iter().chain([&others]).enumerate().map(|(at, (pattern, color))| {
            let result = json!({ "color": color, "index": at });
            json!({ "type": "regex", "options": { "pattern": pattern, "result": result } })
        });
        let mappings: Value = mappings.chain([of_null("–", "transparent")]).collect();
        let wraps = ("custom.wrapText", json!(true));
        let width = ("custom.width", json!(width));
        self.field(name, &[("mappings", mappings), ("custom.cellOptions", cell), wraps, width])
    }

    /// A column that isn't shown: links need it. By the option of Grafana 11 and by that of later versions.
    pub fn hidden(self, name: &str) -> Self {
        self.field(name, &[("custom.hidden", json!(true)), ("custom.hideFrom", json!({ "viz": true }))])
    }

    /// Words for the values of a label.
    pub fn names(self, name: &str, words: &[(&str, String)]) -> Self {
        let options = words
            .iter()
            .enumerate()
            .map(|(at, (value, text))| ((*value).to_owned(), json!({ "index": at, "text": text })));
        self.field(name, &[("mappings", json!([{ "type": "value", "options": options.collect::<Value>() }]))])
    }

    /// Links of a column: titles and addresses.
    pub fn links(self, name: &str, links: &[(&str, &str)]) -> Self {
        let links: Value = links.iter().map(|(title, url)| json!({ "title": title, "url": url })).collect();
        self.field(name, &[("links", links)])
    }
}
