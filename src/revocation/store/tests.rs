//! What is cached, for how long, and when it is fetched again.

use super::*;
use crate::observation::{Anchor, FailureReason, Phase};
use crate::revocation::fixture::{DAY, now};
use crate::revocation::report::RevocationStatus;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn key(n: usize) -> ObjectKey {
    ObjectKey::Crl(ProbeUrl::parse(&format!("http://crl.test/{n:03}.crl")).unwrap())
}

/// A list of this size, with these times.
fn list(bytes: usize, this_update: SystemTime, next_update: SystemTime) -> FetchOutcome {
    FetchOutcome::Fetched(CachedObject {
        bytes: vec![0; bytes].into(),
        large: None,
        validators: Validators::default(),
        this_update,
        next_update: Some(next_update),
        freshest: Vec::new(),
    })
}

fn fetch_error() -> FetchOutcome {
    let failure = Failure::new(Phase::Connect, FailureReason::Refused, "refused");
    FetchOutcome::Failed(FetchError { cause: UndeterminedCause::Unreachable, failure })
}

#[test]
fn refresh_and_retry_times() {
    let check = |what: &str, outcome: Vec<FetchOutcome>, after: Duration| {
        let mut store = RevocationStore::new(FetchIntervals::default());
        assert!(store.state(&key(1), now()).is_due(now()), "{what}: before the first fetch");
        for outcome in outcome {
            store.record(key(1), outcome, now());
        }
        let look = store.state(&key(1), now());
        assert_eq!(look.due, Some(now() + after), "{what}");
        assert!(!look.is_due(now() + after - MINUTE / 2), "{what}");
        assert!(look.is_due(now() + after), "{what}");
    };
    let lasting = || list(1, now(), now() + DAY);
    check("lasting", vec![lasting()], HOUR);
    check("unchanged", vec![lasting(), FetchOutcome::NotModified], HOUR);
    check("ending soon", vec![list(1, now(), now() + HOUR / 2)], HOUR / 2);
    check("ending at once", vec![list(1, now(), now() + MINUTE / 2)], MINUTE);
    check("ended", vec![list(1, now() - DAY, now() - HOUR)], MINUTE);
    check("failed", vec![fetch_error()], MINUTE);
    check("failed, with a list", vec![lasting(), fetch_error()], MINUTE);
    check("well again", vec![fetch_error(), lasting()], HOUR);
}

#[test]
fn a_cached_list_survives_failures_and_older_lists() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    store.record(key(1), list(1, now(), now() + DAY), now());
    store.record(key(1), fetch_error(), now());
    let look = store.state(&key(1), now());
    assert_eq!(look.cached.unwrap().this_update, now());
    assert_eq!(look.error.unwrap().cause, UndeterminedCause::Unreachable);
    store.record(key(1), list(1, now() - DAY, now() + DAY), now());
    let look = store.state(&key(1), now());
    assert_eq!(look.cached.unwrap().this_update, now(), "an older list");
    assert_eq!(look.error, None);
    let later = now() + DAY;
    store.record(key(1), list(1, now() - DAY, later + DAY), later);
    assert_eq!(
        store.state(&key(1), later).cached.unwrap().this_update,
        now() - DAY,
        "the newer one has ended"
    );
}

#[test]
fn the_least_recently_used_object_is_evicted() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    for n in 0..MAX_OBJECTS {
        store.record(key(n), list(1, now(), now() + DAY), now());
    }
    store.state(&key(0), now());
    store.record(key(MAX_OBJECTS), fetch_error(), now());
    let known = |store: &mut RevocationStore, n| store.state(&key(n), now()).due.is_some();
    assert_eq!([0, 1, 2, MAX_OBJECTS].map(|n| known(&mut store, n)), [true, false, true, true]);
    assert_eq!(store.objects.len(), MAX_OBJECTS);
    let mut kept: Vec<usize> = (0..=MAX_OBJECTS).filter(|n| *n != 1).collect();
    kept.rotate_left(100);
    for n in &kept {
        assert!(known(&mut store, *n));
    }
    store.record(key(1), fetch_error(), now());
    assert!(!known(&mut store, kept[0]) && known(&mut store, kept[1]), "asked for first, and next");
}

#[test]
fn the_total_size_is_bounded() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    for n in 0..8 {
        store.record(key(n), list(crl::MAX_LIST, now(), now() + DAY), now());
        assert!(store.bytes() <= MAX_BYTES);
    }
    assert_eq!(store.objects.len(), 6, "of 10 MiB each, within 64");
    store.record(key(8), list(4 * 1024 * 1024, now(), now() + DAY), now());
    assert_eq!(store.objects.len(), 7, "64 MiB");
    store.record(key(9), list(1, now(), now() + DAY), now());
    assert_eq!(store.objects.len(), 7, "a byte more, and the oldest is gone");
}

#[test]
fn unused_objects_are_removed() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    store.record(key(1), list(1, now(), now() + 9 * DAY), now());
    store.record(key(2), list(1, now(), now() + 9 * DAY), now());
    let later = now() + DAY;
    store.state(&key(2), later);
    store.record(key(3), fetch_error(), later);
    assert!(store.objects.contains(&key(1)), "a day");
    store.record(key(3), fetch_error(), later + MINUTE);
    assert!(store.state(&key(1), later + MINUTE).cached.is_none());
    assert!(store.state(&key(2), later + MINUTE).cached.is_some());
}

#[test]
fn the_lists_of_a_path_are_reported_by_url() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    let (path, other) = (PathId([1; 32]), PathId([2; 32]));
    let url = |n: usize| ProbeUrl::parse(&format!("http://crl.test/{n:03}.crl")).unwrap();
    let needed = [3, 2, 1, 2].map(url).to_vec();
    store.insert_report(path, Arc::new(RevocationReport::new(Vec::new())), needed, now() + HOUR);
    store.record(key(4), fetch_error(), now());
    store.record(key(2), list(1, now(), now() + DAY), now());
    store.record(key(1), fetch_error(), now());
    let answer = ObjectKey::Ocsp(ProbeUrl::parse("http://ocsp.test/").unwrap(), [0; 32]);
    store.record(answer, list(1, now(), now() + DAY), now());
    let [first, second] = &store.lists(path)[..] else { panic!("two lists: the third wasn't fetched") };
    assert_eq!((first.url.as_str(), first.this_update), ("http://crl.test/001.crl", None));
    assert_eq!(first.fetch.as_ref().unwrap().as_ref().unwrap_err().reason, FailureReason::Refused);
    assert_eq!((&second.fetch, second.next_update), (&Some(Ok(())), Some(now() + DAY)));
    assert_eq!(store.lists(other), []);
}

#[test]
fn a_clock_that_was_set_back_delays_no_fetch() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    store.record(key(1), list(1, now(), now() + DAY), now());
    let path = PathId([1; 32]);
    store.insert_report(path, Arc::new(RevocationReport::new(Vec::new())), Vec::new(), now() + HOUR);
    assert_eq!(store.report(path, now()).unwrap().status, RevocationStatus::Good);
    assert!(store.report(path, now() + HOUR).is_none());
    let before = now() - DAY;
    assert!(store.state(&key(1), before).is_due(before));
    assert!(store.report(path, before).is_none());
}

#[test]
fn reports_are_bounded() {
    let mut store = RevocationStore::new(FetchIntervals::default());
    let path = |n: usize| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        PathId(id)
    };
    for n in 0..=MAX_REPORTS {
        store.insert_report(path(n), Arc::new(RevocationReport::new(Vec::new())), Vec::new(), now() + HOUR);
    }
    assert!(store.report(path(0), now()).is_none());
    assert!((1..=MAX_REPORTS).all(|n| store.report(path(n), now()).is_some()));
}

#[test]
fn every_part_of_a_path_affects_its_identity() {
    let path = VerifiedPath {
        certificates: vec![vec![1, 2].into(), vec![3].into()],
        anchor: Anchor { subject: vec![4], spki: vec![5] },
        stapled: Vec::new(),
    };
    assert_eq!(PathId::from_path(&path), PathId::from_path(&path.clone()));
    let changes: [fn(&mut VerifiedPath); 5] = [
        |path| path.stapled = vec![6],
        |path| path.anchor.subject = vec![6],
        |path| path.anchor.spki = vec![6],
        |path| _ = path.certificates.pop(),
        |path| path.certificates = vec![vec![1].into(), vec![2, 3].into()],
    ];
    for change in changes {
        let mut other = path.clone();
        change(&mut other);
        assert_ne!(PathId::from_path(&path), PathId::from_path(&other), "{other:?}");
    }
}
