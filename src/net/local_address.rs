//! The address of this machine that packets to a destination leave from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The port of the lookup: any but 0, to which some systems don't connect.
const PORT: u16 = 53;

/// The source address of packets to `destination`, `None` without a route. Connecting a UDP socket looks up the route
/// without sending a packet, and doesn't depend on free TCP ports.
#[expect(clippy::disallowed_methods, reason = "a socket that is bound and sends nothing")]
pub(super) fn local_address(destination: IpAddr) -> Option<IpAddr> {
    let any = match destination {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(destination, PORT)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_reached_from_itself() {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(local_address(here), Some(here));
    }
}
