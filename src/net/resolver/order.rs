//! The order of a name's addresses: the destination address selection of RFC 6724, section 6, as the GNU C library
//! implements it.

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv6Addr};

use super::files::LocalNetwork;
use crate::net::local_address::local_address;

/// Sorts addresses into the order in which clients try them. `networks` are those of this machine's addresses.
pub(super) fn sort(addresses: &mut Vec<IpAddr>, networks: &[LocalNetwork]) {
    if addresses.len() < 2 {
        return;
    }
    let mut candidates: Vec<_> = addresses
        .drain(..)
        .map(|address| DestinationAddress::new(address, local_address(address), networks))
        .collect();
    candidates.sort_by(DestinationAddress::compare); // stable: rule 10
    addresses.extend(candidates.into_iter().map(|candidate| candidate.address));
}

/// An address with what the rules compare.
#[derive(Clone, Debug)]
struct DestinationAddress {
    address: IpAddr,
    source: Option<IpAddr>,
    /// The bits that source and destination have in common, if they count (rule 9).
    common_bits: u32,
}

impl DestinationAddress {
    fn new(address: IpAddr, source: Option<IpAddr>, networks: &[LocalNetwork]) -> Self {
        let common_bits = source.map_or(0, |source| common_bits(address, source, networks));
        Self { address, source, common_bits }
    }

    /// `Less` if `self` is to be tried first.
    fn compare(&self, other: &Self) -> Ordering {
        // Rule 1: avoid unusable destinations.
        let usable = other.source.is_some().cmp(&self.source.is_some());
        // Rule 2: prefer matching scope.
        let matching_scope = |of: &Self| of.source.is_some_and(|source| scope(source) == scope(of.address));
        let scopes = matching_scope(other).cmp(&matching_scope(self));
        // Rule 5: prefer matching label.
        let matching_label = |of: &Self| of.source.is_some_and(|source| label(source) == label(of.address));
        let labels = matching_label(other).cmp(&matching_label(self));
        // Rule 6: prefer higher precedence.
        let precedences = precedence(other.address).cmp(&precedence(self.address));
        // Rule 8: prefer smaller scope.
        let smaller = scope(self.address).cmp(&scope(other.address));
        // Rule 9: use the longest matching prefix, within a family.
        let prefixes = if self.address.is_ipv4() == other.address.is_ipv4() {
            other.common_bits.cmp(&self.common_bits)
        } else {
            Ordering::Equal
        };
        usable.then(scopes).then(labels).then(precedences).then(smaller).then(prefixes)
    }
}

/// The leading bits that both addresses share. For IPv4 they count within the source's own network only: elsewhere
/// common bits mean nothing.
fn common_bits(address: IpAddr, source: IpAddr, networks: &[LocalNetwork]) -> u32 {
    match (address, source) {
        (IpAddr::V4(address), IpAddr::V4(source)) => {
            let network = networks.iter().find(|network| network.address == IpAddr::V4(source));
            let differing = u32::from(address) ^ u32::from(source);
            let common = differing.leading_zeros();
            if network.is_some_and(|network| common >= u32::from(network.prefix)) { common } else { 0 }
        }
        (IpAddr::V6(address), IpAddr::V6(source)) => {
            (u128::from(address) ^ u128::from(source)).leading_zeros()
        }
        _ => 0,
    }
}

/// The scope of an address (RFC 6724, section 3.1): a smaller number is a smaller scope.
fn scope(address: IpAddr) -> u8 {
    const LINK_LOCAL: u8 = 2;
    const SITE_LOCAL: u8 = 5;
    const GLOBAL: u8 = 14;
    match address {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() => LINK_LOCAL,
        IpAddr::V6(v6) if v6.is_multicast() => v6.octets()[1] & 0x0f,
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unicast_link_local() => LINK_LOCAL,
        IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfec0 => SITE_LOCAL,
        IpAddr::V4(_) | IpAddr::V6(_) => GLOBAL,
    }
}

/// A row of the policy table (RFC 6724, section 2.1).
struct PolicyRow {
    prefix: Ipv6Addr,
    bits: u32,
    precedence: u8,
    label: u8,
}

/// The default policy table, the longest prefixes first.
const POLICIES: [PolicyRow; 9] = [
    PolicyRow { prefix: Ipv6Addr::LOCALHOST, bits: 128, precedence: 50, label: 0 },
    PolicyRow { prefix: Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), bits: 96, precedence: 35, label: 4 },
    PolicyRow { prefix: Ipv6Addr::UNSPECIFIED, bits: 96, precedence: 1, label: 3 },
    PolicyRow { prefix: Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), bits: 32, precedence: 5, label: 5 },
    PolicyRow { prefix: Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), bits: 16, precedence: 30, label: 2 },
    PolicyRow { prefix: Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), bits: 16, precedence: 1, label: 12 },
    PolicyRow { prefix: Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), bits: 10, precedence: 1, label: 11 },
    PolicyRow { prefix: Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), bits: 7, precedence: 3, label: 13 },
    PolicyRow { prefix: Ipv6Addr::UNSPECIFIED, bits: 0, precedence: 40, label: 1 },
];

fn policy_for(address: IpAddr) -> &'static PolicyRow {
    let address = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let matches = |policy: &&PolicyRow| {
        (u128::from(address) ^ u128::from(policy.prefix)).leading_zeros() >= policy.bits
    };
    POLICIES.iter().find(matches).unwrap_or(&POLICIES[8]) // the last row matches everything
}

fn precedence(address: IpAddr) -> u8 {
    policy_for(address).precedence
}

fn label(address: IpAddr) -> u8 {
    policy_for(address).label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Addresses with their source (`-`: no route), and the expected order. The machine's network is 192.0.2.0/24.
    fn check(given: &[(&str, &str)], expected: &[&str]) {
        let networks = [LocalNetwork { address: ip("192.0.2.1"), prefix: 24 }];
        let mut candidates: Vec<_> = given
            .iter()
            .map(|(address, source)| DestinationAddress::new(ip(address), source.parse().ok(), &networks))
            .collect();
        candidates.sort_by(DestinationAddress::compare);
        let sorted: Vec<_> = candidates.iter().map(|candidate| candidate.address.to_string()).collect();
        assert_eq!(sorted, expected, "{given:?}");
    }

    /// The examples of RFC 6724, section 10.2, with one source each, and the peculiarities of the C library.
    #[test]
    fn rfc_6724() {
        check(
            &[("198.51.100.121", "198.51.100.117"), ("2001:db8:1::1", "2001:db8:1::2")],
            &["2001:db8:1::1", "198.51.100.121"],
        );
        check(
            &[("2001:db8:1::1", "-"), ("198.51.100.121", "198.51.100.117")],
            &["198.51.100.121", "2001:db8:1::1"],
        );
        check(
            &[("2001:db8:1::1", "fe80::1"), ("198.51.100.121", "198.51.100.117")],
            &["198.51.100.121", "2001:db8:1::1"],
        );
        check(&[("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")], &["fe80::1", "2001:db8:1::1"]);
        check(
            &[("2002:c633:6401::1", "2002:c633:6401::2"), ("2001:db8:1::1", "2001:db8:1::2")],
            &["2001:db8:1::1", "2002:c633:6401::1"],
        );
        check(&[("fd00::1", "fd00::2"), ("198.51.100.1", "198.51.100.2")], &["198.51.100.1", "fd00::1"]);
        // Common bits count within the machine's own network only.
        check(&[("192.0.2.9", "192.0.2.1"), ("192.0.2.2", "192.0.2.1")], &["192.0.2.2", "192.0.2.9"]);
        check(
            &[("203.0.113.9", "192.0.2.1"), ("198.51.100.9", "192.0.2.1")],
            &["203.0.113.9", "198.51.100.9"],
        );
        check(
            &[("2001:db8:2::1", "2001:db8:1::2"), ("2001:db8:1::1", "2001:db8:1::2")],
            &["2001:db8:1::1", "2001:db8:2::1"],
        );
    }

    #[test]
    fn one_address_stays() {
        let mut addresses = vec![ip("127.0.0.1")];
        sort(&mut addresses, &[]);
        assert_eq!(addresses, [ip("127.0.0.1")]);
    }
}
