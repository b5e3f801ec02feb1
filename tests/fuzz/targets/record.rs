//! Any bytes as the file of `judge`, compressed or as the document in it.

use defender_exporter::commands::check::{CheckFormat, View, render};
use defender_exporter::record::Record;

pub fn run(bytes: &[u8]) {
    let read =
        if bytes.starts_with(&[0x1f, 0x8b]) { Record::from_bytes(bytes) } else { Record::from_json(bytes) };
    let record = match read {
        Ok(record) => record,
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() < 3000 && words.chars().all(|c| !c.is_control()), "{words:?}");
            return;
        }
    };
    let again = Record::from_bytes(&record.to_bytes().unwrap()).unwrap();
    let (snapshot, repeated) = (record.judge(), again.judge());
    assert_eq!(snapshot.targets, repeated.targets, "the same record, the same judgement");
    let redacted = Record::from_bytes(&record.redacted().to_bytes().unwrap()).unwrap();
    let _ = redacted.judge();
    for format in [CheckFormat::Table, CheckFormat::Json, CheckFormat::Csv, CheckFormat::Markdown] {
        let view = View { format, all: true, selected: record.is_of_selection(), width: 100 };
        let text = render(&snapshot, &view, record.ended()).unwrap();
        // Styles begin with ESC.
        let is_good =
            |c: char| !c.is_control() || c == '\n' || (c == '\u{1b}' && format == CheckFormat::Table);
        assert!(text.chars().all(is_good), "{text:?}");
    }
}
