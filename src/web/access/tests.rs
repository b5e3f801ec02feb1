//! Who is let in, what that costs, and a web configuration that changes while it is in use.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio::time::advance;

use super::basic::Verdict;
use super::*;
use crate::config::web::{PasswordHash, Users};

/// A hash; of which password doesn't matter.
const HORSE: &str = "$2b$04$ZrGPrsxVYmfnAC/5ibPFMeyPz5r1LgCPr5frF1Ev.0NrPGNXGgRTW";

/// A user whose hash has this cost.
fn user(name: &str, cost: u32) -> (String, PasswordHash) {
    let hash = bcrypt::hash("correct horse", cost).unwrap();
    (name.to_owned(), PasswordHash::parse(&hash).unwrap())
}

fn basic(name: &str, password: &str) -> HeaderValue {
    let token = STANDARD.encode(format!("{name}:{password}"));
    HeaderValue::try_from(format!("Basic {token}")).unwrap()
}

/// A gate that notes the cost of each hash that it computes.
fn counting() -> (Gate, Arc<Mutex<Vec<u32>>>) {
    let computed = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&computed);
    let gate = Gate::comparing(move |password, hash| {
        noted.lock().unwrap().push(hash.cost());
        bcrypt::verify(password, hash.reveal()).unwrap()
    });
    (gate, computed)
}

/// An unknown user must cost what a known one does, or the time of an answer would tell them apart.
#[tokio::test]
async fn each_guess_costs_one_hash_and_an_unknown_user_no_less() {
    let users = Users::from([user("ann", 4), user("bob", 5)]);
    let (gate, computed) = counting();
    let check = async |header: Option<HeaderValue>, expected: Verdict, hashes: usize| {
        assert_eq!(gate.judge(&users, header.as_ref()).await, expected, "{header:?}");
        assert_eq!(std::mem::take(&mut *computed.lock().unwrap()).len(), hashes, "{header:?}");
    };
    check(None, Verdict::Unknown, 0).await;
    check(Some(basic("ann", "correct horse")), Verdict::Known, 1).await;
    check(Some(basic("ann", "correct horse")), Verdict::Known, 0).await;
    check(Some(basic("bob", "correct horse")), Verdict::Known, 1).await;
    check(Some(basic("ann", "wrong")), Verdict::Unknown, 1).await;
    check(Some(basic("ann", "wrong")), Verdict::Unknown, 0).await;
    check(Some(basic("eve", "wrong")), Verdict::Unknown, 1).await;
    check(Some(basic("eve", "correct horse")), Verdict::Unknown, 1).await;
    check(Some(basic("", "")), Verdict::Unknown, 1).await;
    check(Some(HeaderValue::from_static("Bearer x")), Verdict::Unknown, 0).await;
    check(Some(HeaderValue::from_static("Basic !")), Verdict::Unknown, 0).await;
    check(Some(HeaderValue::from_static("Basic YW5u")), Verdict::Unknown, 0).await; // no colon
}

#[tokio::test]
async fn unknown_users_cost_what_known_ones_do() {
    let users = Users::from([user("ann", 4), user("bob", 6)]);
    let (gate, computed) = counting();
    for n in 0..40 {
        gate.judge(&users, Some(&basic(&format!("eve{n}"), "x"))).await;
        gate.judge(&users, Some(&basic(&format!("eve{n}"), "y"))).await;
    }
    let computed = computed.lock().unwrap().clone();
    assert!(computed.contains(&4) && computed.contains(&6), "{computed:?}");
    assert!(computed.chunks(2).all(|of_one_name| of_one_name[0] == of_one_name[1]), "{computed:?}");
}

#[tokio::test]
async fn notations_of_the_header() {
    let users = Users::from([user("ann", 4), user("", 4)]);
    let gate = Gate::new();
    for (header, expected) in [
        ("basic YW5uOmNvcnJlY3QgaG9yc2U=", Verdict::Known),
        ("BASIC   YW5uOmNvcnJlY3QgaG9yc2U", Verdict::Known),
        ("Basic OmNvcnJlY3QgaG9yc2U=", Verdict::Known),
        ("BasicYW5uOmNvcnJlY3QgaG9yc2U=", Verdict::Unknown),
        ("Basic YW5uOmNvcnJlY3QgaG9yc2U= x", Verdict::Unknown),
    ] {
        assert_eq!(gate.judge(&users, Some(&HeaderValue::from_static(header))).await, expected, "{header}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_password_is_compared_at_a_time_and_a_crowd_is_told_to_come_again() {
    let users = Arc::new(Users::from([user("ann", 4)]));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let noted = (Arc::clone(&now), Arc::clone(&most));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let gate = Arc::new(Gate::comparing(move |_, _| {
        noted.1.fetch_max(noted.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _ = wait.lock().unwrap().recv(); // until the test lets go
        noted.0.fetch_sub(1, Ordering::SeqCst);
        false
    }));
    let asking: Vec<_> = (0..100)
        .map(|n| {
            let (gate, users) = (Arc::clone(&gate), Arc::clone(&users));
            tokio::spawn(async move { gate.judge(&users, Some(&basic("ann", &n.to_string()))).await })
        })
        .collect();
    let mut busy = 0;
    while busy < 36 {
        tokio::task::yield_now().await;
        busy = asking.iter().filter(|asked| asked.is_finished()).count();
    }
    drop(go);
    let mut verdicts = Vec::new();
    for asked in asking {
        verdicts.push(asked.await.unwrap());
    }
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Verdict::Busy).count(), 36, "64 may wait");
    assert_eq!((most.load(Ordering::SeqCst), now.load(Ordering::SeqCst)), (1, 0));
}

proptest::proptest! {
    #[test]
    fn no_header_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let _ = HeaderValue::from_bytes(&bytes).map(|header| super::basic::credentials(&header));
        let header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(&bytes))).unwrap();
        let found = super::basic::credentials(&header);
        proptest::prop_assert_eq!(found.is_some(), bytes.contains(&b':'));
        if let Some((name, password)) = found {
            proptest::prop_assert!(!name.contains(&b':'));
            proptest::prop_assert_eq!([name, password].join(&b':'), bytes);
        }
    }
}

/// A web configuration in a folder of its own.
fn file(text: &str) -> (tempfile::TempDir, PathBuf, Access) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yaml");
    std::fs::write(&path, text).unwrap();
    let access = Access::load(Some(&path)).unwrap();
    (folder, path, access)
}

#[tokio::test(start_paused = true)]
async fn the_file_is_read_again_once_a_second_at_most() {
    let ann = format!("basic_auth_users: {{ ann: {HORSE:?} }}");
    let (_folder, path, access) = file(&ann);
    let users = async || access.rules().await.config.users.keys().cloned().collect::<Vec<_>>();
    assert_eq!(users().await, ["ann"]);
    std::fs::write(&path, ann.replace("ann", "bob")).unwrap();
    assert_eq!(users().await, ["ann"], "it was read just now");
    advance(PAUSE).await;
    assert_eq!(users().await, ["bob"]);
    for bad in ["basic_auth_users: 1", "{", "rate_limit: {}\nnope: 1"] {
        std::fs::write(&path, bad).unwrap();
        advance(PAUSE).await;
        assert_eq!(users().await, ["bob"], "{bad}");
    }
    std::fs::remove_file(&path).unwrap();
    advance(PAUSE).await;
    assert_eq!(users().await, ["bob"]);
    std::fs::write(&path, ann).unwrap();
    advance(PAUSE).await;
    assert_eq!(users().await, ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn tls_does_not_vanish_while_the_exporter_runs() {
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/web/pem");
    let tls = format!("tls_server_config: {{ cert_file: {pem:?}/server.pem, key_file: {pem:?}/server.key }}");
    let (_folder, path, access) = file(&tls.replace('"', ""));
    std::fs::write(&path, "").unwrap();
    advance(PAUSE).await;
    assert!(access.rules().await.tls.is_some());
    assert_eq!(access.scheme(), "https");
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_stays_goes_on_counting() {
    let limit = "rate_limit: { interval: 1h, burst: 1 }\n";
    let (_folder, path, access) = file(limit);
    let admit = async || access.rules().await.limiter.as_ref().unwrap().admit(Instant::now()).is_ok();
    assert!(admit().await && !admit().await);
    std::fs::write(&path, format!("{limit}http_server_config: {{ http2: false }}")).unwrap();
    advance(PAUSE).await;
    assert!(!admit().await);
    assert!(!access.rules().await.config.http2);
    std::fs::write(&path, limit.replace("1h", "30m")).unwrap();
    advance(PAUSE).await;
    assert!(admit().await);
}
