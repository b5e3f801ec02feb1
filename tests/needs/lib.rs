//! `#[needs("program", …)]`: ignores a test, with the reason in its line, if a program is missing. libtest decides
//! at compile time what is ignored, so `build.rs` detects the programs.

use proc_macro::{TokenStream, TokenTree};

/// What isn't here, separated by spaces.
const MISSING: &str = env!("MISSING");

/// Goes before `#[test]` or `#[tokio::test]`.
///
/// # Panics
/// The build, where an argument is no string.
#[proc_macro_attribute]
pub fn needs(programs: TokenStream, test: TokenStream) -> TokenStream {
    let literals = programs.into_iter().filter(|token| !matches!(token, TokenTree::Punct(_)));
    let needed = literals.map(|token| {
        let text = token.to_string();
        let name = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        name.unwrap_or_else(|| panic!("{text} is not the name of a program in quotes")).to_owned()
    });
    let missing: Vec<String> = needed.filter(|name| MISSING.split(' ').any(|other| other == name)).collect();
    let why = match missing.as_slice() {
        [] => return test,
        [one] if one == "namespaces" => "no network namespaces: they take root's rights or user namespaces, and nftables".to_owned(),
        _ => format!("not installed: {}; .ci/install brings it", missing.join(", ")),
    };
    let why = format!("#[ignore = {why:?}]");
    let ignored: TokenStream = why.parse().expect("an attribute");
    ignored.into_iter().chain(test).collect()
}

/// A string: what isn't here, separated by spaces; empty where all is.
#[proc_macro]
pub fn missing(_: TokenStream) -> TokenStream {
    format!("{MISSING:?}").parse().expect("a string")
}
