//! When objects are fetched, which checks share a fetch, and how many run concurrently. `tests.rs` tests which
//! source determines the status.

use std::sync::atomic::Ordering;

use super::*;
use crate::observation::Phase;
use crate::revocation::fixture::ocsp::at;
use crate::revocation::store::ObjectKey;

#[tokio::test(start_paused = true)]
async fn a_checked_path_is_not_fetched_again_until_due() {
    let lab = Lab::with_list();
    let first = lab.at(now()).await;
    assert_eq!(lab.requests(), [LEAF_LIST, ROOT_LIST]);
    assert!(Arc::ptr_eq(&first, &lab.at(now() + HOUR - MINUTE).await));
    assert_eq!(lab.requests(), [""; 0]);
    assert_eq!(lab.net.conditional.load(Ordering::SeqCst), 0);
    lab.lists(|list| _ = list.revoke(LEAF, None));
    assert_eq!(lab.leaf(now() + HOUR).await, bad(LEAF_LIST), "a new list");
    assert_eq!(lab.requests(), [LEAF_LIST, ROOT_LIST]);
    assert_eq!(lab.net.conditional.load(Ordering::SeqCst), 2, "asked whether they have changed");
}

#[tokio::test(start_paused = true)]
async fn reports_are_known_without_a_fetch() {
    let lab = Lab::with_list();
    assert_eq!(lab.checker.known(&lab.path, now()), None);
    let found = lab.at(now()).await;
    lab.requests();
    assert!(Arc::ptr_eq(&found, &lab.checker.known(&lab.path, now() + HOUR - MINUTE).unwrap()));
    assert_eq!(lab.checker.known(&lab.path, now() + HOUR), None);
    assert_eq!(lab.requests(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn unused_locks_are_removed() {
    let lab = Lab::with_list();
    lab.at(now()).await;
    let list = ObjectKey::Crl(crate::catalog::ProbeUrl::parse("http://crl.test/another.crl").unwrap());
    let lock = lab.checker.context.in_progress.get(&list);
    assert_eq!(lab.checker.context.in_progress.keys().iter().collect::<Vec<_>>(), [&list]);
    assert!(Arc::ptr_eq(&lock, &lab.checker.context.in_progress.get(&list)), "one for all who want the same");
}

#[tokio::test(start_paused = true)]
async fn an_expiring_list_is_checked_again() {
    let mut lab = Lab::new(Vec::new());
    let mut staple = Ocsp::new(&lab.issuing, LEAF, GOOD);
    staple.single().next_update = Some(at(now() + 10 * MINUTE));
    lab.path.stapled = staple.sign(lab.issuing.key());
    assert_eq!(lab.leaf(now()).await, good("stapled"));
    assert_eq!(lab.leaf(now() + 9 * MINUTE).await, good("stapled"));
    assert_eq!(lab.leaf(now() + 10 * MINUTE).await, unknown(UndeterminedCause::Expired, "stapled"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_is_retried_after_a_minute() {
    let lab = Lab::with_list();
    lab.net.set(LEAF_LIST, Reply::Fails(FailureReason::Refused));
    lab.at(now()).await;
    lab.requests();
    lab.at(now() + MINUTE - Duration::from_secs(1)).await;
    assert_eq!(lab.requests(), [""; 0]);
    lab.at(now() + MINUTE).await;
    assert_eq!(lab.requests(), [LEAF_LIST]);
}

#[tokio::test(start_paused = true)]
async fn concurrent_checks_share_a_fetch() {
    let lab = Lab::with_list();
    let (first, second) = tokio::join!(lab.at(now()), lab.at(now()));
    assert_eq!((first.status, second.status), (Good, Good));
    assert_eq!(lab.requests(), [LEAF_LIST, ROOT_LIST]);
}

/// As on a network that drops packets to port 80: thirty services whose certificates name the same few hosts.
#[tokio::test(start_paused = true)]
async fn an_unresponsive_host_is_tried_once() {
    const HOSTS: [&str; 3] = [RESPONDER, "http://crl3.test/issuing.crl", "http://crl4.test/issuing.crl"];
    let lab = Arc::new(Lab::with_list());
    HOSTS.iter().chain(&[ROOT_LIST]).for_each(|url| lab.net.set(url, Reply::Hangs));
    let start = tokio::time::Instant::now();
    let checks: Vec<_> = (0..30)
        .map(|n| {
            let mut path = lab.path.clone();
            let sources = vec![access(&HOSTS[..1], &[]), crls(vec![distribution_point(&HOSTS[1..])])];
            path.certificates[0] = lab.issuing.issue(n, sources).into();
            let lab = Arc::clone(&lab);
            tokio::spawn(async move { (lab.checker.check(&path, now()).await, lab.checker.lists(&path)) })
        })
        .collect();
    let mut lists = Vec::new();
    for check in checks {
        let (report, needed) = check.await.unwrap();
        lists.extend(needed);
        assert_eq!(report.certificates[0].cause, Some(UndeterminedCause::Unreachable));
        assert_eq!(report.certificates[1].cause, Some(UndeterminedCause::Unreachable));
    }
    let (took, timeout) = (start.elapsed(), CheckerSettings::default().timeout);
    assert!(took < timeout + Duration::from_secs(1), "{took:?}");
    assert_eq!(lab.requests(), [HOSTS[0], HOSTS[1], HOSTS[2], ROOT_LIST]);
    assert!(!lists.is_empty());
    for list in lists {
        let failure = list.fetch.unwrap().unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Connect, FailureReason::Timeout), "{failure:?}");
    }
    lab.checker.check(&lab.path, now() + MINUTE).await;
    assert_eq!(lab.requests(), [LEAF_LIST, ROOT_LIST], "asked again a minute later");
}

/// Eight list URLs, on one host or on eight, that accept the request and never answer, or can't be reached: once 80 seconds.
#[tokio::test(start_paused = true)]
async fn silent_sources_take_the_timeout_once() {
    let timeout = CheckerSettings::default().timeout;
    for reply in [Reply::Silent, Reply::Hangs] {
        for hosts in [1, 8] {
            let urls: Vec<_> = (0..8).map(|n| format!("http://crl{}.test/{n}.crl", n % hosts)).collect();
            let urls: Vec<_> = urls.iter().map(String::as_str).collect();
            let lab = Lab::new(vec![crls(vec![distribution_point(&urls)])]);
            for url in &urls {
                lab.net.set(url, reply.clone());
            }
            let start = tokio::time::Instant::now();
            assert_eq!(lab.leaf(now()).await, unknown(UndeterminedCause::Unreachable, urls[0]));
            let took = start.elapsed();
            assert!(took < timeout + Duration::from_millis(100), "{took:?}");
            let asked = lab.requests().iter().filter(|url| url.starts_with("http://crl")).count() - 1; // the root's
            let unreachable_host = matches!(reply, Reply::Hangs) && hosts == 1;
            assert_eq!(asked, if unreachable_host { 1 } else { 8 }, "a silent host isn't an unreachable one");
        }
    }
}

/// A URL that is silent doesn't keep its host's other URLs from being asked, and its failure is reported.
#[tokio::test(start_paused = true)]
async fn a_silent_url_has_an_alternative_on_its_host() {
    const OTHER: &str = "http://crl.test/other.crl";
    for reply in [Reply::Silent, Reply::Fails(FailureReason::Reset)] {
        let lab = Lab::new(vec![crls(vec![distribution_point(&[LEAF_LIST, OTHER])])]);
        lab.net.set(LEAF_LIST, reply);
        lab.lists_at(OTHER, |_| {});
        assert_eq!(lab.leaf(now()).await, good(OTHER));
        assert!(lab.list().fetch.unwrap().is_err());
    }
}

/// A source that answers late is still the first one asked, and the only one if it answers before the next one's turn.
#[tokio::test(start_paused = true)]
async fn a_late_answer_counts_until_the_timeout() {
    let lab = Lab::new(vec![access(&[RESPONDER], &[])]);
    for (millis, expected) in [(9_400, good(RESPONDER)), (500, good(RESPONDER))] {
        lab.net.set(RESPONDER, Reply::Late(Duration::from_millis(millis), lab.ocsp(GOOD)));
        assert_eq!(lab.leaf(now()).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_fetches_are_bounded() {
    let lab = Arc::new(Lab::with_list());
    let checks: Vec<_> = (0..30)
        .map(|n| {
            let point = distribution_point(&[format!("http://crl.test/{n}").as_str()]);
            let mut path = lab.path.clone();
            path.certificates[0] = lab.issuing.issue(n, vec![crls(vec![point])]).into();
            let lab = Arc::clone(&lab);
            tokio::spawn(async move { lab.checker.check(&path, now()).await.status })
        })
        .collect();
    for check in checks {
        assert_eq!(check.await.unwrap(), Unknown);
    }
    assert_eq!(lab.requests().len(), 30 + 1);
    assert_eq!(lab.net.most_running.load(Ordering::SeqCst), CheckerSettings::default().concurrency);
}
