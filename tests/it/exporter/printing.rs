//! Output errors of commands: a full disk has its own exit code, a closed pipe ends them quietly.

use std::fs::OpenOptions;
use std::process::{Command, Output, Stdio};

use super::PROGRAM;

/// The output can't be written, as README.md has it.
const EXIT_OUTPUT: i32 = 4;

/// MAPS only, with a name server that isn't there: `check` ends at once.
const QUIET: &str = "\
components:
  update: { enabled: false }
  adl: { enabled: false }
  submission: { enabled: false }
  crl: { enabled: false }
  diagnostics: { enabled: false }
timeout: 1s
resolver: { servers: [\"127.0.0.1:1\"] }
signatures: { feeds: [], installed: none }
";

/// Every command that prints, with the exit code that it has where it can.
const COMMANDS: [(&[&str], i32); 20] = [
    (&["--version"], 0),
    (&["--help"], 0),
    (&["check", "--help"], 0),
    (&["--config.check"], 0),
    (&["check"], 2),
    (&["check", "--format", "json"], 2),
    (&["check", "--format", "markdown"], 2),
    (&["check", "--all"], 2),
    (&["baseline"], 1),
    (&["catalog"], 0),
    (&["catalog", "--format", "json"], 0),
    (&["catalog", "--format", "csv"], 0),
    (&["catalog", "--format", "urls"], 0),
    (&["catalog", "--format", "squid"], 0),
    (&["catalog", "--format", "pan-edl"], 0),
    (&["catalog", "--format", "fortinet"], 0),
    (&["explain"], 0),
    (&["explain", "nxdomain"], 0),
    (&["completions", "bash"], 0),
    (&["man"], 0),
];

/// What a command does whose output goes there.
fn run(args: &[&str], stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, QUIET).unwrap();
    let mut command = Command::new(PROGRAM);
    let takes_config = !args.iter().any(|arg| ["--version", "--help"].contains(arg));
    command.args(args);
    if takes_config {
        command.arg("--config.file").arg(config);
    }
    command.stdout(stdout).stderr(stderr).output().unwrap()
}

fn full() -> std::fs::File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[test]
fn a_full_disk_exits_with_4() {
    for (args, usual) in COMMANDS {
        let works = run(args, Stdio::piped(), Stdio::piped());
        assert_eq!(works.status.code(), Some(usual), "{args:?}: {}", String::from_utf8_lossy(&works.stderr));
        let output = run(args, full(), Stdio::piped());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(EXIT_OUTPUT), "{args:?}: {said}");
        assert!(said.contains("standard output") && said.contains("No space left"), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

#[test]
fn a_pipe_that_nobody_reads_ends_a_command_quietly() {
    for (args, usual) in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(args, writer, Stdio::piped());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), said.as_ref()), (Some(usual), ""), "{args:?}");
    }
}

#[test]
fn where_errors_cannot_be_told_either_the_exit_code_tells() {
    let cases: [(&[&str], i32); 4] =
        [(&["--no-such-flag"], 3), (&["explain", "nonsense"], 3), (&["catalog"], 4), (&["healthcheck"], 1)];
    for (args, expected) in cases {
        // Nobody listens at port 1.
        let args =
            if args == ["healthcheck"] { &["healthcheck", "--url", "http://127.0.0.1:1/"] } else { args };
        assert_eq!(run(args, full(), full()).status.code(), Some(expected), "{args:?}");
    }
}

#[test]
fn a_check_with_nothing_to_probe_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    let all = run(&["catalog", "--format", "csv"], Stdio::piped(), Stdio::piped()).stdout;
    let urls = String::from_utf8(all).unwrap();
    let urls = urls.lines().filter_map(|line| line.split(',').find(|field| field.starts_with("https://")));
    let each: Vec<_> =
        urls.map(|url| format!("{{ component: maps, url: '{url}', enabled: false }}")).collect();
    assert!(each.len() > 5, "MAPS has more");
    let component = QUIET.replace("components:\n", "components:\n  maps: { enabled: false }\n");
    for (text, format) in
        [(component, "table"), (format!("{QUIET}endpoints: [{}]\n", each.join(", ")), "json")]
    {
        std::fs::write(&config, &text).unwrap();
        let args = ["check", "--format", format, "--config.file", config.to_str().unwrap()];
        let output = super::run(&args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{text}: {said}");
        assert!(said.contains("nothing left to probe: every component or endpoint is disabled"), "{said}");
        assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}
