//! The log as its readers meet it: what is a line, and what a line is.

use std::time::{Duration, Instant};

use super::{Exporter, internet, samples};

const PROBES: &str = "defender_probes_total";

/// The lines once one of them has all these words, after 20 seconds at most.
async fn until(exporter: &Exporter, words: &[&str]) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let log = exporter.log();
        if log.iter().any(|line| words.iter().all(|word| line.contains(word))) {
            return log;
        }
        assert!(Instant::now() < deadline, "{words:?}: {log:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_lines_and_probes_are_not() {
    let (lab, file, _) = internet("interval: 4s\ntimeout: 3s").await;
    let exporter = Exporter::start(&file);
    until(&exporter, &["msg=\"update source is available\"", "source=adl"]).await;
    exporter.until("three rounds", |metrics| samples(metrics, PROBES).iter().all(|(_, n)| *n > 2.5)).await;
    let quiet = exporter.log();
    assert!(!quiet.iter().any(|line| line.contains("msg=\"endpoint")), "{quiet:#?}");
    assert!(quiet.iter().all(|line| line.starts_with("time=2") && line.contains(" level=")), "{quiet:#?}");

    lab.tls.stop().await;
    until(
        &exporter,
        &["level=warn", "msg=\"endpoint fails\"", "endpoint=https://wdcp.microsoft.com/", "stage=connect"],
    )
    .await;
    until(&exporter, &["level=warn", "msg=\"MAPS is lost\"", "ssl_options=3"]).await;
    lab.tls.restart().await;
    let log = until(
        &exporter,
        &["msg=\"endpoint answers again\"", "endpoint=https://wdcp.microsoft.com/", "after="],
    )
    .await;
    let fails =
        |line: &&String| line.contains("msg=\"endpoint fails\"") && line.contains("//wdcp.microsoft.com/");
    assert_eq!(log.iter().filter(fails).count(), 1, "{log:#?}");
    until(&exporter, &["msg=\"MAPS is connected\"", "ssl_options=3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_are_by_module_and_json_is_one_object_a_line() {
    let (_lab, file, all) = internet("").await;
    let exporter = Exporter::start_as(&file, |command| {
        command.args([
            "--log.format=json",
            "--log.level=off,defender_exporter::state=info,defender_exporter=info",
        ]);
    });
    exporter.until("a round", |metrics| super::successes(metrics) == all).await;
    let log = until(&exporter, &["\"verdict\":\"good\""]).await;
    for line in &log {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(object["level"].is_string() && object["fields"]["message"].is_string(), "{line}");
    }
}

/// reqwest logs by the `log` crate, at a level and with a target of its own.
#[tokio::test(flavor = "multi_thread")]
async fn libraries_that_log_otherwise_are_heard_at_their_own_levels() {
    let (_lab, file, _) = internet("").await;
    for (format, target, message) in [
        ("text", " target=reqwest::connect ", "msg=\"starting new connection"),
        ("json", "\"target\":\"reqwest::connect\"", "\"message\":\"starting new connection"),
    ] {
        let exporter = Exporter::start_as(&file, |command| {
            command.args(["--log.level=warn,reqwest=debug,defender_exporter=info", "--log.format", format]);
        });
        let log = until(&exporter, &[target, message]).await;
        assert!(format == "json" || !log.iter().any(|line| line.contains("log.target")), "{log:#?}");
        assert!(!log.iter().any(|line| line.contains("hyper")), "no others: {log:#?}");
    }
}

/// A terminal of its own, by script(1): the first line that is shown there, with `NO_COLOR` and without.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_levels_in_colours() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::process::{Command, Stdio};

    let shown = |no_color: &str| {
        let command = format!("{} --web.listen-address=127.0.0.1:0 & read end; kill $!", super::PROGRAM);
        let mut child = Command::new("script")
            .args(["--quiet", "--command", &command, "/dev/null"])
            .envs([("NO_COLOR", no_color), ("TERM", "xterm"), ("SHELL", "/bin/sh")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(child.stdout.take()?).lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("level="));
        child.stdin.take()?.write_all(b"\n").ok()?;
        lines.for_each(drop);
        child.wait().ok()?;
        line
    };
    let Some(plain) = shown("1") else { return println!("skipped: no script(1)") };
    assert!(plain.contains(" level=info ") && !plain.contains('\x1b'), "{plain}");
    let coloured = shown("").unwrap();
    assert!(coloured.contains(" level=\x1b[32minfo\x1b[0m "), "{coloured}");
}

#[test]
fn what_names_no_level_is_bad_usage() {
    let output = super::run(&["--log.level", "verbose", "catalog"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("\"verbose\" names no level") && said.contains("accepted are"), "{said}");
}

/// A socket in the place of the journal's: standard error is it, and the environment says so.
#[cfg(target_os = "linux")]
#[test]
fn the_journal_is_told_of_levels_and_writes_the_times_itself() {
    use std::io::{BufRead as _, BufReader};
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::UnixStream;

    let first_line = |shift: u64, format: &str| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let theirs = OwnedFd::from(theirs);
        let about = std::fs::File::from(theirs.try_clone().unwrap()).metadata().unwrap();
        let mut child = std::process::Command::new(super::PROGRAM)
            .args(["--web.listen-address=127.0.0.1:0", "--log.format", format])
            .env("JOURNAL_STREAM", format!("{}:{}", about.dev(), about.ino() + shift))
            .stderr(theirs)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(ours).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line
    };
    let check = |shift, format, start| {
        let line = first_line(shift, format);
        assert!(line.starts_with(start), "{line}");
    };
    check(0, "text", "<6>level=info target=");
    check(0, "json", "<6>{");
    check(1, "text", "time=2"); // another service's journal
}
