//! One probe of one target: a straight line of stages, each in its file. It never judges and never fails:
//! it returns an [`Observation`] with everything learned. What an observation means is `verdict`'s business.

mod classify;
mod connect;
mod genuine;
mod http;
mod stage;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub use classify::{StageError, classify};
pub(crate) use http::AGENT;

use crate::catalog::{Endpoint, ProbeUrl, Scheme};
use crate::clock::Clock;
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::names::{Destination, Destinations, without_brackets};
use crate::observation::{Facts, Failure, HttpFacts, Observation, Stage, clean};
use crate::plan::{Plan, TargetId};
use crate::trust::revocation::{CrlState, RevocationReport};
use crate::trust::{Issuers, Objects, Roots, VerifiedPath};
use http::{Exchange, Head};
use stage::Run;

/// Why probes can't be made at all.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// The resolver refuses its configuration.
    #[error("the resolver can't be set up: {0}")]
    Resolver(#[from] hickory_resolver::net::NetError),
    /// The TLS library refuses its configuration.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Makes probes; holds what they share, and nothing that one leaves for the next.
pub struct Prober {
    plan: Arc<Plan>,
    destinations: Arc<Destinations>,
    tls: tls::Tls,
    objects: Objects,
    clock: Clock,
}

/// How one hop of a probe ended.
enum Hop {
    Answered,
    Redirected(ProbeUrl),
}

impl Prober {
    /// A prober for the targets of `plan`.
    ///
    /// # Errors
    /// When the resolver or the TLS library refuses the configuration.
    pub fn new(
        plan: Arc<Plan>,
        config: &Config,
        roots: Arc<Roots>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        let patience = plan.targets.iter().map(|target| target.timeout).max().unwrap_or(Duration::ZERO);
        let destinations = Arc::new(Destinations::new(config, patience)?);
        let fetcher = Arc::new(Fetcher::direct(Arc::clone(&destinations)));
        let issuers = Arc::new(Issuers::new(plan.issuer_hosts.clone()));
        let objects = Objects::new(&roots);
        Ok(Self { destinations, objects, tls: tls::Tls::new(roots, issuers, fetcher, clock)?, plan, clock })
    }

    /// Whether [`Prober::check_revocation`] is to follow a probe.
    #[must_use]
    pub fn checks_revocation(&self) -> bool {
        false
    }

    /// Checks the revocation of a chain that a probe of this target saw.
    pub async fn check_revocation(
        &self,
        _target: TargetId,
        _path: &VerifiedPath,
    ) -> (Arc<RevocationReport>, Vec<CrlState>) {
        unreachable!()
    }

    /// Probes a target of the plan once; ends at its timeout at the latest.
    pub async fn probe(&self, id: TargetId) -> Observation {
        let target = self.plan.target(id);
        let mut run = Run::new(target.timeout);
        let failure = self.run(&mut run, &target.endpoint).await.err();
        if let Some(failure) = &failure {
            mark_failed(&mut run.facts, failure);
        }
        Observation { target: id, at: self.clock.now(), facts: run.facts, failure }
    }

    /// The endpoint's own URL, then the redirects that the catalog allows.
    async fn run(&self, run: &mut Run, endpoint: &Endpoint) -> Result<(), Failure> {
        let mut url = endpoint.url.clone();
        for hop in 0..=endpoint.follow_redirects {
            match self.hop(run, endpoint, &url, hop).await? {
                Hop::Answered => break,
                Hop::Redirected(next) => url = next,
            }
        }
        Ok(())
    }

    async fn hop(&self, run: &mut Run, endpoint: &Endpoint, url: &ProbeUrl, hop: u8) -> Result<Hop, Failure> {
        let address = self.resolve(run, url).await?;
        let stream = run.stage(Stage::Connect, connect::connect(address)).await?;
        run.facts.timings.not_applicable(Stage::Tunnel);
        match url.scheme() {
            Scheme::Http => {
                run.facts.timings.not_applicable(Stage::Tls);
                self.exchange(run, endpoint, url, hop, stream).await
            }
            Scheme::Https => {
                let (stream, refusal) = self.secure(run, endpoint, url, hop, stream).await?;
                let answered = self.exchange(run, endpoint, url, hop, stream).await;
                refusal.map_or(answered, Err)
            }
        }
    }

    /// TLS with a chain that this machine trusts; and, where a client of Defender would still refuse it, why. The answer
    /// is asked for all the same: it tells what a client that is less strict would get.
    async fn secure(
        &self,
        run: &mut Run,
        endpoint: &Endpoint,
        url: &ProbeUrl,
        hop: u8,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Failure>), Failure> {
        let recorder = self.tls.recorder();
        let handshake = self.tls.handshake(name_of(url), stream, Arc::clone(&recorder));
        let shaken = run.stage(Stage::Tls, handshake).await;
        let mut facts = tls::facts(&recorder, shaken.as_ref().ok());
        let judged = match shaken {
            Ok(shaken) => {
                self.tls.judge(&shaken, run.deadline()).await.map(|trusted| (shaken, trusted)).map_err(
                    |error| {
                        let error = StageError::Chain(error);
                        Failure::new(Stage::Tls, classify(Stage::Tls, &error), error.to_string())
                    },
                )
            }
            Err(failure) => Err(failure),
        };
        if let (Some(facts), Ok((_, trusted))) = (&mut facts, &judged) {
            tls::believe(facts, trusted, endpoint.trust);
        }
        let refusal = facts.as_ref().and_then(|facts| tls::refusal(endpoint, facts));
        if hop == 0 {
            run.facts.tls = facts;
        }
        let (shaken, trusted) = judged?;
        self.objects.learn_path(&trusted.path);
        Ok((shaken.into_stream(&trusted), refusal))
    }

    /// Where to connect to: an address of the configuration, or what DNS says.
    async fn resolve(&self, run: &mut Run, url: &ProbeUrl) -> Result<SocketAddr, Failure> {
        let lookup = match self.destinations.of(url.host(), url.port()) {
            Destination::Known(address) => return Ok(known(run, address)),
            Destination::Named(lookup) => lookup,
        };
        let mut addresses = Vec::new();
        let lookup = async {
            let found = lookup.ask().await?;
            addresses.clone_from(&found.addresses);
            Ok(found.address()?)
        };
        let result = run.stage(Stage::Resolve, lookup).await;
        if run.facts.peer.is_none() {
            run.facts.addresses = addresses;
        }
        let address = result?;
        run.facts.peer.get_or_insert(address);
        Ok(address)
    }

    async fn exchange<S>(
        &self,
        run: &mut Run,
        endpoint: &Endpoint,
        url: &ProbeUrl,
        hop: u8,
        stream: S,
    ) -> Result<Hop, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut body = Vec::new();
        let request = async {
            let mut exchange = Exchange::new(stream).await?;
            let (head, incoming) = exchange.request(endpoint.method, url).await?;
            Ok((exchange, head, incoming))
        };
        let (mut exchange, head, incoming) = run.stage(Stage::Request, request).await?;
        run.facts.http = Some(http_facts(&head, hop));
        genuine::check_head(&self.plan, url, &head)?;
        if hop < endpoint.follow_redirects
            && let Some(next) = genuine::check_redirect(&self.plan, url, &head)?
        {
            return Ok(Hop::Redirected(next));
        }
        let transferred = run.stage(Stage::Transfer, exchange.transfer(incoming, &mut body)).await;
        if let Some(http) = &mut run.facts.http {
            http.body_bytes = body.len() as u64;
        }
        transferred?;
        let now = self.clock.now();
        genuine::check(&self.plan, &self.objects, now, endpoint, (url, &head, &body))?;
        if let Some(http) = &mut run.facts.http {
            http.genuine = true;
        }
        Ok(Hop::Answered)
    }
}

/// An address that DNS isn't asked for.
fn known(run: &mut Run, address: SocketAddr) -> SocketAddr {
    run.facts.timings.not_applicable(Stage::Resolve);
    run.facts.peer.get_or_insert(address);
    address
}

/// The name that TLS is asked for.
fn name_of(url: &ProbeUrl) -> &str {
    without_brackets(url.host())
}

fn http_facts(head: &Head, redirects: u8) -> HttpFacts {
    HttpFacts {
        status: head.status.as_u16(),
        genuine: false,
        server: head.header("server").map(clean),
        location: head.header("location").map(clean),
        body_bytes: 0,
        redirects,
    }
}

/// A stage can end well and its answer still be refused, by what it says: then the probe failed in it.
fn mark_failed(facts: &mut Facts, failure: &Failure) {
    use crate::observation::StageOutcome;
    if facts.timings.outcome(failure.stage) == StageOutcome::Done {
        facts.timings.record(failure.stage, StageOutcome::Failed, Duration::ZERO);
    }
}
