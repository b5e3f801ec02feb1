//! The proxies that this machine's own settings name, which routes can follow. `host` reads them.

use std::sync::Arc;

use super::proxy_url::{proxy_url, shown};
use super::{Credentials, NoProxy, PacConfig, PolicyConfig, Proxies, Proxy, RouteProxy, credentials};

/// The machine's settings. In each, `None` means that this system has no such setting, and an error says why it can't
/// be used; the message continues the setting's name.
#[derive(Clone, Default)]
pub struct MachineProxies {
    /// The WinHTTP setting.
    pub winhttp: Option<Result<Proxies, String>>,
    /// Defender Antivirus' proxy policy. `Ok(None)` if it isn't set.
    pub defender_policy: Option<Result<Option<PolicyProxies>, String>>,
    /// The policy `TelemetryProxyServer`. `Ok(None)` if it isn't set.
    pub telemetry_proxy: Option<Result<Option<PolicyProxies>, String>>,
    /// The static proxy of `mdatp`. `Ok(None)` if it isn't set.
    pub mdatp: Option<Result<Option<MdatpProxy>, String>>,
}

/// The proxies of a policy: at least one of the two is set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyProxies {
    /// The named proxy, with its bypass list.
    pub server: Proxies,
    /// The script that follows.
    pub script: Option<super::PacSource>,
}

/// The static proxy of `mdatp`, as it is written.
#[derive(Clone, PartialEq, Eq)]
pub struct MdatpProxy {
    /// The file and the key.
    pub origin: String,
    /// The value.
    pub url: String,
}

impl MachineProxies {
    /// The proxies of the WinHTTP setting, with these credentials.
    pub(super) fn winhttp(&self, credentials: Option<&Credentials>) -> Result<Proxies, String> {
        let proxies =
            available_setting(self.winhttp.as_ref(), "Windows", "the machine's WinHTTP proxy setting")?;
        with_credentials(&proxies, credentials)
    }

    /// The route of Defender Antivirus' proxy policy.
    pub(super) fn defender_policy(
        &self,
        credentials: Option<&Credentials>,
        no_proxy: NoProxy,
    ) -> Result<RouteProxy, String> {
        let policy = available_setting(self.defender_policy.as_ref(), "Windows", "Defender's proxy policy")?;
        self.policy(policy, credentials, no_proxy)
    }

    /// The route of the policy `TelemetryProxyServer`.
    pub(super) fn telemetry_proxy(
        &self,
        credentials: Option<&Credentials>,
        no_proxy: NoProxy,
    ) -> Result<RouteProxy, String> {
        let policy =
            available_setting(self.telemetry_proxy.as_ref(), "Windows", "the policy TelemetryProxyServer")?;
        self.policy(policy, credentials, no_proxy)
    }

    /// The route of a policy; without one, that of the WinHTTP setting, which services use by default.
    fn policy(
        &self,
        policy: Option<PolicyProxies>,
        credentials: Option<&Credentials>,
        no_proxy: NoProxy,
    ) -> Result<RouteProxy, String> {
        let with_rules =
            |proxies: Proxies, rules| Proxies { no_proxy: proxies.no_proxy.and(rules), ..proxies };
        let system = with_rules(self.winhttp(credentials)?, no_proxy.clone());
        let Some(PolicyProxies { server, script }) = policy else { return Ok(RouteProxy::Proxies(system)) };
        let server = with_rules(with_credentials(&server, credentials)?, no_proxy);
        let script = script.map(|source| PacConfig { source, credentials: credentials.cloned() });
        Ok(RouteProxy::Policy(PolicyConfig { server, script, system }))
    }

    /// The proxies of `mdatp`, which has no bypass list and doesn't authenticate.
    pub(super) fn mdatp(&self) -> Result<Proxies, String> {
        let proxy = available_setting(self.mdatp.as_ref(), "Linux", "mdatp's proxy")?;
        let Some(MdatpProxy { origin, url }) = proxy else { return Ok(Proxies::default()) };
        let proxy =
            mdatp_proxy(&url).map_err(|why| format!("mdatp's proxy can't be used: {origin}: {why}"))?;
        let proxy = Some(Arc::new(proxy));
        Ok(Proxies { http: proxy.clone(), https: proxy, no_proxy: NoProxy::default() })
    }
}

/// A setting, or why it can't be used.
fn available_setting<T: Clone>(
    setting: Option<&Result<T, String>>,
    system: &str,
    name: &str,
) -> Result<T, String> {
    let setting = setting.cloned().unwrap_or_else(|| Err(format!("is available on {system} only")));
    setting.map_err(|why| format!("{name} {why}"))
}

/// `http://host:port`, as Microsoft's page on static proxies writes it, or `host:port`.
fn mdatp_proxy(text: &str) -> Result<Proxy, String> {
    let bare = format!("http://{text}");
    let url = proxy_url(if text.contains("://") { text } else { &bare });
    let url = url.map_err(|why| format!("{} {why}", shown(text)))?;
    if url.userinfo.is_some() {
        return Err("the URL has a user name or password, which mdatp does not support".to_owned());
    }
    Ok(Proxy { kind: url.kind, at: url.at, credentials: None })
}

/// The same proxies, which these credentials are sent to.
fn with_credentials(proxies: &Proxies, credentials: Option<&Credentials>) -> Result<Proxies, String> {
    let add_credentials = |proxy: &Option<Arc<Proxy>>| {
        let with_credentials =
            |proxy: &Arc<Proxy>| Proxy { credentials: credentials.cloned(), ..proxy.as_ref().clone() };
        proxy.as_ref().map(with_credentials).map(Arc::new)
    };
    if let Some(proxy) = proxies.http.as_ref().or(proxies.https.as_ref()) {
        credentials::check_for_proxy(credentials, proxy.kind)?;
    }
    let (http, https) = (add_credentials(&proxies.http), add_credentials(&proxies.https));
    Ok(Proxies { http, https, no_proxy: proxies.no_proxy.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(url: &str) -> Result<Proxies, String> {
        let proxy =
            MdatpProxy { origin: "/etc/mdatp.json: cloudService.proxy".to_owned(), url: url.to_owned() };
        MachineProxies { mdatp: Some(Ok(Some(proxy))), ..MachineProxies::default() }.mdatp()
    }

    #[test]
    fn the_proxy_of_mdatp_is_a_url() {
        for (url, at) in [
            ("http://proxy.server:3128/", "http proxy.server:3128"),
            ("http://10.0.0.6:8080", "http 10.0.0.6:8080"),
            ("https://proxy.server:3129", "https proxy.server:3129"),
            ("proxy.server:3128", "http proxy.server:3128"),
        ] {
            let Proxies { http, https, no_proxy } = route(url).unwrap();
            assert_eq!((&http, no_proxy), (&https, NoProxy::default()), "{url}");
            let proxy = https.unwrap();
            assert_eq!((format!("{} {}", proxy.kind, proxy.at), &proxy.credentials), (at.to_owned(), &None));
        }
        for (url, why) in [
            (
                "http://proxy.server",
                "\"http://proxy.server\" has no port (proxies usually listen on 8080 or 3128)",
            ),
            ("proxy.server", "\"proxy.server\" has no port (proxies usually listen on 8080 or 3128)"),
            (
                "http://eve:hunter2@proxy.server:80",
                "the URL has a user name or password, which mdatp does not support",
            ),
            ("http://eve:hunter2", "the URL is not host:port (an IPv6 address in brackets)"),
            (
                "<EXAMPLE DO NOT USE> http://proxy.server:port/",
                "the URL is not a proxy URL: expected http://, https:// or \
                 socks5:// and host:port",
            ),
        ] {
            let expected = format!("mdatp's proxy can't be used: /etc/mdatp.json: cloudService.proxy: {why}");
            assert_eq!(route(url), Err(expected));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_url_makes_it_panic(url in ".{0,60}") {
            let _ = route(&url);
        }
    }
}
