//! Names resolve as on the rest of the machine: the exporter's resolver beside getent(1), case by case, on the same
//! resolv.conf, hosts file and nsswitch.conf.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use defender_exporter::config::ResolverConfig;
use defender_exporter::net::resolver::Resolver;
use defender_exporter_needs::needs;

use super::netns::{Network, alone};
use super::tools;
use crate::lab::dns::{Answer, Dns};

/// The time for a lookup, so that no probe's deadline plays a part.
const AMPLE: Duration = Duration::from_secs(60);

/// How often a case is repeated where servers disagree.
const REPEATED: usize = 30;

const V4: &str = "203.0.113.10";
const OTHER_V4: &str = "203.0.113.11";
const V6: &str = "2001:db8::10";

/// One case: the files, the name, and what both DNS servers answer for every name.
struct Case {
    label: &'static str,
    name: &'static str,
    resolv_conf: Option<&'static str>,
    hosts: &'static [u8],
    nsswitch: Option<&'static str>,
    first: Answer,
    second: Answer,
    /// What one name is answered by the first server.
    only: Option<(&'static str, Answer)>,
    times: usize,
}

const ONE: &str = "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n";
const BOTH: &str = "nameserver 127.0.0.53\nnameserver 127.0.0.54\noptions timeout:1 attempts:1\n";
const HOSTS: &[u8] = b"127.0.0.1 localhost\n::1 localhost\n";

fn ips(texts: &[&str]) -> Answer {
    Answer::Addresses(texts.iter().map(|text| text.parse().unwrap()).collect())
}

/// A case with one server, which knows an address.
fn case(label: &'static str) -> Case {
    Case {
        label,
        name: "wdcp.microsoft.com",
        resolv_conf: Some(ONE),
        hosts: HOSTS,
        nsswitch: Some("hosts: files dns\n"),
        first: ips(&[V4]),
        second: ips(&[V4]),
        only: None,
        times: 1,
    }
}

/// Two servers that disagree.
fn servers(label: &'static str, first: Answer, second: Answer) -> Case {
    Case { resolv_conf: Some(BOTH), first, second, ..case(label) }
}

fn repeated(label: &'static str, first: Answer, second: Answer) -> Case {
    Case { times: REPEATED, ..servers(label, first, second) }
}

/// The hosts file, beside a server that is silent.
fn pinned(label: &'static str, hosts: &'static [u8]) -> Case {
    Case { hosts, first: Answer::Silence, ..case(label) }
}

/// One name that a server knows, queried by another.
fn searched(label: &'static str, name: &'static str, resolv_conf: &'static str, known: &'static str) -> Case {
    Case {
        name,
        resolv_conf: Some(resolv_conf),
        first: Answer::Nxdomain,
        only: Some((known, ips(&[V4]))),
        ..case(label)
    }
}

fn order_of_servers() -> Vec<Case> {
    let good = || ips(&[V4]);
    vec![
        case("one server, one address"),
        repeated("good, then SERVFAIL", good(), Answer::Servfail),
        repeated("good, then REFUSED", good(), Answer::Refused),
        repeated("SERVFAIL, then good", Answer::Servfail, good()),
        repeated("REFUSED, then good", Answer::Refused, good()),
        repeated("NXDOMAIN, then good", Answer::Nxdomain, good()),
        repeated("no data, then good", Answer::NoData, good()),
        repeated("different addresses", good(), ips(&[OTHER_V4])),
        servers("silence, then good", Answer::Silence, good()),
        servers("silence, then NXDOMAIN", Answer::Silence, Answer::Nxdomain),
        servers("SERVFAIL from both", Answer::Servfail, Answer::Servfail),
        servers("silence from both", Answer::Silence, Answer::Silence),
        Case {
            resolv_conf: Some("nameserver 127.0.0.99\nnameserver 127.0.0.54\noptions timeout:1 attempts:1\n"),
            ..servers("no server at the first address", good(), good())
        },
        Case {
            resolv_conf: Some(
                "nameserver nonsense\nnameserver 127.0.0.53 # x\noptions timeout:1 attempts:1\n",
            ),
            ..case("a malformed server")
        },
        Case { resolv_conf: Some(""), ..case("an empty resolv.conf") },
        Case { resolv_conf: None, ..case("no resolv.conf") },
        Case {
            resolv_conf: Some(""),
            ..pinned("an empty resolv.conf, a pin", b"203.0.113.11 wdcp.microsoft.com\n")
        },
    ]
}

fn records() -> Vec<Case> {
    let first = |label, first| Case { first, ..case(label) };
    vec![
        first("both families", ips(&[V4, V6])),
        first("IPv6 alone", ips(&[V6])),
        first("several addresses", ips(&["198.51.100.1", V4, OTHER_V4, "2001:db8:9::1", V6])),
        first("an alias", Answer::Alias("edge.example.", vec![V4.parse().unwrap()])),
        first("an alias without an address", Answer::Alias("edge.example.", vec![])),
        first("the address before its alias", Answer::Unordered("edge.example.", vec![V4.parse().unwrap()])),
        first("an address of another name", Answer::Foreign("other.example.", vec![V4.parse().unwrap()])),
        first("truncated, whole over TCP", Answer::Truncated(vec![V4.parse().unwrap()])),
        first("A alone answered", Answer::OnlyA(vec![V4.parse().unwrap()])),
        Case {
            resolv_conf: Some("nameserver 127.0.0.53\noptions no-aaaa timeout:1 attempts:1\n"),
            ..first("no-aaaa", Answer::OnlyA(vec![V4.parse().unwrap()]))
        },
        Case {
            resolv_conf: Some("nameserver 127.0.0.53\noptions use-vc timeout:1 attempts:1\n"),
            ..first("use-vc", ips(&[V4, V6]))
        },
        Case {
            resolv_conf: Some("nameserver 127.0.0.53\noptions single-request timeout:1 attempts:1\n"),
            ..first("single-request", ips(&[V4, V6]))
        },
        Case {
            resolv_conf: Some("nameserver 127.0.0.53\noptions edns0 timeout:1 attempts:1\n"),
            ..first("edns0", ips(&[V4, V6]))
        },
        Case { name: "proxy_1.corp.example", ..case("an underscore") },
    ]
}

fn hosts_file() -> Vec<Case> {
    vec![
        pinned("a pin", b"203.0.113.11 wdcp.microsoft.com\n"),
        pinned("a pin of IPv6 alone", b"2001:db8::11 wdcp.microsoft.com\n"),
        pinned(
            "pins of both families",
            b"203.0.113.11 wdcp.microsoft.com\n2001:db8::11 wdcp.microsoft.com\n",
        ),
        pinned("a pin in another case", b"203.0.113.11 WDCP.Microsoft.com\n"),
        pinned("a pin to 0.0.0.0", b"0.0.0.0 wdcp.microsoft.com\n"),
        pinned("Latin-1 before the pin", b"# caf\xe9\n203.0.113.11 wdcp.microsoft.com\n"),
        pinned(
            "a scoped address before the pin",
            b"fe80::1%lo0 localhost\n203.0.113.11 wdcp.microsoft.com\n",
        ),
        pinned("a pin of an alias", b"203.0.113.11 one two wdcp.microsoft.com # three\n"),
        Case {
            nsswitch: Some("hosts: dns files\n"),
            ..pinned("DNS first, silent", b"203.0.113.11 wdcp.microsoft.com\n")
        },
        Case {
            nsswitch: Some("hosts: dns files\n"),
            first: ips(&[V4]),
            ..pinned("DNS first, good", b"203.0.113.11 wdcp.microsoft.com\n")
        },
        Case { nsswitch: Some("hosts: files\n"), ..case("the hosts file alone") },
        Case {
            nsswitch: Some("hosts: files [NOTFOUND=return] dns\n"),
            ..case("DNS after [NOTFOUND=return]")
        },
        Case {
            nsswitch: Some("hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname\n"),
            ..case("the line of a desktop")
        },
        Case { nsswitch: None, ..case("no nsswitch.conf") },
    ]
}

fn search_lists() -> Vec<Case> {
    const SEARCH: &str =
        "search corp.example infra.example\nnameserver 127.0.0.53\noptions timeout:1 attempts:1\n";
    vec![
        searched("a short name", "proxy", SEARCH, "proxy.corp.example"),
        searched("a short name in the second domain", "proxy", SEARCH, "proxy.infra.example"),
        searched("a name with a dot", "squid.eu", SEARCH, "squid.eu.corp.example"),
        searched("a name with a dot, as it is", "squid.eu", SEARCH, "squid.eu"),
        searched("a short name, as it is", "proxy", SEARCH, "proxy"),
        searched("an unknown short name", "proxy", SEARCH, "other"),
        searched(
            "ndots",
            "squid.eu",
            "search corp.example\noptions ndots:2 timeout:1 attempts:1\nnameserver 127.0.0.53\n",
            "squid.eu.corp.example",
        ),
        searched(
            "a malformed search domain",
            "proxy",
            "search a..b corp.example\noptions timeout:1 attempts:1\nnameserver 127.0.0.53\n",
            "proxy.corp.example",
        ),
        searched(
            "the domain keyword",
            "proxy",
            "domain corp.example\nnameserver 127.0.0.53\n",
            "proxy.corp.example",
        ),
    ]
}

#[needs("namespaces", "getent")]
#[test]
fn names_resolve_as_getent_says() {
    alone(concat!(module_path!(), "::names_resolve_as_getent_says"), async |network: Network| {
        let etc = own_etc();
        network.add("203.0.113.1/24");
        network.add("2001:db8::1/64");
        let dns = |address: &str| Dns::start_at(address.parse::<SocketAddr>().unwrap());
        let (first, second) = (dns("127.0.0.53:53").await, dns("127.0.0.54:53").await);
        let local = dns("127.0.0.1:53").await; // what an empty resolv.conf means
        local.set_default(ips(&[OTHER_V4]));
        let mut wrong = Vec::new();
        for case in [order_of_servers(), records(), hosts_file(), search_lists()].into_iter().flatten() {
            write(&etc.join("resolv.conf"), case.resolv_conf.map(str::as_bytes));
            write(&etc.join("hosts"), Some(case.hosts));
            write(&etc.join("nsswitch.conf"), case.nsswitch.map(str::as_bytes));
            first.reset(case.first.clone());
            second.reset(case.second.clone());
            if let Some((name, answer)) = &case.only {
                first.set(name, answer.clone());
            }
            let expected = getent(case.name).await;
            let mut found = Vec::new();
            for _ in 0..case.times {
                let resolver = Resolver::new(&ResolverConfig::default(), &BTreeMap::new());
                found.push(resolver.addresses(case.name, AMPLE).await);
            }
            for result in found {
                let (addresses, error) = match result {
                    Ok(addresses) => (addresses, String::new()),
                    Err(error) => (Vec::new(), error.to_string()),
                };
                if addresses != expected {
                    wrong.push(format!("{}: {addresses:?} {error}; getent: {expected:?}", case.label));
                    break;
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
    });
}

/// A copy of /etc in its place, seen by this process and its children alone.
pub fn own_etc() -> std::path::PathBuf {
    let copy = tempfile::tempdir().unwrap().keep();
    let run = |program: &str, arguments: &[&str]| {
        assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
    };
    let path = copy.to_str().unwrap();
    run("cp", &["-a", "/etc/.", path]);
    drop(std::fs::remove_file(copy.join("resolv.conf"))); // it may be a link to elsewhere
    run("mount", &["--bind", path, "/etc"]);
    std::path::PathBuf::from("/etc")
}

/// Replaces a file, so that its inode changes with its content; none: removes it.
pub fn write(path: &Path, content: Option<&[u8]>) {
    drop(std::fs::remove_file(path));
    if let Some(content) = content {
        std::fs::write(path, content).unwrap();
    }
}

/// What getaddrinfo(3) answers, in its order. Empty if it fails.
async fn getent(name: &'static str) -> Vec<IpAddr> {
    let asked = move || Command::new(tools::find("getent")).args(["ahosts", name]).output().unwrap();
    let output = tokio::task::spawn_blocking(asked).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let streams = text.lines().filter(|line| line.split_whitespace().nth(1) == Some("STREAM"));
    streams.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}
