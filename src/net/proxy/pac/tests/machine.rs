//! `myIpAddress` and `myIpAddressEx` by routes, as Chromium finds them.

use std::net::IpAddr;

use super::helpers::check_at;
use super::*;

/// A destination, and the source address of connections to it.
type Route = (&'static str, &'static str);

/// A machine whose connections to each destination have this source.
fn routed(host_name: &str, routes: &[Route]) -> ScriptMachine {
    let source = |to: IpAddr| {
        let (_, from) = routes.iter().find(|(destination, _)| to.to_string() == *destination)?;
        Some(from.parse().unwrap())
    };
    ScriptMachine::with_routes(time("2026-03-04 12:00:00"), Some(host_name.to_owned()), source)
}

#[tokio::test]
async fn the_first_source_with_an_address_decides() {
    const V4: &str = "8.8.8.8";
    const V6: &str = "2001:4860:4860::8888";
    let private = ("10.0.0.0", "10.9.8.7");
    // host name, routes, myIpAddress, myIpAddressEx
    let cases: &[(&str, &[Route], &str, &str)] = &[
        ("", &[], "127.0.0.1", ""),
        ("", &[(V4, "192.0.2.7"), private], "192.0.2.7", "192.0.2.7"),
        ("", &[(V4, "192.0.2.7"), (V6, "2001:db8::7")], "192.0.2.7", "2001:db8::7;192.0.2.7"),
        ("", &[(V6, "2001:db8::7"), private], "2001:db8::7", "2001:db8::7"),
        // no way to the Internet: the host name, except loopback, then private networks
        ("inside.contoso.example", &[private], "10.1.2.3", "fd00::3;10.1.2.3"),
        ("six.contoso.example", &[private], "2001:db8::6", "2001:db8::6"),
        ("missing.contoso.example", &[private], "10.9.8.7", "10.9.8.7"),
        ("here.contoso.example", &[private], "10.9.8.7", "10.9.8.7"),
        ("not a name", &[("172.16.0.0", "172.16.3.4")], "172.16.3.4", "172.16.3.4"),
        ("", &[private, ("192.168.0.0", "10.9.8.7"), ("fc00::", "fd00::7")], "10.9.8.7", "fd00::7;10.9.8.7"),
        // loopback is no address, and a link-local one is the last resort
        ("", &[(V4, "127.0.0.1"), (V6, "::1"), private], "10.9.8.7", "10.9.8.7"),
        ("", &[(V4, "169.254.3.4"), private], "10.9.8.7", "10.9.8.7"),
        ("", &[(V4, "0.0.0.0"), (V6, "fe80::7"), ("10.0.0.0", "169.254.3.4")], "169.254.3.4", "169.254.3.4"),
        ("", &[(V6, "fe80::7")], "fe80::7", "fe80::7"),
    ];
    for (host_name, routes, one, all) in cases {
        let (one, all) = (format!("{one:?}"), format!("{all:?}"));
        let cases = [("myIpAddress()", one.as_str()), ("myIpAddressEx()", all.as_str())];
        check_at(&routed(host_name, routes), &cases).await;
    }
}

/// Whoever has a way to the Internet doesn't resolve the host name.
#[tokio::test]
async fn the_host_name_is_only_resolved_where_it_decides() {
    let machine = routed("host.contoso.example", &[("8.8.8.8", "192.0.2.7")]);
    let never = |name: &str| -> Result<Vec<IpAddr>, ()> { panic!("{name}") };
    assert_eq!(machine.own_addresses(never), Ok(vec!["192.0.2.7".parse().unwrap()]));
}

#[test]
fn this_machine_has_addresses_that_are_its_own() {
    let machine = ScriptMachine::local(SystemTime::UNIX_EPOCH);
    assert!(machine.host_name.is_none_or(|name| !name.is_empty()));
    for address in machine.addresses.into_iter().chain(machine.private_addresses) {
        std::net::UdpSocket::bind((address, 0)).unwrap();
    }
}
