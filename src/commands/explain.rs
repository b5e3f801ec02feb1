//! `explain`: a code in words, wrapped for a terminal.

use crate::advice::{self, Advice, Code, Topic, UnknownCode};

/// Columns that a line may take.
const WIDTH: usize = 100;

/// What the code means and what to change.
///
/// # Errors
/// When the code isn't known.
pub fn render(code: &str) -> Result<String, UnknownCode> {
    Ok(match advice::parse_code(code)? {
        Code::Failures(pairs) => {
            let texts: Vec<String> = pairs
                .into_iter()
                .map(|(stage, reason)| {
                    text(&format!("{stage}.{reason}: "), &advice::for_failure(stage, reason))
                })
                .collect();
            texts.join("\n")
        }
        Code::Hresult(code) => advice::for_hresult(code).map_or_else(String::new, |advice| text("", &advice)),
        Code::Topic(topic) => topic_text(topic),
    })
}

fn text(prefix: &str, advice: &Advice) -> String {
    let mut text = format!("{prefix}{}\n\n{}", advice.title, wrap(&advice.cause, "", ""));
    if !advice.remedies.is_empty() {
        text.push_str("\nWhat to change:\n");
    }
    for (n, remedy) in advice.remedies.iter().enumerate() {
        text.push_str(&wrap(remedy, &format!("  {}. ", n + 1), "     "));
    }
    if let Some(code) = advice.hresult {
        text = format!("{text}\nA Windows client would typically show 0x{code:08X}.\n");
    }
    text
}

fn topic_text(topic: &Topic) -> String {
    let paragraphs: Vec<String> = topic.text.iter().map(|paragraph| wrap(paragraph, "", "")).collect();
    format!("{}\n\n{}", topic.title, paragraphs.join("\n"))
}

/// Fills lines with words; a word that is longer than a line stays whole, so that a URL can be copied.
fn wrap(text: &str, first: &str, indent: &str) -> String {
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
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_documents_remedies_come_in_its_order() {
        let text = render("0x80072F8F").unwrap();
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
        assert!(
            at("WinHTTP proxy") < at("automatic update URL") && at("automatic update URL") < at("SSLOptions")
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH || line.contains("://")), "{text}");
    }

    #[test]
    fn reasons_and_topics_are_explained() {
        for (code, expected) in [
            ("nxdomain", "0x80072EE7"),
            ("connect.timeout", "firewall"),
            ("validate", "-ValidateMapsConnection"),
            ("sample-file", "event 1116"),
            ("inspection", "*.blob.core.windows.net"),
        ] {
            assert!(render(code).unwrap().contains(expected), "{code}");
        }
    }
}
