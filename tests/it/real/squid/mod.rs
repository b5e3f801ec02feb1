//! Debian's Squid in front of the lab, on loopback and without a cache. Its behaviour is data. `config.rs` routes
//! every host to the lab's origins.

mod config;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use super::process::Running;
use super::tools;
use crate::lab::Lab;
use crate::lab::forwarder::Forwarder;
use config::Surroundings;

pub use config::{PASSWORD, USER};

/// Who issues what an inspecting Squid presents.
pub const AUTHORITY: &str = "Squid Inspection Root";

/// Debian's user `proxy`: Squid doesn't work for root.
const PROXY: u32 = 13;
/// Retries if another process takes a port before Squid starts.
const ATTEMPTS: usize = 5;

/// What it does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Lets them through.
    Open,
    /// Allows [`USER`] with Basic authentication; others get a 407.
    Basic,
    /// Asks for NTLM alone (407).
    Ntlm,
    /// Denies them (403).
    Denying,
    /// Sends them to a parent that has never been there: it knows no way (500 to CONNECT, 502 to others).
    DeadParent,
    /// Sends them to a parent that is there no more (503).
    LostParent,
    /// Thinks about each for so long, then lets it through.
    Late(Duration),
    /// Lets them through, and looks into their TLS.
    Inspecting,
}

/// The proxy. It ends on drop.
pub struct Squid {
    program: Running,
    _memory: SharedMemory,
    addrs: [SocketAddr; 2],
    files: TempDir,
    _parent: Forwarder,
}

/// What Squid keeps outside its folder, by its name. Squid clears it away when it ends in order, which takes seconds.
struct SharedMemory(String);

impl Drop for SharedMemory {
    fn drop(&mut self) {
        let files = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
        for file in files.filter(|file| file.file_name().to_string_lossy().starts_with(&self.0)) {
            let _ = std::fs::remove_file(file.path()); // it may have ended in order after all
        }
    }
}

impl Squid {
    /// Starts it.
    pub async fn start(lab: &Lab, policy: Policy) -> Self {
        let squid = tools::find("squid");
        for _ in 0..ATTEMPTS {
            match Self::try_start(&squid, lab, policy).await {
                Ok(started) => return started,
                Err(said) => assert!(said.contains("Address already in use"), "{policy:?}: {said}"),
            }
        }
        panic!("no port stays free");
    }

    /// The error is Squid's output.
    async fn try_start(squid: &Path, lab: &Lab, policy: Policy) -> Result<Self, String> {
        let files = TempDir::new().unwrap();
        let parent = Forwarder::to(lab.plain.addr());
        if policy == Policy::DeadParent {
            parent.block().await;
        }
        let addrs = [free_port(Ipv4Addr::LOCALHOST), free_port(Ipv6Addr::LOCALHOST)];
        let (tls, plain) = (lab.tls.addr(), lab.plain.addr());
        let surroundings = Surroundings { files: files.path(), addrs, tls, plain, parent: parent.addr() };
        surroundings.write(policy);
        make_authority(files.path());
        hand_over(files.path());
        if policy == Policy::Inspecting {
            make_certificate_store(files.path());
        }
        let mut command = Command::new(squid);
        let name = format!("lab{}x{}", addrs[0].port(), addrs[1].port());
        command.args(["-N", "-d", "2", "-n", &name, "-f"]).arg(files.path().join("squid.conf"));
        let memory = SharedMemory(format!("{name}-"));
        let mut program = Running::start(as_its_owner(&mut command, files.path()));
        for addr in addrs {
            is_listening(&mut program, addr).await?;
        }
        // Squid continues with one of its ports; another process may respond at the other for a moment.
        let said = program.said();
        if said.contains("Address already in use") {
            return Err(said);
        }
        if policy == Policy::LostParent {
            program.first_of(&[&config::found(parent.addr())]).await.ok_or_else(|| program.said())?;
            parent.block().await;
        }
        Ok(Self { program, _memory: memory, addrs, files, _parent: parent })
    }

    /// Where it listens: IPv4, IPv6.
    pub const fn addrs(&self) -> [SocketAddr; 2] {
        self.addrs
    }

    /// The certificate of its authority, in a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.files.path().join("authority.pem")
    }

    /// Its log, a line for each request that has ended: method, URL, status, user.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.files.path().join("access.log")).unwrap_or_default()
    }

    /// Other output.
    pub fn said(&self) -> String {
        self.program.said()
    }
}

/// Waits until Squid listens; the error is its output.
async fn is_listening(program: &mut Running, addr: SocketAddr) -> Result<(), String> {
    let listening = format!("local={addr} ");
    let line = program.first_of(&[&listening, "annot bind", "FATAL"]).await;
    let listens = line.is_some_and(|line| line.contains("Accepting"));
    if listens { Ok(()) } else { Err(program.said()) }
}

/// A free port: Squid can't choose one itself.
fn free_port(ip: impl Into<IpAddr>) -> SocketAddr {
    TcpListener::bind((ip.into(), 0)).unwrap().local_addr().unwrap()
}

/// The authority of an inspecting Squid: its certificate, and with its key.
fn make_authority(files: &Path) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(files.join("authority.pem"), &certificate).unwrap();
    std::fs::write(files.join("signing.pem"), key.serialize_pem() + &certificate).unwrap();
}

/// Where an inspecting Squid's helper keeps what it made.
fn make_certificate_store(files: &Path) {
    let mut command = Command::new(config::helper("security_file_certgen"));
    command.arg("-c").arg("-s").arg(files.join("certificates")).args(["-M", "4MB"]);
    let made = as_its_owner(&mut command, files).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Gives the folder to Squid's user, where it is root's.
fn hand_over(files: &Path) {
    if files.metadata().unwrap().uid() == 0 {
        let own = std::fs::read_dir(files).unwrap().map(|file| file.unwrap().path());
        own.chain([files.to_owned()]).for_each(|path| chown(path, Some(PROXY), Some(PROXY)).unwrap());
    }
}

/// Lets a program run as the user that the folder belongs to.
fn as_its_owner<'a>(command: &'a mut Command, files: &Path) -> &'a mut Command {
    let owner = files.metadata().unwrap();
    let us = Path::new("/proc/self").metadata().unwrap();
    let command = command.current_dir(files);
    if owner.uid() == us.uid() { command } else { command.uid(owner.uid()).gid(owner.gid()) }
}
