//! The fact that failures share and nothing that works has (`defender_common_cause`), in the words of `check`.

use defender_exporter::report::{CauseKind, CommonCause};
use serde_json::json;

use super::grouping::by_place;
use super::panel::Panel;
use super::words::UP;

const CAUSES: &str = "defender_common_cause{%route}";

/// How many facts are shown, those of the most failures first: one fault has one.
const SHOWN: u32 = 3;

/// Adds the label `fact`, such as "the proxy http://10.0.0.8:8080", and the label `place`.
fn in_words(query: &str) -> String {
    let keyed = format!(r#"label_join({query}, "fact_of_kind", " ", "kind", "value")"#);
    let worded = CauseKind::ALL.iter().fold(keyed, |query, kind| {
        let of_value =
            CommonCause { route: String::new(), kind: *kind, value: "$1".to_owned(), failures: 0, of: 0 };
        format!(r#"label_replace({query}, "fact", "{of_value}", "fact_of_kind", "{kind} (.*)")"#)
    });
    let joined = format!(r#"label_join({worded}, "place", " ", "cluster", "$label", "instance")"#);
    format!(r#"label_replace({joined}, "place", "$1", "place", " *(.*)")"#)
}

/// What is said if there is no such fact: a name, since the panel shows names alone.
const NONE: &str = "No shared fact is known";

/// Says so if an exporter is selected.
fn none() -> String {
    format!("0 * max({UP}) unless on () count({CAUSES})")
}

/// Sentences without the colour of a state: a fact is no state.
fn sentences(title: &str, description: &str) -> Panel {
    Panel::stat(title, description)
        .shows("name")
        .option("colorMode", json!("none"))
        .option("orientation", json!("horizontal"))
        .option("text", json!({ "titleSize": 15, "valueSize": 15 }))
        .no_value("No exporter is selected")
}

/// What the failures via each route share.
pub fn of_one_place() -> Panel {
    let counted =
        format!(r#"({CAUSES} + ignoring (n) group_left (n) 0 * count_values without () ("n", {CAUSES}))"#);
    let worded = in_words(&counted);
    let placed = format!(r#"label_replace({worded}, "at", " at $1", "place", "(.+)")"#);
    sentences(
        "What the failures share: $scope",
        "The fact that failing endpoints share and no working one has, for example a DNS server, a proxy or the issuer of an inspecting device, and how many fail: start there. Nothing if nothing fails, or if the results don't single a fact out. Of several instances or routes, the three facts with the most failures.",
    )
    .now(
        "{{n}} failing endpoints via {{route}} share {{fact}}{{at}}",
        &format!("topk({SHOWN}, ({placed} and on () count({UP}) > 1) or on () {worded})"),
    )
    .now(NONE, &none())
}

/// The same of all instances, the facts at the most instances first.
pub fn of_all_places() -> Panel {
    let places = by_place("max", &["kind", "value"], CAUSES);
    let counts = format!("count by (kind, value) ({places})");
    let one = format!("(0 * topk by (kind, value) (1, {CAUSES}) + on (kind, value) group_left () {counts})");
    let failures = format!(r#"count_values("n", sum by (kind, value) ({CAUSES})) by (kind, value)"#);
    let instances = format!(r#"count_values("instances", {counts}) by (kind, value)"#);
    let counted = format!(
        "{one} * on (kind, value) group_left (n) {failures} * on (kind, value) group_left (instances) {instances}"
    );
    let folded =
        format!(r#"label_replace({counted}, "more", "$1 instances, such as ", "instances", "(..+|[^1])")"#);
    sentences(
        "What the failures share",
        "The fact that failing endpoints share and no working one has, for example a DNS server, a proxy or the issuer of an inspecting device: how many failures, and at which instance, or at how many with one of them. The three facts at the most instances. Nothing if nothing fails, or if the results don't single a fact out.",
    )
    .now("{{n}} failures share {{fact}}, at {{more}}{{place}}", &format!("topk({SHOWN}, {})", in_words(&folded)))
    .now(NONE, &none())
}
