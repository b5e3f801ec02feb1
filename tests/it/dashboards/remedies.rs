//! The exporter's advice as labels of a query. Grafana makes a row as high as the value needs, not as its mapped text needs; so
//! sentences that wrap have to be values.

use std::collections::BTreeMap;

use defender_exporter::advice::{self, Advice};
use defender_exporter::catalog::Component;
use defender_exporter::observation::{FAILURE_PAIRS, FailureReason, Phase};

use super::folding::down;

/// Every phase and reason that a failure can have; the last is why clients lose MAPS although probes succeed.
fn pairs() -> impl Iterator<Item = (Phase, FailureReason)> {
    FAILURE_PAIRS.iter().copied().chain([(Phase::Tls, FailureReason::RevocationUnknown)])
}

/// The first sentence of the first remedy: the action.
fn action(advice: &Advice) -> String {
    let first = advice.remedies.first().map_or("", String::as_str);
    first.split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned()
}

/// The codes with the same text.
fn by_text(texts: impl Iterator<Item = (String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for (code, text) in texts {
        found.entry(text).or_default().push(code.replace('.', "[.]"));
    }
    found
}

/// A text in PromQL's quotes, as a replacement.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$"))
}

/// Adds a label with the text of each series' code, which the label `from` has.
fn labelled(query: String, label: &str, from: &str, texts: BTreeMap<String, Vec<String>>) -> String {
    texts.into_iter().fold(query, |query, (text, codes)| {
        format!(r#"label_replace({query}, "{label}", {}, "{from}", "{}")"#, quoted(&text), codes.join("|"))
    })
}

/// Adds to series with phase and reason the label `cause`: that of the first of several codes with the same meaning and the same remedy,
/// such as a proxy's 407 to CONNECT and to a request.
pub fn caused(query: &str) -> String {
    let of = |(phase, reason): (Phase, FailureReason)| {
        let advice = advice::for_failure(phase, reason);
        (format!("{phase}.{reason}"), format!("{} {}", advice.title, action(&advice)))
    };
    let equal = by_text(pairs().map(of)).into_values().filter(|codes| codes.len() > 1);
    let first = equal.map(|codes| (codes[0].replace("[.]", "."), codes)).collect();
    labelled(format!(r#"label_join({query}, "cause", ".", "phase", "reason")"#), "cause", "cause", first)
}

/// Adds to series with phase and reason the labels `code` (as tls.expired), `why` (what it means) and `change` (what to do).
pub fn explained(query: &str) -> String {
    let of = |text: fn(&Advice) -> String| {
        by_text(pairs().map(move |(phase, reason)| {
            (format!("{phase}.{reason}"), text(&advice::for_failure(phase, reason)))
        }))
    };
    let coded = format!(r#"label_join({query}, "code", ".", "phase", "reason")"#);
    let meant = labelled(coded, "why", "code", of(|advice| advice.title.clone()));
    labelled(meant, "change", "code", of(action))
}

/// The same for series with a component: for sample storage, some remedies differ.
pub fn explained_by_component(query: &str) -> String {
    let own = pairs().filter_map(|(phase, reason)| {
        let own = action(&advice::for_component(Component::Submission, phase, reason));
        let differs = own != action(&advice::for_failure(phase, reason));
        differs.then(|| (format!("submission.{phase}.{reason}"), own))
    });
    let joined = format!(r#"label_join({}, "of", ".", "component", "phase", "reason")"#, explained(query));
    labelled(joined, "change", "of", by_text(own))
}

/// Exporters that are down, with the labels `why` and `change`, and this value: nothing is known there, and an empty table must not look
/// as if all were well.
pub fn unknown(value: i64) -> String {
    // With a route, so that the table's columns are those of other rows.
    let rows = format!(r#"label_replace({} + {value}, "route", "–", "", "")"#, down());
    format!(
        r#"label_replace(label_replace({rows}, "why", "Exporter down", "", ""), "change", "Check that the exporter runs, read the end of its log, then check that Prometheus reaches its port: nothing else is known here.", "", "")"#
    )
}
