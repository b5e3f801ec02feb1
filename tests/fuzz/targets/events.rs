//! Any bytes as the output of `wevtutil.exe`, counted into an event log.

use defender_exporter::host::events::{EventLog, MAX_EVENTS, parse, refused};

pub fn run(output: &[u8]) {
    let _ = refused(None, output);
    let Ok(events) = parse(output) else { return };
    assert!(events.len() <= MAX_EVENTS);
    let mut log = EventLog::default();
    log.count(&events);
    let total: u64 = log.tallies.values().map(|tally| tally.total).sum();
    assert_eq!(total, events.len() as u64, "each is counted once");
    let newest = events.iter().max_by_key(|event| event.record);
    assert_eq!(log.unread_after(newest), None, "nothing is newer than the newest");
}
