//! A TCP front before an origin: one host's way to it, which can be blocked while others stay open.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;

use super::door::Door;

/// The front. Connections through it end with it.
pub struct Gate(Door);

impl Gate {
    /// Lets connections through to this address.
    pub fn before(to: SocketAddr) -> Self {
        Self(Door::open((Ipv4Addr::LOCALHOST, 0).into(), move |stream| pass(stream, to)))
    }

    /// Where to connect instead.
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }

    /// Refuses connections, and ends those that are.
    pub async fn block(&self) {
        self.0.shut().await;
    }

    /// Lets connecting hang, as behind a firewall that drops, and ends the connections that are.
    pub async fn drop_packets(&self) {
        self.0.jam().await;
    }

    /// Lets connections through again.
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
            stream.set_zero_linger().unwrap(); // whoever is left sees the reset
        }
    }
}
