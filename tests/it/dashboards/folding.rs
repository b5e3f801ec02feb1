//! Rows of the same cause at many instances as one: sixty equal rows would hide every other cause.

use super::grouping::by_place;
use super::words::DOWN;

/// How many instances with the same cause, or with an exporter that is down, have a row each.
const FEW: u32 = 5;

/// Says in the label `more` how many instances the row of one stands for: the label `n` has the number.
fn such_as(query: &str) -> String {
    format!(r#"label_replace({query}, "more", "$1 instances, such as", "n", "(..+|[^1])")"#)
}

/// The rows of causes; one row for a cause that many instances have. Other values of these labels are other causes. `reasons` has a series
/// wherever `rows` has one.
pub fn folded(rows: &str, reasons: &str, of: &[&str]) -> String {
    let (places, group) = (by_place("max", of, reasons), of.join(", "));
    let many = format!("(count by ({group}) ({places}) > {FEW})");
    let one = format!("topk by ({group}) (1, {rows} and on ({group}) {many})");
    let one =
        such_as(&format!(r#"{one} * on ({group}) group_left (n) count_values("n", {many}) by ({group})"#));
    format!("({rows} unless on ({group}) {many} or {one})")
}

/// Exporters that are down; one of them if there are many. The values are 0.
pub fn down() -> String {
    let many = format!("(count({DOWN}) > {FEW})");
    let one = such_as(&format!(r#"topk(1, {DOWN}) * on () group_left (n) count_values("n", {many})"#));
    format!("({DOWN} unless on () {many} or {one})")
}
