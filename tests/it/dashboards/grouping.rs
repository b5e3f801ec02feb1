//! Aggregations and names that keep labels of the user's own, such as `cluster`: two exporters of the same job and instance are two.

use std::collections::BTreeSet;

use defender_exporter::metrics::{Kind, Metric};

/// The labels that the exporter itself sets on the metrics of a query, as a list.
pub fn own_labels(query: &str) -> String {
    own(query).into_iter().collect::<Vec<_>>().join(", ")
}

fn own(query: &str) -> BTreeSet<&'static str> {
    let specs = Metric::ALL.iter().map(|metric| metric.spec());
    let named = specs.filter(|spec| {
        query.match_indices(spec.name).any(|(at, _)| {
            let rest = &query[at + spec.name.len()..];
            let rest = if spec.kind == Kind::Histogram {
                rest.strip_prefix("_bucket").unwrap_or(rest)
            } else {
                rest
            };
            !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        })
    });
    named.flat_map(|spec| spec.labels.iter().copied()).collect()
}

/// Aggregates series by where they come from, and by these labels of the exporter.
pub fn by_place(operator: &str, kept: &[&str], series: &str) -> String {
    let left_out: Vec<&str> = own(series).into_iter().filter(|label| !kept.contains(label)).collect();
    format!("{operator} without ({}) ({series})", left_out.join(", "))
}

/// Adds the label `place`, with cluster and site before the instance where there are such, and before them how many others the row stands
/// for (`folding.rs`).
pub fn named(query: &str) -> String {
    // A metric's name would be a label in which the rows of several queries differ.
    format!(r#"label_join(({query}) + 0, "place", " ", "more", "cluster", "$label", "instance")"#)
}

/// Adds what tables show and link to: the label `place`, which may break behind the host (by a space without width): browsers would break
/// it at a hyphen; and the labels `of_cluster` and `of_site` for links, which choose all where there are none.
pub fn placed(query: &str, is_linked: bool) -> String {
    let named = format!(
        r#"label_replace({}, "place", "$1\u200b$2", "place", "((?:.* )?[^ .]{{8,}}[.])([^ ]{{14,}})")"#,
        named(query)
    );
    if !is_linked {
        return named;
    }
    let chosen = |query: &str, label: &str, from: &str| {
        format!(
            r#"label_replace(label_replace({query}, "{label}", "$$__all", "", ""), "{label}", "$1", "{from}", "(.+)")"#
        )
    };
    chosen(&chosen(&named, "of_cluster", "cluster"), "of_site", "$label")
}

/// The name of a series in a legend.
pub const PLACE: &str = "{{cluster}} {{$label}} {{instance}}";
