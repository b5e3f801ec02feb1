//! The exporter under test: its process, its log, and its data in /proc.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use procfs::process::Process;

/// What is built with this program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_defender-exporter");

/// The systemd unit, whose environment the program gets: that is how it runs for long.
const UNIT: &str = include_str!("../../deploy/systemd/defender-exporter.service");

/// How many lines of the log are kept.
const TAIL: usize = 20;

/// Words that no line of the log may have: a panic, or what the exporter itself calls its fault.
const FORBIDDEN: [&str; 3] = ["panicked", "bug in the exporter", "fault of this program"];

#[derive(Default)]
struct Log {
    lines: usize,
    tail: VecDeque<String>,
    forbidden: Option<String>,
}

/// A running exporter; killed with its value.
pub struct Exporter {
    child: Mutex<Child>,
    /// The process.
    pub pid: u32,
    /// `http://` and where it serves.
    pub base: String,
    log: Arc<Mutex<Log>>,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Resident memory, in KiB.
    pub resident: u64,
    /// What of it is no page of a file: the program's own data, without its code, in KiB.
    pub own: u64,
    pub descriptors: usize,
    pub threads: u64,
}

/// The variables that a unit sets; none of ours has a space.
fn environment(unit: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    lines.flat_map(str::split_whitespace).map(|pair| pair.split_once('=').expect("a name and a value"))
}

impl Exporter {
    /// Starts it, on a free port.
    pub fn start(config: &Path) -> Self {
        // Another build may be given.
        let program = std::env::var("DEFENDER_EXPORTER").unwrap_or_else(|_| PROGRAM.to_owned());
        let mut command = Command::new(program);
        command.args(["--web.listen-address", "127.0.0.1:0", "--config.file"]).arg(config);
        command.envs(environment(UNIT));
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the exporter starts");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = Vec::new();
        let line = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the exporter ended: {before:#?}"));
            if line.contains("msg=listening address=http://") {
                break line;
            }
            before.push(line);
        };
        let log = Arc::new(Mutex::new(Log::default()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.for_each(|line| kept.lock().unwrap_or_else(PoisonError::into_inner).take(line));
        });
        let base = line.split("http://").nth(1).unwrap().split("/metrics").next().unwrap();
        Self { pid: child.id(), child: Mutex::new(child), base: format!("http://{base}"), log }
    }

    /// Lets it load its configuration again.
    pub fn reload(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.pid.to_string()]).status().unwrap();
        assert!(kill.success(), "the exporter is gone");
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it doesn't end within five seconds, or not well.
    pub fn stop(&self) -> Result<(), String> {
        self.signal("TERM");
        let start = Instant::now();
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        while start.elapsed() < Duration::from_secs(5) {
            match child.try_wait().unwrap() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("it ended with {status}")),
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        Err("it doesn't end".to_owned())
    }

    /// Whether the process that was started still runs.
    pub fn lives(&self) -> bool {
        matches!(self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait(), Ok(None))
    }

    /// Its current resources.
    ///
    /// # Errors
    /// When /proc doesn't have it any more.
    pub fn held(&self) -> Result<Held, String> {
        let read = || {
            let process = Process::new(i32::try_from(self.pid).unwrap_or_default())?;
            let status = process.status()?;
            Ok(Held {
                resident: status.vmrss.unwrap_or_default(),
                own: status.rssanon.unwrap_or_default(),
                descriptors: process.fd_count()?,
                threads: status.threads,
            })
        };
        read().map_err(|error: procfs::ProcError| error.to_string())
    }

    /// A line that no log may have.
    pub fn forbidden(&self) -> Option<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).forbidden.clone()
    }

    /// How many lines it has logged, and the last ones.
    pub fn log(&self) -> (usize, Vec<String>) {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.lines, log.tail.iter().cloned().collect())
    }
}

impl Log {
    fn take(&mut self, line: String) {
        self.lines += 1;
        if FORBIDDEN.iter().any(|word| line.contains(word)) {
            self.forbidden.get_or_insert_with(|| line.clone());
        }
        self.tail.push_back(line);
        if self.tail.len() > TAIL {
            self.tail.pop_front();
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill(); // it may have ended by itself
        let _ = child.wait();
    }
}
