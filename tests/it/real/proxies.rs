//! Proxies of Debian in front of the lab: tinyproxy, Privoxy and Dante, on loopback. They resolve names by a hosts file of
//! their own, in a mount namespace, so that no name server is asked.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::process::Running;
use super::tools;

/// Who is let through where a proxy knows users.
pub const USER: &str = "exporter";
/// What that user knows. tinyproxy allows few characters.
pub const PASSWORD: &str = "c0rrect-h0rse";
/// That, as `openssl passwd -6` writes it.
const HASH: &str =
    "$6$labsalt$QRcsYGVAU0lVUynM/UBNc3sI.noib6wXhoreHPFjoLQExH6Lp0LrzvLbmJ5EGjw6h2M0GcNn17T0NEz/5nOap1";

/// The only host that the proxies can resolve: the lab.
pub const HOST: &str = "maps.genuine.example";

/// How often somebody else may take a port between its choice and the proxy's start.
const ATTEMPTS: usize = 5;

/// Mounts a folder's files over those of `/etc`, then becomes the program.
const IN_ITS_OWN_ETC: &str = r#"
etc=$1; shift
for file in "$etc"/*; do mount --bind "$file" "/etc/${file##*/}" || exit; done
exec "$@"
"#;

/// A proxy, and what it does with requests.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// With one user; CONNECT to these ports alone.
    Tinyproxy([u16; 2]),
    /// Blocks [`BLOCKED`].
    Privoxy,
    /// Denies this port.
    Dante(u16),
    /// For users alone.
    DanteWithUsers,
}

/// The host that Privoxy blocks.
pub const BLOCKED: &str = "blocked.genuine.example";

/// The proxy. It ends on drop.
pub struct DebianProxy {
    _program: Running,
    _files: TempDir,
    addr: SocketAddr,
}

impl DebianProxy {
    /// Starts it.
    pub async fn start(kind: Kind) -> Self {
        for _ in 0..ATTEMPTS {
            match Self::try_start(kind).await {
                Ok(started) => return started,
                Err(said) => assert!(said.to_lowercase().contains("in use"), "{kind:?}: {said}"),
            }
        }
        panic!("no port stays free");
    }

    /// The error is what it said.
    async fn try_start(kind: Kind) -> Result<Self, String> {
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let files = TempDir::new().unwrap();
        write_etc(&files.path().join("etc"));
        let config = files.path().join("config");
        std::fs::write(&config, kind.config(addr, files.path())).unwrap();
        std::fs::write(files.path().join("lab.action"), format!("{{ +block{{lab}} }}\n{BLOCKED}\n")).unwrap();
        let (program, args, ready): (_, &[&str], _) = match kind {
            Kind::Tinyproxy(_) => ("tinyproxy", &["-d", "-c"], "Accepting connections"),
            Kind::Privoxy => ("privoxy", &["--no-daemon"], "Listening on port"),
            Kind::Dante(_) | Kind::DanteWithUsers => ("danted", &["-p", "pid", "-f"], "running"),
        };
        let mut command = Command::new(tools::find("unshare"));
        if !is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--mount", "--", "/bin/sh", "-c", IN_ITS_OWN_ETC, "sh"]).arg(files.path().join("etc"));
        command.arg(tools::find(program)).args(args).arg(&config).current_dir(files.path());
        let mut program = Running::start(&mut command);
        let line = program.first_of(&[ready, "in use"]).await.filter(|line| line.contains(ready));
        line.ok_or_else(|| program.said())?;
        Ok(Self { _program: program, _files: files, addr })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Kind {
    fn config(self, addr: SocketAddr, files: &Path) -> String {
        let (ip, port, files) = (addr.ip(), addr.port(), files.display());
        let dante = |method: &str, rules: &str| {
            format!(
                "logoutput: stdout\ninternal: {ip} port = {port}\nexternal: lo\nclientmethod: none\n\
                 socksmethod: {method}\nuser.privileged: root\nuser.unprivileged: root\n\
                 client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n{rules}\
                 socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
            )
        };
        match self {
            Self::Tinyproxy(ports) => format!(
                "Port {port}\nListen {ip}\nTimeout 60\nMaxClients 20\nLogLevel Info\n\
                 BasicAuth {USER} {PASSWORD}\nConnectPort {}\nConnectPort {}\n",
                ports[0], ports[1]
            ),
            Self::Privoxy => format!(
                "confdir {files}\nlogdir {files}\ntempldir /etc/privoxy/templates\nactionsfile lab.action\n\
                 listen-address {addr}\ndebug 4096\ndebug 8192\ntoggle 1\n"
            ),
            Self::Dante(denied) => {
                dante("none", &format!("socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = {denied} }}\n"))
            }
            Self::DanteWithUsers => dante("username", ""),
        }
    }
}

/// Names, and users whose passwords Dante looks up.
fn write_etc(etc: &Path) {
    std::fs::create_dir(etc).unwrap();
    for (name, text) in [
        ("hosts", format!("127.0.0.1 localhost {HOST} {BLOCKED}\n")),
        ("nsswitch.conf", "hosts: files\npasswd: files\nshadow: files\ngroup: files\n".to_owned()),
        ("passwd", format!("root:x:0:0:root:/:/bin/sh\n{USER}:x:1000:1000::/:/bin/false\n")),
        ("shadow", format!("root:*:19000:0:99999:7:::\n{USER}:{HASH}:19000:0:99999:7:::\n")),
    ] {
        std::fs::write(etc.join(name), text).unwrap();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}
