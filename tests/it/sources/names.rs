//! Names in one file: paths as written, and imports with their origins.

use std::collections::HashMap;

use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, UseTree, Visibility};

/// A path or a method that the code names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `std::time::Instant::now`, `crate::plan::Plan`, `.elapsed`, `.await`, `async fn`.
    pub path: String,
    /// Its line in the file.
    pub line: usize,
}

impl Name {
    /// Whether it is `path`, or something inside it.
    pub fn is_in(&self, path: &str) -> bool {
        self.path.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// What a file has.
#[derive(Debug, Default)]
pub struct Found {
    /// All that it names.
    pub names: Vec<Name>,
    /// The modules that it declares and that are files of their own.
    pub children: Vec<String>,
}

/// What the product code of `file`, which is the module `module`, names.
pub fn product(file: &File, module: &[String]) -> Found {
    let mut found = Found::default();
    read_items(&file.items, module, &mut found);
    found
}

/// A module's own items; inline modules have imports of their own.
fn read_items(items: &[Item], module: &[String], found: &mut Found) {
    let mut declared = Imports { module, known: HashMap::new(), used: Vec::new() };
    for item in items {
        declared.visit_item(item);
    }
    let Imports { known, used, .. } = declared;
    found.names.extend(used);
    let mut reader = Reader { module, known, found };
    for item in items {
        reader.visit_item(item);
    }
}

/// Whether the code is compiled for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        list.path.is_ident("cfg") && needs_test(list.tokens.clone())
    })
}

/// Whether a condition of `cfg` holds in tests alone: `test`, or `all(…)` with one that does.
fn needs_test(condition: TokenStream) -> bool {
    let tokens: Vec<_> = condition.into_iter().collect();
    match &tokens[..] {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(group)] if word == "all" => {
            let parts = group.stream().into_iter().collect::<Vec<_>>();
            let is_comma =
                |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
            parts.split(is_comma).any(|part| needs_test(part.iter().cloned().collect()))
        }
        _ => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => panic!("an item that syn doesn't know"),
    }
}

/// The path with `self`, `super` and the library's name replaced by `crate::…`.
fn absolute(segments: &[String], module: &[String]) -> Vec<String> {
    let supers = segments.iter().take_while(|segment| *segment == "super").count();
    let (base, rest) = match segments.first().map(String::as_str) {
        Some("defender_exporter") => (&module[..0], &segments[1..]),
        Some("self") => (module, &segments[1..]),
        Some("super") => (&module[..module.len().saturating_sub(supers)], &segments[supers..]),
        _ => return segments.to_vec(),
    };
    ["crate".to_owned()].iter().chain(base).chain(rest).cloned().collect()
}

/// First pass: the imports of the module and of its functions, by local name.
struct Imports<'a> {
    module: &'a [String],
    known: HashMap<String, Vec<String>>,
    used: Vec<Name>,
}

impl Imports<'_> {
    fn read_tree(&mut self, tree: &UseTree, before: &[String]) {
        let follow = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.read_tree(&path.tree, &follow(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.read_tree(tree, before)),
            UseTree::Glob(glob) => self.add(before, None, glob.star_token.spans[0].start().line),
            UseTree::Name(name) if name.ident == "self" => {
                self.add(before, before.last().cloned(), name.ident.span().start().line);
            }
            UseTree::Name(name) => {
                self.add(&follow(&name.ident), Some(name.ident.to_string()), name.ident.span().start().line);
            }
            UseTree::Rename(rename) => {
                let path = if rename.ident == "self" { before.to_vec() } else { follow(&rename.ident) };
                self.add(&path, Some(rename.rename.to_string()), rename.ident.span().start().line);
            }
        }
    }

    fn add(&mut self, path: &[String], name: Option<String>, line: usize) {
        let path = absolute(path, self.module);
        self.used.push(Name { path: path.join("::"), line });
        if let Some(name) = name {
            self.known.insert(name, path);
        }
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            return;
        }
        match item {
            Item::Use(item) => self.read_tree(&item.tree, &[]),
            // Its imports are its own; but a path may begin with its name.
            Item::Mod(item) => {
                let name = item.ident.to_string();
                let path = absolute(&["self".to_owned(), name.clone()], self.module);
                self.known.insert(name, path);
            }
            other => visit::visit_item(self, other),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !matches!(item, syn::ImplItem::Fn(function) if is_test(&function.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }
}

/// Second walk: what the code names.
struct Reader<'a> {
    module: &'a [String],
    known: HashMap<String, Vec<String>>,
    found: &'a mut Found,
}

impl Reader<'_> {
    fn add(&mut self, segments: &[String], line: usize) {
        let mut path = absolute(segments, self.module);
        if let Some(import) = path.first().and_then(|first| self.known.get(first)) {
            path.splice(..1, import.iter().cloned());
        }
        self.found.names.push(Name { path: path.join("::"), line });
    }

    /// Paths of two segments and more in what a macro is given, which has no syntax of its own.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let (mut segments, mut colons, mut line) = (Vec::<String>::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add_if_path(&std::mem::take(&mut segments), line);
                    }
                    line = ident.span().start().line;
                    segments.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !segments.is_empty() => {
                    colons = if punct.spacing() == Spacing::Joint { 1 } else { colons + 1 };
                }
                other => {
                    self.add_if_path(&std::mem::take(&mut segments), line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.read_tokens(group.stream());
                    }
                }
            }
        }
        self.add_if_path(&segments, line);
    }

    fn add_if_path(&mut self, segments: &[String], line: usize) {
        if segments.len() > 1 {
            self.add(segments, line);
        }
    }

    fn add_word(&mut self, word: &str, span: proc_macro2::Span) {
        self.found.names.push(Name { path: word.to_owned(), line: span.start().line });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            return;
        }
        match item {
            Item::Use(_) => {}
            Item::Mod(item) => match &item.content {
                None => self.found.children.push(item.ident.to_string()),
                Some((_, items)) => {
                    let path = [self.module, &[item.ident.to_string()]].concat();
                    read_items(items, &path, self.found);
                }
            },
            other => visit::visit_item(self, other),
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if !matches!(item, syn::ImplItem::Fn(function) if is_test(&function.attrs)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if !matches!(statement, syn::Stmt::Local(local) if is_test(&local.attrs)) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_test(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&segments, path.segments[0].ident.span().start().line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.read_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let syn::Meta::List(list) = &attribute.meta else { return };
        let first = list.tokens.clone().into_iter().next();
        let for_tests = matches!(first, Some(TokenTree::Ident(word)) if word == "test");
        if !(list.path.is_ident("cfg_attr") && for_tests) {
            self.read_tokens(list.tokens.clone());
        }
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.add_word(&format!(".{}", call.method), call.method.span());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_await(&mut self, expression: &'ast syn::ExprAwait) {
        self.add_word(".await", expression.await_token.span);
        visit::visit_expr_await(self, expression);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(keyword) = &signature.asyncness {
            self.add_word("async fn", keyword.span);
        }
        visit::visit_signature(self, signature);
    }

    /// `pub(in crate::metrics)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}
