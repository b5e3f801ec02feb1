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
    for board in boards() {
        for panel in panels(&board) {
            let legends =
                panel["targets"].as_array().unwrap().iter().map(|target| text(&target["legendFormat"]));
            let texts = [&panel["title"], &panel["description"]].into_iter().map(text).chain(legends);
            for text in texts {
                let others = [
                    "intercept",
                    "decrypt",
                    " by {{route}}",
                    "by $route",
                    "Alternate source",
                    "status unknown{",
                    ": both",
                ];
                for word in others {
                    assert!(!text.contains(word), "{word}: {text}");
                }
            }
        }
    }
}
