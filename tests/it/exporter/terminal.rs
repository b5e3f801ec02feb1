//! `check` on a terminal of its own, by script(1): progress, width and colours. And without one.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use defender_exporter_needs::needs;

use super::{PROGRAM, internet};
use crate::lab::dns::Answer;
use crate::load::TEST_TIMEOUT;

/// A name server that isn't there: every probe fails at once.
const REFUSED: &str =
    "resolver: { servers: [\"127.0.0.1:1\"] }\ntimeout: 1s\nsignatures: { feeds: [], installed: none }\n";

/// A program on a terminal; it is killed with the value.
struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    /// Runs `check` with these flags on a terminal of 80 columns.
    fn check(config: &Path, flags: &str, environment: &[(&str, &str)]) -> Self {
        let command =
            format!("stty cols 80 rows 24; exec {PROGRAM} check --config.file {} {flags}", config.display());
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env_remove("COLUMNS")
            .env_remove("NO_COLOR")
            .envs([("TERM", "xterm"), ("SHELL", "/bin/sh")])
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// What is shown once that is true.
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let shown = self.shown();
            if holds(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "{what}: {shown:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types Ctrl-C.
    fn interrupt(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

#[needs("script")]
#[tokio::test(flavor = "multi_thread")]
async fn progress_is_shown_while_dns_is_silent() {
    let (lab, file, all) = internet("timeout: 60s\ninterval: 5m").await;
    lab.dns.set_default(Answer::Silence);
    let silent = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, silent.split("connect_to:").next().unwrap()).unwrap();
    let mut terminal = Terminal::check(&file, "", &[]);
    // No probe is done: the bar doesn't wait for the first one.
    let first = format!("0 of {all} probes done");
    terminal.until("no progress", |shown| shown.contains(&first));
    // It moves while nothing happens.
    terminal.until("the bar stands still", |shown| shown.matches(&first).count() > 2);
    assert!(!terminal.shown().contains("Exit code"), "{}", terminal.shown());
    terminal.interrupt();
    assert!(!terminal.child.wait().unwrap().success());
}

#[needs("script")]
#[test]
fn a_terminal_has_colours_and_a_width() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, REFUSED).unwrap();
    for (environment, is_coloured) in
        [(&[][..], true), (&[("NO_COLOR", "1")], false), (&[("CLICOLOR", "0")], false)]
    {
        let terminal = Terminal::check(&config, "", environment);
        let shown = terminal.until("no end", |shown| shown.contains("List them with --all."));
        let (progress, result) = shown.split_once("Defender does not work").unwrap();
        assert!(progress.contains("of 57 probes done"), "the control is one: {progress:?}");
        assert_eq!(result.contains("\x1b[1m"), is_coloured, "{environment:?}: {result}");
        let text = anstream::adapter::strip_str(result).to_string();
        assert!(text.lines().skip(1).all(is_narrow), "{text}");
    }
}

/// Whether a line fits 80 columns, or is a URL, which stays whole.
fn is_narrow(line: &str) -> bool {
    line.chars().count() <= 80 || line.trim().starts_with("http")
}

#[test]
fn without_a_terminal_there_is_no_progress_and_no_colour() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, REFUSED).unwrap();
    for (columns, width) in [(None, 100), (Some("60"), 60)] {
        let mut command = Command::new(PROGRAM);
        command.args(["check", "--component", "crl", "--config.file"]).arg(&config).env_remove("COLUMNS");
        command.envs(columns.map(|columns| ("COLUMNS", columns)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains('\x1b'), "{text:?}");
        let longest =
            text.lines().filter(|line| !line.contains("http")).map(|line| line.chars().count()).max();
        assert!(longest.is_some_and(|longest| (width / 2..=width).contains(&longest)), "{longest:?}: {text}");
    }
}

#[needs("script")]
#[test]
fn help_wraps_to_the_terminal() {
    let output = Command::new("script")
        .args([
            "--quiet",
            "--command",
            &format!("stty cols 80 rows 24; {PROGRAM} --help; {PROGRAM} check -h"),
            "/dev/null",
        ])
        .env_remove("COLUMNS")
        .envs([("TERM", "xterm"), ("SHELL", "/bin/sh"), ("NO_COLOR", "1")])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for heading in ["Configuration:", "HTTP server:", "Log:", "Output:", "Selection"] {
        assert!(text.lines().any(|line| line.starts_with(heading)), "{heading}: {text}");
    }
    assert!(text.lines().all(|line| line.trim_end().chars().count() <= 80), "{text}");
}
