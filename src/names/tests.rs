//! Where connections go without a question asked, and which answers lead nowhere.

use super::*;
use crate::config::Config;

fn destinations() -> Destinations {
    let elsewhere = |host: &str, port| HostPort { host: host.to_owned(), port };
    let config = Config {
        connect_to: BTreeMap::from([
            (elsewhere("moved.example", 443), ConnectTo::Address("192.0.2.1:8443".parse().unwrap())),
            (elsewhere("renamed.example", 443), ConnectTo::Name(elsewhere("other.example", 8443))),
            (elsewhere("literal.example", 443), ConnectTo::Name(elsewhere("192.0.2.2", 8443))),
            (elsewhere("[2001:db8::9]", 443), ConnectTo::Address("192.0.2.3:8443".parse().unwrap())),
        ]),
        ..Config::default()
    };
    Destinations::new(&config.resolver, &config.connect_to, Duration::from_secs(1))
}

#[test]
fn the_configuration_comes_first_then_addresses_then_names() {
    let destinations = destinations();
    let cases = [
        ("moved.example", 443, "to 192.0.2.1:8443"),
        ("moved.example", 80, "ask moved.example 80"),
        ("renamed.example", 443, "ask other.example 8443, chosen"),
        ("literal.example", 443, "to 192.0.2.2:8443"),
        ("[2001:db8::9]", 443, "to 192.0.2.3:8443"),
        ("[2001:db8::9]", 80, "to [2001:db8::9]:80"),
        ("127.0.0.1", 80, "to 127.0.0.1:80"),
        ("plain.example", 80, "ask plain.example 80"),
    ];
    for (host, port, expected) in cases {
        let found = match destinations.of(host, port) {
            Destination::Known(address) => format!("to {address}"),
            Destination::Named(Lookup { name, port, chosen, .. }) => {
                format!("ask {name} {port}{}", if chosen { ", chosen" } else { "" })
            }
        };
        assert_eq!(found, expected, "{host}:{port}");
    }
}

#[test]
fn sinkholes_are_told_from_addresses() {
    let cases = [
        ("0.0.0.0", true),
        ("127.0.0.1", true),
        ("127.255.0.3", true),
        ("::", true),
        ("::1", true),
        ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false),
        ("203.0.113.7", false),
        ("2001:db8::1", false),
    ];
    for (address, expected) in cases {
        let found = sinkhole(&[address.parse().unwrap()]).is_some();
        assert_eq!(found, expected, "{address}");
    }
}

#[test]
fn only_what_dns_says_of_its_own_accord_is_a_sinkhole() {
    let cases = [
        (true, false, None),
        (true, true, Some("127.0.0.1:80")),
        (false, false, Some("127.0.0.1:80")),
        (false, true, Some("127.0.0.1:80")),
    ];
    for (by_dns, chosen, expected) in cases {
        let found = Found { addresses: vec!["127.0.0.1".parse().unwrap()], by_dns, port: 80, chosen };
        let address = found.address().ok().map(|address| address.to_string());
        assert_eq!(address.as_deref(), expected, "by DNS: {by_dns}, name chosen: {chosen}");
    }
}

#[test]
fn private_addresses_are_told_from_public_ones() {
    let check = |addresses: &[&str], expected: bool| {
        for address in addresses {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
    };
    check(&["10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0"], true);
    check(&["192.168.255.255", "100.64.0.0", "100.127.255.255", "169.254.0.0", "169.254.255.255"], true);
    check(&["fc00::", "fdff::1", "fe80::", "febf::1", "::ffff:10.0.0.1"], true);
    check(&["9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255"], false);
    check(&["192.169.0.0", "100.63.255.255", "100.128.0.0", "169.253.255.255", "169.255.0.0"], false);
    check(&["fbff::1", "fe00::1", "fe7f::1", "fec0::1", "2001:db8::1", "::ffff:203.0.113.7"], false);
    check(&["127.0.0.1", "0.0.0.0", "::", "::1"], false); // those are sinkholes
}

#[test]
fn only_what_dns_says_of_its_own_accord_is_private() {
    let addresses = ["10.0.0.1", "203.0.113.7", "fd00::1"].map(|text| text.parse().unwrap());
    for (by_dns, chosen, expected) in
        [(true, false, Some(2)), (true, true, None), (false, false, None), (false, true, None)]
    {
        let found = Found { addresses: addresses.into(), by_dns, port: 80, chosen };
        assert_eq!(found.private(), expected, "by DNS: {by_dns}, name chosen: {chosen}");
    }
}
