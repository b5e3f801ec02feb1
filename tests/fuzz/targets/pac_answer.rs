//! Any text as the result of a PAC script: parsed directives round-trip.

use defender_exporter::net::proxy::pac::PacAnswer;

use super::text::check_shown;

pub fn run(bytes: &[u8]) {
    let Ok(answer) = PacAnswer::parse(&String::from_utf8_lossy(bytes)) else { return };
    assert!((1..=PacAnswer::MAX_DIRECTIVES).contains(&answer.directives.len()));
    assert!(answer.skipped.len() <= PacAnswer::MAX_DIRECTIVES);
    answer.skipped.iter().for_each(|part| check_shown(part));
    let written = answer.directives.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let again = PacAnswer::parse(&written).expect(&written);
    assert_eq!(again, PacAnswer { skipped: Vec::new(), ..answer }, "{written}");
}
