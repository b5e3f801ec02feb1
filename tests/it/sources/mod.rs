//! Parses the program's sources: every path and method in product code. Skips only items under `#[cfg(test)]`.

mod names;
mod selftest;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub use names::Name;

/// A module of the program without its tests, the inline modules of its file included.
#[derive(Debug)]
pub struct Module {
    /// Its file, from the crate's root.
    pub file: PathBuf,
    /// Its path in the crate: `plan::merge`; empty for `lib.rs` and `main.rs`.
    pub path: Vec<String>,
    /// What it names.
    pub names: Vec<Name>,
}

impl Module {
    /// The top-level module that it is in or is; none for `lib.rs` and `main.rs`.
    pub fn top_level(&self) -> Option<&str> {
        self.path.first().map(String::as_str)
    }

    /// Whether it is the module `path` (`signatures::watch`), or inside it.
    pub fn is_in(&self, path: &str) -> bool {
        let mut own = self.path.iter();
        path.split("::").all(|segment| own.next().is_some_and(|own| own == segment))
    }
}

/// Every module of the library and of the program, by following their `mod` declarations; read once.
pub fn modules() -> &'static [Module] {
    static MODULES: LazyLock<Vec<Module>> = LazyLock::new(|| {
        let mut modules = Vec::new();
        for entry in ["src/lib.rs", "src/main.rs"] {
            read(Path::new(entry), vec![], &mut modules);
        }
        assert!(modules.len() > 100, "the sources are not where they were: {}", modules.len());
        modules
    });
    &MODULES
}

fn read(file: &Path, path: Vec<String>, modules: &mut Vec<Module>) {
    let full = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let found = names::product(&syntax, &path);
    // `a/b.rs` has its children in `a/b/`; `a/mod.rs`, `lib.rs` and `main.rs` have them beside themselves.
    let beside = ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| file.ends_with(name));
    let folder = if beside { file.parent().unwrap().to_owned() } else { file.with_extension("") };
    for child in &found.children {
        let flat = folder.join(child).with_extension("rs");
        let is_flat = Path::new(env!("CARGO_MANIFEST_DIR")).join(&flat).exists();
        let child_file = if is_flat { flat } else { folder.join(child).join("mod.rs") };
        read(&child_file, path.iter().chain([child]).cloned().collect(), modules);
    }
    modules.push(Module { file: file.to_owned(), path, names: found.names });
}
