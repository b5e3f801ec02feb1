//! One request by one way: the client that is made for it, and how the library is told to go there and nowhere else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HOST};
use reqwest::{Client, ClientBuilder, Proxy, RequestBuilder, Response, Url};
use rustls::ClientConfig;
use tower::util::MapResponseLayer;

use super::{Validators, Wanted};
use crate::catalog::{ProbeUrl, Scheme};
use crate::config::{self, Credentials, ProxyKind};
use crate::failure::{StageError, fetch_stage};
use crate::names::without_brackets;
use crate::observation::Stage;
use crate::sender::{AGENT, authorization};

/// One hop of a fetch on its way: to the server itself or to a proxy, whose address is known.
pub(super) struct Exchange<'a> {
    pub(super) url: &'a ProbeUrl,
    /// None: the server is connected to.
    pub(super) proxy: Option<&'a config::Proxy>,
    /// The server's or the proxy's.
    pub(super) address: SocketAddr,
    /// The address of this machine that the connection comes from.
    pub(super) source: Option<IpAddr>,
    pub(super) tls: &'a ClientConfig,
    connected: Arc<AtomicBool>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        url: &'a ProbeUrl,
        proxy: Option<&'a config::Proxy>,
        address: SocketAddr,
        (source, tls): (Option<IpAddr>, &'a ClientConfig),
    ) -> Self {
        Self { url, proxy, address, source, tls, connected: Arc::default() }
    }

    /// Asks, and waits for the head of the answer.
    pub(super) async fn send(&self, wanted: &Wanted<'_>) -> Result<Response, StageError> {
        Ok(self.request(&self.client()?, wanted).send().await?)
    }

    /// The stage that failed, or in which the time ran out. The library tells only that a connection is there, once TLS and
    /// the proxy have done their part in it: a silence before that is put down to the last of these.
    pub(super) fn stage(&self, error: Option<&StageError>) -> Stage {
        if self.connected.load(Ordering::Relaxed) {
            return Stage::Request;
        }
        let last = match (self.url.scheme(), self.proxy.map(|proxy| proxy.kind)) {
            (Scheme::Https, _) => Stage::Tls,
            (Scheme::Http, None | Some(ProxyKind::Http)) => Stage::Connect,
            (Scheme::Http, Some(ProxyKind::Https | ProxyKind::Socks5)) => Stage::Tunnel,
        };
        match error {
            Some(StageError::Fetch(error)) => fetch_stage(error).unwrap_or(last),
            _ => last,
        }
    }

    /// A client for one request, which notes that it has connected. It keeps no connection, and so never repeats a request.
    fn client(&self) -> Result<Client, reqwest::Error> {
        let connected = Arc::clone(&self.connected);
        let client = Client::builder()
            .user_agent(AGENT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .no_gzip() // a small answer must not become a large one
            .local_address(self.source)
            .tls_backend_preconfigured(self.tls.clone())
            .connector_layer(MapResponseLayer::new(move |connection| {
                connected.store(true, Ordering::Relaxed);
                connection
            }));
        self.by_proxy(client)?.build()
    }

    /// Sends the connection to the very address. Where a certificate must be for a name, that name stays, and leads there.
    fn by_proxy(&self, client: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        let Some(proxy) = self.proxy else { return Ok(client.resolve(self.url.host(), self.address)) };
        match proxy.kind {
            ProxyKind::Http => {
                Ok(client.proxy(known(Proxy::all(format!("http://{}", self.address))?, proxy)))
            }
            ProxyKind::Https => {
                let there = format!("https://{}", self.named(&proxy.at.host));
                let client = client.resolve(&proxy.at.host, self.address);
                Ok(client.proxy(known(Proxy::all(there)?, proxy)))
            }
            ProxyKind::Socks5 => Ok(client.proxy(Proxy::all(self.socks(proxy))?)),
        }
    }

    /// A host with the port that is connected to. An address is connected to whatever [`ClientBuilder::resolve`] says: then
    /// the certificate must be for the one that `connect_to` names.
    fn named(&self, host: &str) -> String {
        match without_brackets(host).parse::<IpAddr>() {
            Ok(_) => self.address.to_string(),
            Err(_) => format!("{host}:{}", self.address.port()),
        }
    }

    /// A SOCKS proxy that resolves names itself (`h`), in the library's notation.
    fn socks(&self, proxy: &config::Proxy) -> String {
        let plain = format!("socks5h://{}", self.address);
        let (Some(Credentials { username, password }), Ok(mut url)) =
            (&proxy.credentials, Url::parse(&plain))
        else {
            return plain;
        };
        // A URL with a host can have both.
        let _ = url.set_username(username).and_then(|()| url.set_password(Some(password.reveal())));
        url.into()
    }

    /// The request. Directly and without TLS it goes to the very address in place of the URL's host: so the library has no
    /// name to resolve, port and address family are those that were decided on, and only the `Host` header knows the name.
    fn request(&self, client: &Client, wanted: &Wanted<'_>) -> RequestBuilder {
        let path = self.url.path_and_query();
        let there = match (self.proxy, self.url.scheme()) {
            (Some(_), _) => self.url.to_string(),
            (None, Scheme::Http) => format!("http://{}{path}", self.address),
            (None, Scheme::Https) => format!("https://{}{path}", self.named(self.url.host())),
        };
        let request = if let Some((content_type, bytes)) = &wanted.body {
            client.post(there).header(CONTENT_TYPE, *content_type).body(bytes.clone())
        } else {
            client.get(there).headers(wanted.known.into_iter().flat_map(Validators::conditions).collect())
        };
        request
            .header(HOST, self.url.authority())
            .header(ACCEPT_ENCODING, "identity")
            .header(CONNECTION, "close")
    }
}

/// A proxy that is told who asks.
fn known(there: Proxy, proxy: &config::Proxy) -> Proxy {
    match authorization(proxy) {
        Some(value) => there.custom_http_auth(value),
        None => there,
    }
}
