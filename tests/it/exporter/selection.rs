//! `check` and `catalog` for a part of the configuration.

use super::{internet, run};
use crate::lab::reply::Response;

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_about_what_is_selected() {
    let (lab, file, _) = internet("").await;
    lab.tls.break_host("settings-win.data.microsoft.com", Response::new(407));
    let file = file.to_str().unwrap();
    let check = |flags: &[&str], code: i32, words: &str| {
        let args = [&["check", "--config.file", file], flags].concat();
        let output = run(&args);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {said}");
        assert!(said.contains(words), "{flags:?}: {words:?}: {said}");
    };
    check(&[], 1, "Defender works only in part on this network. Not working: Diagnostic data (diagnostics).");
    check(
        &["--component", "diagnostics"],
        1,
        "What was selected does not work: Diagnostic data (diagnostics).",
    );
    check(&["--component", "submission"], 0, "selected endpoints work. Exit code 0");
    check(&["--endpoint", "vortex-win.data.microsoft.com"], 0, "The selected endpoint works. Exit code 0");
    check(
        &["--endpoint", "https://settings-win.data.microsft.com/qos"],
        3,
        "did you mean https://settings-win",
    );
    check(&["--endpoint", "definitionupdates.microsoft.com", "--component", "adl"], 0, "Exit code 0");
    check(&["--route", "direkt"], 3, "no such route; did you mean direct?");
    check(&["--component", "crl", "--endpoint", "wdcp.microsoft.com"], 3, "no endpoint matches");
    check(&["--component", "map"], 3, "maps");
    check(&["--component", "mde"], 3, "not probed with this configuration");

    let args = ["check", "--format", "json", "--component", "submission", "--config.file", file];
    let report: serde_json::Value = serde_json::from_slice(&run(&args).stdout).unwrap();
    let endpoints = report["endpoints"].as_array().unwrap();
    assert!(
        !endpoints.is_empty() && endpoints.iter().all(|one| one["component"] == "submission"),
        "{report:#}"
    );
    assert_eq!(report["exit_code"], 0);
}

#[test]
fn catalog_lists_a_component() {
    let output = run(&["catalog", "--format", "urls", "--component", "diagnostics"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("https://settings-win.data.microsoft.com/"), "{said}");
    assert!(!said.contains("wdcp"), "{said}");
    let output = run(&["catalog", "--component", "mde"]);
    assert_eq!(output.status.code(), Some(3));
}
