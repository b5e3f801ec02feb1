//! Revocation over real sockets: CRLs and responders of the lab, and the resulting status, cause and source. Unit
//! tests cover the evaluation of lists and responses in detail.

use std::sync::Arc;

use defender_exporter::observation::FailureReason;
use defender_exporter::plan::TargetId;
use defender_exporter::revocation::{
    CertificateStatus, CrlState, RevocationReport, RevocationStatus, UndeterminedCause,
};

use crate::lab::faults::{self, Fault};
use crate::lab::pki::crl::Crl;
use crate::lab::pki::ocsp::Ocsp;
use crate::lab::pki::pointers::{CRL_HOST, CRL2_HOST, OCSP_HOST};
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf, Signature, serial_of};
use crate::lab::reply::{Answer, Response};
use crate::lab::{Lab, now};
use crate::scenario::Scenario;

use Authority::{DigicertG2, Microsoft2011, TlsG2};
use UndeterminedCause::{BadSignature, Expired, Malformed, NoSource, TooLarge, Unreachable};

const HOST: &str = "maps.lab";

/// What is found of a chain by this authority, and of the lists that it names.
async fn check(lab: &Lab, authority: Authority) -> (Arc<RevocationReport>, Vec<CrlState>) {
    lab.tls.set(HOST, "/", Response::new(200));
    lab.tls.break_host(HOST, Fault::Certificate(authority, Flaw::None));
    let prober = Scenario::new(lab, &format!("https://{HOST}/")).prober();
    let observation = prober.probe(TargetId(0)).await;
    let path = observation.facts.tls.unwrap().path.unwrap();
    let (report, lists) = prober.check_revocation(TargetId(0), &path).await.unwrap();
    // What was found is known to the next probe, and fails it where the chain is revoked.
    let failure = prober.probe(TargetId(0)).await.failure;
    let revoked = failure.is_some_and(|failure| failure.reason == FailureReason::Revoked);
    assert_eq!(revoked, report.status == RevocationStatus::Revoked, "{report:?}");
    (report, lists)
}

/// Orders what is wrong, and holds what is found to what is expected: the status, the cause, and where it comes from.
async fn case(
    name: &str,
    authority: Authority,
    order: impl AsyncFnOnce(&Lab),
    expected: (RevocationStatus, Option<UndeterminedCause>),
    source: &str,
) {
    let lab = Lab::start().await;
    order(&lab).await;
    let (report, _) = check(&lab, authority).await;
    let blamed = report.blamed().or(report.certificates.first()).unwrap();
    let CertificateStatus { status, cause, source: found, .. } = blamed;
    assert_eq!((report.status, *status, *cause), (expected.0, expected.0, expected.1), "{name}: {report:?}");
    assert!(found.as_deref().unwrap_or_default().contains(source), "{name}: {report:?}");
}

fn leaf(authority: Authority) -> Vec<u8> {
    Leaf::new(HOST, authority).serial()
}

const GOOD: (RevocationStatus, Option<UndeterminedCause>) = (RevocationStatus::Good, None);
const REVOKED: (RevocationStatus, Option<UndeterminedCause>) = (RevocationStatus::Revoked, None);

const fn unknown(cause: UndeterminedCause) -> (RevocationStatus, Option<UndeterminedCause>) {
    (RevocationStatus::Unknown, Some(cause))
}

#[tokio::test]
async fn the_sources_are_asked_in_windows_order() {
    case("a list", Microsoft2011, async |_| {}, GOOD, CRL_HOST).await;
    case("a responder before the lists", DigicertG2, async |_| {}, GOOD, OCSP_HOST).await;
    case("a partition", TlsG2, async |lab| lab.forwarder(OCSP_HOST).block().await, GOOD, "partition").await;
    case(
        "lists where there is no responder",
        DigicertG2,
        async |lab| lab.forwarder(OCSP_HOST).block().await,
        GOOD,
        CRL_HOST,
    )
    .await;
    let second = async |lab: &Lab| {
        lab.forwarder(OCSP_HOST).block().await;
        lab.forwarder(CRL_HOST).block().await;
    };
    case("the second of two points", DigicertG2, second, GOOD, CRL2_HOST).await;
    let posts_only = async |lab: &Lab| {
        let issuer = Issuer::Intermediate(DigicertG2);
        let answer = lab.ocsp_answer(issuer, &Ocsp::good(now()));
        let rule = Answer::new(move |request| match request.method.as_str() {
            "POST" => answer.clone().into(),
            _ => Response::new(405).into(),
        });
        lab.serve_ocsp_reply(issuer, rule);
        lab.forwarder(CRL_HOST).block().await;
        lab.forwarder(CRL2_HOST).block().await;
    };
    case("a responder that accepts no GET", DigicertG2, posts_only, GOOD, OCSP_HOST).await;
    let stapled = async |lab: &Lab| {
        lab.staple(HOST, DigicertG2, &Ocsp::good(now()));
        lab.forwarder(OCSP_HOST).block().await;
    };
    case("what is stapled before all", DigicertG2, stapled, GOOD, "stapled").await;
}

/// The leaf's CRL has two URLs. The issuer's CRL is only at the blocked host.
#[tokio::test]
async fn the_urls_of_a_point_are_alternatives() {
    let lab = Lab::start().await;
    lab.forwarder(OCSP_HOST).block().await;
    lab.forwarder(CRL_HOST).block().await;
    let (report, _) = check(&lab, TlsG2).await;
    let [leaf, issuer, _] = &report.certificates[..] else { panic!("{report:?}") };
    assert_eq!(leaf.status, RevocationStatus::Good, "{report:?}");
    assert!(leaf.source.as_ref().unwrap().contains(CRL2_HOST), "{report:?}");
    assert_eq!((issuer.status, issuer.cause), (RevocationStatus::Unknown, Some(Unreachable)), "{report:?}");
}

#[tokio::test]
async fn what_is_revoked_is_found_by_every_source() {
    let authorities = [Microsoft2011, DigicertG2, TlsG2];
    for authority in authorities {
        let leaves = Issuer::Intermediate(authority);
        case("a leaf", authority, async |lab: &Lab| lab.revoke(leaves, [leaf(authority)]), REVOKED, "").await;
        let intermediate = async |lab: &Lab| {
            let serial = serial_of(&lab.pki.intermediate(authority));
            lab.revoke(Issuer::root_of(authority), [serial]);
        };
        case("an intermediate", authority, intermediate, REVOKED, "").await;
    }
    let stapled = async |lab: &Lab| {
        lab.staple(HOST, DigicertG2, &Ocsp::good(now()).revoking(leaf(DigicertG2)));
    };
    case("stapled", DigicertG2, stapled, REVOKED, "stapled").await;
}

#[tokio::test]
async fn what_is_no_use_leaves_the_status_unknown_with_its_cause() {
    let issuer = Issuer::Intermediate(Microsoft2011);
    let list = |change: fn(Crl) -> Crl| {
        async move |lab: &Lab| lab.serve_crl(issuer, &change(lab.pki.sound_crl(issuer)))
    };
    case("expired", Microsoft2011, list(Crl::expired), unknown(Expired), CRL_HOST).await;
    case(
        "broken",
        Microsoft2011,
        list(|list| list.signed(Signature::Broken)),
        unknown(BadSignature),
        CRL_HOST,
    )
    .await;
    case(
        "another's",
        Microsoft2011,
        list(|list| list.signed(Signature::OtherKey)),
        unknown(BadSignature),
        CRL_HOST,
    )
    .await;
    let reply = |reply: crate::lab::reply::Reply| async move |lab: &Lab| lab.serve_crl_reply(issuer, reply);
    case("100 MB", Microsoft2011, reply(faults::big_body(100_000_000)), unknown(TooLarge), CRL_HOST).await;
    // Beyond what is kept a list is parsed as it arrives.
    case("endless", Microsoft2011, reply(faults::endless_body()), unknown(Malformed), CRL_HOST).await;
    case(
        "a page",
        Microsoft2011,
        reply(Response::new(200).body("<html>").into()),
        unknown(Malformed),
        CRL_HOST,
    )
    .await;
    case("404", Microsoft2011, reply(Response::new(404).into()), unknown(Unreachable), CRL_HOST).await;
    case(
        "refused",
        Microsoft2011,
        async |lab| lab.forwarder(CRL_HOST).block().await,
        unknown(Unreachable),
        CRL_HOST,
    )
    .await;
}

#[tokio::test]
async fn the_state_of_each_list_is_told() {
    let lab = Lab::start().await;
    let (_, lists) = check(&lab, Microsoft2011).await;
    assert_eq!(lists.len(), 2, "the leaf's and the intermediate's: {lists:?}");
    for list in &lists {
        assert_eq!(list.fetch, Some(Ok(())), "{list:?}");
        assert!(list.this_update.unwrap() < now() && list.next_update.unwrap() > now(), "{list:?}");
    }
    lab.forwarder(CRL_HOST).block().await;
    let (_, lists) = check(&lab, Microsoft2011).await;
    for list in &lists {
        let failure = list.fetch.clone().unwrap().unwrap_err();
        assert_eq!(failure.reason, FailureReason::Refused, "{list:?}");
        assert_eq!(list.next_update, None);
    }
}

/// A chain that this machine trusts and that names nothing, as inspectors' do.
#[tokio::test]
async fn a_chain_without_sources_is_unknown() {
    let lab = Lab::start().await;
    lab.tls.break_host(HOST, Fault::Certificate(Authority::Inspector, Flaw::None));
    let mut scenario = Scenario::new(&lab, &format!("https://{HOST}/"));
    scenario.config.tls.extra_roots = vec![lab.pki.root(Authority::Inspector)];
    let prober = scenario.prober();
    let path = prober.probe(TargetId(0)).await.facts.tls.unwrap().path.unwrap();
    let (report, lists) = prober.check_revocation(TargetId(0), &path).await.unwrap();
    assert_eq!((report.status, report.cause(), lists.len()), (RevocationStatus::Unknown, Some(NoSource), 0));
}
