//! Listen addresses: several at once, IPv6, Unix sockets, socket activation.

use std::process::Command;

use super::{Served, get, status};
use crate::exporter::{PROGRAM, run};

async fn healthy(address: &str) -> String {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    status(&get(stream, "/-/healthy", "").await.unwrap()).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_addresses_at_once() {
    let args = ["--web.listen-address", "127.0.0.1:0", "--web.listen-address", "127.0.0.1:0"];
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    let ipv6: &[&str] = if has_ipv6 { &["--web.listen-address", "[::1]:0"] } else { &[] };
    let served = Served::start_with("", &[], &[&args, ipv6].concat(), Command::new(PROGRAM));
    let addresses = served.addresses();
    assert_eq!(addresses.len(), 2 + usize::from(has_ipv6));
    for address in &addresses {
        assert_eq!(healthy(address).await, "200", "{address}");
    }
    assert!(!has_ipv6 || addresses[2].starts_with("[::1]:"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket() {
    use std::os::unix::fs::PermissionsExt as _;
    let args = ["--web.listen-address", "unix://FOLDER/a.sock", "--web.listen-address", "127.0.0.1:0"];
    let mut served = Served::start_with("", &[], &args, Command::new(PROGRAM));
    let path = served.file("a.sock");
    assert!(served.line("address=\"http over unix://").contains("a.sock at /metrics"), "{path:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let ask = async || {
        let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        status(&get(stream, "/-/healthy", "").await.unwrap()).to_owned()
    };
    assert_eq!(ask().await, "200");
    let there = format!("unix://{}", path.display());
    let second = run(&["--web.listen-address", &there]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(6) && said.contains("another program is listening there"), "{said}");
    assert_eq!(ask().await, "200", "the first goes on");

    served.child.kill().unwrap(); // which leaves the file behind
    served.child.wait().unwrap();
    assert!(path.exists());
    let args = ["--web.listen-address", &there];
    let again = Served::start_with("", &[], &args, Command::new(PROGRAM));
    assert_eq!(ask().await, "200", "a stale socket is taken over");
    again.stop();
    assert!(!path.exists(), "and removed at the end");
}

/// Like systemd (sd_listen_fds(3)), with a shell: the socket is descriptor 3, announced by environment variables.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_was_opened_before() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let script = "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, PROGRAM]).stdin(std::os::fd::OwnedFd::from(listener));
    // The default of --web.listen-address would be a fixed port.
    let served = Served::start_with("", &[], &["--web.systemd-socket"], command);
    assert_eq!(served.addresses(), std::slice::from_ref(&address));
    assert_eq!(healthy(&address).await, "200");
}

/// Why the exporter doesn't start with these arguments, and its exit code: 6 where a later start may succeed.
#[test]
fn a_start_that_may_succeed_later_has_its_own_exit_code() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (address, code, why) in [
        (taken.as_str(), 6, "the port is in use by another program"),
        ("192.0.2.1:10207", 6, "the address does not belong to this machine"),
        ("exporter.invalid:10207", 6, "cannot listen on exporter.invalid:10207"),
        #[cfg(unix)]
        ("unix:///no/such/folder/a.sock", 3, "no such directory"),
    ] {
        let output = run(&["--web.listen-address", address]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        let line = said.lines().last().unwrap();
        assert!(line.contains(" level=error ") && line.contains("msg=\"failed to start\""), "{said}");
        assert!(line.contains(why) && line.ends_with(&format!(" code={code}")), "{said}");
    }
}

/// The last line is an object like any other, unless errors aren't logged.
#[test]
fn why_it_does_not_start_is_in_the_log() {
    let bad = |format: &str, level: &str| {
        let output = run(&["--config.file=/no/such/file", "--log.format", format, "--log.level", level]);
        String::from_utf8(output.stderr).unwrap()
    };
    let said = bad("json", "info");
    let line: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert!(line.to_string().contains("no such file"), "{said}");
    assert_eq!(bad("text", "off"), "/no/such/file: can't be read: no such file\n");
}

#[test]
fn without_a_socket_of_systemd_it_does_not_start() {
    let output = run(&["--web.systemd-socket"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("systemd"), "{said}");
}
