//! Facts that are carried over, and which host is opened.

use std::time::Duration;

use super::events::{EventKind, LoggedEvent};
use super::*;
use crate::event::Event;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

fn facts(last: Option<u64>, events: bool, signatures: bool, problems: bool) -> HostFacts {
    let mut log = EventLog::default();
    log.count(&[LoggedEvent { record: 1, kind: EventKind::Detected, at: at(0), data: vec![] }]);
    let problem = HostProblem::new(HostCollector::Registry, HostReadReason::AccessDenied, "SSLOptions");
    HostFacts {
        problems: problems.then_some(problem).into_iter().collect(),
        signatures: signatures.then(InstalledSignatures::default),
        windows: Some(WindowsFacts {
            last_maps_connection: last.map(at),
            events: events.then_some(log),
            ..WindowsFacts::default()
        }),
        ..HostFacts::new(&[HostCollector::Registry])
    }
}

#[test]
fn what_is_still_true_is_kept() {
    let before = facts(Some(10), true, true, false);
    let kept = facts(None, false, false, true).with_earlier(Some(&before));
    let expected = HostFacts { problems: kept.problems.clone(), ..before.clone() };
    assert_eq!((kept, expected.problems.len()), (expected, 1));

    let newer = facts(Some(20), false, false, true).with_earlier(Some(&before));
    assert_eq!(newer.windows.unwrap().last_maps_connection, Some(at(20)));
    let older = facts(Some(5), false, false, true).with_earlier(Some(&before));
    assert_eq!(older.windows.unwrap().last_maps_connection, Some(at(10)));
    // Absent signatures without a problem: Defender was removed.
    assert_eq!(facts(None, true, false, false).with_earlier(Some(&before)).signatures, None);
    assert_eq!(facts(None, false, false, true).with_earlier(None), facts(None, false, false, true));
}

#[test]
fn what_is_demanded_is_asked() {
    assert!(open(InstalledFrom::None).unwrap().is_none());
    assert!(open(InstalledFrom::Mdatp).unwrap().is_some());
    assert_eq!(open(InstalledFrom::Windows).is_err(), !cfg!(windows));
}

#[test]
fn what_is_installed_needs_a_version_and_a_time() {
    let installed = |version: Option<&str>, built, applied| {
        let version = version.map(|version| version.parse().unwrap());
        let signatures = InstalledSignatures { version, built, applied, ..InstalledSignatures::default() };
        HostFacts { signatures: Some(signatures), ..HostFacts::new(&[]) }.installed()
    };
    let version = "1.441.99.0".parse().unwrap();
    let expected = |built_at| Some(Installed { signatures: version, built_at });
    assert_eq!(installed(Some("1.441.99.0"), Some(at(1)), Some(at(2))), expected(at(1)));
    assert_eq!(installed(Some("1.441.99.0"), None, Some(at(2))), expected(at(2)));
    assert_eq!(installed(Some("1.441.99.0"), None, None), None);
    assert_eq!(installed(None, Some(at(1)), None), None);
    assert_eq!(HostFacts::new(&[]).installed(), None);
}

#[test]
fn problems_are_fit_to_be_shown() {
    let problem = HostProblem::new(
        HostCollector::Health,
        HostReadReason::Failed,
        format!("a\u{1b}[0m{}", "x".repeat(1000)),
    );
    assert!(!problem.detail.contains('\u{1b}') && problem.detail.chars().count() == 257);
}

#[test]
fn the_state_takes_the_installed_signatures_from_the_host() {
    let mut snapshot = crate::metrics::fixture::snapshot();
    let own = InstalledSignatures {
        version: "1.441.99.0".parse().ok(),
        built: Some(at(0)),
        ..InstalledSignatures::default()
    };
    let facts =
        HostFacts { signatures: Some(own), ..HostFacts::new(&[HostCollector::Health]).finished(at(9)) };
    snapshot.apply(Event::Host(Box::new(facts.clone())));
    assert_eq!(snapshot.host.as_deref(), Some(&facts));
    let stale_after = snapshot.signatures.stale_after(&snapshot.plan);
    assert_eq!(stale_after, Some(at(0) + snapshot.plan.signatures.stale_after));
}
