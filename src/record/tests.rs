//! Tests of records: what is refused, and what is judged again. Rounds of the lab are recorded in `tests/it/record`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::TlsConfig;
use crate::observation::{
    ChainEvidence, Facts, Failure, FailureReason as R, HeaderEvidence, HopEvidence, IssuerEvidence,
    LookupFacts, ObservedFailure, Phase as S, ResponseEvidence,
};
use crate::report::simulation;
use crate::tls::fixture::{certs_only, intermediate_ca, leaf_for, moment, root};

/// Where the issuer is, at a host that is asked for issuers.
const AIA: &str = "http://aia.microsoft.com/ca.p7c";

/// A probe of one endpoint over a chain that is valid for these days, and its answer.
fn recorded(days: (i64, i64), change: impl FnOnce(&mut HopEvidence)) -> Record {
    let plan = simulation::fresh(&["direct"]).plan;
    let plan = plan.select(|target| target.endpoint.url.as_str() == simulation::FIRM).unwrap();
    let host = plan.targets[0].endpoint.url.host().to_owned();
    let root = root("Root", (-1000, 1000));
    let ca = intermediate_ca("CA", (-1000, 1000), &root);
    let config = TlsConfig { genuine_roots: vec![root.der().clone()], ..TlsConfig::default() };
    let roots = Roots::from_lists(&[], &[], &config).unwrap();
    let mut evidence = HopEvidence {
        chain: Some(ChainEvidence {
            certificates: vec![leaf_for(&host, days, &ca, &[AIA]), ca.der().clone()],
            presented: 2,
            stapled: Vec::new(),
            issuers: Vec::new(),
            verified_at: moment(0),
            version: Some("TLSv1.3"),
            cipher: Some("TLS_AES_128_GCM_SHA256"),
        }),
        response: Some(ResponseEvidence {
            status: 404,
            headers: Vec::new(),
            authenticated: None,
            body: Vec::new(),
            body_bytes: 0,
            unclean_close: false,
            judged_at: moment(0),
            judgement: None,
        }),
        ..HopEvidence::default()
    };
    change(&mut evidence);
    let facts = Facts { evidence: Some(Box::new(evidence)), ..Facts::default() };
    let observation = Observation { target: TargetId(0), at: moment(1), facts, failure: None };
    record(plan, roots, observation)
}

fn record(plan: Plan, roots: Arc<Roots>, observation: Observation) -> Record {
    let mut recorder =
        Recorder::new(Round { plan: Arc::new(plan), roots, checks_revocation: true, selected: true });
    recorder.add(&Event::Observed(Box::new(observation)));
    recorder.finish(moment(0), moment(2))
}

#[test]
fn the_lookup_is_kept_without_its_names() {
    let plan = simulation::fresh(&["direct"]).plan;
    let plan = plan.select(|target| target.endpoint.url.as_str() == simulation::FIRM).unwrap();
    let roots = Roots::from_lists(&[], &[], &TlsConfig::default()).unwrap();
    let lookup = LookupFacts {
        resolver: Some("10.1.2.3:53".parse().unwrap()),
        search_suffix: Some("corp.contoso.com".to_owned()),
    };
    let facts = Facts { lookup, ..Facts::default() };
    let failure = Some(Failure::new(S::Resolve, R::Nxdomain, "no such name"));
    let record = record(plan, roots, Observation { target: TargetId(0), at: moment(1), facts, failure });
    let lookup = |record: &Record| record.judge().targets[0].last.as_ref().unwrap().facts.lookup.clone();
    assert_eq!(lookup(&record).search_suffix.as_deref(), Some("corp.contoso.com"));
    let LookupFacts { resolver, search_suffix } = lookup(&record.redacted());
    assert_eq!(resolver, Some("192.0.2.0:53".parse().unwrap()));
    assert!(search_suffix.is_some_and(|domain| !domain.contains("corp") && !domain.contains("contoso")));
}

/// The failure of the only probe, judged again from the bytes of its record.
fn judged(record: &Record) -> Option<(S, R)> {
    let read = Record::from_bytes(&record.to_bytes().unwrap()).unwrap();
    assert_eq!(read.to_bytes().unwrap(), record.to_bytes().unwrap(), "what is read can be written again");
    let snapshot = read.judge();
    let last = snapshot.targets[0].last.as_ref().unwrap();
    last.failure.as_ref().map(|failure| (failure.phase, failure.reason))
}

#[test]
fn chains_and_responses_are_judged_again() {
    let check = |days, change: fn(&mut HopEvidence), expected| {
        assert_eq!(judged(&recorded(days, change)), expected, "{days:?}");
    };
    let sound = (-10, 10);
    check(sound, |_| {}, None);
    check((-10, -1), |_| {}, Some((S::Tls, R::Expired)));
    check((1, 10), |_| {}, Some((S::Tls, R::NotYetValid)));
    check(
        sound,
        |of| of.chain.as_mut().unwrap().certificates.truncate(1),
        Some((S::Tls, R::IncompleteChain)),
    );
    let fetched = |of: &mut HopEvidence| {
        let chain = of.chain.as_mut().unwrap();
        let message = certs_only(&[&chain.certificates.pop().unwrap()]);
        chain.issuers.push(IssuerEvidence { url: AIA.to_owned(), outcome: Ok(message.into()) });
    };
    check(sound, fetched, None);
    check(sound, |of| of.response.as_mut().unwrap().status = 407, Some((S::Request, R::AuthRequired)));
    let filtered = |of: &mut HopEvidence| {
        let header =
            HeaderEvidence { name: "x-squid-error".to_owned(), value: b"ERR_ACCESS_DENIED 0".to_vec() };
        of.response.as_mut().unwrap().headers.push(header);
    };
    check(sound, filtered, Some((S::Request, R::BlockPage)));
}

#[test]
fn what_the_network_did_is_taken_from_the_record() {
    let observed =
        |during, phase, reason| ObservedFailure { during, failure: Failure::new(phase, reason, "so") };
    let check = |change: &dyn Fn(&mut HopEvidence), expected| {
        assert_eq!(judged(&recorded((-10, 10), change)), Some(expected));
    };
    check(&|of| of.failure = Some(observed(S::Tls, S::Tls, R::Reset)), (S::Tls, R::Reset));
    check(
        &|of| {
            *of = HopEvidence {
                failure: Some(observed(S::Connect, S::Resolve, R::Nxdomain)),
                ..HopEvidence::default()
            }
        },
        (S::Resolve, R::Nxdomain),
    );
    check(&|of| of.failure = Some(observed(S::Transfer, S::Transfer, R::Closed)), (S::Transfer, R::Closed));
    check(
        &|of| {
            let failure = Failure::new(S::Transfer, R::BlockPage, "so");
            of.response.as_mut().unwrap().judgement = Some(Err(failure));
        },
        (S::Transfer, R::BlockPage),
    );
}

/// The document, changed.
fn document(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let record = recorded((-10, 10), |_| {});
    let mut json = serde_json::to_value(document::Document::new(&record)).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/record.schema.json");

/// After an intended change, `UPDATE_GOLDEN=1 cargo test --lib record` writes the schema anew.
#[test]
fn documents_keep_to_the_published_schema() {
    let schema = schemars::schema_for!(document::Document);
    let actual = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(SCHEMA, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(SCHEMA).unwrap_or_default();
    assert!(
        actual == expected,
        "{SCHEMA} differs; if that is intended: UPDATE_GOLDEN=1 cargo test --lib record"
    );
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    let json = serde_json::from_slice(&document(|_| {})).unwrap();
    let errors: Vec<_> =
        validator.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn unusable_files_are_refused_with_the_limit() {
    let check = |bytes: &[u8], words: &str| {
        let said = Record::from_bytes(bytes).unwrap_err().to_string();
        assert!(said.contains(words), "{words:?}: {said}");
    };
    let sound = compressed(&document(|_| {}));
    assert!(Record::from_bytes(&sound).is_ok());
    check(b"", "is not a record of this program");
    check(b"{\"format\":\"defender-exporter-record\"}", "is not a record of this program");
    check(&compressed(b"{}"), "is not a record of this program");
    check(&compressed(b"{"), "is damaged");
    check(&sound[..sound.len() - 9], "is damaged");
    check(&[sound.as_slice(), b"more"].concat(), "is damaged");
    let mut changed = sound.clone();
    changed[sound.len() / 2] ^= 0x10;
    check(&changed, "is damaged");
    check(&compressed(&vec![b' '; 64 * 1024 * 1024 + 1]), "more than 64 MiB when it is decompressed");
    let later = document(|json| {
        json["version"] = json!(7);
        json["program"] = json!("9.8.7");
        json["plan"] = json!("of another kind");
    });
    check(
        &compressed(&later),
        "has version 7 of the format, but this program reads version 1: use version 9.8.7",
    );
}

#[test]
fn contents_that_no_round_has_are_refused() {
    let check = |change: fn(&mut Value), words: &str| {
        let said = Record::from_json(&document(change)).unwrap_err().to_string();
        assert!(said.starts_with("has unexpected contents: ") && said.contains(words), "{words:?}: {said}");
    };
    check(|json| json["version"] = json!(0), "there is no version 0");
    check(|json| json["started"] = json!("yesterday"), "started: ");
    check(|json| json["events"][0]["probe"]["target"] = json!(2), "there is no target 2");
    check(|json| json["plan"]["targets"][0]["route"] = json!(1), "there is no route 1");
    check(
        |json| json["plan"]["targets"][0]["endpoint"]["url"] = json!("ftp://a.example/"),
        "not http or https",
    );
    check(|json| json["plan"]["routes"][0] = json!("a\u{1b}[31m"), "control characters");
    let evidence = "/events/0/probe/hops/0/evidence";
    assert!(serde_json::from_slice::<Value>(&document(|_| {})).unwrap().pointer(evidence).is_some());
    check(
        |json| json["events"][0]["probe"]["hops"][0]["evidence"]["chain"]["certificates"] = json!([9]),
        "there is no certificate 9",
    );
    check(
        |json| json["events"][0]["probe"]["hops"][0]["evidence"]["chain"]["cipher"] = json!("ROT13"),
        "\"ROT13\" is unknown",
    );
    check(
        |json| json["events"][0]["probe"]["hops"][0]["evidence"]["response"]["status"] = json!(20),
        "20 is no status",
    );
    check(
        |json| {
            let failure = json!({ "phase": "resolve", "reason": "expired", "detail": "" });
            json["events"][0]["probe"]["failure"] = failure;
        },
        "resolve never fails with expired",
    );
    check(
        |json| {
            let event = json["events"][0].clone();
            json["events"].as_array_mut().unwrap().push(event);
        },
        "the target 0 is listed twice",
    );
}

/// A document of megabytes would otherwise become gigabytes in memory.
#[test]
fn references_to_a_certificate_add_up_to_a_limit() {
    let json = document(|json| {
        json["certificates"] = json!([base64_of(3 * 1024 * 1024)]);
        let chain = &mut json["events"][0]["probe"]["hops"][0]["evidence"]["chain"];
        chain["certificates"] = json!(vec![0; 60]);
    });
    let said = Record::from_json(&json).unwrap_err().to_string();
    assert!(said.contains("references to certificates add up to more than 134217728 bytes"), "{said}");
}

/// So many bytes in base64.
fn base64_of(bytes: usize) -> String {
    "AAAA".repeat(bytes / 3)
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for found in [Record::from_bytes(&bytes), Record::from_bytes(&compressed(&bytes)), Record::from_json(&bytes)] {
            let said = found.unwrap_err().to_string();
            prop_assert!(said.len() < 1000 && said.chars().all(|c| !c.is_control()), "{said:?}");
        }
    }

    #[test]
    fn damaged_documents_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = document(|_| {});
        let at = at.index(json.len());
        json[at] = byte;
        match Record::from_json(&json) {
            Ok(record) => _ = record.judge(),
            Err(error) => {
                let said = error.to_string();
                prop_assert!(said.len() < 1000 && said.chars().all(|c| !c.is_control()), "{said:?}");
            }
        }
    }
}

#[test]
fn hostile_lists_and_routes_are_refused() {
    let check = |change: &dyn Fn(&mut Value), words: &str| {
        let error = Record::from_json(&document(change)).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    };
    let fetch = |route: usize| json!([{ "route": route, "url": "http://a.example/", "body": "" }]);
    check(&|json| json["fetched"] = fetch(1), "there is no route 1");
    let hop = |json: &mut Value, key: &str, entries: Value| {
        json["events"][0]["probe"]["hops"][0][key] = entries;
    };
    check(&|json| hop(json, "aliases", json!(vec![""; 1025])), "a list of at most 1024 entries");
    check(&|json| hop(json, "addresses", json!(vec!["192.0.2.1"; 1025])), "a list of at most 1024 entries");
    let mut bytes = recorded((-10, 10), |_| {}).to_bytes().unwrap();
    bytes.extend(bytes.clone());
    let error = Record::from_bytes(&bytes).expect_err("two documents").to_string();
    assert!(error.contains("after the end of the compressed document"), "{error}");
}
