//! Any bytes as the hosts file.

use std::collections::HashSet;

use defender_exporter::net::resolver::hosts::HostsFile;

pub fn run(file: &[u8]) {
    let hosts = HostsFile::parse(file);
    let twice = [file, b"\n# 192.0.2.1 localhost\n", file].concat();
    assert_eq!(HostsFile::parse(&twice), hosts, "neither comments nor repetitions have an effect");
    for word in String::from_utf8_lossy(file).split_ascii_whitespace() {
        let addresses = hosts.get(word);
        assert_eq!(hosts.get(&word.to_ascii_uppercase()), addresses, "{word}: case doesn't matter");
        let distinct: HashSet<_> = addresses.iter().collect();
        assert_eq!(distinct.len(), addresses.len(), "{word}: {addresses:?}");
    }
    assert!(hosts.get("").is_empty() && hosts.get("two words").is_empty());
}
