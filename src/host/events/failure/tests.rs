//! Failures as the log has them: event 2001 as captured on a Windows 10 of 2018, the others by their templates.

use std::time::Duration;

use proptest::prelude::*;

use super::super::{EventLog, parse};
use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

/// An event with these values, as `wevtutil` prints it.
fn logged(id: &str, data: &[(&str, &str)]) -> LoggedEvent {
    let data: Vec<_> =
        data.iter().map(|(name, value)| format!("<Data Name='{name}'>{value}</Data>")).collect();
    let data = data.concat();
    let xml = format!(
        "<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><EventID>{id}</EventID>\
         <TimeCreated SystemTime='2026-11-24T00:00:00Z'/><EventRecordID>7</EventRecordID></System>\
         <EventData>{data}</EventData></Event></Events>"
    );
    parse(xml.as_bytes()).unwrap().remove(0)
}

/// The captured one; its URL is shortened.
fn captured() -> LoggedEvent {
    logged(
        "2001",
        &[
            ("Product Name", "%%827"),
            ("Product Version", "4.18.1807.18075"),
            ("Current Signature Version", "\n    "),
            ("Previous Signature Version", "1.273.933.0"),
            ("Update Source Index", "6"),
            ("Update Source", "%%851"),
            ("Unused", ""),
            ("Domain", "NT AUTHORITY"),
            ("User", "NETWORK SERVICE"),
            ("SID", "S-1-5-20"),
            ("Signature Type Index", "1"),
            ("Signature Type", "%%800"),
            ("Update Type Index", "1"),
            ("Update Type", "%%803"),
            ("Current Engine Version", ""),
            ("Previous Engine Version", "1.1.15100.1"),
            ("Error Code", "0x80072ee7"),
            ("Error Description", "The server name or address could not be resolved "),
            ("Update State Index", "1"),
            ("Update State", "%%852"),
            ("Source Path", "https://go.microsoft.com/fwlink/?LinkID=870379&amp;arch=x64"),
        ],
    )
}

#[test]
fn the_captured_failure_is_read_whole() {
    let failure = UpdateFailure::from_event(&captured()).unwrap();
    let expected = UpdateFailure {
        kind: EventKind::UpdateFailed,
        at: at(0),
        hresult: Some(0x8007_2EE7),
        description: Some("The server name or address could not be resolved".to_owned()),
        origin: Some(UpdateOrigin::Adl),
        stage: Some(UpdateStage::Search),
        path: Some("https://go.microsoft.com/fwlink/?LinkID=870379&arch=x64".to_owned()),
        version: Some("1.273.933.0".to_owned()),
    };
    assert_eq!(failure, expected);
    assert_eq!(failure.title(), Some("The name of the update source can't be resolved"));
    assert!(failure.action().contains("name servers"), "{}", failure.action());
    assert!(failure.advice().unwrap().remedies[0].contains("name servers"));
}

/// Names without spaces, in English and as numbers, old and new; texts of other languages are unknown.
#[test]
fn sources_and_steps_are_distinguished() {
    let check = |value: &str, expected: Option<UpdateOrigin>| {
        for name in ["Update Source", "UpdateSource"] {
            let failure = UpdateFailure::from_event(&logged("2001", &[(name, value)])).unwrap();
            assert_eq!(failure.origin, expected, "{value}");
        }
    };
    for (origin, number, name) in [
        (UpdateOrigin::InternalServer, "%%849", "Internal security intelligence update server"),
        (UpdateOrigin::MicrosoftUpdate, "%%859", "Microsoft Update Server"),
        (UpdateOrigin::Adl, "%%851", "Microsoft Malware Protection Center (MMPC)"),
        (UpdateOrigin::FileShare, "%%850", "File Share"),
        (UpdateOrigin::UpdateFolder, "%%817", "Security intelligence update folder"),
        (UpdateOrigin::Unknown, "%%852", "Microsoft Update-Server"),
        (UpdateOrigin::Unknown, "859", "\u{202e}"),
    ] {
        check(number, Some(origin));
        check(name, Some(origin));
    }
    check("", None);
    for (stage, value) in [
        (Some(UpdateStage::Search), "%%852"),
        (Some(UpdateStage::Download), "Download"),
        (Some(UpdateStage::Install), "%%854"),
        (None, "%%851"),
    ] {
        let failure = UpdateFailure::from_event(&logged("2001", &[("Update State", value)])).unwrap();
        assert_eq!(failure.stage, stage, "{value}");
    }
}

/// The version that stays in use, and whose advice counts.
#[test]
fn each_kind_of_failure_has_its_version_and_advice() {
    let check = |id: &str, version: (&str, &str), title: &str| {
        let failure =
            UpdateFailure::from_event(&logged(id, &[("Error Code", "0x80072F8F"), version])).unwrap();
        assert_eq!(failure.version.as_deref(), Some(version.1), "{id}");
        assert!(failure.title().unwrap().contains(title), "{id}: {failure:?}");
        assert_eq!((failure.origin, failure.path.as_deref()), (None, None), "{id}");
    };
    check("2001", ("Previous security intelligence Version", "1.441.1.0"), "TLS to the update source");
    check("2003", ("PreviousEngineVersion", "1.1.25100.1"), "TLS to the update source");
    check("2004", ("Loading signature version", "1.441.1.0"), "TLS to the update source");
    check("2006", ("Product Version", "4.18.25110.6"), "TLS to the update source");
    check("2012", ("Current Signature Version", "1.441.1.0"), "TLS to MAPS");
    check("2021", ("Current Signature Version", "1.441.1.0"), "TLS to MAPS");
    for id in ["1116", "2000", "2010"] {
        assert_eq!(UpdateFailure::from_event(&logged(id, &[("Error Code", "0x80072F8F")])), None, "{id}");
    }
    let bare = UpdateFailure::from_event(&logged("2001", &[])).unwrap();
    assert_eq!((bare.hresult, bare.title(), bare.action(), bare.advice()), (None, None, "", None));
}

#[test]
fn the_last_failure_of_each_source_is_kept() {
    let failed = |record, seconds, origin: &str| LoggedEvent {
        record,
        at: at(seconds),
        data: vec![("Update Source".to_owned(), origin.to_owned())],
        kind: EventKind::UpdateFailed,
    };
    let mut log = EventLog::default();
    log.recall(&[failed(5, 50, "%%851"), failed(4, 40, "%%859"), failed(3, 30, "%%851")]); // the newest first
    log.count(&[failed(6, 60, "%%859")]);
    let times: Vec<_> = log.failures.values().map(|failure| (failure.origin, failure.at)).collect();
    let expected = [(UpdateOrigin::MicrosoftUpdate, at(60)), (UpdateOrigin::Adl, at(50))];
    assert_eq!(times, expected.map(|(origin, at)| (Some(origin), at)));

    let of = |log: &EventLog, origin| log.failures[&(EventKind::UpdateFailed, Some(origin))].clone();
    let updated = LoggedEvent { record: 7, at: at(55), data: vec![], kind: EventKind::SignaturesUpdated };
    log.count(&[updated]);
    assert_eq!(log.succeeded_after(&of(&log, UpdateOrigin::Adl)), Some(at(55)));
    assert_eq!(log.succeeded_after(&of(&log, UpdateOrigin::MicrosoftUpdate)), None);
}

proptest! {
    /// Whatever the log says, the labels come from closed sets.
    #[test]
    fn any_values_give_words_of_closed_sets(
        values in proptest::collection::vec(("[A-Za-z ]{0,20}|Update Source|Update State|Error Code", "\\PC{0,40}"), 0..20),
    ) {
        let data = values;
        let event = LoggedEvent { record: 1, kind: EventKind::UpdateFailed, at: at(0), data };
        let failure = UpdateFailure::from_event(&event).unwrap();
        prop_assert!(failure.title().is_none_or(|title| title.len() < 100));
        prop_assert!(failure.action().len() <= advice::action::MAX_ACTION);
    }
}
