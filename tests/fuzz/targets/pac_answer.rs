//! Any text as what a PAC script returned: what is understood is written as it is read.

use defender_exporter::pac::Answer;

use super::text::check_shown;

pub fn run(bytes: &[u8]) {
    let Ok(answer) = Answer::parse(&String::from_utf8_lossy(bytes)) else { return };
    assert!((1..=Answer::MAX_CHOICES).contains(&answer.choices.len()));
    assert!(answer.skipped.len() <= Answer::MAX_CHOICES);
    answer.skipped.iter().for_each(|part| check_shown(part));
    let written = answer.choices.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let again = Answer::parse(&written).expect(&written);
    assert_eq!(again, Answer { skipped: Vec::new(), ..answer }, "{written}");
}
