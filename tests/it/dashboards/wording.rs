//! Checks that readers find the same things in the same place and under the same word: the order of rows, names of instances, words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{boards, panels, text};

#[test]
fn tables_have_their_rows_in_one_order() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let sorted = panel["options"]["sortBy"].as_array().unwrap();
        let columns: Vec<&str> = sorted.iter().map(|by| text(&by["displayName"])).collect();
        let at = |names: &[&str]| columns.iter().position(|column| names.contains(column));
        let last = ["Endpoint", "List", "Why", "Setting"];
        let order = [at(&["Instance", "Target"]), at(&["Route"]), at(&["Source"]).or(at(&last))];
        let named: Vec<usize> = order.into_iter().flatten().collect();
        assert!(named.is_sorted(), "{}: {columns:?}", text(&panel["title"]));
        // Where the order is that of a label, the table must not sort its rows anew.
        let ordered = panel["transformations"][0]["id"] == "sortBy";
        assert_eq!(ordered, columns.is_empty(), "{}", text(&panel["title"]));
        let labels = r#""order", " ", "rank", "place", "route", "why")"#;
        assert!(
            !ordered || text(&panel["targets"][0]["expr"]).ends_with(labels),
            "{}",
            text(&panel["title"])
        );
    }
}

/// The texts and colours of a panel's mappings.
fn states(panel: &Value) -> Vec<(String, String)> {
    let config = &panel["fieldConfig"];
    let own = config["overrides"].as_array().unwrap().iter();
    let own = own.flat_map(|own| own["properties"].as_array().unwrap()).filter(|own| own["id"] == "mappings");
    let lists = own.map(|own| &own["value"]).chain([&config["defaults"]["mappings"]]);
    let all = lists.flat_map(|list| list.as_array().into_iter().flatten());
    let values = all.filter(|mapping| mapping["type"] == "value");
    let values = values.flat_map(|mapping| mapping["options"].as_object().unwrap().values());
    values
        .filter_map(|state| Some((state["text"].as_str()?.to_owned(), state["color"].as_str()?.to_owned())))
        .collect()
}

#[test]
fn a_state_has_one_colour_everywhere() {
    let mut colours = BTreeMap::<String, BTreeSet<String>>::new();
    for (word, colour) in boards().iter().flat_map(panels).flat_map(states) {
        colours.entry(word).or_default().insert(colour);
    }
    let several: Vec<_> = colours.iter().filter(|(_, colours)| colours.len() > 1).collect();
    assert!(colours.len() > 40 && several.is_empty(), "{several:?}");
}

/// The columns of a table that are shown, in order.
fn columns(panel: &Value) -> Vec<&str> {
    let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap();
    let is_hidden = |title: &str| {
        let mut own = overrides.iter().filter(|own| own["matcher"]["options"] == title);
        own.any(|own| own.to_string().contains("custom.hidden"))
    };
    let organize = &panel["transformations"].as_array().unwrap().last().unwrap()["options"];
    let places = organize["indexByName"].as_object().into_iter().flatten();
    let mut found: Vec<_> = places
        .map(|(name, at)| (at.as_u64(), text(&organize["renameByName"][name])))
        .filter(|(_, title)| !is_hidden(title))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, title)| title).collect()
}

/// A reader finds a column where another table has it. The instance comes last, or second in a table with one row for each.
#[test]
fn columns_have_one_order_in_every_table() {
    let mut orders = BTreeMap::<(String, String), String>::new();
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let (title, columns) = (text(&panel["title"]), columns(panel));
        let instance = columns.iter().position(|column| ["Instance", "Target"].contains(column));
        let is_at_a_usual_place = |at| at == 1 || at + 1 == columns.len();
        assert!(instance.is_none_or(is_at_a_usual_place), "{title}: {columns:?}");
        let others: Vec<_> = columns.into_iter().filter(|column| *column != "Instance").collect();
        for (at, first) in others.iter().enumerate() {
            for second in &others[at + 1..] {
                let order = ((*first).to_owned(), (*second).to_owned());
                let backwards = orders.get(&(order.1.clone(), order.0.clone()));
                assert_eq!(backwards, None, "{title}: {first} before {second}");
                orders.insert(order, title.to_owned());
            }
        }
    }
    assert!(orders.len() > 100, "{}", orders.len());
}

/// Nothing is known of what isn't selected.
#[test]
fn texts_for_nothing_are_of_what_is_selected() {
    for panel in boards().iter().flat_map(panels) {
        let nothing = text(&panel["fieldConfig"]["defaults"]["noValue"]);
        let is_general =
            ["exporter", "Prometheus", "target", "rules"].iter().any(|word| nothing.contains(word));
        let has_place = nothing.contains("selected") || nothing.contains("data source");
        assert!(!is_general || has_place || nothing == "Unavailable from these exporters", "{nothing}");
        assert!(!nothing.contains(", or "), "{nothing}: which of both?");
    }
}

/// Two columns of one name that count different things would contradict each other.
#[test]
fn tables_say_which_endpoints_they_count() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let organize = panel["transformations"].as_array().unwrap().last().unwrap();
        let titles = organize["options"]["renameByName"].as_object().into_iter().flatten();
        for (_, title) in titles {
            assert_ne!(title, "Endpoints", "{}", text(&panel["title"]));
        }
    }
}

#[test]
fn tables_have_pages_unless_they_have_one_row() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let options = &panel["options"];
        let pages = (options["enablePagination"] == true, options["footer"]["enablePagination"] == true);
        let one_row = panel["title"] == "What this endpoint is for";
        assert_eq!(pages, (!one_row, !one_row), "{}", text(&panel["title"]));
    }
}

/// Browsers break names at a hyphen where the column is narrow.
#[test]
fn names_of_instances_break_behind_the_host() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let columns = panel["transformations"].to_string();
        let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap().iter();
        let mut own =
            overrides.filter(|own| ["Instance", "Target"].contains(&text(&own["matcher"]["options"])));
        let wraps = own.any(|own| own.to_string().contains("wrapText"));
        assert_eq!(columns.contains("\"place\":"), wraps, "{}", text(&panel["title"]));
    }
}

#[test]
fn one_word_stands_for_one_thing() {
    const OF_TEXTS: &[&str] = &[
        "intercept",
        "decrypt",
        " by {{route}}",
        "by $route",
        "Alternate source",
        "status unknown{",
        ": both",
        "if 2",
        "{{phase}}: {{reason}}",
        ", by default",
    ];
    const OF_TABLES: &[&str] =
        &["If 2", "Stops", "What it means", "None found", "Read before", "Fetched before", "MAPS by default"];
    for panel in boards().iter().flat_map(panels) {
        let legends = panel["targets"].as_array().unwrap().iter().map(|target| text(&target["legendFormat"]));
        let texts = [&panel["title"], &panel["description"]].into_iter().map(text).chain(legends);
        let columns = if panel["type"] == "table" { columns(panel) } else { vec![] };
        let states: Vec<String> = states(panel).into_iter().map(|(word, _)| word).collect();
        let of_tables = columns.into_iter().chain(states.iter().map(String::as_str));
        let all = texts.map(|text| (text, OF_TEXTS)).chain(of_tables.map(|text| (text, OF_TABLES)));
        for (text, others) in all {
            assert!(!others.iter().any(|word| text.contains(word)), "{text}: not one of {others:?}");
        }
    }
}

/// Codes are spelled as in configuration, advice and `explain`: phase, dot, reason.
#[test]
fn codes_of_failures_have_one_spelling() {
    let mut found = 0;
    for target in boards().iter().flat_map(panels).flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let (legend, query) = (text(&target["legendFormat"]), text(&target["expr"]));
        found += usize::from(legend.contains("{{reason}}"));
        assert_eq!(legend.contains("{{reason}}"), legend.contains("{{phase}}.{{reason}}"), "{legend}");
        assert!(!query.contains(" or request)\""), "{query}");
    }
    assert!(found >= 3, "{found}");
}

/// A remedy for "these hosts" beside a bare number: which?
#[test]
fn tables_of_remedies_name_an_endpoint() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let organize = panel["transformations"].as_array().unwrap().last().unwrap();
        let bare = organize["options"]["renameByName"]["endpoints"].is_string();
        let has_remedies = columns(panel).contains(&"What to change");
        assert!(!(bare && has_remedies), "{}", text(&panel["title"]));
    }
}

#[test]
fn an_unknown_share_has_no_bar() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "bargauge") {
        let defaults = &panel["fieldConfig"]["defaults"];
        let states = defaults["mappings"][0]["options"].as_object().unwrap();
        let least = defaults["min"].as_f64().unwrap();
        for value in states.keys() {
            assert!(value.parse::<f64>().unwrap() < least, "{}: {value}", text(&panel["title"]));
        }
    }
}

/// Equal lines in one colour can't be told apart.
#[test]
fn lines_of_instances_have_colours() {
    let mut found = 0;
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "timeseries") {
        let by_place = text(&panel["targets"][0]["legendFormat"]).contains("{{instance}}");
        found += usize::from(by_place);
        let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap().iter();
        let colours: BTreeSet<String> = overrides
            .filter(|own| text(&own["matcher"]["options"]).starts_with("/(^| )"))
            .map(|own| own["properties"][0]["value"]["fixedColor"].to_string())
            .collect();
        assert_eq!(colours.len(), if by_place { 8 } else { 0 }, "{}", text(&panel["title"]));
    }
    assert!(found >= 7, "{found}");
}
