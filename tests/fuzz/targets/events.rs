//! Any bytes as the output of `wevtutil.exe`, counted into an event log.

use defender_exporter::advice::action::MAX_ACTION;
use defender_exporter::host::events::{EventLog, MAX_EVENTS, UpdateFailure, parse, refused};
use defender_exporter::text::MAX_TEXT;

pub fn run(output: &[u8]) {
    let _ = refused(None, output);
    let Ok(events) = parse(output) else { return };
    assert!(events.len() <= MAX_EVENTS);
    let mut log = EventLog::default();
    log.count(&events);
    let total: u64 = log.tallies.values().map(|tally| tally.total).sum();
    assert_eq!(total, events.len() as u64, "each is counted once");
    for event in &events {
        let kept = UpdateFailure::from_event(event).is_none_or(|failure| {
            log.failures.get(&(failure.kind, failure.origin)).is_some_and(|last| last.at >= failure.at)
        });
        assert!(kept, "the last failure of each source is known");
    }
    for failure in log.failures.values() {
        let texts = [&failure.path, &failure.version, &failure.description];
        for text in texts.into_iter().flatten() {
            assert!(
                !text.is_empty() && text.chars().count() <= MAX_TEXT + 1 && !text.contains(char::is_control)
            );
        }
        let explained = failure.advice().is_some();
        assert_eq!(explained, failure.title().is_some(), "a title for each code that is explained");
        assert!(failure.action().len() <= MAX_ACTION && failure.hresult.is_some() >= explained);
    }
    let newest = events.iter().max_by_key(|event| event.record);
    assert_eq!(log.unread_after(newest), None, "nothing is newer than the newest");
}
