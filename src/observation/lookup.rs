//! Which DNS server a probe's name lookup rests on, and the search domain that completed the name.

use std::net::SocketAddr;

/// The lookup of a connection's name: the endpoint's own, or its proxy's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupFacts {
    /// The DNS server whose answer decided, or the failure of the only one. `None` if several were asked and none of them
    /// knew the answer, and without DNS: a literal address, the configuration, the hosts file.
    pub resolver: Option<SocketAddr>,
    /// The search domain of this machine that completed a short name. `None` if the name was found as written, or
    /// wasn't found.
    pub search_suffix: Option<String>,
}
