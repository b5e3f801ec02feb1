//! Pseudonyms of what identifies a company: hosts, addresses, distinguished names, paths. The same name has the same pseudonym
//! throughout a record, so that equal names stay equal, and a host stays below its domain.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::catalog::{Catalog, HostPattern, ProbeUrl, Scheme};
use crate::observation::DIRECT;
use crate::text::without_brackets;
use crate::tls::inspectors::inspector;

/// The top-level domain of pseudonyms, which nobody can own (RFC 2606, section 2).
const DOMAIN: &str = "invalid";

/// The maximum length of a name in DNS, in bytes (RFC 1035, section 2.3.4). What is longer has a pseudonym of one label.
const MAX_NAME: usize = 255;

/// The networks of documentation (RFC 5737), then that of benchmarks (RFC 2544), in which addresses get their pseudonyms.
const NETWORKS: [(u32, u32); 4] =
    [(0xc000_0200, 256), (0xc633_6400, 256), (0xcb00_7100, 256), (0xc612_0000, 0x2_0000)];

/// The first address for documentation of IPv6 (RFC 3849).
const FIRST_V6: u128 = 0x2001_0db8 << 96;

/// The schemes that a URL keeps.
const SCHEMES: [&str; 8] = ["http", "https", "socks", "socks4", "socks5", "socks5h", "ldap", "file"];

/// Whether a URL has a scheme that it keeps.
pub(super) fn has_known_scheme(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

/// Whether a text is a port as programs write it, and no other number.
pub(super) fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port.to_string() == text)
}

/// Numbers values in the order in which they are met.
#[derive(Debug)]
struct Numbers<T>(HashMap<T, usize>);

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Numbers<T> {
    /// The number of a value, from 1.
    fn of(&mut self, value: T) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(value).or_insert(next)
    }
}

/// The pseudonyms of one record, and what needs none.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    /// Hosts that say nothing about a company, in lower case.
    public_hosts: BTreeSet<String>,
    public_patterns: Vec<HostPattern>,
    public_urls: BTreeSet<String>,
    public_names: BTreeSet<String>,
    domains: Numbers<String>,
    v4: Numbers<Ipv4Addr>,
    v6: Numbers<Ipv6Addr>,
    names: Numbers<String>,
    paths: Numbers<String>,
    others: Numbers<String>,
}

impl Pseudonyms {
    /// Pseudonyms for whatever isn't in this catalog.
    pub(super) fn new(catalog: &Catalog) -> Self {
        let patterns = catalog.redirect_hosts.iter().chain(&catalog.issuer_hosts);
        let mut pseudonyms = Self { public_patterns: patterns.cloned().collect(), ..Self::default() };
        let domains = pseudonyms.public_patterns.iter().map(|pattern| pattern.0.trim_start_matches("*."));
        pseudonyms.public_hosts = domains.map(str::to_ascii_lowercase).collect();
        let feeds = catalog.version_feeds.iter().map(|feed| &feed.url);
        for url in catalog.endpoints.iter().map(|endpoint| &endpoint.url).chain(feeds) {
            pseudonyms.add_public_url(url);
        }
        pseudonyms
    }

    /// Adds a URL that says nothing about a company: the catalog's, or one in a public certificate.
    pub(super) fn add_public_url(&mut self, url: &ProbeUrl) {
        self.public_hosts.insert(url.host().to_ascii_lowercase());
        self.public_urls.insert(url.as_str().to_owned());
    }

    /// Adds the distinguished name of a public certificate.
    pub(super) fn add_public_name(&mut self, name: &str) {
        if !name.is_empty() {
            self.public_names.insert(name.to_owned());
        }
    }

    /// Whether a host needs no pseudonym.
    pub(super) fn is_public(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.public_hosts.contains(&host) || host == "localhost"
    }

    /// The domain of the catalog that a host is below. Others have names in it too: they aren't public, but it is.
    fn public_domain(&self, host: &str) -> Option<String> {
        let mut patterns = self.public_patterns.iter().filter(|pattern| pattern.matches(host));
        patterns.find_map(|pattern| Some(pattern.0.strip_prefix("*.")?.to_ascii_lowercase()))
    }

    /// A pattern of hosts: as it is if it stands for a public one.
    pub(super) fn pattern(&mut self, pattern: &HostPattern) -> HostPattern {
        let is_public = self.public_patterns.contains(pattern)
            || self.public_hosts.iter().any(|host| pattern.matches(host));
        if is_public {
            return pattern.clone();
        }
        HostPattern(match pattern.0.strip_prefix("*.") {
            Some(suffix) => format!("*.{}", self.host(suffix)),
            None => self.host(&pattern.0),
        })
    }

    /// A host. An IPv6 address keeps its brackets.
    pub(super) fn host(&mut self, host: &str) -> String {
        if let Ok(address) = without_brackets(host).parse::<IpAddr>() {
            let address = self.address(address);
            return if host.starts_with('[') { format!("[{address}]") } else { address.to_string() };
        }
        if self.is_public(host) {
            return host.to_owned();
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.len() > MAX_NAME {
            return format!("{}.{DOMAIN}", self.other(&host));
        }
        let public = self.public_domain(&host);
        let mut pseudonym = String::new();
        let mut domain = host.as_str();
        loop {
            let _ = write!(pseudonym, "n{}.", self.domains.of(domain.to_owned())); // a String never fails
            match domain.split_once('.') {
                Some((_, parent)) if public.as_deref() == Some(parent) => return pseudonym + parent,
                Some((_, parent)) => domain = parent,
                None => return pseudonym + DOMAIN,
            }
        }
    }

    /// Whether a host has a pseudonym already.
    pub(super) fn knows_host(&self, host: &str) -> bool {
        self.domains.0.contains_key(&host.to_ascii_lowercase())
    }

    /// An address. What a filter answers for names that it blocks stays: it is nobody's.
    pub(super) fn address(&mut self, address: IpAddr) -> IpAddr {
        if address.is_unspecified() || address.is_loopback() {
            return address;
        }
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let number = u32::try_from(self.v4.of(v4)).unwrap_or(u32::MAX);
                IpAddr::V4(documentation_v4(number))
            }
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(FIRST_V6 + self.v6.of(v6) as u128)),
        }
    }

    /// An address with its port.
    pub(super) fn socket(&mut self, socket: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.address(socket.ip()), socket.port())
    }

    /// A URL of any scheme, or what else leads to a proxy or a script. User names and passwords are left out, and so are paths
    /// and queries of URLs that aren't public.
    pub(super) fn url(&mut self, url: &str) -> String {
        if self.public_urls.contains(url) || url == DIRECT {
            return url.to_owned();
        }
        let Some((scheme, rest)) = url.split_once("://") else { return self.other(url) };
        if !has_known_scheme(url) {
            return self.other(url);
        }
        let scheme = scheme.to_ascii_lowercase();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let port = authority.rfind(':').filter(|at| is_port(&authority[at + 1..]));
        let (host, port) = authority.split_at(port.unwrap_or(authority.len()));
        let host = self.host(host);
        let path =
            if path.len() > 1 { format!("/p{}", self.paths.of(path.to_owned())) } else { path.to_owned() };
        format!("{scheme}://{host}{port}{path}")
    }

    /// A URL of a probe, or the path of a folder.
    pub(super) fn probe_url(&mut self, url: &ProbeUrl) -> ProbeUrl {
        let text = url.as_str();
        let parsed = if url.is_unc() {
            ProbeUrl::parse_folder(&format!(r"\\{}\{}", self.host(url.host()), self.other(text)))
        } else if url.scheme() == Scheme::Folder {
            ProbeUrl::parse_folder(&format!("/{}", self.other(text)))
        } else {
            ProbeUrl::parse(&self.url(text))
        };
        // The pseudonym of a host with very many labels is too long for a URL.
        parsed.unwrap_or_else(|_| {
            let scheme = if url.scheme() == Scheme::Https { "https" } else { "http" };
            let short = format!("{scheme}://{}.{DOMAIN}:{}/", self.other(url.host()), url.port());
            ProbeUrl::parse(&short).expect("a short URL of letters, digits and dots, with a port")
        })
    }

    /// A distinguished name. The product that issues such names stays.
    pub(super) fn name(&mut self, name: &str) -> String {
        let host = name.strip_prefix("CN=").filter(|host| self.is_public(host));
        if self.public_names.contains(name) || host.is_some() || name.is_empty() {
            return name.to_owned();
        }
        let number = self.names.of(name.to_owned());
        inspector([name])
            .map_or_else(|| format!("CN=name {number}"), |by| format!("CN=name {number}, O={by}"))
    }

    /// All distinguished names that were met with what stands for them, the longest first.
    pub(super) fn known_names(&mut self) -> Vec<KnownName> {
        let met: Vec<_> = self.names.0.keys().chain(&self.public_names).cloned().collect();
        let mut known: Vec<_> =
            met.into_iter().map(|name| KnownName { pseudonym: self.name(&name), name }).collect();
        known.sort_by(|one, other| (other.name.len(), &other.name).cmp(&(one.name.len(), &one.name)));
        known
    }

    /// The number of a private name of another kind: a route, a script, a path.
    pub(super) fn other(&mut self, text: &str) -> String {
        format!("name{}", self.others.of(text.to_owned()))
    }
}

/// A distinguished name and its pseudonym.
#[derive(Debug)]
pub(super) struct KnownName {
    pub(super) name: String,
    pub(super) pseudonym: String,
}

/// The pseudonym of so manieth an address, from 1.
fn documentation_v4(number: u32) -> Ipv4Addr {
    let mut left = number - 1;
    for (first, size) in NETWORKS {
        if left < size {
            return Ipv4Addr::from(first + left);
        }
        left -= size;
    }
    Ipv4Addr::from(NETWORKS[0].0) // more addresses than a record's targets can have
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;

    fn pseudonyms() -> Pseudonyms {
        Pseudonyms::new(embedded())
    }

    #[test]
    fn hosts_stay_below_their_domains() {
        let mut names = pseudonyms();
        assert_eq!(names.host("proxy.corp.example"), "n1.n2.n3.invalid");
        assert_eq!(names.host("Portal.Corp.Example."), "n4.n2.n3.invalid");
        let pattern = names.pattern(&HostPattern("*.corp.example".to_owned()));
        assert_eq!(pattern.0, "*.n2.n3.invalid");
        assert!(pattern.matches(&names.host("proxy.corp.example")));
        assert_eq!(names.host("wdcp.microsoft.com"), "wdcp.microsoft.com");
        assert_eq!(names.host("microsoft.com.corp.example"), "n5.n6.n2.n3.invalid");
        assert_eq!(names.host("[fd00::7]"), "[2001:db8::1]");
        // Whose tenants and mirrors have names in Microsoft's domains isn't public; that they are in them decides on redirects.
        assert!(!names.is_public("contoso-tenant.microsoft.com"));
        assert_eq!(names.host("contoso-tenant.microsoft.com"), "n7.microsoft.com");
        assert_eq!(names.host("a.contoso.digicert.com"), "n8.n9.digicert.com");
        assert_eq!(names.host("microsoft.com"), "microsoft.com");
        let mut pattern = |text: &str| names.pattern(&HostPattern(text.to_owned())).0;
        assert_eq!(pattern("contoso.digicert.com"), "n9.digicert.com");
        assert_eq!(pattern("*.contoso.digicert.com"), "*.n9.digicert.com");
        assert_eq!(pattern("*.microsoft.com"), "*.microsoft.com");
    }

    #[test]
    fn addresses_become_those_of_documentation() {
        let mut names = pseudonyms();
        let check = |names: &mut Pseudonyms, address: &str, expected: &str| {
            assert_eq!(names.address(address.parse().unwrap()).to_string(), expected, "{address}");
        };
        check(&mut names, "10.1.2.3", "192.0.2.0");
        check(&mut names, "203.0.113.9", "192.0.2.1");
        check(&mut names, "::ffff:10.1.2.3", "192.0.2.0");
        check(&mut names, "fe80::1", "2001:db8::1");
        check(&mut names, "0.0.0.0", "0.0.0.0");
        check(&mut names, "::1", "::1");
        let all: BTreeSet<_> = (1..=2000).map(documentation_v4).collect();
        assert_eq!(all.len(), 2000);
        assert!(
            all.contains(&Ipv4Addr::new(198, 51, 100, 255)) && all.contains(&Ipv4Addr::new(198, 18, 0, 1))
        );
    }

    #[test]
    fn urls_keep_their_scheme_and_port_alone() {
        let mut names = pseudonyms();
        let mut check = |url: &str, expected: &str| assert_eq!(names.url(url), expected, "{url}");
        check("https://wdcp.microsoft.com/", "https://wdcp.microsoft.com/");
        check("https://wdcp.microsoft.com/jdoe?ip=10.1.2.3", "https://wdcp.microsoft.com/p1");
        check("http://jdoe:s3cret@proxy:8080", "http://n1.invalid:8080");
        check("http://proxy:8080/", "http://n1.invalid:8080/");
        check("http://[fd00::7]:8080/login?user=jdoe", "http://[2001:db8::1]:8080/p2");
        check("socks5://10.1.2.3:1080", "socks5://192.0.2.0:1080");
        check("HTTP://proxy:080", "http://n2.invalid");
        check("socks5h://proxy:0491711234567", "socks5h://n3.invalid");
        check("janedoe://x", "name1");
        check("client=jane.doe,url=http://portal/x", "name2");
        check("direct", "direct");
        check("/etc/proxy.pac", "name3");
    }

    #[test]
    fn a_name_keeps_its_product() {
        let mut names = pseudonyms();
        assert_eq!(names.name("CN=Corp Root, O=Corp"), "CN=name 1");
        assert_eq!(names.name("CN=Zscaler Root CA, O=Corp"), "CN=name 2, O=Zscaler");
        assert_eq!(names.name("CN=Corp Root, O=Corp"), "CN=name 1");
        assert_eq!(names.name("CN=wdcp.microsoft.com"), "CN=wdcp.microsoft.com");
        assert_eq!(names.name("CN=wdcp.microsoft.com, O=Corp"), "CN=name 3");
    }

    #[test]
    fn folders_stay_folders() {
        let mut names = pseudonyms();
        let mut check = |folder: &str, expected: &str| {
            let folder = ProbeUrl::parse_folder(folder).unwrap();
            assert_eq!(names.probe_url(&folder).as_str(), expected);
        };
        check(r"\\files\defender", r"\\n1.invalid\name1");
        check("/srv/defender", "/name2");
        check(r"D:\defender", "/name3");
    }
}
