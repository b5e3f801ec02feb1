//! Detects the programs that tests may need, and whether network namespaces can be created.

use std::env::{split_paths, var_os};
use std::path::PathBuf;
use std::process::Command;

/// Programs found by their name; the rest are in `have`.
const PROGRAMS: [&str; 18] = [
    "chromium",
    "curl",
    "danted",
    "getent",
    "ip",
    "mitmdump",
    "nft",
    "openssl",
    "privoxy",
    "prlimit",
    "prometheus",
    "prometheus-alertmanager",
    "promtool",
    "python3",
    "script",
    "systemd-socket-activate",
    "tinyproxy",
    "unshare",
];

/// Where Debian keeps what is for administrators: not in everyone's `PATH`.
const ADMINISTRATORS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Squid's helper that only a build with TLS inspection has.
const SQUID_HELPER: &str = "/usr/lib/squid/security_file_certgen";

/// How a namespace is had: by root's rights, or as the root of a user namespace. `real/netns.rs` tries the same.
const UNSHARE_FLAGS: [&[&str]; 2] = [&["--net", "--mount"], &["--map-root-user", "--net", "--mount"]];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for variable in ["PATH", "DEFENDER_TEST_TOOLS", "XDG_CACHE_HOME", "HOME", "USER"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let mut missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| find(program).is_none()).collect();
    if find("squid").is_none() || watched(PathBuf::from(SQUID_HELPER)).is_none() {
        missing.push("squid-openssl");
    }
    if !has_namespaces() {
        missing.push("namespaces");
    }
    if !missing.is_empty() {
        // What is installed later changes one of these.
        folders().filter(|folder| folder.is_dir()).for_each(|folder| rerun_if_changed(&folder));
    }
    println!("cargo:rustc-env=MISSING={}", missing.join(" "));
}

fn find(program: &str) -> Option<PathBuf> {
    folders().find_map(|folder| watched(folder.join(program)))
}

/// The file, if it is there; its end has this run again.
fn watched(file: PathBuf) -> Option<PathBuf> {
    let found = file.is_file().then_some(file)?;
    rerun_if_changed(&found);
    Some(found)
}

fn rerun_if_changed(path: &std::path::Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

/// Where programs are searched: `real/tools.rs` has the same rule.
fn folders() -> impl Iterator<Item = PathBuf> {
    let path: Vec<_> = split_paths(&var_os("PATH").unwrap_or_default()).collect();
    path.into_iter().chain(ADMINISTRATORS.map(PathBuf::from)).chain(tools().map(|tools| tools.join("bin")))
}

/// Where `.ci/install` keeps what isn't Debian's.
fn tools() -> Option<PathBuf> {
    let cache = || {
        let home = || var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        Some(var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?.join("defender-exporter/ci-tools"))
    };
    var_os("DEFENDER_TEST_TOOLS").map(PathBuf::from).or_else(cache)
}

/// Whether a network namespace with nftables can be made.
fn has_namespaces() -> bool {
    let (Some(ip), Some(nft), Some(unshare)) = (find("ip"), find("nft"), find("unshare")) else { return false };
    let try_out = format!("{} link set lo up && {} add table inet lab", ip.display(), nft.display());
    UNSHARE_FLAGS.iter().any(|way| {
        let tried = Command::new(&unshare).args(*way).args(["--", "/bin/sh", "-c", &try_out]).output();
        tried.is_ok_and(|output| output.status.success())
    })
}
