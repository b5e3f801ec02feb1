//! Events made by the schema; none was captured.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn xml(record: u64, id: &str, time: &str, data: &str) -> String {
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
         <Provider Name='Microsoft-Windows-Windows Defender' Guid='{{11cd958a-c507-4ef3-b3f2-5fd9dfbd2c78}}'/>\
         <EventID>{id}</EventID><Version>0</Version><Level>4</Level><Keywords>0x8000000000000000</Keywords>\
         <TimeCreated SystemTime='{time}'/><EventRecordID>{record}</EventRecordID><Correlation/>\
         <Execution ProcessID='4242' ThreadID='4711'/><Channel>{LOG}</Channel>\
         <Computer>pc.example</Computer><Security UserID='S-1-5-18'/></System>\
         <EventData>{data}</EventData></Event>"
    )
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

fn event(record: u64, kind: EventKind, seconds: u64) -> LoggedEvent {
    LoggedEvent { record, kind, at: at(seconds), data: vec![] }
}

#[test]
fn events_are_read_whatever_is_around_them() {
    let failed = "<Data Name='Product Name'>Microsoft Defender Antivirus</Data>\
                  <Data Name='Update Source'>Microsoft &amp; Co.\u{202e}</Data>\
                  <Data Name='Error Code'>0x80072ee7</Data><Data>unnamed</Data><Data Name='Empty'></Data><Data/>";
    let text = format!(
        "<?xml version='1.0' encoding='UTF-16'?>\r\n<Events>{}\r\n{}{}</Events>",
        xml(17, "2001", "2026-11-24T00:00:00.1234567Z", failed),
        xml(18, "5007", "2026-11-24T00:00:00Z", ""), // another kind
        xml(19, "2010", "2026-11-24T00:00:01.000000000Z", ""),
    );
    let utf16: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [text.as_bytes(), &utf16] {
        let events = parse(bytes).unwrap();
        let seen: Vec<_> = events.iter().map(|event| (event.record, event.kind)).collect();
        assert_eq!(seen, [(17, EventKind::UpdateFailed), (19, EventKind::DynamicSignature)]);
        assert_eq!(events[0].at, at(0) + Duration::from_nanos(123_456_700));
        assert_eq!(events[1].at, at(1));
        assert_eq!(events[0].data[1], ("Update Source".to_owned(), "Microsoft & Co. ".to_owned()));
        assert_eq!(events[0].data.len(), 4);
        assert_eq!([events[0].hresult(), events[1].hresult()], [Some(0x8007_2EE7), None]);
    }
}

#[test]
fn nothing_is_no_event_and_nonsense_an_error() {
    for text in ["", "\r\n", "<Events/>", "<Events></Events>", "<Events>\r\n</Events>"] {
        assert_eq!(parse(text.as_bytes()), Ok(vec![]), "{text:?}");
    }
    let good = xml(1, "1116", "2026-11-24T00:00:00Z", "");
    for text in [
        "The specified channel could not be found.".to_owned(),
        "<Events>".to_owned(),
        "<Events><Event></Event></Events>".to_owned(),
        format!("<Events>{}</Events>", good.replace("<EventRecordID>1", "<EventRecordID>one")),
        format!("<Events>{}</Events>", good.replace("2026-11-24T", "yesterday")),
        format!("<Events>{}", &good[..good.len() / 2]),
        format!("<Events>{}</Events>", good.replace("<EventRecordID>1", "<EventRecordID>&undefined;")),
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
    let many = format!("<Events>{}</Events>", good.repeat(MAX_EVENTS + 20));
    assert_eq!(parse(many.as_bytes()).unwrap().len(), MAX_EVENTS);
    let data = "<Data Name='x'>y</Data>".repeat(100);
    let much = format!("<Events>{}</Events>", xml(1, "1116", "2026-11-24T00:00:00Z", &data));
    assert_eq!(parse(much.as_bytes()).unwrap()[0].data.len(), MAX_DATA);
}

#[test]
fn errors_of_wevtutil_are_reported() {
    for (code, reason) in [
        (Some(5), HostReadReason::AccessDenied),
        (Some(15007), HostReadReason::NotFound),
        (Some(2), HostReadReason::NotFound),
        (Some(87), HostReadReason::Failed),
        (None, HostReadReason::Failed),
    ] {
        let problem = refused(code, b"Access is denied.\r\n");
        assert_eq!((problem.collector, problem.reason), (HostCollector::EventLog, reason));
        assert!(problem.detail.ends_with("Access is denied."), "{problem:?}");
    }
}

#[test]
fn wevtutil_is_asked_for_the_kinds_that_matter() {
    assert_eq!(query(&[EventKind::Detected], 0), "*[System[(EventID=1116) and EventRecordID>0]]");
    let all = "*[System[(EventID=1116 or EventID=2000 or EventID=2001 or EventID=2003 or EventID=2004 or EventID=2006 or \
               EventID=2010 or EventID=2012 or EventID=2021) and EventRecordID>42]]";
    assert_eq!(query(EventKind::ALL, 42), all);
    let arguments = arguments("*", 1, true);
    let expected = ["qe", LOG, "/q:*", "/c:1", "/rd:true", "/f:xml", "/e:Events", "/uni:true"];
    assert_eq!(arguments, expected);
}

#[test]
fn old_events_give_times_and_new_ones_count() {
    use EventKind::{Detected, SignaturesUpdated};
    let mut log = EventLog::default();
    assert_eq!(log.tallies.len(), EventKind::ALL.len());
    log.recall(&[event(10, Detected, 5), event(12, SignaturesUpdated, 9)]);
    let known = |log: &EventLog, kind| (log.tallies[&kind].total, log.tallies[&kind].last);
    assert_eq!(known(&log, Detected), (0, Some(at(5))));
    log.count(&[event(13, Detected, 20), event(14, Detected, 15)]); // the clock was set back between them
    assert_eq!(known(&log, Detected), (2, Some(at(20))));
    assert_eq!(known(&log, SignaturesUpdated), (0, Some(at(9))));
    assert_eq!(known(&log, EventKind::UpdateFailed), (0, None));
}

#[test]
fn only_what_is_new_is_read() {
    let mut log = EventLog::default();
    log.recall(&[event(10, EventKind::Detected, 5)]);
    let mut after = |newest: Option<u64>| {
        log.unread_after(newest.map(|record| event(record, EventKind::Detected, 6)).as_ref())
    };
    assert_eq!(after(Some(10)), None);
    assert_eq!(after(Some(12)), Some(10));
    assert_eq!(after(None), None); // the log was cleared; its numbers continue
    assert_eq!(after(Some(13)), Some(10));
    assert_eq!(after(Some(3)), Some(0)); // the log was recreated
    assert_eq!(EventLog::default().unread_after(Some(&event(1, EventKind::Detected, 0))), Some(0));
}

proptest! {
    #[test]
    fn no_output_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_broken_document_makes_it_panic(cut in any::<prop::sample::Index>(), piece in "[<>/'=&;a-z ]{0,12}") {
        let good = format!("<Events>{}</Events>", xml(1, "1116", "2026-11-24T00:00:00Z", "<Data Name='a'>b</Data>"));
        let at = cut.index(good.len());
        let _ = parse(format!("{}{piece}{}", &good[..at], &good[at..]).as_bytes());
    }
}
