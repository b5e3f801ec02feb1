//! What tiles say of several instances: the worst state, how many instances are in it, and how many are partly lost or unknown.

use super::grouping::by_place;
use super::words::UP;

/// Three digits, without the zeros before them: three groups, of which one matches.
const COUNT: &str = "(?:00([0-9])|0([0-9]{2})|([0-9]{3}))";

/// By instance: 0 if the series is 0 via every route, 1 if via some, 2 if via none.
pub fn common(series: &str) -> String {
    format!("({} + {})", by_place("min", &[], series), by_place("max", &[], series))
}

/// Replaces a label by a regular expression over another.
fn relabelled(query: &str, label: &str, text: &str, from: &str, regex: &str) -> String {
    format!(r#"label_replace({query}, "{label}", "{text}", "{from}", "{regex}")"#)
}

/// The state of the worst instance, see `STATES`, with the label `text`: of several instances "2 of 5 instances, 1 partly, 1 unknown", of
/// a single one "1 of 2 routes lost", with this word for what is lost. An instance without a series is unknown.
pub fn by_instance(series: &str, lost: &str) -> String {
    worst(series, &format!("0 * {UP}"), &format!("max({UP})"), lost)
}

/// The same for what not every instance has: those without a series in the time shown don't count. Nothing if no instance had one.
pub fn by_instance_that_has(series: &str, lost: &str) -> String {
    let before = by_place("max", &[], &format!("last_over_time({series}[$__range])"));
    worst(series, &format!("0 * {before}"), &format!("max(0 * {before} + up{{%instance}})"), lost)
}

/// The worst state, where `unknown` has the value 0 for each instance that counts, and `none` is the state if nothing is known of any: 0 if
/// the exporters are down, else 1.
fn worst(series: &str, unknown: &str, none: &str, lost: &str) -> String {
    let exponent = format!("(9 - 3 * {} or {unknown})", common(series));
    let state = format!("((max({exponent}) + (min({exponent}) == bool 0)) > 1 or {none})");
    // One number for all counts, three digits each: 1, instances, lost, partly lost, connected, unknown. A query can't name a result twice.
    let counts = format!(r#"count_values("n", 1e15 + sum(1e12 + 10 ^ {exponent}))"#);
    let routes = format!(r#"count_values("routes", 1e6 + 1e3 * count({series}) + sum({series} == bool 0))"#);
    let joined = format!("{counts} * on () group_left (routes) ({routes} or on () vector(1))");
    let joined = format!(r#"label_join({joined}, "both", " ", "n", "routes")"#);
    let words = with_words(&joined, lost);
    format!(
        r#"{state} + on () group_left (text) 0 * label_join({words}, "text", "", "text", "partly", "unknown")"#
    )
}

/// Makes labels of the counts in the labels `n` and `both`. The later of two expressions that match wins.
fn with_words(query: &str, lost: &str) -> String {
    let (some, of_all) = ("$4$5$6 of $1$2$3", "$1$2$3 of $1$2$3");
    let (instances, all_instances) = (format!("{some} instances"), format!("{of_all} instances"));
    let one_route = "1001[0-9]{12} 1001(000|001)".to_owned();
    let rows = [
        ("text", instances.as_str(), "n", format!("1{COUNT}{COUNT}[0-9]{{9}}")),
        ("text", &instances, "n", format!("1{COUNT}000{COUNT}[0-9]{{6}}")),
        ("text", &instances, "n", format!("1{COUNT}000000[0-9]{{3}}{COUNT}")),
        ("text", &all_instances, "n", format!("1{COUNT}000000[0-9]{{3}}000")),
        ("partly", ", $1$2$3 partly", "n", format!("1[0-9]{{6}}{COUNT}[0-9]{{6}}")),
        ("partly", "", "n", "1[0-9]{3}(000[0-9]{3}|[0-9]{3}000)[0-9]{6}".to_owned()),
        ("unknown", ", $1$2$3 unknown", "n", format!("1[0-9]{{12}}{COUNT}")),
        ("unknown", "", "n", "1[0-9]{3}(000000[0-9]{6}|[0-9]{9}000)".to_owned()),
        ("text", "nothing known", "both", "1001[0-9]{12} ".to_owned()),
        ("text", &format!("{some} routes {lost}"), "both", format!("1001[0-9]{{12}} 1{COUNT}{COUNT}")),
        ("text", &format!("{of_all} routes work"), "both", format!("1001[0-9]{{12}} 1{COUNT}000")),
        ("text", "via the only route", "both", one_route),
    ];
    rows.iter().fold(query.to_owned(), |query, (label, text, from, regex)| {
        relabelled(&query, label, text, from, regex)
    })
}

/// Adds a label to series without labels: this text with the number for `$1`, or nothing if the count has no result.
pub fn noted(query: &str, label: &str, text: &str, count: &str) -> String {
    let note = relabelled(&format!(r#"count_values("n", {count})"#), label, text, "n", "(.+)");
    format!("({query}) * on () group_left ({label}) ({note} or on () vector(1))")
}

/// The same for a count of instances: `before` stands before "1 instance" or "2 instances".
pub fn at_instances(query: &str, label: &str, before: &str, count: &str) -> String {
    let several = relabelled(
        &format!(r#"count_values("n", {count})"#),
        label,
        &format!("{before}$1 instances"),
        "n",
        "(.+)",
    );
    let note = relabelled(&several, label, &format!("{before}1 instance"), "n", "1");
    format!("({query}) * on () group_left ({label}) ({note} or on () vector(1))")
}

/// How many instances have no such series.
pub fn unknown(series: &str) -> String {
    format!("count({UP} unless {})", by_place("max", &[], series))
}

/// How many of how many, for a legend with `{{some}}` and `{{all}}`; the value is how many. Nothing if `some` has no result.
pub fn some_of(some: &str, all: &str) -> String {
    format!(
        r#"{some} + on () group_left (some, all) 0 * (count_values("some", {some}) * on () group_left (all) count_values("all", {all}))"#
    )
}

/// The same, with the value -1 and a question mark if it isn't known how many.
pub fn part(some: &str, all: &str) -> String {
    let known = some_of(some, all);
    format!(r#"{known} or on () label_replace((0 * count_values("all", {all}) - 1), "some", "?", "", "")"#)
}
