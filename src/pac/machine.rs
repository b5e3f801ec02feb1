//! What a PAC script may know of the machine that it runs on: its addresses and its time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::SystemTime;

/// Destinations that stand for the rest of the world (RFC 5737, RFC 3849). Nothing is ever sent to them.
const ELSEWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// What a script may know of the machine that it runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The time that `weekdayRange`, `dateRange` and `timeRange` go by. A script's own `Date` reads the system's clock.
    pub now: SystemTime,
    /// Minutes that local time is ahead of UTC; none: as the system says for that time.
    pub utc_offset: Option<i16>,
    /// What `myIpAddress` and `myIpAddressEx` answer, the first of each family first.
    pub addresses: Vec<IpAddr>,
}

impl Machine {
    /// This machine: the addresses that its connections to the rest of the world come from.
    #[must_use]
    pub fn here(now: SystemTime) -> Self {
        let addresses = ELSEWHERE.into_iter().filter_map(source).collect();
        Self { now, utc_offset: None, addresses }
    }

    /// A machine without addresses, at the beginning of time.
    pub(super) const fn nowhere() -> Self {
        Self { now: SystemTime::UNIX_EPOCH, utc_offset: Some(0), addresses: Vec::new() }
    }
}

/// The address that a connection to `other` would come from: connecting a UDP socket looks up the route, and sends
/// nothing.
fn source(other: IpAddr) -> Option<IpAddr> {
    let any = match other {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(other, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_unspecified())
}
