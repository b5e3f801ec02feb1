//! Hostile text in a ticket, read by a parser of CommonMark and GitHub's tables.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::*;
use crate::commands::check::CheckFormat;
use crate::observation::{FailureReason, Phase};
use crate::report::simulation::{self, at};
use crate::text::is_harmless;

const HOSTILE: &str =
    "x | `a` ``b`` <script>alert(1)</script> [link](http://evil.example) \\| @team *b* \n\n# heading";

fn events(text: &str) -> Vec<Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).collect()
}

/// The text as it is shown: a line, without invisible characters.
fn shown(text: &str) -> String {
    let text: String = text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_ticket_holds_hostile_text_as_text() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, simulation::MAPS, "direct");
    simulation::fail(&mut snapshot, id, 70, (Phase::Request, FailureReason::BlockPage), HOSTILE);
    let view = View { format: CheckFormat::Markdown, all: true, selected: false, width: 80 };
    let text = render(&snapshot, &view, at(200));
    let (mut headings, mut found) = (Vec::new(), false);
    for event in events(&text) {
        match event {
            Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. }) => {
                panic!("{event:?} in {text}")
            }
            Event::Start(Tag::Heading { level, .. }) => headings.push(level as u8),
            Event::Code(code) => found |= code.contains(&shown(HOSTILE).replace('|', "¦")),
            _ => {}
        }
    }
    assert_eq!(headings, [1, 2, 2], "{text}");
    assert!(found, "{text}");
}

proptest! {
    #[test]
    fn escaped_text_is_text(text in "[ -~\\n\\t\u{202e}é|`*_<>#@&.:]{0,60}") {
        let escaped = escape(&text);
        let mut said = String::new();
        for event in events(&escaped) {
            match event {
                Event::Text(words) => said.push_str(&words),
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                other => prop_assert!(false, "{other:?} in {escaped:?}"),
            }
        }
        prop_assert_eq!(said, shown(&text));
    }

    #[test]
    fn code_in_a_table_is_one_cell(text in "[ -~\\n`|\\\\]{0,40}") {
        let table = format!("| a | b |\n| --- | --- |\n| {} | end |\n", span(&text));
        let (mut cells, mut said) = (0, String::new());
        for event in events(&table) {
            match event {
                Event::Start(Tag::TableCell) => cells += 1,
                Event::Code(code) => said.push_str(&code),
                _ => {}
            }
        }
        prop_assert_eq!((cells, said), (4, shown(&text).replace('|', "¦")));
    }
}
