//! The proxy settings of a route: mutually exclusive keys of an entry of `routes`, and the keys that depend on them. A
//! configuration with a problem is rejected as a whole, so invalid values may be replaced by any.

use std::path::Path;
use std::sync::Arc;

use super::no_proxy::parse_rule;
use super::proxy_url::proxy_url;
use super::reader::{Mapping, Node};
use super::values::{host_name, shown_url};
use super::{
    Credentials, Environment, NoProxy, PacConfig, PacSource, Proxies, Proxy, RouteProxy, credentials,
    proxy_url,
};
use crate::catalog::ProbeUrl;

/// Keys that require another one.
const DEPENDENT: [&str; 4] = ["username", "password_file", "no_proxy", "domain"];

/// Keys of which an entry may have one.
const ALTERNATIVES: &str =
    "proxy, from_environment, winhttp, defender_policy, telemetry_proxy, mdatp, pac and wpad";

/// Reads the keys; paths are relative to `base_dir`.
pub(super) fn read(entry: &mut Mapping<'_>, base_dir: &Path, environment: &Environment) -> RouteProxy {
    let dependent: Vec<_> = DEPENDENT.into_iter().filter(|key| entry.has(key)).collect();
    let credentials = credentials::read(entry, base_dir);
    let no_proxy = entry.take("no_proxy").and_then(no_proxy).unwrap_or_default();
    let domain = entry.take("domain").map(|node| node.parsed(host_name).unwrap_or_default());

    let settings = environment.machine();
    let mut routes = Vec::new();
    if let Some(node) = entry.take("proxy") {
        routes.push(("proxy", proxy(&node, credentials.clone(), no_proxy.clone())));
    }
    if let Some(node) = entry.take("from_environment") {
        let read = || from_environment(&node, credentials.as_ref(), no_proxy.clone(), environment);
        routes.extend(flag(&node, read).map(|via| ("from_environment", via)));
    }
    if let Some(node) = entry.take("winhttp") {
        let read = || bypassed(&node, settings.winhttp(credentials.as_ref()), no_proxy.clone());
        routes.extend(flag(&node, read).map(|via| ("winhttp", via)));
    }
    if let Some(node) = entry.take("defender_policy") {
        let read = || machine(&node, settings.defender_policy(credentials.as_ref(), no_proxy.clone()));
        routes.extend(flag(&node, read).map(|via| ("defender_policy", via)));
    }
    if let Some(node) = entry.take("telemetry_proxy") {
        let read = || machine(&node, settings.telemetry_proxy(credentials.as_ref(), no_proxy.clone()));
        routes.extend(flag(&node, read).map(|via| ("telemetry_proxy", via)));
    }
    if let Some(node) = entry.take("mdatp") {
        let read = || bypassed(&node, settings.mdatp(), no_proxy);
        routes.extend(flag(&node, read).map(|via| ("mdatp", via)));
    }
    if let Some(node) = entry.take("pac") {
        routes.push(("pac", pac(&node, credentials.clone(), base_dir)));
    }
    if let Some(node) = entry.take("wpad") {
        let read = || wpad(&node, credentials, domain.as_deref().or(environment.domain()));
        routes.extend(flag(&node, read).map(|via| ("wpad", via)));
    }
    check_together(entry, &routes.iter().map(|(key, _)| *key).collect::<Vec<_>>(), &dependent);
    routes.pop().map_or_else(|| RouteProxy::Proxies(Proxies::default()), |(_, via)| via)
}

/// A boolean key: `true` selects its setting, `false` is ignored.
fn flag(node: &Node<'_>, read: impl FnOnce() -> RouteProxy) -> Option<RouteProxy> {
    match node.boolean() {
        Some(true) => Some(read()),
        Some(false) => None,
        None => Some(RouteProxy::Proxies(Proxies::default())),
    }
}

/// Checks the keys in combination.
fn check_together(entry: &Mapping<'_>, routes: &[&str], dependent: &[&str]) {
    match routes {
        [] => dependent.iter().for_each(|key| entry.problem_at(key, without(key))),
        [way] => {
            for key in dependent {
                if let Some(problem) = misplaced(key, way) {
                    entry.problem_at(key, problem);
                }
            }
            match (dependent.contains(&"username"), dependent.contains(&"password_file")) {
                (true, false) => entry.problem_at("username", "needs password_file as well"),
                (false, true) => entry.problem_at("password_file", "needs username as well"),
                _ => {}
            }
        }
        several => entry.problem(format!("has {}: at most one of {ALTERNATIVES}", several.join(" and "))),
    }
}

/// The problem of a dependent key on a direct route.
fn without(key: &str) -> &'static str {
    if key == "domain" { "has no effect without wpad: true" } else { "has no effect without a proxy" }
}

/// The problem of a dependent key on another route, if any.
fn misplaced(key: &str, way: &str) -> Option<&'static str> {
    match (key, way) {
        ("domain", "wpad") => None,
        ("domain", _) => Some(without(key)),
        ("no_proxy", "pac" | "wpad") => {
            Some("has no effect with a PAC script, which decides what to reach directly")
        }
        ("username" | "password_file", "mdatp") => {
            Some("has no effect with mdatp, which does not authenticate to proxies")
        }
        _ => None,
    }
}

fn no_proxy(node: Node<'_>) -> Option<NoProxy> {
    node.distinct(|rule| rule.parsed(parse_rule)).map(NoProxy::new)
}

fn proxy(node: &Node<'_>, credentials: Option<Credentials>, no_proxy: NoProxy) -> RouteProxy {
    let proxy = node.text().and_then(|text| {
        parse_proxy(text, credentials)
            .map_err(|why| node.problem(format!("{} {why}", proxy_url::shown(text))))
            .ok()
    });
    let proxy = proxy.map(Arc::new);
    RouteProxy::Proxies(Proxies { http: proxy.clone(), https: proxy, no_proxy })
}

fn parse_proxy(text: &str, credentials: Option<Credentials>) -> Result<Proxy, String> {
    let url = proxy_url(text)?;
    if url.userinfo.is_some() {
        return Err("contains a user name or password: use username and password_file".to_owned());
    }
    credentials::check_for_proxy(credentials.as_ref(), url.kind)
        .map_err(|why| format!("can't be used: {why}"))?;
    Ok(Proxy { kind: url.kind, at: url.at, credentials })
}

fn from_environment(
    node: &Node<'_>,
    credentials: Option<&Credentials>,
    no_proxy: NoProxy,
    environment: &Environment,
) -> RouteProxy {
    let proxies = environment.proxies(credentials).unwrap_or_else(|problems| {
        for problem in problems {
            node.problem(problem);
        }
        Proxies::default()
    });
    RouteProxy::Proxies(Proxies { no_proxy: proxies.no_proxy.and(no_proxy), ..proxies })
}

/// The route of a setting of this machine.
fn machine(node: &Node<'_>, via: Result<RouteProxy, String>) -> RouteProxy {
    via.unwrap_or_else(|why| {
        node.problem(why);
        RouteProxy::Proxies(Proxies::default())
    })
}

/// The same for a setting that names proxies, with more destinations to connect to directly.
fn bypassed(node: &Node<'_>, proxies: Result<Proxies, String>, no_proxy: NoProxy) -> RouteProxy {
    let with_rules = |proxies: Proxies| Proxies { no_proxy: proxies.no_proxy.and(no_proxy), ..proxies };
    machine(node, proxies.map(with_rules).map(RouteProxy::Proxies))
}

fn pac(node: &Node<'_>, credentials: Option<Credentials>, base_dir: &Path) -> RouteProxy {
    let source = node.text().and_then(|text| {
        script(text, base_dir)
            .map_err(|why| node.problem(format!("{} can't be fetched: {why}", shown_url(text))))
            .ok()
    });
    source.map_or_else(
        || RouteProxy::Proxies(Proxies::default()),
        |source| RouteProxy::Pac(PacConfig { source, credentials }),
    )
}

/// Where a script is. Whether there is one, and what it says, each probe finds out: scripts come and go.
fn script(text: &str, base_dir: &Path) -> Result<PacSource, String> {
    let is_url = |scheme: &str| ["http", "https"].iter().any(|url| scheme.eq_ignore_ascii_case(url));
    match text.split_once("://") {
        None => Ok(PacSource::File(base_dir.join(text))),
        Some((scheme, _)) if is_url(scheme) => {
            ProbeUrl::parse(text).map(PacSource::Url).map_err(|error| error.to_string())
        }
        Some(_) => Err("a PAC script is a file, or an http:// or https:// URL".to_owned()),
    }
}

fn wpad(node: &Node<'_>, credentials: Option<Credentials>, domain: Option<&str>) -> RouteProxy {
    if domain.is_none() {
        node.problem("this machine's domain is unknown: set domain");
    }
    let domain = domain.unwrap_or_default().trim_end_matches('.').to_owned();
    RouteProxy::Pac(PacConfig { source: PacSource::Wpad { domain }, credentials })
}
