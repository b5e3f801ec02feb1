//! The pipeline of a probe: connect, TLS, request, transfer, and the redirects that the catalog allows. `net`
//! implements the phases.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{HeaderValue, RANGE};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;

use super::evidence::{self, IssuerRecorder};
use super::genuine::Received;
use super::response::{Rules, http_facts};
use super::route_context::RouteContext;
use super::run::{ProbeOutcome, ProbeRun};
use super::tls::{self, Negotiated};
use super::{Prober, file_share};
use crate::catalog::{Endpoint, Method, ProbeUrl, Scheme};
use crate::net::failure::PhaseError;
use crate::net::{
    BodyEnd, BoxedStream, ConnectionFacts, Dial, DialedConnection, HttpExchange, NamedBy, ReadLimits,
    RequestTarget, UnreadResponse, build_request, explain_alert, server_name,
};
use crate::observation::{Failure, FailureReason, Phase};
use crate::tls::{FetchIssuer, TrustedChain};

/// The maximum size of a body, in bytes. Bodies are read to the end so that the transfer's time is the
/// service's.
const MAX_BODY: u64 = 1024 * 1024;

/// The pipeline of one probe.
#[derive(Clone, Copy)]
pub(super) struct Pipeline<'a> {
    pub(super) prober: &'a Prober,
    pub(super) route_context: &'a RouteContext,
    pub(super) endpoint: &'a Endpoint,
    /// The address to connect to for the endpoint's own host. If `None`, the name or the proxy decides.
    pub(super) at: Option<SocketAddr>,
}

/// The result of one hop.
enum HopOutcome {
    Answered,
    Redirected(ProbeUrl),
}

impl Pipeline<'_> {
    /// Probes the endpoint's own URL and follows the redirects that the catalog allows, within `limit`.
    pub(super) async fn run(&self, limit: Duration) -> ProbeOutcome {
        let mut run = ProbeRun::new(limit);
        if self.endpoint.url.scheme() == Scheme::Folder {
            return self.read_file_share(run).await;
        }
        let mut url = self.endpoint.url.clone();
        let failure = loop {
            match self.hop(&mut run, &url).await {
                Ok(HopOutcome::Answered) => break None,
                Ok(HopOutcome::Redirected(next)) => {
                    run.redirect(&url);
                    url = next;
                }
                Err(failure) => break Some(failure),
            }
        };
        run.end(&url, failure)
    }

    /// Looks for the newest package in a folder: no network of the route's, one phase.
    async fn read_file_share(&self, mut run: ProbeRun) -> ProbeOutcome {
        for phase in Phase::ALL.iter().filter(|phase| **phase != Phase::Request) {
            run.clock.timings.not_applicable(*phase);
        }
        let url = &self.endpoint.url;
        let read = async { Ok(self.prober.file_shares.newest_package(url).await) };
        let read = run.clock.phase(Phase::Request, read).await;
        let (now, stale_after) = (self.prober.clock.now(), self.prober.plan.signatures.stale_after);
        let (package, failure) = file_share::check_package(read, now, stale_after);
        let mut outcome = run.end(url, failure);
        outcome.facts.package = package;
        outcome
    }

    async fn hop(&self, run: &mut ProbeRun, url: &ProbeUrl) -> Result<HopOutcome, Failure> {
        let at = self.at.filter(|_| run.redirects() == 0);
        run.hop.evidence = self.prober.keeps_evidence().then(Box::default);
        let mut connection = ConnectionFacts::default();
        let is_on_premises = self.endpoint.component.is_on_premises();
        let named_by = if is_on_premises { NamedBy::OnPremises } else { NamedBy::Endpoint };
        let dial = Dial { url, at, named_by };
        let dialed = self.route_context.connector.dial(&mut run.clock, &mut connection, dial).await;
        run.take(connection);
        let failed = |failure: &Failure| evidence::failed(&mut run.hop.evidence, Phase::Connect, failure);
        let DialedConnection { stream, target } = dialed.inspect_err(failed)?;
        match url.scheme() {
            Scheme::Http | Scheme::Folder => {
                run.clock.timings.not_applicable(Phase::Tls);
                self.exchange(run, url, stream, target).await
            }
            Scheme::Https => {
                let (stream, refusal) = self.secure(run, dial, stream).await?;
                let answered = Box::pin(self.exchange(run, url, stream, target)).await;
                refusal.map_or(answered, Err)
            }
        }
    }

    /// Establishes TLS over a chain that this machine trusts. Also returns why Defender's client would refuse
    /// the chain, if it would. The request is sent anyway, to learn what less strict clients get.
    async fn secure(
        &self,
        run: &mut ProbeRun,
        dial: Dial<'_>,
        stream: BoxedStream,
    ) -> Result<(TlsStream<BoxedStream>, Option<Failure>), Failure> {
        let (host, verifier) = (server_name(dial.url), self.route_context.tls.verifier());
        let handshake = self.route_context.tls.handshake(host, stream, Arc::clone(&verifier));
        let handshake = run.clock.phase(Phase::Tls, handshake).await;
        let negotiated = handshake.as_ref().map(Negotiated::from_handshake).unwrap_or_default();
        let mut facts = verifier.captured().map(|captured| tls::facts(captured, negotiated));
        // A handshake may fail after the server's certificates, which are verified all the same.
        let RouteContext { tls, fetcher, .. } = self.route_context;
        let recorder = run.hop.evidence.is_some().then(|| IssuerRecorder::new(fetcher.as_ref()));
        let source: &dyn FetchIssuer = match &recorder {
            Some(recorder) => recorder,
            None => fetcher.as_ref(),
        };
        let verdict =
            run.clock.outside_phases(|deadline| tls.verify_chain(host, &verifier, source, deadline)).await;
        if let (Some(kept), Some(recorder)) = (&mut run.hop.evidence, recorder)
            && let (Some(captured), Some(facts)) = (verifier.captured(), &facts)
        {
            kept.chain = Some(evidence::chain(captured, facts, &verdict, recorder.into_fetched()));
        }
        if let (Some(facts), Some(captured), Ok(trusted)) = (&mut facts, verifier.captured(), &verdict)
            && handshake.as_ref().err().is_none_or(|failure| failure.reason != FailureReason::BadSignature)
        {
            tls::add_trusted(facts, captured, trusted, self.endpoint.trust);
        }
        let inspected = facts.as_ref().and_then(|facts| tls::inspected(self.endpoint, facts));
        run.hop.tls = facts;
        let unverified = match handshake {
            Ok(unverified) => unverified,
            Err(failure) => {
                let connector = &self.route_context.connector;
                let failure = explain_alert(connector, &mut run.clock, dial, &verifier, failure).await;
                if run.hop.evidence.is_some() && !evidence::is_of_chain(&failure, &verdict) {
                    evidence::failed(&mut run.hop.evidence, Phase::Tls, &failure);
                }
                return Err(failure);
            }
        };
        let trusted = verdict.map_err(|error| PhaseError::Chain(error).failure(Phase::Tls))?;
        let refusal = inspected.or_else(|| {
            let revoked = self.revoked(&trusted);
            if let Some(kept) = &mut run.hop.evidence {
                kept.revoked.clone_from(&revoked);
            }
            revoked
        });
        Ok((unverified.into_stream(&trusted), refusal))
    }

    /// The failure of a chain that is already known to be revoked.
    fn revoked(&self, trusted: &TrustedChain) -> Option<Failure> {
        let known = self.route_context.checker.as_ref()?.known(&trusted.path, self.prober.clock.now());
        known?.failure()
    }

    async fn exchange<S>(
        &self,
        run: &mut ProbeRun,
        url: &ProbeUrl,
        stream: S,
        target: RequestTarget,
    ) -> Result<HopOutcome, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut body = Vec::new();
        let request = async {
            let mut exchange = HttpExchange::new(stream, ReadLimits { body: MAX_BODY }).await?;
            let response = exchange.send(self.http_request(url, &target)?, &target).await?;
            Ok((exchange, response))
        };
        let requested = run.clock.phase(Phase::Request, request).await;
        let kept = &mut run.hop.evidence;
        let requested = requested.inspect_err(|failure| evidence::failed(kept, Phase::Request, failure));
        let (mut exchange, UnreadResponse { head, body: incoming }) = requested?;
        let rules = Rules { plan: &self.prober.plan, objects: &self.prober.objects, endpoint: self.endpoint };
        if let Some(kept) = kept {
            kept.response = Some(evidence::response(rules, &head, self.prober.clock));
        }
        let redirects = run.redirects();
        let http = run.hop.http.insert(http_facts(&head, redirects));
        if let Some(next) = rules.judge_head(url, &head, http)? {
            return Ok(HopOutcome::Redirected(next));
        }
        let transferred = match self.endpoint.first_bytes() {
            Some(count) => {
                let read = exchange.first_bytes(&head, incoming, count, &mut body);
                run.clock.phase(Phase::Transfer, read).await
            }
            None => run.clock.phase(Phase::Transfer, exchange.transfer(&head, incoming, &mut body)).await,
        };
        http.body_bytes = body.len() as u64;
        let kept = &mut run.hop.evidence;
        let transferred = transferred.inspect_err(|failure| {
            evidence::failed(kept, Phase::Transfer, failure);
            evidence::unjudged_body(kept, &body);
        });
        http.unclean_close = transferred? == BodyEnd::Unclean;
        let now = self.prober.clock.now();
        let received = Received { url, head: &head, body: &body, unclean_close: http.unclean_close };
        let judgement = rules.is_genuine(now, received);
        if kept.is_some() {
            if judgement.is_ok() && self.prober.keeps_failures_alone() {
                evidence::judged_without_body(kept, &judgement);
            } else {
                evidence::judged_body(kept, rules, now, received, &judgement);
            }
        }
        http.genuine = judgement?;
        Ok(HopOutcome::Answered)
    }

    /// Builds the request, with a `Range` of the first byte for endpoints that are large objects.
    fn http_request(
        &self,
        url: &ProbeUrl,
        target: &RequestTarget,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let method = match self.endpoint.method {
            Method::Get => hyper::Method::GET,
            Method::Head => hyper::Method::HEAD,
        };
        let mut request = build_request(method, url, target, Bytes::new())?;
        if self.endpoint.range {
            request.headers_mut().insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        }
        Ok(request)
    }
}
