//! What is kept, for how long, and when it is fetched again.

use super::super::fixture::{DAY, now};
use super::super::report::Status;
use super::*;
use crate::observation::{FailureReason, Stage};
use crate::trust::Anchor;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn key(n: usize) -> Key {
    Key::List(ProbeUrl::parse(&format!("http://crl.test/{n:03}.crl")).unwrap())
}

/// A list of so many bytes, made and ending at these times.
fn list(bytes: usize, this_update: SystemTime, next_update: SystemTime) -> Brought {
    Brought::New(Held {
        bytes: vec![0; bytes].into(),
        validators: Validators::default(),
        this_update,
        next_update: Some(next_update),
        freshest: Vec::new(),
    })
}

fn trouble() -> Brought {
    let failure = Failure::new(Stage::Connect, FailureReason::Refused, "refused");
    Brought::Nothing(Trouble { cause: Cause::Unreachable, failure })
}

#[test]
fn what_is_well_is_fetched_each_hour_or_at_its_end_and_what_is_not_each_minute() {
    let check = |what: &str, brought: Vec<Brought>, after: Duration| {
        let mut store = Store::new(Pace::default());
        assert!(store.look(&key(1), now()).is_due(now()), "{what}: before the first fetch");
        for brought in brought {
            store.record(key(1), brought, now());
        }
        let look = store.look(&key(1), now());
        assert_eq!(look.due, Some(now() + after), "{what}");
        assert!(!look.is_due(now() + after - MINUTE / 2), "{what}");
        assert!(look.is_due(now() + after), "{what}");
    };
    let lasting = || list(1, now(), now() + DAY);
    check("lasting", vec![lasting()], HOUR);
    check("unchanged", vec![lasting(), Brought::Same], HOUR);
    check("ending soon", vec![list(1, now(), now() + HOUR / 2)], HOUR / 2);
    check("ending at once", vec![list(1, now(), now() + MINUTE / 2)], MINUTE);
    check("ended", vec![list(1, now() - DAY, now() - HOUR)], MINUTE);
    check("in trouble", vec![trouble()], MINUTE);
    check("in trouble, with a list", vec![lasting(), trouble()], MINUTE);
    check("well again", vec![trouble(), lasting()], HOUR);
}

#[test]
fn a_list_survives_trouble_and_older_ones() {
    let mut store = Store::new(Pace::default());
    store.record(key(1), list(1, now(), now() + DAY), now());
    store.record(key(1), trouble(), now());
    let look = store.look(&key(1), now());
    assert_eq!(look.held.unwrap().this_update, now());
    assert_eq!(look.trouble.unwrap().cause, Cause::Unreachable);
    store.record(key(1), list(1, now() - DAY, now() + DAY), now());
    let look = store.look(&key(1), now());
    assert_eq!(look.held.unwrap().this_update, now(), "an older list");
    assert_eq!(look.trouble, None);
    let later = now() + DAY;
    store.record(key(1), list(1, now() - DAY, later + DAY), later);
    assert_eq!(store.look(&key(1), later).held.unwrap().this_update, now() - DAY, "the newer one has ended");
}

#[test]
fn the_least_recently_used_goes_first() {
    let mut store = Store::new(Pace::default());
    for n in 0..MAX_KEPT {
        store.record(key(n), list(1, now(), now() + DAY), now());
    }
    store.look(&key(0), now());
    store.record(key(MAX_KEPT), trouble(), now());
    let known = |store: &mut Store, n| store.look(&key(n), now()).due.is_some();
    assert_eq!([0, 1, 2, MAX_KEPT].map(|n| known(&mut store, n)), [true, false, true, true]);
    assert_eq!(store.lists(now()).len(), MAX_KEPT);
    let mut kept: Vec<usize> = (0..=MAX_KEPT).filter(|n| *n != 1).collect();
    kept.rotate_left(100);
    for n in &kept {
        assert!(known(&mut store, *n));
    }
    store.record(key(1), trouble(), now());
    assert!(!known(&mut store, kept[0]) && known(&mut store, kept[1]), "asked for first, and next");
}

#[test]
fn the_bytes_are_bounded() {
    let mut store = Store::new(Pace::default());
    for n in 0..8 {
        store.record(key(n), list(crl::MAX_LIST, now(), now() + DAY), now());
        assert!(store.bytes() <= MAX_BYTES);
    }
    assert_eq!(store.lists(now()).len(), 6, "of 10 MiB each, within 64");
    store.record(key(8), list(4 * 1024 * 1024, now(), now() + DAY), now());
    assert_eq!(store.lists(now()).len(), 7, "64 MiB");
    store.record(key(9), list(1, now(), now() + DAY), now());
    assert_eq!(store.lists(now()).len(), 7, "a byte more, and the oldest is gone");
}

#[test]
fn what_nobody_asks_for_is_forgotten() {
    let mut store = Store::new(Pace::default());
    store.record(key(1), list(1, now(), now() + 9 * DAY), now());
    store.record(key(2), list(1, now(), now() + 9 * DAY), now());
    let later = now() + DAY;
    store.look(&key(2), later);
    assert_eq!(store.lists(later).len(), 2);
    let urls = |lists: Vec<CrlState>| lists.into_iter().map(|list| list.url).collect::<Vec<_>>();
    assert_eq!(urls(store.lists(later + MINUTE)), ["http://crl.test/002.crl"]);
    store.record(key(3), trouble(), later + MINUTE);
    assert!(store.look(&key(1), later + MINUTE).held.is_none());
}

#[test]
fn the_state_of_lists_is_told_by_url() {
    let mut store = Store::new(Pace::default());
    store.record(key(2), list(1, now(), now() + DAY), now());
    store.record(key(1), trouble(), now());
    let answer = Key::Answer(ProbeUrl::parse("http://ocsp.test/").unwrap(), [0; 32]);
    store.record(answer, list(1, now(), now() + DAY), now());
    let [first, second] = &store.lists(now())[..] else { panic!("two lists") };
    assert_eq!((first.url.as_str(), first.this_update), ("http://crl.test/001.crl", None));
    assert_eq!(first.fetch.as_ref().unwrap().as_ref().unwrap_err().reason, FailureReason::Refused);
    assert_eq!((&second.fetch, second.next_update), (&Some(Ok(())), Some(now() + DAY)));
}

#[test]
fn nothing_waits_for_a_clock_that_was_set_back() {
    let mut store = Store::new(Pace::default());
    store.record(key(1), list(1, now(), now() + DAY), now());
    let path = PathId([1; 32]);
    store.keep(path, Arc::new(RevocationReport::of(Vec::new())), now() + HOUR);
    assert_eq!(store.report(path, now()).unwrap().status, Status::Good);
    assert!(store.report(path, now() + HOUR).is_none());
    let before = now() - DAY;
    assert!(store.look(&key(1), before).is_due(before));
    assert!(store.report(path, before).is_none());
}

#[test]
fn reports_are_bounded() {
    let mut store = Store::new(Pace::default());
    let path = |n: usize| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&n.to_be_bytes());
        PathId(id)
    };
    for n in 0..=MAX_REPORTS {
        store.keep(path(n), Arc::new(RevocationReport::of(Vec::new())), now() + HOUR);
    }
    assert!(store.report(path(0), now()).is_none());
    assert!((1..=MAX_REPORTS).all(|n| store.report(path(n), now()).is_some()));
}

#[test]
fn every_part_tells_paths_apart() {
    let path = VerifiedPath {
        certificates: vec![vec![1, 2].into(), vec![3].into()],
        anchor: Anchor { subject: vec![4], spki: vec![5] },
        stapled: Vec::new(),
    };
    assert_eq!(PathId::of(&path), PathId::of(&path.clone()));
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
        assert_ne!(PathId::of(&path), PathId::of(&other), "{other:?}");
    }
}
