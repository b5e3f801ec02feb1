//! The comparison of a handshake in two segments with a whole one. Windows and browsers send ClientHellos beyond one segment,
//! with post-quantum key shares; a filter that expects the first segment to be whole drops them, and this program's own
//! ClientHello is too small to show it.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Prober;
use crate::net::{
    BoxedStream, ConnectionFacts, Dial, DialedConnection, NamedBy, PhaseClock, SplitFirstWrite, server_name,
};
use crate::observation::{DIRECT, Failure, FailureReason, Phase, SplitHello, SplitHelloResult};
use crate::plan::TargetId;

/// How the ClientHello is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientHello {
    Whole,
    InTwoSegments,
}

/// How a handshake went.
enum Handshake {
    /// The server answered with its certificates.
    Answered,
    /// The connection was open, and the ClientHello got no such answer. `at` is the server's address, if no proxy is used.
    Unanswered { failure: Failure, at: Option<SocketAddr> },
    /// No ClientHello was sent, or this machine failed.
    NotTried,
}

impl Prober {
    /// Compares them at a target over TLS, each within the target's timeout.
    pub async fn compare_split_hello(&self, id: TargetId) -> SplitHello {
        let result = self.split_whole_split(id).await;
        let target = self.plan.target(id);
        let (endpoint, route) = (target.endpoint.url.to_string(), target.route.name.clone());
        SplitHello { endpoint, route, at: self.clock.now(), result }
    }

    /// A failure counts if it is repeated, and the whole ClientHello works between, at the same server: it was neither a lost
    /// packet, nor an outage, nor one broken server among several.
    async fn split_whole_split(&self, id: TargetId) -> SplitHelloResult {
        let at = match self.handshake(id, ClientHello::InTwoSegments, None).await {
            Handshake::Answered => return SplitHelloResult::Passes,
            Handshake::NotTried => return SplitHelloResult::Unknown,
            Handshake::Unanswered { at, .. } => at,
        };
        if !matches!(self.handshake(id, ClientHello::Whole, at).await, Handshake::Answered) {
            return SplitHelloResult::Unknown;
        }
        match self.handshake(id, ClientHello::InTwoSegments, at).await {
            Handshake::Answered => SplitHelloResult::Passes,
            Handshake::NotTried => SplitHelloResult::Unknown,
            Handshake::Unanswered { failure, .. } => SplitHelloResult::Blocked(failure),
        }
    }

    /// One handshake, by the target's route or at an address. The server's certificates prove that it got the ClientHello,
    /// whatever they are.
    async fn handshake(&self, id: TargetId, hello: ClientHello, at: Option<SocketAddr>) -> Handshake {
        let (target, context) = (self.plan.target(id), self.route_context(id));
        let url = &target.endpoint.url;
        let mut clock = PhaseClock::start("probe", target.timeout);
        let mut connection = ConnectionFacts::default();
        let dial = Dial { url, at, named_by: NamedBy::Endpoint };
        let Ok(DialedConnection { stream, .. }) =
            context.connector.dial(&mut clock, &mut connection, dial).await
        else {
            return Handshake::NotTried;
        };
        let stream: BoxedStream = match hello {
            ClientHello::Whole => stream,
            ClientHello::InTwoSegments => Box::new(SplitFirstWrite::new(stream)),
        };
        let verifier = context.tls.verifier();
        let handshake = context.tls.handshake(server_name(url), stream, Arc::clone(&verifier));
        match clock.phase(Phase::Tls, handshake).await {
            Ok(_) => Handshake::Answered,
            Err(_) if verifier.captured().is_some() => Handshake::Answered,
            Err(failure) if failure.phase == Phase::Tls && failure.reason != FailureReason::Internal => {
                let is_direct = connection.proxy.as_deref().is_none_or(|proxy| proxy == DIRECT);
                Handshake::Unanswered { failure, at: connection.peer.filter(|_| is_direct) }
            }
            Err(_) => Handshake::NotTried,
        }
    }
}
