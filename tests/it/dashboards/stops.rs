//! What a cause stops: MAPS, updates, both or neither, and via how many of an instance's routes. Every table says it in the same words and
//! colours, and in the same order.

use defender_exporter::catalog::{Component, UpdateSource};
use defender_exporter::observation::FailureReason;

use super::grouping::by_place;
use super::words::{BAD, MAPS, ODD, PARTLY, SUFFICIENT, UNKNOWN};

/// Two digits, without a zero before them: two groups, of which one matches.
const COUNT: &str = "(?:0([0-9])|([0-9]{2}))";

/// What `coded` has for an exporter that is down.
pub const CODE_OF_DOWN: i64 = 11_990_000_000_000;

/// What `coded` has for a machine whose own validation of MAPS fails while the probes succeed.
pub const CODE_OF_VALIDATION: i64 = 11_980_000_000_000;

/// Endpoints that are bad, with phase and reason, of update sources that are lost via a route.
pub fn broken_sources() -> String {
    const OF: &str = r#"%component, component=~"update|adl|wsus|file_share|connected_cache""#;
    format!(
        r#"(defender_probe_failure_reason{{{OF}}} and ignoring (phase, reason, state) defender_endpoint_state{{{OF}, state="bad"}} == 1
            and ignoring (endpoint, phase, reason) defender_component_available{{{OF}}} == 0)"#
    )
}

/// Whether a client could update via a route, from any source.
pub fn updates_by_route() -> String {
    by_place("max", &["route"], SUFFICIENT)
}

/// What `Stopped::updates` has where a source is lost, and where it is the last; and on top for each source beyond the first.
pub const SOURCE_LOST: u32 = 20;
pub const UPDATES_LOST: u32 = 22;
pub const ONE_MORE_SOURCE: u32 = 1000;

/// What causes stop. Each has a series for each route of an instance that it concerns.
pub struct Stopped {
    /// Why clients with default settings lose MAPS.
    pub maps: String,
    /// Why clients lose update sources, with these numbers as values.
    pub updates: String,
    /// Why clients with other values of SSLOptions lose MAPS.
    pub others: Option<String>,
    /// What fails at all.
    pub failing: Option<String>,
    /// The labels that a cause has and an instance has not.
    pub own: &'static str,
}

impl Stopped {
    /// A number for each cause, from which `told` makes words. Its digits: the number of update sources that are lost, at least 1; 1; two for
    /// what is lost (1 MAPS, 20 an update source, 22 the last one, 10 MAPS with other settings, added up); then for MAPS and for updates: 1 if
    /// lost via every route of the instance, two for its routes, two for those lost.
    pub fn coded(&self) -> String {
        let what = |query: &str, name: &str| format!(r#"label_replace({query}, "what", "{name}", "", "")"#);
        let other = |query: &Option<String>, name: &str, weight: u32| {
            query.as_ref().map(|query| what(&format!("0 * {query} + {weight}"), name))
        };
        let parts = [
            Some(what(&format!("0 * {} + 1", self.maps), "maps")),
            Some(what(&self.updates, "updates")),
            other(&self.others, "others", 10),
            other(&self.failing, "failing", 0),
        ];
        let lost =
            format!("sum without (what) ({})", parts.into_iter().flatten().collect::<Vec<_>>().join(" or "));
        format!("(11e12 + 1e10 * {lost} + ignoring ({}) group_left () {})", self.own, shares())
    }
}

/// The digits of an instance.
fn shares() -> String {
    let of = |state: &str, unit: u32| {
        let every = by_place("max", &[], state);
        let routes = by_place("sum", &[], &format!("100 + ({state} == bool 0)"));
        format!(r#"label_replace({unit} * (1e4 * ({every} == bool 0) + {routes}), "what", "{unit}", "", "")"#)
    };
    let (maps, updates) = (of(MAPS, 100_000), of(&updates_by_route(), 1));
    // Targets of `/probe` have neither.
    format!(
        r#"sum without (what) ({maps} or {updates} or label_replace(0 * up{{%instance}}, "what", "0", "", ""))"#
    )
}

/// Adds to series with such numbers the labels `stops`, in words, and `rank`, the worst first. A single source that is lost is named by the
/// labels `component` and `reason`, those of an endpoint that fails.
pub fn told(coded: &str) -> String {
    // The digits behind the first three are of MAPS, the last five of updates.
    let (maps, updates, both) = ("1[0-3]1", "1[23]2[0-9]{5}", "1[23]3");
    let some = format!("0{COUNT}{COUNT}");
    let via = "via $3$4 of $1$2 routes";
    let rows = [
        ("stops", "Neither MAPS nor updates lost".to_owned(), "100.+".to_owned()),
        ("stops", "MAPS lost with other SSLOptions".to_owned(), "110.+".to_owned()),
        ("stops", ONE_LOST.to_owned(), "1[23]0.+".to_owned()),
        ("stops", format!("MAPS lost {via}"), format!("{maps}{some}.+")),
        ("stops", "MAPS lost via every route".to_owned(), format!("{maps}1.+")),
        ("stops", "MAPS lost".to_owned(), format!("{maps}101.+")),
        ("stops", format!("Updates lost {via}"), format!("{updates}{some}")),
        ("stops", "Updates lost via every route".to_owned(), format!("{updates}1.+")),
        ("stops", "Updates lost".to_owned(), format!("{updates}101.+")),
        ("stops", format!("MAPS lost {via}, updates too"), format!("{both}{some}0.+")),
        ("stops", "MAPS lost via every route, updates via some".to_owned(), format!("{both}1[0-9]{{4}}0.+")),
        ("stops", "Updates lost via every route, MAPS via some".to_owned(), format!("{both}0[0-9]{{4}}1.+")),
        ("stops", "MAPS and updates lost via every route".to_owned(), format!("{both}1[0-9]{{4}}1.+")),
        ("stops", "MAPS and updates lost".to_owned(), format!("{both}101[0-9]{{2}}1.+")),
        ("stops", "Exporter down".to_owned(), "199.+".to_owned()),
        ("stops", "MAPS validation fails on this machine".to_owned(), "198.+".to_owned()),
        ("rank", "2".to_owned(), "1[0-3][1-3].+".to_owned()),
        ("rank", "0".to_owned(), "1[0-3][13]1.+".to_owned()),
        ("rank", "0".to_owned(), "1[23][23][0-9]{5}1.+".to_owned()),
        ("rank", "0".to_owned(), "198.+".to_owned()),
        ("rank", "1".to_owned(), "199.+".to_owned()),
        ("rank", "3".to_owned(), "1[1-3]0.+".to_owned()),
        ("rank", "4".to_owned(), "100.+".to_owned()),
    ];
    let counted = format!(r#"count_values without () ("n", {coded})"#);
    let told = rows.iter().fold(counted, |query, (label, text, regex)| {
        format!(r#"label_replace({query}, "{label}", "{text}", "n", "[1-9]{regex}")"#)
    });
    let joined = format!(r#"label_join({told}, "stops_of", " ", "stops", "component", "reason")"#);
    let own = |source: &UpdateSource| {
        let component = source.component();
        (component.title(), "lost", format!("{component} .*"))
    };
    let share = Component::FileShare;
    let named = UpdateSource::ALL.iter().map(own);
    let named = named.chain([(share.title(), "outdated", format!("{share} {}", FailureReason::Outdated))]);
    let named = named.fold(joined, |query, (title, state, of)| {
        let text = format!("{title} {state}, another source works");
        format!(r#"label_replace({query}, "stops", "{text}", "stops_of", "{ONE_LOST} {of}")"#)
    });
    format!(
        r#"label_replace({named}, "stops", "$1 update sources lost, another works", "n", "([2-9])1[23]0.+")"#
    )
}

/// What a cause costs that costs an update source.
const ONE_LOST: &str = "An update source lost, another works";

/// The colours of these words.
pub const COLOURS: &[(&str, &str)] = &[
    ("/^Exporter down$/", UNKNOWN),
    ("/^Neither/", ODD),
    ("/ (of [0-9]+ routes|other SSLOptions|another (source )?works)/", PARTLY),
    ("/ fails on this machine$/", BAD),
    ("/ lost( via every route.*)?$/", BAD),
];

/// Adds to rows with the labels `endpoints`, how many, and `endpoint`, one of them, the label `named`: the host of that one, and of how many
/// it is one. What to change is about "these hosts", and a bare number has none. It may break at a dot, by a space without width.
pub fn with_hosts(rows: &str) -> String {
    let whole = format!(r#"label_replace({rows}, "named", "$1", "endpoint", "(.+)")"#);
    let host = format!(r#"label_replace({whole}, "named", "$1", "endpoint", "https?://([^/:?]+).*")"#);
    let broken =
        format!(r#"label_replace({host}, "named", "$1\u200b$2", "named", "([^ /]{{8,}}[.])([^ /]{{13,}})")"#);
    let counted = format!(r#"label_join({broken}, "one_of", " (1 of ", "named", "endpoints")"#);
    let several =
        format!(r#"label_replace({counted}, "named", "$1)", "one_of", "(.+ .1 of ([2-9]|[0-9]{{2,}}))")"#);
    format!(r#"label_replace({several}, "named", "–", "endpoints", "–")"#)
}
