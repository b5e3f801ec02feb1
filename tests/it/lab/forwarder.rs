//! A TCP forwarder to an origin. Blocks the connections of one host while other hosts stay reachable.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::listener::SwitchableListener;

/// The forwarder. Dropping it ends its connections.
pub struct Forwarder(SwitchableListener);

impl Forwarder {
    /// Forwards to this address.
    pub fn to(origin: SocketAddr) -> Self {
        Self(SwitchableListener::open((Ipv4Addr::LOCALHOST, 0).into(), move |stream| pass(stream, origin)))
    }

    /// The listen address.
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Ends all connections and refuses new ones.
    pub async fn block(&self) {
        self.0.shut().await;
    }

    /// Ends all connections and lets new ones hang, like a firewall that drops packets.
    pub async fn drop_packets(&self) {
        self.0.jam().await;
    }

    /// Forwards again.
    pub async fn open(&self) {
        self.0.reopen().await;
    }
}

async fn pass(mut client: TcpStream, to: SocketAddr) {
    let Ok(mut origin) = TcpStream::connect(to).await else { return };
    for stream in [&client, &origin] {
        stream.set_nodelay(true).unwrap();
    }
    let passed = copy_bidirectional(&mut client, &mut origin).await;
    if passed.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset) {
        for stream in [client, origin] {
            stream.set_zero_linger().unwrap(); // forwards the reset
        }
    }
}
