//! Tests of the source parser with short sources.

use super::names;

/// Holds that the module `a::b` with this text names `path` in this line, or doesn't name it.
fn check(text: &str, path: &str, line: Option<usize>) {
    let file = syn::parse_file(text).unwrap();
    let found = names::product(&file, &["a".to_owned(), "b".to_owned()]);
    let lines: Vec<_> = found.names.iter().filter(|name| name.is_in(path)).map(|name| name.line).collect();
    assert_eq!(lines.last().copied(), line, "{path} in {text}\n{:?}", found.names);
}

#[test]
fn product_code_is_read_wherever_it_stands() {
    let now = "std::time::SystemTime::now";
    check("fn f() { std::time::SystemTime::now(); }", now, Some(1));
    check("use std::time::SystemTime;\nfn f() { SystemTime::now(); }", now, Some(2));
    check("use std::time::SystemTime as Wall;\nfn f() { Wall::now(); }", now, Some(2));
    check("use std::time;\nfn f() { let at = time::SystemTime::now; }", now, Some(2));
    check("fn f() {\n use std::time::{self, SystemTime};\n SystemTime::now();\n}", now, Some(3));
    // Behind tests, which is where a whole file used to end.
    check(
        "#[cfg(test)]\nmod tests;\nuse std::time::SystemTime;\nfn f() { SystemTime::now(); }",
        now,
        Some(4),
    );
    check("#[cfg(test)]\nuse x::y;\nfn f() { std::time::SystemTime::now(); }", now, Some(3));
    check("use std::time::SystemTime;\nfn f() { println!(\"{:?}\", SystemTime::now()); }", now, Some(2));
    check("use std::time::SystemTime;\nfn f() { x!({ if true { y!(SystemTime::now()) } }); }", now, Some(2));
    check("#[cfg(not(test))]\nfn f() { std::time::SystemTime::now(); }", now, Some(2));
    check("#[cfg(any(test, unix))]\nfn f() { std::time::SystemTime::now(); }", now, Some(2));
    check("mod c {\n use std::time::SystemTime;\n fn f() { SystemTime::now(); }\n}", now, Some(3));
    // The name alone is something else here.
    check("use other::SystemTime;\nfn f() { SystemTime::now(); }", now, None);
}

#[test]
fn tests_are_left_out() {
    let now = "std::time::SystemTime::now";
    check("#[cfg(test)]\nmod tests { fn f() { std::time::SystemTime::now(); } }", now, None);
    check("#[cfg(test)]\nfn f() { std::time::SystemTime::now(); }", now, None);
    check("#[cfg(all(test, unix))]\nfn f() { std::time::SystemTime::now(); }", now, None);
    check("impl T {\n #[cfg(test)]\n fn f() { std::time::SystemTime::now(); }\n}", now, None);
    check("fn f() {\n #[cfg(test)]\n let at = std::time::SystemTime::now();\n}", now, None);
    check("#[cfg_attr(test, derive(schemars::JsonSchema))]\nstruct T;", "schemars", None);
}

#[test]
fn paths_within_the_crate_are_whole() {
    check("use super::c::D;\nfn f(_: D) {}", "crate::a::c::D", Some(2));
    check("use super::super::e;\nfn f() { e::g(); }", "crate::e::g", Some(2));
    check("mod own;\nfn f() { own::g(); }", "crate::a::b::own::g", Some(2));
    check("fn f() { self::own::g(); }", "crate::a::b::own::g", Some(1));
    check(
        "use crate::{plan::Plan, text as words};\nfn f() { words::clean(); }",
        "crate::text::clean",
        Some(2),
    );
    check("use defender_exporter::cli::Cli;", "crate::cli", Some(1));
    check("fn f(x: Option<Box<dyn crate::fetch::Fetch>>) {}", "crate::fetch", Some(1));
    check("pub(in crate::metrics) fn f() {}", "crate::metrics", None);
}

#[test]
fn methods_and_waiting_are_seen() {
    check("fn f(at: Instant) { at.elapsed(); }", ".elapsed", Some(1));
    check("async fn f() { g().await; }", ".await", Some(1));
    check("impl T {\n async fn f() {}\n}", "async fn", Some(2));
}
