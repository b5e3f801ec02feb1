//! Tests authentication, the number of hashes it computes, and the reloading of the web configuration.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use tokio::time::advance;

use super::basic_auth::Credential;
use super::*;
use crate::config::web::{PasswordHash, Users};

/// A valid hash. The tests don't use its password.
const HORSE: &str = "$2b$04$ZrGPrsxVYmfnAC/5ibPFMeyPz5r1LgCPr5frF1Ev.0NrPGNXGgRTW";

/// A user with a hash of this cost.
fn user(name: &str, cost: u32) -> (String, PasswordHash) {
    let hash = bcrypt::hash("correct horse", cost).unwrap();
    (name.to_owned(), PasswordHash::parse(&hash).unwrap())
}

fn basic(name: &str, password: &str) -> HeaderValue {
    let token = STANDARD.encode(format!("{name}:{password}"));
    HeaderValue::try_from(format!("Basic {token}")).unwrap()
}

/// A `BasicAuth` that records the cost of each hash it computes.
fn counting() -> (BasicAuth, Arc<Mutex<Vec<u32>>>) {
    let computed = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&computed);
    let basic_auth = BasicAuth::comparing(move |password, hash| {
        noted.lock().unwrap().push(hash.cost());
        bcrypt::verify(password, hash.reveal()).unwrap()
    });
    (basic_auth, computed)
}

/// Checking an unknown user must cost as much as a known one, or the response time would reveal whether a user exists.
#[tokio::test]
async fn each_guess_costs_one_hash_and_an_unknown_user_no_less() {
    let users = Users::from([user("ann", 4), user("bob", 5)]);
    let (basic_auth, computed) = counting();
    let check = async |header: Option<HeaderValue>, expected: Credential, hashes: usize| {
        assert_eq!(basic_auth.check(&users, header.as_ref()).await, expected, "{header:?}");
        assert_eq!(std::mem::take(&mut *computed.lock().unwrap()).len(), hashes, "{header:?}");
    };
    check(None, Credential::Unknown, 0).await;
    check(Some(basic("ann", "correct horse")), Credential::Known, 1).await;
    check(Some(basic("ann", "correct horse")), Credential::Known, 0).await;
    check(Some(basic("bob", "correct horse")), Credential::Known, 1).await;
    check(Some(basic("ann", "wrong")), Credential::Unknown, 1).await;
    check(Some(basic("ann", "wrong")), Credential::Unknown, 0).await;
    check(Some(basic("eve", "wrong")), Credential::Unknown, 1).await;
    check(Some(basic("eve", "correct horse")), Credential::Unknown, 1).await;
    check(Some(basic("", "")), Credential::Unknown, 1).await;
    check(Some(HeaderValue::from_static("Bearer x")), Credential::Unknown, 0).await;
    check(Some(HeaderValue::from_static("Basic !")), Credential::Unknown, 0).await;
    check(Some(HeaderValue::from_static("Basic YW5u")), Credential::Unknown, 0).await; // no colon
}

#[tokio::test]
async fn unknown_users_cost_what_known_ones_do() {
    let users = Users::from([user("ann", 4), user("bob", 6)]);
    let (basic_auth, computed) = counting();
    for n in 0..40 {
        basic_auth.check(&users, Some(&basic(&format!("eve{n}"), "x"))).await;
        basic_auth.check(&users, Some(&basic(&format!("eve{n}"), "y"))).await;
    }
    let computed = computed.lock().unwrap().clone();
    assert!(computed.contains(&4) && computed.contains(&6), "{computed:?}");
    assert!(computed.chunks(2).all(|of_one_name| of_one_name[0] == of_one_name[1]), "{computed:?}");
}

#[tokio::test]
async fn notations_of_the_header() {
    let users = Users::from([user("ann", 4), user("", 4)]);
    let basic_auth = BasicAuth::new();
    for (header, expected) in [
        ("basic YW5uOmNvcnJlY3QgaG9yc2U=", Credential::Known),
        ("BASIC   YW5uOmNvcnJlY3QgaG9yc2U", Credential::Known),
        ("Basic OmNvcnJlY3QgaG9yc2U=", Credential::Known),
        ("BasicYW5uOmNvcnJlY3QgaG9yc2U=", Credential::Unknown),
        ("Basic YW5uOmNvcnJlY3QgaG9yc2U= x", Credential::Unknown),
    ] {
        assert_eq!(
            basic_auth.check(&users, Some(&HeaderValue::from_static(header))).await,
            expected,
            "{header}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn password_checks_are_serialized_and_limited() {
    let users = Arc::new(Users::from([user("ann", 4)]));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let noted = (Arc::clone(&now), Arc::clone(&most));
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let basic_auth = Arc::new(BasicAuth::comparing(move |_, _| {
        noted.1.fetch_max(noted.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _ = wait.lock().unwrap().recv(); // until the test drops `go`
        noted.0.fetch_sub(1, Ordering::SeqCst);
        false
    }));
    let queries: Vec<_> = (0..100)
        .map(|n| {
            let (basic_auth, users) = (Arc::clone(&basic_auth), Arc::clone(&users));
            tokio::spawn(async move { basic_auth.check(&users, Some(&basic("ann", &n.to_string()))).await })
        })
        .collect();
    let mut busy = 0;
    while busy < 36 {
        tokio::task::yield_now().await;
        busy = queries.iter().filter(|asked| asked.is_finished()).count();
    }
    drop(go);
    let mut verdicts = Vec::new();
    for asked in queries {
        verdicts.push(asked.await.unwrap());
    }
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == Credential::Busy).count(), 36, "64 may wait");
    assert_eq!((most.load(Ordering::SeqCst), now.load(Ordering::SeqCst)), (1, 0));
}

proptest::proptest! {
    #[test]
    fn no_header_makes_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64)) {
        let _ = HeaderValue::from_bytes(&bytes).map(|header| super::basic_auth::credentials(&header));
        let header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(&bytes))).unwrap();
        let found = super::basic_auth::credentials(&header);
        proptest::prop_assert_eq!(found.is_some(), bytes.contains(&b':'));
        if let Some((name, password)) = found {
            proptest::prop_assert!(!name.contains(&b':'));
            proptest::prop_assert_eq!([name, password].join(&b':'), bytes);
        }
    }
}

/// Loads a web configuration from a temporary directory.
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
    advance(MIN_RELOAD_INTERVAL).await;
    assert_eq!(users().await, ["bob"]);
    for bad in ["basic_auth_users: 1", "{", "rate_limit: {}\nnope: 1"] {
        std::fs::write(&path, bad).unwrap();
        advance(MIN_RELOAD_INTERVAL).await;
        assert_eq!(users().await, ["bob"], "{bad}");
    }
    std::fs::remove_file(&path).unwrap();
    advance(MIN_RELOAD_INTERVAL).await;
    assert_eq!(users().await, ["bob"]);
    std::fs::write(&path, ann).unwrap();
    advance(MIN_RELOAD_INTERVAL).await;
    assert_eq!(users().await, ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn tls_does_not_vanish_while_the_exporter_runs() {
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/web/pem");
    let tls = format!("tls_server_config: {{ cert_file: {pem:?}/server.pem, key_file: {pem:?}/server.key }}");
    let (_folder, path, access) = file(&tls.replace('"', ""));
    std::fs::write(&path, "").unwrap();
    advance(MIN_RELOAD_INTERVAL).await;
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
    advance(MIN_RELOAD_INTERVAL).await;
    assert!(!admit().await);
    assert!(!access.rules().await.config.http2);
    std::fs::write(&path, limit.replace("1h", "30m")).unwrap();
    advance(MIN_RELOAD_INTERVAL).await;
    assert!(admit().await);
}
