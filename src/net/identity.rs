//! The exporter's identity towards peers (user agent, proxy credentials) and its source address, shared by
//! probes and fetches.

use std::io;
use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::header::HeaderValue;

use super::failure::PhaseError;
use crate::config::{Credentials, Proxy};

/// The `User-Agent`.
pub(crate) const AGENT: &str = concat!("defender-exporter/", env!("CARGO_PKG_VERSION"));

/// The value of `Proxy-Authorization` (RFC 7617). `None` if the proxy has no credentials.
pub(crate) fn authorization(proxy: &Proxy) -> Option<HeaderValue> {
    let Credentials { username, password } = proxy.credentials.as_ref()?;
    let basic = BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()));
    let mut value = HeaderValue::from_maybe_shared(Bytes::from(format!("Basic {basic}"))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The source address for a connection to `address`.
///
/// # Errors
/// If the families differ. Name resolution already selects the family of the source address, so this concerns
/// literal addresses in the configuration or in URLs.
pub(crate) fn source_for(address: SocketAddr, from: IpAddr) -> Result<IpAddr, PhaseError> {
    if from.is_ipv4() == address.is_ipv4() {
        return Ok(from);
    }
    let words = format!("{} is of another address family", address.ip());
    Err(PhaseError::Source { address: from, error: io::Error::new(io::ErrorKind::AddrNotAvailable, words) })
}
