//! `/etc/resolv.conf` by the rules of the GNU C library (resolv.conf(5)): what the library ignores is ignored.
//! Parsing is pure.

use std::net::{IpAddr, Ipv4Addr};
#[cfg(unix)]
use std::path::Path;
use std::time::Duration;

#[cfg(unix)]
use super::read_capped;

/// The maximum number of name servers (`MAXNS`).
const MAX_SERVERS: usize = 3;
/// The maximum size of the file, in bytes.
#[cfg(unix)]
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// The longest `timeout:`, in seconds (`RES_MAXRETRANS`).
const MAX_TIMEOUT: u64 = 30;
/// The most `attempts:` (`RES_MAXRETRY`).
const MAX_ATTEMPTS: u64 = 5;
/// The most `ndots:` (`RES_MAXNDOTS`).
const MAX_NDOTS: u64 = 15;

/// A name server of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NameServer {
    /// Its address.
    pub address: IpAddr,
    /// The interface of a link-local address, by name or number (RFC 4007, section 11).
    pub scope: Option<String>,
}

/// The machine's resolver configuration.
#[allow(clippy::struct_excessive_bools, reason = "the options of resolv.conf(5), one by one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The name servers in order, at most three. Loopback if the file names none.
    pub servers: Vec<NameServer>,
    /// The search domains, without a dot at the end.
    pub search: Vec<String>,
    /// The number of dots from which a name is first queried as it is.
    pub ndots: u8,
    /// The timeout of the first server.
    pub timeout: Duration,
    /// The number of rounds through the servers.
    pub attempts: u8,
    /// Whether each lookup starts at another server.
    pub rotate: bool,
    /// Whether AAAA records aren't queried.
    pub no_aaaa: bool,
    /// Whether queries go over TCP only.
    pub use_vc: bool,
    /// Whether queries carry EDNS (RFC 6891).
    pub edns0: bool,
    /// Whether AAAA is queried after A, not beside it.
    pub single_request: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        Self {
            servers: vec![NameServer { address: Ipv4Addr::LOCALHOST.into(), scope: None }],
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            no_aaaa: false,
            use_vc: false,
            edns0: false,
            single_request: false,
        }
    }
}

/// What overrides or completes the file.
#[derive(Clone, Debug, Default)]
pub struct ResolvEnvironment {
    /// `LOCALDOMAIN`: search domains that replace those of the file.
    pub local_domain: Option<String>,
    /// `RES_OPTIONS`: options that are added to those of the file.
    pub options: Option<String>,
    /// The machine's host name. Its domain is the search domain if there is no other.
    pub host_name: Option<String>,
}

impl ResolvEnvironment {
    /// Reads the variables of this process, and the host name. Blocks.
    #[must_use]
    pub fn read() -> Self {
        Self {
            local_domain: std::env::var("LOCALDOMAIN").ok(),
            options: std::env::var("RES_OPTIONS").ok(),
            host_name: machine_name(),
        }
    }
}

impl ResolvConf {
    /// Reads the file of this machine, with the environment of this process. An absent file is empty, as for the C
    /// library. Blocks.
    #[cfg(unix)]
    #[must_use]
    pub fn read() -> Self {
        let file = read_capped(Path::new("/etc/resolv.conf"), MAX_FILE).unwrap_or_default();
        Self::parse(&file, &ResolvEnvironment::read())
    }

    /// Parses the file. Bytes that aren't UTF-8 spoil their own line only.
    #[must_use]
    pub fn parse(file: &[u8], environment: &ResolvEnvironment) -> Self {
        let mut conf = Self { servers: Vec::new(), ..Self::default() };
        let mut search = None;
        for line in file.split(|byte| *byte == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            // Keywords start in the first column; so do the characters of a comment.
            let Some((keyword, rest)) = line.split_once([' ', '\t']) else { continue };
            match keyword {
                "nameserver" if conf.servers.len() < MAX_SERVERS => conf.servers.extend(name_server(rest)),
                "domain" => search = Some(domains(rest).take(1).collect()),
                "search" => search = Some(domains(rest).collect()),
                "options" => conf.add_options(rest),
                _ => {}
            }
        }
        if let Some(list) = environment.local_domain.as_deref() {
            search = Some(domains(list).collect());
        }
        conf.search = search.unwrap_or_else(|| {
            let domain = environment.host_name.as_deref().and_then(|name| name.split_once('.'));
            domain.map(|(_, domain)| domain.trim_end_matches('.').to_owned()).into_iter().collect()
        });
        conf.search.retain(|domain| !domain.is_empty());
        if let Some(options) = &environment.options {
            conf.add_options(options);
        }
        if conf.servers.is_empty() {
            conf.servers = Self::default().servers;
        }
        conf
    }

    /// The timeout of the server at `index`, without regard to a probe's deadline: it doubles from server to
    /// server and is divided by their number, as in the C library.
    #[must_use]
    pub fn timeout_at(&self, index: usize) -> Duration {
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX).max(1);
        let doubled = self.timeout * 2_u32.saturating_pow(u32::try_from(index).unwrap_or(u32::MAX));
        let share = if index == 0 { doubled } else { doubled / servers };
        Duration::from_secs(share.as_secs().max(1))
    }

    fn add_options(&mut self, options: &str) {
        for option in options.split_ascii_whitespace() {
            let number = |name: &str, most: u64| Some(leading_number(option.strip_prefix(name)?).min(most));
            if let Some(ndots) = number("ndots:", MAX_NDOTS) {
                self.ndots = u8::try_from(ndots).unwrap_or(u8::MAX);
            } else if let Some(seconds) = number("timeout:", MAX_TIMEOUT) {
                self.timeout = Duration::from_secs(seconds);
            } else if let Some(attempts) = number("attempts:", MAX_ATTEMPTS) {
                self.attempts = u8::try_from(attempts).unwrap_or(u8::MAX).max(1);
            } else if option.starts_with("rotate") {
                self.rotate = true;
            } else if option.starts_with("no-aaaa") {
                self.no_aaaa = true;
            } else if option.starts_with("use-vc") {
                self.use_vc = true;
            } else if option.starts_with("edns0") {
                self.edns0 = true;
            } else if option.starts_with("single-request") {
                self.single_request = true;
            }
        }
    }
}

/// The name of this machine, as `hostname` prints it.
#[cfg(target_os = "linux")]
#[must_use]
pub fn machine_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

/// The name of this machine, as Windows sets it.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn machine_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

fn name_server(rest: &str) -> Option<NameServer> {
    let word = rest.split_ascii_whitespace().next()?;
    let (address, scope) = match word.split_once('%') {
        Some((address, scope)) => (address.parse().ok().filter(IpAddr::is_ipv6)?, Some(scope.to_owned())),
        None => (word.parse().ok()?, None),
    };
    Some(NameServer { address, scope })
}

fn domains(list: &str) -> impl Iterator<Item = String> {
    list.split_ascii_whitespace().map(|domain| domain.trim_end_matches('.').to_owned())
}

/// The number that a text starts with; 0 if there is none, as atoi(3) has it.
fn leading_number(text: &str) -> u64 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 { 0 } else { text[..end].parse().unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(file: &str) -> ResolvConf {
        ResolvConf::parse(file.as_bytes(), &ResolvEnvironment::default())
    }

    fn servers(conf: &ResolvConf) -> String {
        let shown = conf.servers.iter().map(|server| match &server.scope {
            Some(scope) => format!("{}%{scope}", server.address),
            None => server.address.to_string(),
        });
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn name_servers() {
        for (file, expected) in [
            ("", "127.0.0.1"),
            ("# nothing\n", "127.0.0.1"),
            ("nameserver 192.0.2.1", "192.0.2.1"),
            ("nameserver\t192.0.2.1 trailing words\r\n", "192.0.2.1"),
            (
                "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver ::1\nnameserver 192.0.2.4\n",
                "192.0.2.1 192.0.2.2 ::1",
            ),
            ("nameserver fe80::1%eth0\n", "fe80::1%eth0"),
            ("nameserver 192.0.2.1%eth0\nnameserver 192.0.2.2\n", "192.0.2.2"),
            ("nameserver example.com\nnameserver 192.0.2.2\n", "192.0.2.2"),
            (" nameserver 192.0.2.1\nnameserver 192.0.2.2\n", "192.0.2.2"),
            (";nameserver 192.0.2.1\n#nameserver 192.0.2.3\nnameserver 192.0.2.2", "192.0.2.2"),
        ] {
            assert_eq!(servers(&parse(file)), expected, "{file:?}");
        }
        let latin1 = ResolvConf::parse(b"# caf\xe9\nnameserver 192.0.2.1\n", &ResolvEnvironment::default());
        assert_eq!(servers(&latin1), "192.0.2.1");
    }

    #[test]
    fn search_domains_and_what_overrides_them() {
        let check = |file: &str, local_domain: Option<&str>, host_name: Option<&str>, expected: &[&str]| {
            let environment = ResolvEnvironment {
                local_domain: local_domain.map(str::to_owned),
                host_name: host_name.map(str::to_owned),
                options: None,
            };
            let conf = ResolvConf::parse(file.as_bytes(), &environment);
            assert_eq!(conf.search, expected, "{file:?} {environment:?}");
        };
        check("search a.example b.example.\n", None, None, &["a.example", "b.example"]);
        check("domain a.example b.example\n", None, None, &["a.example"]);
        check("search a.example\ndomain b.example\n", None, None, &["b.example"]);
        check("search \t.\n", None, None, &[]);
        check("", None, Some("host.corp.example"), &["corp.example"]);
        check("", None, Some("host"), &[]);
        check("search a.example\n", Some("x.example y.example"), None, &["x.example", "y.example"]);
    }

    #[test]
    fn options() {
        let plain = ResolvConf::default();
        for (options, expected) in [
            ("ndots:3", ResolvConf { ndots: 3, ..plain.clone() }),
            ("ndots:99", ResolvConf { ndots: 15, ..plain.clone() }),
            (
                "timeout:1 attempts:4",
                ResolvConf { timeout: Duration::from_secs(1), attempts: 4, ..plain.clone() },
            ),
            (
                "timeout:999 attempts:999",
                ResolvConf { timeout: Duration::from_secs(30), attempts: 5, ..plain.clone() },
            ),
            ("attempts:0", ResolvConf { attempts: 1, ..plain.clone() }),
            ("rotate no-aaaa", ResolvConf { rotate: true, no_aaaa: true, ..plain.clone() }),
            ("use-vc edns0", ResolvConf { use_vc: true, edns0: true, ..plain.clone() }),
            ("single-request-reopen", ResolvConf { single_request: true, ..plain.clone() }),
            ("timeout: frobnicate", ResolvConf { timeout: Duration::ZERO, ..plain.clone() }),
        ] {
            assert_eq!(parse(&format!("options {options}\n")), expected, "{options}");
            let environment = ResolvEnvironment { options: Some(options.to_owned()), ..Default::default() };
            assert_eq!(ResolvConf::parse(b"", &environment), expected, "RES_OPTIONS={options}");
        }
    }

    #[test]
    fn timeouts_of_the_servers() {
        for (file, expected) in [
            ("nameserver 192.0.2.1\n", vec![5]),
            ("nameserver 192.0.2.1\nnameserver 192.0.2.2\n", vec![5, 5]),
            ("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n", vec![5, 3, 6]),
            ("options timeout:0\n", vec![1]),
        ] {
            let conf = parse(file);
            let timeouts: Vec<_> = (0..conf.servers.len()).map(|n| conf.timeout_at(n).as_secs()).collect();
            assert_eq!(timeouts, expected, "{file:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_parsed(file in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let conf = ResolvConf::parse(&file, &ResolvEnvironment::default());
            proptest::prop_assert!((1..=MAX_SERVERS).contains(&conf.servers.len()));
            proptest::prop_assert!(conf.attempts >= 1 && conf.timeout <= Duration::from_secs(MAX_TIMEOUT));
        }
    }
}
