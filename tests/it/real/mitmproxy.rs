//! mitmproxy in front of a server of the lab: a TLS inspector with its own CA.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::Running;

/// The inspector. It ends on drop.
pub struct Mitmproxy {
    program: Running,
    addr: SocketAddr,
    files: TempDir,
}

impl Mitmproxy {
    /// Starts `mitmdump`, and passes TLS connections on to `upstream`, whose chain it doesn't look at, with the names that
    /// its clients asked for.
    pub async fn before(upstream: SocketAddr, mitmdump: &Path) -> Self {
        let files = TempDir::new().unwrap();
        let mut command = Command::new(mitmdump);
        command.arg("--mode").arg(format!("reverse:https://{upstream}"));
        command.args(["--listen-host", "127.0.0.1", "--listen-port", "0"]);
        let own = format!("confdir={}", files.path().display());
        for option in [own.as_str(), "ssl_insecure=true", "keep_host_header=true"] {
            command.args(["--set", option]);
        }
        command.env("PYTHONUNBUFFERED", "1");
        let mut program = Running::start(&mut command);
        let line = program.first_of(&[" listening at "]).await;
        let line = line.unwrap_or_else(|| panic!("mitmdump has ended:\n{}", program.said()));
        let addr = line.rsplit(' ').next().unwrap().trim_end_matches('.').parse().unwrap();
        Self { program, addr, files }
    }

    /// Where to connect instead.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The certificate of its authority, made when it was started, in a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.files.path().join("mitmproxy-ca-cert.pem")
    }

    /// Its log of connections.
    pub fn said(&self) -> String {
        self.program.said()
    }
}
