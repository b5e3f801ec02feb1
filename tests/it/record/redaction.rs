//! Records without names: judged as the records that they are made of, with no name, user or address of the network in them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use defender_exporter::record::Record;
use defender_exporter::report;
use defender_exporter::state::Snapshot;
use serde_json::Value;

use super::decompressed;
use crate::exporter::{internet, run};
use crate::lab::pki::Authority;
use crate::lab::reply::Response;

/// The domains whose names are a network's own in these tests. Those of the lab's certificates are as public as Microsoft's.
const PRIVATE: [&str; 3] = [".lab", ".example", ".corp"];

/// Networks of pseudonyms, in which the lab has addresses too.
const DOCUMENTATION: [&str; 5] = ["192.0.2.", "198.51.100.", "203.0.113.", "198.18.", "2001:db8:"];

/// Holds that a record without names is judged as the record itself, and has none of its names.
pub fn holds_no_name(record: &Record) {
    let redacted = record.redacted().to_bytes().unwrap();
    let again = Record::from_bytes(&redacted).unwrap().judge();
    assert_eq!(conclusions(&again), conclusions(&record.judge()));
    let (before, after) = (contents(&record.to_bytes().unwrap()), contents(&redacted));
    for name in private_names(&before) {
        assert!(!after.contains(&name), "{name} is in the record without names: {after}");
    }
}

/// What must not differ: everything but words.
pub fn conclusions(snapshot: &Snapshot) -> Vec<String> {
    let targets = snapshot.targets.iter().map(|target| {
        let last = target.last.as_ref().unwrap();
        let failure = last.failure.as_ref().map(|failure| (failure.phase, failure.reason));
        let facts = &last.facts;
        let tls: Vec<_> = facts.tls_by_hop().flatten().collect();
        let tls: Vec<_> = tls
            .iter()
            .map(|tls| (tls.verified, tls.intercepted, tls.unexpected_root, tls.completed, tls.chain.len()))
            .collect();
        let http =
            facts.http.as_ref().map(|http| (http.status, http.genuine, http.body_bytes, http.redirects));
        let revocation = target.revocation.as_ref().map(|report| (report.status, report.cause()));
        let verdict = target.verdict();
        format!(
            "{verdict:?} {failure:?} {:?} {tls:?} {http:?} {revocation:?} {}",
            facts.timings,
            facts.hops.len()
        )
    });
    let components = snapshot.components.iter().map(|of| format!("{:?} {:?}", of.component, of.verdict));
    let maps = snapshot.maps.iter().map(|of| {
        let lost: Vec<_> = of.connection.unserved().iter().map(|need| &need.need).collect();
        format!("{:?} {lost:?}", of.options)
    });
    let causes = report::common_causes(snapshot);
    let causes = causes.iter().map(|of| format!("{} {:?} {} of {}", of.route, of.kind, of.failures, of.of));
    targets.chain(components).chain(maps).chain(causes).collect()
}

/// All that is in a record, in lower case: the document, and what its strings are in base64 or hexadecimal.
pub fn contents(record: &[u8]) -> String {
    let document = decompressed(record);
    let mut all = document.clone();
    add_decoded(&serde_json::from_slice(&document).unwrap(), &mut all);
    String::from_utf8_lossy(&all).to_lowercase()
}

fn add_decoded(value: &Value, all: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            let decoded = [BASE64_STANDARD.decode(text).ok(), hex::decode(text).ok()];
            for bytes in decoded.into_iter().flatten() {
                all.push(b'\n');
                all.extend(bytes);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add_decoded(value, all)),
        Value::Object(members) => members.values().for_each(|value| add_decoded(value, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The names and addresses in it that are a network's own.
pub fn private_names(contents: &str) -> BTreeSet<String> {
    let tokens = contents.split(|c: char| !c.is_ascii_alphanumeric() && !".-:".contains(c));
    let hosts = tokens.clone().flat_map(|token| token.split(':')).map(|token| token.trim_matches('.'));
    let is_private =
        |host: &&str| PRIVATE.iter().any(|domain| host.ends_with(domain)) && !host.ends_with("pki.lab");
    let addresses = tokens.map(|token| token.trim_matches([':', '.'])).filter(|token| {
        let address = token.parse::<IpAddr>();
        address.is_ok_and(|address| !address.is_loopback() && !address.is_unspecified())
            && !DOCUMENTATION.iter().any(|network| token.starts_with(network))
    });
    hosts.filter(is_private).chain(addresses).map(str::to_owned).collect()
}

/// Exit code, and the report for programs.
fn report(args: &[&str]) -> (Option<i32>, Value) {
    let output = run(&[args, &["--format", "json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}")),
    )
}

/// The verdict and its reason for each endpoint, in order.
fn verdicts(report: &Value) -> Vec<String> {
    let endpoints = report["endpoints"].as_array().unwrap();
    endpoints
        .iter()
        .map(|of| format!("{} {} {}", of["verdict"], of["why"]["phase"], of["why"]["reason"]))
        .collect()
}

/// What the network below has, and no record may have.
const PLANTED: [&str; 6] = ["contoso", "jane.doe", "s3cret", "10.20.30.40", "lab inspection", "badge-4711"];

#[tokio::test(flavor = "multi_thread")]
async fn a_round_is_recorded_without_names() {
    let own = "timeout: 4s\n\
         block_pages: [{ name: Contoso Portal, header: x-contoso, header_contains: jane.doe }]\n\
         endpoints: [{ component: maps, url: \"https://defender.contoso.example/health?key=s3cret\", trust: any }]\n\
         update_sources: [microsoft_update, { internal_server: \"http://wsus.contoso.example:8530\" }, adl]\n\
         routes: [{ name: contoso-hq }, { name: direct }]\n";
    let (lab, config, _) = internet(own).await;
    let inspector = lab.files().join("contoso.pem");
    std::fs::write(&inspector, lab.pki.root_pem(Authority::Inspector)).unwrap();
    let text = std::fs::read_to_string(&config).unwrap();
    let trusted = format!("tls:\n  extra_roots: [\"{}\"]\n", inspector.display());
    std::fs::write(&config, text.replace("tls:\n", &trusted)).unwrap();
    lab.tls.set_authority("unitedstates.cp.wd.microsoft.com", Authority::Inspector);
    let page =
        "<html><title>Contoso</title>Web Filter Violation by jane.doe (badge-4711) at 10.20.30.40</html>";
    let secure = [
        ("wdcp.microsoft.com", Response::new(200).header("Via", "1.1 proxy.contoso.example").body(page)),
        (
            "wdcpalt.microsoft.com",
            Response::new(403).header("X-Contoso", "user=jane.doe").body("denied to jane.doe"),
        ),
        (
            "europe.cp.wd.microsoft.com",
            Response::new(407).header("Proxy-Authenticate", "NTLM Y29udG9zbw==, Basic realm=\"Contoso\""),
        ),
        (
            "settings-win.data.microsoft.com",
            Response::redirect(302, "https://portal.contoso.example/login?user=jane.doe"),
        ),
        (
            "vortex-win.data.microsoft.com",
            Response::new(503).header("Server", "Contoso/badge-4711").header("Set-Cookie", "user=s3cret"),
        ),
    ];
    for (host, response) in secure {
        lab.tls.break_host(host, response);
    }
    lab.plain.break_host(
        "crl.microsoft.com",
        Response::new(200).header("X-Squid-Error", "ERR_CONTOSO jane.doe").body(page),
    );
    let folder = tempfile::tempdir().unwrap();
    let (kept, redacted) = (folder.path().join("kept.gz"), folder.path().join("redacted.gz"));
    let record = |file: &Path, more: &[&str]| {
        let args = ["check", "--config.file", config.to_str().unwrap(), "--record", file.to_str().unwrap()];
        report(&[&args[..], more].concat())
    };
    let (code, checked) = record(&redacted, &[]);
    record(&kept, &["--keep-names"]);
    drop(lab);

    let bytes = std::fs::read(&redacted).unwrap();
    let (before, after) = (contents(&std::fs::read(&kept).unwrap()), contents(&bytes));
    for name in PLANTED {
        assert!(before.contains(name), "{name} isn't even in the record with names");
        let found = after.find(name).map(|at| &after[at.saturating_sub(60)..(at + 60).min(after.len())]);
        assert!(found.is_none(), "{name} is in the record without names: {found:?}");
    }
    let (judged_code, judged) = report(&["judge", redacted.to_str().unwrap()]);
    assert_eq!(judged_code, code);
    assert_eq!(verdicts(&judged), verdicts(&checked));
    assert!(bytes.len() <= 200_000, "{} bytes", bytes.len());
    let words = judged.to_string();
    for kept in ["wdcp.microsoft.com", "TLS inspection", "FortiGate", "it offers Basic, NTLM"] {
        assert!(words.contains(kept), "{kept}: {words}");
    }
    holds_no_name(&Record::from_bytes(&std::fs::read(&kept).unwrap()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_round_keeps_what_is_public() {
    let (lab, config, _) = internet("").await;
    let folder = tempfile::tempdir().unwrap();
    let (kept, redacted) = (folder.path().join("kept.gz"), folder.path().join("redacted.gz"));
    for (file, more) in [(&kept, &["--keep-names"][..]), (&redacted, &[])] {
        let args = ["check", "--config.file", config.to_str().unwrap(), "--record", file.to_str().unwrap()];
        assert_eq!(report(&[&args[..], more].concat()).0, Some(0));
    }
    drop(lab);
    let of = |file: &Path| -> Value {
        serde_json::from_slice(&decompressed(&std::fs::read(file).unwrap())).unwrap()
    };
    let (kept, redacted) = (of(&kept), of(&redacted));
    let count = |document: &Value| document["certificates"].as_array().unwrap().len();
    assert_eq!(count(&redacted), count(&kept), "all chains are Microsoft's");
    assert_eq!((&kept["redacted"], &redacted["redacted"]), (&Value::from(false), &Value::from(true)));
}
