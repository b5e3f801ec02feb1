//! Configured routes: counted, listed once in the catalog, passwords in no output.

use std::process::{Command, Output};

use super::PROGRAM;

const CONFIG: &str = "
groups: [pki_extended]
routes:
  - { name: direct }
  - { name: proxy, proxy: 'http://127.0.0.1:9', username: ann, password_file: proxy.pass }
  - { name: environment, from_environment: true, components: [pki_extended] }
";

/// The program's output, including the log, with proxies in its environment.
fn run(args: &[&str], variable: &str) -> (Output, String) {
    run_without(args, variable, "")
}

/// The same, with destinations that need no proxy.
fn run_without(args: &[&str], variable: &str, no_proxy: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("routes.yaml");
    std::fs::write(&config, CONFIG).unwrap();
    std::fs::write(folder.path().join("proxy.pass"), "hunter2\n").unwrap();
    let mut command = Command::new(PROGRAM);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"]
    {
        command.env_remove(name);
    }
    command.args(args).args(["--log.level", "trace", "--config.file"]).arg(config);
    let output = command.env("HTTPS_PROXY", variable).env("NO_PROXY", no_proxy).output().unwrap();
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output, said)
}

#[test]
fn routes_multiply_the_targets_but_not_the_catalog() {
    let (output, said) = run(&["--config.check"], "bob:hunter2@127.0.0.1:9");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let number = |word: &str| -> usize { word.parse().unwrap() };
    let summary = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = summary.trim_end().split(' ').collect();
    let ["configuration", "OK:", targets, "targets", "via", "3", "routes"] = words[..] else {
        panic!("{said}");
    };
    let (output, csv) = run(&["catalog", "--format", "csv"], "127.0.0.1:9");
    assert_eq!(output.status.code(), Some(0), "{csv}");
    let rows =
        String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<_> = rows.into_iter().filter(|row| !row.starts_with("control,")).collect();
    let extended = rows.iter().filter(|row| row.starts_with("pki_extended,")).count();
    assert!(extended > 0 && extended < rows.len());
    assert_eq!(number(targets), 2 * rows.len() + extended);
    let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
    assert_eq!(distinct.len(), rows.len());
}

#[test]
fn a_password_is_in_no_output() {
    for (args, variable, code) in [
        (&["--config.check"][..], "http://bob:hunter2@127.0.0.1:9", 0),
        (&["--config.check"], "http://bob:hunter2@127.0.0.1", 3),
        (&["--config.check"], "ftp://bob:hunter2@127.0.0.1:9", 3),
        (&["--config.check"], "bob:hunter2", 3),
        (&["catalog"], "http://bob:hunter2@127.0.0.1:9", 0),
    ] {
        let (output, said) = run(args, variable);
        assert_eq!(output.status.code(), Some(code), "{args:?} {variable}: {said}");
        assert!(!said.contains("hunter2"), "{args:?} {variable}: {said}");
        assert_eq!(code == 3, said.contains("routes[2].from_environment: HTTPS_PROXY: the URL "), "{said}");
    }
}

/// The variable is other programs' as well: what isn't understood is said and doesn't count.
#[test]
fn entries_of_no_proxy_that_are_no_rules_are_warned_of() {
    for (list, rejected) in [
        ("localhost;<local>, 10.*,[::1],[2001:db8::1]:443,*.example.com,192.168.*", &[][..]),
        ("a..example,localhost,10.0.0.0/33", &["a..example", "10.0.0.0/33"]),
    ] {
        let (output, said) = run_without(&["--config.check"], "127.0.0.1:9", list);
        assert_eq!(output.status.code(), Some(0), "{list}: {said}");
        assert_eq!(said.matches("variable=NO_PROXY").count(), rejected.len(), "{list}: {said}");
        for entry in rejected {
            assert!(said.contains(entry), "{entry}: {said}");
        }
    }
}
