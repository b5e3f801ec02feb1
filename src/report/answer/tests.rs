//! Which answers are proven, and which facts of the catalog they contradict.

use super::*;
use crate::observation::{Facts, FailureReason as R, Phase as S};
use crate::report::simulation::{self, MAPS};
use crate::state::Snapshot;

const CRL: &str = "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl";

const STORAGE: &str = "https://ussus1eastprod.blob.core.windows.net/";

/// The proof and the contradictions of this endpoint's answer after `spoil` changed its probe.
fn judged(url: &str, spoil: impl FnOnce(&mut Facts) -> Option<Failure>) -> (Option<Proof>, Vec<CatalogFact>) {
    let mut snapshot: Snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, url, "direct");
    simulation::observe(&mut snapshot, id, 20, spoil);
    let (target, state) = (snapshot.plan.target(id), &snapshot.targets[id.0]);
    let proof = GenuineAnswer::from_probe(target, state).map(|answer| answer.proof);
    (proof, contradictions(target, state).into_iter().map(|found| found.fact).collect())
}

#[allow(clippy::unnecessary_wraps, reason = "what a probe's end is")]
fn failure(phase: S, reason: R) -> Option<Failure> {
    Some(Failure::new(phase, reason, "said by the test"))
}

#[test]
fn only_proven_answers_are_recorded() {
    let chain = Some(Proof::Chain);
    assert_eq!(judged(MAPS, |_| None), (chain, vec![]));
    assert_eq!(judged(CRL, |_| None), (Some(Proof::Object), vec![]));
    let none = (None, vec![]);
    let with_tls = |spoil: fn(&mut TlsFacts)| {
        judged(MAPS, |facts| {
            spoil(facts.tls.as_mut().unwrap());
            None
        })
    };
    assert_eq!(with_tls(|tls| tls.verified = false), none);
    assert_eq!(with_tls(|tls| tls.intercepted = true), none);
    assert_eq!(with_tls(|tls| tls.unexpected_root = true), (chain, vec![CatalogFact::Root]));
    // Over plain HTTP, other bodies prove nothing.
    assert_eq!(judged(CRL, |_| failure(S::Transfer, R::WrongContent)), none);
    let unlike = |facts: &mut Facts| {
        facts.http.as_mut().unwrap().genuine = false;
        None
    };
    assert_eq!(judged(CRL, unlike), none);
    // Over TLS the chain proves it, so the catalog's evidence is wrong.
    assert_eq!(judged(STORAGE, unlike), (chain, vec![CatalogFact::ExpectedEvidence]));
    assert_eq!(judged(MAPS, unlike), (chain, vec![]), "there is no evidence but the chain");
    assert_eq!(
        judged(
            "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/disallowedcertstl.cab",
            |_| None
        ),
        none
    );
}

#[test]
fn only_proven_answers_contradict_the_catalog() {
    let chain = Some(Proof::Chain);
    let status = |status| {
        move |facts: &mut Facts| {
            facts.http.as_mut().unwrap().status = status;
            None
        }
    };
    assert_eq!(judged(MAPS, status(418)), (chain, vec![CatalogFact::Status]));
    assert_eq!(
        judged(MAPS, |_| failure(S::Request, R::BlockPage)),
        (chain, vec![CatalogFact::ExpectedEvidence])
    );
    for (phase, reason) in [
        (S::Connect, R::Refused),
        (S::Tls, R::Intercepted),
        (S::Transfer, R::Reset),
        (S::Request, R::AuthRequired),
    ] {
        assert_eq!(judged(MAPS, |_| failure(phase, reason)), (None, vec![]), "{phase} {reason}");
    }
    let nothing = |facts: &mut Facts| {
        facts.http = None;
        None
    };
    assert_eq!(judged(MAPS, nothing), (None, vec![]));
}

#[test]
fn a_redirect_is_kept_by_its_host() {
    let mut snapshot: Snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    let check = |snapshot: &mut Snapshot, location: Option<&str>, expected: Option<&str>| {
        simulation::observe(snapshot, id, 20, |facts| {
            let location = location.map(str::to_owned);
            facts.http = Some(HttpFacts { location, ..facts.http.clone().unwrap() });
            None
        });
        let answer = GenuineAnswer::from_probe(snapshot.plan.target(id), &snapshot.targets[id.0]).unwrap();
        assert_eq!(answer.hops[0].redirect.as_deref(), expected, "{location:?}");
    };
    check(&mut snapshot, None, None);
    check(
        &mut snapshot,
        Some("https://definitionupdates.microsoft.com/packages?a=b"),
        Some("definitionupdates.microsoft.com"),
    );
    check(&mut snapshot, Some("/relative"), Some("wdcp.microsoft.com"));
    check(&mut snapshot, Some("nonsense://"), None);
}

#[test]
fn every_hop_of_a_redirected_answer_must_prove_itself() {
    let hop = |url: &str, status, spoil: fn(&mut TlsFacts), from: &Facts| {
        let mut tls = from.tls.clone().filter(|_| url.starts_with("https"));
        tls.iter_mut().for_each(spoil);
        let http = Some(HttpFacts { status, ..HttpFacts::default() });
        HopFacts { url: url.to_owned(), tls, http, ..HopFacts::default() }
    };
    let redirected = |to: &'static str, spoil: fn(&mut TlsFacts)| {
        judged(MAPS, |facts| {
            let hops = vec![hop(MAPS, 302, |_| (), facts), hop(to, 418, spoil, facts)];
            *facts = Facts::redirected(hops, facts.timings.clone(), false);
            None
        })
    };
    let proven = |facts: &[CatalogFact]| (Some(Proof::Chain), facts.to_vec());
    let (status, root) = (CatalogFact::Status, CatalogFact::Root);
    assert_eq!(redirected("https://cdn.example/", |_| ()), proven(&[status]));
    assert_eq!(redirected("https://cdn.example/", |tls| tls.unexpected_root = true), proven(&[status, root]));
    assert_eq!(redirected("https://cdn.example/", |tls| tls.intercepted = true), (None, vec![]));
    assert_eq!(redirected("http://cdn.example/", |_| ()), (None, vec![]));
}
