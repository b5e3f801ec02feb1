//! Checks that the dashboards' limits are those of the alerts, and that alerts that they name exist.

use super::shape::strings;
use super::words::OF_ALERTS;
use super::{boards, panels, text};
use crate::rules::files::Alerts;

/// The numbers that the expressions of an alert or record compare with.
fn limits(rule: &str) -> Vec<f64> {
    let alerts = Alerts::load();
    let expressions = alerts.expressions_of(rule);
    assert!(!expressions.is_empty(), "there is no rule {rule}");
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
    let mut known = vec![0.0, 0.01, 1.0];
    for (alert, steps, unit) in OF_ALERTS {
        let limits = limits(alert);
        let ours: Vec<f64> = steps
            .iter()
            .filter_map(|(from, _)| *from)
            .filter(|from| (from * unit - 1.0).abs() > f64::EPSILON)
            .collect();
        let same: Vec<f64> = ours.iter().map(|own| own * unit).collect();
        assert!(same.iter().all(|own| limits.contains(own)), "{alert}: {same:?} are not {limits:?}");
        assert!(limits.iter().all(|limit| same.contains(limit) || *limit < 2.0), "{alert}: {limits:?}");
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
