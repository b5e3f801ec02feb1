//! Files of records: who may read them, what is refused, and with which exit code.

use std::path::Path;

use crate::exporter::{internet, run};

/// Exit code, standard output, standard error.
fn ended(args: &[&str]) -> (Option<i32>, String, String) {
    let output = run(args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn what_is_no_record_exits_with_3_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.gz");
    std::fs::write(&file, "endpoints: []\n").unwrap();
    let check = |path: &Path, words: &str| {
        let (code, said, errors) = ended(&["judge", path.to_str().unwrap()]);
        assert_eq!((code, said.as_str()), (Some(3), ""), "{errors}");
        assert!(errors.contains(&format!("{}: {words}", path.display())), "{errors}");
    };
    check(&file, "is not a record of this program");
    check(folder.path(), "can't be read: it is a directory");
    check(&folder.path().join("missing"), "can't be read: no such file");
    std::fs::File::options().write(true).open(&file).unwrap().set_len(16 * 1024 * 1024 + 1).unwrap();
    check(&file, "exceeds 16384 KiB");
}

#[test]
fn names_are_kept_in_records_alone() {
    let (code, _, errors) = ended(&["check", "--keep-names"]);
    assert_eq!(code, Some(3));
    assert!(errors.contains("required arguments were not provided"), "{errors}");
}

#[test]
fn where_no_record_can_be_written_nothing_is_probed() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path(), &folder.path().join("missing/round.gz")] {
        let (code, said, errors) = ended(&["check", "--keep-names", "--record", path.to_str().unwrap()]);
        assert_eq!((code, said.as_str()), (Some(4), ""), "{errors}");
        assert!(errors.contains(&format!("can't write {}: ", path.display())), "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_records_are_told_apart() {
    let (lab, config, _) = internet("").await;
    let (good, bad) = (lab.files().join("good.gz"), lab.files().join("bad.gz"));
    let record = |file: &Path| {
        let args = ["check", "--config.file", config.to_str().unwrap(), "--component", "diagnostics"];
        ended(&[&args[..], &["--keep-names", "--record", file.to_str().unwrap()]].concat()).0
    };
    assert_eq!(record(&good), Some(0));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&good).unwrap().permissions().mode() & 0o777, 0o600);
    }
    lab.tls.break_host("settings-win.data.microsoft.com", crate::lab::reply::Response::new(407));
    assert_eq!(record(&bad), Some(1));
    drop(lab.dns);

    let files = [good.to_str().unwrap(), bad.to_str().unwrap()];
    let judge = |view: &[&str]| ended(&[&["judge"][..], &files, view].concat());
    let (code, said, errors) = judge(&[]);
    assert_eq!((code, errors.as_str()), (Some(1), ""), "{said}");
    let (first, second) = said.split_once(files[1]).unwrap();
    assert!(first.starts_with(files[0]) && first.contains("Exit code 0"), "{said}");
    assert!(second.contains("auth_required") && second.contains("Exit code 1"), "{said}");
    let (_, json, _) = judge(&["--format", "json"]);
    let reports = serde_json::Deserializer::from_str(&json).into_iter::<serde_json::Value>();
    let codes: Vec<_> = reports.map(|report| report.unwrap()["exit_code"].clone()).collect();
    assert_eq!(codes, [0, 1]);
}
