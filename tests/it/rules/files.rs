//! The files of the alerts folder as data, and the rules for a store of many sites.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Deserialize;

/// A file of rules.
#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// One rule: it has a name as an alert or as a record.
#[derive(Clone, Debug, Deserialize)]
pub struct Rule {
    /// The alert's name; empty for a recording rule.
    #[serde(default)]
    pub alert: String,
    #[serde(default)]
    record: String,
    /// What is evaluated.
    pub expr: String,
    /// For how long the expression holds before the alert fires.
    #[serde(default, rename = "for")]
    pub hold: String,
    /// Labels that the alert gets.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its texts.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// A file of promtool's unit tests.
#[derive(Debug, Deserialize)]
struct Tests {
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    name: String,
    input_series: Vec<Series>,
    #[serde(default, rename = "alert_rule_test")]
    alerts: Vec<AlertTest>,
    #[serde(default, rename = "promql_expr_test")]
    expressions: Vec<ExprTest>,
}

#[derive(Debug, Deserialize)]
struct Series {
    series: String,
}

#[derive(Debug, Deserialize)]
struct AlertTest {
    alertname: String,
    #[serde(default)]
    exp_alerts: Vec<ExpectedAlert>,
}

/// An alert that a test expects, with its texts as promtool renders them.
#[derive(Debug, Deserialize)]
struct ExpectedAlert {
    exp_labels: BTreeMap<String, String>,
    exp_annotations: BTreeMap<String, String>,
}

/// The text of an alert in a test.
pub struct RenderedText {
    /// The alert's name.
    pub alert: String,
    /// The name of the test.
    pub test: String,
    /// The alert's labels.
    pub labels: BTreeMap<String, String>,
    /// The annotation `summary`.
    pub summary: String,
    /// The annotation `description`.
    pub description: String,
}

#[derive(Debug, Deserialize)]
struct ExprTest {
    expr: String,
    #[serde(default)]
    exp_samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    labels: String,
}

/// The rules and their tests.
pub struct Alerts {
    rules: Vec<Rule>,
    tests: Vec<Test>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("alerts")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// The rules for a store of many sites, and their tests.
const FLEET_RULES: &str = "../deploy/prometheus/fleet.rules.yml";
const FLEET_TESTS: &str = "../deploy/prometheus/fleet.test.yml";

impl Alerts {
    /// Reads them.
    pub fn load() -> Self {
        let rules = ["defender.rules.yml", FLEET_RULES].into_iter().flat_map(|name| {
            let rules: Rules = serde_saphyr::from_str(&text(name)).unwrap();
            rules.groups
        });
        let mut files: Vec<_> =
            std::fs::read_dir(folder().join("tests")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.push(folder().join(FLEET_TESTS));
        let tests = files
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "yml"))
            .flat_map(|path| {
                let tests: Tests = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
                tests.tests
            });
        Self { rules: rules.flat_map(|group| group.rules).collect(), tests: tests.collect() }
    }

    /// The alerting rules; a name can have several.
    pub fn alerts(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| !rule.alert.is_empty())
    }

    /// The names that rules record.
    pub fn recorded(&self) -> BTreeSet<String> {
        self.rules.iter().map(|rule| rule.record.clone()).filter(|name| !name.is_empty()).collect()
    }

    /// The expressions of the alert or record of this name; several if it has several severities.
    pub fn expressions_of(&self, name: &str) -> Vec<&str> {
        let own = self.rules.iter().filter(|rule| rule.alert == name || rule.record == name);
        own.map(|rule| rule.expr.as_str()).collect()
    }

    /// The expressions that tests evaluate.
    pub fn tested_expressions(&self) -> Vec<String> {
        let tests = self.tests.iter().flat_map(|test| &test.expressions);
        tests.map(|test| test.expr.clone()).collect()
    }

    /// Alerts that tests look for, and whether they are seen to fire.
    pub fn tried(&self) -> BTreeSet<(String, bool)> {
        let tests = self.tests.iter().flat_map(|test| &test.alerts);
        tests.map(|test| (test.alertname.clone(), !test.exp_alerts.is_empty())).collect()
    }

    /// Every text that a test expects, in the order of files, tests and times.
    pub fn texts(&self) -> Vec<RenderedText> {
        let mut texts = Vec::new();
        for test in &self.tests {
            for (checked, alert) in test
                .alerts
                .iter()
                .flat_map(|checked| checked.exp_alerts.iter().map(move |alert| (checked, alert)))
            {
                let text = |key: &str| alert.exp_annotations[key].clone();
                texts.push(RenderedText {
                    alert: checked.alertname.clone(),
                    test: test.name.clone(),
                    labels: alert.exp_labels.clone(),
                    summary: text("summary"),
                    description: text("description"),
                });
            }
        }
        texts
    }

    /// Every query, series and sample of rules, annotations and tests, with its place.
    pub fn queries(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for rule in &self.rules {
            let name = format!("{}{}", rule.alert, rule.record);
            found.push((name.clone(), rule.expr.clone()));
            found.extend(
                rule.annotations.values().flat_map(|text| template_queries(text)).map(|q| (name.clone(), q)),
            );
        }
        for test in &self.tests {
            let series = test.input_series.iter().map(|series| series.series.clone());
            let samples = test.expressions.iter().flat_map(|test| &test.exp_samples);
            let samples = samples.map(|sample| sample.labels.clone());
            let expressions = test.expressions.iter().map(|test| test.expr.clone());
            found.extend(series.chain(samples).chain(expressions).map(|query| ("tests".to_owned(), query)));
        }
        found
    }
}

/// The queries of a template: in backticks, with `%q` for a value. The alert's own labels, and the brace after them, are a
/// matcher of `%s`.
pub fn template_queries(text: &str) -> Vec<String> {
    let queries = text.split('`').skip(1).step_by(2);
    queries.map(|query| query.replace("%q", "\"%q\"").replace("%s", "instance=\"%s\"}")).collect()
}

/// The label or metric name that a text begins with.
pub fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Labels and the words that a template compares them with: `eq .Labels.reason "revoked"`.
pub fn comparisons(text: &str) -> Vec<(String, String)> {
    let found = text.split("eq ").skip(1).filter_map(|rest| {
        let (label, rest) = rest.split_once("abels.")?.1.split_once(' ')?;
        let value = rest.strip_prefix('"')?.split_once('"')?.0;
        Some((label.to_owned(), value.to_owned()))
    });
    found.collect()
}

/// The arguments of `explain` in a text.
pub fn explained(text: &str) -> Vec<String> {
    let codes = text.split("defender-exporter explain ").skip(1).map(|rest| {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).collect::<String>()
    });
    let codes = codes.map(|code| code.trim_end_matches('.').to_owned());
    codes.filter(|code| !["", "with"].contains(&code.as_str())).collect()
}

/// The runbook.
pub struct Runbook {
    /// Its sections by heading.
    pub sections: BTreeMap<String, String>,
    /// Its queries, and the section of each.
    pub queries: Vec<(String, String)>,
}

/// Reads the runbook.
pub fn runbook() -> Runbook {
    let text = text("RUNBOOK.md");
    let sections: BTreeMap<String, String> = text
        .split("\n## ")
        .skip(1)
        .map(|section| section.split_once('\n').unwrap())
        .map(|(heading, text)| (heading.to_owned(), text.to_owned()))
        .collect();
    let queries = sections.iter().flat_map(|(heading, text)| {
        let blocks = text.split("```promql\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
        let lines = blocks.flat_map(str::lines).map(ToOwned::to_owned);
        lines.map(|query| (heading.clone(), query)).collect::<Vec<_>>()
    });
    let queries = queries.collect();
    Runbook { sections, queries }
}

/// The alerts that the Alertmanager example names.
pub fn alertmanager_names() -> Vec<String> {
    let text = text("alertmanager.yml");
    let code = text.lines().map(|line| line.split('#').next().unwrap());
    let names = code.flat_map(|line| line.split("Defender").skip(1).map(word).collect::<Vec<_>>());
    names.filter(|name| !name.is_empty()).map(|name| format!("Defender{name}")).collect()
}

/// The labels by which the Alertmanager example groups alerts, and by which each of its inhibition rules matches.
pub fn alertmanager_label_lists() -> Vec<BTreeSet<String>> {
    let text = text("alertmanager.yml");
    let lists = text.lines().map(str::trim).filter_map(|line| {
        let list = line.strip_prefix("equal: [").or_else(|| line.strip_prefix("group_by: ["))?;
        Some(list.trim_end_matches(']').split(", ").map(ToOwned::to_owned).collect())
    });
    lists.collect()
}

/// The alerts that the cases of inhibition name.
pub fn inhibition_names() -> Vec<String> {
    let text = text("tests/inhibition.txt");
    let cases = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let words =
        cases.flat_map(|case| case.split(';').skip(1).flat_map(str::split_whitespace).collect::<Vec<_>>());
    words.map(|alert| format!("Defender{}", word(alert))).collect()
}
