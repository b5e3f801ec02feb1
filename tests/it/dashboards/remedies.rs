//! The exporter's advice as labels of a query. Grafana makes a row as high as the value needs, not as its mapped text needs; so
//! sentences that wrap have to be values.

use std::collections::BTreeMap;

use defender_exporter::advice::{self, action};
use defender_exporter::catalog::Component;
use defender_exporter::observation::{FAILURE_CODES, FailureCode, FailureReason, Phase};

use super::folding::down;

/// Every phase and reason that a failure can have; the last is why clients lose MAPS although probes succeed.
fn codes() -> impl Iterator<Item = FailureCode> {
    let unknown = FailureCode::new(Phase::Tls, FailureReason::RevocationUnknown);
    FAILURE_CODES.iter().copied().chain([unknown])
}

/// What a failure means.
fn title(FailureCode { phase, reason }: FailureCode) -> String {
    advice::for_failure(phase, reason).title
}

/// What to change about a failure of one endpoint or many.
fn change(FailureCode { phase, reason }: FailureCode) -> String {
    action::for_pair(Component::Maps, phase, reason).into_owned()
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

/// Adds to series with phase and reason the label `cause`: their code, such as tls.expired; of several codes with the same meaning and the
/// same remedy all of them, such as "tunnel.auth_required, request.auth_required" for a proxy's 407.
pub fn caused(query: &str) -> String {
    let equal = by_text(codes().map(|code| (code.to_string(), format!("{} {}", title(code), change(code)))));
    let several = equal.into_values().filter(|codes| codes.len() > 1);
    let names = several.map(|codes| (codes.join(", ").replace("[.]", "."), codes)).collect();
    labelled(format!(r#"label_join({query}, "cause", ".", "phase", "reason")"#), "cause", "cause", names)
}

/// Adds to series with phase and reason the labels `code` (as tls.expired) and `why` (what it means).
pub fn meant(query: &str) -> String {
    let coded = format!(r#"label_join({query}, "code", ".", "phase", "reason")"#);
    labelled(coded, "why", "code", by_text(codes().map(|code| (code.to_string(), title(code)))))
}

/// The same, and the label `change`: what to do.
pub fn explained(query: &str) -> String {
    labelled(meant(query), "change", "code", by_text(codes().map(|code| (code.to_string(), change(code)))))
}

/// The same for series with a component: for sample storage, some remedies differ.
pub fn explained_by_component(query: &str) -> String {
    let own = codes().filter_map(|code| {
        let own = action::for_pair(Component::Submission, code.phase, code.reason).into_owned();
        (own != change(code)).then(|| (format!("submission.{code}"), own))
    });
    let joined = format!(r#"label_join({}, "of", ".", "component", "phase", "reason")"#, explained(query));
    labelled(joined, "change", "of", by_text(own))
}

/// Exporters that are down, with the labels `why` and `change`, and this value. Nothing is known
/// there, and an empty table must not look as if all were well.
pub fn unknown(value: i64) -> String {
    // With a route, so that the table's columns are those of other rows.
    explained_down(&format!(r#"label_replace({} + {value}, "route", "–", "", "")"#, down()))
}

/// Adds to exporters that are down the labels `why` and `change`.
pub fn explained_down(rows: &str) -> String {
    format!(
        r#"label_replace(label_replace({rows}, "why", "Exporter down", "", ""), "change", "Check that the exporter runs, read the end of its log, then check that Prometheus reaches its port.", "", "")"#
    )
}
