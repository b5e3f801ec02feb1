//! Ten thousand clients that send nothing, and clients that never finish a request: neither memory nor scrapes
//! suffer.

use std::process::Command;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::{Served, status};
use crate::exporter::PROGRAM;

/// The connections that are open at the same time, with those being closed.
const MOST_OPEN: usize = 544;

/// The size of a connection's buffers, in bytes: hyper's of 32 KiB for each direction, and the rest.
const BUFFERS: usize = 80 * 1024;

/// As many as requested, or as the machine allows for this process.
async fn connect_many(served: &Served, count: usize, says: &str) -> Vec<TcpStream> {
    let mut many = Vec::new();
    for _ in 0..count {
        let Ok(mut stream) = TcpStream::connect(served.address()).await else { break };
        let _ = stream.write_all(says.as_bytes()).await; // it may be closed already
        many.push(stream);
    }
    many
}

/// Resident memory of a process, in MiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections() {
    let mut command = Command::new(PROGRAM);
    // As the systemd unit sets it: otherwise what is freed stays with the threads' arenas.
    command.env("MALLOC_ARENA_MAX", "1").env("MALLOC_TRIM_THRESHOLD_", "131072");
    let served = Served::start_with("", &[], &["--web.listen-address", "127.0.0.1:0"], command);
    served.get("/metrics", "").await;
    let before = resident(served.pid());
    for (count, says) in [
        (10_000, ""),
        (1_500, "GET /metrics HTTP/1.1\r\nhost:"),
        (1_500, "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"),
    ] {
        let many = connect_many(&served, count, says).await;
        assert!(many.len() >= 500, "this machine lets a process have {} connections", many.len());
        let answer = served.get("/metrics", "").await;
        assert!(status(&answer) == "200" && answer.contains("process_open_fds"), "{answer}");
        let open = answer.lines().find_map(|line| line.strip_prefix("process_open_fds ")).unwrap();
        assert!(open.parse::<f64>().unwrap() < 700.0, "{open} open files beside {} connections", many.len());
        let now = resident(served.pid());
        println!(
            "{before} MiB before, {now} MiB and {open} open files with {} that say {says:?}, beside {} bytes",
            many.len(),
            answer.len()
        );
        // A response that nobody reads is kept until its connection is closed.
        let limit = before + (MOST_OPEN * (answer.len() + BUFFERS) / 1024 / 1024) as u64;
        assert!(now < limit, "{now} of {limit} MiB with {} that say {says:?}", many.len());
    }
}
