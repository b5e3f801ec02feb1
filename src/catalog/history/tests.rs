//! The history must lead from the catalog of version 0.1.0 to the embedded one. Who changes the catalog adds a version to
//! `history.yaml`; the failing test prints it.

use super::*;
use crate::catalog::embedded;

/// The endpoints of the first version, by id.
const FIRST: &str = include_str!("../../../tests/data/catalog/first.json");

type Endpoints = BTreeMap<String, Properties>;

fn endpoints() -> Endpoints {
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let properties = |endpoint: &Endpoint| {
        let serde_json::Value::Object(fields) = serde_json::to_value(endpoint).unwrap() else {
            unreachable!()
        };
        let fields = fields.into_iter().filter(|(name, _)| name != "component" && name != "url");
        fields.map(|(name, value)| (name, text(value))).collect()
    };
    embedded().endpoints.iter().map(|endpoint| (endpoint.id(), properties(endpoint))).collect()
}

fn apply(endpoints: &mut Endpoints, CatalogChange { id, change }: &CatalogChange) {
    match change {
        Change::Added(properties) => {
            assert!(endpoints.insert(id.clone(), properties.clone()).is_none(), "{id} is added twice");
        }
        Change::Removed(properties) => assert_eq!(endpoints.remove(id).as_ref(), Some(properties), "{id}"),
        Change::Changed(properties) => {
            let known = endpoints.get_mut(id).unwrap_or_else(|| panic!("{id} is changed, but not known"));
            for (name, ChangedProperty { from, to }) in properties {
                let before = known.insert(name.clone(), to.clone());
                assert_eq!(before.unwrap_or_default(), *from, "{id}: {name}");
            }
        }
    }
}

/// What leads from one catalog to another.
fn difference(from: &Endpoints, to: &Endpoints) -> Vec<CatalogChange> {
    let mut changes = Vec::new();
    for (id, properties) in to {
        let change = match from.get(id) {
            None => Change::Added(properties.clone()),
            Some(before) => {
                let value = |of: &Properties, name: &str| of.get(name).cloned().unwrap_or_default();
                let names = properties.keys().filter(|name| before.get(*name) != properties.get(*name));
                let differing = names.map(|name| {
                    let change = ChangedProperty { from: value(before, name), to: value(properties, name) };
                    (name.clone(), change)
                });
                Change::Changed(differing.collect())
            }
        };
        if change != Change::Changed(BTreeMap::new()) {
            changes.push(CatalogChange { id: id.clone(), change });
        }
    }
    let gone = from.iter().filter(|(id, _)| !to.contains_key(*id));
    changes.extend(gone.map(|(id, properties)| CatalogChange {
        id: id.clone(),
        change: Change::Removed(properties.clone()),
    }));
    changes.sort_by(|one, other| one.id.cmp(&other.id));
    changes
}

#[test]
fn the_history_ends_at_the_catalog() {
    let mut replayed: Endpoints = serde_json::from_str(FIRST).unwrap();
    let releases = history();
    assert!(releases.last().unwrap().changes.is_empty(), "first.json is the first version");
    for release in releases.iter().rev() {
        assert!(!release.reason.is_empty(), "{}", release.version);
        for change in &release.changes {
            apply(&mut replayed, change);
        }
    }
    let missing = difference(&replayed, &endpoints());
    assert!(
        missing.is_empty(),
        "the catalog has changed: add a version to src/catalog/history.yaml, with a reason and these changes:\n{}",
        serde_json::to_string_pretty(&missing).unwrap()
    );
}

#[test]
fn versions_are_days_in_order() {
    let versions: Vec<_> = history().iter().map(|release| &release.version).collect();
    assert!(versions.is_sorted_by(|newer, older| newer > older), "{versions:?}");
    for CatalogVersion(version) in versions {
        let day = match version.split_once('.') {
            Some((day, number)) => {
                assert!(number.parse::<u8>().is_ok_and(|number| number > 1), "{version}");
                day
            }
            None => version,
        };
        assert!(day.parse::<jiff::civil::Date>().is_ok(), "{version}");
    }
}

#[test]
fn a_difference_leads_from_one_catalog_to_the_other() {
    let from = endpoints();
    let mut to = from.clone();
    let mut ids = from.keys();
    let (other, gone) = (ids.next().unwrap(), ids.next().unwrap());
    to.get_mut(other).unwrap().insert("expect".to_owned(), "[418]".to_owned());
    let removed = to.remove(gone).unwrap();
    to.insert("maps:https://new.example/".to_owned(), removed.clone());

    let changes = difference(&from, &to);
    assert_eq!(changes.len(), 3, "{changes:?}");
    let mut applied = from.clone();
    for change in &changes {
        apply(&mut applied, change);
    }
    assert_eq!(applied, to);
    assert_eq!(difference(&from, &from), []);
}

#[test]
fn an_unknown_version_names_the_known_ones() {
    let first = &history().last().unwrap().version.0;
    assert_eq!(changes_since(first).unwrap().len(), history().len() - 1);
    assert_eq!(changes_since(&current_version().0), Ok(&[][..]));
    let error = changes_since("1999-01-01").unwrap_err().to_string();
    assert!(error.contains("\"1999-01-01\"") && error.contains(first.as_str()), "{error}");
}
