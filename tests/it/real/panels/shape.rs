//! Checks that the result of a query has the shape that its panel needs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::dashboards::text;

/// How many tiles a person can read.
const TILES: usize = 16;

/// What is wrong with the results.
pub fn complaints(panel: &Value, target: &Value, results: &[Value]) -> Vec<String> {
    let mut found = Vec::new();
    let kind = text(&panel["type"]);
    if kind == "heatmap" {
        return buckets(results);
    }
    let legends: Vec<String> =
        results.iter().map(|series| legend(text(&target["legendFormat"]), series)).collect();
    if legends.iter().collect::<BTreeSet<_>>().len() != legends.len() {
        found.push(format!("series with the same legend: {legends:?}"));
    }
    if legends.iter().any(String::is_empty) {
        found.push("a series without a name".to_owned());
    }
    if kind == "stat" && results.len() > TILES {
        found.push(format!("{} tiles", results.len()));
    }
    for series in results {
        found.extend(of_series(panel, target, kind, series));
    }
    found
}

fn of_series(panel: &Value, target: &Value, kind: &str, series: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let values = values(series);
    let over_time = series.get("values").is_some();
    if values.is_empty() || over_time != (target["range"] == true) {
        found.push(format!("no values, or of another kind: {series}"));
    }
    let states = &panel["fieldConfig"]["defaults"]["mappings"];
    let ranges = states.to_string().contains("\"range\"");
    // A number with a unit needs no word.
    let is_state = kind != "table" && !ranges && panel["fieldConfig"]["defaults"]["unit"] == "none";
    let states = is_state.then(|| mapped(states)).filter(|states| !states.is_empty());
    let several = panel["fieldConfig"]["overrides"].to_string().contains("\"mappings\"");
    if let Some(states) = states.filter(|_| !several) {
        let unknown = values.iter().find(|value| !states.contains(*value));
        found.extend(unknown.map(|value| format!("no word for {value} among {states:?}")));
    }
    let numbers = values.iter().map(|value| value.parse::<f64>().unwrap());
    // A quantile of no observations is none.
    let numbers: Vec<f64> = numbers.filter(|number| !number.is_nan()).collect();
    // What has a word is no share.
    let worded = mapped(&panel["fieldConfig"]["defaults"]["mappings"]);
    let numbers: Vec<f64> =
        numbers.into_iter().filter(|number| !worded.contains(&number.to_string())).collect();
    match text(&panel["fieldConfig"]["defaults"]["unit"]) {
        "percentunit" if numbers.iter().any(|share| !(0.0..=1.0 + 1e-9).contains(share)) => {
            found.push(format!("no share: {numbers:?}"));
        }
        "s" if numbers.iter().any(|seconds| seconds.abs() > 40.0 * 366.0 * 86400.0) => {
            found.push(format!("a moment, not a time: {numbers:?}"));
        }
        _ => {}
    }
    found.extend(words(panel, series));
    found
}

/// Codes in columns that are shown as words must have some.
fn words(panel: &Value, series: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let organize = panel["transformations"].as_array().into_iter().flatten().find(|t| t["id"] == "organize");
    for (label, title) in
        organize.and_then(|o| o["options"]["renameByName"].as_object()).into_iter().flatten()
    {
        let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap().iter();
        let properties = overrides
            .filter(|o| o["matcher"]["options"] == *title)
            .flat_map(|o| o["properties"].as_array().unwrap());
        let words: Vec<_> =
            properties.filter(|p| p["id"] == "mappings").flat_map(|p| mapped(&p["value"])).collect();
        if let Some(code) = series["metric"][label]
            .as_str()
            .filter(|code| !words.is_empty() && !words.contains(&(*code).to_owned()))
        {
            found.push(format!("{title}: no words for {code}"));
        }
    }
    found
}

/// The values that have words.
fn mapped(mappings: &Value) -> Vec<String> {
    let values = mappings.as_array().into_iter().flatten().filter(|mapping| mapping["type"] == "value");
    values.flat_map(|mapping| mapping["options"].as_object().unwrap().keys().cloned()).collect()
}

/// The values of a series, in order.
pub fn values(series: &Value) -> Vec<String> {
    let pair = |pair: &Value| text(&pair[1]).to_owned();
    match (&series["value"], &series["values"]) {
        (Value::Null, values) => values.as_array().into_iter().flatten().map(pair).collect(),
        (value, _) => vec![pair(value)],
    }
}

/// The series' name: `{{label}}` filled in, or left out where the series has no such label; for tables, all labels.
pub fn legend(format: &str, series: &Value) -> String {
    if format == "__auto" {
        return series["metric"].to_string();
    }
    let labels = series["metric"].as_object().unwrap().iter();
    let filled = labels.fold(format.replace("$label", "site"), |legend, (label, value)| {
        legend.replace(&format!("{{{{{label}}}}}"), text(value))
    });
    let mut parts = filled.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |legend, part| legend + part.split_once("}}").map_or(part, |(_, rest)| rest))
}

/// One series of native buckets, or one of each classic bucket.
fn buckets(results: &[Value]) -> Vec<String> {
    let native = results.len() == 1 && results[0]["histograms"].as_array().is_some_and(|h| !h.is_empty());
    let bounds: BTreeSet<&str> =
        results.iter().filter_map(|series| series["metric"]["le"].as_str()).collect();
    let classic = bounds.len() == results.len() && bounds.contains("+Inf");
    if native || classic { vec![] } else { vec![format!("neither native nor classic: {results:?}")] }
}
