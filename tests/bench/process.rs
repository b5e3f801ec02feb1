//! Measured processes: started, observed through /proc, killed on drop.

use std::process::{Child, Command, Stdio};

use procfs::process::Process;
use serde_json::Value;

/// A running process.
pub struct Running(Child);

impl Running {
    /// Starts it; what it prints is thrown away.
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// CPU time so far in seconds: user and system, all threads.
    pub fn cpu(&self) -> f64 {
        cpu_of(&self.proc())
    }

    /// Memory resident now, in bytes.
    pub fn resident(&self) -> f64 {
        self.proc().status().unwrap().vmrss.unwrap() as f64 * 1024.0
    }

    fn proc(&self) -> Process {
        Process::new(i32::try_from(self.0.id()).unwrap()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended by itself
        let _ = self.0.wait();
    }
}

/// CPU time of this process so far, in seconds.
pub fn own_cpu() -> f64 {
    cpu_of(&Process::myself().unwrap())
}

fn cpu_of(process: &Process) -> f64 {
    let stat = process.stat().unwrap();
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}

/// This program in another role, started.
pub fn role(arguments: &[&str]) -> Child {
    let program = std::env::current_exe().unwrap();
    Command::new(program).args(arguments).stdout(Stdio::piped()).spawn().unwrap()
}

/// What a role prints when it ends.
pub async fn result(child: Child) -> Value {
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// A free port.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
