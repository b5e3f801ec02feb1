//! What peers are told of this program, and where it connects from: the same for probes and fetches.

use std::io;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::header::HeaderValue;

use crate::config::{Credentials, Proxy};
use crate::failure::StageError;

/// How the exporter introduces itself.
pub(crate) const AGENT: &str = concat!("defender-exporter/", env!("CARGO_PKG_VERSION"));

/// What an HTTP proxy is told of who asks (RFC 7617); none where it is told nothing.
pub(crate) fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    let Credentials { username, password } = proxy.credentials.as_ref()?;
    let basic = BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()));
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(format!("Basic {basic}"))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The address that a connection comes from, if it can. Names lead to addresses of its family alone: those of the other were
/// written down by someone, in the configuration or in a URL.
pub(crate) fn source_for(address: SocketAddr, from: IpAddr) -> Result<IpAddr, StageError> {
    if from.is_ipv4() == address.is_ipv4() {
        return Ok(from);
    }
    let words = format!("{} is not of the same family", address.ip());
    Err(StageError::Source { address: from, error: io::Error::new(io::ErrorKind::AddrNotAvailable, words) })
}
