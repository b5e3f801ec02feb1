//! From a URL to a connection by the route: stages resolve, connect and tunnel. By a proxy, the first two are the way to the
//! proxy, which resolves the endpoint's name itself.

use std::net::SocketAddr;
use std::sync::Arc;

use super::connect;
use super::http::Form;
use super::line::Line;
use super::stage::Run;
use super::tunnel::{self, Wire};
use crate::catalog::{ProbeUrl, Scheme};
use crate::config::{HostPort, Proxy, ProxyKind};
use crate::names::{Destination, Lookup};
use crate::observation::{DIRECT, Failure, Stage};

impl Line<'_> {
    /// A connection on which the endpoint can be spoken to, and the form in which a request for it is written.
    pub(super) async fn dial(&self, run: &mut Run, url: &ProbeUrl) -> Result<(Wire, Form), Failure> {
        if let Some(address) = self.at.filter(|_| run.facts.peer.is_none()) {
            run.facts.timings.not_applicable(Stage::Resolve);
            run.facts.timings.not_applicable(Stage::Tunnel);
            return Ok((self.reach(run, address).await?, Form::Origin));
        }
        // A script's choice takes none of the stages' time.
        match self.lane.ways.proxy_for(url, run.deadline()).await? {
            None => {
                run.facts.proxy = self.lane.ways.are_chosen().then(|| DIRECT.to_owned());
                let wire = self.connect(run, url.host(), url.port(), true).await?;
                run.facts.timings.not_applicable(Stage::Tunnel);
                Ok((wire, Form::Origin))
            }
            Some(proxy) => {
                run.facts.proxy = Some(format!("{}://{}", proxy.kind, proxy.at));
                let connected = self.connect(run, &proxy.at.host, proxy.at.port, false).await;
                let wire = connected.map_err(|failure| on_the_way_to(&proxy, &failure))?;
                self.pass(run, url, &proxy, wire).await
            }
        }
    }

    /// Resolves and connects, to the endpoint's own host or to a proxy. Only the former's addresses are told.
    async fn connect(&self, run: &mut Run, host: &str, port: u16, own: bool) -> Result<Wire, Failure> {
        let destinations = &self.lane.destinations;
        let to = if own { destinations.of(host, port) } else { destinations.chosen(host, port) };
        let address = match to {
            Destination::Known(address) => {
                run.facts.timings.not_applicable(Stage::Resolve);
                address
            }
            Destination::Named(lookup) => resolve(run, lookup, own).await?,
        };
        self.reach(run, address).await
    }

    async fn reach(&self, run: &mut Run, address: SocketAddr) -> Result<Wire, Failure> {
        run.facts.peer.get_or_insert(address);
        let from = self.lane.source_address();
        let stream = run.stage(Stage::Connect, connect::connect(address, from)).await?;
        Ok(Box::new(stream))
    }

    /// Gets by a proxy. Plain HTTP needs no tunnel there: the request itself names the endpoint.
    async fn pass(
        &self,
        run: &mut Run,
        url: &ProbeUrl,
        proxy: &Arc<Proxy>,
        wire: Wire,
    ) -> Result<(Wire, Form), Failure> {
        let absolute = url.scheme() == Scheme::Http && proxy.kind != ProxyKind::Socks5;
        if absolute && proxy.kind == ProxyKind::Http {
            run.facts.timings.not_applicable(Stage::Tunnel);
            return Ok((wire, Form::absolute(proxy)));
        }
        let to = HostPort { host: url.host().to_owned(), port: url.port() };
        let mut status = None;
        let passed = run
            .stage(Stage::Tunnel, async {
                let wire = match proxy.kind {
                    ProxyKind::Https => tunnel::secure(wire, proxy, &self.lane.proxy_tls).await?,
                    ProxyKind::Http | ProxyKind::Socks5 => wire,
                };
                if absolute { Ok(wire) } else { tunnel::tunnel(wire, proxy, &to, &mut status).await }
            })
            .await;
        run.facts.proxy_status = status.or(run.facts.proxy_status);
        Ok((passed?, if absolute { Form::absolute(proxy) } else { Form::Origin }))
    }
}

/// A failure that is the proxy's, not the endpoint's.
fn on_the_way_to(proxy: &Proxy, failure: &Failure) -> Failure {
    let detail = format!("on the way to the proxy {}: {}", proxy.at, failure.detail);
    Failure::new(failure.stage, failure.reason, detail)
}

/// The address that a name leads to. What DNS says of the endpoint's own host is told, good or not.
async fn resolve(run: &mut Run, lookup: Lookup<'_>, own: bool) -> Result<SocketAddr, Failure> {
    let mut found = None;
    let asked = async {
        let found = found.insert(lookup.ask().await?);
        Ok(found.address()?)
    };
    let result = run.stage(Stage::Resolve, asked).await;
    if let Some(found) = found.filter(|_| own && run.facts.peer.is_none()) {
        run.facts.private = found.private();
        if found.by_dns {
            run.facts.addresses.clone_from(&found.addresses);
        }
        run.found = found.addresses;
    }
    result
}
