//! The report against its schema, and what it says in words.
//! After an intended change, `UPDATE_GOLDEN=1 cargo test --lib report` writes the schema anew.

use serde_json::Value;

use super::simulation::{self, FIRM, MAPS, at};
use super::*;
use crate::catalog::{Component, Confidence};
use crate::metrics::fixture;
use crate::observation::{Failure, FailureCode, FailureReason as R, HttpFacts, Phase as S};
use crate::plan::TargetId;
use crate::revocation::{RevocationStatus, UndeterminedCause};

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/status.schema.json");

fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(StatusReport<'static>))
        .expect("a schema is JSON");
    text.push('\n');
    text
}

#[test]
fn the_published_schema_is_that_of_the_types() {
    let actual = schema();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(SCHEMA, &actual).expect("the file can be written");
    }
    let expected = std::fs::read_to_string(SCHEMA).unwrap_or_default();
    assert!(
        actual == expected,
        "{SCHEMA} differs; if that is intended: UPDATE_GOLDEN=1 cargo test --lib report"
    );
}

/// Snapshots in all states.
fn snapshots() -> Vec<Snapshot> {
    let mut broken = simulation::healthy(&["direct", "proxy"]);
    let maps = simulation::target(&broken, MAPS, "direct");
    simulation::fail(&mut broken, maps, 70, (S::Connect, R::Refused), "refused by the test");
    simulation::observe(&mut broken, maps, 130, simulation::odd_addresses);
    let unknown = (RevocationStatus::Unknown, Some(UndeterminedCause::Unreachable));
    simulation::revocation(&mut broken, maps, unknown, "connect: refused");
    let other = TargetId(maps.0 + 1);
    simulation::fail(&mut broken, other, 70, (S::Resolve, R::Nxdomain), "no such name");
    let mut redirected = simulation::healthy(&["direct"]);
    simulation::observe(&mut redirected, TargetId(0), 70, |facts| {
        Some(simulation::fails_behind_a_redirect(facts))
    });
    vec![
        fixture::snapshot(),
        simulation::fresh(&["direct"]),
        redirected,
        simulation::healthy(&["direct"]),
        broken,
    ]
}

#[test]
fn reports_keep_to_the_schema() {
    let mut schema: Value = serde_json::from_str(&schema()).expect("a schema is JSON");
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    for snapshot in snapshots() {
        let text = StatusReport::new(&snapshot, at(200), "0.0.0-test").to_json().expect("it can be written");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        let errors: Vec<_> =
            validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
        assert!(text.ends_with("}\n"));
    }
}

/// Readers must accept new members, but here each one must be declared. Objects composed of several schemas can't
/// require this.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            members.values_mut().for_each(close);
            let whole = !members.contains_key("anyOf");
            let free = members.contains_key("additionalProperties");
            if members.get("properties").is_some_and(Value::is_object) && whole && !free {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        _ => {}
    }
}

#[test]
fn what_was_learned_is_in_the_report() {
    let [.., healthy, broken] = &snapshots()[..] else { panic!("four") };
    let report = StatusReport::new(healthy, at(200), "0.0.0-test");
    assert_eq!((report.exit_code, report.ready, report.counts.good), (0, true, report.counts.total()));
    assert!(report.maps[0].summary.as_ref().is_some_and(|summary| summary.starts_with("MAPS is connected")));
    assert_eq!(serde_json::to_value(report.generated_at).expect("text"), "2026-11-24T00:03:20Z");

    let report = StatusReport::new(broken, at(200), "0.0.0-test");
    assert_eq!((report.exit_code, report.counts.bad, report.counts.degraded), (1, 1, 1));
    let of =
        |route| report.endpoints.iter().find(|e| e.endpoint == MAPS && e.route == route).expect("probed");
    let (direct, proxy) = (of("direct"), of("proxy"));
    let failure = direct.last_failure.as_ref().and_then(|probe| probe.failure).expect("it is kept");
    assert_eq!(
        (failure.phase, failure.reason, direct.failures, direct.probes),
        (S::Connect, R::Refused, 1, 3)
    );
    assert_eq!((proxy.failures, proxy.last_success), (1, Some(Timestamp(at(10)))));
    let last = direct.last.as_ref().expect("it was probed");
    let ends: Vec<_> = last.by_address.iter().map(|of| (of.address.as_str(), of.failure.is_some())).collect();
    assert_eq!(ends, [("192.0.2.10", false), ("2001:db8::10", true)]);
    assert_eq!((last.unprobed_addresses, last.private_addresses), (3, Some(0)));
    let failing = "1 of 2 addresses fails: 2001:db8::10 (connect: unreachable)";
    assert_eq!(direct.notes, [failing, "3 more of its addresses are not probed"]);
    assert!(proxy.last_failure.is_none() && proxy.last.as_ref().is_some_and(|probe| probe.failure.is_some()));
    assert_eq!(report.crls.iter().filter(|crl| crl.fetched == Some(false)).count(), 1);
}

#[test]
fn updates_and_the_host_are_in_the_report() {
    let snapshot = fixture::snapshot();
    let report = serde_json::to_value(StatusReport::new(&snapshot, at(200), "0.0.0-test")).expect("JSON");
    let check = |pointer: &str, expected: Value| {
        assert_eq!(report.pointer(pointer), Some(&expected), "{pointer}");
    };
    check("/host/windows/ssl_options", "3".into());
    check("/host/windows/winhttp_proxy_configured", false.into());
    check("/host/windows/validation/hresult", "0x80072F8F".into());
    check("/host/windows/validation/http_status", 451.into());
    check("/host/windows/validation/connected", false.into());
    check("/host/windows/events/2001/total", 1.into());
    check("/host/mdatp/definitions_up_to_date", false.into());
    check("/host/mdatp/connectivity/1/failure", "[FAIL]".into());
    check("/host/problems/0/reason", "access_denied".into());
    check("/host/installed/signatures", "1.441.99.0".into());

    let [.., healthy, broken] = &snapshots()[..] else { panic!("four") };
    let report = StatusReport::new(healthy, at(200), "0.0.0-test");
    let sources: Vec<_> =
        report.signatures.sources.iter().map(|of| (of.source.as_str(), of.available)).collect();
    assert_eq!(sources, [("microsoft_update", Some(true)), ("adl", Some(true))]);
    assert_eq!(report.signatures.verdict, Some(Verdict::Good));
    assert_eq!(report.signatures.stale_after, Some(Timestamp(at(10 + 7 * 86_400))));
    assert!(!report.signatures.installed_here && report.host.is_none());
    let fourth_day = StatusReport::new(broken, at(4 * 86_400), "0.0.0-test");
    assert_eq!(fourth_day.signatures.verdict, Some(Verdict::Degraded));
}

#[test]
fn what_is_not_good_is_said_in_words() {
    let check = |change: &dyn Fn(&mut Snapshot, TargetId), expected: Option<(&str, &str, &str)>| {
        let mut snapshot = simulation::healthy(&["direct"]);
        let id = simulation::target(&snapshot, FIRM, "direct");
        change(&mut snapshot, id);
        let found = snapshot.targets[id.0].concern().map(Why::from);
        let code = found.as_ref().and_then(Why::code).unwrap_or_default();
        let found = found.as_ref().map(|why| (why.title.as_str(), code.as_str(), why.detail.as_str()));
        assert_eq!(found, expected);
    };
    check(&|_, _| {}, None);
    check(
        &|snapshot, id| simulation::fail(snapshot, id, 70, (S::Connect, R::Refused), "by\u{202e} 192.0.2.1"),
        Some(("The connection was refused", "connect.refused", "by  192.0.2.1")),
    );
    let teapot = |snapshot: &mut Snapshot, id| {
        simulation::observe(snapshot, id, 70, |facts| {
            facts.http = Some(HttpFacts { status: 418, genuine: true, ..HttpFacts::default() });
            None
        });
    };
    check(&teapot, Some(("Genuine, but the service usually answers 404", "", "the status is 418")));
    let unknown = |cause, detail: &'static str| {
        move |snapshot: &mut Snapshot, id| {
            simulation::revocation(snapshot, id, (RevocationStatus::Unknown, Some(cause)), detail);
        }
    };
    let title = "The revocation status of the certificates is unknown";
    let code = "tls.revocation_unknown";
    let detail = "the CRL http://crl.example/maps.crl can't be fetched: connect: refused";
    check(&unknown(UndeterminedCause::Unreachable, "connect: refused"), Some((title, code, detail)));
    check(
        &unknown(UndeterminedCause::Expired, ""),
        Some((title, code, "the CRL http://crl.example/maps.crl has expired")),
    );
    check(
        &|snapshot, id| {
            simulation::revocation(snapshot, id, (RevocationStatus::Revoked, None), "key_compromise");
            simulation::observe(snapshot, id, 70, |_| None); // the same chain, not checked again yet
        },
        Some((
            "A certificate of the chain has been revoked",
            "tls.revoked",
            "CN=leaf is revoked according to http://crl.example/maps.crl: key_compromise",
        )),
    );
    check(&unknown(UndeterminedCause::NoSource, ""), None); // as in Windows: nothing to check
}

#[test]
fn an_unreachable_proxy_is_distinguished_from_the_endpoint() {
    let mut snapshot = simulation::healthy(&["proxy"]);
    let id = simulation::target(&snapshot, MAPS, "proxy");
    let mut check = |phase, proxy: &str, title: &str, remedy: &str| {
        simulation::observe(&mut snapshot, id, 70, |facts| {
            facts.proxy = Some(proxy.to_owned());
            Some(Failure::new(phase, R::Timeout, ""))
        });
        let found = snapshot.targets[id.0].concern().map(Why::from).expect("it fails");
        let advice = found.advice(Component::Maps).expect("a failure has advice");
        assert_eq!((found.title.as_str(), advice.title.as_str()), (title, title));
        assert!(advice.remedies[0].starts_with(remedy), "{:?}", advice.remedies);
    };
    let (proxy, itself) = ("http://proxy.example:8080", "Check that the proxy runs");
    check(S::Connect, proxy, "Connection to the proxy: the connection timed out", itself);
    check(S::Resolve, proxy, "Connection to the proxy: the name server did not answer", itself);
    check(S::Tls, proxy, "The TLS handshake timed out", "Exempt this host from TLS inspection");
    check(S::Connect, "direct", "The connection timed out", "Allow this host and port in the firewall");
}

#[test]
fn routes_disagree_where_they_come_to_different_ends() {
    let mut snapshot = simulation::fresh(&["direct", "proxy", "third"]);
    let id = |route| simulation::target(&snapshot, MAPS, route);
    let [direct, proxy, third] = [id("direct"), id("proxy"), id("third")];
    let refused = (S::Connect, R::Refused);
    let check = |snapshot: &Snapshot, ids: &[TargetId], expected: &str| {
        let found = disagreements(snapshot);
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), ids);
        assert!(found.values().all(|found| found.to_string() == expected), "{expected}: {found:?}");
    };
    check(&snapshot, &[], "nothing is known");
    simulation::fail(&mut snapshot, direct, 10, refused, "by somebody");
    check(&snapshot, &[], "one route alone can't disagree");
    simulation::fail(&mut snapshot, proxy, 10, refused, "by somebody else");
    check(&snapshot, &[], "neither is better");
    simulation::fail(&mut snapshot, proxy, 70, (S::Tunnel, R::Denied), "");
    let denied = "The proxy refuses to connect to the endpoint";
    check(&snapshot, &[direct, proxy], &format!("direct: The connection was refused; proxy: {denied}"));
    simulation::observe(&mut snapshot, proxy, 130, |_| None);
    check(&snapshot, &[direct, proxy], "direct: The connection was refused; proxy: 503");
    simulation::observe(&mut snapshot, direct, 130, |_| None);
    simulation::observe(&mut snapshot, third, 130, |facts| {
        facts.http.as_mut().expect("an answer").status = 200;
        None
    });
    check(&snapshot, &[direct, proxy, third], "direct: 503; proxy: 503; third: 200");
    simulation::observe(&mut snapshot, third, 190, |_| None);
    check(&snapshot, &[], "all are good");
}

/// Any result of a probe and of its revocation check, mostly an expected one.
fn any_end() -> impl proptest::strategy::Strategy<Value = AnyEnd> {
    use proptest::option::weighted;
    use proptest::sample::select;
    let failure = weighted(0.25, select(crate::observation::FAILURE_CODES));
    let status = weighted(0.25, select(&[200_u16, 204, 302, 400, 403, 404, 500, 503][..]));
    let unknown = UndeterminedCause::ALL.iter().map(|cause| (RevocationStatus::Unknown, Some(*cause)));
    let known = [(RevocationStatus::Good, None), (RevocationStatus::Revoked, None)];
    let revocation = weighted(0.75, select(unknown.chain(known).collect::<Vec<_>>()));
    (failure, status, revocation)
}

type AnyEnd = (Option<FailureCode>, Option<u16>, Option<(RevocationStatus, Option<UndeterminedCause>)>);

proptest::proptest! {
    /// For any probe results, an endpoint that is good has no `why`, and one that isn't has one.
    #[test]
    fn only_endpoints_that_are_not_good_have_a_why(ends in proptest::collection::vec(any_end(), 4)) {
        let mut snapshot = simulation::healthy(&["direct"]);
        for (n, (failure, status, revocation)) in ends.iter().enumerate() {
            let id = TargetId(n);
            simulation::observe(&mut snapshot, id, 70, |facts| {
                let http = facts.http.as_mut().expect("an answer");
                http.status = status.unwrap_or(http.status);
                failure.map(|code| Failure::new(code.phase, code.reason, "by the test"))
            });
            if let Some(found) = revocation {
                simulation::revocation(&mut snapshot, id, *found, "");
            }
        }
        for of in &StatusReport::new(&snapshot, at(200), "0.0.0-test").endpoints {
            let good = of.verdict == Some(Verdict::Good);
            proptest::prop_assert_eq!(good, of.why.is_none(), "{} {:?}: {:?}", of.endpoint, of.verdict, of.why);
        }
    }
}

#[test]
fn catalog_differences_are_notes() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let mut check = |url, spoil: fn(&mut HttpFacts), note: &str| {
        let id = simulation::target(&snapshot, url, "direct");
        simulation::observe(&mut snapshot, id, 70, |facts| {
            facts.http.as_mut().map(spoil);
            None
        });
        let report = StatusReport::new(&snapshot, at(200), "0.0.0-test");
        let of = report.endpoints.iter().find(|of| of.endpoint == url).expect("probed");
        assert_eq!((of.verdict, &of.why, of.notes.len()), (Some(Verdict::Good), &None, 1), "{url}");
        assert!(of.notes[0].contains(note), "{:?}", of.notes);
        assert_eq!(report.exit_code, 0);
    };
    check(MAPS, |http| http.status = 418, "the status is 418, the catalog expects 503 or 404 (confidence C");
    check(MAPS, |http| http.genuine = false, "lacks what the catalog expects of its content");
}

#[test]
fn an_unexpected_root_is_noted_without_degrading() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let ids: Vec<_> = snapshot.iter().map(|(id, ..)| id).collect();
    for id in ids {
        simulation::observe(&mut snapshot, id, 70, |facts| {
            let tls = facts.tls.as_mut()?;
            (tls.unexpected_root, tls.root) = (true, Some("CN=New Root".to_owned()));
            None
        });
        simulation::revocation(&mut snapshot, id, (RevocationStatus::Good, None), "");
    }
    let report = StatusReport::new(&snapshot, at(200), "0.0.0-test");
    assert_eq!((report.exit_code, report.counts.good), (0, report.counts.total()));
    assert!(report.maps[0].clients.iter().all(|client| client.connected == Some(true)));
    let of = report.endpoints.iter().find(|of| of.endpoint == MAPS).expect("probed");
    assert!(of.why.is_none() && of.notes.len() == 1, "{:?}", of.notes);
    assert!(
        of.notes[0].contains("CN=New Root") && of.notes[0].contains("tls.genuine_roots"),
        "{:?}",
        of.notes
    );
}

/// Any plausible result of an endpoint of which the catalog is uncertain, on a healthy network: any plausible status,
/// with or without evidence; or NXDOMAIN if it is one of several regional hosts that are only listed.
#[derive(Clone, Copy, Debug)]
enum Plausible {
    Answer { status: u16, genuine: bool },
    Gone,
}

fn any_plausible() -> impl proptest::strategy::Strategy<Value = Plausible> {
    use proptest::prelude::*;
    const STATUSES: &[u16] = &[200, 204, 301, 302, 307, 400, 401, 403, 404, 405, 500, 503];
    let answer = (proptest::sample::select(STATUSES), any::<bool>());
    let answer = answer.prop_map(|(status, genuine)| Plausible::Answer { status, genuine });
    prop_oneof![3 => answer, 1 => Just(Plausible::Gone)]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    /// Facts of which the catalog is uncertain must not cause alarms, whatever turns out to be true.
    #[test]
    fn uncertain_facts_cause_no_alarms_on_a_healthy_network(
        answers in proptest::collection::vec(any_plausible(), 128),
    ) {
        let mut snapshot = simulation::healthy(&["direct"]);
        let unsure = snapshot.iter().filter(|(_, target, _)| !target.endpoint.expects_firmly());
        let unsure: Vec<_> = unsure.map(|(id, ..)| id).collect();
        for (id, answer) in unsure.iter().zip(answers) {
            let endpoint = &snapshot.plan.target(*id).endpoint;
            let listed = endpoint.confidence == Confidence::D && endpoint.geo.is_some();
            match answer {
                Plausible::Gone if listed => simulation::fail(&mut snapshot, *id, 70, (S::Resolve, R::Nxdomain), ""),
                Plausible::Gone => {}
                Plausible::Answer { status, genuine } => simulation::observe(&mut snapshot, *id, 70, |facts| {
                    let http = facts.http.as_mut().expect("an answer");
                    (http.status, http.genuine) = (status, genuine);
                    None
                }),
            }
        }
        let report = StatusReport::new(&snapshot, at(200), "0.0.0-test");
        let unwell: Vec<_> = report.endpoints.iter().filter(|of| of.verdict != Some(Verdict::Good)).collect();
        proptest::prop_assert!(unwell.is_empty(), "{unwell:?}");
        proptest::prop_assert_eq!(report.exit_code, 0);
        let connected = report.maps.iter().flat_map(|maps| &maps.clients).all(|of| of.connected == Some(true));
        proptest::prop_assert!(connected && report.components.iter().all(|of| of.verdict == Some(Verdict::Good)));
    }
}

#[test]
fn a_redirected_probe_reports_each_hop_and_which_failed() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let maps = simulation::target(&snapshot, MAPS, "direct");
    simulation::observe(&mut snapshot, maps, 70, |facts| Some(simulation::fails_behind_a_redirect(facts)));
    let text = StatusReport::new(&snapshot, at(200), "0.0.0-test").to_json().expect("it can be written");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let last = &report["endpoints"][maps.0]["last"];
    assert_eq!(last["failed_url"], "https://cdn.example/package");
    assert_eq!((&last["tls"]["verified"], &last["http"]), (&Value::Bool(false), &Value::Null), "of that hop");
    let hops = last["hops"].as_array().expect("a list");
    let reported =
        |hop: &Value| (hop["url"].clone(), hop["http"]["status"].clone(), hop["tls"]["verified"].clone());
    let expected = [
        (Value::from("https://own.example/"), Value::from(302), Value::from(true)),
        (Value::from("https://cdn.example/package"), Value::Null, Value::from(false)),
    ];
    assert_eq!(hops.iter().map(reported).collect::<Vec<_>>(), expected);
}
