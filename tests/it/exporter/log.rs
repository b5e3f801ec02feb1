//! The log: its events and its formats.

use std::time::{Duration, Instant};

use super::{Exporter, internet, samples};
use crate::load::{BRISK, TEST_TIMEOUT};

const PROBES: &str = "defender_probes_total";

/// The lines once one of them has all these words.
async fn until(exporter: &Exporter, words: &[&str]) -> Vec<String> {
    let deadline = Instant::now() + TEST_TIMEOUT;
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
    let (lab, file, _) = internet(BRISK).await;
    let exporter = Exporter::start(&file);
    until(&exporter, &["msg=\"update source available\"", "source=adl"]).await;
    exporter.until("three rounds", |metrics| samples(metrics, PROBES).iter().all(|(_, n)| *n > 2.5)).await;
    let quiet = exporter.log();
    let metrics = exporter.get("/metrics").await.1;
    // Where this machine is so busy that probes fail, each has a line, and so has the end of it.
    let failures: f64 = samples(&metrics, "defender_probe_failures_total").iter().map(|(_, n)| n).sum();
    let lines = quiet.iter().filter(|line| line.contains("msg=\"endpoint")).count();
    assert!(f64::from(u32::try_from(lines).unwrap()) <= 2.0 * failures, "{failures} failures: {quiet:#?}");
    assert!(quiet.iter().all(|line| line.starts_with("time=2") && line.contains(" level=")), "{quiet:#?}");

    lab.tls.stop().await;
    until(
        &exporter,
        &["level=warn", "msg=\"endpoint fails\"", "endpoint=https://wdcp.microsoft.com/", "phase=connect"],
    )
    .await;
    until(&exporter, &["level=warn", "msg=\"MAPS lost\"", "ssl_options=3"]).await;
    lab.tls.restart().await;
    let log =
        until(&exporter, &["msg=\"endpoint recovered\"", "endpoint=https://wdcp.microsoft.com/", "after="])
            .await;
    let fails =
        |line: &&String| line.contains("msg=\"endpoint fails\"") && line.contains("//wdcp.microsoft.com/");
    assert_eq!(log[quiet.len()..].iter().filter(fails).count(), 1, "{log:#?}");
    until(&exporter, &["msg=\"MAPS connected\"", "ssl_options=3"]).await;
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
        let keys = ["time", "level", "target", "msg"].map(|key| object[key].as_str().unwrap_or_default());
        assert!(keys.iter().all(|value| !value.is_empty()), "{line}");
        assert!(keys[0].starts_with('2') && keys[0].ends_with('Z'), "{line}");
        // A busy machine makes the exporter warn that it stalled.
        assert!(["info", "warn"].contains(&keys[1]), "{line}");
    }
    let change = log.iter().find(|line| line.contains("\"verdict\":\"good\"")).unwrap();
    assert!(change.contains("\"msg\":\"component state changed\"") && !change.contains("fields"), "{change}");
}

/// reqwest (used by health checks) logs with the `log` crate, at its own level and target.
#[tokio::test(flavor = "multi_thread")]
async fn libraries_log_at_their_own_levels() {
    let (_lab, file, _) = internet("").await;
    let exporter = Exporter::start(&file);
    let url = format!("{}-/healthy", exporter.page());
    for (format, target, message) in [
        ("logfmt", " target=reqwest::connect ", "msg=\"starting new connection"),
        ("text", " target=reqwest::connect ", "msg=\"starting new connection"), // the former name
        ("json", "\"target\":\"reqwest::connect\"", "\"msg\":\"starting new connection"),
    ] {
        let levels = "--log.level=warn,reqwest=debug,defender_exporter=info";
        let output = super::run(&["healthcheck", "--url", &url, levels, "--log.format", format]);
        let log = String::from_utf8(output.stderr).unwrap();
        let heard = log.lines().any(|line| line.contains(target) && line.contains(message));
        assert!(heard, "{format}: {log}");
        assert!(!log.contains("log.target"), "{log}");
        assert!(!log.contains("hyper"), "no others: {log}");
    }
}

/// A terminal of its own, by script(1): the first line that is shown there, with `NO_COLOR` and without.
#[cfg(target_os = "linux")]
#[defender_exporter_needs::needs("script")]
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
    let plain = shown("1").unwrap();
    assert!(plain.contains(" level=info ") && !plain.contains('\x1b'), "{plain}");
    let coloured = shown("").unwrap();
    assert!(coloured.contains(" level=\x1b[32minfo\x1b[0m "), "{coloured}");
}

#[test]
fn what_names_no_level_is_bad_usage() {
    let output = super::run(&["--log.level", "verbose", "catalog"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("\"verbose\" is not a log level") && said.contains("accepted are"), "{said}");
}

/// A socket in place of the journal's: standard error is connected to it, and the environment announces it.
#[cfg(target_os = "linux")]
#[test]
fn journal_lines_have_a_level_and_no_time() {
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
    check(0, "logfmt", "<6>level=info target=");
    check(0, "json", "<6>{\"time\":\"2");
    check(1, "logfmt", "time=2"); // another service's journal
}
