//! `baseline` in the lab: its output is a configuration under which every endpoint is as expected, and a record
//! that shows later changes.

use std::path::{Path, PathBuf};

use crate::exporter::{internet, run};
use crate::lab::Lab;
use crate::lab::reply::Response;

/// An endpoint whose status is known for certain, 404.
const HOST: &str = "europe.cp.wd.microsoft.com";
const PATH: &str = "/wdcp.svc/bond/submitReport/test";

/// Exit code, standard output, standard error.
fn ended(args: &[&str]) -> (Option<i32>, String, String) {
    let output = run(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The configuration that leads to the lab, and a baseline of what answers there now.
fn baseline(lab: &Lab, config: &Path) -> (String, PathBuf) {
    let (code, text, errors) = ended(&["baseline", "--config.file", config.to_str().unwrap()]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{text}");
    let file = lab.files().join("baseline.yaml");
    std::fs::write(&file, &text).unwrap();
    (text, file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_of_the_catalog_is_empty() {
    let (lab, config, _) = internet("").await;
    let (text, file) = baseline(&lab, &config);
    assert!(text.contains("\nendpoints: []\n"), "{text}");
    let check = ["baseline", "--compare", file.to_str().unwrap(), "--config.file", config.to_str().unwrap()];
    let (code, said, errors) = ended(&check);
    assert_eq!(code, Some(0), "{said}{errors}");
    assert!(said.starts_with("No change since "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_printed_as_configuration() {
    let (lab, config, _) = internet("").await;
    let healthy = baseline(&lab, &config);
    lab.tls.set(HOST, PATH, Response::new(418).header("Server", "Lab # \"1\": {x}"));
    let (text, file) = baseline(&lab, &config);
    assert!(text.contains("    expect: [404, 418]\n"), "{text}");

    let path = config.to_str().unwrap();
    assert_eq!(ended(&["check", "--config.file", path]).0, Some(1), "the catalog expects otherwise");
    let whole = lab.files().join("whole.yaml");
    std::fs::write(&whole, std::fs::read_to_string(&config).unwrap() + "\n" + &text).unwrap();
    let whole = whole.to_str().unwrap();
    assert_eq!(ended(&["--config.check", "--config.file", whole]).0, Some(0));
    assert_eq!(ended(&["--config.check", "--config.file", file.to_str().unwrap()]).0, Some(0));
    let (code, said, _) = ended(&["check", "--config.file", whole]);
    assert_eq!(code, Some(0), "{said}");

    let before = lab.files().join("before.yaml");
    std::fs::write(&before, healthy.0).unwrap();
    let (code, said, _) = ended(&["baseline", "--compare", before.to_str().unwrap(), "--config.file", path]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("status of {HOST}: 404 -> 418")), "{said}");
    assert!(said.starts_with("Changed since ") && said.contains(": 1 of "), "{said}");
}

#[test]
fn an_invalid_baseline_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.yaml");
    std::fs::write(
        &file,
        "endpoints: []\n# baseline: {\"format\":1,\"exporter_version\":\"1\",\"taken_at\":7}\n",
    )
    .unwrap();
    let (code, said, errors) = ended(&["baseline", "--compare", file.to_str().unwrap()]);
    assert_eq!((code, said.as_str()), (Some(3), ""));
    assert!(errors.contains("other.yaml: line 2: taken_at: invalid type: integer `7`"), "{errors}");
}
