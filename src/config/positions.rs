//! Where the keys of a YAML document stand: line and column, for messages. Read only once there is a problem.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::problem::{ConfigProblems, FilePosition};
use super::reader::{join, yaml_options};

/// Adds the positions of the keys in the text of the file, and sorts the problems by them.
pub(super) fn add_positions(mut problems: ConfigProblems, text: &str) -> ConfigProblems {
    let positions = FilePositions::from_document(text);
    for problem in &mut problems.0 {
        problem.position = problem.position.or_else(|| positions.find(&problem.key));
    }
    problems.0.sort_by_key(|problem| problem.position); // stable; those of the whole file come first
    problems
}

/// The position of each key and list entry, by its path.
struct FilePositions(BTreeMap<String, FilePosition>);

impl FilePositions {
    /// The positions of a document. Empty if it isn't YAML.
    fn from_document(text: &str) -> Self {
        let mut positions = BTreeMap::new();
        if let Ok(root) = serde_saphyr::from_str_with_options::<Branch>(text, yaml_options()) {
            root.collect("", &mut positions);
        }
        Self(positions)
    }

    /// The position of a path, or of the innermost mapping or list around it: a missing key has no position of its own.
    fn find(&self, path: &str) -> Option<FilePosition> {
        let mut path = path;
        while !path.is_empty() {
            if let Some(position) = self.0.get(path) {
                return Some(*position);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
        None
    }
}

/// A part of a document, without its values.
enum Branch {
    Scalar,
    List(Vec<Spanned<Self>>),
    Mapping(Vec<(Spanned<String>, Self)>),
}

impl Branch {
    fn collect(&self, path: &str, positions: &mut BTreeMap<String, FilePosition>) {
        let mut add = |path: String, at: &Location, branch: &Self| {
            branch.collect(&path, positions);
            if at.line() > 0 {
                positions.insert(path, FilePosition { line: at.line(), column: at.column() });
            }
        };
        match self {
            Self::Scalar => {}
            Self::List(items) => {
                for (n, item) in items.iter().enumerate() {
                    add(format!("{path}[{n}]"), &item.defined, &item.value);
                }
            }
            Self::Mapping(entries) => {
                for (key, value) in entries {
                    add(join(path, &key.value), &key.defined, value);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Branch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BranchVisitor)
    }
}

struct BranchVisitor;

impl<'de> Visitor<'de> for BranchVisitor {
    type Value = Branch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_none<E>(self) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Branch, E> {
        Ok(Branch::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Branch, D::Error> {
        Branch::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Branch, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Branch::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Branch, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        Ok(Branch::Mapping(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_and_entry_has_its_place() {
        let text = "\
# a comment
interval: 5s
routes:
  - name: direct
  - { name: other, proxy: \"http://p:1\" }
\"odd key\": { a: 1 }
shared: &s { x: 1 }
used: *s
";
        let positions = FilePositions::from_document(text);
        let check = |path: &str, expected: Option<(u64, u64)>| {
            let found = positions.find(path).map(|position| (position.line, position.column));
            assert_eq!(found, expected, "{path}");
        };
        check("interval", Some((2, 1)));
        check("routes", Some((3, 1)));
        check("routes[0]", Some((4, 5)));
        check("routes[0].name", Some((4, 5)));
        check("routes[1].proxy", Some((5, 20)));
        check("[\"odd key\"]", Some((6, 1)));
        check("[\"odd key\"].a", Some((6, 14)));
        check("routes[0].missing", Some((4, 5)));
        check("routes[7].missing", Some((3, 1)));
        check("used.x", Some((7, 14))); // where it is written
        check("missing", None);
        check("", None);
        assert!(FilePositions::from_document("a: [").find("a").is_none());
    }
}
