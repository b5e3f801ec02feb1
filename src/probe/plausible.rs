//! Property tests of verdicts: plausible responses of a genuine service never raise an alert, and every kind of
//! block is detected. Opens no sockets, so that it can test many responses.

mod blocked;

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};

use super::response::range_outcome;
use super::{genuine, tls};
use crate::catalog::{BlockPage, Component, Confidence, Endpoint, Geo, Method, Scheme, Trust, embedded};
use crate::config::Config;
use crate::metrics::fixture;
use crate::net::ResponseHead;
use crate::observation::{Facts, Failure, FailureReason as R, HttpFacts};
use crate::plan::{Plan, TargetId, plan};
use crate::report::simulation;
use crate::revocation::{RevocationStatus, SignedObjects};
use crate::state::Snapshot;
use crate::tls::{RootFit, RootKind, Roots};
use crate::verdict::{MapsConnection, Verdict};

/// The metrics that the rules in `alerts/` use, except those that change with time.
const RULE_METRICS: [&str; 9] = [
    "defender_endpoint_state{",
    "defender_endpoint_concern{",
    "defender_component_available{",
    "defender_maps_connected{",
    "defender_maps_disconnected_reason{",
    "defender_update_source_available{",
    "defender_probe_failure_reason{",
    "defender_tls_intercepted{",
    "defender_probe_success{",
];

/// Roots of Microsoft's hosts, observed or expected. Three of them aren't in the catalog.
const ROOTS: [&str; 9] = [
    "Microsoft Root Certificate Authority 2011",
    "Microsoft ECC Product Root Certificate Authority 2018",
    "Microsoft TLS RSA Root G2",
    "Microsoft TLS ECC Root G2",
    "DigiCert Global Root G2",
    "DigiCert Global Root G3",
    "Microsoft RSA Root Certificate Authority 2017",
    "Microsoft ECC Root Certificate Authority 2017",
    "Sectigo Public Server Authentication Root R46",
];

const STATUSES: [u16; 12] = [200, 204, 301, 302, 307, 400, 401, 403, 404, 405, 500, 503];
const BODIES: [&[u8]; 4] =
    [b"", b"OK", b"<html><body>Not found</body></html>", b"<Error><Code>x</Code></Error>"];

/// One endpoint's response.
#[derive(Clone, Debug)]
struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// The root of the chain. `None` means an inspector's.
    root: Option<&'static str>,
    /// Whether the chain lacked a cross-signed certificate that was available.
    completed: bool,
}

fn plausible() -> impl Strategy<Value = Response> {
    let parts = (0..STATUSES.len(), 0..BODIES.len(), 0..ROOTS.len(), any::<bool>());
    parts.prop_map(|(status, body, root, completed)| Response {
        status: STATUSES[status],
        headers: Vec::new(),
        body: BODIES[body].to_vec(),
        root: Some(ROOTS[root]),
        completed,
    })
}

/// A healthy snapshot with every group and region.
fn healthy() -> Snapshot {
    let groups = embedded().components.iter().filter(|spec| spec.optional).map(|spec| spec.component);
    let config = Config { groups: groups.collect(), geos: Geo::ALL.to_vec(), ..Config::default() };
    let plan = plan(embedded(), &config).expect("the catalog can be planned");
    let mut snapshot = Snapshot::new(Arc::new(plan), simulation::at(0));
    for n in 0..snapshot.targets.len() {
        simulation::observe(&mut snapshot, TargetId(n), 10, |_| None);
        simulation::revocation(&mut snapshot, TargetId(n), (RevocationStatus::Good, None), "");
    }
    snapshot
}

fn kind(root: Option<&str>) -> RootKind {
    match root {
        None => RootKind::Private,
        Some(name) if embedded().microsoft_roots.iter().any(|known| known.name == name) => {
            RootKind::Microsoft
        }
        Some(_) => RootKind::Public,
    }
}

/// Records the response in the facts and checks it as the pipeline does.
fn check_response(
    plan: &Plan,
    endpoint: &Endpoint,
    response: &Response,
    facts: &mut Facts,
) -> Option<Failure> {
    let refused = facts.tls.as_mut().and_then(|tls| {
        let fit = kind(response.root).fit(endpoint.trust);
        (tls.intercepted, tls.unexpected_root) = (fit == RootFit::Foreign, fit == RootFit::Unexpected);
        (tls.completed, tls.root) = (response.completed, response.root.map(|name| format!("CN={name}")));
        tls::inspected(endpoint, tls)
    });
    let status = hyper::StatusCode::from_u16(response.status).expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in &response.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    if status.is_redirection() && !headers.contains_key(LOCATION) {
        headers.insert(LOCATION, HeaderValue::from_static("https://www.microsoft.com/lab"));
    }
    let head = ResponseHead { status, headers, authenticated: None };
    let body: &[u8] = if endpoint.method == Method::Head { &[] } else { &response.body };
    let range = if endpoint.range { range_outcome(&head) } else { None };
    let http = facts.http.insert(HttpFacts { status: response.status, range, ..HttpFacts::default() });
    let objects = SignedObjects::new(&Arc::new(Roots::default()));
    let answer = genuine::check_head(plan, &endpoint.url, &head).and_then(|()| {
        let received = genuine::Received { url: &endpoint.url, head: &head, body, unclean_close: false };
        genuine::check(plan, &objects, simulation::at(70), endpoint, received)
    });
    http.genuine = answer == Ok(genuine::EvidenceCheck::Given);
    refused.or(answer.err())
}

/// Sets an endpoint's response.
fn set_response(snapshot: &mut Snapshot, id: TargetId, response: &Response) {
    let plan = Arc::clone(&snapshot.plan);
    let endpoint = &plan.target(id).endpoint;
    simulation::observe(snapshot, id, 70, |facts| check_response(&plan, endpoint, response, facts));
    simulation::revocation(snapshot, id, (RevocationStatus::Good, None), "");
}

/// The series that the rules use, with their values.
fn series(snapshot: &Snapshot) -> BTreeSet<String> {
    let scrape = crate::metrics::Scrape { snapshot: Arc::new(snapshot.clone()), ..fixture::scrape() };
    let text =
        crate::metrics::encode(crate::metrics::ExpositionFormat::Text, scrape).expect("it can be encoded");
    let text = String::from_utf8(text).expect("UTF-8");
    let of_interest = |line: &&str| RULE_METRICS.iter().any(|family| line.starts_with(family));
    text.lines().filter(of_interest).map(str::to_owned).collect()
}

fn unsure(snapshot: &Snapshot) -> Vec<TargetId> {
    let unsure = |endpoint: &Endpoint| matches!(endpoint.confidence, Confidence::C | Confidence::D);
    let targets = snapshot.iter().filter(|(_, target, _)| unsure(&target.endpoint));
    targets.map(|(id, ..)| id).collect()
}

#[test]
fn plausible_responses_raise_no_alert() {
    let healthy = healthy();
    let unsure = unsure(&healthy);
    assert!(unsure.len() > 40, "{}", unsure.len());
    for id in &unsure {
        let endpoint = &healthy.plan.target(*id).endpoint;
        assert_eq!(endpoint.follow_redirects, 0, "{}: a redirect of it would be followed", endpoint.url);
    }
    let expected_series = series(&healthy);
    assert!(expected_series.len() > 500, "{}", expected_series.len());
    let cases = Cases { cases: 48, failure_persistence: None, ..Cases::default() };
    let mut runner = TestRunner::new_with_rng(cases, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let answers = prop::collection::vec(plausible(), unsure.len());
    let outcome = runner.run(&answers, |answers| {
        let mut snapshot = healthy.clone();
        for (id, response) in unsure.iter().zip(&answers) {
            set_response(&mut snapshot, *id, response);
            let (url, state) = (&healthy.plan.target(*id).endpoint.url, &snapshot.targets[id.0]);
            prop_assert_eq!(
                state.verdict(),
                Some(Verdict::Good),
                "{} {:?}: {:?}",
                url,
                response,
                state.judgement
            );
        }
        for component in &snapshot.components {
            prop_assert_eq!(component.verdict, Some(Verdict::Good), "{}", component.component);
        }
        prop_assert!(snapshot.maps.iter().all(|maps| maps.connection == MapsConnection::Connected));
        let now = series(&snapshot);
        prop_assert_eq!(
            now.symmetric_difference(&expected_series).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));

    // Evidence that the catalog is sure of is required.
    let mut snapshot = healthy.clone();
    let firm =
        |endpoint: &Endpoint| endpoint.component == Component::Maps && endpoint.confidence == Confidence::A;
    let (id, ..) = snapshot.iter().find(|(_, target, _)| firm(&target.endpoint)).expect("there is one");
    let root = Some(ROOTS[0]);
    set_response(
        &mut snapshot,
        id,
        &Response { status: 500, headers: Vec::new(), body: Vec::new(), root, completed: false },
    );
    assert_eq!(snapshot.targets[id.0].verdict(), Some(Verdict::Degraded));
    assert!(series(&snapshot) != expected_series, "the rules would see it");
}

/// Inspection and block pages are detected at every endpoint that can show them, whatever the catalog's
/// confidence.
#[test]
fn every_block_page_and_inspector_is_detected() {
    let genuine_root = Some(ROOTS[0]);
    let page = |mark: &BlockPage, status| {
        let header = mark.header.clone().map(|name| (name, mark.header_contains.clone().unwrap_or_default()));
        let body = mark.body_contains.clone().unwrap_or_default();
        Response {
            status,
            headers: header.into_iter().collect(),
            body: body.into_bytes(),
            root: genuine_root,
            completed: false,
        }
    };
    for (mark, status) in embedded().block_pages.iter().flat_map(|mark| [(mark, 200), (mark, 403)]) {
        let mut snapshot = healthy();
        let ids: Vec<_> = snapshot.iter().map(|(id, ..)| id).collect();
        for id in ids {
            set_response(&mut snapshot, id, &page(mark, status));
            let endpoint = &snapshot.plan.target(id).endpoint;
            if endpoint.method == Method::Head && mark.header.is_none() {
                continue; // no body to read the mark in
            }
            let failure = snapshot.targets[id.0].last.as_ref().and_then(|last| last.failure.clone());
            assert_eq!(
                failure.map(|failure| failure.reason),
                Some(R::BlockPage),
                "{} {}",
                mark.name,
                endpoint.url
            );
            assert_eq!(
                snapshot.targets[id.0].verdict(),
                Some(Verdict::Bad),
                "{} {}",
                mark.name,
                endpoint.url
            );
        }
        assert!(snapshot.maps.iter().all(|maps| !maps.connection.unserved().is_empty()), "{}", mark.name);
    }
    let mut snapshot = healthy();
    let ids: Vec<_> = snapshot.iter().map(|(id, ..)| id).collect();
    for id in ids {
        let endpoint = snapshot.plan.target(id).endpoint.clone();
        if endpoint.url.scheme() == Scheme::Http {
            continue;
        }
        set_response(
            &mut snapshot,
            id,
            &Response { root: None, ..page(&embedded().block_pages[0], 404) }.without_mark(),
        );
        let state = &snapshot.targets[id.0];
        let refused = endpoint.trust == Trust::Microsoft || !endpoint.may_be_inspected;
        let failure = state.last.as_ref().and_then(|last| last.failure.clone());
        let found = failure.map(|failure| failure.reason) == Some(R::Intercepted);
        assert_eq!((found, state.verdict() == Some(Verdict::Bad)), (refused, refused), "{}", endpoint.url);
    }
}

impl Response {
    /// The same response without the marks of a block page.
    fn without_mark(self) -> Self {
        let headers = vec![("x-ms-request-id".to_owned(), "1".to_owned())];
        Self { status: 400, headers, body: Vec::new(), ..self }
    }
}
