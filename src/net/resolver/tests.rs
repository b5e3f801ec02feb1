//! Destinations without DNS, and which addresses are sinkholes or private.

use hickory_proto::op::ResponseCode;

use super::*;
use crate::config::Config;
use crate::text::is_plain;

fn destinations() -> Resolver {
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
    Resolver::new(&config.resolver, &config.connect_to)
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
        let found = match destinations.destination(host, port) {
            Destination::Known(address) => format!("to {address}"),
            Destination::Named(NameLookup { name, port, is_configured, .. }) => {
                format!("ask {name} {port}{}", if is_configured { ", chosen" } else { "" })
            }
        };
        assert_eq!(found, expected, "{host}:{port}");
    }
}

#[test]
fn sinkholes_are_detected() {
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

/// One address from a source, of a name that the configuration chose or didn't. It is no company's server.
fn found(address: &str, origin: AddressOrigin, is_configured: bool) -> ResolvedAddresses {
    let addresses = vec![address.parse().unwrap()];
    ResolvedAddresses {
        addresses,
        aliases: Vec::new(),
        origin,
        search_suffix: None,
        failed_servers: Vec::new(),
        others: Vec::new(),
        port: 80,
        is_configured,
        is_on_premises: false,
    }
}

fn server() -> SocketAddr {
    ([192, 0, 2, 53], 53).into()
}

#[test]
fn the_configuration_may_choose_this_machine_and_others_may_not() {
    let dns = || AddressOrigin::Dns(server());
    let sinkhole = "DNS server 192.0.2.53 answered 127.0.0.1, a sinkhole address (filtered)";
    let pinned = "the hosts file of this machine maps the name to 127.0.0.1, where no service can be";
    for (origin, is_configured, expected) in [
        (dns(), false, sinkhole),
        (dns(), true, "127.0.0.1:80"),
        (AddressOrigin::HostsFile, false, pinned),
        (AddressOrigin::HostsFile, true, "127.0.0.1:80"),
        (AddressOrigin::Configuration, false, "127.0.0.1:80"),
        (AddressOrigin::Configuration, true, "127.0.0.1:80"),
    ] {
        let connects = found("127.0.0.1", origin.clone(), is_configured).to_connect();
        let shown = connects.map_or_else(|error| error.to_string(), |addresses| addresses[0].to_string());
        assert_eq!(shown, expected, "{origin:?}, name configured: {is_configured}");
    }
}

/// Debian maps a machine's own name to 127.0.1.1. A filter's answer, and an entry that blocks a name, are none of this.
#[test]
fn a_companys_server_may_be_this_machine_by_its_hosts_file() {
    let hosts = || AddressOrigin::HostsFile;
    let dns = || AddressOrigin::Dns(server());
    let (own, debian) = (true, "127.0.1.1");
    for (addresses, origin, is_on_premises, connects) in [
        (&[debian][..], hosts(), own, true),
        (&["127.0.0.1"], hosts(), own, true),
        (&["::1", "127.0.1.1"], hosts(), own, true),
        (&["::ffff:127.0.1.1"], hosts(), own, true),
        (&["192.0.2.7", debian], hosts(), own, true),
        (&["0.0.0.0"], hosts(), own, false),
        (&["::"], hosts(), own, false),
        (&[debian, "0.0.0.0"], hosts(), own, false),
        (&["127.0.0.1"], dns(), own, false),
        (&[debian], dns(), own, false),
        (&["0.0.0.0"], dns(), own, false),
        // Tools that keep Windows from talking to Microsoft write such entries.
        (&["127.0.0.1"], hosts(), !own, false),
        (&["0.0.0.0"], hosts(), !own, false),
        (&[debian], hosts(), !own, false),
    ] {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let found = ResolvedAddresses { addresses, is_on_premises, ..found(debian, origin.clone(), false) };
        let shown = found.to_connect();
        assert_eq!(
            shown.is_ok(),
            connects,
            "{:?} {origin:?} of a company: {is_on_premises}",
            found.addresses
        );
    }
}

/// A company's name is one endpoint's name for everything else: no search domains, and its private addresses count.
#[test]
fn a_companys_destination_is_resolved_as_an_endpoints() {
    let destinations = destinations();
    let Destination::Named(lookup) = destinations.on_premises_destination("wsus.example", 8530) else {
        panic!("it has to be resolved")
    };
    assert!(lookup.is_on_premises && !lookup.is_configured);
    let moved = destinations.on_premises_destination("moved.example", 443);
    assert!(matches!(moved, Destination::Known(address) if address.to_string() == "192.0.2.1:8443"));
}

#[test]
fn private_addresses_are_detected() {
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
fn only_addresses_from_dns_count_as_private() {
    for (origin, is_configured, expected) in [
        (AddressOrigin::Dns(server()), false, Some(1)),
        (AddressOrigin::Dns(server()), true, None),
        (AddressOrigin::HostsFile, false, Some(1)),
        (AddressOrigin::Configuration, false, None),
        (AddressOrigin::Configuration, true, None),
    ] {
        assert_eq!(found("10.0.0.1", origin.clone(), is_configured).private(), expected, "{origin:?}");
    }
    assert_eq!(found("203.0.113.7", AddressOrigin::Dns(server()), false).private(), Some(0));
}

fn report(outcome: ServerOutcome, extended: Option<(u16, &str)>) -> ServerReport {
    let extended = extended.map(|(code, text)| ExtendedError { code, text: text.to_owned() });
    ServerReport { server: server(), outcome, extended }
}

fn failure(reports: Vec<ServerReport>, decisive: usize) -> String {
    NameError::Dns(DnsFailure { name: "a.example".to_owned(), reports, decisive }).to_string()
}

#[test]
fn failures_of_dns_are_in_words() {
    use ServerOutcome as O;
    let alias = || Some("b.example".to_owned());
    let after = Duration::from_millis(2500);
    for (outcome, extended, expected) in [
        (O::NxDomain { alias: None }, None, "a.example does not exist (NXDOMAIN from DNS server 192.0.2.53)"),
        (
            O::NxDomain { alias: alias() },
            None,
            "a.example is an alias of b.example, which does not exist (NXDOMAIN from DNS server 192.0.2.53)",
        ),
        (
            O::NxDomain { alias: None },
            Some((15, "by policy")),
            "a.example does not exist (NXDOMAIN from DNS server 192.0.2.53, Extended DNS Error 15 \"Blocked\": \"by policy\")",
        ),
        (O::NoData { alias: None }, None, "a.example has no address (NODATA from DNS server 192.0.2.53)"),
        (
            O::NoData { alias: alias() },
            None,
            "a.example is an alias of b.example, which has no address (NODATA from DNS server 192.0.2.53)",
        ),
        (
            O::AliasLoop,
            None,
            "the aliases (CNAME) of a.example form a loop, according to DNS server 192.0.2.53",
        ),
        (O::Code(ResponseCode::ServFail), None, "DNS server 192.0.2.53 answered SERVFAIL (2) for a.example"),
        (
            O::Code(ResponseCode::ServFail),
            Some((6, "")),
            "DNS server 192.0.2.53 answered SERVFAIL (2) for a.example (Extended DNS Error 6 \"DNSSEC Bogus\")",
        ),
        (O::Code(ResponseCode::BADVERS), None, "DNS server 192.0.2.53 answered BADVERS (16) for a.example"),
        (
            O::Code(ResponseCode::Unknown(3841)),
            None,
            "DNS server 192.0.2.53 answered an error code (3841) for a.example",
        ),
        (O::Referral, None, "DNS server 192.0.2.53 answered a.example with a referral: it does not recurse"),
        (O::Silent(after), None, "DNS server 192.0.2.53 did not answer for a.example within 2.5s"),
        (
            O::OneTypeSilent { record_type: "AAAA", after },
            None,
            "DNS server 192.0.2.53 did not answer the AAAA query for a.example within 2.5s",
        ),
        (O::Rejected, None, "DNS server 192.0.2.53 unreachable (ICMP port unreachable)"),
        (O::Unreachable("no route".to_owned()), None, "DNS server 192.0.2.53 unreachable: no route"),
        (
            O::Truncated("refused".to_owned()),
            None,
            "answer of DNS server 192.0.2.53 for a.example truncated over UDP and unavailable over TCP: refused",
        ),
        (O::NoTcp("refused".to_owned()), None, "DNS server 192.0.2.53 unreachable over TCP: refused"),
        (O::Malformed, None, "DNS server 192.0.2.53 answered a.example with an invalid DNS message"),
    ] {
        let shown = failure(vec![report(outcome, extended)], 0);
        assert!(is_plain(&shown), "{shown}");
        assert_eq!(shown, expected);
    }
    let other = ServerReport { server: ([192, 0, 2, 54], 5353).into(), ..report(O::Addresses(2), None) };
    assert_eq!(
        failure(vec![other, report(O::NxDomain { alias: None }, None)], 1),
        "a.example does not exist (NXDOMAIN from DNS server 192.0.2.53); DNS server 192.0.2.54:5353 has 2 addresses for a.example"
    );
    let odd = NameError::InvalidName("a b..example".to_owned()).to_string();
    assert_eq!(odd, "\"a b..example\" is not a valid DNS name");
}
