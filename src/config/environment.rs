//! What of the process and its machine a configuration may refer to: the variables that name proxies, the machine's WinHTTP
//! setting, and the domain.
//! Read once, so that what is made of it is pure.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use super::no_proxy::rule_of;
use super::proxy_url::proxy_url;
use super::text::{host_name, quoted};
use super::{Credentials, NoProxy, Proxies, Proxy, credentials};

/// For `http` URLs, the first that isn't empty: as curl reads them, but for `HTTP_PROXY`, which curl leaves alone since a
/// CGI program gets it from a stranger's header `Proxy`. This is none.
const HTTP: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// For `https` URLs.
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// What is connected to directly.
const NONE: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// The variables that name proxies, the machine's WinHTTP setting and its domain. Passwords may be in it: it prints nothing.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    domain: Option<String>,
    winhttp: Option<Result<Proxies, String>>,
}

impl Environment {
    /// That of this process, as it is now.
    #[must_use]
    pub fn of_process() -> Self {
        let names = HTTP.iter().chain(&HTTPS).chain(&NONE);
        let variables = names.filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        Self { variables: variables.collect(), domain: system_domain(), winhttp: None }
    }

    /// One that holds just this.
    #[must_use]
    pub fn new<'a>(variables: &[(&str, impl AsRef<OsStr> + 'a)], domain: Option<&str>) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), value.as_ref().to_owned()));
        Self { variables: variables.collect(), domain: domain.map(str::to_owned), winhttp: None }
    }

    /// The same on a machine whose WinHTTP setting is this one; none: it has no such thing. An error says why the setting
    /// can't be used, in words that follow its name.
    #[must_use]
    pub fn with_winhttp(self, winhttp: Option<Result<Proxies, String>>) -> Self {
        Self { winhttp, ..self }
    }

    /// The proxies of the machine's WinHTTP setting, told `credentials`.
    pub(super) fn winhttp(&self, credentials: Option<&Credentials>) -> Result<Proxies, String> {
        let setting = self.winhttp.clone();
        let proxies = setting.unwrap_or_else(|| Err("is there on Windows alone".to_owned()));
        let proxies = proxies.map_err(|why| format!("the machine's WinHTTP setting {why}"))?;
        let tell = |proxy: Option<Arc<Proxy>>| {
            let told =
                |proxy: Arc<Proxy>| Proxy { credentials: credentials.cloned(), ..proxy.as_ref().clone() };
            proxy.map(told).map(Arc::new)
        };
        if let Some(proxy) = proxies.http.as_ref().or(proxies.https.as_ref()) {
            credentials::fit(credentials, proxy.kind)?;
        }
        Ok(Proxies { http: tell(proxies.http), https: tell(proxies.https), no_proxy: proxies.no_proxy })
    }

    /// The machine's domain, without a dot at its end.
    pub(super) fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// The proxies that the variables name; `credentials` are for those whose URL has none.
    pub(super) fn proxies(&self, credentials: Option<&Credentials>) -> Result<Proxies, Vec<String>> {
        let mut problems = Vec::new();
        let mut proxy = |names: &[&'static str]| {
            let (name, value) = self.first(names)?;
            let proxy = text(value).and_then(|url| proxy_of(url, credentials));
            proxy.map(Arc::new).map_err(|why| problems.push(format!("{name}: {why}"))).ok()
        };
        let (http, https) = (proxy(&HTTP), proxy(&HTTPS));
        problems.dedup(); // ALL_PROXY is asked twice
        let no_proxy = self.no_proxy(&mut problems);
        if problems.is_empty() { Ok(Proxies { http, https, no_proxy }) } else { Err(problems) }
    }

    /// Rules between commas or spaces.
    fn no_proxy(&self, problems: &mut Vec<String>) -> NoProxy {
        let Some((name, value)) = self.first(&NONE) else { return NoProxy::default() };
        let rules = text(value).map_err(|why| problems.push(format!("{name}: {why}"))).unwrap_or_default();
        let mut found = Vec::new();
        for rule in rules.split(|c: char| c == ',' || c.is_whitespace()).filter(|rule| !rule.is_empty()) {
            match rule_of(rule) {
                Ok(rule) => found.push(rule),
                Err(why) => problems.push(format!("{name}: {} {why}", quoted(rule))),
            }
        }
        NoProxy::new(found)
    }

    fn first(&self, names: &[&'static str]) -> Option<(&'static str, &OsStr)> {
        let mut set = names.iter().filter_map(|name| Some((*name, self.variables.get(*name)?.as_os_str())));
        set.find(|(_, value)| !value.is_empty())
    }
}

fn text(value: &OsStr) -> Result<&str, String> {
    value.to_str().map(str::trim).ok_or_else(|| "is not UTF-8".to_owned())
}

/// The proxy of a URL, or of a bare `host:port`, which is an HTTP proxy's.
fn proxy_of(text: &str, given: Option<&Credentials>) -> Result<Proxy, String> {
    let bare = format!("http://{text}");
    let url = proxy_url(if text.contains("://") { text } else { &bare });
    let url = url.map_err(|why| format!("the URL {why}"))?; // not repeated: a password may stand anywhere in it
    let own = url.userinfo.map(credentials::of_userinfo).transpose()?;
    let credentials = own.or_else(|| given.cloned());
    credentials::fit(credentials.as_ref(), url.kind)?;
    Ok(Proxy { kind: url.kind, at: url.at, credentials })
}

/// The domain of the resolver's configuration or of the host's name, else the first that is searched.
fn system_domain() -> Option<String> {
    let (known, _) = hickory_resolver::system_conf::read_system_conf().ok()?;
    let names = known.domain().into_iter().chain(known.search());
    let mut domains = names.map(|name| name.to_utf8().trim_end_matches('.').to_owned());
    domains.find_map(|name| host_name(&name).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ProbeUrl;
    use crate::config::Secret;

    /// Where the proxies for `http://a.example/` and `https://a.example/` are, or what is wrong.
    fn check(variables: &[(&str, &str)], expected: &str) {
        let found = match Environment::new(variables, None).proxies(None) {
            Ok(proxies) => ["http://a.example/", "https://a.example/"].map(|url| {
                let proxy = proxies.of(&ProbeUrl::parse(url).unwrap()).cloned();
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
        check(&[("HTTP_PROXY", "p:1"), ("http_proxy", "q:2")], "http q:2, direct");
        check(&[("ALL_PROXY", "socks5h://s"), ("http_proxy", " p:1 ")], "http p:1, socks5 s:1080");
        check(&[("all_proxy", "socks5://s:9"), ("ALL_PROXY", "p:1")], "socks5 s:9, socks5 s:9");
        check(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "b.example, *")], "direct, direct");
        check(&[("ALL_PROXY", "p:1"), ("no_proxy", "b.example"), ("NO_PROXY", "*")], "http p:1, http p:1");
        check(&[("ALL_PROXY", "p:1"), ("NO_PROXY", "localhost .example:443")], "http p:1, direct");
    }

    #[test]
    fn what_is_wrong_is_told_once_and_without_the_value() {
        let no_port = "the URL has no port: a proxy's may be 8080, 3128, 80 or any other, ";
        check(&[("ALL_PROXY", "http://hunter2")], &format!("ALL_PROXY: {no_port}"));
        check(&[("HTTP_PROXY", "http://eve:hunter2@p")], &format!("HTTP_PROXY: {no_port}"));
        let form = "the URL is not host:port (an IPv6 address in brackets), ";
        check(&[("http_proxy", "http://eve:hunter2")], &format!("http_proxy: {form}"));
        check(&[("http_proxy", "http://:hunter2@p:1")], "http_proxy: the user name is empty, ");
        check(
            &[("http_proxy", "http://eve:%ff@p:1")],
            "http_proxy: the user name or password is not UTF-8, ",
        );
        let empty = "SOCKS5 carries no empty password (RFC 1929), ";
        check(&[("http_proxy", "socks5://eve@p:1")], &format!("http_proxy: {empty}"));
        let control = "a password has no control characters (RFC 7617, section 2), ";
        check(&[("http_proxy", "http://eve:hunter2%0d%0a@p:1")], &format!("http_proxy: {control}"));
    }

    #[test]
    fn user_names_and_passwords_are_decoded_and_come_before_those_given() {
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
        for name in ["http_proxy", "no_proxy"] {
            let problems = Environment::new(&[(name, bytes)], None).proxies(None).unwrap_err();
            assert_eq!(problems, [format!("{name}: is not UTF-8")]);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_variable_makes_it_panic(proxy in ".{0,40}", none in ".{0,40}") {
            let _ = Environment::new(&[("all_proxy", proxy), ("no_proxy", none)], None).proxies(None);
        }
    }
}
