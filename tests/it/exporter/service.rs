//! The program as a systemd service: its notifications on the notify socket, and their order.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Exporter, internet};
use crate::load::TEST_TIMEOUT;

/// The socket that systemd would listen on.
pub struct Manager {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Manager {
    pub fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path }
    }

    pub fn start(&self, config: &Path, watchdog: Duration) -> Exporter {
        Exporter::start_as(config, |command| {
            command.env("NOTIFY_SOCKET", &self.path);
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        })
    }

    /// The next message that begins so; what comes before it is given, too.
    pub fn until(&self, start: &str) -> Vec<String> {
        let deadline = Instant::now() + TEST_TIMEOUT;
        let mut said = Vec::new();
        let mut message = [0; 4096];
        while !said.last().is_some_and(|last: &String| last.starts_with(start)) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{start} was never said, but {said:?}");
            self.socket.set_read_timeout(Some(left)).unwrap();
            let Ok(length) = self.socket.recv(&mut message) else { continue };
            said.push(String::from_utf8(message[..length].to_vec()).unwrap());
        }
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_notifications() {
    let (lab, file, _) = internet("").await;
    let manager = Manager::new(lab.files());
    let exporter = manager.start(&file, Duration::from_millis(400));
    assert_eq!(manager.until("READY=1\n").last().unwrap(), "READY=1\n");
    assert_eq!(exporter.get("/-/healthy").await.0, 200, "ready means that it listens");
    manager.until("STATUS=MAPS connected via direct; no endpoint failing\n");
    let (start, disturbance) = (Instant::now(), exporter.disturbance());
    (0..5).for_each(|_| drop(manager.until("WATCHDOG=1\n")));
    let (took, limit) = (start.elapsed(), Duration::from_secs(3) + disturbance.so_far());
    assert!(took < limit, "five signs of life take long: {took:?}, {disturbance}");
    exporter.signal("TERM");
    manager.until("STOPPING=1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_feeds_no_watchdog() {
    let (lab, file, _) = internet("").await;
    let manager = Manager::new(lab.files());
    let exporter = manager.start(&file, Duration::from_millis(400));
    manager.until("WATCHDOG=1\n");
    exporter.signal("STOP");
    // What was sent before it stood still is read first.
    manager.socket.set_read_timeout(Some(Duration::from_millis(800))).unwrap();
    let mut message = [0; 4096];
    let late = (0..100).find(|_| manager.socket.recv(&mut message).is_err());
    assert!(late.is_some_and(|n| n < 10), "{late:?}");
    exporter.signal("CONT");
    manager.until("WATCHDOG=1\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_notifications_of_reloads() {
    let (lab, file, _) = internet("").await;
    let manager = Manager::new(lab.files());
    let exporter = manager.start(&file, Duration::from_secs(3600));
    manager.until("STATUS=MAPS connected via direct; no endpoint failing\n");
    let good = std::fs::read_to_string(&file).unwrap();
    for (text, then) in [
        (good.clone(), None),
        (
            "interval: 0s".to_owned(),
            Some("STATUS=MAPS connected via direct; no endpoint failing; the last reload failed\n"),
        ),
        (good, Some("STATUS=MAPS connected via direct; no endpoint failing\n")),
    ] {
        std::fs::write(&file, text).unwrap();
        exporter.signal("HUP");
        let message = manager.until("RELOADING=1\n").pop().unwrap();
        // systemd.service(5), Type=notify-reload: microseconds of CLOCK_MONOTONIC.
        let time = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().trim_end();
        assert!(time.parse::<u64>().unwrap() > 0);
        // A status may be sent in between.
        let said = manager.until("READY=1\n");
        let said = |line: &str| said.iter().any(|message| message == line);
        if let Some(line) = then.filter(|line| !said(line)) {
            manager.until(line);
        }
    }
}

/// systemd's socket where nothing reads and nothing more fits.
fn full(path: &Path) -> (UnixDatagram, UnixDatagram) {
    let (reader, writer) = (UnixDatagram::bind(path).unwrap(), UnixDatagram::unbound().unwrap());
    writer.set_nonblocking(true).unwrap();
    while writer.send_to(b"WATCHDOG=1\n", path).is_ok() {}
    (reader, writer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_notify_socket_blocks_nothing() {
    let (lab, file, all) = internet("").await;
    let path = lab.files().join("notify");
    let _socket = full(&path);
    let mut exporter = Exporter::start_as(&file, |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
        command.arg("--web.enable-lifecycle");
    });
    exporter.until("a round", |metrics| super::successes(metrics) == all).await;
    assert_eq!(exporter.get("/-/healthy").await.0, 200);
    let start = Instant::now();
    assert_eq!(exporter.post("/-/reload").await.0, 200);
    assert!(start.elapsed() < Duration::from_secs(5), "a reload took {:?}", start.elapsed());
    let start = Instant::now();
    exporter.signal("TERM");
    let ended = exporter.child.wait().unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "stopping took {:?}", start.elapsed());
    assert_eq!(ended.code(), Some(0));
}
