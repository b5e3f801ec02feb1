//! A long-lived task that dies ends the program: the other tasks stop in order, the exit code is 5, and the log names the task. A
//! connection or probe that dies affects nothing else, and is logged.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use defender_exporter::task::Task;
use tempfile::TempDir;

use super::{Exporter, PROGRAM};
use crate::load::TEST_TIMEOUT;

/// A fault of the program itself, as README.md has it.
const EXIT_FAULT: i32 = 5;

/// MAPS and an update source (for the version feed), with a name server that isn't there; every long-lived task runs.
const CONFIG: &str = "\
components:
  update: { enabled: false }
  submission: { enabled: false }
  crl: { enabled: false }
  diagnostics: { enabled: false }
interval: 2s
timeout: 1s
resolver: { servers: [\"127.0.0.1:1\"] }
signatures: { installed: mdatp }
";

/// A running program with a fault that is triggered later.
struct Patient {
    exporter: Exporter,
    folder: TempDir,
    fault: PathBuf,
    systemd: UnixDatagram,
}

impl Patient {
    fn start(kind: &str, task: Task) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (config, fault) = (folder.path().join("config.yaml"), folder.path().join("what-a-peer-sent"));
        let state = folder.path().join("state.json");
        std::fs::write(&config, format!("{CONFIG}state_file: {}\n", state.display())).unwrap();
        let (socket, order) = (folder.path().join("notify"), order(kind, task, &fault));
        let systemd = UnixDatagram::bind(&socket).unwrap();
        systemd.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        let exporter = Exporter::start_as(&config, |command| {
            command.env("DEFENDER_EXPORTER_FAULT", order);
            command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "2000000");
        });
        let patient = Self { exporter, folder, fault, systemd };
        patient.hears("READY=1\n");
        patient
    }

    /// Reads notifications until this one.
    fn hears(&self, expected: &str) {
        let mut message = [0; 4096];
        loop {
            let length =
                self.systemd.recv(&mut message).unwrap_or_else(|_| panic!("{expected:?} is never said"));
            if &message[..length] == expected.as_bytes() {
                return;
            }
        }
    }

    fn strike(&self) {
        std::fs::write(&self.fault, "").unwrap();
    }

    /// The first line of the log with all these words.
    fn line(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let log = self.exporter.log();
            let found = log.iter().find(|line| words.iter().all(|word| line.contains(word)));
            match found {
                Some(line) => return line.clone(),
                None if Instant::now() > deadline => panic!("{words:?} in {log:#?}"),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// How it ended; none: it runs on.
    fn end(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + TEST_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.exporter.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

fn order(kind: &str, task: Task, file: &Path) -> String {
    format!("{kind}:{task}:{}", file.display())
}

/// Triggers the fault, and checks exit code, log and notifications.
fn check(task: Task, kind: &str, how: &str) {
    let mut patient = Patient::start(kind, task);
    patient.strike();
    let status = patient.end().unwrap_or_else(|| panic!("{task} is dead ({kind}), the program runs on"));
    let log = patient.exporter.log();
    assert_eq!(status.code(), Some(EXIT_FAULT), "{task}, {kind}: {log:#?}");
    let name = format!("task={task}");
    patient.line(&["level=error", "task died", &name, &format!("how={how}")]);
    if kind == "panic" {
        let line = patient.line(&["level=error", "panic", &name, "location=src/task.rs:"]);
        assert!(line.contains("a fault was ordered"), "{line}");
    }
    assert!(!patient.exporter.log().concat().contains("what-a-peer-sent"), "{log:#?}");
    patient.hears("STOPPING=1\n");
    assert!(
        patient.folder.path().join("state.json").exists() || task == Task::StateFile,
        "{task}: no last write"
    );
}

/// The tasks that live as long as the program.
fn long_lived() -> impl Iterator<Item = Task> {
    let alone = [Task::Main, Task::ServiceControl, Task::Connection, Task::Probe, Task::RevocationCheck];
    Task::ALL.iter().copied().filter(move |task| !alone.contains(task))
}

#[test]
fn a_panicking_task_exits_with_5() {
    long_lived().for_each(|task| check(task, "panic", "panicked"));
}

#[test]
fn a_returning_task_exits_with_5() {
    long_lived().for_each(|task| check(task, "end", "returned"));
}

#[test]
fn a_panicking_connection_ends_alone() {
    let patient = Patient::start("panic", Task::Connection);
    let ask = || {
        let mut connection = TcpStream::connect(&patient.exporter.address).unwrap();
        connection.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        let request = "GET /-/healthy HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let mut answer = String::new();
        // It may be gone before the request is.
        let _ =
            connection.write_all(request.as_bytes()).and_then(|()| connection.read_to_string(&mut answer));
        answer
    };
    assert!(ask().starts_with("HTTP/1.1 200 "));
    patient.strike();
    assert_eq!(ask(), "");
    patient.line(&["level=error", "panic", "task=connection", "location=src/task.rs:"]);
    std::fs::remove_file(&patient.fault).unwrap();
    assert!(ask().starts_with("HTTP/1.1 200 "), "{:#?}", patient.exporter.log());
}

#[tokio::test]
async fn a_panicking_probe_is_internal() {
    let patient = Patient::start("panic", Task::Probe);
    patient.strike();
    patient.line(&["level=error", "panic", "task=probe", "location=src/task.rs:"]);
    patient.exporter.until("internal", |metrics| metrics.contains("reason=\"internal\"} 1")).await;
}

#[test]
fn a_command_that_panics_has_the_same_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let (config, fault) = (folder.path().join("config.yaml"), folder.path().join("fault"));
    std::fs::write(&config, CONFIG).unwrap();
    std::fs::write(&fault, "").unwrap();
    let output = Command::new(PROGRAM)
        .args(["check", "--config.file", config.to_str().unwrap()])
        .env("DEFENDER_EXPORTER_FAULT", order("panic", Task::Main, &fault))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(EXIT_FAULT), "{said}");
    assert!(said.contains("task=main") && said.contains("location=src/task.rs:"), "{said}");
}
