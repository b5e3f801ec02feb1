//! Text → lines of a terminal.

/// Columns that a line may take.
pub(super) const WIDTH: usize = 100;

/// A paragraph of `topics.yaml`: an item hangs from its hyphen, code stays as it stands, the rest is filled.
pub(super) fn block(paragraph: &str) -> String {
    if let Some(item) = paragraph.strip_prefix("- ") {
        return fill(item, "  - ", "    ");
    }
    if paragraph.starts_with("    ") {
        return format!("{}\n", paragraph.trim_end());
    }
    fill(paragraph, "", "")
}

/// Fills lines with words; a word that is longer than a line stays whole, so that a URL can be copied.
pub(super) fn fill(text: &str, first: &str, indent: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            indent.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines + line.trim_end() + "\n"
}
