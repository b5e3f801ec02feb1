//! The straight line that a probe follows: a connection (`dial.rs`), tls, request, transfer, and redirects where the catalog
//! allows them. Each stage is measured by `stage.rs` and known by its own file.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;

use super::http::{Exchange, Form, Head};
use super::lane::Lane;
use super::stage::Run;
use super::tunnel::Wire;
use super::{Prober, genuine, tls};
use crate::catalog::{Endpoint, ProbeUrl, Scheme};
use crate::failure::StageError;
use crate::names::without_brackets;
use crate::observation::{Failure, HttpFacts, Stage};
use crate::text::clean;
use crate::trust::Trusted;

/// What one probe follows.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) prober: &'a Prober,
    pub(super) lane: &'a Lane,
    pub(super) endpoint: &'a Endpoint,
    /// The address that the endpoint's own host is connected to at; none: as its name or the route says.
    pub(super) at: Option<SocketAddr>,
}

/// How one hop of a probe ended.
enum Hop {
    Answered,
    Redirected(ProbeUrl),
}

impl Line<'_> {
    /// The endpoint's own URL, then the redirects that the catalog allows.
    pub(super) async fn follow(&self, run: &mut Run) -> Result<(), Failure> {
        let mut url = self.endpoint.url.clone();
        for hop in 0..=self.endpoint.follow_redirects {
            match self.hop(run, &url, hop).await? {
                Hop::Answered => break,
                Hop::Redirected(next) => url = next,
            }
        }
        Ok(())
    }

    async fn hop(&self, run: &mut Run, url: &ProbeUrl, hop: u8) -> Result<Hop, Failure> {
        let (wire, form) = self.dial(run, url).await?;
        match url.scheme() {
            Scheme::Http => {
                run.facts.timings.not_applicable(Stage::Tls);
                self.exchange(run, url, hop, (wire, form)).await
            }
            Scheme::Https => {
                let (stream, refusal) = self.secure(run, url, hop, wire).await?;
                let answered = self.exchange(run, url, hop, (stream, form)).await;
                refusal.map_or(answered, Err)
            }
        }
    }

    /// TLS with a chain that this machine trusts; and, where a client of Defender would still refuse it, why. The answer
    /// is asked for all the same: it tells what a client that is less strict would get.
    async fn secure(
        &self,
        run: &mut Run,
        url: &ProbeUrl,
        hop: u8,
        wire: Wire,
    ) -> Result<(TlsStream<Wire>, Option<Failure>), Failure> {
        let recorder = self.lane.tls.recorder();
        let handshake = self.lane.tls.handshake(name_of(url), wire, Arc::clone(&recorder));
        let shaken = run.stage(Stage::Tls, handshake).await;
        let mut facts = tls::facts(&recorder, shaken.as_ref().ok());
        let judged = match shaken {
            Ok(shaken) => {
                let trusted = self.lane.tls.judge(&shaken, run.deadline()).await;
                let trusted = trusted.map_err(|error| StageError::Chain(error).failure(Stage::Tls));
                trusted.map(|trusted| (shaken, trusted))
            }
            Err(failure) => Err(failure),
        };
        if let (Some(facts), Ok((_, trusted))) = (&mut facts, &judged) {
            tls::believe(facts, trusted, self.endpoint.trust);
        }
        let inspected = facts.as_ref().and_then(|facts| tls::inspected(self.endpoint, facts));
        if hop == 0 {
            run.facts.tls = facts;
        }
        let (shaken, trusted) = judged?;
        let refusal = inspected.or_else(|| self.revoked(&trusted));
        Ok((shaken.into_stream(&trusted), refusal))
    }

    /// The failure of a chain that is already known to be revoked.
    fn revoked(&self, trusted: &Trusted) -> Option<Failure> {
        let known = self.lane.checker.as_ref()?.known(&trusted.path, self.prober.clock.now());
        known?.failure()
    }

    async fn exchange<S>(
        &self,
        run: &mut Run,
        url: &ProbeUrl,
        hop: u8,
        (stream, form): (S, Form),
    ) -> Result<Hop, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut body = Vec::new();
        let request = async {
            let mut exchange = Exchange::new(stream).await?;
            let (head, incoming) = exchange.request(self.endpoint.method, url, &form).await?;
            Ok((exchange, head, incoming))
        };
        let (mut exchange, head, incoming) = run.stage(Stage::Request, request).await?;
        run.facts.http = Some(http_facts(&head, hop));
        genuine::check_head(&self.prober.plan, url, &head)?;
        if hop < self.endpoint.follow_redirects
            && let Some(next) = genuine::check_redirect(&self.prober.plan, url, &head)?
        {
            return Ok(Hop::Redirected(next));
        }
        let transferred = run.stage(Stage::Transfer, exchange.transfer(incoming, &mut body)).await;
        if let Some(http) = &mut run.facts.http {
            http.body_bytes = body.len() as u64;
        }
        transferred?;
        let now = self.prober.clock.now();
        genuine::check(&self.prober.plan, &self.prober.objects, now, self.endpoint, (url, &head, &body))?;
        if let Some(http) = &mut run.facts.http {
            http.genuine = true;
        }
        Ok(Hop::Answered)
    }
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
