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
    Destinations::new(&config.resolver, &config.connect_to, Duration::from_secs(1)).unwrap()
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
