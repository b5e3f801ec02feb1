//! What is saved is restored, and foreign documents are distinguished.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::catalog::embedded;
use crate::clock::LAST;
use crate::config::parse;
use crate::plan::plan;

const CURRENT: &str = "https://definitionupdates.microsoft.com/packages?action=info";
const OLDER: &str = "https://www.microsoft.com/security/encyclopedia/adlpackages.aspx?action=info";

/// 2026-11-24 plus some seconds.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

fn the_plan() -> Plan {
    plan(embedded(), &parse("f", "", Path::new(""), &crate::config::Environment::default()).unwrap()).unwrap()
}

fn history(feed: &str) -> FeedHistory {
    let published = Published {
        signatures: Version([1, 441, 5, 0]),
        engine: Version([1, 1, 26010, 1]),
        platform: Version([4, 18, 26010, 5]),
        published_at: at(5),
    };
    let newest = [(CURRENT, 7), (OLDER, 5)].map(|(feed, n)| {
        (feed.to_owned(), NewestReport { signatures: Version([1, 441, n, 0]), at: at(n.into()) })
    });
    FeedHistory { published, feed: feed.to_owned(), newest: newest.into(), behind_since: Some(at(8)) }
}

/// A state with contents to save.
fn state(plan: &Plan) -> SignaturesState {
    let mut state = SignaturesState::new(plan, at(0));
    state.sources[0].last_available = Some(at(9));
    state.last_chance = Some(at(9));
    state.feeds[0].history = Some(history(CURRENT));
    state
}

fn restored(saved: &Saved, plan: &Plan, now: SystemTime) -> SignaturesState {
    let mut state = SignaturesState::new(plan, now);
    saved.restore(&mut state, plan, now);
    state
}

#[test]
fn what_is_kept_comes_back() {
    let plan = the_plan();
    let state = state(&plan);
    let text = Saved::from_state(&state).to_json();
    assert!(text.contains("\"2026-11-24T00:00:09.000Z\""), "{text}");
    let saved = Saved::from_json(text.as_bytes()).unwrap();
    assert_eq!(restored(&saved, &plan, at(60)), state);
}

#[test]
fn times_ahead_are_restored_and_an_unset_clock_changes_none() {
    let plan = the_plan();
    let saved = Saved::from_state(&state(&plan));
    let earlier = restored(&saved, &plan, at(4));
    assert_eq!((earlier.sources[0].last_available, earlier.last_chance), (Some(at(4)), Some(at(4))));
    let unset = restored(&saved, &plan, SystemTime::UNIX_EPOCH);
    assert_eq!((unset.sources[0].last_available, unset.last_chance), (Some(at(9)), Some(at(9))));
}

#[test]
fn restore_drops_removed_routes_and_feeds() {
    let (plan, mut state) = (the_plan(), state(&the_plan()));
    state.sources[0].route = "gone".to_owned();
    state.feeds[0].route = "gone".to_owned();
    let back = restored(&Saved::from_state(&state), &plan, at(60));
    assert_eq!(back, SignaturesState { last_chance: Some(at(9)), ..SignaturesState::new(&plan, at(60)) });

    let mut state = self::state(&plan);
    state.feeds[0].history = Some(history("https://mirror.example/"));
    assert_eq!(restored(&Saved::from_state(&state), &plan, at(60)).feeds[0].history, None);
    let mut older = history(OLDER);
    older.newest.insert(
        "https://mirror.example/".to_owned(),
        NewestReport { signatures: Version([9; 4]), at: at(0) },
    );
    state.feeds[0].history = Some(older);
    assert_eq!(restored(&Saved::from_state(&state), &plan, at(60)).feeds[0].history, Some(history(OLDER)));
}

#[test]
fn foreign_documents_are_distinguished() {
    let good = Saved::from_state(&state(&the_plan())).to_json();
    let check = |text: &str, expected: fn(&SavedError) -> bool| {
        let error = Saved::from_json(text.as_bytes()).unwrap_err();
        assert!(expected(&error), "{text}: {error:?}");
    };
    for end in 0..good.trim_end().len() {
        check(&good[..end], |error| matches!(error, SavedError::Damaged(_)));
    }
    check(&good.replace('{', "{{"), |error| matches!(error, SavedError::Damaged(_)));
    check(&"[".repeat(100_000), |error| matches!(error, SavedError::Damaged(_)));
    for foreign in ["{}", "[]", "null", "7", "\"defender-exporter-state\"", "{\"version\": 1}"] {
        check(foreign, |error| *error == SavedError::Foreign);
    }
    let version = |of: &str| good.replace("\"version\": 1", &format!("\"version\": {of}"));
    check(&version("2"), |error| *error == SavedError::Version(2));
    check(&version("0"), |error| *error == SavedError::Version(0));
    check(&version("\"1\""), |error| matches!(error, SavedError::Malformed(_)));
    check(&good.replace("\"adl\"", "\"wsus\"").replace("microsoft_update", "wsus"), |error| {
        matches!(error, SavedError::Malformed(_))
    });
    check(&good.replace("2026-11-24T", "2026-11-34T"), |error| matches!(error, SavedError::Malformed(_)));
    check(&good.replace("1.441.5.0", "1.441.5"), |error| matches!(error, SavedError::Malformed(_)));
    let more = good.replacen('{', "{ \"more\": [1],", 1);
    assert_eq!(Saved::from_json(more.as_bytes()), Saved::from_json(good.as_bytes()));
}

#[test]
fn times_that_no_notation_has_are_written_as_the_nearest() {
    let plan = the_plan();
    for (time, expected) in [
        (SystemTime::UNIX_EPOCH - Duration::from_secs(9), "1970-01-01T00:00:00.000Z"),
        (SystemTime::UNIX_EPOCH + LAST + Duration::from_secs(9), "9999-12-31T23:59:59.000Z"),
    ] {
        let mut state = SignaturesState::new(&plan, at(0));
        state.last_chance = Some(time);
        let text = Saved::from_state(&state).to_json();
        assert!(text.contains(expected), "{text}");
        Saved::from_json(text.as_bytes()).unwrap();
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Saved::from_json(&bytes);
    }

    #[test]
    fn damaged_files_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), now in any::<u32>()) {
        let plan = the_plan();
        let mut bytes = Saved::from_state(&state(&plan)).to_json().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(saved) = Saved::from_json(&bytes) {
            let _ = restored(&saved, &plan, SystemTime::UNIX_EPOCH + Duration::from_secs(now.into()));
        }
    }
}
