//! A network namespace per test, without root: the test runs again, alone, in a namespace with only loopback and
//! nftables. The machine's own network is unaffected.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::tools;

/// Set for the run inside: the namespace that it must not be in.
const OUTSIDE: &str = "DEFENDER_TEST_OUTSIDE";
/// How a namespace is had: by root's rights, or as the root of a user namespace.
const UNSHARE_FLAGS: [&[&str]; 2] = [&["--net", "--mount"], &["--map-root-user", "--net", "--mount"]];

/// The network. It goes with the process.
pub struct Network {
    ip: PathBuf,
    nft: PathBuf,
}

/// Runs `body` in a network of its own. `test` is the path of the test that calls this, which needs `namespaces`.
///
/// # Panics
/// When the body does, or didn't run.
pub fn alone<F: Future<Output = ()>>(test: &str, body: impl FnOnce(Network) -> F) {
    let network = Network::find();
    if let Some(outside) = std::env::var_os(OUTSIDE) {
        assert_ne!(outside, namespace(), "this is no namespace of its own");
        network.up();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        return runtime.block_on(body(network));
    }
    let mut inside = network.unshare();
    let (_, test) = test.split_once("::").unwrap(); // the crate's name is not part of a test's
    inside.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let output = inside.env(OUTSIDE, namespace()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let ran = output.status.success() && said.contains(" 1 passed");
    assert!(ran, "inside: {}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}

/// The namespace that we are in.
fn namespace() -> OsString {
    std::fs::read_link("/proc/self/ns/net").unwrap().into_os_string()
}

impl Network {
    fn find() -> Self {
        Self { ip: tools::find("ip"), nft: tools::find("nft") }
    }

    /// What runs a program in a new network, in the first way that works here.
    fn unshare(&self) -> Command {
        let unshare = tools::find("unshare");
        let by = |way: &&[&str]| {
            let mut command = Command::new(&unshare);
            command.args(*way).arg("--");
            command
        };
        let try_out =
            format!("{} link set lo up && {} add table inet lab", self.ip.display(), self.nft.display());
        let works = |way: &&&[&str]| {
            let tried = by(way).args(["/bin/sh", "-c", &try_out]).output();
            tried.is_ok_and(|output| output.status.success())
        };
        by(UNSHARE_FLAGS
            .iter()
            .find(works)
            .expect("root's rights or user namespaces, and nftables in the kernel"))
    }

    fn up(&self) {
        succeed(Command::new(&self.ip).args(["link", "set", "lo", "up"]));
    }

    /// Makes an address this network's own, with its prefix if it has one.
    pub fn add(&self, address: &str) {
        succeed(Command::new(&self.ip).args(["address", "add", address, "dev", "lo"]));
    }

    /// Puts a table of these chains in the place of all rules.
    pub fn set(&self, chains: &str) {
        let rules = format!("flush ruleset\ntable inet lab {{\n{chains}\n}}\n");
        succeed_with(Command::new(&self.nft).args(["-f", "-"]), &rules);
    }

    /// A single rule for incoming packets. If it contains `counter`, [`Self::hits`] returns the count.
    pub fn rule(&self, rule: &str) {
        self.set(&format!("chain firewall {{ type filter hook input priority filter;\n{rule}\n}}"));
    }

    /// Takes all rules back.
    pub fn open(&self) {
        self.set("");
    }

    /// How many packets the first counter has seen.
    pub fn hits(&self) -> usize {
        let rules = succeed(Command::new(&self.nft).args(["list", "ruleset"]));
        let (_, counter) = rules.split_once("counter packets ").unwrap();
        counter.split(' ').next().unwrap().parse().unwrap()
    }
}

fn succeed(command: &mut Command) -> String {
    succeed_with(command, "")
}

/// Runs a program with this input; returns its output.
fn succeed_with(command: &mut Command, input: &str) -> String {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert!(status.success(), "{command:?}: {}\n{input}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
