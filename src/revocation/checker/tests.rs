//! Path checks over a fake network: which source determines the status. `pace.rs` tests when something is
//! fetched, and how often; `large_lists.rs` lists that aren't kept.

mod large_lists;
mod pace;

use std::time::Duration;

use rcgen::CustomExtension;
use x509_cert::ext::pkix::CrlReason;
use x509_ocsp::CertStatus;

use super::*;
use crate::net::fetch::RequestBody;
use crate::observation::{Anchor, FailureReason};
use crate::revocation::fixture::net::{Net, Reply};
use crate::revocation::fixture::ocsp::{GOOD, Ocsp, revoked};
use crate::revocation::fixture::{
    Authority, Crl, DAY, access, crls, distribution_point, freshest, full_name, now, time,
};
use RevocationStatus::{Good, Revoked, Unknown};

const LEAF: u8 = 0x42;
const INTERMEDIATE: u8 = 0x17;
const LEAF_LIST: &str = "http://crl.test/issuing.crl";
const ROOT_LIST: &str = "http://crl.root.test/root.crl";
const RESPONDER: &str = "http://ocsp.test/";
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// A root, an intermediate CA, a server's certificate, and a fake network with their sources.
struct Lab {
    root: Authority,
    issuing: Authority,
    path: VerifiedPath,
    net: Arc<Net>,
    checker: RevocationChecker<Arc<Net>>,
}

impl Lab {
    /// The leaf has these extensions; the intermediate names a list.
    fn new(leaf: Vec<CustomExtension>) -> Self {
        let root = Authority::new("Root");
        let points = vec![crls(vec![distribution_point(&[ROOT_LIST])])];
        let issuing = Authority::below(&root, "Issuing CA", INTERMEDIATE, points);
        let certificates = vec![issuing.issue(LEAF, leaf).into(), issuing.der().to_vec().into()];
        let der = rustls::pki_types::CertificateDer::from(root.der().to_vec());
        let anchor = Anchor::from(&webpki::anchor_from_trusted_cert(&der).unwrap());
        let net = Arc::<Net>::default();
        let checker = RevocationChecker::new(Arc::clone(&net), CheckerSettings::default());
        let path = VerifiedPath { certificates, anchor, stapled: Vec::new() };
        let lab = Self { root, issuing, path, net, checker };
        lab.lists(|_| {});
        lab.net.set(ROOT_LIST, Reply::Bytes(lab.root.list().sign(&lab.root)));
        lab
    }

    /// The leaf names only a list.
    fn with_list() -> Self {
        Self::new(vec![crls(vec![distribution_point(&[LEAF_LIST])])])
    }

    /// Publishes a list of the issuing CA.
    fn lists(&self, change: impl FnOnce(&mut Crl)) {
        self.lists_at(LEAF_LIST, change);
    }

    fn lists_at(&self, url: &str, change: impl FnOnce(&mut Crl)) {
        let mut list = self.issuing.list();
        change(&mut list);
        self.net.set(url, Reply::Bytes(list.sign(&self.issuing)));
    }

    fn ocsp(&self, status: CertStatus) -> Vec<u8> {
        Ocsp::new(&self.issuing, LEAF, status).sign(self.issuing.key())
    }

    async fn at(&self, now: SystemTime) -> Arc<RevocationReport> {
        self.checker.check(&self.path, now).await
    }

    /// The requests since the last call: those for the leaf in order, then those for the intermediate, which
    /// run concurrently.
    fn requests(&self) -> Vec<String> {
        let mut requests = self.net.requests();
        requests.sort_by_key(|url| url == ROOT_LIST);
        requests
    }

    /// The state of the leaf's list.
    fn list(&self) -> CrlState {
        self.checker.lists(&self.path).into_iter().find(|list| list.url == LEAF_LIST).unwrap()
    }

    /// Why its last fetch failed.
    fn failure(&self) -> FailureReason {
        self.list().fetch.unwrap().unwrap_err().reason
    }

    /// Status, cause and source of the leaf.
    async fn leaf(&self, now: SystemTime) -> (RevocationStatus, Option<UndeterminedCause>, Option<String>) {
        let CertificateStatus { status, cause, source, .. } = self.at(now).await.certificates[0].clone();
        (status, cause, source)
    }
}

fn good(source: &str) -> (RevocationStatus, Option<UndeterminedCause>, Option<String>) {
    (Good, None, Some(source.to_owned()))
}

fn bad(source: &str) -> (RevocationStatus, Option<UndeterminedCause>, Option<String>) {
    (Revoked, None, Some(source.to_owned()))
}

fn unknown(
    cause: UndeterminedCause,
    source: &str,
) -> (RevocationStatus, Option<UndeterminedCause>, Option<String>) {
    (Unknown, Some(cause), Some(source.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn every_certificate_of_the_path_is_checked() {
    let lab = Lab::with_list();
    let report = lab.at(now()).await;
    assert_eq!(report.status, Good);
    let sources: Vec<_> = report.certificates.iter().map(|c| c.source.as_deref().unwrap()).collect();
    assert_eq!(sources, [LEAF_LIST, ROOT_LIST]);
    assert!(report.certificates[1].subject.contains("Issuing CA"));

    let lab = Lab::with_list();
    lab.lists(|list| _ = list.revoke(LEAF, Some(CrlReason::KeyCompromise)));
    let report = lab.at(now()).await;
    assert_eq!((report.status, report.certificates[0].status), (Revoked, Revoked));
    assert_eq!(report.certificates[0].detail, "revoked at 2026-02-28T23:00:00Z: key_compromise");

    let lab = Lab::with_list();
    let list = lab.root.list().revoke(INTERMEDIATE, None).sign(&lab.root);
    lab.net.set(ROOT_LIST, Reply::Bytes(list));
    let report = lab.at(now()).await;
    assert_eq!((report.status, report.certificates[0].status), (Revoked, Good));
}

#[tokio::test(start_paused = true)]
async fn an_unusable_list_has_a_cause() {
    let check = async |what: &str, put: &dyn Fn(&Lab), cause: UndeterminedCause| {
        let lab = Lab::with_list();
        put(&lab);
        assert_eq!(lab.leaf(now()).await, unknown(cause, LEAF_LIST), "{what}");
        assert_eq!(lab.at(now()).await.cause(), Some(cause), "{what}");
    };
    let reply = |reply: Reply| move |lab: &Lab| lab.net.set(LEAF_LIST, reply.clone());
    check("refused", &reply(Reply::Fails(FailureReason::Refused)), UndeterminedCause::Unreachable).await;
    check("not found", &reply(Reply::Fails(FailureReason::Status)), UndeterminedCause::Unreachable).await;
    check("no descriptor left", &reply(Reply::Fails(FailureReason::Internal)), UndeterminedCause::Pending)
        .await;
    check("hanging", &reply(Reply::Hangs), UndeterminedCause::Unreachable).await;
    check("100 MB", &reply(Reply::Bytes(vec![0x30; 100_000_000])), UndeterminedCause::TooLarge).await;
    check("block page", &reply(Reply::Bytes(b"<html>blocked</html>".to_vec())), UndeterminedCause::Malformed)
        .await;
    check("expired", &|lab| lab.lists(|l| l.tbs.next_update = Some(time(now()))), UndeterminedCause::Expired)
        .await;
    check(
        "early",
        &|lab| lab.lists(|l| l.tbs.this_update = time(now() + DAY)),
        UndeterminedCause::NotYetValid,
    )
    .await;
    let other = |name| {
        let other = Authority::new(name);
        Reply::Bytes(other.list().sign(&other))
    };
    check("other signer", &reply(other("Issuing CA")), UndeterminedCause::BadSignature).await;
    check("other issuer", &reply(other("Other CA")), UndeterminedCause::WrongIssuer).await;
    let partition = |lab: &Lab| {
        let other = full_name(&["http://crl.test/other.crl"]);
        lab.lists(|list| _ = list.scope(|scope| scope.distribution_point = Some(other)));
    };
    check("another partition", &partition, UndeterminedCause::OutOfScope).await;
    let critical = |lab: &Lab| lab.lists(|list| _ = list.extend("1.2.3.4", true, &1u8));
    check("critical extension", &critical, UndeterminedCause::Unsupported).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_too_large_is_refused() {
    let lab = Lab::with_list();
    lab.net.set(LEAF_LIST, Reply::Bytes(vec![0x30; 100_000_000]));
    lab.at(now()).await;
    assert_eq!(lab.failure(), FailureReason::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_list_is_used_until_it_expires() {
    let lab = Lab::with_list();
    assert_eq!(lab.leaf(now()).await, good(LEAF_LIST));
    lab.net.set(LEAF_LIST, Reply::Fails(FailureReason::Refused));
    assert_eq!(lab.leaf(now() + DAY).await, good(LEAF_LIST));
    assert_eq!(lab.failure(), FailureReason::Refused);
    assert_eq!(lab.list().next_update, Some(now() + 6 * DAY), "the list in use");
    assert_eq!(lab.leaf(now() + 6 * DAY).await, unknown(UndeterminedCause::Unreachable, LEAF_LIST));
    let detail = lab.at(now() + 6 * DAY).await.certificates[0].detail.clone();
    assert_eq!(detail, "the CRL expired at 2026-03-07T00:00:00Z; connect: refused: made up");
    lab.lists(|list| list.tbs.next_update = Some(time(now() + 9 * DAY)));
    assert_eq!(lab.leaf(now() + 6 * DAY + MINUTE).await, good(LEAF_LIST), "well again");
}

#[tokio::test(start_paused = true)]
async fn a_block_page_does_not_replace_a_good_list() {
    let lab = Lab::with_list();
    assert_eq!(lab.leaf(now()).await, good(LEAF_LIST));
    let stranger = Authority::new("Issuing CA");
    let replies = [
        (b"<html>".to_vec(), FailureReason::BlockPage),
        (stranger.list().revoke(LEAF, None).sign(&stranger), FailureReason::WrongContent),
    ];
    for ((reply, reason), at) in replies.into_iter().zip([now() + DAY, now() + 2 * DAY]) {
        lab.net.set(LEAF_LIST, Reply::Bytes(reply));
        assert_eq!(lab.leaf(at).await, good(LEAF_LIST));
        assert_eq!(lab.failure(), reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_came_instead_is_named() {
    for (page, detail) in [
        (
            "\u{feff}\n<!DOCTYPE html><TITLE>Access\u{202e} denied</TITLE>",
            "transfer: block_page: a page titled \"Access  denied\" came instead",
        ),
        ("<html>", "transfer: block_page: a page came instead"),
        (
            "Blocked",
            "transfer: wrong_content: not a certificate revocation list: ASN.1 DER message is incomplete: expected 110, actual 7 at DER byte 2",
        ),
    ] {
        let lab = Lab::with_list();
        lab.net.set(LEAF_LIST, Reply::Bytes(page.as_bytes().to_vec()));
        assert_eq!(lab.leaf(now()).await, unknown(UndeterminedCause::Malformed, LEAF_LIST));
        let leaf = lab.at(now()).await.certificates[0].clone();
        assert_eq!(leaf.detail, detail);
        assert_eq!(leaf.failure.map(|failure| failure.phase), Some(crate::observation::Phase::Transfer));
    }
}

#[tokio::test(start_paused = true)]
async fn alternatives_are_tried_in_order() {
    const OTHER: &str = "http://crl2.test/issuing.crl";
    let points = [
        vec![distribution_point(&[LEAF_LIST, OTHER])],
        vec![distribution_point(&[LEAF_LIST]), distribution_point(&[OTHER])],
    ];
    for points in points {
        let lab = Lab::new(vec![crls(points)]);
        lab.net.set(LEAF_LIST, Reply::Hangs);
        assert_eq!(lab.leaf(now()).await, unknown(UndeterminedCause::Unreachable, LEAF_LIST));
        assert_eq!(lab.requests(), [LEAF_LIST, OTHER, ROOT_LIST]);
        lab.lists_at(OTHER, |_| {});
        assert_eq!(lab.leaf(now() + MINUTE).await, good(OTHER));
    }
}

#[tokio::test(start_paused = true)]
async fn fetches_per_certificate_are_bounded() {
    let urls: Vec<String> = (0..8).map(|n| format!("http://crl{n}.test/")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let lab = Lab::new(vec![
        crls(vec![distribution_point(&urls)]),
        access(&["http://a.test/", "http://b.test/"], &[]),
    ]);
    assert_eq!(lab.leaf(now()).await, unknown(UndeterminedCause::Unreachable, "http://crl0.test/"));
    assert_eq!(lab.requests().len(), 8 + 1, "and one for the intermediate");
    lab.leaf(now()).await;
    assert_eq!(lab.requests(), ["http://crl6.test/", "http://crl7.test/"], "the rest at the next time");
}

#[tokio::test(start_paused = true)]
async fn a_named_delta_is_required() {
    const DELTA: &str = "http://crl.test/delta.crl";
    let lab = || {
        let point = vec![distribution_point(&[DELTA])];
        Lab::new(vec![crls(vec![distribution_point(&[LEAF_LIST])]), freshest(point)])
    };
    let blocked = lab();
    assert_eq!(blocked.leaf(now()).await, unknown(UndeterminedCause::Unreachable, DELTA));
    let said_by_base = lab();
    said_by_base.lists(|list| _ = list.revoke(LEAF, None));
    assert_eq!(said_by_base.leaf(now()).await, bad(LEAF_LIST));
    let clean = lab();
    clean.lists_at(DELTA, |list| _ = list.delta(5, 6));
    assert_eq!(clean.leaf(now()).await, good(LEAF_LIST));
    let said_by_delta = lab();
    said_by_delta.lists_at(DELTA, |list| _ = list.delta(5, 6).revoke(LEAF, None));
    assert_eq!(said_by_delta.leaf(now()).await, bad(LEAF_LIST));
    let in_list = Lab::with_list();
    in_list.lists(|list| {
        let points = x509_cert::ext::pkix::CrlDistributionPoints(vec![distribution_point(&[DELTA])]);
        list.extend("2.5.29.46", false, &points);
    });
    in_list.lists_at(DELTA, |list| _ = list.delta(5, 6).revoke(LEAF, None));
    assert_eq!(in_list.leaf(now()).await, bad(LEAF_LIST));
}

#[tokio::test(start_paused = true)]
async fn the_order_is_staple_then_responder_then_list() {
    let sources = || vec![crls(vec![distribution_point(&[LEAF_LIST])]), access(&[RESPONDER], &[])];
    // The staple, the responder's status, whether the list revokes the leaf; the expected status and requests.
    let check = async |staple: Option<CertStatus>,
                       responder: Option<CertStatus>,
                       listed: bool,
                       expected,
                       requests: &[&str]| {
        let mut lab = Lab::new(sources());
        lab.path.stapled = staple.map_or_else(Vec::new, |status| lab.ocsp(status));
        let refused = Reply::Fails(FailureReason::Refused);
        lab.net.set(RESPONDER, responder.map_or(refused, |status| Reply::Bytes(lab.ocsp(status))));
        if listed {
            lab.lists(|list| _ = list.revoke(LEAF, None));
        }
        assert_eq!(lab.leaf(now()).await, expected);
        assert_eq!(lab.requests(), requests.iter().chain(&[ROOT_LIST]).copied().collect::<Vec<_>>());
    };
    let unknown_to_it = CertStatus::unknown;
    check(Some(GOOD), Some(revoked(None)), true, good("stapled"), &[]).await;
    check(Some(revoked(None)), Some(GOOD), false, bad("stapled"), &[]).await;
    check(Some(unknown_to_it()), Some(GOOD), true, good(RESPONDER), &[RESPONDER]).await;
    check(None, Some(GOOD), true, good(RESPONDER), &[RESPONDER]).await;
    check(None, Some(revoked(None)), false, bad(RESPONDER), &[RESPONDER]).await;
    check(None, Some(unknown_to_it()), false, good(LEAF_LIST), &[RESPONDER, LEAF_LIST]).await;
    check(None, None, false, good(LEAF_LIST), &[RESPONDER, LEAF_LIST]).await;
    check(None, None, true, bad(LEAF_LIST), &[RESPONDER, LEAF_LIST]).await;
}

#[tokio::test(start_paused = true)]
async fn an_unusable_response_has_a_cause() {
    let check = async |what: &str, reply: &dyn Fn(&Lab) -> Reply, cause: UndeterminedCause| {
        let lab = Lab::new(vec![access(&[RESPONDER], &[])]);
        lab.net.set(RESPONDER, reply(&lab));
        assert_eq!(lab.leaf(now()).await, unknown(cause, RESPONDER), "{what}");
    };
    check("unknown", &|lab| Reply::Bytes(lab.ocsp(CertStatus::unknown())), UndeterminedCause::OcspUnknown)
        .await;
    check("error", &|_| Reply::Bytes(vec![0x30, 3, 0x0a, 1, 3]), UndeterminedCause::OcspError).await;
    check("refused", &|_| Reply::Fails(FailureReason::Refused), UndeterminedCause::Unreachable).await;
    check("64 KiB", &|_| Reply::Bytes(vec![0; 64 * 1024 + 1]), UndeterminedCause::TooLarge).await;
    check("block page", &|_| Reply::Bytes(b"<html>".to_vec()), UndeterminedCause::Malformed).await;
    let stranger = Authority::new("Issuing CA");
    let of_stranger = |lab: &Lab| Reply::Bytes(Ocsp::new(&lab.issuing, LEAF, GOOD).sign(stranger.key()));
    check("other signer", &of_stranger, UndeterminedCause::BadSignature).await;
}

#[tokio::test(start_paused = true)]
async fn long_requests_are_posted() {
    let check = async |responder: &str, is_posted: bool| {
        let lab = Lab::new(vec![access(&[responder], &[])]);
        lab.net.set(responder, Reply::Bytes(lab.ocsp(GOOD)));
        assert_eq!(lab.leaf(now()).await, good(responder));
        let link = path_link(&lab.path, 0).unwrap();
        let query = crate::revocation::ocsp::request(&link.certificate, &link.issuer).unwrap();
        let body = || RequestBody { content_type: "application/ocsp-request", bytes: query.into() };
        let posted = is_posted.then(body);
        assert_eq!(*lab.net.bodies.lock().unwrap(), Vec::from_iter(posted), "{responder}");
    };
    check(RESPONDER, false).await;
    check("http://ocsp.test/?ca=1", true).await;
    check(&format!("http://ocsp.test/{}", "x".repeat(180)), true).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_source_the_status_is_unknown() {
    let mut lab = Lab::new(vec![crls(vec![distribution_point(&["ldap:///CN=x"])])]);
    assert_eq!(lab.leaf(now()).await, (Unknown, Some(UndeterminedCause::NoSource), None));
    lab.path.stapled = b"no answer".to_vec();
    assert_eq!(lab.leaf(now()).await, unknown(UndeterminedCause::Malformed, "stapled"));
    lab.path.certificates[0] = b"no certificate".to_vec().into();
    assert_eq!(lab.leaf(now()).await, (Unknown, Some(UndeterminedCause::Malformed), None));
}

#[tokio::test(start_paused = true)]
async fn a_large_list_is_evaluated_too() {
    let lab = Lab::with_list();
    lab.lists(|list| {
        (0..10_000).for_each(|_| _ = list.revoke(1, Some(CrlReason::Superseded)));
        list.revoke(LEAF, None);
    });
    assert_eq!(lab.leaf(now()).await, bad(LEAF_LIST));
}
