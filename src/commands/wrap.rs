//! Wraps text into the lines of a terminal.

use textwrap::{Options, WordSeparator, WordSplitter};

use crate::text::is_harmless;

/// The maximum width of a line: longer ones are hard to read.
pub(super) const WIDTH: usize = 100;

/// Wraps a paragraph of `topics.yaml`: list items with a hanging indent, code unchanged, other text filled.
pub(super) fn wrap_paragraph(paragraph: &str) -> String {
    if let Some(item) = paragraph.strip_prefix("- ") {
        return wrap(item, "  - ", "    ");
    }
    if paragraph.starts_with("    ") {
        return format!("{}\n", paragraph.trim_end());
    }
    wrap(paragraph, "", "")
}

/// Wraps text to [`WIDTH`] columns.
pub(super) fn wrap(text: &str, first: &str, indent: &str) -> String {
    wrap_to(WIDTH, text, first, indent)
}

/// Wraps text to `width` columns, at most [`WIDTH`]. A word longer than a line stays whole, so that a URL can be copied.
/// Invisible characters become spaces.
pub(super) fn wrap_to(width: usize, text: &str, first: &str, indent: &str) -> String {
    let text: String = text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let options = Options::new(width.min(WIDTH))
        .initial_indent(first)
        .subsequent_indent(indent)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    let wrapped = textwrap::fill(&words, options);
    wrapped.trim_end().to_owned() + "\n"
}

/// Makes a sentence of words that begin in lower case.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).chain(['.']).collect())
}
