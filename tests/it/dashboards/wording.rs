//! Checks that readers find the same things in the same place and under the same word: the order of rows, names of instances, words.

use super::{boards, panels, text};

#[test]
fn tables_have_their_rows_in_one_order() {
    for panel in boards().iter().flat_map(panels).filter(|panel| panel["type"] == "table") {
        let sorted = panel["options"]["sortBy"].as_array().unwrap();
        let columns: Vec<&str> = sorted.iter().map(|by| text(&by["displayName"])).collect();
        let at = |names: &[&str]| columns.iter().position(|column| names.contains(column));
        let last = ["Endpoint", "List", "What it means", "Setting"];
        let order = [at(&["Instance", "Target"]), at(&["Route"]), at(&["Source"]).or(at(&last))];
        let named: Vec<usize> = order.into_iter().flatten().collect();
        assert!(named.is_sorted(), "{}: {columns:?}", text(&panel["title"]));
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
                for word in ["intercept", "decrypt", " by {{route}}", "by $route"] {
                    assert!(!text.contains(word), "{word}: {text}");
                }
            }
        }
    }
}
