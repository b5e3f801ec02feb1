//! `.github/catalog-report` with real reports of `check` in the lab, and its exit codes.

use std::path::Path;
use std::process::Command;

use defender_exporter_needs::needs;

use crate::access::QUIET;
use crate::exporter::{internet, run};
use crate::lab::Lab;
use crate::lab::reply::Response;
use crate::real::tools;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/catalog-report");

/// An endpoint whose status is known for certain, 404.
const HOST: &str = "europe.cp.wd.microsoft.com";
const PATH: &str = "/wdcp.svc/bond/submitReport/test";

/// Exit code and output of the workflow's report on a check.
fn report(lab: &Lab, python: &Path, config: &Path) -> (Option<i32>, String) {
    let check = run(&["check", "--format", "json", "--config.file", config.to_str().unwrap()]);
    let file = lab.files().join("check.json");
    std::fs::write(&file, check.stdout).unwrap();
    let output = Command::new(python).arg(SCRIPT).arg(file).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[needs("python3")]
#[tokio::test(flavor = "multi_thread")]
async fn contradictions_fail_with_a_table() {
    let python = tools::find("python3");
    let (lab, config, _) = internet("").await;
    let (code, said) = report(&lab, &python, &config);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("contradict: 0"), "{said}");

    lab.tls.set(HOST, PATH, Response::new(418));
    let (code, said) = report(&lab, &python, &config);
    assert_eq!(code, Some(1), "{said}");
    let rows: Vec<_> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(rows[2], "COMPONENT ENDPOINT ROUTE FACT CONFIDENCE EXPECTED FOUND");
    assert_eq!(rows[3..], [format!("maps https://{HOST}{PATH} direct status A 404 418")]);

    // Without a network nothing is known of the catalog, and that is no success.
    let nowhere = lab.files().join("nowhere.yaml");
    std::fs::write(&nowhere, QUIET).unwrap();
    let (code, said) = report(&lab, &python, &nowhere);
    assert_eq!(code, Some(2), "{said}");
    let output = Command::new(&python).arg(SCRIPT).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "a configuration is no report");
}
