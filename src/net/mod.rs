//! From a URL to a response over a route: connect, tunnel, TLS and one HTTP exchange. Probes and fetches share
//! this code, so that the same fault has the same phase and reason in both. What a response means isn't decided
//! here.

mod attempts;
mod connect;
mod connector;
mod exchange;
mod exhaustion;
pub mod failure;
pub mod fetch;
mod first_bytes;
mod handshake;
mod identity;
mod legacy_suites;
mod local_address;
mod phase;
pub mod proxy;
mod read_limit;
pub mod resolver;
mod split_write;
mod tunnel;

pub(crate) use attempts::ConnectionFacts;
pub use connector::Connector;
pub(crate) use connector::{Dial, DialedConnection, NamedBy};
pub(crate) use exchange::{
    BodyBuffer, BodyEnd, HttpExchange, ReadLimits, RequestTarget, ResponseHead, UnreadResponse, build_request,
};
pub use handshake::TlsClient;
pub(crate) use handshake::{UnverifiedTls, server_name};
pub(crate) use legacy_suites::explain_alert;
pub(crate) use phase::PhaseClock;
pub(crate) use split_write::SplitFirstWrite;
pub(crate) use tunnel::BoxedStream;
