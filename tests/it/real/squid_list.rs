//! `catalog --format squid` with Squid itself, which refuses names that cover each other.

use std::process::Command;

use defender_exporter_needs::needs;

use super::tools;
use crate::exporter::run;

#[needs("squid-openssl")]
#[test]
fn squid_accepts_the_list() {
    let squid = tools::find("squid");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::write(
        &config,
        "geos: [us, eu, uk, au, ch, in]\ngroups: [streamlined, mde, usgov, pki_extended]\n",
    )
    .unwrap();
    let output = run(&["catalog", "--format", "squid", "--config.file", config.to_str().unwrap()]);
    let list = String::from_utf8(output.stdout).unwrap();
    assert!(list.lines().any(|line| line == ".wdcp.microsoft.com"), "{list}");

    let check = |list: &str| {
        let (names, conf) = (folder.path().join("defender.txt"), folder.path().join("squid.conf"));
        std::fs::write(&names, list).unwrap();
        let names = names.display();
        // Parsing opens no port.
        let text = format!(
            "acl defender dstdomain \"{names}\"\nhttp_access allow defender\nhttp_port 127.0.0.1:3128\n"
        );
        std::fs::write(&conf, text).unwrap();
        let parsed = Command::new(&squid).args(["-k", "parse", "-f"]).arg(&conf).output().unwrap();
        (parsed.status.success(), String::from_utf8_lossy(&parsed.stderr).into_owned())
    };
    let (success, said) = check(&list);
    assert!(success && !said.contains("WARNING") && !said.contains("ERROR"), "{said}");
    // The test tells a bad list.
    let (success, said) = check(&format!("{list}wdcp.microsoft.com\n"));
    assert!(!success || said.contains("WARNING"), "{said}");
}
