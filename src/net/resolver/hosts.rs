//! The hosts file (hosts(5)) by the rules of the GNU C library. Pure.

use std::collections::HashMap;
use std::net::IpAddr;

/// The addresses that the hosts file pins names to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsFile {
    /// By name, in lower case. In the order of the file, without duplicates.
    addresses: HashMap<String, Vec<IpAddr>>,
}

impl HostsFile {
    /// Parses the file. A line without a valid address is ignored, and so is a name that isn't UTF-8.
    #[must_use]
    pub fn parse(file: &[u8]) -> Self {
        let mut hosts = Self::default();
        for line in file.split(|byte| *byte == b'\n') {
            let entry = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let mut words = entry.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let address = words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse().ok());
            let Some(address) = address else { continue };
            for name in words.filter_map(|word| std::str::from_utf8(word).ok()) {
                let pinned = hosts.addresses.entry(name.to_ascii_lowercase()).or_default();
                if !pinned.contains(&address) {
                    pinned.push(address);
                }
            }
        }
        hosts
    }

    /// The addresses of `name`, which is compared without regard to case. Empty if the file doesn't have it.
    #[must_use]
    pub fn get(&self, name: &str) -> &[IpAddr] {
        self.addresses.get(&name.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_addresses() {
        for (file, expected) in [
            (&b"192.0.2.1 a.example\n"[..], "192.0.2.1"),
            (b"192.0.2.1\tother A.Example b.example", "192.0.2.1"),
            (b"  192.0.2.1 a.example # a comment\n", "192.0.2.1"),
            (b"192.0.2.1 other # a.example\n", ""),
            (b"#192.0.2.1 a.example\n", ""),
            (b"192.0.2.1 a.example\n2001:db8::1 a.example\n192.0.2.1 a.example\n", "192.0.2.1 2001:db8::1"),
            (b"fe80::1%lo0 localhost\n192.0.2.1 a.example\n", "192.0.2.1"),
            (b"# caf\xe9\n192.0.2.2 caf\xe9 a.example\n", "192.0.2.2"),
            (b"192.0.2 a.example\r\n0.0.0.0 a.example\r\n", "0.0.0.0"),
            (b"192.0.2.1 a.example.\n", ""),
            (b"192.0.2.1\n", ""),
        ] {
            let hosts = HostsFile::parse(file);
            let found: Vec<_> = hosts.get("a.eXample").iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{}", String::from_utf8_lossy(file));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_parsed(file in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let hosts = HostsFile::parse(&file);
            proptest::prop_assert!(hosts.addresses.values().all(|pinned| !pinned.is_empty()));
        }
    }
}
