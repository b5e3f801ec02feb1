//! Names in each format. `real::squid_list` gives the list to Squid.

use super::*;
use crate::catalog::{ProbeUrl, embedded};

fn endpoint(pattern: &str, url: &str) -> Endpoint {
    let url = ProbeUrl::parse(url).expect("a URL");
    Endpoint { pattern: pattern.to_owned(), url, ..embedded().endpoints[0].clone() }
}

#[test]
fn each_format_has_its_own_wildcard() {
    let endpoints = [
        endpoint("x.Example", "https://x.example/"),
        endpoint("*.x.example", "https://x.example/"),
        endpoint("below.x.example", "https://below.x.example/"),
        endpoint("*.far.x.example", "https://a.far.x.example/"),
        endpoint("*.y.example", "https://a.y.example/"),
        endpoint("notx.example", "https://notx.example/"),
        endpoint("http://z.example/path", "http://z.example/path/file"),
    ];
    let endpoints: Vec<_> = endpoints.iter().collect();
    let lines: Vec<String> =
        squid(&endpoints).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    assert_eq!(lines, [".x.example", ".y.example", "notx.example", "z.example"]);
    assert_eq!(
        pan_edl(&endpoints),
        "x.example/\n*.x.example/\nbelow.x.example/\n*.far.x.example/\n*.y.example/\nnotx.example/\nz.example/\n"
    );
    let commands = fortinet(&endpoints[1..2]);
    let expected = "\
config firewall address
    edit \"defender-wildcard.x.example\"
        set type fqdn
        set fqdn \"*.x.example\"
    next
    edit \"defender-x.example\"
        set type fqdn
        set fqdn \"x.example\"
    next
end
config firewall addrgrp
    edit \"defender\"
        set member \"defender-wildcard.x.example\" \"defender-x.example\"
    next
end
";
    assert_eq!(commands, expected);
}

#[test]
fn the_bare_names_of_wildcards_are_allowed() {
    let endpoints: Vec<_> = embedded().endpoints.iter().collect();
    for (text, expected) in [
        (squid(&endpoints), &["\n.wdcp.microsoft.com\n"][..]),
        (pan_edl(&endpoints), &["*.wdcp.microsoft.com/\nwdcp.microsoft.com/\n"]),
        (fortinet(&endpoints), &["set fqdn \"*.wdcp.microsoft.com\"", "set fqdn \"wdcp.microsoft.com\""]),
    ] {
        assert!(expected.iter().all(|words| text.contains(words)), "{text}");
    }
}

#[test]
fn the_names_of_objects_are_short_and_differ() {
    let long = format!("{}.example", "a".repeat(60));
    let longer = format!("{}.example", "b".repeat(60));
    let check = |pattern: &str, expected: &str| {
        assert_eq!(fortinet_object(&Name::new(pattern), 6), expected);
    };
    check(&long, &format!("defender-{long}"));
    check(&format!("*.b.{longer}"), "defender-7");
}
