//! The parts of the process environment that a configuration may refer to: proxy variables, the machine's own
//! proxy settings, and its domain. Read once, so that the rest is pure.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::{Arc, OnceLock};

use super::no_proxy::rules_of_variable;
use super::proxy_url::proxy_url;
#[cfg(unix)]
use super::resolv_conf::ResolvConf;
use super::values::{host_name, quoted};
use super::{Credentials, MachineProxies, NoProxy, Proxies, Proxy, credentials};

/// For `http` URLs, the first non-empty one, as in curl. curl ignores `HTTP_PROXY` because CGI programs receive it from
/// a client's `Proxy` header; the exporter isn't a CGI program.
const HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// For `https` URLs.
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// Destinations to connect to directly.
const NONE: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Proxy variables, the machine's own proxy settings and its domain. Not printable, since it may contain passwords.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    domain: Option<String>,
    machine: MachineProxies,
    /// Warns of each entry once, however many routes read it.
    warned: Arc<OnceLock<()>>,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn from_process() -> Self {
        let names = HTTP.iter().chain(&HTTPS).chain(&NONE);
        let variables = names.filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        Self { variables: variables.collect(), domain: system_domain(), ..Self::default() }
    }

    /// An environment with these values.
    #[must_use]
    pub fn new<'a>(variables: &[(&str, impl AsRef<OsStr> + 'a)], domain: Option<&str>) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.as_ref().to_owned()));
        Self { variables: variables.collect(), domain: domain.map(str::to_owned), ..Self::default() }
    }

    /// Sets the proxies that the machine's own settings name.
    #[must_use]
    pub fn with_machine(self, machine: MachineProxies) -> Self {
        Self { machine, ..self }
    }

    /// The proxies that the machine's own settings name.
    pub(super) const fn machine(&self) -> &MachineProxies {
        &self.machine
    }

    /// The machine's domain, without a trailing dot.
    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// The proxies in the variables. `credentials` apply to those whose URL has none.
    pub(super) fn proxies(&self, credentials: Option<&Credentials>) -> Result<Proxies, Vec<String>> {
        let mut problems = Vec::new();
        let mut proxy = |names: &[&'static str]| {
            let (name, value) = self.first(names)?;
            let proxy = text(value).and_then(|url| parse_proxy(url, credentials));
            proxy.map(Arc::new).map_err(|why| problems.push(format!("{name}: {why}"))).ok()
        };
        let (http, https) = (proxy(&HTTP), proxy(&HTTPS));
        problems.dedup(); // ALL_PROXY is asked twice
        if problems.is_empty() {
            Ok(Proxies { http, https, no_proxy: self.no_proxy() })
        } else {
            Err(problems)
        }
    }

    /// The rules of the variable. Other programs share it, each with forms of its own, so an entry that is no rule is
    /// ignored with a warning, as clients ignore it.
    fn no_proxy(&self) -> NoProxy {
        let Some((name, value)) = self.first(&NONE) else { return NoProxy::default() };
        let list = value.to_string_lossy();
        let (rules, rejected) = rules_of_variable(&list);
        self.warned.get_or_init(|| {
            for entry in rejected {
                let entry = quoted(entry);
                tracing::warn!(
                    variable = name,
                    entry,
                    "entry ignored: not a name, address, network or pattern"
                );
            }
        });
        rules
    }

    fn first(&self, names: &[&'static str]) -> Option<(&'static str, &OsStr)> {
        let mut set = names.iter().filter_map(|name| Some((*name, self.variables.get(*name)?.as_os_str())));
        set.find(|(_, value)| !value.is_empty())
    }
}

fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().map(str::trim).ok_or_else(|| "is not UTF-8".to_owned())
}

/// The proxy of a URL, or of `host:port`, which means an HTTP proxy.
fn parse_proxy(text: &str, given: Option<&Credentials>) -> Result<Proxy, String> {
    let bare = format!("http://{text}");
    let url = proxy_url(if text.contains("://") { text } else { &bare });
    let url = url.map_err(|why| format!("the URL {why}"))?; // not repeated: a password may stand anywhere in it
    let own = url.userinfo.map(credentials::from_userinfo).transpose()?;
    let credentials = own.or_else(|| given.cloned());
    credentials::check_for_proxy(credentials.as_ref(), url.kind)?;
    Ok(Proxy { kind: url.kind, at: url.at, credentials })
}

/// The first search domain of the resolver's configuration; without one, the domain of the host name.
#[cfg(unix)]
fn system_domain() -> Option<String> {
    ResolvConf::read().search.iter().find_map(|domain| host_name(domain).ok())
}

/// The machine's domain, else its first search domain.
#[cfg(windows)]
fn system_domain() -> Option<String> {
    let own = ipconfig::computer::get_domain().ok().flatten();
    let searched = ipconfig::computer::get_search_list().unwrap_or_default();
    own.into_iter().chain(searched).find_map(|domain| host_name(&domain).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ProbeUrl;
    use crate::config::Secret;

    /// Checks the proxies for `http://a.example/` and `https://a.example/`, or the problem.
    fn check(variables: &[(&str, &str)], expected: &str) {
        let found = match Environment::new(variables, None).proxies(None) {
            Ok(proxies) => ["http://a.example/", "https://a.example/"].map(|url| {
                let proxy = proxies.for_url(&ProbeUrl::parse(url).unwrap()).cloned();
                proxy.map_or_else(|| "direct".to_owned(), |proxy| format!("{} {}", proxy.kind, proxy.at))
            }),
            Err(problems) => [problems.join("; "), String::new()],
        };
        assert_eq!(found.join(", "), expected, "{variables:?}");
    }

    #[test]
    fn the_first_variable_that_says_something_counts() {
        check(&[], "direct, direct");
        check(&[("http_proxy", "p:1")], "http p:1, direct");
        check(&[("HTTP_PROXY", "p:1"), ("https_proxy", "http://q:2/")], "http p:1, http q:2");
        check(&[("HTTPS_PROXY", "https://q"), ("https_proxy", "")], "direct, https q:443");
        check(&[("http_proxy", "p_1.q:1"), ("https_proxy", "http://p.q.:2")], "http p_1.q:1, http p.q.:2");
        check(&[("HTTP_PROXY", "p:1"), ("http_proxy", "q:2")], "http q:2, direct");
        check(&[("ALL_PROXY", "socks5h://s"), ("http_proxy", " p:1 ")], "http p:1, socks5 s:1080");
        check(&[("all_proxy", "socks5://s:9"), ("ALL_PROXY", "p:1")], "socks5 s:9, socks5 s:9");
        check(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "b.example, *")], "direct, direct");
        check(&[("ALL_PROXY", "p:1"), ("no_proxy", "b.example"), ("NO_PROXY", "*")], "http p:1, http p:1");
        check(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "localhost .example:443")], "http p:1, direct");
        check(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "<local>;a.*;??")], "direct, direct");
    }

    #[test]
    fn problems_are_reported_once_and_without_the_value() {
        let no_port = "the URL has no port (proxies usually listen on 8080 or 3128), ";
        check(&[("ALL_PROXY", "http://hunter2")], &format!("ALL_PROXY: {no_port}"));
        check(&[("HTTP_PROXY", "http://eve:hunter2@p")], &format!("HTTP_PROXY: {no_port}"));
        let form = "the URL is not host:port (an IPv6 address in brackets), ";
        check(&[("http_proxy", "http://eve:hunter2")], &format!("http_proxy: {form}"));
        check(&[("http_proxy", "http://:hunter2@p:1")], "http_proxy: the user name is empty, ");
        check(
            &[("http_proxy", "http://eve:%ff@p:1")],
            "http_proxy: the user name or password is not UTF-8, ",
        );
        let empty = "SOCKS5 needs a password that is not empty (RFC 1929), ";
        check(&[("http_proxy", "socks5://eve@p:1")], &format!("http_proxy: {empty}"));
        let control = "the password contains control characters (RFC 7617, section 2), ";
        check(&[("http_proxy", "http://eve:hunter2%0d%0a@p:1")], &format!("http_proxy: {control}"));
    }

    #[test]
    fn credentials_in_urls_are_decoded_and_take_precedence() {
        let given = Credentials { username: "ann".to_owned(), password: Secret::new("word".to_owned()) };
        for (url, expected) in [
            ("http://b%6fb:p%40ss:w%2Fo@rd@p:1", ("bob", "p@ss:w/o@rd")),
            ("http://bob@p:1", ("bob", "")),
            ("http://bob:100%@p:1", ("bob", "100%")),
            ("http://p:1", ("ann", "word")),
        ] {
            let proxies = Environment::new(&[("https_proxy", url)], None).proxies(Some(&given)).unwrap();
            let credentials = proxies.https.as_ref().unwrap().credentials.as_ref().unwrap();
            assert_eq!((credentials.username.as_str(), credentials.password.reveal()), expected, "{url}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_utf_8_is_refused() {
        use std::os::unix::ffi::OsStrExt as _;
        let bytes = OsStr::from_bytes(b"p\xff:1");
        let problems = Environment::new(&[("http_proxy", bytes)], None).proxies(None).unwrap_err();
        assert_eq!(problems, ["http_proxy: is not UTF-8"]);
        assert!(
            Environment::new(&[("no_proxy", bytes)], None).proxies(None).is_ok(),
            "an entry that is ignored"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_variable_makes_it_panic(proxy in ".{0,40}", none in ".{0,40}") {
            let _ = Environment::new(&[("all_proxy", proxy), ("no_proxy", none)], None).proxies(None);
        }
    }
}
