//! The order of imports: ARCHITECTURE.md lists the top-level modules, and each may import only those above it. The
//! submodules of a module must not import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::sources::{Module, modules};

/// The modules in the order of ARCHITECTURE.md: the first code block under its heading; what follows two spaces is for people.
fn order() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let section = text
        .split("\n## Modules, in the order of imports\n")
        .nth(1)
        .expect("ARCHITECTURE.md has the section");
    let block = section.split("```").nth(1).expect("the section has a code block");
    let lines = block.lines().skip(1).map(|line| line.split("  ").next().unwrap());
    lines
        .flat_map(|line| line.split(" · "))
        .map(|name| name.trim().trim_end_matches('/').to_owned())
        .collect()
}

#[test]
fn every_module_has_its_place_in_the_order() {
    let order = order();
    let listed: BTreeSet<_> = order.iter().map(String::as_str).collect();
    assert_eq!(listed.len(), order.len(), "a module stands twice: {order:?}");
    let there: BTreeSet<_> = modules().iter().filter_map(Module::top_level).collect();
    assert_eq!(listed, there);
}

#[test]
fn no_module_imports_from_below() {
    let order = order();
    let place = |top_level: &str| order.iter().position(|name| name == top_level);
    let mut below = Vec::new();
    for module in modules() {
        let Some(top_level) = module.top_level() else { continue }; // lib.rs declares, main.rs uses all
        for name in &module.names {
            let Some(other) = name.path.strip_prefix("crate::").and_then(|rest| rest.split("::").next())
            else {
                continue;
            };
            if place(other).is_some_and(|other| Some(other) > place(top_level)) {
                below.push(format!("{}:{}: {}", module.file.display(), name.line, name.path));
            }
        }
    }
    assert!(below.is_empty(), "imports from below: {below:#?}");
}

/// The submodules of each module and which of their siblings they import, each import with a place that shows it. What a module
/// re-exports counts as an import of the submodule that it comes from.
fn siblings() -> BTreeMap<Vec<String>, BTreeMap<String, BTreeMap<String, String>>> {
    let paths: BTreeSet<&[String]> = modules().iter().map(|module| module.path.as_slice()).collect();
    let mut re_exports: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for module in modules() {
        for name in &module.names {
            let path: Vec<String> = name.path.split("::").skip(1).map(str::to_owned).collect();
            let depth = module.path.len();
            if name.path.starts_with("crate::") && path.len() == depth + 2 && path.starts_with(&module.path) {
                let item = [module.path.as_slice(), &path[depth + 1..]].concat();
                re_exports.entry(item).or_insert_with(|| path[depth].clone());
            }
        }
    }
    let mut found: BTreeMap<Vec<String>, BTreeMap<String, BTreeMap<String, String>>> = BTreeMap::new();
    for module in modules() {
        for name in &module.names {
            let Some(rest) = name.path.strip_prefix("crate::") else { continue };
            let path: Vec<String> = rest.split("::").map(str::to_owned).collect();
            let common = module.path.iter().zip(&path).take_while(|(one, other)| one == other).count();
            let (Some(own), parent) = (module.path.get(common), &module.path[..common]) else { continue };
            let direct =
                path.get(..=common).filter(|child| paths.contains(child)).map(|child| child[common].clone());
            let item = path.get(..=common).and_then(|item| re_exports.get(item)).cloned();
            let Some(other) = direct.or(item).filter(|other| other != own) else { continue };
            let place = format!("{}:{}: {}", module.file.display(), name.line, name.path);
            let of_parent = found.entry(parent.to_vec()).or_default();
            of_parent.entry(own.clone()).or_default().entry(other).or_insert(place);
        }
    }
    found.remove(&Vec::new()); // the top-level modules have their order
    found
}

#[test]
fn no_submodules_import_each_other_in_a_circle() {
    let mut circles = Vec::new();
    for (parent, imports) in siblings() {
        let mut left = imports;
        // Whatever imports none of those left is in no circle.
        loop {
            let names: BTreeSet<String> = left.keys().cloned().collect();
            let before = left.len();
            left.retain(|_, others| others.keys().any(|other| names.contains(other)));
            if left.len() == before {
                break;
            }
        }
        for (own, others) in &left {
            for (other, place) in others.iter().filter(|(other, _)| left.contains_key(*other)) {
                circles.push(format!("{}: {own} -> {other}: {place}", parent.join("::")));
            }
        }
    }
    assert!(circles.is_empty(), "imports in a circle: {circles:#?}");
}
